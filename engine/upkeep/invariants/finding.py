"""Finds references in a text, in every spelling: the time is that of one reading, however many are looked for. Pure.

A reference is a few plain words with characters between that may be escaped. One automaton looks for the words of all
references at once; only where those of one stand is it read there. Words whose own characters stand escaped are
looked for in the text without its escapes, and only where a text escapes such characters at all.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

from ahocorasick_rs import AhoCorasick

from engine.upkeep.invariants.decoding import Layer
from engine.upkeep.invariants.reading import read
from engine.upkeep.invariants.references import CHAT, Reference
from engine.upkeep.invariants.spelling import spelled

_WORDS = re.compile(r"[A-Za-z0-9_.~-]+")
_TELLING = 4
_ESCAPE_LENGTH = 7
_ESCAPE_BEFORE = re.compile(
    r"(?:\\[bfnrt]|\\u[0-9a-fA-F]{4}|\\x[0-9a-fA-F]{2}|\\[0-9a-fA-F]{6}|%(?:25)*[0-9a-fA-F]{2})\Z"
)
_LONGEST_BEHIND = 16
_WORD_BEFORE = re.compile(r"[A-Za-z0-9_]\Z")
_KEY_BEFORE = re.compile(r"[A-Za-z0-9_]-?\Z")
_WORD_BEHIND = re.compile(r"[A-Za-z0-9_]")
_UUID_BEFORE = re.compile(r"[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}\Z")
_UUID_LENGTH, _UUID_END = 36, 12
# A percent-encoded quote or bracket ends a key; an encoded letter or space, or a part of a letter, goes on with it.
_PERCENT_BEHIND = r"%(?:25)*(?:20|2[dDeE]|3[0-9]|[46][1-9a-fA-F]|[57][0-9aA]|5[fF]|7[eE]|[89a-fA-F][0-9a-fA-F])"
_KEY_BEHIND = re.compile(rf"[A-Za-z0-9_]|[.-][A-Za-z0-9]|{_PERCENT_BEHIND}")


@dataclass(frozen=True, slots=True)
class Occurrence:
    """A reference in a text."""

    start: int
    end: int
    reference: Reference
    optional: bool = False
    """Whether it is a reference at all cannot be told: it is part of a longer word, or not certain."""
    begins: int = -1
    """Where that begins which must stand before it; the search's own."""
    exact: bool = False
    """It stands there without any escape: a ``+`` may be a space, but is first of all a ``+``."""


@dataclass(frozen=True, slots=True)
class _Search:
    """One reference in one of its places."""

    reference: Reference
    before: str
    begins: str
    """The word that it begins with; empty where that tells too little."""
    longest: str
    """Its longest word; empty where it has none."""

    @classmethod
    def of(cls, reference: Reference, before: str) -> "_Search":
        whole = before + reference.text
        first = _WORDS.match(whole)
        begins = first[0] if first and len(first[0]) >= _TELLING else ""
        return cls(reference, before, begins, max(_WORDS.findall(whole), key=len, default=""))

    def within(self, text: str, places: dict[str, list[int]]) -> Iterator[Occurrence]:
        """Where it stands in the text; ``places``: where words stand."""
        if self.longest and self.longest not in places:
            return
        pattern = expression(self.reference.text, self.before)
        if not self.begins:
            for match in pattern.finditer(text):
                yield self._found(text, match.start(), *match.span("it"))
            return
        for place in places.get(self.begins, ()):
            known = pattern.match(text, place)
            span = known.span("it") if known else self._read(text, place)
            if span:
                yield self._found(text, place, *span)

    def _read(self, text: str, place: int) -> tuple[int, int] | None:
        """Character by character; most places are none of its own, as the first behind their word tells."""
        whole = self.before + self.reference.text
        end = read(text, whole[len(self.begins) :], place + len(self.begins))
        start = None if end is None else read(text, self.before, place)
        return None if end is None or start is None else (start, end)

    def _found(self, text: str, begins: int, start: int, end: int) -> Occurrence:
        optional = not self.reference.certain or _inside_word(text, start, end, self.reference)
        return Occurrence(start, end, self.reference, optional, begins, text[start:end] == self.reference.text)


@lru_cache(maxsize=8192)
def expression(text: str, before: str = "") -> re.Pattern[str]:
    """What finds ``text`` (the group ``it``) behind ``before`` in each spelling that escapes no plain character."""
    return re.compile(f"{spelled(before)}(?P<it>{spelled(text)})")


def end_of(text: str, wanted: str, at: int) -> int | None:
    """Where ``wanted`` ends, in any spelling, if it begins at ``at``."""
    match = expression(wanted).match(text, at)
    return match.end() if match else read(text, wanted, at)


class Finder:
    """Finds references; built once for many texts."""

    def __init__(self, references: Iterable[Reference], base: "Finder | None" = None) -> None:
        """Look for these, and for all that ``base`` looks for."""
        mine = tuple(references)
        self.references: tuple[Reference, ...] = (*base.references, *mine) if base else mine
        self._base = base
        self._searches = [_Search.of(r, before) for r in mine if r.text for before in r.places or ("",)]
        words = {word for search in self._searches for word in (search.begins, search.longest) if word}
        self._words = sorted(words)
        self._automaton = AhoCorasick(self._words) if words else None

    def find(self, text: Layer, closed: Sequence[tuple[int, int]] = ()) -> list[Occurrence]:
        """All references, in their order, none over another: the first, of those that begin together the longest.

        ``closed``: spans that are chat keys, each an occurrence of its own; nothing else is looked for within.
        """
        found = [Occurrence(start, end, CHAT) for start, end in closed]
        for occurrence in _settled([*self._matches(text.text), *self._revealed(text)]):
            start, end = occurrence.start, occurrence.end
            if not any(start < closed_end and closed_start < end for closed_start, closed_end in closed):
                found.append(occurrence)
        return sorted(found, key=lambda occurrence: occurrence.start)

    def look(self, text: str) -> list[Occurrence]:
        """As ``find``, but only those none of whose plain characters is escaped."""
        return _settled(self._matches(text))

    def _revealed(self, text: Layer) -> Iterator[Occurrence]:
        for layer in text.revealing():
            for found in self._matches(layer.text):
                begins, start = layer.origin(found.begins), layer.origin(found.start)
                end = read(text.text, found.reference.text, start)
                yield replace(found, begins=begins, start=start, end=layer.origin(found.end) if end is None else end)

    def _matches(self, text: str) -> Iterator[Occurrence]:
        if self._base is not None:
            yield from self._base._matches(text)  # noqa: SLF001
        places = self._places(text)
        for search in self._searches:
            yield from search.within(text, places)

    def _places(self, text: str) -> dict[str, list[int]]:
        places: dict[str, list[int]] = {}
        if self._automaton is not None:
            # Half a pair of surrogates is no UTF-8; as one other character it leaves all offsets as they are.
            readable = text.encode("utf-8", "replace").decode()
            for word, start, _ in self._automaton.find_matches_as_indexes(readable, overlapping=True):
                places.setdefault(self._words[word], []).append(start)
        return places


def _settled(found: Iterable[Occurrence]) -> list[Occurrence]:
    settled: list[Occurrence] = []
    read_to = 0
    for occurrence in sorted(found, key=lambda o: (o.begins, -len(o.reference.text), not o.exact)):
        if occurrence.begins >= read_to:
            settled.append(occurrence)
            read_to = occurrence.end
    return settled


def _inside_word(text: str, start: int, end: int, reference: Reference) -> bool:
    """Whether letters or digits go on before or behind.

    A key goes on over ``.``, ``-`` and percent-encoding, too, and so does an id that is told by its place; an id of
    twelve characters may be the end of a UUID.
    """
    before, after = text[max(0, start - _ESCAPE_LENGTH) : start], text[end : end + _LONGEST_BEHIND]
    image = reference.kind in ("image", "own")
    # What ends an escape ends no word: \n, \u002f and %2F are a line's end and slashes.
    joined = not _ESCAPE_BEFORE.search(before) and (_KEY_BEFORE if image else _WORD_BEFORE).search(before)
    behind = _KEY_BEHIND if image or (reference.kind == "id" and reference.places) else _WORD_BEHIND
    of_uuid = (
        reference.kind == "id"
        and end - start == _UUID_END
        and _UUID_BEFORE.search(text[max(0, start - _UUID_LENGTH) : start])
    )
    return bool(joined or behind.match(after) or of_uuid)
