r"""Finds the keys of chat widgets: ``api-key`` of ``<script … custom-chat-widget="true" …>`` (B16, D12). Pure.

A small tokenizer for start tags: attributes in any order, in any quotes or none, names in any case; in HTML, or in
HTML that stands in a JSON string, where a quote is ``\"``, ``\'`` or ``\u0022`` and ``<`` may be ``\u003c``. As in
HTML the first of two equal attributes counts, and a tag without ``api-key`` has nothing to replace.

Time is linear: the position only moves on. A tag that breaks off (at a ``<``, or at the end of the JSON string that
it stands in) gives up there, and the search for the next tag begins where it broke off, never before.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from engine.core.attributes import ATTRIBUTE, BARE_ATTRIBUTE
from engine.core.model import Identity
from engine.core.spellings import Reference, is_json

_WIDGET = "custom-chat-widget"
_KEY = "api-key"
_TAG = b"script"
_TAG_BEGINS = (b"<", b"\\u003c")
_UNIT = re.compile(r"\\++(?:(?P<itself>[\"'/])|(?P<blank>[nrtf])|u(?P<code>[0-9a-fA-F]{4}))?|.", re.DOTALL)
"""A character as HTML sees it, with the backslashes that stand before it in JSON."""
_QUOTE_INSIDE = re.compile(r'(?<!\\)"')
_BLANK = " \t\n\r\f"
_LONGEST_OPENER = 8
"""Characters: a quote in three JSON strings."""


@dataclass(frozen=True, slots=True)
class _Value:
    start: int
    end: int
    opener: str
    """The quote as it stands; empty where there is none."""


@dataclass(slots=True)
class _Reader:
    """Reads start tags; ``at`` only grows."""

    text: str
    in_json: bool
    at: int = 0

    def peek(self) -> tuple[str, int]:
        """The next character and the offset behind it; an empty character at the end."""
        unit = _UNIT.match(self.text, self.at)
        if unit is None:
            return "", self.at
        if unit["code"]:
            return chr(int(unit["code"], 16)), unit.end()
        return (" " if unit["blank"] else unit["itself"] or unit[0][0]), unit.end()

    def skip(self, characters: str) -> None:
        """Pass over any of ``characters``."""
        char, end = self.peek()
        while char and char in characters:
            self.at = end
            char, end = self.peek()

    def tag(self) -> dict[str, _Value] | None:
        """The attributes up to the tag's ``>``; None where the tag breaks off."""
        attributes: dict[str, _Value] = {}
        char, _ = self.peek()
        if not char or char not in _BLANK + "/>":
            return None
        while True:
            self.skip(_BLANK + "/")
            char, end = self.peek()
            if char == ">":
                self.at = end
                return attributes
            if not char or self._breaks_off(char, end):
                return None
            name = self._name()
            self.skip(_BLANK)
            char, end = self.peek()
            if char != "=":
                continue
            self.at = end
            self.skip(_BLANK)
            value = self._value()
            if value is None:
                return None
            attributes.setdefault(name, value)

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

    def _value(self) -> _Value | None:
        char, end = self.peek()
        if not char or self._breaks_off(char, end):
            return None
        if char not in "\"'":
            return self._bare()
        opener, self.at = self.text[self.at : end], end
        if len(opener) > _LONGEST_OPENER:
            return None
        # A quote that is not found opens no later value either, so in vain the page is searched once a kind of quote.
        close = self.text.find(opener, end)
        if close < 0 or (self.in_json and _QUOTE_INSIDE.search(self.text, end, close)):
            return None
        self.at = close + len(opener)
        return _Value(end, close, opener)

    def _bare(self) -> _Value:
        start = self.at
        char, end = self.peek()
        while char and char not in _BLANK + "\"'<>":
            self.at = end
            char, end = self.peek()
        return _Value(start, self.at, "")


def find_chat_keys(text: str) -> Iterator[Reference]:
    """Where the values of the chat widgets' keys stand, in order; an empty value is an empty span.

    The spelling says what an attribute's value needs in its place: with its quotes or without.
    """
    # One byte a character, whatever it is, so that offsets stay; a regular expression without case is ten times slower.
    folded = text.encode("ascii", "replace").lower()
    if _WIDGET.encode() not in folded:
        return
    reader = _Reader(text, is_json(text))
    while (start := folded.find(_TAG, reader.at)) >= 0:
        reader.at = start + len(_TAG)
        if not folded.endswith(_TAG_BEGINS, 0, start):
            continue
        attributes = reader.tag() or {}
        widget, key = attributes.get(_WIDGET), attributes.get(_KEY)
        if widget is None or key is None or text[widget.start : widget.end].strip().lower() != "true":
            continue
        if key.opener or key.end > key.start:
            spelling = ATTRIBUTE if key.opener else BARE_ATTRIBUTE
            yield Reference(key.start, key.end, Identity("chat", text[key.start : key.end]), spelling)
