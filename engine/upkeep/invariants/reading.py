"""Reads a text from some place on, each character in a spelling of its own, four escapings deep. Pure."""

import re
from collections.abc import Iterator

from engine.upkeep.invariants.decoding import Layer

_BEGINS = frozenset("%&\\")
_WINDOWS = (64, 256, 1024, 4096)
"""Characters that are decoded for one: the first will do, but where escapes are escaped character by character."""
_LEFT_OVER = 8
"""More than this many characters behind the one that was read: a cut escape has spoilt nothing."""


def read(text: str, wanted: str, at: int) -> int | None:
    """Where that ends which spells ``wanted`` and begins at ``at``; of several ends the last; None where none does."""
    ends = {at}
    for char in wanted:
        ends = {end for begin in ends for end in _ends(text, char, begin)}
        if not ends:
            return None
    return max(ends)


def decoded(text: str, at: int, pattern: re.Pattern[str]) -> tuple[str, int] | None:
    """What the pattern finds at ``at`` once the escapes are off, and where that ends in the text; None: nothing."""
    for size in _WINDOWS:
        for layer in Layer(text[at : at + size]).stack:
            match = pattern.match(layer.text)
            if match:
                return match[0], at + layer.origin(match.end())
        if at + size >= len(text):
            return None
    return None


def _ends(text: str, char: str, at: int) -> Iterator[int]:
    first = text[at : at + 1]
    if first == char or (first == "+" and char == " "):
        yield at + 1
    if first not in _BEGINS:
        return
    for size in _WINDOWS:
        stack = Layer(text[at : at + size]).stack
        for layer in stack[1:]:
            if layer.text.startswith(char) or (char == " " and layer.text.startswith("+")):
                yield at + layer.origin(1)
        if len(stack[-1].text) > _LEFT_OVER or at + size >= len(text):
            return
