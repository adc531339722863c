"""Reads what a word of it stands for: where a target begins and ends around its anchor, in whatever spelling. Pure."""

import re
from collections.abc import Iterator
from itertools import islice

from engine.core.spellings import INTRODUCED, Chain, Reader, Reading

RUN = re.compile(r"[A-Za-z0-9_-]+")
"""Plain characters, which no writer has to escape. Without the dot, which ``CSS.escape`` escapes."""
_LONGEST_ESCAPE = 24
_MOST_PLACES, _MOST_BEGINNINGS = 3, 12


def read_around(
    reader: Reader, start: int, end: int, offset: int, wanted: str
) -> tuple[int, tuple[int, ...], Chain] | None:
    """Where ``wanted`` begins, where each of its characters ends, and how it is spelled, around its anchor."""
    if not offset and reader.text.startswith(wanted[: end - start], start):
        reading = reader.read(end, wanted[end - start :])
        return None if reading is None else (start, (*range(start + 1, end + 1), *reading.ends), reading.chain)
    for begin in _beginnings(reader.text, start, offset, wanted):
        reading = reader.read(begin, wanted)
        if reading is not None and end <= reading.ends[-1]:
            return _from_its_first_escape(reader, begin, reading, wanted)
    return None


def _from_its_first_escape(
    reader: Reader, begin: int, reading: Reading, wanted: str
) -> tuple[int, tuple[int, ...], Chain]:
    r"""The reading that begins farthest before this one and ends with it: ``\\u00e9`` begins with both backslashes."""
    for earlier in range(begin - 1, max(-1, begin - _LONGEST_ESCAPE), -1):
        if reader.text[earlier] not in INTRODUCED:
            break
        longer = reader.read(earlier, wanted)
        if longer is not None and longer.ends[-1] == reading.ends[-1]:
            begin, reading = earlier, longer
    return begin, reading.ends, reading.chain


def _beginnings(text: str, anchor: int, offset: int, wanted: str) -> Iterator[int]:
    """Where ``wanted`` may begin whose anchor stands there, the nearest first.

    Where its first run of plain characters stands; before that, where something is escaped, if it begins otherwise.
    """
    run = RUN.search(wanted, 0, offset)
    before, at = (run.start(), anchor) if run else (max(offset, 1), anchor)
    first = max(0, anchor - _LONGEST_ESCAPE * max(offset, 1))
    for _ in range(_MOST_PLACES):
        at = text.rfind(run[0], first, at) if run else at
        if at < 0:
            return
        if not before:
            yield at
        else:
            signs = {wanted[0], *INTRODUCED}
            places = range(at - 1, max(first, at - _LONGEST_ESCAPE * before) - 1, -1)
            yield from islice((place for place in places if text[place] in signs), _MOST_BEGINNINGS)
        if run is None:
            return
