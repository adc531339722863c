"""The fuzzer's properties see what they are made to see; and they hold on what it begins with."""

import random

import pytest

from engine.core.rewrite import rewrite
from tests.corpus.identities import NEW, OLD, Identities, clone_of
from tests.fuzz.documents import FUNNELS, KINDS, Document, document
from tests.fuzz.properties import PropertyBroken, Rewrite, check
from tests.fuzz.seeds import seeds, with_identity


def written(old: str, new: str) -> Document:
    return Document("written", (old, old), OLD, NEW, (new, new))


PLAIN = written(f'<a href="/step/{OLD.ids[1]}">{OLD.keys[0]}', f'<a href="/step/{NEW.ids[1]}">{NEW.keys[0]}')
TWICE = Document("mixed", (f"{OLD.ids[1]} {OLD.ids[1]}x {OLD.ids[2]}", ""), OLD, NEW)


@pytest.mark.parametrize(
    ("made", "move", "broken"),
    [
        (PLAIN, lambda text, references, moves: rewrite(text, references[:1], moves), "one replacement hits no other"),
        (PLAIN, lambda text, *_: text, "as its writer would have written it"),
        (TWICE, lambda text, *_: text, "nothing old is left"),
        (TWICE, lambda *given: rewrite(*given) + " ", "replaced by itself it stays"),
        (TWICE, lambda text, refs, moves: text.replace(refs[0].identity.text, moves[refs[0].identity]), "untouched"),
        (PLAIN, lambda *given: rewrite(*given).replace(NEW.ids[1], NEW.ids[2]), "as its writer would have written it"),
    ],
)
def test_a_broken_rewrite_is_seen(made: Document, move: Rewrite, broken: str) -> None:
    def on_references(text: str, references, moves) -> str:  # type: ignore[no-untyped-def] # noqa: ANN001
        return move(text, references, moves) if references else text

    assert check(made) > 0
    with pytest.raises(PropertyBroken, match=broken):
        check(made, on_references)


def test_what_cannot_be_moved_back_is_seen() -> None:
    text = f"{OLD.ids[1]} {NEW.ids[1]}"
    with pytest.raises(PropertyBroken, match="moved back"):
        check(written(text, f"{NEW.ids[1]} {NEW.ids[1]}"))


def test_every_seed_makes_a_document_that_holds() -> None:
    kinds, references = set(), 0
    for seed in seeds():
        made = document(seed)
        kinds.add(made.kind)
        references += check(made)
    assert kinds == set(KINDS)
    assert references > 300


@pytest.mark.parametrize("kind", range(len(KINDS)), ids=KINDS)
def test_bytes_at_random_make_documents_that_hold(kind: int) -> None:
    chosen = random.Random(kind)
    references = 0
    for at in range(40):
        data = bytes([kind, at % len(FUNNELS), 0]) + chosen.randbytes(64)
        for seed in range(3):
            data = with_identity(data, 1024, 3 * at + seed)
            references += check(document(data))
    assert references > 20


@pytest.mark.parametrize("funnel", FUNNELS, ids=["usual", "strange"])
def test_no_new_identity_holds_an_old_one(funnel: Identities) -> None:
    strong = [text for text in funnel.text() if len(text) > 12]
    assert [(old, new) for old in strong for new in clone_of(funnel).text() if old in new] == []
