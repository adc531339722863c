"""A worker that was thought dead comes back: its funnel was taken over and finished meanwhile. It writes nothing."""

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from threading import Event
from typing import Any

import pytest

from engine import crash_points
from engine.core.errors import ClaimLost
from engine.core.model import Claim, Laid
from engine.crash_points import Point
from engine.edges.mongo import leases
from engine.edges.mongo.scan import claim_next
from engine.flow.complete import finish_funnel
from engine.flow.step import clone_step
from tests.fault.audit import Audit
from tests.fault.drill import Drill
from tests.fault.everything import everything
from tests.in_process import Workshop
from tests.processes import wait_for

SUCCESSOR = "9" * 32
WITHIN_S = 300.0


@dataclass
class Barrier:
    """Holds the first that comes to ``point``, whoever it is, until it is let go."""

    point: Point
    came: Event = field(default_factory=Event)
    let_go: Event = field(default_factory=Event)

    def reached(self, point: str, _of: Any = None, /) -> None:
        if point == self.point and not self.came.is_set():
            self.came.set()
            assert self.let_go.wait(WITHIN_S)


def a_layout(workshop: Workshop, claim: Claim) -> Any:
    return workshop.lay_out(claim)


def a_step(workshop: Workshop, claim: Claim) -> Any:
    laid = workshop.lay_out(claim)
    assert isinstance(laid, Laid)
    return clone_step(laid.plan.steps[0], workshop.context(laid.plan))


def an_end(workshop: Workshop, claim: Claim) -> Any:
    laid = workshop.lay_out(claim)
    assert isinstance(laid, Laid)
    context = workshop.context(laid.plan)
    workshop.clone_steps(context)
    return finish_funnel(context)


HELD: Mapping[Point, Callable[[Workshop, Claim], Any]] = {
    "layout.writing": a_layout,
    "step.started": a_step,
    "image.copied": a_step,
    "images.copied": a_step,
    "images.recorded": a_step,
    "step.writing": a_step,
    "rest.copied": an_end,
    "end.writing": an_end,
}


@pytest.mark.parametrize("point", HELD)
def test_a_worker_held_at_a_point_while_its_funnel_is_taken_over_and_finished_writes_nothing(
    dry_drill: Drill, workshop: Workshop, monkeypatch: pytest.MonkeyPatch, point: Point
) -> None:
    dry_drill.ask(dry_drill.original())
    barrier = Barrier(point)
    monkeypatch.setattr(crash_points, "reached", barrier.reached)
    claim = workshop.claim()
    with ThreadPoolExecutor(1) as threads:
        try:
            stale = threads.submit(HELD[point], workshop, claim)
            wait_for(lambda: barrier.came.is_set() or stale.done())
            take_over_and_finish(dry_drill, workshop)
            finished = everything(dry_drill.database, dry_drill.s3, dry_drill.bucket)
            assert dry_drill.audit() == Audit()
        finally:
            barrier.let_go.set()
        with pytest.raises(ClaimLost):
            stale.result(WITHIN_S)
    assert everything(dry_drill.database, dry_drill.s3, dry_drill.bucket) == finished


def take_over_and_finish(drill: Drill, stale: Workshop) -> None:
    """By a pass of another process, to which the lease has come; its copies are its own."""
    drill.store.leases.delete_many({})
    leases.acquire(drill.store, SUCCESSOR, "its successor", 3600)
    successor = Workshop(drill.store, stale.settings)
    taken = claim_next(drill.store, SUCCESSOR, stale.settings.scan.funnel_stale_minutes, None)
    assert taken is not None
    assert taken.rescued
    an_end(successor, taken.claim)


def test_a_worker_that_has_committed_before_it_was_overtaken_has_written_the_page_for_its_successor(
    dry_drill: Drill, workshop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    dry_drill.ask(dry_drill.original())
    barrier = Barrier("step.committed")
    monkeypatch.setattr(crash_points, "reached", barrier.reached)
    claim = workshop.claim()
    with ThreadPoolExecutor(1) as threads:
        try:
            early = threads.submit(a_step, workshop, claim)
            wait_for(lambda: barrier.came.is_set() or early.done())
            take_over_and_finish(dry_drill, workshop)
            finished = everything(dry_drill.database, dry_drill.s3, dry_drill.bucket)
        finally:
            barrier.let_go.set()
        step = dry_drill.store.steps.find_one({"_id": early.result(WITHIN_S).step_id}) or {}
    assert step["clone"]["attempts"] == 1, "its successor found it done"
    assert everything(dry_drill.database, dry_drill.s3, dry_drill.bucket) == finished
    assert dry_drill.audit() == Audit()
