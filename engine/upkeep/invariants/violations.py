"""What can be wrong with a clone, and what is worth a note: each kind has a stable name."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

from engine.upkeep.invariants.account import Account

Kind = Literal[
    "clone_missing",  # no funnel has this id
    "original_missing",  # the funnel that was cloned is gone: nothing to compare with
    "not_completed",  # the clone is still asked for, in work, or parked
    "original_changed",  # something of the original is not what it was before
    "funnel_flags",  # pending, in_progress or clone.state is not that of a completed clone
    "funnel_steps",  # steps has doubles, lacks one, or is not in the original's order
    "funnel_field",  # a field of the funnel is not what it should be
    "funnel_errors",  # clone.errors does not agree with the errors of the pages
    "step_missing",  # a page of the original has no clone
    "step_twice",  # a page of the original has several
    "step_flags",  # pending or in_progress is not false
    "step_field",  # a field was not passed through, or not emptied
    "step_processed",  # a part is called done that failed, or the other way round
    "components_missing",  # a page has no components document
    "components_twice",  # a page has several
    "components_field",  # a field of it is not what it should be
    "text_changed",  # a text differs from the original's in more than its references
    "reference_left",  # a reference still leads to the original
    "reference_wrong",  # a reference leads neither to the original nor to its own clone
    "reference_spelling",  # a reference is spelled otherwise than the original's
    "chat_key",  # a chat widget has the original's key, or no key that the clone may have
    "form_missing",  # a page embeds a form that does not exist
    "form_twice",  # a form of the original has several copies
    "form_field",  # a field of the copy is not what it should be
    "form_orphan",  # a copy that no page embeds or mentions
    "image_missing",  # an image of the original has no record in the clone
    "image_twice",  # it has several, or two images share a key
    "image_field",  # a field of the record is not what it should be
    "image_key",  # the new key is not of the form <uuid>/<fileName>
    "object_missing",  # a record says uploaded and there is no object
    "object_differs",  # the object is not the original's
    "failure_unrecorded",  # something was not cloned, and no error says so
    "mark_wrong",  # a ``clone`` sub-document names another funnel or source
    "event_missing",  # users were not told
    "event_twice",  # users were told more than once
    "event_wrong",  # the wrong users, or a wrong message
]
NoteKind = Literal[
    "original_edited",  # the original was edited since it was cloned: that part was compared with the clone's proof
    "outside_reference",  # a page refers to something of neither the clone nor its original
    "failure_recorded",  # a part that could not be cloned, as ``clone.errors`` tells
]
Part = Literal["steps", "images", "forms", "objects", "texts"]


@dataclass(frozen=True, slots=True, order=True)
class Note:
    """Worth to know, and nothing wrong."""

    kind: NoteKind
    where: str
    """``<collection>/<_id>``, or an object's key."""
    detail: str

    def __str__(self) -> str:
        return f"{self.kind} at {self.where}: {self.detail}"


@dataclass(frozen=True, slots=True, order=True)
class Violation:
    """One broken promise."""

    kind: Kind
    where: str
    """``<collection>/<_id>``, or an object's key."""
    detail: str

    def __str__(self) -> str:
        return f"{self.kind} at {self.where}: {self.detail}"


def _nobody(_part: Part, _done: int, _total: int) -> None:
    """Nobody watches."""


@dataclass(slots=True)
class Findings:
    """What is found, each once, and how much was looked at."""

    watch: Callable[[Part, int, int], None] = _nobody
    """Hears (part, done, in all) as the work goes on."""
    found: dict[Violation, None] = field(default_factory=dict)
    notes: dict[Note, None] = field(default_factory=dict)
    checked: Counter[Part] = field(default_factory=Counter)
    account: Account = field(default_factory=Account)
    """Of the texts that were compared."""

    def add(self, kind: Kind, where: str, detail: str) -> None:
        """Note a violation; the same one again changes nothing."""
        self.found[Violation(kind, where, detail)] = None

    def unless(self, holds: object, kind: Kind, where: str, detail: str, *, edited: bool = False) -> None:
        """Note a violation where ``holds`` is false; a mere note where the original was ``edited`` since."""
        if not holds and edited:
            self.note("original_edited", where, detail)
        elif not holds:
            self.add(kind, where, detail)

    def note(self, kind: NoteKind, where: str, detail: str) -> None:
        """Keep a note; the same one again changes nothing."""
        self.notes[Note(kind, where, detail)] = None

    def count(self, part: Part, total: int = 0) -> None:
        """One more was looked at, of ``total``."""
        self.checked[part] += 1
        self.watch(part, self.checked[part], max(total, self.checked[part]))
