"""A pass: takes funnels while there is room, keeps the window of step work full, settles what comes back.

The cap on steps is one number for the whole cluster, so it lives here, in the one process that hands work out
(ADR 4); Ray's resources are summed per node and could not hold it. Nothing here blocks on a nested task.
"""

from time import monotonic, perf_counter, sleep
from typing import Any

import ray

from engine.cluster.ends_writer import EndsWriter
from engine.cluster.heartbeat import Heartbeat, Pulse
from engine.cluster.in_hand import FunnelInHand, most_in_hand
from engine.cluster.launch import Launcher
from engine.cluster.pass_state import PassState, Running
from engine.cluster.settle import Settler
from engine.cluster.tasks import TaskError
from engine.core.errors import TransientError
from engine.core.model import Claim, StepWork, scope_of
from engine.core.window import Window
from engine.edges.mongo import leases, scan
from engine.edges.mongo.client import Store, bounded
from engine.settings import Settings
from engine.telemetry import Event, emit

WAIT_TICK_S = 0.5
IDLE_TICK_S = 0.2
SCAN_AGAIN_S = 1.0
MAX_LAYOUTS = 3
STOP_GRACE_S = 10.0


class PassRun:
    """One pass, from the first claim to the last end. Not to be run twice."""

    def __init__(
        self, store: Store, settings: Settings, launcher: Launcher, heartbeat: Heartbeat, pass_id: str, *, drain: bool
    ) -> None:
        """Nothing is claimed yet."""
        self._store = store
        self._settings = settings
        self._launcher = launcher
        self._heartbeat = heartbeat
        self._pass_id = pass_id
        self._drain = drain
        self._turn: scan.Turn | None = None
        window: Window[str, StepWork | None] = Window(settings.steps.concurrency)
        self.state = PassState(launcher, window)
        self._ends = EndsWriter(store, self.state, settings.lease.ttl_seconds / 4)
        self._settler = Settler(settings, self.state, self._ends)
        self._scan_at = 0.0
        self._below: int | None = None
        self._patience_s = settings.lease.ttl_seconds / 4
        self.stopping = False

    def run(self, turn: scan.Turn | None) -> str:
        """Work until nothing is left to do; returns ``done``, ``stopped`` or ``lease lost``."""
        self._turn = turn
        begin = perf_counter()
        try:
            while True:
                if self._heartbeat.lost_lease():
                    return self._abandon()
                if self.stopping or self.state.unfit:
                    return self._lay_down()
                self._let_go_of_lost()
                self._take_funnels()
                self._lay_out_due()
                self._fill_window()
                self._beat()
                self._wait_for_news()
                if not self.state.in_hand and self._nothing_left():
                    return "done"
        finally:
            # Whatever ended the pass: nothing of it may write beside the next one.
            for ref in self.state.running:
                self._launcher.cancel(ref)
            self.state.tally.seconds = perf_counter() - begin

    # -- taking funnels ---------------------------------------------------------------------------------------------

    def _room(self) -> int:
        if not self._drain:
            return self._settings.scan.batch_limit - self.state.tally.funnels
        return most_in_hand(self._settings) - len(self.state.in_hand)

    def _take_funnels(self) -> None:
        """Claim what there is room for. MongoDB away for a moment ends no pass: the heartbeat knows when to give up."""
        if monotonic() < self._scan_at:
            return
        try:
            with bounded(self._patience_s):
                self._claim_some()
        except TransientError as error:
            emit(Event.WRITE_DELAYED, reason=str(error))
            self._scan_at = monotonic() + SCAN_AGAIN_S

    def _claim_some(self) -> None:
        layouts = sum(running.kind == "layout" for running in self.state.running.values())
        stale_minutes, last = self._settings.scan.funnel_stale_minutes, self._settings.funnels.attempts - 1
        for _ in range(min(self._room(), MAX_LAYOUTS - layouts)):
            if any(funnel.alone for funnel in self.state.in_hand.values()):
                return
            self._below = last if self.state.in_hand else None
            taken = scan.claim_next(self._store, self._pass_id, stale_minutes, self._turn, deaths_below=self._below)
            if taken is None:
                self._scan_at = monotonic() + SCAN_AGAIN_S
                return
            turn, self._turn = self._turn, taken.turn
            # Before anything that may fail: a claim that nobody takes up would wait for the next pass.
            self._take(taken.claim, rescued=taken.rescued)
            if taken.turn is not None and taken.turn != turn:
                leases.remember_turn(self._store, self._pass_id, taken.turn)

    def _take(self, claim: Claim, *, rescued: bool) -> None:
        last = rescued and claim.attempt >= self._settings.funnels.attempts
        funnel = FunnelInHand(claim, scope=scope_of(claim), alone=last)
        self.state.in_hand[funnel.scope] = funnel
        self.state.tally.funnels += 1
        event = Event.STALE_REQUEUED if rescued else Event.FUNNEL_CLAIMED
        emit(event, funnel_id=claim.funnel_id, epoch=claim.epoch, attempt=claim.attempt)
        if claim.attempt > self._settings.funnels.attempts:
            # Only a try that took its driver along comes here: any other was parked when it ended.
            tried = claim.attempt - 1
            self._ends.park(funnel, f"gave up after {tried} attempts, the last of which ended with its driver")
            return
        self.state.to_lay_out.append((0.0, funnel))

    def _lay_out_due(self) -> None:
        now = monotonic()
        due = [funnel for not_before, funnel in self.state.to_lay_out if not_before <= now]
        self.state.to_lay_out = [(at, funnel) for at, funnel in self.state.to_lay_out if at > now]
        for funnel in due:
            if funnel.scope in self.state.in_hand and funnel.phase != "ending":
                funnel.phase, funnel.outdated = "layout", False
                summary, plan = self._launcher.layout(funnel.claim)
                self.state.running[summary] = Running("layout", funnel, None, self._deadline(), plan)

    def _nothing_left(self) -> bool:
        """Whether the pass is over; a drain waits for what is due later."""
        if self._below is not None:  # what wants to be alone was passed by: now it is
            self._below, self._scan_at = None, 0.0
            return False
        if not self._drain:
            return self._room() <= 0 or monotonic() < self._scan_at
        if monotonic() >= self._scan_at:
            return False
        try:
            with bounded(self._patience_s):
                wait_s = scan.pending_left(self._store)
        except TransientError:
            self._scan_at = monotonic() + SCAN_AGAIN_S
            return False
        if wait_s is None:
            return True
        self._heartbeat.lease_lost.wait(min(wait_s, IDLE_TICK_S))
        if wait_s <= IDLE_TICK_S:
            self._scan_at = 0.0
        return False

    # -- handing work out, taking results in ------------------------------------------------------------------------

    def _fill_window(self) -> None:
        while (item := self.state.window.take(monotonic())) is not None:
            scope, work = item
            funnel = self.state.in_hand[scope]
            if work is None:
                ref = self._launcher.finish(funnel.plan, funnel.claim.funnel_id)
            else:
                ref = self._launcher.step(funnel.plan, work)
            self.state.running[ref] = Running("step" if work else "finish", funnel, work, self._deadline())

    def _deadline(self) -> float:
        return monotonic() + self._settings.steps.deadline_minutes * 60

    def _wait_for_news(self) -> None:
        self._ends.write()
        if not (running := self.state.running):
            if self.state.in_hand:  # a step waits for its backoff, or an end for MongoDB
                sleep(IDLE_TICK_S)
            return
        done, _ = ray.wait(list(running), num_returns=1, timeout=self._wait_s())
        if done:  # take along whatever else is ready
            done, _ = ray.wait(list(running), num_returns=len(running), timeout=0)
        self._let_go_of_lost()  # what the lookout ended has not failed
        for ref in done:
            task = running.pop(ref)
            if task.kind != "layout":
                self.state.window.release(task.funnel.scope)
            self._settler.settle(task, self._result(ref))
        self._ends.write()
        self._cancel_overdue()

    def _wait_s(self) -> float:
        due_s = self.state.window.next_due_s()
        return WAIT_TICK_S if due_s is None else max(0.01, min(WAIT_TICK_S, due_s - monotonic()))

    @staticmethod
    def _result(ref: Any) -> object:
        try:
            return ray.get(ref)
        except ray.exceptions.RayError as error:
            # The worker or its node died, or the deadline's cancel came through: it counts as a try.
            return TaskError("retry", f"its worker ended: {type(error).__name__}")

    # -- letting go -------------------------------------------------------------------------------------------------

    def _let_go_of_lost(self) -> None:
        for scope in self._heartbeat.lost & self.state.in_hand.keys():
            # An end that is being written raises the epoch itself; whether it did so as ours, its own fence says.
            if self.state.in_hand[scope].phase != "ending":
                self.state.lose(self.state.in_hand[scope])

    def _cancel_overdue(self) -> None:
        for ref, running in self.state.running.items():
            if monotonic() > running.deadline:
                running.deadline = float("inf")
                self._launcher.cancel(ref)

    def _abandon(self) -> str:
        """The lease is lost: another pass may run. End all work, write nothing."""
        emit(Event.LEASE_LOST, pass_id=self._pass_id)
        return "lease lost"

    def _lay_down(self) -> str:
        """Stop on request: what runs may end within the grace, the rest is cancelled; no attempt is counted."""
        until = monotonic() + STOP_GRACE_S
        while self.state.running and monotonic() < until and not self._heartbeat.lost_lease():
            self._beat()
            self._wait_for_news()
        for ref in self.state.running:
            self._launcher.cancel(ref)  # before its funnel is given back
        for funnel in list(self.state.in_hand.values()):
            if funnel.phase != "ending":
                self._ends.wait(funnel, "the pass was stopped", 0.0, counts=False)
        self._ends.write()
        return "stopped"

    def _beat(self) -> None:
        """Put down what is in work, whole, for the heartbeat to read, and tell the meter of it."""
        funnels = [funnel for funnel in self.state.in_hand.values() if funnel.phase != "ending"]
        self._heartbeat.pulse = Pulse(
            claims=tuple(funnel.claim for funnel in funnels),
            steps=tuple(r.work.step_id for r in self.state.running.values() if r.work is not None),
            tasks=tuple((running.funnel.scope, ref) for ref, running in self.state.running.items()),
            progress=tuple((f.claim, f.progress()) for f in funnels if f.phase in ("steps", "finish")),
        )
        self.state.show_hands()
