"""What a pass has in hand: funnels, the window of work, tasks in flight."""

from dataclasses import dataclass, field
from typing import Any, Literal

from engine.cluster import metrics
from engine.cluster.in_hand import FunnelInHand
from engine.cluster.launch import Launcher
from engine.cluster.measures import Measures
from engine.cluster.tally import Tally
from engine.core.model import StepWork
from engine.core.window import Window
from engine.telemetry import Event, emit


@dataclass
class Running:
    """A Ray task in flight."""

    kind: Literal["layout", "step", "finish"]
    funnel: FunnelInHand
    work: StepWork | None
    deadline: float
    """On the driver's monotonic clock, in seconds."""
    plan: Any = None

    @property
    def name(self) -> str:
        """Names the task within its funnel."""
        return self.kind if self.work is None else f"step {self.work.step_id}"


@dataclass
class PassState:
    """Shared by the parts of a pass; one thread owns it."""

    launcher: Launcher
    window: Window[str, StepWork | None]
    """Work by funnel: a step, or None for the funnel's end."""
    tally: Tally = field(default_factory=Tally)
    measures: Measures = field(default_factory=Measures)
    in_hand: dict[str, FunnelInHand] = field(default_factory=dict)
    """Scope -> funnel."""
    running: dict[Any, Running] = field(default_factory=dict)
    """Ray reference -> task."""
    unfit: str | None = None
    """Why the cluster is not fit for this pass, once that has shown."""
    to_lay_out: list[tuple[float, FunnelInHand]] = field(default_factory=list)
    """(not before, on the monotonic clock; funnel)."""

    def drop(self, funnel: FunnelInHand) -> None:
        """The funnel has ended, or is somebody else's."""
        self.in_hand.pop(funnel.scope, None)
        self.window.drop(funnel.scope)
        self.launcher.forget(funnel.scope)

    def lose(self, funnel: FunnelInHand) -> None:
        """Somebody else holds the funnel: stop quietly, write nothing."""
        funnel.lost = True
        self.tally.lost += 1
        self.measures.count(metrics.FUNNELS, outcome="lost")
        emit(Event.CLAIM_LOST, funnel_id=funnel.claim.funnel_id, epoch=funnel.claim.epoch)
        for ref, running in self.running.items():
            if running.funnel is funnel:
                self.launcher.cancel(ref)
        self.drop(funnel)

    def at_work(self, funnel: FunnelInHand) -> bool:
        """Whether any of the funnel's work is queued or in flight."""
        return bool(self.window.waiting(funnel.scope)) or any(r.funnel is funnel for r in self.running.values())

    def show_hands(self) -> None:
        """Tell the meter how much is in hand and at work, now and then."""
        self.measures.show(metrics.FUNNELS_IN_HAND, len(self.in_hand))
        self.measures.show(metrics.TASKS_RUNNING, len(self.running))
        self.measures.send_due()
