"""One splice: nothing but references changes, nothing is replaced twice, nothing points back (B13, D17)."""

import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.core.model import Identity
from engine.core.references import ReferenceFinder
from engine.core.rewrite import rewrite

A, B = "64a1b2c3d4e5f60718293a4b", "64a1b2c3d4e5f60718293a4c"
NEW = "74a1b2c3d4e5f60718293a4d"


def moved(text: str, ids: dict[str, str], keys: dict[str, str] | None = None) -> str:
    keys = keys or {}
    replacements = {Identity("id", old): new for old, new in ids.items()}
    replacements |= {Identity("image", old): new for old, new in keys.items()}
    return rewrite(text, ReferenceFinder(ids, keys, {"media"}).find(text), replacements)


def test_d17_two_funnels_that_refer_to_each_other_swap() -> None:
    assert moved(f"{A}/{B}", {A: B, B: A}) == f"{B}/{A}"


def test_d17_a_key_that_begins_another_does_not_damage_it() -> None:
    short, long = "folder/of/photos/a.png", "folder/of/photos/a.png.webp"
    text = f'<img src="/{short}" srcset="/{long} 2x, /{long}x">'
    expected = '<img src="/new/1.png" srcset="/new/2.webp 2x, /folder/of/photos/a.png.webpx">'
    assert moved(text, {}, {short: "new/1.png", long: "new/2.webp"}) == expected


def test_b13_an_id_inside_a_longer_hex_stays() -> None:
    text = f"{A}0 f{A} {A}"
    assert moved(text, {A: NEW}) == f"{A}0 f{A} {NEW}"


def test_without_a_replacement_a_reference_keeps_its_place() -> None:
    text = f"{A} \\/{B}\ud800"
    references = ReferenceFinder([A, B], []).find(text)
    assert rewrite(text, references, {Identity("id", B): NEW}) == f"{A} \\/{NEW}\ud800"
    assert rewrite(text, references, {}) == text
    assert rewrite("", (), {}) == ""


def test_d17_a_replacement_is_text_and_no_pattern() -> None:
    assert moved(f"<{A}>", {A: "$1\\1\\g0"}) == "<$1\\1\\g0>"


@pytest.mark.parametrize("slash", [False, True])
@pytest.mark.parametrize("ascii_only", [False, True])
@pytest.mark.parametrize("levels", [1, 2, 3])
def test_json_stays_json_and_reads_as_the_replacement(levels: int, *, slash: bool, ascii_only: bool) -> None:
    keys = {"folder-of-images/plain.png": 'n/ü "q" \\ \n.png', 'folder-of-images/é "x".png': "n/y.png"}

    def nested(value: dict[str, str]) -> str:
        text = ""
        for level in range(levels):
            text = json.dumps({**value, "in": text} if level else value, ensure_ascii=ascii_only)
            text = text.replace("/", "\\/") if slash else text
        return text

    def read(text: str) -> list[str]:
        tree = json.loads(text)
        return [*([] if not tree.get("in") else read(tree["in"])), tree["p"], tree["s"]]

    plain, strange = keys
    old, new = nested({"p": plain, "s": strange}), [keys[plain], keys[strange]]
    if levels == 1:
        assert read(moved(old, {}, keys)) == new
    else:
        # A key that reads alike at every level can be written for the outermost alone: here one that needs no escape.
        keys[plain] = "n/z.png"
        outer = read(moved(old, {}, keys))[-2:]
        assert outer == ["n/z.png", "n/y.png"]


IDS = st.text("0123456789abcdef", min_size=24, max_size=24)
KEYS = st.builds("{}/{}".format, st.uuids(), st.text("abé &\"\\/'ü😀", min_size=1, max_size=8).map("{}.png".format))
GAPS = st.text(max_size=12)


@st.composite
def pages(draw: st.DrawFn) -> tuple[str, list[str], list[str]]:
    """A text, raw or JSON, with references between anything."""
    ids, keys = draw(st.lists(IDS, min_size=1, max_size=3, unique=True)), draw(st.lists(KEYS, max_size=3, unique=True))
    words = draw(st.lists(st.sampled_from(ids + keys) | GAPS.map("<{}>".format), max_size=12))
    text = " ".join(words)
    for _ in range(draw(st.integers(0, 2))):
        text = json.dumps([text], ensure_ascii=draw(st.booleans()))
        text = text.replace("/", "\\/") if draw(st.booleans()) else text
    return text, ids, keys


@given(pages())
def test_replaced_by_itself_a_text_stays_byte_for_byte(page: tuple[str, list[str], list[str]]) -> None:
    text, ids, keys = page
    assert moved(text, {i: i for i in ids}, {k: k for k in keys}) == text


@given(pages())
def test_between_references_nothing_changes(page: tuple[str, list[str], list[str]]) -> None:
    text, ids, keys = page
    references = ReferenceFinder(ids, keys).find(text)
    pieces, read = "", 0
    for reference in references:
        pieces += re.escape(text[read : reference.start]) + "(?s:.*?)"
        read = reference.end
    pieces += re.escape(text[read:])
    assert re.fullmatch(pieces, moved(text, dict.fromkeys(ids, NEW), dict.fromkeys(keys, "new/key.png")))


def decoded(text: str) -> str:
    """All strings of a text that is JSON, decoded to the innermost; the text itself where it is none."""
    try:
        tree = json.loads(text)
    except ValueError:
        return text
    return " ".join(decoded(item) for item in tree) if isinstance(tree, list) else text


@given(pages())
def test_nothing_points_back(page: tuple[str, list[str], list[str]]) -> None:
    text, ids, keys = page
    clean = decoded(moved(text, dict.fromkeys(ids, "z" * 24), dict.fromkeys(keys, "new/key.png")))
    before = decoded(text)
    for identity in (*ids, *keys):
        alone = rf"(?:^|(?<= )){re.escape(identity)}(?= |$)"
        assert not re.search(alone, clean)
        assert before.count(identity) >= clean.count(identity)
