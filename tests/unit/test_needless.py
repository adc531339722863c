r"""Escapes of plain characters are taken off in whatever is around them, and offsets lead back (B13, D18)."""

import re

import pytest

from engine.core.needless import SIGNS, Bared, bared
from engine.core.references import ReferenceFinder

SIGN = re.compile("|".join(map(re.escape, sorted(SIGNS, key=len, reverse=True))))

SIX = (
    *("%36", "%2536", "%252536", "&#54;", "&#054;", "&#x36;", "&#X0036;", "&#54%3B", "&#x36%3b"),
    *("&amp;#54;", "&amp;amp;#54;", "&amp;amp;amp;#x36;", "%26#54;", "%26%2354;", "%26amp;#54;", "%26amp;%2354%3B"),
    *("\\u0026#54;", "\\\\u0026#x36;", "\\u0026amp;#54;", "\\u0026amp;amp;#54;", "%26amp;amp;#54;"),
    *("\\u0036", "\\\\u0036", "\\\\\\\\u0036", "\\x36", "\\\\x36", "\\36 ", "\\36\t", "\\\\36 ", "\\036 ", "\\000036"),
)
NAMED = {"&period;": ".", "&lowbar;": "_", "&UnderBar;": "_"}
NAMED |= {"&amp;period;": ".", "&amp;amp;lowbar;": "_", "\\u0026UnderBar;": "_", "%26period;": "."}
NAMED |= {"%2d": "-", "%2D": "-", "%2e": ".", "%2E": ".", "&#45;": "-", "&#x5f;": "_", "\\u002d": "-", "\\2e ": "."}


def bare(text: str) -> Bared | None:
    return bared(text, [found.start() for found in SIGN.finditer(text)])


@pytest.mark.parametrize("escape", SIX)
@pytest.mark.parametrize("before", ["", "x", "amp;", "amp;&", "amp;u0026 ", "&", "& amp;", "%", "u", "é"])
def test_d18_an_escape_of_a_plain_character_is_taken_off_whatever_stands_before(before: str, escape: str) -> None:
    text = f"{before}{escape}z{escape}"
    found = bare(text)
    assert found is not None
    assert found.text == f"{before}6z6"
    at = len(before)
    assert [found.origin(n) for n in range(at)] == list(range(at))
    assert [found.origin(at + n) for n in range(3)] == [at, at + len(escape), at + len(escape) + 1]


@pytest.mark.parametrize(("escape", "char"), NAMED.items())
def test_d18_signs_of_punctuation_are_taken_off_too(escape: str, char: str) -> None:
    found = bare(f"a{escape}b")
    assert found is not None
    assert found.text == f"a{char}b"


@pytest.mark.parametrize("escape", ["u0036", "x36", "36 ", "000036"])
@pytest.mark.parametrize(("backslashes", "left"), [(1, 0), (2, 0), (3, 2), (4, 0), (6, 4), (7, 6), (12, 8)])
def test_d18_of_several_backslashes_those_of_the_escape_are_a_power_of_two(
    escape: str, backslashes: int, left: int
) -> None:
    for before in ("", "x"):
        found = bare(before + "\\" * backslashes + escape)
        assert found is not None
        assert found.text == before + "\\" * left + "6"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "64a1",
        "amp;#54;",
        "x amp;#54;",
        "%2F",
        "%20",
        "&#32;",
        "&#54",
        "&amp;",
        "u0036",
        "\\u00e9",
        "\\x2f",
        "\\36a",
        "&per",
    ],
)
def test_d18_what_has_to_be_escaped_and_what_is_no_escape_stays(text: str) -> None:
    assert bare(text) is None


def test_d18_an_id_is_found_whole_behind_each_of_them() -> None:
    secret = "64a1b2c3d4e5f60718293a4b"
    spelled = [escape + secret[1:] for escape in SIX]
    text = ",".join(spelled)
    found = ReferenceFinder([secret], []).find(text)
    assert [text[reference.start : reference.end] for reference in found] == spelled


@pytest.mark.parametrize(("escape", "char"), NAMED.items())
def test_d18_one_escape_on_a_page_is_enough_to_look_for_it(escape: str, char: str) -> None:
    secret = "a-funnel.of_ours"
    text = "x " + secret.replace(char, escape)
    (found,) = ReferenceFinder([secret], []).find(text)
    assert (found.start, found.end) == (2, len(text))
