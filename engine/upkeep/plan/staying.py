"""Looks for what would stay the original's in a clone's text, since it is spelled in a way that is not replaced."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from engine.core.identity import is_strong_key
from engine.core.model import FunnelPlan, StepWork
from engine.upkeep.invariants.decoding import Layer
from engine.upkeep.invariants.finding import Finder
from engine.upkeep.invariants.references import Reference, form_references, id_references, own_references
from engine.upkeep.invariants.remains import remains
from engine.upkeep.plan.problems import Problems


@dataclass(slots=True)
class Staying:
    """Reads as ``verify`` does: a page that has none of these has no ``reference_left`` afterwards."""

    base: Finder
    """Of ids and images; forms come as pages are read."""
    missing: Sequence[str]
    """Keys of images without an object: they stay, and are told as that."""
    problems: Problems
    _finder: Finder | None = None
    """Of all that is known so far: built anew only when a page has brought forms."""
    _forms: dict[str, None] = field(default_factory=dict)

    @classmethod
    def of(cls, plan: FunnelPlan, missing: Iterable[str], problems: Problems) -> "Staying":
        """Look for what is the original's of ``plan``."""
        images = [
            Reference("image", image.source_key, (image.key,), () if is_strong_key(image.source_key) else (place,))
            for image in plan.images
            for place in (f"{image.bucket}/",)
        ]
        references = [*id_references(plan.ids.items()), *images]
        return cls(Finder([*references, *own_references(references)]), list(missing), problems)

    def know(self, forms: Iterable[str]) -> None:
        """Look for these forms, too, from here on: those that there are, and that any page embeds."""
        new = [secret for secret in forms if secret not in self._forms]
        if new:
            self._forms.update(dict.fromkeys(new))
            self._finder = None

    def look_at(self, name: str, text: Sequence[Layer], work: StepWork) -> None:
        """Note what is left in a rewritten text of a page, given with one layer of escapes less, and so on.

        Args:
            name: The field that holds the text.
            text: As it is stored, then without its outermost escapes, and so on.
            work: The page.
        """
        if self._finder is None:
            self._finder = Finder(form_references(self._forms), self.base)
        for found in remains(text, self._finder, self.missing, plain=True):
            reference = found.occurrence.reference
            detail = f"{reference.kind} {reference.text} is spelled in a way that is not replaced: {found.shown!r}"
            self.problems.add("reference_stays", f"funnel.step/{work.original_id} {name}", detail)
