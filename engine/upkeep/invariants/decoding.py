r"""Takes the escapes off a text, layer by layer: percent, HTML, JSON and CSS, in any mixture. Pure.

Each layer takes off every escape that stands in the text, whatever its kind, so that four layers read any four
escapings on top of each other. A backslash before ``n``, ``t`` and the like is JSON's, before a hex digit CSS's; before
``b`` or ``f`` it is CSS's where more digits and a blank follow.
An escape is read as one character, so that each character of a layer has a place in the text that it was read from.
"""

import re
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from html.entities import html5
from itertools import accumulate

LAYERS = 4
PLAIN = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.~")
"""Characters that no encoder has to escape."""

_MORE = "%[89abAB][0-9a-fA-F]"
_ESCAPE = re.compile(
    rf"%[cCdD][0-9a-fA-F]{_MORE}|%[eE][0-9a-fA-F](?:{_MORE}){{2}}|%[fF][0-7](?:{_MORE}){{3}}|%[0-9a-fA-F]{{2}}"
    r"|%u[dD][89abAB][0-9a-fA-F]{2}%u[dD][c-fC-F][0-9a-fA-F]{2}|%u[0-9a-fA-F]{4}"
    r"|&(?:#[0-9]{1,9}|#[xX][0-9a-fA-F]{1,8}|[A-Za-z][A-Za-z0-9]{1,31});?"
    r"|\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}"
    r"|\\u[0-9a-fA-F]{4}|\\u\{[0-9a-fA-F]{1,6}\}|\\x[0-9a-fA-F]{2}"
    r"|\\[0-9ac-eA-F][0-9a-fA-F]{0,5}(?:\r\n|[ \t\r\n\f])?"
    r"|\\[bf][0-9a-fA-F]{1,4}[ \t\r\n\f]|\\[^ux]",
    re.DOTALL,
)
_SYNTAX = frozenset("%&\\#;{}")
"""Characters beyond the plain ones that escapes are made of."""
_CONTROL = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t"}
_LAST_CODE = 0x10FFFF
_HEX = 16


@dataclass(slots=True)
class Layer:
    """A text, or one without its outermost escapes; what lies deeper is read when it is first asked for."""

    text: str
    source: "Layer | None" = None
    """What it was read from; None for the text itself."""
    depth: int = 0
    """How many layers of escapes were taken off."""
    _inner: "Layer | None" = field(default=None, repr=False)
    _read: bool = field(default=False, repr=False)
    _map: tuple[list[int], list[int]] | None = field(default=None, repr=False)

    @property
    def inner(self) -> "Layer | None":
        """With one layer of escapes less; None where there is none to take off, or where four were."""
        if not self._read:
            self._read = True
            decoded = _ESCAPE.sub(_replaced, self.text) if self.depth < LAYERS else self.text
            self._inner = Layer(decoded, self, self.depth + 1) if decoded != self.text else None
        return self._inner

    @property
    def stack(self) -> list["Layer"]:
        """This layer, and all that lie deeper."""
        return [self, *(self.inner.stack if self.inner else ())]

    def origin(self, at: int) -> int:
        """Where in the text itself that stands which stands at ``at`` here."""
        if self.source is None:
            return at
        if self._map is None:
            self._map = _offsets(self.source.text)
        here, there = self._map
        place = bisect_right(here, at) - 1
        return self.source.origin(there[place] + (at - here[place]))

    def revealing(self) -> Iterator["Layer"]:
        """The deeper layers, from the first in which a plain character shows that stood escaped.

        Most pages escape none; they are read once or twice, and nothing need be looked for in what was read.
        """
        layer: Layer | None = self
        shows = False
        while layer is not None:
            if not shows:
                shown = {char for escape in set(_ESCAPE.findall(layer.text)) for char in _decoded(escape)}
                shows = not PLAIN.isdisjoint(shown)
                if not shows and _SYNTAX.isdisjoint(shown):
                    return
            layer = layer.inner
            if shows and layer is not None:
                yield layer


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
        return _percent(escape)
    if escape[0] == "&":
        return _entity(escape)
    kind, rest = escape[1], escape[2:]
    if kind == "u" and "\\" in rest:
        return _pair(rest.replace("\\u", ""))
    if kind in "ux":
        return _character(rest.strip("{}"), _HEX, escape)
    if kind in "0123456789acdeABCDEF" or (rest and kind in "bf"):
        return _character(escape[1:].rstrip(), _HEX, escape)
    return _CONTROL.get(kind, kind)


def _percent(escape: str) -> str:
    if escape[1] == "u":
        return _pair(escape.replace("%u", ""))
    content = bytes.fromhex(escape.replace("%", ""))
    try:
        return content.decode("utf-8", "surrogatepass")
    except UnicodeDecodeError:
        return content.decode("latin-1")


def _pair(units: str) -> str:
    """A character of one UTF-16 unit or two, in hex."""
    return bytes.fromhex(units).decode("utf-16-be", "surrogatepass")


def _entity(escape: str) -> str:
    name = escape[1:].rstrip(";")
    if name[0] != "#":
        return html5.get(f"{name};", escape)
    return _character(name[2:], _HEX, escape) if name[1] in "xX" else _character(name[1:], 10, escape)


def _character(digits: str, base: int, escape: str) -> str:
    code = int(digits, base)
    return chr(code) if 0 < code <= _LAST_CODE else escape
