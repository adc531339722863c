"""What can be wrong with a clone: each kind has a stable name."""

from dataclasses import dataclass, field
from typing import Literal

Kind = Literal[
    "clone_missing",  # no funnel has this id
    "original_missing",  # the funnel that was cloned is gone: nothing to compare with
    "original_changed",  # something of the original is not what it was before
    "original_edited",  # the clone's proof says that it was made of another text than stands there now
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
    "form_orphan",  # a copy that no page embeds
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


@dataclass(frozen=True, slots=True, order=True)
class Violation:
    """One broken promise."""

    kind: Kind
    where: str
    """``<collection>/<_id>``, or an object's key."""
    detail: str

    def __str__(self) -> str:
        return f"{self.kind} at {self.where}: {self.detail}"


@dataclass(slots=True)
class Findings:
    """Violations as they are found; each once."""

    found: dict[Violation, None] = field(default_factory=dict)

    def add(self, kind: Kind, where: str, detail: str) -> None:
        """Note a violation; the same one again changes nothing."""
        self.found[Violation(kind, where, detail)] = None

    def unless(self, holds: object, kind: Kind, where: str, detail: str) -> None:
        """Note a violation where ``holds`` is false."""
        if not holds:
            self.add(kind, where, detail)
