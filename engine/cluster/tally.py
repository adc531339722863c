"""The figures of a pass: what `--json` prints and `clone_passes` keeps."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any, NamedTuple

from engine.core.model import FinishResult, StepResult


class CopyCounts(NamedTuple):
    """What a copy actor did since it last started."""

    issued: int
    """Requests to S3, each try counted."""
    calls: int
    lowest_limit: int
    """The least that were ever allowed at once."""
    limit: int
    """What is allowed now."""
    cuts: int
    """How often the limit was halved."""


@dataclass
class Tally:
    """Counts of one pass; ``images`` and ``bytes`` are what was copied, not what stood already."""

    funnels: int = 0
    completed: int = 0
    with_errors: int = 0
    failed: int = 0
    source_deleted: int = 0
    waiting: int = 0
    lost: int = 0
    steps: int = 0
    retries: int = 0
    images: int = 0
    bytes: int = 0
    forms: int = 0
    copies_issued: int = 0
    """Requests to S3: as many as images, where no try failed."""
    copy_calls: int = 0
    """Calls to copy actors: one a step and actor at most."""
    copy_limit_lowest: int = 0
    """Requests that the actor which was allowed the fewest at once was allowed; of ``copy.concurrency``."""
    copy_limit_last: int = 0
    """The same at the end."""
    copy_cuts: int = 0
    """How often S3 asked an actor for less."""
    seconds: float = 0.0
    stage_seconds: dict[str, float] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)

    def add_step(self, result: StepResult) -> None:
        """A step is done."""
        self.steps += 1
        self.forms += result.forms
        for stage, seconds in result.seconds.items():
            self.stage_seconds[stage] = self.stage_seconds.get(stage, 0.0) + seconds

    def add_copies(self, sizes: Sequence[int]) -> None:
        """Images were copied; each is to be counted once, however many pages show it."""
        self.images += len(sizes)
        self.bytes += sum(sizes)

    def see_actors(self, counts: Sequence[CopyCounts]) -> None:
        """What the copy actors counted that could tell."""
        self.copies_issued = sum(actor.issued for actor in counts)
        self.copy_calls = sum(actor.calls for actor in counts)
        self.copy_limit_lowest = min((actor.lowest_limit for actor in counts), default=0)
        self.copy_limit_last = min((actor.limit for actor in counts), default=0)
        self.copy_cuts = sum(actor.cuts for actor in counts)

    def add_finish(self, funnel_id: Any, result: FinishResult) -> None:
        """A funnel is completed."""
        self.completed += 1
        if result.errors:
            self.with_errors += 1
            self.add_problem(f"funnel {funnel_id} completed with {len(result.errors)} errors: {result.errors[0]}")

    def add_problem(self, sentence: str) -> None:
        """Keep the first hundred sentences: enough to act on, bounded however much goes wrong."""
        if len(self.problems) < _PROBLEMS_KEPT:
            self.problems.append(sentence)

    def as_document(self) -> dict[str, Any]:
        """For the record and for `--json`."""
        figures = asdict(replace(self, stage_seconds=dict(self.stage_seconds)))  # another thread may add to it
        figures["seconds"] = round(self.seconds, 3)
        figures["stage_seconds"] = {stage: round(s, 3) for stage, s in self.stage_seconds.items()}
        return figures


_PROBLEMS_KEPT = 100
