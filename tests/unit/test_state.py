"""States read from flags, failures read from sentences, edits told by proofs: all by value."""

from typing import Any

import pytest

from engine.core.model import Failure
from engine.core.proof import edited_texts, fingerprint
from engine.core.state import in_other_hands, state_of

DOWN = {"pending": False, "in_progress": False}


@pytest.mark.parametrize(
    ("funnel", "state"),
    [
        ({"pending": True}, "asked"),
        ({"pending": True, "clone": {"state": "failed"}}, "asked"),
        ({"pending": True, "clone": {"state": "waiting"}}, "waiting"),
        ({"pending": True, "in_progress": True, "clone": {"state": "cloning"}}, "cloning"),
        ({"in_progress": True, "clone": "odd"}, "cloning"),
        ({**DOWN, "clone": {"state": "cancelled"}}, "cancelled"),
        ({**DOWN, "clone": {"state": "failed"}, "original_funnel_deleted": True}, "failed"),
        ({**DOWN, "original_funnel_deleted": True}, "source_deleted"),
        ({**DOWN, "clone": {"state": "undoing"}}, "undoing"),
        ({"pending": True, "in_progress": True, "clone": {"state": "undoing"}}, "undoing"),
        (DOWN, "completed"),
        ({}, "completed"),
    ],
)
def test_a_state_is_told_by_flags(funnel: dict[str, Any], state: str) -> None:
    assert state_of(funnel) == state


@pytest.mark.parametrize(
    ("funnel", "theirs"),
    [
        ({"in_progress": True}, True),
        ({"in_progress": True, "clone": {"state": "completed"}}, True),
        ({"in_progress": True, "clone": {"state": "cloning"}}, False),
        ({"pending": True, "in_progress": False}, False),
    ],
)
def test_what_is_in_work_without_a_claim_of_ours_is_in_other_hands(funnel: dict[str, Any], *, theirs: bool) -> None:
    assert in_other_hands(funnel) is theirs


@pytest.mark.parametrize(
    "failure",
    [
        Failure("image", "a b/c:d.png", "no such object: 404"),
        Failure("form", "0-1", "no form has this id"),
        Failure("chat", "", "support_tokens has no token for 'x: y'"),
        Failure("references", "1", "raw_html is made of escapes: references may be left"),
    ],
)
def test_a_failure_is_read_back_from_its_sentence(failure: Failure) -> None:
    assert Failure.read(str(failure)) == failure


@pytest.mark.parametrize("sentence", ["", "cancelled", "image", "image a/b.png", "page 1: broken", "imagery x: y"])
def test_what_is_no_failure_of_a_part_reads_as_none(sentence: str) -> None:
    assert Failure.read(sentence) is None


PROOF = {"html_written": fingerprint("<p>"), "components_written": fingerprint("{}")}


@pytest.mark.parametrize(
    ("proof", "html", "components", "edited"),
    [
        (PROOF, "<p>", "{}", ()),
        (PROOF, "<p> ", "{}", ("html",)),
        (PROOF, "<p>", '{"a":1}', ("components",)),
        (PROOF, None, None, ("html", "components")),
        ({**PROOF, "html_written": ""}, None, "{}", ()),
        ({**PROOF, "html_written": ""}, "", "{}", ("html",)),
        (PROOF, 7, {}, ("html", "components")),
        ({}, "<p>", "{}", ("html", "components")),
        (None, "<p>", "{}", ("html", "components")),
    ],
)
def test_an_edit_is_told_by_the_proof(proof: object, html: object, components: object, edited: tuple[str, ...]) -> None:
    assert edited_texts(proof, html, components) == edited
