r"""How writers of pages escape: each a function from a text to the text that stands in its place.

An address writer makes one text of literals and identities; a place's writer is a chain, the innermost first.
"""

import html
import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from html.entities import codepoint2name
from urllib.parse import quote, quote_plus

from tests.corpus.identities import Url

Layer = Callable[[str], str]


@dataclass(frozen=True)
class AddressWriter:
    """How an address is percent-encoded."""

    write: Callable[[Url], str]
    layers: int
    """How often a text is encoded."""


def _parts(identity: Layer, literal: Layer = str) -> Callable[[Url], str]:
    return lambda url: "".join(identity(part) if at % 2 else literal(part) for at, part in enumerate(url))


def _lower_digits(text: str) -> str:
    return re.sub("%[0-9A-F]{2}", lambda found: found[0].lower(), text)


def _every_character(text: str) -> str:
    return "".join(f"%{byte:02X}" for byte in text.encode())


def _within_a_query(whole: Layer, inner: Layer = str) -> Callable[[Url], str]:
    return lambda url: "https://cdn.example.com/fit?w=300&u=" + whole(_parts(inner)(url)) + "&h=2"


def _host_of_bucket(url: Url) -> str:
    return _parts(quote)(url).replace("//s3.example.com/media/", "//media.s3.example.com/")


_strict = partial(quote, safe="/")
_component = partial(quote, safe="")

ADDRESSES = {
    "raw": AddressWriter(_parts(str), 0),
    "browser": AddressWriter(_parts(partial(quote, safe="/:[]@!$&'()*+,;=")), 1),
    "strict": AddressWriter(_parts(_strict), 1),
    "strict, lower digits": AddressWriter(_parts(lambda text: _lower_digits(_strict(text))), 1),
    "bucket in the host": AddressWriter(_host_of_bucket, 1),
    "slashes encoded": AddressWriter(_parts(_component), 1),
    "in a query": AddressWriter(_within_a_query(_component), 1),
    "in a query, lower digits": AddressWriter(_within_a_query(lambda text: _lower_digits(_component(text))), 1),
    "in a query, a space as +": AddressWriter(_within_a_query(partial(quote_plus, safe="/")), 1),
    "in a query, encoded twice": AddressWriter(_within_a_query(_component, _strict), 2),
    "every character encoded": AddressWriter(_parts(_every_character), 1),
}


def _references(form: str) -> Layer:
    return lambda text: re.sub(r"[<>&\"']", lambda found: form.format(ord(found[0])), text)


def _entities(text: str) -> str:
    """As ``htmlentities`` of PHP: whatever has a name."""
    names = {**codepoint2name, ord("'"): "#039"}
    return "".join(f"&{names[ord(char)]};" if ord(char) in names else char for char in text)


def _mustache(text: str) -> str:
    return re.sub(r"[&<>\"'`=/]", lambda found: f"&#x{ord(found[0]):X};", text)


ATTRIBUTES: dict[str, Layer] = {
    "named": html.escape,
    "decimal": _references("&#{};"),
    "decimal, leading zeros": _references("&#{:04d};"),
    "hex": _references("&#x{:x};"),
    "upper hex": _references("&#X{:X};"),
    "whatever has a name": _entities,
    "slashes too": _mustache,
    "beyond ASCII": lambda text: html.escape(text).encode("ascii", "xmlcharrefreplace").decode(),
}


def css_quoted(text: str) -> str:
    r"""In quotes, of either kind: ``\"``."""
    return re.sub(r"[\"'\\]", r"\\\g<0>", text)


def css_bare(text: str) -> str:
    r"""Without quotes: ``\ ``, ``\(``."""
    return re.sub(r"[\s\"'()\\]", r"\\\g<0>", text)


def _css_hex(form: str) -> Layer:
    return lambda text: re.sub(r"[\s\"'()\\<>&]", lambda found: form.format(ord(found[0])), text)


def _css_identifier(text: str) -> str:
    """As ``CSS.escape`` of browsers, but for a digit at the beginning: an address begins with none."""
    return re.sub(r"[\x20-\x2c./:-@\[-^`{-~]", r"\\\g<0>", text)


STYLES: dict[str, Layer] = {
    "backslashes": css_bare,
    "short hex": _css_hex("\\{:x} "),
    "six digits": _css_hex("\\{:06x}"),
    "six digits and a space": _css_hex("\\{:06X} "),
    "slashes in hex": lambda text: css_bare(text).replace("/", "\\2f "),
    "identifier": _css_identifier,
}


def json_string(text: str, *, ascii_only: bool = False, slash: bool = False, markup: bool = False) -> str:
    """The inside of a JSON string, or with the quotes stripped of any JSON that ``text`` is part of."""
    written = json.dumps(text, ensure_ascii=ascii_only)[1:-1]
    if markup:
        written = re.sub(r"[<>&']", lambda found: f"\\u{ord(found[0]):04x}", written)
    return written.replace("/", "\\/") if slash else written


def upper_unicode(text: str) -> str:
    r"""``\u00E9`` instead of ``\u00e9``."""
    return re.sub(r"(?<!\\)\\u[0-9a-f]{4}", lambda found: "\\u" + found[0][2:].upper(), text)


JSON_WRITERS: dict[str, Layer] = {
    "plain": json_string,
    "ascii": partial(json_string, ascii_only=True),
    "slashes": partial(json_string, slash=True),
    "ascii and slashes": partial(json_string, ascii_only=True, slash=True),
    "markup": partial(json_string, markup=True),
    "upper digits": lambda text: upper_unicode(json_string(text, ascii_only=True, slash=True, markup=True)),
}
