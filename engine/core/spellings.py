r"""How a reference may be spelled: a closed table, each row a way of writing a text. Pure.

A row is a chain of layers, the innermost first, each of which escapes characters one by one. Found in a row's
spelling, a reference is replaced in that row's spelling. ``needs`` says which characters a text must hold for the row
to differ from the rows before it: a text without them is not spelled in it, so a hex id has one pattern and a key
with a slash has four. docs/spellings.md is the same table for readers.
"""

import html
import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Literal
from urllib.parse import quote

from engine.core.model import Identity

Trait = Literal["slash", "quote", "foreign", "markup", "reserved"]
Encode = Callable[[str], str]

_UNICODE_ESCAPE = re.compile(r"\\(\\|u[0-9a-f]{4})")
_QUOTE = re.compile(r'["\\\x00-\x1f]')
_MARKUP = re.compile(r"[<>&']")
_RESERVED = re.compile(r"[^A-Za-z0-9/._~-]")
_BEYOND_HTML = re.compile(r"[\\\x00-\x1f]")
_BARE_BREAKS = re.compile(r"[ =`]")


@dataclass(frozen=True, slots=True)
class Reference:
    """Where a text refers to something, and in which spelling."""

    start: int
    """Offset in characters."""
    end: int
    identity: Identity
    spelling: str
    """Name of a row of ``SPELLINGS``."""


@dataclass(frozen=True, slots=True)
class Spelling:
    """A row of the table."""

    name: str
    layers: tuple[Encode, ...]
    needs: frozenset[Trait] = frozenset()

    def encode(self, text: str) -> str:
        """The text as it stands in this spelling."""
        for layer in self.layers:
            text = layer(text)
        return text


@dataclass(frozen=True, slots=True)
class JsonString:
    r"""The inside of a JSON string. Writers differ in what they escape beyond what JSON asks for."""

    slash: bool = False
    r"""``/`` as ``\/``."""
    digits: Literal["", "lower", "upper"] = ""
    r"""What is not ASCII as ``\u00e9`` or ``\u00E9``, in pairs of surrogates where it takes two."""
    markup: bool = False
    r"""``<>&'`` as ``\u003c`` and so on, as writers do that put JSON into HTML."""

    def __call__(self, text: str) -> str:
        """Escape the text once."""
        escaped = json.dumps(text, ensure_ascii=bool(self.digits))[1:-1]
        if self.markup:
            escaped = _MARKUP.sub(lambda found: f"\\u{ord(found[0]):04x}", escaped)
        if self.digits == "upper":
            escaped = _UNICODE_ESCAPE.sub(lambda found: "\\" + found[1][0] + found[1][1:].upper(), escaped)
        return escaped.replace("/", "\\/") if self.slash else escaped

    @property
    def name(self) -> str:
        """As in ``json/u``: slashes escaped, and what is not ASCII in lower-case digits."""
        return "json" + "/" * self.slash + {"": "", "lower": "u", "upper": "U"}[self.digits] + "&" * self.markup

    @property
    def needs(self) -> frozenset[Trait]:
        """The characters that this writer, and not the plain one, escapes."""
        wanted: dict[Trait, bool] = {"slash": self.slash, "foreign": bool(self.digits), "markup": self.markup}
        return frozenset(trait for trait, is_wanted in wanted.items() if is_wanted)


def _attribute(text: str) -> str:
    """An attribute's value between quotes, whichever they are, in however many JSON strings.

    What JSON or HTML would have to escape stands as a character reference, and those JSON leaves alone: how deep the
    attribute lies, which cannot always be told, then makes no difference.
    """
    return _BEYOND_HTML.sub(_character_reference, html.escape(text, quote=True))


def _bare_attribute(text: str) -> str:
    """An attribute's value without quotes. Empty, it needs them: the next attribute would be taken for the value."""
    return _BARE_BREAKS.sub(_character_reference, _attribute(text)) if text else "''"


def _character_reference(found: re.Match[str]) -> str:
    return f"&#{ord(found[0])};"


def _json_rows() -> Iterator[Spelling]:
    digits: tuple[Literal["", "lower", "upper"], ...] = ("", "lower", "upper")
    writers = [JsonString(slash, d, markup) for markup in (False, True) for d in digits for slash in (False, True)]
    for writer in writers:
        yield Spelling(writer.name, (writer,), writer.needs)
    for inner in writers:
        for outer in writers:
            # What the inner writer has escaped, the outer one finds no more: those rows would be doubles.
            if not (inner.digits and outer.digits) and not (inner.markup and outer.markup):
                needs = (inner.needs or frozenset({"quote"})) | outer.needs
                yield Spelling(f"{inner.name} in {outer.name}", (inner, outer), needs)


def _web_rows() -> Iterator[Spelling]:
    """A key in a URL, a URL in an HTML attribute, and either of them in a JSON string."""
    percent: dict[str, tuple[Encode, Trait]] = {
        "url": (_percent("/:[]@!$&'()*+,;="), "reserved"),  # as browsers write a path
        "strict url": (_percent("/"), "reserved"),  # as object stores do
        "url segments": (_percent("/!'()*"), "reserved"),  # as scripts do, one part at a time
        "url part": (_percent("!'()*"), "slash"),  # as an address within another one's query
    }
    urls = [Spelling(name, (encode,), frozenset({trait})) for name, (encode, trait) in percent.items()]
    markup = Spelling("html", (partial(html.escape, quote=True),), frozenset({"markup"}))
    in_html = [Spelling(f"{url.name} in html", url.layers + markup.layers, url.needs | markup.needs) for url in urls]
    for row in (*urls, markup, *in_html):
        yield row
        for writer in (JsonString(), JsonString(slash=True)):
            yield Spelling(f"{row.name} in {writer.name}", (*row.layers, writer), row.needs | writer.needs)


def _percent(kept: str) -> Encode:
    return partial(quote, safe=kept, errors="surrogatepass")


RAW = "raw"
ROWS = (Spelling(RAW, ()), *_json_rows(), *_web_rows())
"""The spellings that ids and keys are looked for in: the plainer first."""

ATTRIBUTE = "attribute"
BARE_ATTRIBUTE = "bare attribute"

SPELLINGS = {
    row.name: row for row in (*ROWS, Spelling(ATTRIBUTE, (_attribute,)), Spelling(BARE_ATTRIBUTE, (_bare_attribute,)))
}
"""All spellings by name. Those of attributes are never looked for: what surrounds a chat key tells them."""


def spelled(text: str) -> Iterator[tuple[Spelling, str]]:
    """Each row that can make a difference to the text, and the text in it; equal ones among them."""
    traits = _traits(text)
    for row in ROWS:
        if row.needs <= traits:
            yield row, row.encode(text)


def is_json(text: str) -> bool:
    """Whether a text looks like JSON: an object or array from end to end. Cheap, and not a proof."""
    head, tail = text[:64].lstrip()[:1], text[-64:].rstrip()[-1:]
    return (head, tail) in {("{", "}"), ("[", "]")}


def _traits(text: str) -> frozenset[Trait]:
    held: dict[Trait, bool] = {
        "slash": "/" in text,
        "quote": bool(_QUOTE.search(text)),
        "foreign": not text.isascii(),
        "markup": bool(_MARKUP.search(text)),
        "reserved": bool(_RESERVED.search(text)),
    }
    return frozenset(trait for trait, is_held in held.items() if is_held)
