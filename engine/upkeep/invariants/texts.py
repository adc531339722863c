"""Compares a text with the original's by walking both: between references they must be equal, byte for byte."""

import json
import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

from engine.upkeep.invariants.finding import Finder, Occurrence, expression
from engine.upkeep.invariants.references import Reference
from engine.upkeep.invariants.spelling import UUID, chat_keys
from engine.upkeep.invariants.violations import Findings

_UUID = re.compile(UUID)
_SHOWN = 40


@dataclass(slots=True)
class Comparison:
    """One text of a page against its original's; ``walk`` fills ``forms``."""

    where: str
    old: str
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
    _at: int = 0
    """How far the new text has been read."""

    def walk(self) -> None:
        """Compare the texts from their beginnings; stops at the first difference that no reference explains."""
        read = 0
        spans = chat_keys(self.old) if self.chat else []
        for occurrence in self.finder.find(self.old, spans):
            if not self._literal(read, occurrence.start) or not self._reference(occurrence):
                self._left_behind()
                return
            read = occurrence.end
        if not self._literal(read, len(self.old)):
            self._left_behind()
            return
        if self._at != len(self.new):
            self._differs("goes on after the original's end", len(self.old))
        elif _is_json(self.old) and not _is_json(self.new):
            self._differs("was JSON and is none any more", 0)

    def _literal(self, start: int, end: int) -> bool:
        if self.new.startswith(self.old[start:end], self._at):
            self._at += end - start
            return True
        length = end - start
        same = next((n for n in range(length) if self.old[start + n] != self.new[self._at + n : self._at + n + 1]), 0)
        self._at += same
        self._differs("differs", start + same)
        return False

    def _reference(self, occurrence: Occurrence) -> bool:
        if occurrence.reference.kind == "chat":
            return self._chat_key(occurrence)
        if occurrence.reference.kind == "form":
            return self._form(occurrence)
        for target in occurrence.reference.targets:
            match = expression(target).match(self.new, self._at)
            if match:
                self._spelling(occurrence, target, match[0])
                self._at = match.end()
                return True
        return self._stays(occurrence) or self._elsewhere(occurrence)

    def _form(self, occurrence: Occurrence) -> bool:
        old = self.old[occurrence.start : occurrence.end]
        match = _UUID.match(self.new, self._at)
        if match and match[0] != old:
            self.forms.setdefault(occurrence.reference.text, set()).add(match[0])
            self._at = match.end()
            return True
        return self._stays(occurrence)

    def _chat_key(self, occurrence: Occurrence) -> bool:
        for token in self.tokens:
            match = expression(token).match(self.new, self._at)
            if match:
                self._at = match.end()
                return True
        old = self.old[occurrence.start : occurrence.end]
        if old and self.new.startswith(old, self._at):
            self.findings.add("chat_key", self.where, f"still has the original's key {old!r}")
            self._at += len(old)
            return True
        if self.new.startswith(self.old[occurrence.end : occurrence.end + 1], self._at):
            recorded = any(error.startswith("chat") for error in self.errors)
            self.findings.unless(recorded, "chat_key", self.where, "is empty, and no error says why")
            return True
        shown = self.new[self._at : self._at + _SHOWN]
        self.findings.add("chat_key", self.where, f"is no token that the clone may have: {shown!r}")
        return False

    def _stays(self, occurrence: Occurrence) -> bool:
        """Whether the original's reference stands there still; a violation unless a failure names it."""
        old = self.old[occurrence.start : occurrence.end]
        if not self.new.startswith(old, self._at):
            return False
        reference = occurrence.reference
        recorded = reference.kind != "id" and any(reference.text in error for error in self.errors)
        if not recorded and not occurrence.optional:
            self._left(reference, self._at)
        self._at += len(old)
        return True

    def _elsewhere(self, occurrence: Occurrence) -> bool:
        """Whether the clone refers to another part of its own, or to an image that has no object."""
        wanted = occurrence.reference
        shown = self.new[self._at : self._at + _SHOWN]
        for other in self.finder.references:
            for target in other.targets:
                match = expression(target).match(self.new, self._at)
                if match:
                    detail = f"{wanted.kind} {wanted.text} became {match[0]}, the clone of {other.text}"
                    self.findings.add("reference_wrong", self.where, detail)
                    self._at = match.end()
                    return True
        detail = f"{wanted.kind} {wanted.text} became something unknown: {shown!r}"
        self.findings.add("reference_wrong", self.where, detail)
        return False

    def _spelling(self, occurrence: Occurrence, target: str, written: str) -> None:
        """A key keeps its file name: it must stand as it stood, escape for escape."""
        old = self.old[occurrence.start : occurrence.end]
        name = target.partition("/")[2]
        if not name or occurrence.reference.text.partition("/")[2] != name:
            return
        tails = [_tail(old), _tail(written)]
        self.findings.unless(
            tails[0] == tails[1], "reference_spelling", self.where, f"{old!r} became {written!r}: spelled otherwise"
        )

    def _left_behind(self) -> None:
        """The walk broke off: say at least which references to the original the rest of the text holds."""
        rest = self.new[self._at :]
        for occurrence in self.finder.find(rest):
            named = any(occurrence.reference.text in error for error in self.errors)
            if not named and not occurrence.optional:
                self._left(occurrence.reference, self._at + occurrence.start)

    def _left(self, reference: Reference, at: int) -> None:
        self.findings.add("reference_left", self.where, f"{reference.kind} {reference.text} of the original, at {at}")

    def _differs(self, how: str, at: int) -> None:
        old, new = self.old[at : at + _SHOWN], self.new[self._at : self._at + _SHOWN]
        self.findings.add("text_changed", self.where, f"{how} at {at}: {old!r} became {new!r}")


def _tail(spelling: str) -> str:
    """What follows the UUID of a key; the case of hex digits is no difference."""
    match = _UUID.match(spelling)
    return (spelling[match.end() :] if match else spelling).casefold()


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except ValueError:
        return False
    return True
