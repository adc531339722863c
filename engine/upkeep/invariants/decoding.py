r"""Takes the escapes off a text, layer by layer: percent, HTML, JSON and CSS, in any mixture. Pure.

Each layer takes off every escape that stands in the text, whatever its kind, so that three layers read any three
escapings on top of each other. A backslash before ``b``, ``f`` and the like is JSON's, before other hex digits CSS's.
"""

import re
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from html.entities import html5
from itertools import accumulate

LAYERS = 3

_ESCAPE = re.compile(
    r"(?:%[0-9a-fA-F]{2})+"
    r"|%u[0-9a-fA-F]{4}"
    r"|&(?:#[0-9]{1,9}|#[xX][0-9a-fA-F]{1,8}|[A-Za-z][A-Za-z0-9]{1,31});?"
    r"|\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}"
    r"|\\u[0-9a-fA-F]{4}|\\u\{[0-9a-fA-F]{1,6}\}|\\x[0-9a-fA-F]{2}"
    r"|\\[0-9ac-eA-F][0-9a-fA-F]{0,5}[ \t\n]?"
    r"|\\[^ux]",
    re.DOTALL,
)
_CONTROL = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t"}
_LAST_CODE = 0x10FFFF
_HEX = 16


@dataclass(slots=True)
class Layer:
    """A text without its outermost escapes."""

    text: str
    source: "Layer | None" = None
    """What it was read from; None for the text itself."""
    _map: tuple[list[int], list[int]] | None = field(default=None, repr=False)

    def origin(self, at: int) -> int:
        """Where in the text itself that stands which stands at ``at`` here."""
        if self.source is None:
            return at
        if self._map is None:
            self._map = _offsets(self.source.text)
        here, there = self._map
        place = bisect_right(here, at) - 1
        return self.source.origin(there[place] + (at - here[place]))


def layers(text: str) -> Iterator[Layer]:
    """The text with one layer of escapes less, with two, with three, as long as there is one to take off.

    The last with ``+`` for spaces, as forms encode them.
    """
    layer = Layer(text)
    for _ in range(LAYERS):
        decoded = _ESCAPE.sub(_replaced, layer.text)
        if decoded == layer.text:
            break
        layer = Layer(decoded, layer)
        yield layer
    if "+" in layer.text:
        yield Layer(layer.text.replace("+", " "), layer, ([0], [0]))


def _offsets(text: str) -> tuple[list[int], list[int]]:
    """Where each stretch between escapes begins: in the decoded text, and in this one."""
    stretches = [(0, 0)]
    stretches += ((len(_replaced(found)) - len(found[0]), found.end()) for found in _ESCAPE.finditer(text))
    shifts = accumulate(shift for shift, _ in stretches)
    there = [end for _, end in stretches]
    return [end + shift for end, shift in zip(there, shifts, strict=True)], there


def _replaced(found: re.Match[str]) -> str:
    return _decoded(found[0])


@lru_cache(maxsize=16384)
def _decoded(escape: str) -> str:
    if escape[0] == "%":
        return chr(int(escape[2:], _HEX)) if escape[1] == "u" else _percent(escape)
    if escape[0] == "&":
        return _entity(escape)
    kind, rest = escape[1], escape[2:]
    if kind == "u" and "\\" in rest:
        return bytes.fromhex(rest.replace("\\u", "")).decode("utf-16-be")
    if kind in "ux":
        return _character(rest.strip("{}"), _HEX, escape)
    if kind in "0123456789acdeABCDEF":
        return _character(escape[1:].rstrip(), _HEX, escape)
    return _CONTROL.get(kind, kind)


def _percent(escape: str) -> str:
    content = bytes.fromhex(escape.replace("%", ""))
    try:
        return content.decode()
    except UnicodeDecodeError:
        return content.decode("latin-1")


def _entity(escape: str) -> str:
    name = escape[1:].rstrip(";")
    if name[0] != "#":
        return html5.get(f"{name};", escape)
    return _character(name[2:], _HEX, escape) if name[1] in "xX" else _character(name[1:], 10, escape)


def _character(digits: str, base: int, escape: str) -> str:
    code = int(digits, base)
    return chr(code) if 0 < code <= _LAST_CODE else escape
