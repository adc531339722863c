"""Of what begins first, and of that the longest: whichever words tell what stands in a place (D17)."""

from collections.abc import Callable
from html.entities import codepoint2name

import pytest

from engine.core.model import ReferenceKind
from engine.core.references import ReferenceFinder

Found = list[tuple[int, ReferenceKind, str]]


def found(text: str, *, ids: tuple[str, ...] = (), keys: tuple[str, ...] = (), buckets: tuple[str, ...] = ()) -> Found:
    references = ReferenceFinder(ids, keys, buckets).find(text)
    return [(reference.start, reference.identity.kind, reference.identity.text) for reference in references]


@pytest.mark.parametrize("reverse", [False, True])
def test_d17_of_two_ids_of_which_one_begins_the_other_the_longer_counts(*, reverse: bool) -> None:
    ids = ("my-summer-funnel", "my-summer-funnel-two")
    text = "my-summer-funnel-two my-summer-funnel my-summer-funnel-three"
    expected: Found = [(0, "id", ids[1]), (21, "id", ids[0]), (38, "id", ids[0])]
    assert found(text, ids=ids[::-1] if reverse else ids) == expected


def test_d17_what_begins_before_a_longer_word_counts_though_that_word_stands_by_itself() -> None:
    ids = ("x/summer-photos", "summer-photos-two")
    assert found("x/summer-photos-two summer-photos-two", ids=ids) == [(0, "id", ids[0]), (20, "id", ids[1])]


def test_d17_what_begins_within_a_word_that_does_not_stand_is_found_to_its_end() -> None:
    ids = ("first-second-part", "second-part-and-the-third")
    assert found("xfirst-second-part-and-the-third", ids=ids) == [(7, "id", ids[1])]
    assert found("? xfirst-second-part-and-the-third", ids=ids) == [(9, "id", ids[1])]
    assert found("xfirst-second-party", ids=ids) == []


def test_d17_words_that_follow_each_other_are_found_once_each() -> None:
    ids = ("first-second-part", "another-id-of-it")
    text = "xfirst-second-part-another-id-of-it/another-id-of-it"
    assert found(text, ids=ids) == [(19, "id", ids[1]), (36, "id", ids[1])]


@pytest.mark.parametrize("key", ["图片/产品/二零二四年春季新品发布.png", "é/à/ü/ö/ä/ñ/ç/é/à.png"])
def test_d18_a_key_that_is_told_by_a_letter_beyond_ascii_is_found_however_often_it_stands(key: str) -> None:
    expected: Found = [(at, "image", key) for at in (0, len(key) + 1, 2 * len(key) + 3)]
    assert found(f"{key} {key}  {key}", keys=(key,)) == expected
    assert found(f"{key[0]}{key}", keys=(key,)) == [(1, "image", key)]


@pytest.mark.parametrize("secret", ["~~~~~~~~~~~~", "....-...._~~~~"])
def test_b15_a_form_id_without_a_letter_is_one_in_its_place(secret: str) -> None:
    assert found(f"/userform/{secret}?", ids=("a-funnel-of-ours",)) == [(10, "form", secret)]


SHORT_PARTS = "é/à/ü/ö/a/b/c/d/e.png"
FORMS: dict[str, Callable[[str], str]] = {
    "raw": str,
    "percent": lambda char: "".join(f"%{byte:02X}" for byte in char.encode()),
    "percent, lower": lambda char: "".join(f"%{byte:02x}" for byte in char.encode()),
    "percent twice": lambda char: "".join(f"%25{byte:02X}" for byte in char.encode()),
    "percent twice, lower": lambda char: "".join(f"%25{byte:02x}" for byte in char.encode()),
    "json": lambda char: f"\\u{ord(char):04x}",
    "json, upper": lambda char: f"\\u{ord(char):04X}",
    "json twice": lambda char: f"\\\\u{ord(char):04x}",
    "decimal": lambda char: f"&#{ord(char)};",
    "decimal with zeros": lambda char: f"&#{ord(char):05};",
    "decimal in html": lambda char: f"&amp;#{ord(char)};",
    "hex": lambda char: f"&#x{ord(char):x};",
    "hex, upper": lambda char: f"&#x{ord(char):X};",
    "hex with zeros": lambda char: f"&#X{ord(char):04X};",
    "name": lambda char: f"&{codepoint2name[ord(char)]};",
}


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
def test_d18_a_key_of_nothing_but_short_parts_is_told_by_a_letter_in_each_of_its_forms(
    form: Callable[[str], str],
) -> None:
    written = "".join(char if char.isascii() else form(char) for char in SHORT_PARTS)
    (reference,) = ReferenceFinder([], [SHORT_PARTS]).find(f'src="{written}"')
    assert (reference.start, reference.end) == (5, 5 + len(written))


def test_d18_a_key_of_nothing_but_short_parts_of_ascii_is_found() -> None:
    key = "a/bc/d/e/f/g/h/i.png"
    assert found(f"/a/bc/d /{key}", keys=(key,)) == [(9, "image", key)]


def test_d18_a_bucket_may_have_a_short_name() -> None:
    assert found("https://s3/abc/é.png", keys=("é.png",), buckets=("abc",)) == [(15, "image", "é.png")]
