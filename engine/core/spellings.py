r"""How a reference is spelled, and how another text is spelled alike. Pure.

A spelling is a chain of escapings, the outermost first: JSON in an HTML attribute reads as ``html`` around ``json``.
It is read off the text, character by character, against the identity that is looked for; so no list has to foresee
which characters a writer escapes, and how. What each writer did to the old identity it does to the new one
(``Spelling.respell``). docs/spellings.md is the table of all that is read.
"""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from typing import NamedTuple, Protocol

from engine.core.escapes import CSS, FORM, HTML, JSON, PERCENT, PLAIN, Escaping, Source
from engine.core.habits import Habits
from engine.core.model import Identity

Chain = tuple[Escaping, ...]
"""The outermost first."""

MOST_LAYERS = 4
INTRODUCED: dict[str, tuple[Escaping, ...]] = {"%": (PERCENT,), "+": (FORM,), "&": (HTML,), "\\": (JSON, CSS)}
"""What a character may begin an escape of."""

_AS_USUAL = (JSON, HTML, CSS, PERCENT, FORM)
"""From the outermost in: an address in a style in a page in a document of JSON."""
_SLASHES = ("/", "%2F", "%2f")
_MOST_FAILURES, _CHARACTERS_PER_FAILURE = 1_000_000, 1
_VIEW = 12
"""Characters: within so many behind the first that is escaped, the escapes around it show."""


class Respelling(Protocol):
    """How something is written in its place."""

    def respell(self, new: str, text: str, start: int) -> str:
        """Another text, written as what stands at ``start`` in ``text`` is."""
        ...


class Reference(NamedTuple):
    """Where a text refers to something, and in which spelling."""

    start: int
    """Offset in characters."""
    end: int
    identity: Identity
    spelling: Respelling


class Spelling:
    """An identity as it stands in a text. Remembers what it was asked to write: one is shared by many references."""

    __slots__ = ("_written", "chain", "found", "old")

    def __init__(self, old: str, found: str, chain: Chain = ()) -> None:
        """``found`` gives ``old`` when the escapings of ``chain`` are taken off."""
        self.old, self.found, self.chain = old, found, chain
        self._written: dict[str, str] = {}

    def respell(self, new: str, text: str, start: int) -> str:
        """Another identity, written as this one is. The identity itself gives what was found, byte for byte.

        ``text`` tells by what surrounds ``start`` how characters are written that the old identity has none of.
        """
        written = self._written.get(new)
        if written is not None:
            return written
        if not PLAIN.union(self.old, "/").issuperset(new):
            return _respelled(self, _fit(self, new, text, start))
        return self._written.setdefault(new, _respelled(self, new))

    def __str__(self) -> str:
        """The escapings, the innermost first, as in ``percent in html``; ``raw`` where there is none."""
        return " in ".join(escaping.name for escaping in reversed(self.chain)) or "raw"


@dataclass(frozen=True, slots=True)
class Reading:
    """A text that was read off another one."""

    ends: tuple[int, ...]
    """Offset behind each of its characters."""
    chain: Chain


class Reader:
    """Reads identities off one text.

    What fails costs time, and a hostile page is made of nothing else: so there is an end to it, far beyond what pages
    need. From there on only what stands raw, or in a spelling known before, is still found.
    """

    __slots__ = ("_left", "complete", "text")

    def __init__(self, text: str) -> None:
        """The longer the text, the more may fail."""
        self.text = text
        self.complete = True
        """Whether nothing was given up."""
        self._left = _MOST_FAILURES + len(text) // _CHARACTERS_PER_FAILURE

    def read(self, at: int, wanted: str) -> Reading | None:
        """Read ``wanted`` at an offset, in the fewest escapings that do; None where something else stands."""
        waiting: deque[tuple[Chain, int]] = deque([((), 0)])
        seen: set[Chain] = {()}
        failures = 0
        while waiting and failures <= self._left:
            chain, before = waiting.popleft()
            ends, found = _matching(self.text, at, wanted, chain)
            if len(ends) == len(wanted):
                return Reading(tuple(ends), chain)
            failures += bool(chain)
            if len(ends) < before:
                continue
            right, shown = _shown(self.text, at, wanted, chain, ends, found)
            for longer in _longer(chain, shown):
                if longer not in seen:
                    seen.add(longer)
                    waiting.append((longer, right))
        self._left -= failures
        self.complete &= not waiting
        return None


def source(text: str, chain: Chain) -> Source:
    """What gives the characters of a text without the escapings of ``chain``."""
    if not chain:
        return lambda at: (text[at : at + 1], at + 1)
    outer, innermost = source(text, chain[:-1]), chain[-1]
    return lambda at: innermost.read(outer, at)


def _matching(text: str, at: int, wanted: str, chain: Chain) -> tuple[list[int], str]:
    """The offsets behind the characters that are as wanted, and the first that is not."""
    characters = source(text, chain)
    ends: list[int] = []
    for char in wanted:
        found = text[at : at + 1]
        if found in INTRODUCED:
            found, at = characters(at)
        else:
            at += 1  # whatever the chain: most characters, and most of the time
        if found != char:
            return ends, found
        ends.append(at)
    return ends, ""


def _shown(text: str, at: int, wanted: str, chain: Chain, ends: list[int], found: str) -> tuple[int, str]:
    """Where escapes show that were not read: (how many characters are right before them, what stands there).

    At the first character that is not as wanted, if it introduces one; or at one before it that the identity holds
    itself: ``&`` of ``&amp;`` is as wanted, and what follows is not.
    """
    if found in INTRODUCED:
        right = len(ends)
        at = ends[-1] if ends else at
        behind = source(text, chain)(at)[1]
    else:
        right = next((n for n in range(len(ends) - 1, -1, -1) if wanted[n] in INTRODUCED), -1)
        if right < 0:
            return 0, ""
        found, at = wanted[right], ends[right]
        behind = at
    # What stands as it is, and the one character behind that the escapes of the chain may hide.
    return right, found + text[at : at + _VIEW] + (source(text, chain)(behind)[0] if chain else "")


def _longer(chain: Chain, shown: str) -> tuple[Chain, ...]:
    """Chains of one escaping more, of those that show; the usual order of escapings first."""
    introducers = "".join(char for char in INTRODUCED if char in shown)
    return _with_one_more(chain, introducers) if introducers else ()


@lru_cache(maxsize=4096)
def _with_one_more(chain: Chain, introducers: str) -> tuple[Chain, ...]:
    escapings = [escaping for char in introducers for escaping in INTRODUCED[char]]
    chains = []
    if len(chain) < MOST_LAYERS:
        chains = [(*chain[:n], more, *chain[n:]) for more in escapings for n in range(len(chain) + 1)]
    if FORM in escapings:
        chains += [tuple(FORM if escaping is PERCENT else escaping for escaping in chain)]
    return tuple(sorted(dict.fromkeys(chains), key=_unusual))


def _unusual(chain: Chain) -> int:
    """How many neighbours stand in another order than usual."""
    ranks = [_AS_USUAL.index(escaping) for escaping in chain]
    return sum(outer > inner for outer, inner in pairwise(ranks))


def _respelled(spelling: Spelling, new: str) -> str:
    layers: list[Habits] = []
    text = spelling.found
    for escaping in spelling.chain:
        layers.append(Habits(escaping, tuple(_units(text, escaping))))
        text = layers[-1].text
    for layer in reversed(layers):
        new = layer.write(new)
    return new


def _units(text: str, escaping: Escaping) -> Iterator[tuple[str, str]]:
    """Each character of a text without one escaping, and what it was read from."""
    outer = source(text, ())
    at = 0
    while at < len(text):
        char, end = escaping.read(outer, at)
        yield char, text[at:end]
        at = end


def _fit(spelling: Spelling, new: str, text: str, start: int) -> str:
    """Escape what the old identity has none of, so that nothing tells how its writers would have written it.

    In an address it is percent-encoded, which is safe in all that an address may stand in.
    """
    if text.endswith(_SLASHES, 0, start) and not {PERCENT, FORM}.intersection(spelling.chain):
        escaping: Escaping = PERCENT
    elif not spelling.chain:
        escaping = JSON if is_json(text) else HTML
    else:
        return new
    known = PLAIN.union(spelling.old)
    return "".join(escaping.write(char, "") if escaping.needs(char) and char not in known else char for char in new)


def is_json(text: str) -> bool:
    """Whether a text looks like JSON: an object or array from end to end. Cheap, and not a proof."""
    head, tail = text[:64].lstrip()[:1], text[-64:].rstrip()[-1:]
    return (head, tail) in {("{", "}"), ("[", "]")}
