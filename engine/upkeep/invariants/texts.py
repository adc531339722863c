"""Compares a text with the original's by walking both: between references they must be equal, byte for byte."""

import json
import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

from engine.upkeep.invariants.account import Account, Span
from engine.upkeep.invariants.decoding import Layer
from engine.upkeep.invariants.finding import Finder, Occurrence, end_of
from engine.upkeep.invariants.reading import decoded
from engine.upkeep.invariants.references import Reference
from engine.upkeep.invariants.spelling import QUOTE, UUID
from engine.upkeep.invariants.violations import Findings
from engine.upkeep.invariants.widgets import NOTHING_QUOTED, chat_keys

_UUID = re.compile(UUID)
_QUOTE_BEFORE = re.compile(rf"{QUOTE}\Z")
_LONGEST_QUOTE = 24
_SHOWN = 40


@dataclass(slots=True)
class Comparison:
    """One text of a page against its original's; ``walk`` fills ``forms`` and the account of ``findings``."""

    where: str
    old: Layer
    new: str
    finder: Finder
    """Looks for the original's references."""
    chat: bool
    """Whether chat keys are to be swapped."""
    tokens: Collection[str]
    """What may stand in a chat key's place."""
    errors: Sequence[str]
    """The page's recorded failures: they allow what they name to stay."""
    findings: Findings
    forms: dict[str, set[str]] = field(default_factory=dict)
    """Original form id -> the ids that stand in its places."""
    _read: int = 0
    """How far the original's text has been read."""
    _at: int = 0
    """How far the new text has been read."""

    def walk(self) -> None:
        """Compare the texts from their beginnings; stops at the first difference that no reference explains."""
        self._account.texts += 1
        if self._passes():
            if _is_json(self.old.text) and not _is_json(self.new):
                self._differs("was JSON and is none any more", 0, 0)
        else:
            self._left_behind()
            self._add_rest()

    @property
    def _account(self) -> Account:
        return self.findings.account

    def _passes(self) -> bool:
        """Whether references explain every difference."""
        for occurrence in self.finder.find(self.old, chat_keys(self.old.text) if self.chat else []):
            if not self._literal(occurrence.start):
                return False
            begun = self._at
            became = self._reference(occurrence)
            if became is None:
                return False
            self._add_span(occurrence, begun, became)
        if not self._literal(len(self.old.text)):
            return False
        if self._at != len(self.new):
            self._differs("goes on after the original's end", self._read, self._at)
            return False
        return True

    def _literal(self, end: int) -> bool:
        """Read what no reference stands in."""
        wanted = self.old.text[self._read : end]
        holds = self.new.startswith(wanted, self._at)
        length = len(wanted) if holds else _common(wanted, self.new[self._at : self._at + len(wanted)])
        self._account.equal(wanted[:length])
        self._read += length
        self._at += length
        if not holds:
            self._differs("differs", self._read, self._at)
        return holds

    def _reference(self, occurrence: Occurrence) -> str | None:
        """Read what stands in its place: what that is, empty where that cannot be told; None where nothing fits."""
        if occurrence.reference.kind == "chat":
            return self._chat_key(occurrence)
        if occurrence.reference.kind == "form":
            return self._form(occurrence)
        for target in occurrence.reference.targets:
            end = end_of(self.new, target, self._at)
            if end is not None:
                self._spelling(occurrence, target, self.new[self._at : end])
                self._at = end
                return target
        return self._stays(occurrence) or self._elsewhere(occurrence)

    def _form(self, occurrence: Occurrence) -> str | None:
        found = decoded(self.new, self._at, _UUID)
        if found and self.new[self._at : found[1]] != self._old(occurrence) and found[0] != occurrence.reference.text:
            self.forms.setdefault(occurrence.reference.text, set()).add(found[0])
            self._at = found[1]
            return found[0]
        stays = self._stays(occurrence)
        if stays is None:
            self._unknown(occurrence.reference)
        return stays

    def _chat_key(self, occurrence: Occurrence) -> str | None:
        for token in self.tokens:
            end = end_of(self.new, token, self._at)
            if end is not None:
                self._at = end
                return token
        old = self._old(occurrence)
        if old and self.new.startswith(old, self._at):
            self.findings.add("chat_key", self.where, f"still has the original's key {old!r}")
            self._at += len(old)
            return old
        nothing = self._nothing(occurrence)
        if nothing is not None:
            recorded = any(error.startswith("chat") for error in self.errors)
            self.findings.unless(recorded, "chat_key", self.where, "is empty, and no error says why")
            self._at += nothing
            return ""
        shown = self.new[self._at : self._at + _SHOWN]
        self.findings.add("chat_key", self.where, f"is no token that the clone may have: {shown!r}")
        return None

    def _nothing(self, occurrence: Occurrence) -> int | None:
        """The length of an empty key: none, but for quotes where the old one had none; None where there is a key."""
        old = self.old.text
        quoted = _QUOTE_BEFORE.search(old[max(0, occurrence.start - _LONGEST_QUOTE) : occurrence.start])
        quotes = None if quoted else NOTHING_QUOTED.match(self.new, self._at)
        end = self._at + len(quotes[0]) if quotes else self._at
        return end - self._at if self.new.startswith(old[occurrence.end : occurrence.end + 1], end) else None

    def _stays(self, occurrence: Occurrence) -> str | None:
        """Whether the original's reference stands there still; a violation unless a failure names it."""
        old = self._old(occurrence)
        if not self.new.startswith(old, self._at):
            return None
        reference = occurrence.reference
        recorded = reference.kind != "id" and any(reference.text in error for error in self.errors)
        if not recorded and not occurrence.optional:
            self._left(reference, self._at)
        self._at += len(old)
        return reference.text

    def _elsewhere(self, occurrence: Occurrence) -> str | None:
        """Whether the clone refers to another part of its own, or to an image that has no object."""
        wanted = occurrence.reference
        for other in self.finder.references:
            for target in other.targets:
                end = end_of(self.new, target, self._at)
                if end is not None:
                    detail = f"{wanted.kind} {wanted.text} became {self.new[self._at : end]}, the clone of {other.text}"
                    self.findings.add("reference_wrong", self.where, detail)
                    self._at = end
                    return target
        self._unknown(wanted)
        return None

    def _unknown(self, wanted: Reference) -> None:
        shown = self.new[self._at : self._at + _SHOWN]
        detail = f"{wanted.kind} {wanted.text} became something unknown: {shown!r}"
        self.findings.add("reference_wrong", self.where, detail)

    def _spelling(self, occurrence: Occurrence, target: str, written: str) -> None:
        """A key keeps its file name: it must stand as it stood, escape for escape."""
        old, text = self._old(occurrence), occurrence.reference.text
        name = target.partition("/")[2]
        if not name or not f"/{text}".endswith(f"/{name}"):
            return
        tails = [_tail(old, text, name), _tail(written, target, name)]
        self.findings.unless(
            tails[0] == tails[1], "reference_spelling", self.where, f"{old!r} became {written!r}: spelled otherwise"
        )

    def _add_span(self, occurrence: Occurrence, begun: int, became: str) -> None:
        """Account for a reference whose place in the new text has been read from ``begun`` on."""
        kind, old = occurrence.reference.kind, self._old(occurrence)
        source = old if kind == "chat" else occurrence.reference.text
        self._account.differing(
            Span(self.where, kind, occurrence.start, begun, old, self.new[begun : self._at], source, became)
        )
        self._read = occurrence.end

    def _add_rest(self) -> None:
        """Account for what the walk has not read: a span that nothing explains, and the end of both, if it is equal."""
        old, new = self.old.text[self._read :], self.new[self._at :]
        same = _common(old[::-1], new[::-1])
        old, new, end = old[: len(old) - same], new[: len(new) - same], new[len(new) - same :]
        self._account.differing(Span(self.where, "unexplained", self._read, self._at, old, new))
        self._account.equal(end)

    def _left_behind(self) -> None:
        """The walk broke off: say at least which references to the original the rest of the text holds."""
        for occurrence in self.finder.find(Layer(self.new[self._at :])):
            named = any(occurrence.reference.text in error for error in self.errors)
            if not named and not occurrence.optional:
                self._left(occurrence.reference, self._at + occurrence.start)

    def _old(self, occurrence: Occurrence) -> str:
        return self.old.text[occurrence.start : occurrence.end]

    def _left(self, reference: Reference, at: int) -> None:
        self.findings.add("reference_left", self.where, f"{reference.kind} {reference.text} of the original, at {at}")

    def _differs(self, how: str, old_at: int, new_at: int) -> None:
        old, new = self.old.text[old_at : old_at + _SHOWN], self.new[new_at : new_at + _SHOWN]
        self.findings.add("text_changed", self.where, f"{how} at {old_at}: {old!r} became {new!r}")


def _common(one: str, other: str) -> int:
    """How many characters both begin with."""
    low, high = 0, min(len(one), len(other))
    while low < high:
        middle = (low + high + 1) // 2
        if one[low:middle] == other[low:middle]:
            low = middle
        else:
            high = middle - 1
    return low


def _tail(spelling: str, key: str, name: str) -> str:
    """How a key's file name is spelled, with the slash before it; the case of hex digits is no difference."""
    head = key[: -len(name) - 1]
    return spelling[end_of(spelling, head, 0) or 0 :].casefold()


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except ValueError:
        return False
    return True
