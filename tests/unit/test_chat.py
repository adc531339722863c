"""Chat keys are found whatever the tag looks like (D12), and nothing else is taken for one."""

import json
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.core import chat
from engine.core.chat import find_chat_keys
from engine.core.model import Identity
from engine.core.rewrite import rewrite


def keys(text: str) -> list[str]:
    found = list(find_chat_keys(text))
    assert [text[r.start : r.end] for r in found] == [r.identity.text for r in found]
    assert {r.identity.kind for r in found} <= {"chat"}
    return [r.identity.text for r in found]


def with_token(text: str, token: str) -> str:
    found = list(find_chat_keys(text))
    return rewrite(text, found, {r.identity: token for r in found})


class Widgets(HTMLParser):
    """What a browser would make of the page: the api-key of each widget."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.keys: list[str | None] = []
        self.names: list[list[str]] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "script" and dict(attrs).get("custom-chat-widget") == "true":
            self.keys.append(dict(attrs).get("api-key"))
            self.names.append([name for name, _ in attrs])


TAGS = [
    '<script custom-chat-widget="true" api-key="KEY"></script>',
    '<script api-key="KEY" custom-chat-widget="true"></script>',
    "<script api-key='KEY' custom-chat-widget='true'></script>",
    "<script custom-chat-widget=true api-key=KEY></script>",
    "<script custom-chat-widget=true api-key=KEY async></script>",
    '<SCRIPT async\n\tSRC="https://a/b.js?x>y" Custom-Chat-Widget = "TRUE"\r\n Api-Key\n=\n"KEY" defer/>',
    '<script title=\'a "quoted" >\' api-key="KEY" custom-chat-widget="true">',
    '<script/custom-chat-widget="true"/api-key="KEY">',
    '<script data-api-key="no" x-custom-chat-widget="false" custom-chat-widget="true" api-key="KEY" api-key="no">',
    '<script = custom-chat-widget="true" api-key="KEY">',
]


@pytest.mark.parametrize("tag", TAGS)
def test_d12_any_order_quotes_case_and_space(tag: str) -> None:
    assert keys(f"é<p>{tag}<b>") == ["KEY"]
    assert with_token(tag, "tok").count("KEY") == 0


@pytest.mark.parametrize("tag", TAGS)
@pytest.mark.parametrize("levels", [1, 2])
@pytest.mark.parametrize("slashes", [False, True])
def test_b16_in_json_too(tag: str, levels: int, *, slashes: bool) -> None:
    text = tag
    for _ in range(levels):
        text = json.dumps({"a": "x", "html": text, "z": "y"})
        text = text.replace("/", "\\/") if slashes else text
    assert keys(text) == ["KEY"]
    written = with_token(text, "tok\\$1&\"'<é")
    for _ in range(levels):
        written = json.loads(written)["html"]
    assert written == with_token(tag, "tok\\$1&\"'<é")


def test_json_with_its_markup_escaped() -> None:
    tag = '{"h":"\\u003cscript api-key=\\u0022KEY\\u0022 custom-chat-widget=\\u0022true\\u0022\\u003e api-key=\\"a\\""}'
    assert keys(tag) == ["KEY"]


@pytest.mark.parametrize("tag", TAGS[:5])
@pytest.mark.parametrize("token", ["a$1b", "$&", "\\1", "a\"b'c", "<b>&amp;", "a b=c`d", "undefined", "", "\ud800"])
def test_d12_no_token_breaks_the_page(tag: str, token: str) -> None:
    seen = Widgets(with_token(tag, token))
    assert seen.keys == [token]
    assert seen.names == Widgets(tag).names


# The parser of these tests takes more for a blank than HTML does, and drops control characters.
TOKENS = st.text(st.characters(exclude_categories=["Cc", "Zs", "Zl", "Zp"]) | st.sampled_from(" \t\n"))


@given(TOKENS, st.sampled_from(TAGS[:5]), st.integers(0, 3))
def test_any_token_arrives_as_it_is(token: str, tag: str, levels: int) -> None:
    text = tag
    for _ in range(levels):
        text = json.dumps([text])
    text = with_token(text, token)
    for _ in range(levels):
        (text,) = json.loads(text)
    seen = Widgets(text)
    assert (seen.keys, seen.names) == ([token], Widgets(tag).names)


def test_an_empty_key_is_filled_and_a_missing_one_is_not() -> None:
    page = '<script custom-chat-widget="true" api-key=""></script>'
    assert with_token(page, "tok") == '<script custom-chat-widget="true" api-key="tok"></script>'
    for bare in (
        '<script custom-chat-widget="true"></script>',
        '<script custom-chat-widget="true" api-key></script>',
        '<script custom-chat-widget="true" api-key=></script>',
    ):
        assert with_token(bare, "tok") == bare


@pytest.mark.parametrize(
    "page",
    [
        '<script api-key="KEY"></script>',
        '<script custom-chat-widget="false" api-key="KEY"></script>',
        '<script title="custom-chat-widget=\'true\'" api-key="KEY"></script>',
        '<div custom-chat-widget="true" api-key="KEY"></div>',
        '<scripts custom-chat-widget="true" api-key="KEY"></scripts>',
        'script custom-chat-widget="true" api-key="KEY">',
        '<script custom-chat-widget="true" api-key="KEY"',
        '<script custom-chat-widget="true" <b api-key="KEY">',
        '{"a":"<script custom-chat-widget=\\"true\\" ","api-key=\\"KEY\\"":">"}',
        '{"a":"<script custom-chat-widget=\\"true","b":" api-key=\\"KEY\\"":">"}',
    ],
)
def test_what_is_no_widgets_key(page: str) -> None:
    assert keys(page) == []


def test_a_broken_tag_does_not_hide_the_next() -> None:
    good = '<script custom-chat-widget="true" api-key="KEY">'
    assert keys(f"<script a=' {good}") == ["KEY"]
    assert keys(f"<script x {good}") == ["KEY"]
    broken = json.dumps(['<script x="', good])
    assert keys(broken) == ["KEY"]
    assert keys(good + '<script custom-chat-widget="true" api-key="TWO">' + good) == ["KEY", "TWO", "KEY"]


@pytest.mark.parametrize(
    "piece",
    [
        "<script ",
        '<script a="',
        "<script a='\"",
        '<script a=\\"\'" ',
        "\\",
        '<script a=" b',
        "<script custom-chat-widget=true api-key=x ",
    ],
)
def test_a_hostile_page_is_read_once(piece: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Counts characters looked at, not seconds: at most a few times the page's length."""
    looked_at = 0
    peek = chat._Reader.peek

    def counted(self: chat._Reader) -> tuple[str, int]:
        nonlocal looked_at
        char, end = peek(self)
        looked_at += max(1, end - self.at)
        return char, end

    monkeypatch.setattr(chat._Reader, "peek", counted)
    page = "custom-chat-widget <script " + piece * (100_000 // len(piece))
    list(find_chat_keys(page))
    assert looked_at < 6 * len(page)
    looked_at = 0
    list(find_chat_keys('{"a":"' + page + '"}'))
    assert looked_at < 6 * len(page)


def test_an_identity_holds_what_was_found() -> None:
    (found,) = find_chat_keys('<script custom-chat-widget="true" api-key="a&amp;b">')
    assert (found.identity, str(found.spelling)) == (Identity("chat", "a&amp;b"), "attribute")
