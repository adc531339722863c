"""Chat keys are found whatever the tag looks like (D12), and nothing else is taken for one."""

import html
import json
import re
from collections.abc import Callable
from html.parser import HTMLParser
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.core.chat import find_chat_keys
from engine.core.model import Identity
from engine.core.rewrite import rewrite
from engine.core.tags import EscapedTagReader, TagReader


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
        first = dict(reversed(attrs))  # a browser drops the second of two equal ones
        if tag == "script" and (first.get("custom-chat-widget") or "").lower() == "true":
            self.keys.append(first.get("api-key"))
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


@pytest.mark.parametrize("escape", [str, lambda tag: html.escape(tag, quote=True)])
def test_d12_what_a_browser_reads_as_true_is_true(escape: Callable[[str], str]) -> None:
    assert keys(escape('<script custom-chat-widget="&#116;rue" api-key="KEY">')) == ["KEY"]
    assert keys(escape('<script custom-chat-widget="&amp;#116;rue" api-key="KEY">')) == []


def test_d12_scripts_write_their_markup_with_two_digits_too() -> None:
    tag = "document.write('\\x3cscript custom-chat-widget=\\x22true\\x22 api-key=\\x22KEY\\x22\\x3e\\x3c/script\\x3e')"
    assert keys(tag) == ["KEY"]
    assert with_token(tag, "tok") == tag.replace("KEY", "tok")


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
        '<script custom-chat-widget custom-chat-widget="true" api-key="KEY"></script>',
        '<script custom-chat-widget="true" api-key api-key="KEY"></script>',
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


PIECES = [
    "<script ",
    '<script a="',
    "<script a='\"",
    '<script a=\\"\'" ',
    "\\",
    '<script a=" b',
    "<script custom-chat-widget=true api-key=x ",
    "&lt;script ",
    "&lt;script a=&quot;",
    "&lt;script a=&#39; &quot;",
    '&lt;script a=&quot; " <',
    '&lt;script a=" ',
    "&lt;script a='<",
    "&lt;script a=\\&quot; &quot;",
    "<script a=&quot; b",
    "<script a=&quot;b&apos;",
    "\\\\&",
    "&lt;script&Tab;",
    "&lt;script custom-chat-widget=true api-key=x ",
]


@pytest.mark.parametrize("piece", PIECES)
def test_a_hostile_page_is_read_once(piece: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Counts characters looked at, not seconds: at most a few times the page's length in each of two readings."""
    looked_at = 0
    peek = TagReader.peek
    readers: dict[str, Callable[..., Any]] = {
        "_quoted": TagReader._quoted,
        "_between_references": EscapedTagReader._between_references,
    }

    def counted(self: TagReader) -> tuple[str, int]:
        nonlocal looked_at
        char, end = peek(self)
        looked_at += max(1, end - self.at)
        return char, end

    def searching(name: str) -> Callable[..., Any]:
        def search(self: TagReader, *arguments: Any) -> Any:
            nonlocal looked_at
            begin, end = self.at, arguments[-1]
            value = readers[name](self, *arguments)
            moved = self.at > end
            # One that did not move looked for a quote of its own kind, up to the next one or to the end.
            ahead = self.text.find(self.text[begin:end], end)
            looked_at += self.at - begin if moved else (ahead if ahead >= 0 else len(self.text)) - begin
            return value

        return search

    monkeypatch.setattr(TagReader, "peek", counted)
    monkeypatch.setattr(TagReader, "_quoted", searching("_quoted"))
    monkeypatch.setattr(EscapedTagReader, "_between_references", searching("_between_references"))
    page = "custom-chat-widget <script " + piece * (100_000 // len(piece))
    list(find_chat_keys(page))
    assert looked_at < 14 * len(page)
    looked_at = 0
    list(find_chat_keys('{"a":"' + page + '"}'))
    assert looked_at < 14 * len(page)


def test_an_identity_holds_what_was_found() -> None:
    (found,) = find_chat_keys('<script custom-chat-widget="true" api-key="a&amp;b">')
    assert (found.identity, str(found.spelling)) == (Identity("chat", "a&amp;b"), "attribute")


class Frames(HTMLParser):
    """What a browser would make of the page: the text of each frame, and of the other attributes that tests use."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.texts: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.texts += [value or "" for name, value in attrs if name in ("srcdoc", "data-props")]

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


def referenced(characters: str, form: Callable[[str], str]) -> Callable[[str], str]:
    return lambda tag: re.sub(f"[{characters}]", lambda found: form(found[0]), tag.replace("&", "&amp;"))


NAMES = {"<": "lt", ">": "gt", '"': "quot", "'": "apos", "=": "equals", "\n": "NewLine", "\t": "Tab"}
ESCAPES: dict[str, Callable[[str], str]] = {
    "python": html.escape,
    "decimal": referenced("<>\"'", lambda char: f"&#{ord(char)};"),
    "decimal with zeros": referenced("<>\"'", lambda char: f"&#{ord(char):04};"),
    "lower hex": referenced("<>\"'", lambda char: f"&#x{ord(char):x};"),
    "upper hex": referenced("<>\"'", lambda char: f"&#X{ord(char):X};"),
    "names": referenced("<>\"'=\n\t", lambda char: f"&{NAMES[char]};"),
    "blanks too": referenced("<>\"'= \n\t\r", lambda char: f"&#{ord(char)};"),
    "all but >": referenced("<\"'", lambda char: f"&{NAMES[char]};"),
}
TOKEN = "tok\\$1&amp;\"'<é> a=b`"


@pytest.mark.parametrize("tag", TAGS)
@pytest.mark.parametrize("escape", ESCAPES.values(), ids=ESCAPES.keys())
@pytest.mark.parametrize("levels", [0, 1, 2])
@pytest.mark.parametrize("markup", [False, True])
def test_d12_a_tag_within_an_attribute_gets_what_arrives_after_both_decodings(
    tag: str, escape: Callable[[str], str], levels: int, *, markup: bool
) -> None:
    text = f"<p title='é'><iframe srcdoc=\"<p>{escape(tag)}</p>\" id=a></iframe>"
    for _ in range(levels):
        text = json.dumps({"a": "x", "html": text, "z": "y"})
        for char in "&<>" if markup else "":
            text = text.replace(char, f"\\u{ord(char):04x}")
    assert keys(text) == ["KEY"]
    written = with_token(text, TOKEN)
    for _ in range(levels):
        written = json.loads(written)["html"]
    (frame,) = Frames(written).texts
    seen = Widgets(frame)
    assert (seen.keys, seen.names) == ([TOKEN], Widgets(tag).names)
    assert written.startswith("<p title='é'><iframe srcdoc=\"<p>")
    assert written.endswith('</p>" id=a></iframe>')


@pytest.mark.parametrize("tag", [tag for tag in TAGS if "'" not in tag and "=true" not in tag])
def test_d12_a_tag_within_an_attribute_as_browsers_write_it_with_nothing_but_quotes_escaped(tag: str) -> None:
    page = f'<iframe srcdoc="<p>{tag.replace("&", "&amp;").replace(chr(34), "&quot;")}</p>"></iframe>'
    (frame,) = Frames(with_token(page, TOKEN)).texts
    assert (Widgets(frame).keys, Widgets(frame).names) == ([TOKEN], Widgets(tag).names)


@pytest.mark.parametrize("tag", TAGS)
@pytest.mark.parametrize("quote", "\"'")
def test_b16_a_tag_in_json_within_an_attribute(tag: str, quote: str) -> None:
    page = f"<div data-props={quote}{html.escape(json.dumps({'html': tag, 'z': 'y'}))}{quote}></div>"
    assert keys(page) == ["KEY"]
    (props,) = Frames(with_token(page, TOKEN)).texts
    assert json.loads(props)["z"] == "y"
    seen = Widgets(json.loads(props)["html"])
    assert (seen.keys, seen.names) == ([TOKEN], Widgets(tag).names)


@pytest.mark.parametrize("tag", TAGS)
def test_b16_a_tag_that_is_shown_as_text(tag: str) -> None:
    (shown,) = Frames(with_token(f"<pre>{html.escape(tag, quote=False)}</pre>", TOKEN)).texts
    assert (Widgets(shown).keys, Widgets(shown).names) == ([TOKEN], Widgets(tag).names)


@given(TOKENS, st.sampled_from(TAGS[:5]), st.sampled_from(list(ESCAPES)), st.integers(0, 2))
def test_any_token_arrives_within_an_attribute(token: str, tag: str, escape: str, levels: int) -> None:
    text = f'<iframe srcdoc="{ESCAPES[escape](tag)}"></iframe>'
    for _ in range(levels):
        text = json.dumps([text])
    text = with_token(text, token)
    for _ in range(levels):
        (text,) = json.loads(text)
    (frame,) = Frames(text).texts
    assert (Widgets(frame).keys, Widgets(frame).names) == ([token], Widgets(tag).names)


@pytest.mark.parametrize(
    "page",
    [
        '<iframe srcdoc="&lt;script custom-chat-widget=&quot;false&quot; api-key=&quot;KEY&quot;&gt;">',
        '<iframe srcdoc="&lt;script api-key=&quot;KEY&quot;&gt;">',
        '<iframe srcdoc="&lt;div custom-chat-widget=&quot;true&quot; api-key=&quot;KEY&quot;&gt;">',
        '<iframe srcdoc="&lt;scripts custom-chat-widget=&quot;true&quot; api-key=&quot;KEY&quot;&gt;">',
        '<iframe srcdoc="&lt;script custom-chat-widget=&quot;true&quot;"><b api-key=&quot;KEY&quot; >',
        '<iframe srcdoc="&lt;script custom-chat-widget=&quot;true&quot; x" api-key=&quot;KEY&quot; >',
        '<iframe srcdoc="&lt;script custom-chat-widget=&quot;true"><b api-key=&quot;KEY&quot; >',
        "<iframe srcdoc='&lt;script custom-chat-widget=&#39;true'><b api-key=&#39;KEY&#39; >",
        '<iframe srcdoc="&lt;script custom-chat-widget=&quot;true&quot; &lt;b api-key=&quot;KEY&quot;&gt;">',
        '<iframe srcdoc="&lt;script custom-chat-widget=&quot;true&quot; api-key=&quot;KEY&quot;">',
        '<iframe srcdoc="&lt;script custom-chat-widget=&quot;true&quot; api-key=&quot;KEY"> goes on &quot; >',
        "<iframe srcdoc='&lt;script custom-chat-widget=&#39;true&#39; api-key=&#39;KEY'> goes on &#39; >",
        "<p>&lt;script custom-chat-widget=&quot;true&quot; api-key=&quot;KEY</p> goes on &quot; &gt;",
        '<iframe srcdoc="lt;script custom-chat-widget=&quot;true&quot; api-key=&quot;KEY&quot;&gt;">',
        "{&quot;a&quot;:&quot;&lt;script custom-chat-widget=\\&quot;true&quot;,&quot; api-key=\\&quot;KEY\\&quot;>",
        '{"a":"&lt;script custom-chat-widget=&quot;true&quot; ","b":" api-key=&quot;KEY&quot;&gt;"}',
    ],
)
def test_what_is_no_widgets_key_within_an_attribute(page: str) -> None:
    assert keys(page) == []


@pytest.mark.parametrize(
    ("page", "found"),
    [
        ('<!-- <script custom-chat-widget="true" api-key="KEY"></script> -->', ["KEY"]),
        ('<script>document.write(\'<script custom-chat-widget="true" api-key="KEY"><\\/script>\')</script>', ["KEY"]),
        (
            '<script>document.write("<script custom-chat-widget=\\"true\\" api-key=\\"KEY\\"><\\/script>")</script>',
            ["KEY"],
        ),
        ("<script custom-chat-widget=true api-key=&quot;KEY&quot;>", ["&quot;KEY&quot;"]),
        ('&lt;script a=&quot; <script custom-chat-widget="true" api-key="KEY">', ["KEY"]),
        ('&lt;script a="x < &lt;script custom-chat-widget=&quot;true&quot; api-key=&quot;KEY&quot;&gt;">', ["KEY"]),
        ("<script src='a.js?b>c' async></script><script custom-chat-widget=true api-key=KEY>", ["KEY"]),
        ("<script src=a.js></script><script title='&lt;script custom-chat-widget=true api-key=KEY&gt;'>", ["KEY"]),
        ('["<script src=\\"a.js\\"><script async custom-chat-widget=true api-key=KEY>"]', ["KEY"]),
        pytest.param(
            "<script custom-chat-widget=true api-key=A><i title='&lt;script custom-chat-widget=true api-key=B&gt;'>"
            "<script custom-chat-widget='true' api-key=''><script custom-chat-widget api-key='C'>",
            ["A", "B", ""],
        ),
    ],
)
def test_every_widget_of_a_page_is_found_once(page: str, found: list[str]) -> None:
    assert keys(page) == found
    assert rewrite(page, list(find_chat_keys(page)), {}) == page
    written = with_token(page, "a'b\\c")
    assert written.count("KEY") == 0
    assert [r.identity.text for r in find_chat_keys(with_token(page, "tok"))] == ["tok"] * len(found)


def test_the_spelling_of_a_key_has_a_name() -> None:
    tags = ['<script custom-chat-widget="true" api-key="K">', "<script custom-chat-widget=true api-key=K>"]
    page = "".join(tags) + "".join(html.escape(tag) for tag in tags)
    names = ["attribute", "bare attribute", "attribute in html", "bare attribute in html"]
    assert [str(found.spelling) for found in find_chat_keys(page)] == names


@pytest.mark.parametrize(
    "page",
    [
        "<scriptX custom-chat-widget=true api-key=KEY>",
        "<script Xcustom-chat-widget=true api-key=KEY>",
        "<script custom-chat-widget=true Xapi-key=KEY>",
        "&lt;script custom-chat-widget a&equals;",
        "custom-chat-widget <script a=",
        '&lt;script custom-chat-widget=true api-key=KEY a="x',
        "&lt;script custom-chat-widget=true api-key=KEY a=&quot;x",
        "&lt;script custom-chat-widget=true api-key=&lt;b x&gt;",
    ],
)
@pytest.mark.parametrize("levels", [0, 1])
def test_b16_what_only_looks_like_a_widgets_key_or_breaks_off_is_none(page: str, levels: int) -> None:
    assert keys(json.dumps([page]) if levels else page) == []


@pytest.mark.parametrize("tag", ["<script {}>", "&lt;script {}&gt;"])
def test_b16_a_key_that_would_begin_behind_the_end_of_a_json_string_is_none(tag: str) -> None:
    begin, end = tag.split("{}")
    assert keys(f'["{begin}custom-chat-widget=true api-key=","x{end}"]') == []


@pytest.mark.parametrize(
    ("page", "key"),
    [
        ('<script api-keyX="no" custom-chat-widget="true" api-key="KEY">', "KEY"),
        ("<script custom-chat-widget=true api-key=aXb>", "aXb"),
        ("&lt;script a=\\& custom-chat-widget=true api-key=KEY&gt;", "KEY"),
        ("&lt;script src=a?b&c custom-chat-widget=true api-key=KEY&gt;", "KEY"),
        ("&lt;script custom-chat-widget=true api-key=KEY\\&gt;", "KEY\\"),
        ("&lt;script custom-chat-widget=&quot;true&quot; api-key=&quot;KEY\\&quot;&gt;", "KEY\\"),
        ('&lt;script a="x < &lt;script custom-chat-widget=true api-key=KEY&gt; < "&gt;', "KEY"),
    ],
)
def test_b16_a_key_is_read_whole_whatever_characters_stand_in_its_tag(page: str, key: str) -> None:
    assert keys(page) == [key]


def test_b16_a_tag_that_is_shown_as_text_is_found_in_json_too() -> None:
    page = json.dumps(["<pre>" + html.escape(TAGS[0], quote=False) + "</pre>"])
    assert keys(page) == ["KEY"]
    assert json.loads(with_token(page, "tok")) == json.loads(page.replace("KEY", "tok"))


@pytest.mark.parametrize("quote", "\"'")
def test_d12_an_empty_token_takes_the_place_of_a_bare_key_within_an_attribute(quote: str) -> None:
    page = f"<iframe srcdoc={quote}&lt;script custom-chat-widget=true api-key=KEY async&gt;{quote}></iframe>"
    (frame,) = Frames(with_token(page, "")).texts
    assert (Widgets(frame).keys, Widgets(frame).names) == ([""], [["custom-chat-widget", "api-key", "async"]])
