"""Finds references in a text, in every spelling: the time is that of one reading, however many are looked for. Pure.

A reference is a few plain words with characters between that may be escaped. One automaton looks for the words of all
references at once; only where those of one stand is its expression tried.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

from ahocorasick_rs import AhoCorasick

from engine.upkeep.invariants.references import CHAT, Reference
from engine.upkeep.invariants.spelling import spelled

_WORDS = re.compile(r"[A-Za-z0-9_.~-]+")
_TELLING = 4
_ESCAPE_LENGTH = 6
_ESCAPE_BEFORE = re.compile(r"(?:\\[bfnrt]|\\u[0-9a-fA-F]{4}|%[0-9a-fA-F]{2})\Z")
_WORD_BEFORE = re.compile(r"[A-Za-z0-9_]\Z")
_KEY_BEFORE = re.compile(r"[A-Za-z0-9_]-?\Z")
_WORD_BEHIND = re.compile(r"[A-Za-z0-9_]")
_KEY_BEHIND = re.compile(r"[A-Za-z0-9_]|[.-][A-Za-z0-9]|%[0-9a-fA-F]{2}")


@dataclass(frozen=True, slots=True)
class Occurrence:
    """A reference in a text."""

    start: int
    end: int
    reference: Reference
    optional: bool = False
    """It is part of a longer word: whether it is a reference at all cannot be told."""


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


@lru_cache(maxsize=8192)
def expression(text: str, before: str = "") -> re.Pattern[str]:
    """What finds ``text`` behind ``before`` in each spelling; the text is the group ``it``."""
    return re.compile(f"{spelled(before)}(?P<it>{spelled(text)})")


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

    def find(self, text: str, closed: Sequence[tuple[int, int]] = ()) -> list[Occurrence]:
        """All references, in their order, none over another: the first, of those that begin together the longest.

        ``closed``: spans that are chat keys, each an occurrence of its own; nothing else is looked for within.
        """
        found = [Occurrence(start, end, CHAT) for start, end in closed]
        read = 0
        for match, reference in sorted(self._matches(text), key=lambda m: (m[0].start(), -len(m[1].text))):
            if match.start() < read:
                continue
            read = match.end()
            start, end = match.span("it")
            if not any(start < closed_end and closed_start < end for closed_start, closed_end in closed):
                found.append(Occurrence(start, end, reference, _inside_word(text, start, end, reference)))
        return sorted(found, key=lambda occurrence: occurrence.start)

    def _matches(self, text: str) -> Iterator[tuple[re.Match[str], Reference]]:
        if self._base is not None:
            yield from self._base._matches(text)  # noqa: SLF001
        places = self._places(text)
        for search in self._searches:
            if search.longest and search.longest not in places:
                continue
            pattern = expression(search.reference.text, search.before)
            if not search.begins:
                yield from ((match, search.reference) for match in pattern.finditer(text))
                continue
            for start in places[search.begins]:
                match = pattern.match(text, start)
                if match:
                    yield match, search.reference

    def _places(self, text: str) -> dict[str, list[int]]:
        places: dict[str, list[int]] = {}
        if self._automaton is not None:
            # Half a pair of surrogates is no UTF-8; as one other character it leaves all offsets as they are.
            readable = text.encode("utf-8", "replace").decode()
            for word, start, _ in self._automaton.find_matches_as_indexes(readable, overlapping=True):
                places.setdefault(self._words[word], []).append(start)
        return places


def _inside_word(text: str, start: int, end: int, reference: Reference) -> bool:
    """Whether letters or digits go on before or behind; a key goes on over ``.``, ``-`` and percent-encoding, too."""
    before, after = text[max(0, start - _ESCAPE_LENGTH) : start], text[end : end + 3]
    image = reference.kind in ("image", "own")
    # What ends an escape ends no word: \n, \u002f and %2F are a line's end and slashes.
    joined = not _ESCAPE_BEFORE.search(before) and (_KEY_BEFORE if image else _WORD_BEFORE).search(before)
    return bool(joined or (_KEY_BEHIND if image else _WORD_BEHIND).match(after))
