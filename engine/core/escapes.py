r"""The four ways in which a writer escapes a character, read and written one character at a time. Pure.

========= ============================== ==============================================================
percent   ``%2F`` ``%c3%a9``             addresses; digits in either case, UTF-8; ``form``: ``+`` for a space
html      ``&amp;`` ``&#47;`` ``&#x2F;``  text and attributes of HTML; names, decimal, hex, leading zeros
json      ``\/`` ``\"`` ``\u00e9``       strings of JSON and scripts; pairs of surrogates, ``\x2f`` and ``\'``, too
css       ``\2f `` ``\00002f`` ``\(``    ``url(…)`` and selectors of style sheets
========= ============================== ==============================================================

Each reads from a *source*: what gives the character that stands at an offset, and the offset behind it. The source of
the outermost one is the text itself, that of an inner one what the next outer one reads: so escapings stack.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from html.entities import codepoint2name, html5
from typing import Protocol

Source = Callable[[int], tuple[str, int]]
"""Offset -> (the character there, the offset behind it); ("", offset) at the end of the text."""

PLAIN = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")
"""What no writer has to escape."""

_HEX = frozenset("0123456789abcdefABCDEF")
_DECIMAL = frozenset("0123456789")
_HEX_BASE = 16
_LAST_CODE = 0x10FFFF
_LAST_BYTE = 0xFF
_HIGH_SURROGATES = range(0xD800, 0xDC00)
_LOW_SURROGATES = range(0xDC00, 0xE000)
_UNIT_DIGITS = 4
_CSS_DIGITS = 6
_ENTITY_LENGTH = 33
_UTF8_LENGTHS = ((0xC2, 0xE0, 2), (0xE0, 0xF0, 3), (0xF0, 0xF5, 4))
_SHORT = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", '"': '"', "\\": "\\", "/": "/", "'": "'"}
_SHORTENED = {char: letter for letter, char in _SHORT.items()}


class Escaping(Protocol):
    """A way of escaping characters."""

    @property
    def name(self) -> str:
        """As docs/spellings.md calls it."""
        ...

    def read(self, source: Source, at: int) -> tuple[str, int]:
        """The character at an offset, without its escape if it has one, and the offset behind it."""
        ...

    def write(self, char: str, like: str) -> str:
        """The character escaped in the form, and the case of digits, of another one's escape."""
        ...

    def needs(self, char: str) -> bool:
        """Whether a writer has to escape the character."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class Percent:
    """Percent-encoding of UTF-8."""

    name: str = "percent"
    plus: bool = False
    """Whether ``+`` is a space, as in the fields of a form."""

    def read(self, source: Source, at: int) -> tuple[str, int]:
        """Read a character; what is no UTF-8 is a bare ``%``."""
        char, behind = source(at)
        if char == "+" and self.plus:
            return " ", behind
        if char != "%":
            return char, behind
        code, end = _number(source, behind, 2)
        length = next((n for first, last, n in _UTF8_LENGTHS if first <= code < last), 1)
        codes = [code]
        while code >= 0 and len(codes) < length:
            sign, at_digits = source(end)
            code, end = _number(source, at_digits, 2) if sign == "%" else (-1, end)
            codes.append(code)
        try:
            return bytes(codes).decode(), end
        except ValueError:
            return char, behind

    def write(self, char: str, like: str) -> str:
        """``like`` tells the case of the digits; upper where it has no letters."""
        if char == " " and self.plus:
            return "+"
        form = "02x" if _is_lower(like) else "02X"
        return "".join(f"%{byte:{form}}" for byte in char.encode("utf-8", "surrogatepass"))

    def needs(self, char: str) -> bool:
        """All but ``/``, which parts addresses."""
        return char not in PLAIN and char != "/"


@dataclass(frozen=True, slots=True, eq=False)
class Html:
    """Character references."""

    name: str = "html"

    def read(self, source: Source, at: int) -> tuple[str, int]:
        """Read a character; without its ``;`` a reference is none."""
        char, behind = source(at)
        if char != "&":
            return char, behind
        body, end = "", behind
        while len(body) < _ENTITY_LENGTH:
            found, end = source(end)
            if found == ";":
                return (_entity(body), end) if _entity(body) else (char, behind)
            if not (found.isascii() and (found.isalnum() or (found == "#" and not body))):
                break
            body += found
        return char, behind

    def write(self, char: str, like: str) -> str:
        """In the form of ``like``: name, decimal or hex, with as many digits where it has zeros in front."""
        code = ord(char)
        form = re.search(r"&#([xX]?)([0-9a-fA-F]+);", like)
        if form is None:
            name = "#39" if char == "'" and "apos" not in like else _NAMES.get(char)
            return f"&{name};" if name else f"&#{code};"
        hexadecimal, digits = form.groups()
        width = len(digits) if digits.startswith("0") else 0
        kind = ("x" if _is_lower(digits) else "X") if hexadecimal else "d"
        return f"&#{hexadecimal}{code:0{width}{kind}};"

    def needs(self, char: str) -> bool:
        """What would end an attribute, or begin a tag or a reference."""
        return char in "&<>\"'"


@dataclass(frozen=True, slots=True, eq=False)
class Json:
    """Escapes of strings in JSON, and those that scripts have beyond."""

    name: str = "json"

    def read(self, source: Source, at: int) -> tuple[str, int]:
        """Read a character; a pair of surrogates is one, a backslash before any other letter itself."""
        char, behind = source(at)
        if char != "\\":
            return char, behind
        kind, end = source(behind)
        if kind in _SHORT:
            return _SHORT[kind], end
        if kind == "x":
            code, end = _number(source, end, 2)
        elif kind == "u":
            code, end = _number(source, end, _UNIT_DIGITS)
            if code in _HIGH_SURROGATES and source(end)[0] == "\\" and source(source(end)[1])[0] == "u":
                low, low_end = _number(source, source(source(end)[1])[1], _UNIT_DIGITS)
                if low in _LOW_SURROGATES:
                    code, end = 0x10000 + ((code - 0xD800) << 10) + low - 0xDC00, low_end
        else:
            code = -1
        return (chr(code), end) if code >= 0 else (char, behind)

    def write(self, char: str, like: str) -> str:
        r"""In the form of ``like``: short, ``\x`` or ``\u``; where none is told short, if there is such a form."""
        code = ord(char)
        case = "X" if re.search("[A-F]", like[2:]) else "x"
        if like.startswith("\\x") and code <= _LAST_BYTE:
            return f"\\x{code:02{case}}"
        # Scripts know \\' and JSON does not: only where one stands may another.
        if not like.startswith(("\\u", "\\x")) and char in _SHORTENED and (char != "'" or like == "\\'"):
            return "\\" + _SHORTENED[char]
        units = char.encode("utf-16-be", "surrogatepass").hex()
        units = units.upper() if case == "X" else units
        return "".join(f"\\u{units[at : at + _UNIT_DIGITS]}" for at in range(0, len(units), _UNIT_DIGITS))

    def needs(self, char: str) -> bool:
        """What would end the string, and what JSON does not allow in one."""
        return char in '"\\' or char < " "


@dataclass(frozen=True, slots=True, eq=False)
class Css:
    """Escapes of style sheets."""

    name: str = "css"

    def read(self, source: Source, at: int) -> tuple[str, int]:
        """Read a character: up to six digits and one blank behind them, or any other character behind a backslash."""
        char, behind = source(at)
        if char != "\\":
            return char, behind
        digits, end = "", behind
        found, after = source(end)
        while found in _HEX and len(digits) < _CSS_DIGITS:
            digits, end = digits + found, after
            found, after = source(end)
        if not digits:
            return (found, after) if found and found not in "\r\n\f" else (char, behind)
        code = int(digits, _HEX_BASE)
        return (chr(code), after if found and found in " \t\n" else end) if 0 < code <= _LAST_CODE else (char, behind)

    def write(self, char: str, like: str) -> str:
        """In the form of ``like``: digits, as many and with the blank that it has, or the character itself."""
        form = re.fullmatch(r"\\([0-9a-fA-F]+)([ \t\n]?)", like)
        if form is None and char not in _HEX and char not in "\r\n\f":
            return "\\" + char
        digits, blank = form.groups() if form else ("", " ")
        width = len(digits) if digits.startswith("0") else 0
        return f"\\{ord(char):0{width}{'X' if re.search('[A-F]', digits) else 'x'}}{blank}"

    def needs(self, char: str) -> bool:
        """What would end ``url(…)``, quoted or not."""
        return char in "\"'()\\" or char.isspace()


def _number(source: Source, at: int, digits: int) -> tuple[int, int]:
    """(the number of so many hex digits, the offset behind them); (-1, ``at``) where they do not stand there."""
    read, end = "", at
    while len(read) < digits:
        found, end = source(end)
        if found not in _HEX or not found:
            return -1, at
        read += found
    return int(read, _HEX_BASE), end


def _entity(body: str) -> str:
    """What a reference stands for, without its ``&`` and ``;``; empty where that is not one character."""
    if not body.startswith("#"):
        found = html5.get(f"{body};", "")
        return found if len(found) == 1 else ""
    digits, base = (body[2:], _HEX_BASE) if body[1:2] in ("x", "X") else (body[1:], 10)
    if not digits or not (_HEX if base == _HEX_BASE else _DECIMAL).issuperset(digits):
        return ""
    code = int(digits, base)
    return chr(code) if 0 < code <= _LAST_CODE else ""


def _is_lower(digits: str) -> bool:
    return re.search("[a-f]", digits) is not None and re.search("[A-F]", digits) is None


# The names of HTML 4, which all writers know, before those of HTML 5: of these the shortest.
_NAMED = sorted(((len(name), name, text) for name, text in html5.items() if name[-1] == ";"), reverse=True)
_NAMES = {text: name[:-1] for _, name, text in _NAMED if len(text) == 1}
_NAMES.update((chr(code), name) for code, name in codepoint2name.items())

PERCENT, FORM, HTML, JSON, CSS = Percent(), Percent("form", plus=True), Html(), Json(), Css()
