"""A funnel that a pass has in hand: its claim, what is left of it, and what went wrong."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from engine.core.model import Claim, DocId
from engine.settings import Settings


def most_in_hand(settings: Settings) -> int:
    """Funnels that a drain has in hand at once.

    A few more than the limit, so that steps of small funnels fill the window, too.
    """
    return settings.scan.batch_limit + settings.steps.concurrency


@dataclass
class FunnelInHand:
    """From claim to end."""

    claim: Claim
    alone: bool = False
    """Its passes died, and this is its last attempt: nothing else is in hand, so that no other can spend it."""
    phase: Literal["layout", "steps", "finish", "ending"] = "layout"
    """``ending``: how it ends is decided, and is being written."""
    plan: Any = None
    """Ray reference of the FunnelPlan."""
    scope: str = ""
    steps_total: int = 0
    steps_done: int = 0
    images_total: int = 0
    images_done: set[str] = field(default_factory=set)
    tries: dict[str, int] = field(default_factory=dict)
    """Task -> failed tries within this attempt of the funnel."""
    replans: int = 0
    """Layouts made anew because a page was edited meanwhile."""
    spent: str | None = None
    """Why this attempt cannot succeed any more."""
    rejected: str | None = None
    """Why no attempt can succeed."""
    outdated: bool = False
    lost: bool = False

    def progress(self) -> dict[str, int]:
        """As the contract's ``funnel_cloning_progress`` has it."""
        return {
            "steps_done": self.steps_done,
            "steps_total": self.steps_total,
            "images_done": len(self.images_done),
            "images_total": self.images_total,
        }

    def see_images(self, record_ids: Sequence[DocId], copied: Sequence[tuple[DocId, int]] = ()) -> list[int]:
        """Count images that stand, each once, however many pages show it; returns the sizes of those new by a copy."""
        new = [size for record_id, size in copied if repr(record_id) not in self.images_done]
        self.images_done.update(repr(record_id) for record_id in record_ids)
        return new

    def failed_try(self, task: str) -> int:
        """Count one more failed try of ``task``; returns how many there are now."""
        self.tries[task] = self.tries.get(task, 0) + 1
        return self.tries[task]
