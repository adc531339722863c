"""The scheduler: on every tick a pass as a Ray job, followed to its end. It holds nothing that could be lost.

::

    schedule          this: ticks in, jobs out, outcomes told
    schedule_clock    when ticks are due
    schedule_jobs     a tick's job on the job server
    schedule_outcome  what a tick came to
    schedule_health   GET /healthz

A scheduler whose Ray is away waits for it, at the start as later. After a power cut both come up in any order, and one
that ended instead would be started again and again by whoever keeps it, until that gave up. It is told once, and
``/healthz`` says so as long as it lasts.
"""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from threading import Event as Flag
from threading import Lock, Thread
from time import monotonic
from typing import Any, TypeVar

from engine.cluster.probe import probe
from engine.cluster.schedule_clock import Clock, Ticks
from engine.cluster.schedule_jobs import TickJobs, tick_id
from engine.cluster.schedule_outcome import Outcome, failed, reported
from engine.cluster.submit import checked_address
from engine.core.errors import CloneError, ServiceUnreachable
from engine.settings import ScheduleSettings
from engine.telemetry import Event

POLL_S = 0.5
FIRST_PAUSE_S = 0.5
LONGEST_PAUSE_S = 30.0
PROBE_S = 1.0
FAILED_TICKS = 3
"""In a row: then the scheduler is not well, though its Ray answers."""

Answer = TypeVar("Answer")
Tell = Callable[[Event, dict[str, Any]], None]


@dataclass(frozen=True)
class Work:
    """What is to be submitted, and where."""

    settings: ScheduleSettings
    job_address: str | None
    database: str
    overrides: tuple[str, ...] = ()
    """``key=value``, without secrets."""
    wheel: str | None = None
    """The engine that jobs bring along; None: the nodes have it."""


class _StoppedError(Exception):
    """We are to end; the job goes on."""


class _OutOfTimeError(Exception):
    """The job server was away until the next tick."""


class Schedule:
    """One scheduler. ``start``, then ``stop``; its events come from threads of its own, several at once."""

    def __init__(self, work: Work, tell: Tell) -> None:
        """Nothing is connected yet.

        Raises:
            ConfigError: The cron expression, the time zone or the job server's address cannot be.
        """
        self._work = work
        self._tell_to = tell
        self._address = checked_address(work.job_address)
        self._clock = Clock(work.settings, Ticks(self._hold, self._skip, self._miss))
        self._jobs: TickJobs | None = None
        self._away = False
        self._lock = Lock()
        self._stopping = Flag()
        self._idle = Flag()
        self._idle.set()
        self._following = ""
        self._failed_in_a_row = 0
        self.last: Outcome | None = None
        self.counts = dict.fromkeys(("submitted", "found", "done", "problems", "refused", "failed"), 0)
        self.counts.update(skipped=0, missed=0)

    def start(self) -> None:
        """Wait for ticks, and look at once whether Ray is there. To be called once."""
        Thread(target=self._greet, name="greeting", daemon=True).start()
        self._clock.start()

    def stop(self) -> None:
        """No more ticks, and no more following: a job that runs goes on. Returns at once; safe to repeat."""
        self._stopping.set()
        self._clock.stop()

    def end_job(self, within_s: float) -> None:
        """Before Ray itself is ended: let the job that runs give back what it has in hand. Then ``stop``."""
        self._clock.stop()
        until = monotonic() + within_s
        while (job_id := self._following) and not self._away and monotonic() < until:
            with suppress(ServiceUnreachable):  # one that is being submitted may not be known yet
                (self._jobs or TickJobs(self._address)).ask_to_stop(job_id)
            self._idle.wait(POLL_S)
        self.stop()

    def next_tick(self) -> datetime:
        """The next one from now."""
        return self._clock.after(datetime.now(UTC))

    @property
    def away(self) -> bool:
        """Whether Ray did not answer when it was last asked."""
        return self._away

    def health(self) -> tuple[bool, dict[str, Any]]:
        """Whether all is well, and what ``/healthz`` answers: last tick, its outcome, next tick. Asks Ray's port."""
        reachable = not self._away
        with self._lock:
            in_a_row = self._failed_in_a_row
        try:
            probe(self._address, PROBE_S)
        except OSError:
            reachable = False
        well = reachable and in_a_row < FAILED_TICKS
        return well, {
            "status": "ok" if well else "failing",
            "ray": "ok" if reachable else "away",
            "failed_in_a_row": in_a_row,
            "following": self._following or None,
            "last": self.last.fields() if self.last else None,
            "next_tick": self.next_tick().isoformat(),
        }

    # -- a tick -----------------------------------------------------------------------------------------------------

    def _hold(self, tick: datetime) -> None:
        job_id = tick_id(self._work.database, tick)
        self._idle.clear()
        try:
            self._submit(tick, job_id)
            self._record(self._follow(tick, job_id))
            self._forget_old()
        except _OutOfTimeError as error:
            self._record(failed(tick, job_id, str(error)))
        except _StoppedError:
            return
        except Exception as error:  # noqa: BLE001 - whatever it is, the next tick is to be held, and health to know
            self._record(failed(tick, job_id, f"{type(error).__name__}: {error}"))
        finally:
            self._following = ""
            self._idle.set()

    def _submit(self, tick: datetime, job_id: str) -> None:
        work = self._work
        drain, wheel = work.settings.drain, work.wheel
        # Before it is answered: the job may run by then, and whoever ends Ray asks it to stop.
        self._following = job_id
        ours = self._ask(lambda jobs: jobs.submit_tick(job_id, work.overrides, drain=drain, wheel=wheel))
        self._count("submitted" if ours else "found")
        self._tell(Event.TICK_SUBMITTED if ours else Event.TICK_FOUND, tick=tick.isoformat(), job_id=job_id)

    def _follow(self, tick: datetime, job_id: str) -> Outcome:
        while True:
            ended = self._ask(lambda jobs: jobs.has_ended(job_id))
            if ended is None:
                return failed(tick, job_id, "the job server knows the job no more; the next pass goes on there")
            if ended:
                break
            self._pause(POLL_S)
        try:
            return reported(tick, job_id, self._ask(lambda jobs: jobs.end(job_id)))
        except CloneError as error:
            return failed(tick, job_id, str(error))

    def _record(self, outcome: Outcome) -> None:
        with self._lock:
            self._failed_in_a_row = self._failed_in_a_row + 1 if outcome.result == "failed" else 0
            self.last = outcome
        self._count(outcome.result)
        self._tell(Event.TICK_ENDED, **outcome.fields())

    def _forget_old(self) -> None:
        settings = self._work.settings
        # A scheduler that is late must still find the job of its tick.
        before = datetime.now(UTC) - timedelta(seconds=settings.misfire_grace_seconds)
        with suppress(ServiceUnreachable):
            if self._jobs is not None:
                self._jobs.forget_ended(self._work.database, settings.keep_jobs, before)

    def _skip(self, tick: datetime) -> None:
        self._count("skipped")
        self._tell(Event.TICK_SKIPPED, tick=tick.isoformat(), job_id=self._following or None)

    def _miss(self, tick: datetime) -> None:
        self._count("missed")
        self._tell(Event.TICK_MISSED, tick=tick.isoformat())

    # -- Ray, there or away -----------------------------------------------------------------------------------------

    def _greet(self) -> None:
        with suppress(_StoppedError, _OutOfTimeError):
            self._ask(lambda _jobs: None)

    def _ask(self, question: Callable[[TickJobs], Answer]) -> Answer:
        """The job server's answer; while it is away it is asked again, more and more seldom, until the next tick."""
        until, pause_s = None, FIRST_PAUSE_S
        while True:
            if self._stopping.is_set():
                raise _StoppedError
            try:
                jobs = self._jobs or TickJobs(self._address)
                answer = question(jobs)
            except ServiceUnreachable as error:
                self._see(None, str(error))
                until = until or self.next_tick()
                left_s = (until - datetime.now(UTC)).total_seconds()
                if left_s <= 0:
                    raise _OutOfTimeError(str(error)) from error
                self._pause(min(pause_s, left_s, LONGEST_PAUSE_S))
                pause_s *= 2
            else:
                self._see(jobs, "")
                return answer

    def _see(self, jobs: TickJobs | None, reason: str) -> None:
        with self._lock:
            changed = self._away != (jobs is None)
            self._jobs, self._away = jobs, jobs is None
        if changed and jobs is None:
            self._tell(Event.RAY_AWAY, address=self._address, reason=reason)
        elif changed:
            self._tell(Event.RAY_BACK, address=self._address)

    def _pause(self, seconds: float) -> None:
        if self._stopping.wait(seconds):
            raise _StoppedError

    def _count(self, what: str) -> None:
        with self._lock:
            self.counts[what] += 1

    def _tell(self, event: Event, **fields: Any) -> None:
        if not self._stopping.is_set() or event is Event.TICK_ENDED:
            self._tell_to(event, fields)
