"""What is a reference and what is not: B13-B15, D8, D10, D11, D17."""

import json
import re
import uuid
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.core import spellings
from engine.core.model import Identity
from engine.core.references import ReferenceFinder
from tests.writers import ROWS

FUNNEL, STEP = "64a1b2c3d4e5f60718293a4b", "64a1b2c3d4e5f60718293a4c"
KEY = "0a6c1b1e-3c0b-4f3a-9d3e-0d6f6f1f2a10/photo.png"
FORM = "5e0c3c57-0c6a-4f3b-8a55-6a1f2d0c9b11"


def found(
    text: str, *, ids: tuple[str, ...] = (FUNNEL, STEP), keys: tuple[str, ...] = (KEY,), buckets: tuple[str, ...] = ()
) -> list[tuple[str, str]]:
    """Kind and text of each reference, after a check that its span is what it says."""
    references = ReferenceFinder(ids, keys, buckets).find(text)
    assert sorted(references, key=lambda r: r.start) == list(references)
    assert all(one.end <= other.start for one, other in pairwise(references))
    return [(r.identity.kind, r.identity.text) for r in references]


def test_b13_d8_ids_of_the_funnel_and_all_its_steps_are_found() -> None:
    html = f'é<a data-step-{STEP}="x" href="/funnel/{FUNNEL}/step/{STEP}?a#b">{FUNNEL}.</a>'
    assert found(html) == [("id", STEP), ("id", FUNNEL), ("id", STEP), ("id", FUNNEL)]


def test_offsets_are_characters() -> None:
    text = f"é😀 {FUNNEL}"
    (found,) = ReferenceFinder([FUNNEL], []).find(text)
    assert (found.start, found.end, found.identity) == (3, 27, Identity("id", FUNNEL))


@pytest.mark.parametrize("around", ["a{}", "{}0", "_{}", "{}_", "Z{}Z", "{0}{0}"])
def test_b13_an_id_inside_a_longer_word_is_none(around: str) -> None:
    assert found(around.format(FUNNEL)) == []


@pytest.mark.parametrize(
    "around",
    [
        "\\n{}",
        "\\t{}\\r",
        "\\u00e9{}\\n",
        "%2F{}%2f",
        "%252F{}%252F",
        "%3d{}",
        "-{}-",
        ".{}.",
        "é{}看",
        "{}",
        "&#47;{}&",
        "\\/{}\\",
    ],
)
def test_what_ends_an_escape_is_no_word(around: str) -> None:
    assert found(around.format(FUNNEL)) == [("id", FUNNEL)]


@pytest.mark.parametrize("before", ["n", "\\x", "%2", "%zz", "u00e9", "\\u0e9", "\\q"])
def test_what_only_looks_like_the_end_of_an_escape_is_a_word(before: str) -> None:
    assert found(before + FUNNEL) == []


@pytest.mark.parametrize(
    "around", ["x{}", "_{}", "x-{}", "{}2", "{}_", "{}.webp", "{}-2", "{}%20x", "{}%C3%A9", "{}%61"]
)
def test_d17_a_key_inside_a_longer_one_is_none(around: str) -> None:
    assert found(around.format(KEY)) == []


@pytest.mark.parametrize(
    "around", ["/{}", '"{}"', "<!--{}-->", "{}.", "{}?w=1", "{}%22", "({})", "{},", "{}\\n", "/{}/x"]
)
def test_b14_a_key_between_boundaries_is_one(around: str) -> None:
    assert found(around.format(KEY)) == [("image", KEY)]


def test_d17_the_longest_key_counts_and_a_longer_that_does_not_stand_hides_none() -> None:
    short, middle, long = "folder/of/photos", "folder/of/photos/a.png", "folder/of/photos/a.png.webp"
    keys = (short, middle, long)
    assert found(f"/{long} /{middle} /{short}", keys=keys) == [("image", long), ("image", middle), ("image", short)]
    assert found(f"/{long}2", keys=keys) == [("image", short)]
    assert found(f"/{middle}x", keys=(short, middle)) == [("image", short)]


def test_d10_equal_file_names_are_told_apart_by_key() -> None:
    other = f"{uuid.UUID(int=7)}/photo.png"
    assert found(f"/{other} /{KEY}", keys=(KEY, other)) == [("image", other), ("image", KEY)]


def slashes_escaped(text: str) -> str:
    return text.replace("/", "\\/")


def upper_digits(text: str) -> str:
    return re.sub(r"\\u[0-9a-f]{4}", lambda found: "\\u" + found[0][2:].upper(), text)


STRANGE = 'folder-of-images/a "b" \\c é😀&<x>\'.png'


@pytest.mark.parametrize("levels", [1, 2])
@pytest.mark.parametrize("ascii_only", [False, True])
@pytest.mark.parametrize("change", [str, slashes_escaped, upper_digits])
def test_keys_in_json_are_found_in_the_spelling_of_their_writer(
    levels: int, change: Callable[[str], str], *, ascii_only: bool
) -> None:
    for key in (KEY, STRANGE):
        text = key
        for _ in range(levels):
            text = change(json.dumps({"u": text}, ensure_ascii=ascii_only))
        assert found(text, keys=(KEY, STRANGE)) == [("image", key)]


@pytest.mark.parametrize(
    "spelling",
    [
        "https://s3/media/0a6c1b1e/soil%20%26%20%C3%A9's.png",
        "0a6c1b1e/soil%20%26%20%C3%A9%27s.png",
        "0a6c1b1e/soil%20&amp;%20%C3%A9&#x27;s.png",
        "0a6c1b1e/soil &amp; é&#x27;s.png",
        "0a6c1b1e\\/soil%20&%20%C3%A9's.png",
        "?u=https%3A%2F%2Fs3%2F0a6c1b1e%2Fsoil%20%26%20%C3%A9's.png%3Fw",
    ],
)
def test_d18_keys_in_addresses_and_attributes_are_found(spelling: str) -> None:
    assert found(f'src="{spelling}"', keys=("0a6c1b1e/soil & é's.png",)) == [("image", "0a6c1b1e/soil & é's.png")]


@pytest.mark.parametrize("before", ["/userform/", "\\/userform\\/", "\\\\/userform\\\\/", "https://a.b/userform/"])
@pytest.mark.parametrize("after", [*"?/\"'&\\<>)(#,; \n`", "", '","x":1', '\\",\\"y', "%22", "\\u0022"])
def test_b15_d11_a_form_ends_where_no_id_goes_on(before: str, after: str) -> None:
    assert found(f"x{before}{FORM}{after}") == [("form", FORM)]
    assert found(f"x{before}1{after}") == [("form", "1")]


def test_an_empty_form_id_is_none() -> None:
    assert found('/userform/ /userform/" /userform//x /userform/{{id}} /userform/') == []


def test_b15_d11_a_strong_form_id_counts_wherever_it_stands_on_the_page() -> None:
    html, components = f'<iframe src="/userform/{FORM}"> /userform/7', f'{{"form":"{FORM}","n":7,"x":"{FORM}0"}}'
    in_html, in_components = ReferenceFinder([], []).find_on_page((html, components))
    assert [r.identity for r in in_html] == [Identity("form", FORM), Identity("form", "7")]
    assert [(r.identity, r.start) for r in in_components] == [(Identity("form", FORM), 9)]
    assert found(f"{FORM}") == []


@pytest.mark.parametrize("escaped", ["{}.", "{}.</p>", "{}...", "{}.%22", "{}.\\n", "{}.&nbsp;"])
@pytest.mark.parametrize("before", ["/userform/", "\\/userform\\/", "%2Fuserform%2F"])
def test_b15_d11_a_dot_behind_a_form_is_the_sentences(before: str, escaped: str) -> None:
    assert found(f"x{before}{escaped.format(FORM)}") == [("form", FORM)]
    assert found(f"x{before}{escaped.format('v1.2')}") == [("form", "v1.2")]


@pytest.mark.parametrize("behind", ["-welcome", ".html", "_2", "%20x"])
def test_b13_a_weak_id_is_a_whole_part_of_an_address(behind: str) -> None:
    assert found(f"/step/7{behind} /funnel/7{behind} /step/7. ", ids=("7",)) == [("id", "7")]


@pytest.mark.parametrize("escaped", [str, lambda text: text.replace("-", "%2D")])
def test_b13_an_id_of_twelve_characters_is_not_the_end_of_a_uuid(escaped: Callable[[str], str]) -> None:
    text = f'"{escaped(FORM)}" {FORM[-12:]} x-{FORM[-12:]}'
    assert found(text, ids=(FORM[-12:],)) == [("id", FORM[-12:])] * 2


def test_d18_a_weak_key_keeps_the_spelling_of_its_slash_on_a_page_with_needless_escapes() -> None:
    (reference,) = ReferenceFinder([], ["a.png"], ["media"]).find("%36 https:%2F%2Fs3%2Fmedia%2Fa.png")
    assert reference.spelling.respell("b c/d.png", "", 0) == "b%20c%2Fd.png"


def test_weak_ids_are_found_in_their_own_place_alone() -> None:
    text = '{"n":7,"a":"/funnel/7/step/12?x","b":"\\/step\\/7","c":"/step/123","d":"footstep/7"} 12'
    assert found(text, ids=("7", "12")) == [("id", "7"), ("id", "12"), ("id", "7")]


@pytest.mark.parametrize(
    "url",
    [
        "https://s3.host/media/a",
        "http:\\/\\/127.0.0.1:9\\/media\\/a",
        "media/a",
        "https://media.s3.eu.host:80/a",
        "//media.s3.host\\/a",
        "https:%2F%2Fmedia/a",
    ],
)
def test_weak_keys_are_found_in_an_objects_url_alone(url: str) -> None:
    assert found(f'"{url}" a /a "a" https://other/a', keys=("a",), buckets=("media",)) == [("image", "a")]
    for around in ("x{}", "{}b", "{}.png"):
        expected = [("image", "a")] if around == "x{}" and url.startswith(("http", "//")) else []
        assert found(around.format(url), keys=("a",), buckets=("media",)) == expected


def test_a_weak_key_hides_no_strong_one_that_begins_like_it() -> None:
    assert found(f"/x/{KEY} /media/0", keys=(KEY, "0"), buckets=("media",)) == [("image", KEY), ("image", "0")]


def test_what_is_empty_is_not_searched() -> None:
    assert found('a / "" media/ /funnel/ /step/', ids=("",), keys=("",), buckets=("media", "")) == []


def test_a_payload_is_nobodys_text() -> None:
    text = f"url(data:image/png;base64,AAA/{FUNNEL}/\\/{STEP}==) /{STEP}"
    assert found(text) == [("id", STEP)]


def test_a_payload_is_nobodys_text_whatever_else_is_looked_for() -> None:
    text = f"url(data:image/png;base64,{FUNNEL}) \u4e00"
    assert found(text, keys=("é-photo-of-us/é.png",)) == []
    assert found(text, keys=("a",), buckets=("png;b",)) == []


def test_what_stands_directly_beside_a_payload_is_found() -> None:
    payload, key = ";base64,AAA/BBB==", "été/photo-de-plage.png"
    text = f"{FUNNEL}{payload}{key} {payload} {payload} {STEP}{payload} {STEP}"
    assert found(text, keys=(key,)) == [("id", FUNNEL), ("image", key), ("id", STEP), ("id", STEP)]


def test_a_weak_key_that_is_named_twice_is_found_once() -> None:
    assert found("media/a.png", keys=("a.png", "a.png"), buckets=("media",)) == [("image", "a.png")]


def test_a_chat_keys_place_is_the_chats_alone() -> None:
    page = f'<script custom-chat-widget="true" api-key="{FUNNEL}" data-id="{FUNNEL}"></script>'
    assert found(page) == [("chat", FUNNEL), ("id", FUNNEL)]
    assert found(page + "<i style='src:url(data:a/b;base64,AA==)'>") == [("chat", FUNNEL), ("id", FUNNEL)]
    assert found('<script custom-chat-widget="true" api-key=""></script>') == [("chat", "")]


def test_a_page_that_is_read_to_its_end_says_so() -> None:
    assert ReferenceFinder([], [KEY]).find(f"%36 {KEY[:36]}%2X &amp; {KEY}").complete


def test_a_text_that_utf8_cannot_hold_is_searched_all_the_same() -> None:
    text = f"\ud800 {FUNNEL} \udfff"
    assert [(r.start, r.end) for r in ReferenceFinder([FUNNEL], ["\ud800/key-of-some-length"]).find(text)] == [(2, 26)]


WORDS = st.lists(st.sampled_from([FUNNEL, STEP, KEY, "/userform/1", " ", "/", "-", ".", "\\n", "a", "%2F", '"', "é"]))


@given(WORDS)
def test_references_are_what_they_say_ordered_and_disjoint(words: list[str]) -> None:
    text = "".join(words)
    for reference in ReferenceFinder([FUNNEL, STEP], [KEY]).find(text):
        assert text[reference.start : reference.end] == reference.identity.text
    found(text)


@pytest.mark.parametrize("piece", ["%\\&+" * 10, "\\" * 40, "%255C%5C2f", "&amp;" * 8])
def test_a_page_of_nothing_but_escapes_is_given_up(piece: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Counts what is tried, not seconds: what fails has an end, and what stands raw is found all the same."""
    tried = 0
    matching = spellings._matching

    def counted(*arguments: Any) -> Any:
        nonlocal tried
        tried += 1
        return matching(*arguments)

    monkeypatch.setattr(spellings, "_matching", counted)
    monkeypatch.setattr(spellings, "_MOST_FAILURES", 1_000)
    monkeypatch.setattr(spellings, "_CHARACTERS_PER_FAILURE", 100)
    times = 3_000
    page = (KEY[:36] + piece) * times + f'"{KEY}"'
    references = ReferenceFinder([], [KEY]).find(page)
    assert references[-1].end == len(page) - 1
    assert not references.complete
    assert tried < spellings._MOST_FAILURES + len(page) // spellings._CHARACTERS_PER_FAILURE + 2 * times + 500


@pytest.mark.parametrize(
    "key",
    [
        "custom/logo-1-of-us.png",
        "custom-chat-widget/logo.png",
        "to/custo/logo-of-us.png",
        *(f"{word}/a/b/c/d/e/f.png" for word in ("custo", "usto", "stom", "tom-", "om-c", "tom-chat-widget")),
    ],
)
def test_d12_no_key_hides_the_key_of_a_chat(key: str) -> None:
    page = '<script custom-chat-widget="true" api-key="SECRET"></script>'
    assert ("chat", "SECRET") in found(page, keys=(key, KEY))


def test_d12_no_key_that_begins_with_an_escape_before_a_widget_hides_its_key() -> None:
    page = '["<script\\ncustom-chat-widget=true api-key=SECRET>"]'
    assert found(page, keys=("ncusto/a/b/c/d/e/f.png",)) == [("chat", "SECRET")]


@pytest.mark.parametrize("hidden", ["%&#50;d", "%&#50;D", "&#3&#56;;#54;", "\\u00&#50;d"])
def test_what_is_an_escape_only_without_another_is_none(hidden: str) -> None:
    assert found(f"{hidden} {FUNNEL}") == [("id", FUNNEL)]


def test_d11_a_page_that_is_given_up_says_so_whatever_its_forms_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spellings, "_MOST_FAILURES", 10)
    monkeypatch.setattr(spellings, "_CHARACTERS_PER_FAILURE", 10_000)
    form, junk = "embedded.form-of-ours.1", "%\\&+" * 10
    for given_up in (KEY[:36] + junk, "embedded.form-of-ours" + junk, "%36 " + KEY[:36] + junk):
        (references,) = ReferenceFinder([], [KEY]).find_on_page((f"/userform/{form} {given_up * 20}",))
        assert [r.identity.text for r in references] == [form]
        assert not references.complete
    (references,) = ReferenceFinder([], [KEY]).find_on_page((f"/userform/{form} &#{KEY}",))
    assert references.complete


@pytest.mark.parametrize("end", ["”", "。见", "…", "!", ":", "@", "\ud800"])
def test_b15_a_form_ends_before_what_stands_in_no_id(end: str) -> None:
    assert found(f"/userform/{FORM}{end}") == [("form", FORM)]


def test_b15_what_is_too_long_for_a_form_is_none() -> None:
    assert found("/userform/" + "a" * 129) == []


def test_d17_a_key_that_goes_on_in_two_escapings_is_another() -> None:
    assert found(f"{KEY}%2520copy.png {KEY}%25C3%25A9") == []


STRANGE_KEYS = ["été/photo-de-plage.png", "图片/产品/二零二四年春季新品发布.png", "a/é/à/été à la mer.png"]


@pytest.mark.parametrize("key", STRANGE_KEYS)
@pytest.mark.parametrize("row", ["raw", "json", "json in json", "percent: as object stores do", "html: decimal"])
def test_d18_keys_that_begin_with_or_are_made_of_other_letters_are_found_whole(key: str, row: str) -> None:
    written = ROWS[row](key)
    (reference,) = ReferenceFinder([], [key]).find(f'<x "{written}">')
    assert (reference.start, reference.end) == (4, 4 + len(written))


def test_of_two_keys_that_fit_one_place_the_one_in_fewer_escapings_counts() -> None:
    keys = ("fold-abcdefgh/a b.png", "fold-abcdefgh/a%20b.png")
    for ordered in (keys, keys[::-1]):
        assert found('src="fold-abcdefgh/a%20b.png"', keys=ordered) == [("image", keys[1])]
