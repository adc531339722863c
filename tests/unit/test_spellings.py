"""The table of spellings (docs/spellings.md): each row, for each kind of identity, in each place (D18, B13-B15)."""

import re
from pathlib import Path

import pytest

from engine.core.model import Identity, ReferenceKind
from engine.core.references import ReferenceFinder
from engine.core.rewrite import rewrite
from tests.writers import ROWS, Writer, css_identifier

PAGE = Path(__file__).parents[2] / "docs" / "spellings.md"

FUNNEL, NEW_FUNNEL = "64a1b2c3d4e5f60718293a4b", "74b1b2c3d4e5f6071829ff4d"
NAME = 'soil & stönes ("1"), d\'été + 100%.png'
KEY, NEW_KEY = f"0b7b1a52-7c39-4f0e-8d2f-2f5f6f1f2a10/{NAME}", f"11c1d111-7c39-4f0e-8d2f-2f5f6f1f2a19/{NAME}"
DEEP_KEY, NEW_DEEP_KEY = "uploads/2024/été à la plage/photo 1.png", "11c1d111-7c39-4f0e-8d2f-2f5f6f1f2a19/photo 1.png"
FORM, NEW_FORM = "5e0c3c57-0c6a-4f3b-8a55-6a1f2d0c9b11", "7e0c3c57-0c6a-4f3b-8a55-6a1f2d0c9b99"

KINDS: dict[str, tuple[ReferenceKind, str, str]] = {
    "id": ("id", FUNNEL, NEW_FUNNEL),
    "image": ("image", KEY, NEW_KEY),
    "image in folders": ("image", DEEP_KEY, NEW_DEEP_KEY),
    "form": ("form", FORM, NEW_FORM),
}
PLACES = {
    "alone": "{}",
    "text": "<p>see {}</p>",
    "attribute": '<a href="{}">',
    "attribute, single quotes": "<a href='{}'>",
    "attribute, no quotes": "<img src={}>",
    "address": '<img src="https://s3.example.com/media/{}?w=1">',
    "bucket in the host": "//media.s3.example.com/{}#x",
    "srcset": '<img srcset="/{} 1x, /{} 2x">',
    "data attribute": "<div data-bg='/{}' data-id=\"{}\">",
    "lazy image": '<img data-src="/{}" data-srcset="/{} 640w">',
    "style attribute": "<i style=\"background:url('/{}')\">",
    "style element": "<style>.a{{background:url(/{})}}</style>",
    "meta refresh": '<meta http-equiv="refresh" content="0; url=/{}">',
    "open graph": '<meta property="og:image" content="https://cdn/{}">',
    "linked data": '<script type="application/ld+json">{{"image":"/{}"}}</script>',
    "script": "<script>let a = '/{}', b = [\"{}\"];</script>",
    "query": "?next=%2F{}&x=1",
    "comment": "<!-- {} -->",
    "json": '{{"a":"{}","b":["/{}"],"c":1}}',
    "json, slashes": '{{"a":"https:\\/\\/cdn\\/{}"}}',
    "json in json": '{{"a":"{{\\"b\\":\\"\\\\/{}\\"}}"}}',
    "json in an attribute": "<div data-props='{{&quot;u&quot;:&quot;{}&quot;}}'>",
}


def moved(text: str, kind: ReferenceKind, old: str, new: str) -> str:
    ids, keys, forms = ([old] if kind == k else [] for k in ("id", "image", "form"))
    return rewrite(text, ReferenceFinder(ids, keys, ["media"], forms).find(text), {Identity(kind, old): new})


# The places are no parameters: thousands of tests take longer to be counted than to be run.
@pytest.mark.parametrize("writer", ROWS.values(), ids=ROWS)
@pytest.mark.parametrize("kind", KINDS)
def test_d18_each_spelling_of_each_kind_is_moved_in_each_place(kind: str, writer: Writer) -> None:
    of, old, new = KINDS[kind]
    for where, place in PLACES.items():
        page = place.format(*[writer(old)] * 2)
        written = moved(page, of, old, new)
        assert written == place.format(*[writer(new)] * 2), where
        if kind != "image in folders":
            # What both keys have in common stands as it stood, so that the way back leads to the page, byte for byte.
            assert moved(written, of, new, old) == page, where


@pytest.mark.parametrize("kind", ["id", "image", "form"])
def test_d18_what_css_escapes_in_names_is_moved(kind: str) -> None:
    of, old, new = KINDS[kind]
    selector = "#{} {{color:red}}"
    assert moved(selector.format(css_identifier(old)), of, old, new) == selector.format(css_identifier(new))


NAMES = {
    "raw": "raw",
    "percent: lower-case digits": "percent",
    "percent: a form's field, + for a space": "form",
    "html: hex": "html",
    "json: slashes": "json",
    "css: digits": "css",
    "percent in html in json": "percent in html in json",
    "json in html": "json in html",
    "json in percent in html": "json in percent in html",
    "percent in percent": "percent in percent",
}


@pytest.mark.parametrize("row", NAMES)
def test_a_spelling_says_its_name(row: str) -> None:
    (found,) = ReferenceFinder([], [KEY]).find(ROWS[row](KEY))
    assert str(found.spelling) == NAMES[row]


def test_the_page_lists_the_rows_that_are_tested_and_no_other() -> None:
    listed = re.findall(r"^\| `([^`]+)` \|", PAGE.read_text("utf-8"), re.MULTILINE)
    assert listed == [*ROWS, "css: the name of an id or class"]


@pytest.mark.parametrize(
    ("key", "spelled"),
    [
        ("&co/team photo.png", "&amp;co/team photo.png"),
        ("&co/team photo.png", "\\u0026amp;co\\/team%20photo.png"),
        ("&co/team photo.png", "&#38;co/team photo.png"),
        ("%co/team photo.png", "%25co/team%20photo.png"),
        ("%co/team photo.png", "&#37;25co/team photo.png"),
        ("+co/team photo.png", "%2Bco/team+photo.png"),
    ],
)
def test_d18_a_key_may_begin_with_what_begins_an_escape(key: str, spelled: str) -> None:
    page = f'<img src="/{spelled}">'
    (found,) = ReferenceFinder([], [key], ["media"]).find(page)
    assert (page[found.start : found.end], found.identity.text) == (spelled, key)
    assert moved(page, "image", key, NEW_DEEP_KEY).startswith('<img src="/11c1d111')


@pytest.mark.parametrize(
    "space", ["%&#50;0", "%%320", "%\\u0032\\u0030", "%\\u0026#50;0", "\\u0025\\u0026#50;0", "\\\\u0025\\\\u0026#50;0"]
)
def test_d18_the_digits_of_an_escape_may_be_escaped_themselves(space: str) -> None:
    key, new = f"{FORM}/a b.png", f"{NEW_FORM}/a b.png"
    old = f"/{FORM}/a{space}b.png?w=1"
    assert moved(old, "image", key, new).replace(NEW_FORM, FORM) == old
    assert FORM not in moved(old, "image", key, new)
