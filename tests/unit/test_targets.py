"""Each reference is read from its first character to its last, in its own spelling (B13-B15, D18)."""

from itertools import product

import pytest

from engine.core.model import Identity
from engine.core.references import ReferenceFinder
from engine.core.rewrite import rewrite
from engine.core.spellings import Reference
from tests.writers import ROWS

FEW_ROWS = ["raw", "percent: as object stores do", "html: decimal", "json", "json in json", "json in json in json"]
KEYS = {
    "plain first": "a1b2/été à la mer-photo.png",
    "letter first": "été/photo-de-plage.png",
    "told by its end": "a b/é/what-tells-it-apart",
    "its first word twice": "photos/été/photos/plage-de-la-mer",
    "many escapes before what tells it": f"a1b2/{'é ' * 15}/what-tells-it-apart.png",
}


def only(references: tuple[Reference, ...]) -> Reference:
    (reference,) = references
    return reference


@pytest.mark.parametrize("row", FEW_ROWS)
@pytest.mark.parametrize("key", KEYS.values(), ids=KEYS)
@pytest.mark.parametrize("before", ["", " ", "?", "&", "+", "a1b2 ", "é/", "x, " * 100])
def test_d18_a_key_is_read_whole_at_the_beginning_of_a_page_and_behind_anything(
    before: str, key: str, row: str
) -> None:
    text = before + ROWS[row](key)
    found = only(ReferenceFinder([], [key]).find(text))
    assert (found.start, found.end) == (len(before), len(text))
    assert only(ReferenceFinder([], [key]).find(text + "\\")).start == len(before)


@pytest.mark.parametrize("rows", list(product(FEW_ROWS, FEW_ROWS)), ids=" then ".join)
def test_d18_what_was_read_in_one_spelling_is_read_in_each_other_on_the_same_page(rows: tuple[str, str]) -> None:
    one, other = (ROWS[row](KEYS["plain first"]) for row in rows)
    text = f"{one} {other} {one} {other}"
    found = ReferenceFinder([], [KEYS["plain first"]]).find(text)
    assert [text[reference.start : reference.end] for reference in found] == [one, other, one, other]


def test_d18_a_blank_that_ends_the_digits_of_css_is_part_of_them_wherever_it_stands() -> None:
    written = ["photos-of/all-of-us\\28 1\\29", "photos-of/all-of-us\\28 1\\29 ", "photos-of/all-of-us\\28 1\\29"]
    text = "url({}) url({}) url({}) url(photos-of/all-of-us\\28 1\\29c)".format(*written)
    found = ReferenceFinder([], ["photos-of/all-of-us(1)"]).find(text)
    assert [text[reference.start : reference.end] for reference in found] == written


PLACED = {"\\/": "json", "\\\\/": "json in json", "%2F": "percent", "%252F": "percent in percent", "&#47;": "html"}


@pytest.mark.parametrize("slash", ["/", *PLACED])
@pytest.mark.parametrize("place", ["/funnel/", "/step/", "/userform/"])
def test_b13_b15_a_weak_id_is_moved_in_the_spelling_of_its_place(place: str, slash: str) -> None:
    before = f'"{place.replace("/", slash)}'
    found = only(ReferenceFinder(["7"], []).find(f'{before}7?"'))
    assert (found.start, found.end) == (len(before), len(before) + 1)
    assert str(found.spelling) == PLACED.get(slash, "raw")
    assert rewrite(f'{before}7?"', [found], {found.identity: "new-8"}) == f'{before}new-8?"'


def test_d11_a_page_that_begins_with_a_form_may_go_on_with_one_in_another_spelling() -> None:
    found = ReferenceFinder([], []).find("/userform/1 %2Fuserform%2F23 \\/userform\\/4")
    assert [reference.identity for reference in found] == [Identity("form", secret) for secret in ("1", "23", "4")]


@pytest.mark.parametrize("slash", ["/", *PLACED])
def test_b15_a_form_id_has_128_characters_at_most(slash: str) -> None:
    place = "/userform/".replace("/", slash)
    assert only(ReferenceFinder([], []).find(place + "a" * 128)).identity.text == "a" * 128
    assert ReferenceFinder([], []).find(place + "a" * 129) == ()


@pytest.mark.parametrize(
    "text", ["userform", "a userform is", "userform/7", "/userformat/7", "%2Fuserform7", "/userform"]
)
def test_b15_the_word_alone_is_no_place_of_a_form(text: str) -> None:
    assert ReferenceFinder([], []).find(text) == ()


@pytest.mark.parametrize(("slash", "name"), [("/", "raw"), *PLACED.items()])
def test_d18_a_weak_key_is_moved_in_the_spelling_of_its_slash_and_says_its_name(slash: str, name: str) -> None:
    text = f'{{"u":"https:{slash}{slash}s3{slash}media{slash}a.png"}}'
    found = only(ReferenceFinder([], ["a.png"], ["media"]).find(text))
    assert (text[found.start : found.end], str(found.spelling)) == ("a.png", name)
    assert rewrite(text, [found], {found.identity: "n/1.png"}) == text.replace("a.png", f"n{slash}1.png")


def test_d18_a_weak_key_in_json_is_moved_to_one_that_json_would_have_to_escape() -> None:
    text = '{"u":"media/a.png"}'
    found = ReferenceFinder([], ["a.png"], ["media"]).find(text)
    assert rewrite(text, found, {Identity("image", "a.png"): 'n/"1".png'}) == '{"u":"media/n/%221%22.png"}'
