"""Each escaping by itself: what is read, and how another character is written in the form of an escape (D18)."""

import pytest

from engine.core.escapes import CSS, FORM, HTML, JSON, PERCENT, Escaping
from engine.core.spellings import source

READ: list[tuple[Escaping, str, str]] = [
    *((PERCENT, f"%{code:02X}", chr(code)) for code in (0, 1, 0x20, 0x2F, 0x7F)),
    (PERCENT, "%C2%80", "\x80"),
    (PERCENT, "%DF%BF", "\u07ff"),
    (PERCENT, "%E0%A0%80", "\u0800"),
    (PERCENT, "%ef%bf%bd", "\ufffd"),
    (PERCENT, "%F0%90%80%80", "\U00010000"),
    (PERCENT, "%F4%8F%BF%BF", "\U0010ffff"),
    (PERCENT, "+", "+"),
    (FORM, "+", " "),
    (FORM, "%2B", "+"),
    (HTML, "&amp;", "&"),
    (HTML, "&#0000038;", "&"),
    (HTML, "&#x1F600;", "😀"),
    (HTML, "&#X1f600;", "😀"),
    (HTML, "&#1114111;", "\U0010ffff"),
    (HTML, "&#1;", "\x01"),
    (HTML, "&CounterClockwiseContourIntegral;", "∳"),
    (JSON, "\\/", "/"),
    (JSON, '\\"', '"'),
    (JSON, "\\'", "'"),
    (JSON, "\\\\", "\\"),
    *((JSON, f"\\{letter}", char) for letter, char in zip("bfnrt", "\b\f\n\r\t", strict=True)),
    (JSON, "\\u00e9", "é"),
    (JSON, "\\u0000", "\0"),
    (JSON, "\\xE9", "é"),
    (JSON, "\\x00", "\0"),
    (JSON, "\\ud83d\\ude00", "😀"),
    (JSON, "\\ud800\\udc00", "\U00010000"),
    (JSON, "\\uDBFF\\uDFFF", "\U0010ffff"),
    (CSS, "\\e9", "é"),
    (CSS, "\\0000e9", "é"),
    (CSS, "\\e9 ", "é"),
    (CSS, "\\0000e9\t", "é"),
    (CSS, "\\e9\n", "é"),
    (CSS, "\\10ffff", "\U0010ffff"),
    (CSS, "\\1 ", "\x01"),
    (CSS, "\\(", "("),
    (CSS, "\\\\", "\\"),
    (CSS, "\\g", "g"),
    (CSS, "\\X", "X"),
]


@pytest.mark.parametrize(("escaping", "written", "char"), READ)
@pytest.mark.parametrize("behind", ["", "x", "X", "%", "&", "\\", ";", "%zz", "&x"])
def test_d18_an_escape_is_read_to_its_end(escaping: Escaping, written: str, char: str, behind: str) -> None:
    assert escaping.read(source("?" + written + behind, ()), 1) == (char, 1 + len(written))


NO_ESCAPES: list[tuple[Escaping, str]] = [
    *((PERCENT, text) for text in ("%", "%2", "%2x", "%x2", "%80", "%C3", "%C3%2", "%C3x", "%C3xA9", "%C3%29", "%FF")),
    *((PERCENT, text) for text in ("%C1%81", "%E0%80%80", "%ED%A0%80", "%F5%80%80%80", "%F4%90%80%80", "%C3 %A9")),
    *((HTML, text) for text in ("&", "&;", "&amp", "&amp ", "&#;", "&#x;", "&#38", "&#x38", "&#xg;", "&#3a;", "&é;")),
    *((HTML, text) for text in ("&nosuch;", "&#0;", "&#1114112;", "&#x110000;", "&a#;", "&##38;", "&#38é;", "&a-b;")),
    *((HTML, text) for text in ("&NotEqualTilde;", "&#" + "0" * 33 + "38;", "&#٣٨;")),
    *(
        (JSON, text)
        for text in ("\\", "\\u", "\\u00e", "\\u00eg", "\\x", "\\xe", "\\xg1", "\\q", "\\U00e9", "\\X41", "\\0")
    ),
    *((CSS, text) for text in ("\\", "\\\n", "\\\r", "\\\f", "\\0", "\\000000", "\\110000", "\\ffffff")),
]


@pytest.mark.parametrize(("escaping", "text"), NO_ESCAPES)
def test_d18_what_is_no_escape_is_what_it_is(escaping: Escaping, text: str) -> None:
    assert escaping.read(source("?" + text, ()), 1) == (text[0], 2)


@pytest.mark.parametrize("escaping", [PERCENT, FORM, HTML, JSON, CSS])
@pytest.mark.parametrize("char", ["a", "é", "😀", ";", ""])
def test_d18_other_characters_are_themselves(escaping: Escaping, char: str) -> None:
    at = 2 if char else 1
    assert escaping.read(source("?" + char, ()), 1)[0] == char
    assert escaping.read(source("?" + char + "x", ()), 1) == ((char, at) if char else ("x", 2))


@pytest.mark.parametrize(
    ("first", "then"), [("\\ud83d", "\\u0041"), ("\\ud83d", "x"), ("\\ud83d", "\\n"), ("\\ude00", "\\ud83d")]
)
def test_d18_half_a_pair_of_surrogates_is_read_by_itself(first: str, then: str) -> None:
    half = first.encode().decode("unicode_escape")
    assert JSON.read(source(first + then, ()), 0) == (half, len(first))
    assert JSON.read(source(first + "\\udg00", ()), 0) == (half, len(first))


@pytest.mark.parametrize("behind", ["xudc00", "\\udc00", "udc00"])
def test_d18_a_letter_takes_no_half_of_a_pair_to_itself(behind: str) -> None:
    assert JSON.read(source("\\u00e9" + behind, ()), 0) == ("é", 6)
    assert JSON.read(source("\\ud83dx" + behind, ()), 0) == ("\ud83d", 6)


def test_d18_css_takes_six_digits_and_one_blank() -> None:
    assert CSS.read(source("\\0000e9a", ()), 0) == ("é", 7)
    assert CSS.read(source("\\e9  ", ()), 0) == ("é", 4)
    assert CSS.read(source("\\e9g", ()), 0) == ("é", 3)


WRITTEN: list[tuple[Escaping, str, str, str]] = [
    (PERCENT, "é", "", "%C3%A9"),
    (PERCENT, "é", "%2f", "%c3%a9"),
    (PERCENT, "é", "%2F", "%C3%A9"),
    (PERCENT, "é", "%20", "%C3%A9"),
    (PERCENT, "\n", "%2f", "%0a"),
    (PERCENT, " ", "%2F", "%20"),
    (PERCENT, "\ud800", "", "%ED%A0%80"),
    (FORM, " ", "", "+"),
    (FORM, "+", "", "%2B"),
    (FORM, "é", "%2f", "%c3%a9"),
    (HTML, "&", "", "&amp;"),
    (HTML, '"', "", "&quot;"),
    (HTML, "'", "", "&#39;"),
    (HTML, "'", "&apos;", "&apos;"),
    (HTML, "'", "&quot;", "&#39;"),
    (HTML, "é", "&quot;", "&eacute;"),
    (HTML, "/", "&quot;", "&sol;"),
    (HTML, "看", "", "&#30475;"),
    (HTML, "😀", "&amp;", "&#128512;"),
    (HTML, "é", "&#38;", "&#233;"),
    (HTML, "é", "&#038;", "&#233;"),
    (HTML, "&", "&#0233;", "&#0038;"),
    (HTML, "&", "&#233;", "&#38;"),
    (HTML, "é", "&#x26;", "&#xE9;"),
    (HTML, "é", "&#X26;", "&#XE9;"),
    (HTML, "é", "&#x2f;", "&#xe9;"),
    (HTML, "é", "&#x2F;", "&#xE9;"),
    (HTML, "é", "&#X2f;", "&#Xe9;"),
    (HTML, "é", "&#xeA;", "&#xE9;"),
    (HTML, "/", "&#x00e9;", "&#x002f;"),
    (HTML, "/", "&#xe9;", "&#x2f;"),
    (JSON, "é", "", "\\u00e9"),
    (JSON, "/", "", "\\/"),
    (JSON, "\n", "", "\\n"),
    (JSON, '"', "\\n", '\\"'),
    (JSON, "'", "", "\\u0027"),
    (JSON, "'", "\\n", "\\u0027"),
    (JSON, "'", "\\'", "\\'"),
    (JSON, "\\", "\\'", "\\\\"),
    (JSON, "/", "\\u00e9", "\\u002f"),
    (JSON, "/", "\\u00E9", "\\u002F"),
    (JSON, "/", "\\u0022", "\\u002f"),
    (JSON, "/", "\\xe9", "\\x2f"),
    (JSON, "/", "\\xE9", "\\x2F"),
    (JSON, "/", "\\xA1", "\\x2F"),
    (JSON, "/", "\\uA000", "\\u002F"),
    (JSON, "\n", "\\x22", "\\x0a"),
    (JSON, "ÿ", "\\x22", "\\xff"),
    (JSON, "Ā", "\\x22", "\\u0100"),
    (JSON, "😀", "", "\\ud83d\\ude00"),
    (JSON, "😀", "\\u00E9", "\\uD83D\\uDE00"),
    (JSON, "\ud800", "", "\\ud800"),
    (CSS, "(", "", "\\("),
    (CSS, "(", "\\)", "\\("),
    (CSS, "X", "\\)", "\\X"),
    (CSS, "/", "\\1f600 ", "\\2f "),
    (CSS, "a", "", "\\61 "),
    (CSS, "9", "\\)", "\\39 "),
    (CSS, "\n", "", "\\a "),
    (CSS, "\r", "", "\\d "),
    (CSS, "\f", "", "\\c "),
    (CSS, "/", "\\e9 ", "\\2f "),
    (CSS, "/", "\\E9 ", "\\2F "),
    (CSS, "/", "\\28 ", "\\2f "),
    (CSS, "/", "\\e9", "\\2f"),
    (CSS, "/", "\\e9\n", "\\2f\n"),
    (CSS, "/", "\\0000e9", "\\00002f"),
    (CSS, "/", "\\00E9\t", "\\002F\t"),
    (CSS, "😀", "\\0028", "\\1f600"),
]


@pytest.mark.parametrize(("escaping", "char", "like", "written"), WRITTEN)
def test_d18_a_character_is_written_in_the_form_of_another_ones_escape(
    escaping: Escaping, char: str, like: str, written: str
) -> None:
    assert escaping.write(char, like) == written


NEEDED = {
    "percent": (PERCENT, " %&+\"'<>é\\?#:", "aZ09-._~/"),
    "form": (FORM, " %&+\"'<>é\\?#:", "aZ09-._~/"),
    "html": (HTML, "&<>\"'", "aZ/ %é\\X"),
    "json": (JSON, '"\\\0\n\x1f', "aXZ/ '&é\x7f"),
    "css": (CSS, "\"'()\\ \n\t", "aZ/&é%X"),
}


@pytest.mark.parametrize(("escaping", "needed", "others"), NEEDED.values(), ids=NEEDED)
def test_d18_what_would_end_a_text_has_to_be_escaped(escaping: Escaping, needed: str, others: str) -> None:
    assert [char for char in needed if not escaping.needs(char)] == []
    assert [char for char in others if escaping.needs(char)] == []


@pytest.mark.parametrize("escaping", [PERCENT, FORM, HTML, JSON, CSS])
@pytest.mark.parametrize("char", ['"', "'", "&", " ", "/", "é", "😀", "\n", "a", "\\"])
@pytest.mark.parametrize("like", ["", "%2f", "&#38;", "&#x26;", "\\u00e9", "\\x2f", "\\e9 ", "\\00002f"])
def test_d18_what_is_written_reads_as_what_it_stands_for(escaping: Escaping, char: str, like: str) -> None:
    written = escaping.write(char, like)
    assert escaping.read(source(written + "?", ()), 0) == (char, len(written))
