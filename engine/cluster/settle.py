"""What comes back from tasks, and what follows from it: the next phase of a funnel, another try, or its end."""

import random
from time import monotonic

from engine.cluster import metrics
from engine.cluster.ends_writer import EndsWriter
from engine.cluster.in_hand import FunnelInHand
from engine.cluster.pass_state import PassState, Running
from engine.cluster.tasks import LayoutSummary, TaskError
from engine.core.model import FinishResult, Rejected, SourceGone, StepResult, Waits
from engine.core.policy import backoff_s
from engine.settings import Settings
from engine.telemetry import Event, emit

STEP_BACKOFF_S = 0.5
STEP_BACKOFF_LIMIT_S = 30.0
WAIT_FOR_OTHERS_S = 5.0


class Settler:
    """Decides by values; its only effects are on the pass's own state."""

    def __init__(self, settings: Settings, state: PassState, ends: EndsWriter) -> None:
        """Nothing is settled yet."""
        self._settings = settings
        self._state = state
        self._ends = ends

    def settle(self, running: Running, result: object) -> None:
        """Take up the result of one task; of a funnel that is no longer ours it is dropped."""
        funnel = running.funnel
        if funnel.lost or funnel.scope not in self._state.in_hand:
            return
        if isinstance(result, TaskError):
            self._failed(running, result)
        elif isinstance(result, LayoutSummary):
            self._laid_out(running, result)
        elif isinstance(result, StepResult):
            self._step_done(funnel, result)
        elif isinstance(result, FinishResult):
            self._finished(funnel, result)
        if not funnel.lost and funnel.phase == "steps":
            self._next_phase(funnel)

    def _laid_out(self, running: Running, summary: LayoutSummary) -> None:
        funnel, outcome = running.funnel, summary.outcome
        if isinstance(outcome, SourceGone):
            self._ends.source_gone(funnel)
        elif isinstance(outcome, Rejected):
            self._ends.park(funnel, outcome.reason)
        elif isinstance(outcome, Waits):
            self._ends.wait(funnel, outcome.reason, WAIT_FOR_OTHERS_S, counts=False)
        else:
            funnel.plan, funnel.phase = running.plan, "steps"
            funnel.steps_total, funnel.steps_done = summary.steps_total, summary.steps_done
            funnel.images_total = summary.images
            funnel.see_images(summary.images_done)
            self._state.window.add(funnel.scope, list(summary.steps))
            event = Event.LAID_OUT if summary.steps else Event.ALREADY_COMPLETE
            emit(event, funnel_id=funnel.claim.funnel_id, steps=len(summary.steps), images=summary.images)

    def _step_done(self, funnel: FunnelInHand, result: StepResult) -> None:
        funnel.steps_done += 1
        self._copied(funnel, result)
        self._state.tally.add_step(result)
        self._measure(result)
        about = {"funnel_id": funnel.claim.funnel_id, "step_id": result.step_id}
        for event, count in (
            (Event.IMAGES_DONE, len(result.images_done)),
            (Event.FORMS_DONE, result.forms),
            (Event.CHAT_REPLACED, result.chat_keys),
        ):
            if count:
                emit(event, **about, count=count)
        if result.kept:
            self._state.tally.add_problem(f"step {result.step_id} was edited since it was cloned, and stays as it is")
            emit(Event.STEP_KEPT, **about)
            return
        emit(Event.STEP_DONE, **about, failures=len(result.failures))

    def _finished(self, funnel: FunnelInHand, result: FinishResult) -> None:
        if result.state == "unfinished":
            funnel.spent = "steps are left that are neither done nor planned"
            self._give_up(funnel)
            return
        self._copied(funnel, result)
        self._state.tally.add_finish(funnel.claim.funnel_id, result)
        outcome = "completed with errors" if result.errors else "completed"
        self._state.measures.count(metrics.FUNNELS, outcome=outcome)
        emit(Event.FUNNEL_COMPLETED, funnel_id=funnel.claim.funnel_id, errors=len(result.errors))
        self._state.drop(funnel)

    def _copied(self, funnel: FunnelInHand, result: StepResult | FinishResult) -> None:
        sizes = funnel.see_images(result.images_done, result.copied)
        self._state.tally.add_copies(sizes)
        self._state.measures.count(metrics.IMAGES, len(sizes))
        self._state.measures.count(metrics.BYTES, sum(sizes))

    def _measure(self, result: StepResult) -> None:
        measures = self._state.measures
        measures.count(metrics.STEPS, outcome="kept" if result.kept else "done")
        measures.count(metrics.FORMS, result.forms)
        measures.observe(metrics.STEP_SECONDS, sum(result.seconds.values()))
        for stage, seconds in result.seconds.items():
            measures.observe(metrics.STAGE_SECONDS, seconds, stage=stage)

    def _failed(self, running: Running, error: TaskError) -> None:
        funnel, reason = running.funnel, error.reason
        self._state.measures.count(metrics.TASKS_FAILED, task=running.kind, decision=error.decision)
        emit(
            Event.TASK_FAILED,
            funnel_id=funnel.claim.funnel_id,
            task=running.name,
            decision=error.decision,
            reason=reason,
        )
        if error.decision == "drop":
            self._state.lose(funnel)
            return
        if error.decision == "stop":
            if self._state.unfit is None:
                self._state.tally.add_problem(reason)
            self._state.unfit = reason
            return
        if error.decision == "replan" and funnel.replans < self._settings.steps.attempts:
            funnel.outdated = True
        elif error.decision == "fail":
            funnel.rejected = funnel.rejected or reason
        elif (tries := funnel.failed_try(running.name)) < self._settings.steps.attempts:
            self._again(running, backoff_s(tries, STEP_BACKOFF_S, STEP_BACKOFF_LIMIT_S, random.random()))  # noqa: S311
        else:
            funnel.spent = funnel.spent or reason
        if running.kind != "step" and (funnel.rejected or funnel.spent):
            self._give_up(funnel)

    def _again(self, running: Running, delay_s: float) -> None:
        self._state.tally.retries += 1
        self._state.measures.count(metrics.RETRIES)
        emit(
            Event.STEP_REQUEUED, funnel_id=running.funnel.claim.funnel_id, task=running.name, seconds=round(delay_s, 1)
        )
        if running.kind == "layout":
            self._state.to_lay_out.append((monotonic() + delay_s, running.funnel))
        else:
            self._state.window.requeue(running.funnel.scope, running.work, monotonic() + delay_s)

    def _next_phase(self, funnel: FunnelInHand) -> None:
        """Once a funnel's last step is back: finish, plan anew, or give up. The other steps are always done first."""
        if self._state.at_work(funnel):
            return
        if funnel.rejected or funnel.spent:
            self._give_up(funnel)
        elif funnel.outdated:
            funnel.replans += 1
            funnel.phase = "layout"
            self._state.to_lay_out.append((0.0, funnel))
        else:
            funnel.phase = "finish"
            self._state.window.add(funnel.scope, [None])

    def _give_up(self, funnel: FunnelInHand) -> None:
        """This attempt is over. A permanent error parks at once, a spent last attempt parks, else others go first."""
        limits = self._settings.funnels
        attempt = funnel.claim.attempt
        if funnel.rejected or attempt >= limits.attempts:
            self._ends.park(funnel, funnel.rejected or funnel.spent or "")
            return
        delay_s = backoff_s(attempt, limits.backoff_seconds, limits.backoff_limit_seconds, random.random())  # noqa: S311
        self._ends.wait(funnel, funnel.spent or "", delay_s, counts=True)
