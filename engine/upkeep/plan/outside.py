"""Collects references that lead out of the funnel: to another one, or to nothing. A clone leaves them as they are."""

from collections.abc import Collection, Iterable
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

    known: Collection[str]
    """Ids, form ids and first parts of keys that are the funnel's."""
    buckets: Collection[str]
    _found: dict[str, dict[str, None]] = field(default_factory=dict)

    @classmethod
    def of(cls, plan: FunnelPlan, forms: Iterable[str]) -> "Outside":
        """Look for what is neither of ``plan`` nor one of the ``forms`` that its pages embed."""
        keys = {image.source_key.partition("/")[0] for image in plan.images}
        return cls(keys.union(plan.ids, forms), sorted({image.bucket for image in plan.images}))

    def look_at(self, text: str, work: StepWork) -> None:
        """Add what a text of a page refers to, in whatever encoding."""
        for reference in elsewhere(Layer(text).stack[-1].text, self.known, self.buckets):
            self._found.setdefault(reference, {})[str(work.original_id)] = None

    def references(self) -> tuple[OutsideReference, ...]:
        """What was found so far."""
        parted = ((*reference.partition(" "), steps) for reference, steps in self._found.items())
        return tuple(OutsideReference(kind, text, tuple(steps)) for kind, _, text, steps in parted)
