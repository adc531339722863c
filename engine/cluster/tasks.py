"""What runs in Ray's workers. Errors come back as values: only a worker that died comes back as an exception.

``max_retries=0``: attempts have one owner, and that is MongoDB. What steps share (settings, copy actors, the plan)
is fetched once a worker, not once a step: it travels as a reference inside a list, which Ray does not resolve. In
front of it stands which code the pass runs: compared before anything is read that another version may have written.
"""

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, TypeVar

import ray

from engine import telemetry
from engine.cluster.code_version import check_code
from engine.cluster.copiers import ActorPoolCopier
from engine.cluster.in_hand import most_in_hand
from engine.core.errors import CloneError, PlanOutdated
from engine.core.model import (
    Claim,
    FinishResult,
    FunnelPlan,
    Laid,
    Rejected,
    SourceGone,
    StepResult,
    StepWork,
    Waits,
)
from engine.core.policy import Decision, decide
from engine.flow.complete import finish_funnel
from engine.flow.context import FunnelContext
from engine.flow.images import early_orders
from engine.flow.layout import lay_out
from engine.flow.step import clone_step
from engine.settings import Settings
from engine.telemetry import Event
from engine.wiring import store_for

Value = TypeVar("Value")
Ref = Any
"""A Ray ObjectRef."""

_events = telemetry.events("engine.tasks")

# What a worker keeps beside a plan of each funnel in hand: what passes share, and plans that are made anew.
_SPARE = 8
_kept: OrderedDict[str, Any] = OrderedDict()


@dataclass(frozen=True)
class Shared:
    """What all tasks of a pass share."""

    settings: Settings
    copy_actors: tuple[Any, ...]
    pass_id: str


SharedRef = tuple[str, Ref]
"""The pass's code version, and a reference of its ``Shared``."""


@dataclass(frozen=True, slots=True)
class TaskError:
    """Why a task came to nothing, and what to do about it."""

    decision: Literal["retry", "fail", "drop", "stop", "replan"]
    reason: str


@dataclass(frozen=True, slots=True)
class LayoutSummary:
    """What the driver needs of a plan; the plan itself stays in Ray's memory, for the steps."""

    outcome: Laid | Waits | SourceGone | Rejected | None
    """Without the plan's maps: ``Laid`` is told by None."""
    steps: tuple[StepWork, ...] = ()
    steps_total: int = 0
    steps_done: int = 0
    images: int = 0
    images_done: tuple[Any, ...] = ()
    scope: str = ""


def lay_out_funnel(shared: SharedRef, claim: Claim) -> tuple[LayoutSummary | TaskError, FunnelPlan | None]:
    """Lay out one funnel, and have its first copies begun."""

    def work() -> tuple[LayoutSummary | TaskError, FunnelPlan | None]:
        pass_ = _shared(shared)
        outcome = lay_out(store_for(pass_.settings.mongo), claim, pass_.settings)
        if not isinstance(outcome, Laid):
            return LayoutSummary(outcome), None
        plan = outcome.plan
        # The records stand: whatever becomes of this clone, they tell of each object that may come to be.
        ActorPoolCopier(pass_.copy_actors).begin(early_orders(plan), pass_.settings.copy.deadline_seconds)
        return (
            LayoutSummary(
                outcome=None,
                steps=plan.steps,
                steps_total=plan.steps_total,
                steps_done=plan.steps_done,
                images=len(plan.images),
                images_done=tuple(image.record_id for image in plan.images if image.uploaded),
                scope=plan.scope,
            ),
            plan,
        )

    done = _by_value(f"layout of funnel {claim.funnel_id}", work, funnel_id=claim.funnel_id)
    return (done, None) if isinstance(done, TaskError) else done


def clone_one_step(shared: SharedRef, plan: list[Ref], work: StepWork) -> StepResult | TaskError:
    """Clone one step."""
    return _by_value(f"step {work.step_id}", lambda: clone_step(work, _context(shared, plan[0])), step_id=work.step_id)


def finish_one_funnel(shared: SharedRef, plan: list[Ref], funnel_id: Any) -> FinishResult | TaskError:
    """Copy what no page shows, complete, tell users."""
    what = f"end of funnel {funnel_id}"
    return _by_value(what, lambda: finish_funnel(_context(shared, plan[0])), funnel_id=funnel_id)


def _context(shared: SharedRef, plan: Ref) -> FunnelContext:
    key = f"context {plan.hex()}"
    if key not in _kept:
        pass_ = _shared(shared)
        copier = ActorPoolCopier(pass_.copy_actors)
        funnel_plan: FunnelPlan = _fetch(plan)
        deadline_s = pass_.settings.copy.deadline_seconds
        _keep(key, FunnelContext.of(funnel_plan, store_for(pass_.settings.mongo), copier, deadline_s), pass_.settings)
    _kept.move_to_end(key)
    context: FunnelContext = _kept[key]
    telemetry.bind(funnel_id=context.plan.claim.funnel_id)
    return context


def _shared(shared: SharedRef) -> Shared:
    """What the pass shares; when it is first seen, this worker's events become its own."""
    code, ref = shared
    check_code(code)
    key = ref.hex()
    if key not in _kept:
        pass_: Shared = _fetch(ref)
        telemetry.configure(json=pass_.settings.log.json)
        telemetry.bind(pass_id=pass_.pass_id)
        _keep(key, pass_, pass_.settings)
    _kept.move_to_end(key)
    known: Shared = _kept[key]
    return known


def _fetch(ref: Ref) -> Any:
    return ray.get(ref)


def _keep(key: str, value: Any, settings: Settings) -> None:
    _kept[key] = value
    while len(_kept) > most_in_hand(settings) + _SPARE:
        _kept.popitem(last=False)


def _by_value(what: str, work: Callable[[], Value], *, funnel_id: Any = None, step_id: Any = None) -> Value | TaskError:
    # A worker does one task at a time: whatever is told meanwhile is about these.
    telemetry.bind(funnel_id=funnel_id, step_id=step_id)
    try:
        return work()
    except PlanOutdated as error:
        return TaskError("replan", str(error))
    except Exception as error:  # noqa: BLE001 - policy says what each means; none may end the worker
        decision = decide(error)
        if decision is not Decision.DROP:
            said, broken = f"{type(error).__name__}: {error}", decision is Decision.FAIL
            _events.emit(Event.TASK_ERROR, task=what, reason=said, traceback=broken)
        # Of an error that is none of ours, the log has the details: its text is for nobody's users.
        reason = str(error) if isinstance(error, CloneError) else f"{what}: {type(error).__name__}"
        return TaskError(decision.value, reason)
