r"""Reads HTML's start tags as they stand, byte for byte: in HTML, in JSON strings, and HTML-escaped. Pure.

Attributes in any order, in any quotes or none, names in any case. In JSON a quote is ``\"``, ``\'``, ``\u0022`` or
``\x22``. As in HTML the first of two equal attributes counts.

``TagReader`` reads tags as a page has them; ``EscapedTagReader`` those within an attribute such as ``srcdoc``, where
``<>"'=`` and blanks may be character references.

Time is linear: the position only moves on, also where a tag breaks off.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from html import unescape

_UNIT = re.compile(
    r"\\++(?:(?P<itself>[\"'/])|(?P<blank>[nrtf])|(?:u(?P<code>[0-9a-fA-F]{4})|x(?P<byte>[0-9a-fA-F]{2})))?|.",
    re.DOTALL,
)
"""A character as HTML sees it, with the backslashes that stand before it in JSON."""
_QUOTE_INSIDE = re.compile(r'(?<!\\)"')
_BLANK = " \t\n\r\f"
_QUOTES = "\"'"
_LONGEST_OPENER = 8
"""Characters: a quote in three JSON strings."""
_REFERENCE = re.compile(r"#[0-9]{1,7};|#[xX][0-9a-fA-F]{1,6};|[A-Za-z][A-Za-z0-9]{1,7};")
"""What goes on behind an ampersand; the longest name of a character that tags are made of is ``NewLine``."""


def _closing(raw: str, references: str) -> re.Pattern[str]:
    r"""What ends a value within character references of a quote: such a quote; ``<`` or the quote itself break it off.

    ``slashes``: those that JSON within the attribute puts before a quote: ``\&quot;``.
    """
    return re.compile(rf"[<{raw}]|(?:(?P<slashes>\\*+)&|\\++u0026)(?P<quote>{references});", re.IGNORECASE)


_CLOSING = {'"': _closing('"', "quot|#0*34|#x0*22"), "'": _closing("'", "apos|#0*39|#x0*27")}


@dataclass(frozen=True, slots=True)
class Value:
    """An attribute's value, without its quotes."""

    start: int
    end: int
    quoted: bool


@dataclass(slots=True)
class TagReader:
    """Reads start tags; ``at`` only grows."""

    text: str
    in_json: bool
    """The text is JSON from end to end: a quote without a backslash ends the string that a tag stands in."""
    at: int = 0

    def tag(self) -> Mapping[str, Value] | None:
        """The attributes from behind the tag's name up to its ``>``; None where the tag breaks off."""
        attributes: dict[str, Value] = {}
        char, _ = self.peek()
        if not char or char not in _BLANK + "/>":
            return None
        while True:
            self._skip(_BLANK + "/")
            char, end = self.peek()
            if char == ">":
                self.at = end
                return attributes
            if not char or self._breaks_off(char, end):
                return None
            name = self._name()
            self._skip(_BLANK)
            char, end = self.peek()
            if char != "=":
                attributes.setdefault(name, Value(self.at, self.at, quoted=False))
                continue
            self.at = end
            self._skip(_BLANK)
            value = self._value()
            if value is None:
                return None
            attributes.setdefault(name, value)

    def peek(self) -> tuple[str, int]:
        """The next character and the offset behind it; an empty character at the end."""
        unit = _UNIT.match(self.text, self.at)
        if unit is None:
            return "", self.at
        code = unit["code"] or unit["byte"]
        if code:
            return chr(int(code, 16)), unit.end()
        return (" " if unit["blank"] else unit["itself"] or unit[0][0]), unit.end()

    def _skip(self, characters: str) -> None:
        char, end = self.peek()
        while char and char in characters:
            self.at = end
            char, end = self.peek()

    def _breaks_off(self, char: str, end: int) -> bool:
        """A tag holds no other; and a quote without a backslash ends the JSON string, and with it the tag."""
        return char == "<" or (char == '"' and self.in_json and end == self.at + 1)

    def _name(self) -> str:
        # The first character is part of the name whatever it is, as in HTML: else a lone "=" would never be passed.
        char, self.at = self.peek()
        name = [char]
        char, end = self.peek()
        while char and char not in _BLANK + "/>=" and not self._breaks_off(char, end):
            self.at = end
            name.append(char)
            char, end = self.peek()
        return "".join(name).lower()

    def _value(self) -> Value | None:
        char, end = self.peek()
        if not char or self._breaks_off(char, end):
            return None
        return self._quoted(end) if char in _QUOTES else self._bare()

    def _quoted(self, end: int) -> Value | None:
        opener, self.at = self.text[self.at : end], end
        if len(opener) > _LONGEST_OPENER:
            return None
        # A quote that is not found opens no later value either, so in vain the page is searched once a kind of quote.
        close = self.text.find(opener, end)
        if close < 0 or (self.in_json and _QUOTE_INSIDE.search(self.text, end, close)):
            return None
        self.at = close + len(opener)
        return Value(end, close, quoted=True)

    def _bare(self) -> Value:
        start = self.at
        char, end = self.peek()
        while char and char not in _BLANK + _QUOTES + "<>":
            self.at = end
            char, end = self.peek()
        return Value(start, self.at, quoted=False)


@dataclass(slots=True)
class EscapedTagReader(TagReader):
    """Reads tags within an attribute's value, or shown as text: a quote or ``<`` of the page itself ends them."""

    raw_quotes: bool = False
    """Quotes of the page itself may stand around a value, as where ``<`` alone was escaped."""

    def peek(self) -> tuple[str, int]:
        """The next character, without its character reference, and the offset behind it."""
        char, end = TagReader.peek(self)
        if char == "\\" and self.text.startswith("&", end):
            quote = _REFERENCE.match(self.text, end + 1)
            known = unescape(f"&{quote[0]}") if quote else ""
            return (known, quote.end()) if quote and known in _CLOSING else (char, end)
        if char != "&":
            return char, end
        reference = _REFERENCE.match(self.text, end)
        known = unescape(f"&{reference[0]}") if reference else ""
        return (known, reference.end()) if reference and len(known) == 1 else (char, end)

    def _breaks_off(self, char: str, end: int) -> bool:
        return char == "<" or (char in _QUOTES and not self._is_reference(end))

    def _value(self) -> Value | None:
        char, end = self.peek()
        if not char or char == "<":
            return None
        if char not in _QUOTES:
            return self._bare()
        if self._is_reference(end):
            return self._between_references(char, end)
        if not self.raw_quotes or (self.in_json and end == self.at + 1):
            return None
        value = self._quoted(end)
        beyond = -1 if value is None else self.text.find("<", value.start, value.end)
        if beyond >= 0:
            self.at = beyond
            return None
        return value

    def _is_reference(self, end: int) -> bool:
        return self.text[end - 1] == ";"

    def _between_references(self, char: str, end: int) -> Value | None:
        opened, self.at = _CLOSING[char].match(self.text, self.at), end
        closed = _CLOSING[char].search(self.text, end)
        if opened is None or closed is None:
            return None
        self.at = closed.start()
        if closed["quote"] is None or (self.in_json and _QUOTE_INSIDE.search(self.text, end, closed.start())):
            return None
        close, slashes = closed.start(), closed["slashes"] or ""
        if not opened["slashes"]:
            close += len(slashes)  # they are the value's own
        elif slashes != opened["slashes"]:
            return None  # the end of the JSON string that the tag stands in
        self.at = closed.end()
        return Value(end, close, quoted=True)
