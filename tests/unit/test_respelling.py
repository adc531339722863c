"""Characters that an old identity has none of are written as is safe in their place (D18)."""

import pytest

from engine.core import spellings
from engine.core.escapes import PERCENT
from engine.core.spellings import Reader, Spelling, is_json

OLD, NEW = "photos-of/us.png", 'n/a "b" é.png'


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("<p>see {}</p>", "n/a &quot;b&quot; é.png"),
        ("<p>see {}</p>/", "n/a &quot;b&quot; é.png"),
        ("{}", "n/a &quot;b&quot; é.png"),
        ('<img src="https://cdn/{}">', "n/a%20%22b%22%20%C3%A9.png"),
        ("/{}", "n/a%20%22b%22%20%C3%A9.png"),
        ("?u=%2F{}", "n/a%20%22b%22%20%C3%A9.png"),
        ("?u=%2f{}", "n/a%20%22b%22%20%C3%A9.png"),
        ('{{"u":"{}"}}', 'n/a \\"b\\" é.png'),
        ('{{"u":"{}"}}/', "n/a &quot;b&quot; é.png"),
        ('{{"u":"/{}"}}', "n/a%20%22b%22%20%C3%A9.png"),
    ],
)
def test_d18_what_stood_raw_is_escaped_as_its_place_needs_it(text: str, expected: str) -> None:
    start = text.format("\0").index("\0")
    spelling = Spelling(OLD, OLD)
    assert spelling.respell(NEW, text.format(OLD), start) == expected
    assert spelling.respell("n/1.png", text.format(OLD), start) == "n/1.png"
    assert spelling.respell("n/2.png", text.format(OLD), start) == "n/2.png"
    assert spelling.respell(OLD, text.format(OLD), start) == OLD


def test_d18_what_the_old_identity_has_itself_is_not_escaped() -> None:
    assert Spelling('a "x"', 'a "x"').respell('b "y" é', '/a "x"', 1) == 'b "y" %C3%A9'


def test_d18_what_stood_percent_encoded_is_percent_encoded() -> None:
    assert Spelling("a b", "a%20b", (PERCENT,)).respell('c "d"', "/a%20b", 1) == "c%20%22d%22"


@pytest.mark.parametrize("text", ["{}", "[]", ' {"a":1}\n', "\n\t[1] ", '{"a":"' + "x" * 200 + '"}', " " * 40 + "{}"])
def test_what_is_an_object_or_an_array_from_end_to_end_looks_like_json(text: str) -> None:
    assert is_json(text)


@pytest.mark.parametrize(
    "text", ["", "x{}", "{}x", "{]", "[}", "}{", "{", "}", "<p>{}</p>", "{" + "x" * 200, "x" * 200 + "}"]
)
def test_anything_else_does_not(text: str) -> None:
    assert not is_json(text)


def test_the_longer_a_text_the_more_may_fail(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spellings, "_MOST_FAILURES", 0)
    monkeypatch.setattr(spellings, "_CHARACTERS_PER_FAILURE", 10)
    for length, complete in ((0, False), (10_000, True)):
        reader = Reader("%2Fx" + "." * length)
        assert reader.read(0, "/y") is None
        assert reader.read(0, "/y") is None
        assert reader.complete == complete


def test_failures_of_all_readings_add_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spellings, "_MOST_FAILURES", 5)
    monkeypatch.setattr(spellings, "_CHARACTERS_PER_FAILURE", 1_000)
    reader = Reader("%2Fx")
    complete = []
    for _ in range(8):
        assert reader.read(0, "/y") is None
        complete.append(reader.complete)
    assert complete == [True] * 6 + [False] * 2


def test_failures_within_one_reading_add_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spellings, "_MOST_FAILURES", 3)
    monkeypatch.setattr(spellings, "_CHARACTERS_PER_FAILURE", 1_000)
    reader = Reader("%25&amp;%5C&#92;+x")
    assert reader.read(0, "//") is None
    assert not reader.complete
