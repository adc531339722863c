"""Each point of ``engine.crash_points`` with the processes that reach it, and what it takes to be reached."""

from dataclasses import dataclass

from engine.crash_points import Point
from tests.fault.traps import Role


@dataclass(frozen=True)
class Case:
    """A place to strike."""

    point: Point
    role: Role
    while_held: bool = False
    """Reached for certain only while a step is in work: one is halted meanwhile."""
    large: bool = False
    """Reached only by an image of more than ``copy.multipart_threshold_bytes``."""
    over: bool = False
    """What was done there is not done again by a recovery: the second process is killed at another of the kind."""
    behind: tuple[Point, Role] | None = None
    """Reached only where a process has died there before."""
    spent: bool = False
    """Reached only where an attempt of a funnel is spent, as by the death of a step's worker."""

    def __str__(self) -> str:
        return f"{self.role} at {self.point}"


CASES = (
    Case("index.made", "driver"),
    Case("lease.made", "driver"),
    Case("lease.acquired", "driver"),
    Case("lease.renewed", "driver", while_held=True),
    Case("lease.turn_kept", "driver"),
    Case("lease.released", "driver"),
    Case("pass.begun", "driver"),
    Case("pass.closed", "driver"),
    Case("funnels.beaten", "driver", while_held=True),
    Case("steps.beaten", "driver", while_held=True),
    Case("progress.written", "driver", while_held=True),
    Case("funnel.claimed", "driver"),
    Case("steps.taken_over", "worker"),
    Case("components.taken_over", "worker"),
    Case("images.taken_over", "worker"),
    Case("layout.writing", "worker"),
    Case("layout.written", "worker"),
    Case("step.started", "worker"),
    Case("image.copied", "copier"),
    Case("parts.begun", "copier", large=True),
    Case("part.copied", "copier", large=True),
    Case("parts.joined", "copier", large=True),
    Case("parts.aborted", "copier", large=True, over=True, behind=("parts.begun", "copier")),
    Case("images.copied", "worker"),
    Case("images.recorded", "worker"),
    Case("step.writing", "worker"),
    Case("step.committed", "worker", over=True),
    Case("rest.copied", "worker"),
    Case("end.writing", "worker"),
    Case("end.writing", "driver"),
    Case("end.written", "worker", over=True),
    Case("end.written", "driver"),
    Case("wait.writing", "driver", spent=True, behind=("step.started", "worker")),
    Case("wait.written", "driver", spent=True, behind=("step.started", "worker")),
)
