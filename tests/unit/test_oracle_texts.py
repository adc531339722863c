"""The oracle's walk over two texts: what it takes for a reference, in which spelling, and what it lets stay."""

import json
import re
from collections.abc import Callable
from html import escape
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.upkeep.invariants.finding import Finder
from engine.upkeep.invariants.records import Structure
from engine.upkeep.invariants.references import Reference, form_references, id_references, image_references
from engine.upkeep.invariants.spelling import chat_keys, embedded_forms, spelled
from engine.upkeep.invariants.texts import Comparison
from engine.upkeep.invariants.violations import Findings

KEY = '0b7b1a52-7c39-4f0e-8d2f-2f5f6f1f2a10/soil & stönes "1".png'
NEW_KEY = '11111111-7c39-4f0e-8d2f-2f5f6f1f2a10/soil & stönes "1".png'
FORM = "22222222-7c39-4f0e-8d2f-2f5f6f1f2a10"
NEW_FORM = "33333333-7c39-4f0e-8d2f-2f5f6f1f2a10"
IMAGE = Reference("image", KEY, (NEW_KEY,))
SPELLINGS: dict[str, Callable[[str], str]] = {
    "raw": str,
    "percent": quote,
    "percent, slash too": lambda key: quote(key, safe=""),
    "percent twice": lambda key: quote(quote(key)),
    "html": escape,
    "percent, then html": lambda key: escape(quote(key, safe="/&")),
    "json": lambda key: json.dumps(key)[1:-1],
    "json, all letters": lambda key: json.dumps(key, ensure_ascii=False)[1:-1],
    "json, slashes": lambda key: json.dumps(key)[1:-1].replace("/", "\\/"),
    "html in json": lambda key: json.dumps(escape(key))[1:-1],
    "json in json": lambda key: json.dumps(json.dumps(key))[3:-3],
}


def kinds(
    old: str,
    new: str,
    references: list[Reference],
    *,
    chat: bool = False,
    errors: tuple[str, ...] = (),
    tokens: tuple[str, ...] = (),
) -> list[str]:
    findings = Findings()
    Comparison("here", old, new, Finder(references), chat, tokens, errors, findings).walk()
    return [violation.kind for violation in findings.found]


@pytest.mark.parametrize("spell", SPELLINGS.values(), ids=SPELLINGS.keys())
def test_d18_a_key_is_known_in_each_spelling(spell: Callable[[str], str]) -> None:
    old, new = f"<{spell(KEY)}>", f"<{spell(NEW_KEY)}>"
    assert kinds(old, new, [IMAGE]) == []
    assert kinds(old, old, [IMAGE]) == ["reference_left"]
    assert kinds(old, old, [IMAGE], errors=(f"image {KEY}: gone",)) == []


@given(st.text(min_size=1, max_size=20).map(lambda text: "k/" + text))
def test_d18_any_key_is_known_in_each_spelling(key: str) -> None:
    encodable = key.encode("utf-8", "replace").decode()
    for spell in SPELLINGS.values():
        assert re.fullmatch(spelled(encodable), spell(encodable))


def test_a_key_that_is_spelled_otherwise_in_the_clone_is_told() -> None:
    assert kinds(KEY, quote(NEW_KEY), [IMAGE]) == ["reference_spelling"]
    assert kinds(quote(KEY), quote(NEW_KEY).replace("%C3%B6", "%c3%b6"), [IMAGE]) == []


def test_d17_of_two_keys_the_longer_is_meant() -> None:
    short, long = "aaaaaaaa/picture.png", "aaaaaaaa/picture.png.webp"
    references = [Reference("image", short, ("bbbbbbbb/s.png",)), Reference("image", long, ("bbbbbbbb/l.webp",))]
    assert kinds(f"{short} {long}", "bbbbbbbb/s.png bbbbbbbb/l.webp", references) == []
    assert kinds(long, "bbbbbbbb/s.png.webp", references) == ["reference_wrong", "text_changed"]


def test_d17_what_is_part_of_a_longer_word_may_be_a_reference_or_not() -> None:
    references = id_references([("64b000000000000000000001", "64b000000000000000000002")])
    for new in ("x64b000000000000000000001", "x64b000000000000000000002"):
        assert kinds("x64b000000000000000000001", new, references) == []


@pytest.mark.parametrize("before", ["%2F", "\\n", "\\u002f", "/", '"', "é", "step-"])
def test_d18_what_ends_an_escape_is_no_part_of_a_word(before: str) -> None:
    old, new = "64b000000000000000000001", "64b000000000000000000002"
    references = id_references([(old, new)])
    assert kinds(f"{before}{old}.", f"{before}{new}.", references) == []
    assert kinds(f"{before}{old}.", f"{before}{old}.", references) == ["reference_left"]


def test_weak_identities_count_in_their_own_places_alone() -> None:
    record = {
        "key": "a.png",
        "source_key": "a.png",
        "uploaded": True,
        "additionalInfo": {"Bucket": "b", "Location": "http://s3/b/a.png"},
    }
    clone = Structure({"_id": 2}, [], [{**record, "key": NEW_KEY}])
    images = image_references(Structure({"_id": 1}, [], [record]), clone)
    assert kinds("http://s3/b/a.png a.png", f"http://s3/b/{NEW_KEY} a.png", images) == []
    assert kinds("http://s3/b/a.png a.png", f"http://s3/b/{NEW_KEY} {NEW_KEY}", images) == ["text_changed"]
    forms = form_references(["1"])
    assert kinds("/userform/1?a=1", f"/userform/{NEW_FORM}?a=1", forms) == []
    assert kinds("/userform/1?a=1", f"/userform/{NEW_FORM}?a={NEW_FORM}", forms) == ["text_changed"]


def test_d11_a_form_id_ends_where_its_letters_end() -> None:
    text = f'{{"a":"/userform/{FORM}","b":"\\/userform\\/{NEW_FORM}?x=1","c":"/userform/7/edit"}}'
    assert embedded_forms(text) == [FORM, NEW_FORM, "7"]


def test_d11_the_copies_of_a_form_are_gathered() -> None:
    findings = Findings()
    old, new = f"/userform/{FORM}? {FORM}", f"/userform/{NEW_FORM}? {FORM[:-1]}1"
    comparison = Comparison("here", old, new, Finder(form_references([FORM])), False, (), (), findings)  # noqa: FBT003
    comparison.walk()
    assert comparison.forms == {FORM: {NEW_FORM, f"{FORM[:-1]}1"}}


@pytest.mark.parametrize(
    "script",
    [
        '<script src="w.js" custom-chat-widget="true" api-key="KEY"></script>',
        "<script api-key='KEY' custom-chat-widget='true' src='w.js'></script>",
        '<SCRIPT custom-chat-widget = "true"\n api-key = "KEY" async>',
        '<script custom-chat-widget=\\"true\\" api-key=\\"KEY\\">',
        "\\u003cscript custom-chat-widget=\\u0022true\\u0022 api-key=\\u0022KEY\\u0022\\u003e",
        "&lt;script custom-chat-widget=&quot;true&quot; api-key=&quot;KEY&quot;&gt;",
        "<script custom-chat-widget=true api-key=KEY>",
    ],
)
def test_d12_a_chat_key_is_found_however_its_script_is_written(script: str) -> None:
    assert [script[start:end] for start, end in chat_keys(script)] == ["KEY"]
    assert kinds(script, script.replace("KEY", "TOKEN$1"), [], chat=True, tokens=("TOKEN$1",)) == []
    assert kinds(script, script, [], chat=True, tokens=("TOKEN",)) == ["chat_key"]
    assert kinds(script, script.replace("KEY", ""), [], chat=True) == ["chat_key"]
    assert kinds(script, script.replace("KEY", ""), [], chat=True, errors=("chat: no token",)) == []
    assert kinds(script, script, [], chat=False) == []


@pytest.mark.parametrize("script", ['<script api-key="KEY"></script>', '<i custom-chat-widget="true" api-key="KEY">'])
def test_d12_no_other_key_is_a_chat_key(script: str) -> None:
    assert chat_keys(script) == []


def test_json_that_is_none_any_more_is_told() -> None:
    old, new = '{"a":"<script custom-chat-widget=\\"true\\" api-key=\\"KEY\\">"}', 'a"b'
    changed = old.replace("KEY", new)
    assert kinds(old, changed, [], chat=True, tokens=(new,)) == ["text_changed"]
    assert kinds(old, old.replace("KEY", 'a\\"b'), [], chat=True, tokens=(new,)) == []
