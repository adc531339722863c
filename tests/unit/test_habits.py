"""What one writer did to the characters of a text it does to those of another (D18)."""

import pytest

from engine.core.escapes import CSS, HTML, JSON, PERCENT, Escaping
from engine.core.habits import Habits

Pairs = list[tuple[str, str]]


def written(escaping: Escaping, units: Pairs, new: str) -> str:
    habits = Habits(escaping, tuple(units))
    assert habits.write(habits.text) == "".join(found for _, found in units)
    return habits.write(new)


def raw(text: str) -> Pairs:
    return [(char, char) for char in text]


TWICE: Pairs = [("é", "&eacute;"), ("é", "&#233;"), ("b", "b")]
SLASHES: Pairs = [("a", "a"), ("/", "&#47;"), ("b", "b"), ("/", "/"), ("c", "c")]


@pytest.mark.parametrize(
    ("units", "new", "expected"),
    [
        (SLASHES, "xx/b/c", "xx&#47;b/c"),
        (SLASHES, "a/b/cc", "a&#47;b/cc"),
        (SLASHES, "a/xx/c", "a&#47;xx/c"),
        (SLASHES, "/c", "/c"),
        (SLASHES, "a/", "a&#47;"),
        (SLASHES, "x/y/z", "x&#47;y/z"),
        (TWICE[:2], "é", "&#233;"),
        (TWICE, "éébééb", "&eacute;&eacute;b&eacute;&#233;b"),
        (TWICE, "", ""),
    ],
)
def test_d18_what_both_texts_begin_or_end_with_stays_as_it_stands(units: Pairs, new: str, expected: str) -> None:
    assert written(HTML, units, new) == expected


@pytest.mark.parametrize(
    ("escaping", "units", "new", "expected"),
    [
        # As the same character was written first.
        (HTML, [*raw("xé"), ("é", "&#233;")], "xéééé", "xééé&#233;"),
        # As others of its kind were: beyond ASCII where one was, plain ones where all were.
        (HTML, [*raw("x"), ("é", "&eacute;")], "ñé", "&ntilde;&eacute;"),
        (HTML, [*raw("xö"), ("é", "&eacute;")], "xñöé", "x&ntilde;ö&eacute;"),
        (HTML, raw("xé"), "xñ", "xñ"),
        (PERCENT, [("a", "%61"), ("b", "%62")], "xyz", "%78%79%7A"),
        (PERCENT, [("a", "%61"), ("b", "b")], "xyz", "xyz"),
        (PERCENT, [("a", "%61"), ("b", "b")], "xy", "%78y"),
        (PERCENT, [("a", "%61"), ("é", "é")], "xyñ", "%78%79%C3%B1"),
        # In the case of digits that have letters, if there is one.
        (PERCENT, [("(", "%28"), (":", "%3a")], "((?", "%28%28%3f"),
        (PERCENT, [("(", "%28"), (":", "%3A")], "((?", "%28%28%3F"),
        (JSON, [('"', "\\u0022"), ("<", "\\u003C")], '"">', "\\u0022\\u0022\\u003E"),
        (JSON, [('"', "\\u0022"), ("<", "\\u003c")], '"">', "\\u0022\\u0022\\u003e"),
        (HTML, [("&", "&#38;"), *raw("x")], 'y"z', "y&#34;z"),
        # Where nothing tells: what has to be escaped, in the usual form.
        (HTML, raw("ab"), "a&b", "a&amp;b"),
        (JSON, raw("ab"), 'a"\nb', 'a\\"\\nb'),
        (HTML, [("&", "&#38;")], "é", "é"),
        # In the place of another of the same text's length.
        (PERCENT, [*raw("a"), (" ", "%20"), *raw("b")], "aéb", "a%C3%A9b"),
        (HTML, [("a", "&#x61;"), ("b", "b")], "cd", "&#x63;d"),
        (HTML, [("/", "&#47;"), ("b", "b")], "cd", "cd"),
    ],
)
def test_d18_a_new_character_is_written_as_it_would_have_been(
    escaping: Escaping, units: Pairs, new: str, expected: str
) -> None:
    assert written(escaping, units, new) == expected


@pytest.mark.parametrize("digits", ["\\e9", "\\E9", "\\0e9", "\\61"])
@pytest.mark.parametrize("following", [*"09afAF \t\n"])
def test_d18_digits_of_css_that_would_go_on_are_parted_by_a_blank(digits: str, following: str) -> None:
    units = [("é", digits), ("x", "x")]
    blank = following if following.isalnum() else CSS.write(following, "")
    parted = " " if following.isalnum() else ""
    assert Habits(CSS, tuple(units)).write("é" + following).startswith(digits + parted + blank[:1])
    assert Habits(CSS, (*units, *raw("z"))).write("é" + following + "z").startswith(digits + parted + blank[:1])


@pytest.mark.parametrize("following", [*"gXz-."])
def test_d18_digits_of_css_that_end_by_themselves_are_not_parted(following: str) -> None:
    assert Habits(CSS, (("é", "\\e9"), ("x", "x"))).write("é" + following) == "\\e9" + following
    assert Habits(CSS, (("é", "\\0000e9"), ("x", "x"))).write("éa") == "\\0000e9a"
    assert Habits(CSS, (("é", "\\e9 "), ("x", "x"))).write("éa") == "\\e9 a"
    assert Habits(CSS, (*raw("x"), ("é", "\\e9"))).write("aé") == "a\\e9"


@pytest.mark.parametrize(("char", "short"), [("\b", "\\b"), ("\f", "\\f")])
def test_d18_short_escapes_of_json_are_no_digits_of_css(char: str, short: str) -> None:
    assert written(JSON, [(char, short), ("x", "x")], char + "a") == short + "a"
