"""Progress at most once a second per clone: the first at once, then the latest. Pure: the time is handed in."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Generic, TypeVar

Told = TypeVar("Told")

EVERY_S = 1.0


@dataclass(slots=True)
class _Clone(Generic[Told]):
    due_at: float
    waiting: Told | None = None


@dataclass(slots=True)
class Pace(Generic[Told]):
    """Holds back what comes too soon; of several only the latest is told."""

    _clones: dict[str, _Clone[Told]] = field(default_factory=dict)

    def offer(self, clone: str, told: Told, now: float) -> Told | None:
        """What is to be told now; None: not yet, it comes with ``due``."""
        found = self._clones.get(clone)
        if found is None or (found.waiting is None and now >= found.due_at):
            self._clones[clone] = _Clone(now + EVERY_S)
            return told
        found.waiting = told
        return None

    def due(self, now: float) -> Iterator[Told]:
        """What was held back and may be told now; clones that fell silent are forgotten."""
        for clone, found in list(self._clones.items()):
            if now < found.due_at:
                continue
            if found.waiting is None:
                del self._clones[clone]
            else:
                yield found.waiting
                self._clones[clone] = _Clone(now + EVERY_S)

    def forget(self, clone: str) -> None:
        """It has ended: nothing more of its progress is told."""
        self._clones.pop(clone, None)
