"""Collects references that lead out of the funnel: to another one, or to nothing. A clone leaves them as they are."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from engine.core.model import FunnelPlan, StepWork
from engine.upkeep.invariants.decoding import Layer
from engine.upkeep.invariants.remains import elsewhere


@dataclass(frozen=True, slots=True)
class OutsideReference:
    """Something of the product's kind that is not this funnel's."""

    kind: str
    """``id``, ``form`` or ``image``."""
    text: str
    steps: tuple[str, ...]
    """Ids of the pages that refer to it."""

    def document(self) -> dict[str, Any]:
        """For ``--json``."""
        return {"kind": self.kind, "text": self.text, "steps": list(self.steps)}


@dataclass(slots=True)
class Outside:
    """What is found, in the order of the pages."""

    known: set[str]
    """Ids, form ids and first parts of keys that are the funnel's or its clone's."""
    buckets: Collection[str]
    _found: dict[str, dict[str, None]] = field(default_factory=dict)

    @classmethod
    def of(cls, plan: FunnelPlan) -> "Outside":
        """Look for what is neither of ``plan`` nor a form that its pages embed."""
        keys = {key.partition("/")[0] for image in plan.images for key in (image.source_key, image.key)}
        known = keys.union(plan.ids, plan.ids.values(), plan.forms)
        return cls(known, sorted({image.bucket for image in plan.images}))

    def know(self, forms: Iterable[str]) -> None:
        """Ids of forms, old and new, that are the funnel's or its clone's."""
        self.known.update(forms)

    def look_at(self, text: Sequence[Layer], work: StepWork) -> None:
        """Add what a text of a page refers to, in whatever encoding."""
        for reference in elsewhere(text[-1].text, self.known, self.buckets):
            self._found.setdefault(reference, {})[str(work.original_id)] = None

    def references(self) -> tuple[OutsideReference, ...]:
        """What was found so far."""
        parted = ((*reference.partition(" "), steps) for reference, steps in self._found.items())
        return tuple(OutsideReference(kind, text, tuple(steps)) for kind, _, text, steps in parted)
