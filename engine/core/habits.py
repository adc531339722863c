"""What one writer did to the characters of a text, and how it would write another text. Pure."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from engine.core.escapes import CSS, PLAIN, Escaping

Unit = tuple[str, str]
"""(a character, what it was read from)."""


@dataclass(frozen=True, slots=True)
class Habits:
    """The units of a text that was escaped by one writer."""

    escaping: Escaping
    units: tuple[Unit, ...]

    @property
    def text(self) -> str:
        """The text without the escapes."""
        return "".join(char for char, _ in self.units)

    def write(self, new: str) -> str:
        """Another text as this writer would write it.

        What both texts end or begin with stays as it stands. Of the rest, where it is of one length, each character
        is written as the one in its place was; else as the same character was elsewhere, or as its kind was.
        """
        old = self.text
        tail = _common(old[::-1], new[::-1])
        head = _common(old[: len(old) - tail], new[: len(new) - tail])
        middle = self.units[head : len(old) - tail]
        changed = new[head : len(new) - tail]
        paired = len(middle) == len(changed)
        written = [
            *(written for _, written in self.units[:head]),
            *(self._like(char, middle[n]) if paired else self._as_usual(char) for n, char in enumerate(changed)),
            *(written for _, written in self.units[len(old) - tail :]),
        ]
        return "".join(_parted(written) if self.escaping is CSS else written)

    def _like(self, char: str, unit: Unit) -> str:
        """The character as that in its place was written."""
        old, written = unit
        if char == old:
            return written
        if char not in PLAIN:
            return self._as_usual(char)
        return self.escaping.write(char, written) if written != old and old in PLAIN else char

    def _as_usual(self, char: str) -> str:
        """The character as the same, or one of its kind, was written elsewhere."""
        known = next((written for old, written in self.units if old == char), None)
        if known is not None:
            return known
        akin = [unit for unit in self.units if _kind(unit[0]) == _kind(char)]
        escaped = [written for old, written in akin if old != written]
        # Plain characters are all escaped or none is; others where they have to be, those beyond ASCII where one was.
        if self.escaping.needs(char) or (escaped and (len(escaped) == len(akin) or char not in PLAIN)):
            # Digits tell their case by letters alone.
            telling = (written for written in escaped if re.search("[a-fA-F]", written[2:]))
            return self.escaping.write(char, next(telling, escaped[0] if escaped else ""))
        return char


def _common(one: str, other: str) -> int:
    """How many characters both begin with."""
    return next(
        (n for n, (left, right) in enumerate(zip(one, other, strict=False)) if left != right), min(len(one), len(other))
    )


def _kind(char: str) -> tuple[bool, bool]:
    return char in PLAIN, char.isascii()


def _parted(written: list[str]) -> Iterator[str]:
    r"""A blank behind digits of a CSS escape that would otherwise go on in what follows, as ``\2f`` before ``a``."""
    for n, piece in enumerate(written):
        yield piece
        following = written[n + 1][:1] if n + 1 < len(written) else ""
        if re.fullmatch(r"\\[0-9a-fA-F]{1,5}", piece) and following and following in "0123456789abcdefABCDEF \t\n":
            yield " "
