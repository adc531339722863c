"""What the fault kit shows at the end of a run."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from statistics import median

from tests.fault.audit import Audit
from tests.fault.trap import Sprung


@dataclass
class Figures:
    """Of one run of pytest."""

    places: Counter[tuple[str, str]] = field(default_factory=Counter)
    """(role, point) -> processes killed there, one place after another."""
    struck_at_random: Counter[str] = field(default_factory=Counter)
    """Role -> processes killed, by seed."""
    recovery_s: list[float] = field(default_factory=list)
    """From the last kill until the last clone was completed."""
    found: Audit = field(default_factory=Audit)
    lines: list[str] = field(default_factory=list)

    def add_place(self, caught: list[Sprung]) -> None:
        self.places.update((sprung["role"], sprung["point"]) for sprung in caught)

    def add_recovery(self, caught: list[Sprung], ended_at: float) -> None:
        """A process that died after the last end left nothing to recover."""
        if caught and ended_at > caught[-1]["at"]:
            self.recovery_s.append(ended_at - caught[-1]["at"])

    def tell(self) -> Iterator[str]:
        if self.places:
            yield f"crash points: {len(self.places)} places, {self.places.total()} processes killed there"
        if self.struck_at_random:
            by_role = ", ".join(f"{role} {n}" for role, n in sorted(self.struck_at_random.items()))
            yield f"random kills: {self.struck_at_random.total()} ({by_role})"
        if self.places or self.struck_at_random:
            yield ", ".join(f"{name.replace('_', ' ')} {n}" for name, n in self.found.figures().items())
        if self.recovery_s:
            yield f"from a kill to the last clone's end: median {median(self.recovery_s):.1f} s"
        yield from self.lines
