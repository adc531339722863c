"""The oracle's walk over two texts: what it takes for a reference, in which spelling, and what it lets stay."""

import json
import re
from collections.abc import Callable
from html import escape
from html.entities import html5
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.upkeep.invariants.account import Account, Span
from engine.upkeep.invariants.decoding import Layer
from engine.upkeep.invariants.finding import Finder, end_of
from engine.upkeep.invariants.records import Structure
from engine.upkeep.invariants.references import Reference, form_references, id_references, image_references
from engine.upkeep.invariants.spelling import embedded_forms, spelled
from engine.upkeep.invariants.texts import Comparison
from engine.upkeep.invariants.violations import Findings
from engine.upkeep.invariants.widgets import chat_keys

KEY = '0b7b1a52-7c39-4f0e-8d2f-2f5f6f1f2a10/soil & stönes "1".png'
NEW_KEY = '11111111-7c39-4f0e-8d2f-2f5f6f1f2a10/soil & stönes "1".png'
FORM = "22222222-7c39-4f0e-8d2f-2f5f6f1f2a10"
NEW_FORM = "33333333-7c39-4f0e-8d2f-2f5f6f1f2a10"
IMAGE = Reference("image", KEY, (NEW_KEY,))
Spell = Callable[[str], str]


def mixed(*spells: Spell) -> Spell:
    """Each character in the next of these spellings."""
    return lambda text: "".join(spells[n % len(spells)](char) for n, char in enumerate(text))


def layered(*spells: Spell) -> Spell:
    """One spelling on top of the other, the innermost first."""

    def spell(text: str) -> str:
        for one in spells:
            text = one(text)
        return text

    return spell


def special(spell: Spell) -> Spell:
    """Only what an encoder has to escape."""
    return lambda text: "".join(char if re.fullmatch(r"[\w.~-]", char, re.ASCII) else spell(char) for char in text)


def percent(text: str) -> str:
    return "".join(f"%{byte:02X}" for byte in text.encode())


def percent_lower(text: str) -> str:
    return percent(text).lower()


def decimal(text: str) -> str:
    return "".join(f"&#{ord(char)};" for char in text)


def hexadecimal(text: str) -> str:
    return "".join(f"&#X{ord(char):06X};" for char in text)


def named(text: str) -> str:
    names = {char: f"&{name}" for name, char in html5.items() if name.endswith(";")}
    return "".join(names.get(char, char) for char in text)


def unicode_escape(text: str) -> str:
    units = text.encode("utf-16-be").hex()
    return "".join(f"\\u{units[at : at + 4]}" for at in range(0, len(units), 4))


def json_string(text: str) -> str:
    return json.dumps(text)[1:-1].replace("/", "\\/")


def css_code(text: str) -> str:
    return "".join(f"\\{ord(char):x} " for char in text)


def css_six(text: str) -> str:
    return "".join(f"\\{ord(char):06X}" for char in text)


def css_identifier(text: str) -> str:
    """As CSS.escape writes it."""
    rest = re.sub(r"[^\w-]", lambda found: found[0] if found[0] > "\x7f" else f"\\{found[0]}", text[1:])
    return (css_code(text[0]) if text[0].isdigit() else text[0]) + rest


SPELLINGS: dict[str, Spell] = {
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
    "percent in lower case": special(percent_lower),
    "percent in both cases among raw characters": special(mixed(percent, str, percent_lower)),
    "percent, slash doubly": lambda key: quote(key).replace("/", "%252F"),
    "a query": quote_plus,
    "a query in percent": layered(quote_plus, lambda key: quote(key, safe="")),
    "entities, decimal with zeros": special(lambda text: f"&#000{ord(text)};"),
    "entities, hex": special(hexadecimal),
    "entities, named": special(named),
    "entities, named, for plain ones too": named,
    "entities, named, in html": layered(named, escape),
    "html twice": layered(escape, escape),
    "html three times": layered(escape, escape, escape),
    "css codes": special(css_code),
    "css codes of six digits": special(css_six),
    "css backslashes": special(lambda text: f"\\{text}"),
    "css identifier": css_identifier,
    "css identifier in json in html": layered(css_identifier, json_string, escape),
    "script": special(lambda text: f"\\x{ord(text):02x}" if ord(text) < 256 else text),
    "json in html": layered(json_string, escape),
    "json in percent": layered(json_string, lambda key: quote(key, safe="")),
    "json in percent in html in json": layered(json_string, quote, escape, json_string),
    "percent in json in html in percent": layered(quote, json_string, escape, quote),
    "json four times": layered(*[json_string] * 4),
    "every character in percent": percent,
    "every character in percent, lower, twice": layered(percent_lower, quote),
    "every character in percent, four times": layered(percent, quote, quote, quote),
    "every character as an entity": decimal,
    "every character as an entity in html": layered(decimal, escape),
    "every character as an entity, hex": hexadecimal,
    "every character of every entity in percent": layered(decimal, percent),
    "every character as an entity, twice": layered(decimal, decimal),
    "every character in unicode escapes": unicode_escape,
    "every character in unicode escapes in json": layered(unicode_escape, json_string),
    "every character in css codes": css_code,
    "every character otherwise": mixed(percent, decimal, unicode_escape, css_code, str, hexadecimal, css_six),
    "one character as an entity": lambda text: decimal(text[0]) + text[1:],
    "the last character in percent": lambda text: text[:-1] + percent(text[-1]),
}
PLAIN_SPELLINGS = [
    "raw", "percent", "percent, slash too", "percent twice", "html", "percent, then html", "json", "json, all letters",
    "json, slashes", "html in json", "json in json", "percent in lower case", "a query", "entities, decimal with zeros",
    "entities, hex", "entities, named", "html twice", "json in percent",
]  # fmt: skip
IDENTITIES = {
    "image": IMAGE,
    "id": Reference("id", "64b000000000000000000001", ("64b000000000000000000002",)),
    "form": Reference("form", FORM),
}
NEW = {"image": NEW_KEY, "id": "64b000000000000000000002", "form": NEW_FORM}
OTHERS = {
    "image": '99999999-7c39-4f0e-8d2f-2f5f6f1f2a10/soil & stönes "1".png',
    "id": "64b000000000000000000009",
    "form": FORM[:-2],
}
PLACES = {
    "between brackets": "<{}>",
    "behind a slash and before a quote": '"/{}"',
    "in percent-encoded json": "%22%2F{}%22",
    "in an attribute's json": "&quot;\\/{}&quot;",
    "in a css address": "url(\\2f {})",
    "behind six css digits": "\\00002f{} ",
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
    Comparison("here", Layer(old), new, Finder(references), chat, tokens, errors, findings).walk()
    return [violation.kind for violation in findings.found]


@pytest.mark.parametrize("kind", IDENTITIES)
@pytest.mark.parametrize("spell", SPELLINGS.values(), ids=SPELLINGS.keys())
def test_d18_an_identity_is_judged_in_each_spelling_and_place(spell: Spell, kind: str) -> None:
    reference, wrong = IDENTITIES[kind], spell(OTHERS[kind])
    for where, place in PLACES.items():
        old, new = place.format(spell(reference.text)), place.format(spell(NEW[kind]))
        assert kinds(old, new, [reference]) == [], where
        assert kinds(old, old, [reference]) == ["reference_left"], where
        named_in_errors = kinds(old, old, [reference], errors=(f"{kind} {reference.text}: gone",))
        assert named_in_errors == (["reference_left"] if kind == "id" else []), where
        assert "reference_wrong" in kinds(old, place.format(wrong), [reference]), where


@settings(deadline=None, max_examples=40)
@given(st.text(min_size=1, max_size=8).map(lambda text: "k/" + text))
def test_d18_any_key_is_known_in_each_spelling(key: str) -> None:
    encodable = key.encode("utf-8", "replace").decode()
    for name, spell in SPELLINGS.items():
        assert name not in PLAIN_SPELLINGS or re.fullmatch(spelled(encodable), spell(encodable))
        # No escape of CSS stands for each control character.
        if name in PLAIN_SPELLINGS or encodable.isprintable():
            assert end_of(f"{spell(encodable)}>", encodable, 0) == len(spell(encodable))


def test_a_key_that_is_spelled_otherwise_in_the_clone_is_told() -> None:
    assert kinds(KEY, quote(NEW_KEY), [IMAGE]) == ["reference_spelling"]
    assert kinds(quote(KEY), quote(NEW_KEY).replace("%C3%B6", "%c3%b6"), [IMAGE]) == []


@pytest.mark.parametrize("spell", SPELLINGS.values(), ids=SPELLINGS.keys())
@pytest.mark.parametrize("name", ["a b.png", "pic-ture_1~.png", "ö/é.png"])
def test_d18_the_file_name_must_stand_as_it_stood(spell: Spell, name: str) -> None:
    old, new = KEY[:36] + "/" + name, NEW_KEY[:36] + "/" + name
    images = [Reference("image", old, (new,))]
    for other in (spell, str, percent, percent_lower, escape, json_string, css_code):
        same = spell(f"/{name}").casefold() == other(f"/{name}").casefold()
        changed = f"<{spell(new[:36])}{other(f'/{name}')}>"
        found = kinds(f"<{spell(old[:36])}{spell(f'/{name}')}>", changed, images)
        assert found == ([] if same else ["reference_spelling"])


def test_d18_of_two_readings_the_plain_one_is_meant() -> None:
    spaced, plus = "pictures/one two.png", "pictures/one+two.png"
    images = [Reference("image", spaced, (f"{FORM}/a.png",)), Reference("image", plus, (f"{NEW_FORM}/b.png",))]
    assert kinds(f"{plus} {spaced}", f"{NEW_FORM}/b.png {FORM}/a.png", images) == []


def test_a_form_that_became_no_form_is_told() -> None:
    old = f"/userform/{FORM}?a <p>Text</p>"
    assert kinds(old, old.replace(FORM, "x"), form_references([FORM])) == ["reference_wrong"]


def test_a_word_that_several_keys_hold_is_looked_up_in_a_text_without_their_beginning() -> None:
    assert (
        kinds("the-longest-word.png", "the-longest-word.png", [Reference("image", "pictures/the-longest-word.png")])
        == []
    )


def test_d17_of_two_keys_the_longer_is_meant() -> None:
    short, long = "aaaaaaaa/picture.png", "aaaaaaaa/picture.png.webp"
    references = [Reference("image", short, ("bbbbbbbb/s.png",)), Reference("image", long, ("bbbbbbbb/l.webp",))]
    assert kinds(f"{short} {long}", "bbbbbbbb/s.png bbbbbbbb/l.webp", references) == []
    assert kinds(long, "bbbbbbbb/s.png.webp", references) == ["reference_wrong", "text_changed"]


def test_d17_what_is_part_of_a_longer_word_may_be_a_reference_or_not() -> None:
    references = id_references([("64b000000000000000000001", "64b000000000000000000002")])
    for new in ("x64b000000000000000000001", "x64b000000000000000000002"):
        assert kinds("x64b000000000000000000001", new, references) == []


@pytest.mark.parametrize("before", ["%2F", "%252F", "%25252F", "\\n", "\\u002f", "/", '"', "é", "step-"])
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


@pytest.mark.parametrize("page", ["/step/7-welcome", "/step/7.html", f"{FORM} "])
def test_b13_what_may_be_a_part_of_something_longer_may_stay(page: str) -> None:
    references = id_references([("7", "new"), (FORM[-12:], "new")])
    assert kinds(page, page, references) == []
    assert kinds(f"/step/7. {FORM[-12:]} {page}", f"/step/7. {FORM[-12:]} {page}", references) == ["reference_left"] * 2


def test_d11_a_form_id_ends_where_its_letters_end() -> None:
    text = f'{{"a":"/userform/{FORM}","b":"\\/userform\\/{NEW_FORM}?x=1","c":"/userform/7/edit"}} /userform/v1.2.'
    assert embedded_forms(text) == [FORM, NEW_FORM, "7", "v1.2"]


def test_d11_the_copies_of_a_form_are_gathered() -> None:
    findings = Findings()
    old, new = f"/userform/{FORM}? {FORM}", f"/userform/{NEW_FORM}? {FORM[:-1]}1"
    comparison = Comparison("here", Layer(old), new, Finder(form_references([FORM])), False, (), (), findings)  # noqa: FBT003
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
        "&lt;script api-key=&#39;KEY&#39; custom-chat-widget=&apos;true&apos;&gt;",
        "&lt;script custom-chat-widget=&#34;true&#34; api-key=&#x22;KEY&#x22;&gt;",
        "&#60;script custom-chat-widget&#61;true api-key&equals;KEY&#x3e;",
        "&amp;lt;script custom-chat-widget=&amp;quot;true&amp;quot; api-key=&amp;quot;KEY&amp;quot;&amp;gt;",
        "<script data-a='&gt;' custom-chat-widget=true api-key=KEY>",
        "\\x3cscript custom-chat-widget=\\x22true\\x22 api-key=\\x22KEY\\x22\\x3e",
    ],
)
def test_d12_a_chat_key_is_found_however_its_script_is_written(script: str) -> None:
    assert [script[start:end] for start, end in chat_keys(script)] == ["KEY"]
    assert kinds(script, script.replace("KEY", "TOKEN$1"), [], chat=True, tokens=("TOKEN$1",)) == []
    assert kinds(script, script, [], chat=True, tokens=("TOKEN",)) == ["chat_key"]
    assert kinds(script, script.replace("KEY", ""), [], chat=True) == ["chat_key"]
    assert kinds(script, script.replace("KEY", ""), [], chat=True, errors=("chat: no token",)) == []
    assert kinds(script, script, [], chat=False) == []


def test_d12_each_of_several_widgets_is_judged() -> None:
    page = (
        '<script custom-chat-widget="true" api-key="ONE"></script><script api-key="NONE"></script>'
        "&lt;script custom-chat-widget=&#34;true&#34; api-key=&#34;TWO&#34;&gt;"
        "<script custom-chat-widget=true api-key=THREE>"
    )
    right = page.replace('"ONE"', '"NEW"').replace("TWO", "NEW").replace("THREE", "NEW")
    assert kinds(page, right, [], chat=True, tokens=("NEW",)) == []
    for one, other in (('"NEW"', '"ONE"'), (";NEW&", ";TWO&"), ("=NEW>", "=THREE>")):
        assert kinds(page, right.replace(one, other), [], chat=True, tokens=("NEW",)) == ["chat_key"]
    assert kinds(page, right.replace("NONE", "NEW"), [], chat=True, tokens=("NEW",)) == ["text_changed"]


@pytest.mark.parametrize("empty", ["", "''", '""'])
def test_d12_an_empty_key_may_stand_in_quotes_where_the_old_one_had_none(empty: str) -> None:
    page = "<script custom-chat-widget=true api-key=KEY async>"
    assert kinds(page, page.replace("KEY", empty), [], chat=True, errors=("chat: no token",)) == []
    assert kinds(page, page.replace("KEY", empty), [], chat=True) == ["chat_key"]


@pytest.mark.parametrize("script", ['<script api-key="KEY"></script>', '<i custom-chat-widget="true" api-key="KEY">'])
def test_d12_no_other_key_is_a_chat_key(script: str) -> None:
    assert chat_keys(script) == []


FULL = [
    Reference("image", KEY, (NEW_KEY,)),
    Reference("id", "64b000000000000000000001", ("64b000000000000000000002",)),
    *form_references([FORM]),
]
WIDGET = '<script custom-chat-widget="true" api-key="{}"></script>'


def page(image: str, step: str, form: str, chat: str) -> str:
    """Every reference in every spelling, between letters of one byte to four."""
    places = (f"é {spell(text)} 🙂" for spell in SPELLINGS.values() for text in (image, step, form))
    return "".join(places) + WIDGET.format(chat)


def account_of(old: str, new: str, errors: tuple[str, ...] = ()) -> Account:
    findings = Findings(account=Account(keep=True))
    Comparison("here", Layer(old), new, Finder(FULL), True, ("TOKEN",), errors, findings).walk()  # noqa: FBT003
    return findings.account


def applied(spans: list[Span], old: str) -> str:
    """The original's text with each span put in its place."""
    new, read = "", 0
    for span in spans:
        assert old[span.original_at :].startswith(span.original)
        new += old[read : span.original_at]
        assert len(new) == span.clone_at
        new, read = new + span.clone, span.original_at + len(span.original)
    return new + old[read:]


OLD_PAGE = page(KEY, "64b000000000000000000001", FORM, "KEY")
NEW_PAGE = page(NEW_KEY, "64b000000000000000000002", NEW_FORM, "TOKEN")


@pytest.mark.parametrize(
    ("new", "unexplained"),
    [
        (NEW_PAGE, 0),
        (OLD_PAGE, 0),
        (NEW_PAGE.replace("64b000000000000000000002", "64b00000", 1), 1),
        (NEW_PAGE.replace("🙂", "é🙂", 9), 1),
        (NEW_PAGE.replace("TOKEN", ""), 0),
        (NEW_PAGE.replace("TOKEN", "of nobody"), 1),
        (NEW_PAGE + "more", 1),
        (NEW_PAGE[:-100], 1),
        (NEW_PAGE[:100], 1),
        ("", 1),
    ],
    ids=[
        "sound",
        "nothing mapped",
        "a wrong id",
        "a change",
        "no token",
        "a wrong token",
        "longer",
        "shorter",
        "cut",
        "empty",
    ],
)
def test_the_account_holds_every_byte_of_both_texts(new: str, unexplained: int) -> None:
    account = account_of(OLD_PAGE, new)
    assert applied(account.kept, OLD_PAGE) == new
    assert account.bytes_equal + account.bytes_replaced == len(OLD_PAGE.encode())
    assert account.bytes_equal + account.bytes_differing == len(new.encode())
    assert account.bytes_replaced == sum(len(span.original.encode()) for span in account.kept)
    assert (account.texts, account.spans, account.unexplained) == (1, len(account.kept), unexplained)
    assert [span.kind for span in account.kept].count("unexplained") == unexplained


def test_the_account_of_a_sound_page_is_its_references_and_nothing_else() -> None:
    spans = account_of(OLD_PAGE, NEW_PAGE).kept
    maps = {(span.kind, span.source, span.target) for span in spans}
    assert len(spans) == 3 * len(SPELLINGS) + 1
    assert maps == {
        ("image", KEY, NEW_KEY),
        ("id", "64b000000000000000000001", "64b000000000000000000002"),
        ("form", FORM, NEW_FORM),
        ("chat", "KEY", "TOKEN"),
    }


def test_the_account_keeps_no_spans_that_nobody_asked_for() -> None:
    findings = Findings()
    Comparison("here", Layer(OLD_PAGE), NEW_PAGE, Finder(FULL), True, ("TOKEN",), (), findings).walk()  # noqa: FBT003
    assert (findings.account.kept, findings.account.spans) == ([], 3 * len(SPELLINGS) + 1)


@given(st.text(), st.text())
def test_the_account_holds_any_two_texts(old: str, new: str) -> None:
    account = account_of(old, new)
    assert applied(account.kept, old) == new
    assert account.bytes_equal + account.bytes_differing == len(new.encode("utf-8", "surrogatepass"))


def test_json_that_is_none_any_more_is_told() -> None:
    old, new = '{"a":"<script custom-chat-widget=\\"true\\" api-key=\\"KEY\\">"}', 'a"b'
    changed = old.replace("KEY", new)
    assert kinds(old, changed, [], chat=True, tokens=(new,)) == ["text_changed"]
    assert kinds(old, old.replace("KEY", 'a\\"b'), [], chat=True, tokens=(new,)) == []
