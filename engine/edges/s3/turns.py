"""Tries of many copies, in turns: as many at once as the store takes, first tries and further ones in one queue.

What nobody waits for yet stands in a queue of its own, for places that the other one leaves.
"""

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
class Copy:
    """An order, until it is done; who ordered it reads ``outcome`` alone."""

    order: CopyOrder
    ends_at: float
    early: bool = False
    """Nobody waits for it yet."""
    outcome: "Future[CopyOutcome]" = field(default_factory=_never_cancelled)
    tries: int = 0
    in_line: bool = False


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
        self._ready: deque[Copy] = deque()
        self._early: deque[Copy] = deque()
        self._in_flight = 0
        self._backoff: Backoff[Copy] = Backoff(self._line_up)
        self._told_at = float("-inf")
        self._given_up: OrderedDict[str, None] = OrderedDict()

    @property
    def limit(self) -> Limit:
        """As it is now."""
        return self._limit

    def submit(self, order: CopyOrder, ends_at: float, *, early: bool = False) -> Copy:
        """Copy ``order``, in as many tries as it takes; none begins after ``ends_at``, on the monotonic clock.

        Args:
            order: What to copy.
            ends_at: Until when.
            early: Nobody waits for it: whatever somebody waits for goes first. Of a scope that was given up, nothing.

        Returns:
            Its outcome resolves, or raises AccessDenied or BucketMissing. It cannot be cancelled: others may wait for
            it.
        """
        copy = Copy(order, ends_at, early)
        if not early:
            with self._lock:
                self._given_up.pop(order.scope, None)
        self._line_up(copy)
        return copy

    def want(self, copy: Copy, ends_at: float) -> None:
        """Somebody waits for ``copy`` now: it is early no more, and not late before ``ends_at``. Safe to repeat."""
        with self._lock:
            copy.ends_at = max(copy.ends_at, ends_at)
            if copy.early and copy.in_line:
                # Where it stood it is passed by: a search of that queue for each image of a page would be too slow.
                self._ready.append(copy)
            copy.early = False

    def give_up(self, scope: str) -> None:
        """Begin no further try of a copy of ``scope``, until one is submitted again. Safe to repeat."""
        with self._lock:
            self._given_up[scope] = None
            if len(self._given_up) > GIVEN_UP_KEPT:
                self._given_up.popitem(last=False)

    def _line_up(self, copy: Copy) -> None:
        with self._lock:
            (self._early if copy.early else self._ready).append(copy)
            copy.in_line = True
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

    def _next(self) -> Copy | None:
        """What the place is for; None: it is given back."""
        with self._lock:
            copy = self._first() if self._in_flight <= self._limit.allowed else None
            if copy is None:
                self._in_flight -= 1
                return None
            one_more = bool(self._ready or self._early) and self._in_flight < self._limit.allowed
            self._in_flight += one_more
        if one_more:
            self._start()
        return copy

    def _first(self) -> Copy | None:
        """Take what is first in line; the lock is held."""
        while line := self._ready or self._early:
            copy = line.popleft()
            if line is self._ready or copy.early:
                copy.in_line = False
                return copy
        return None

    def _try(self, copy: Copy) -> None:
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

    def _again(self, copy: Copy, error: TransientError) -> None:
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
