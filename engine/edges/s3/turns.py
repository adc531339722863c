"""Tries of many copies, in turns: as many at once as the store takes, first tries and further ones in one queue."""

import random
from collections import OrderedDict, deque
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from threading import Lock
from time import monotonic

from engine import telemetry
from engine.core.backpressure import Limit
from engine.core.errors import ObjectStoreBusy, TransientError
from engine.core.model import CopyOrder, CopyOutcome
from engine.core.policy import backoff_s
from engine.edges.s3.backoff import Backoff
from engine.edges.s3.copier import ObjectCopier
from engine.edges.s3.tries import BACKOFF_LIMIT_S, BACKOFF_S
from engine.telemetry import Event

LATE = "not copied before the deadline"
NOT_WANTED = "its clone has ended"
# Scopes that are given up; more than have copies that wait.
GIVEN_UP_KEPT = 4096
# A store that is asked for too much says so many times a second.
TELL_EVERY_S = 10.0

_events = telemetry.events(__name__)


def _never_cancelled() -> "Future[CopyOutcome]":
    future: Future[CopyOutcome] = Future()
    future.set_running_or_notify_cancel()
    return future


@dataclass(slots=True, eq=False)
class _Copy:
    """An order, until it is done."""

    order: CopyOrder
    ends_at: float
    outcome: "Future[CopyOutcome]" = field(default_factory=_never_cancelled)
    tries: int = 0


class Turns:
    """Copies in threads, at most as many at once as its limit allows. Safe to share between threads.

    A copy holds a place, and a thread, while a try of it is in flight, and no longer: what waits for its next try
    holds neither, and goes to the end of the queue when that is due. So what is refused slows down nothing else.
    """

    def __init__(self, copier: ObjectCopier, limit: Limit) -> None:
        """No thread is started yet."""
        self._copier = copier
        self._limit = limit
        self._threads = ThreadPoolExecutor(limit.most, "copy")
        self._lock = Lock()
        self._ready: deque[_Copy] = deque()
        self._in_flight = 0
        self._backoff: Backoff[_Copy] = Backoff(self._line_up)
        self._told_at = float("-inf")
        self._given_up: OrderedDict[str, None] = OrderedDict()

    @property
    def limit(self) -> Limit:
        """As it is now."""
        return self._limit

    def submit(self, order: CopyOrder, ends_at: float) -> "Future[CopyOutcome]":
        """Copy ``order``, in as many tries as it takes; none begins after ``ends_at``, on the monotonic clock.

        Returns:
            Resolves to the outcome, or raises AccessDenied or BucketMissing. It cannot be cancelled: others may wait
            for it.
        """
        copy = _Copy(order, ends_at)
        with self._lock:
            self._given_up.pop(order.scope, None)
        self._line_up(copy)
        return copy.outcome

    def give_up(self, scope: str) -> None:
        """Begin no further try of a copy of ``scope``, until one is submitted again. Safe to repeat."""
        with self._lock:
            self._given_up[scope] = None
            if len(self._given_up) > GIVEN_UP_KEPT:
                self._given_up.popitem(last=False)

    def _line_up(self, copy: _Copy) -> None:
        with self._lock:
            self._ready.append(copy)
            place = self._in_flight < self._limit.allowed
            self._in_flight += place
        if place:
            self._start()

    def _start(self) -> None:
        with suppress(RuntimeError):  # the interpreter ends
            self._threads.submit(self._take_turns)

    def _take_turns(self) -> None:
        """In a thread that holds a place: try what is next, until nothing is, or fewer are allowed."""
        while (copy := self._next()) is not None:
            self._try(copy)

    def _next(self) -> _Copy | None:
        """What the place is for; None: it is given back."""
        with self._lock:
            if not self._ready or self._in_flight > self._limit.allowed:
                self._in_flight -= 1
                return None
            copy = self._ready.popleft()
            one_more = bool(self._ready) and self._in_flight < self._limit.allowed
            self._in_flight += one_more
        if one_more:
            self._start()
        return copy

    def _try(self, copy: _Copy) -> None:
        sent_at = monotonic()
        with self._lock:
            given_up = copy.order.scope in self._given_up
        if given_up or sent_at >= copy.ends_at:
            copy.outcome.set_result(CopyOutcome(copy.order.key, 0, NOT_WANTED if given_up else LATE, transient=True))
            return
        try:
            outcome = self._copier.copy(copy.order, copy.ends_at, self._refused)
        except TransientError as error:
            if isinstance(error, ObjectStoreBusy):
                self._refused(sent_at)
            self._again(copy, error)
        except BaseException as error:  # noqa: BLE001 - told to whoever waits
            copy.outcome.set_exception(error)
        else:
            self._answered(sent_at)
            copy.outcome.set_result(outcome)

    def _again(self, copy: _Copy, error: TransientError) -> None:
        copy.tries += 1
        due_at = monotonic() + backoff_s(copy.tries, BACKOFF_S, BACKOFF_LIMIT_S, random.random())  # noqa: S311 - no secret
        if due_at < copy.ends_at:
            self._backoff.add(due_at, copy)
        else:
            copy.outcome.set_result(CopyOutcome(copy.order.key, 0, str(error), transient=True))

    def _answered(self, sent_at: float) -> None:
        with self._lock:
            self._limit = self._limit.answered(sent_at, self._in_flight)

    def _refused(self, sent_at: float) -> None:
        now = monotonic()
        with self._lock:
            before = self._limit
            self._limit = after = before.refused(sent_at, now)
            tell = after.cuts > before.cuts and now >= self._told_at + TELL_EVERY_S
            self._told_at = now if tell else self._told_at
        if tell:
            _events.emit(Event.COPIES_SLOWED, allowed=after.allowed, most=after.most, cuts=after.cuts)
