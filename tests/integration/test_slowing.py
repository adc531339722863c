"""Copies slow down when a real S3 asks for less, behind a door that lets it: what waits holds up nobody."""

import logging
from dataclasses import replace
from logging.handlers import QueueHandler
from queue import SimpleQueue
from threading import Event, Lock
from time import monotonic
from typing import Any

import pytest

from engine.core.backpressure import Limit
from engine.core.errors import AccessDenied
from engine.core.model import CopyOrder, CopyOutcome
from engine.edges.s3 import InProcessCopier, JoiningCopier, ObjectCopier, turns
from engine.edges.s3.parts import Refused
from engine.settings import CopySettings, S3Settings
from tests.faulty_door import Door, Fault, Seen
from tests.processes import wait_for

DEADLINE_S = 60.0


class Watched(ObjectCopier):
    """Counts its tries at once."""

    def __init__(self, settings: S3Settings) -> None:
        super().__init__(settings, CopySettings())
        self.lock = Lock()
        self.now = self.most = 0

    def copy(self, order: CopyOrder, ends_at: float, refused: Refused) -> CopyOutcome:
        with self.lock:
            self.now += 1
            self.most = max(self.most, self.now)
        try:
            return super().copy(order, ends_at, refused)
        finally:
            with self.lock:
                self.now -= 1


IMPATIENT = replace(Limit.full(8), patience=0.0)
"""Cut by the first refusal."""


@pytest.fixture
def orders(s3: Any, bucket: str) -> list[CopyOrder]:
    """Forty copies of one object."""
    s3.put_object(Bucket=bucket, Key="source.png", Body=b"body")
    return [CopyOrder(bucket, "source.png", bucket, f"to/{n}.png", 4, "funnel:1") for n in range(40)]


def until() -> float:
    return monotonic() + DEADLINE_S


def test_what_waits_for_its_next_try_holds_up_no_other(
    behind_door: S3Settings, door: Door, orders: list[CopyOrder]
) -> None:
    door.faults.extend([Fault(503, "SlowDown", orders[0].key)] * 10_000)
    copier = JoiningCopier(ObjectCopier(behind_door, CopySettings()), Limit.full(1))
    refused, *others = [copier.submit(order, until()) for order in orders]
    assert [other.result(DEADLINE_S).failure for other in others] == [None] * 39
    assert not refused.done()
    door.faults.clear()
    assert refused.result(DEADLINE_S).failure is None


def test_d19_of_a_clone_that_has_ended_nothing_that_waits_is_copied(
    behind_door: S3Settings, door: Door, orders: list[CopyOrder]
) -> None:
    refused, in_flight, *waiting = orders
    door.faults.extend([Fault(503, "SlowDown", refused.key)] * 10_000)
    copier = JoiningCopier(ObjectCopier(behind_door, CopySettings()), Limit.full(1))
    copies = [copier.submit(refused, until())]
    wait_for(lambda: bool(door.puts()))
    door.is_open.clear()
    copies += [copier.submit(order, until()) for order in (in_flight, *waiting)]
    wait_for(lambda: door.under_way == 1)
    before = len(door.puts())
    copier.forget("funnel:1")
    for number in range(100):  # as many others as a drain may have in hand
        copier.forget(f"other:{number}")
    door.is_open.set()
    outcomes = [copy.result(DEADLINE_S) for copy in copies]
    assert len(door.puts()) == before
    given_up = [outcome for outcome in outcomes if outcome.failure]
    assert len(given_up) == 39
    assert {(outcome.failure, outcome.transient) for outcome in given_up} == {("its clone has ended", True)}
    assert copier.submit(orders[-1], until()).result(DEADLINE_S).failure is None, "asked for anew"


def put_keys(door: Door) -> list[str]:
    return [seen.target.partition("?")[0].rpartition("/to/")[2] for seen in door.puts()]


@pytest.fixture
def one_at_once(behind_door: S3Settings, door: Door, orders: list[CopyOrder]) -> JoiningCopier:
    """Its place is taken by the first order, until the door opens."""
    copier = JoiningCopier(ObjectCopier(behind_door, CopySettings()), Limit.full(1))
    door.is_open.clear()
    copier.begin(orders[0], until())
    wait_for(lambda: door.under_way == 1)
    return copier


def test_d9_what_a_page_waits_for_goes_before_what_was_begun_early_and_joins_it(
    one_at_once: JoiningCopier, door: Door, orders: list[CopyOrder]
) -> None:
    early = [one_at_once.begin(order, until()) for order in orders[1:5]]
    waited_for = [one_at_once.submit(orders[n], until()) for n in (9, 3, 0)]
    door.is_open.set()
    assert [copy.result(DEADLINE_S).failure for copy in (*early, *waited_for)] == [None] * 7
    assert put_keys(door) == [f"{n}.png" for n in (0, 9, 3, 1, 2, 4)], "each once"


def test_a_page_has_its_own_deadline_for_what_was_begun_before_it(
    one_at_once: JoiningCopier, door: Door, orders: list[CopyOrder]
) -> None:
    early = [one_at_once.begin(order, monotonic()) for order in orders[1:3]]
    wanted = one_at_once.submit(orders[1], until())
    door.is_open.set()
    assert wanted.result(DEADLINE_S).failure is None
    assert early[1].result(DEADLINE_S).failure == turns.LATE
    assert one_at_once.submit(orders[2], until()).result(DEADLINE_S).failure is None, "nobody waited: it is begun anew"


def test_d19_of_a_clone_that_has_ended_nothing_is_begun_early(
    one_at_once: JoiningCopier, door: Door, orders: list[CopyOrder]
) -> None:
    before = one_at_once.begin(orders[1], until())
    one_at_once.forget("funnel:1")
    after = one_at_once.begin(orders[2], until())
    door.is_open.set()
    assert [copy.result(DEADLINE_S).failure for copy in (before, after)] == [turns.NOT_WANTED] * 2
    assert put_keys(door) == ["0.png"]


def test_a_store_that_takes_four_at_once_is_soon_sent_four_at_once(
    behind_door: S3Settings, door: Door, orders: list[CopyOrder]
) -> None:
    watched = Watched(behind_door)
    copier = JoiningCopier(watched, Limit.full(16))
    door.takes = 4
    door.is_open.clear()
    copies = [copier.submit(order, until()) for order in orders]
    wait_for(lambda: copier.limit.allowed == 4 == watched.now)
    assert (copier.limit.cuts, door.under_way) == (2, 4), "from 16 to 8 to 4, however many were refused"
    door.is_open.set()
    assert [copy.result(DEADLINE_S).failure for copy in copies] == [None] * 40


def test_never_more_is_in_flight_than_is_allowed(behind_door: S3Settings, door: Door, orders: list[CopyOrder]) -> None:
    watched = Watched(behind_door)
    copier = JoiningCopier(watched, Limit(most=16, window=3.0, lowest=3))
    door.is_open.clear()
    copies = [copier.submit(order, until()) for order in orders]
    wait_for(lambda: watched.now == 3)
    door.is_open.set()
    outcomes = [copy.result(DEADLINE_S).failure for copy in copies]
    assert outcomes == [None] * 40
    assert 3 < copier.limit.allowed <= 3 + 40 // 3, "served windows earn more"
    assert watched.most <= copier.limit.allowed


@pytest.mark.parametrize("acl", [None, "private"])
@pytest.mark.parametrize(
    ("fault", "cuts"),
    [
        (Fault(503, "SlowDown"), 1),
        (Fault(503), 1),
        (Fault(429), 1),
        (Fault(400, "RequestRateLimitExceeded"), 1),
        (Fault(200, "SlowDown"), 1),
        (Fault(None), 1),
        (Fault(500, "InternalError"), 0),
        (Fault(404, "NoSuchKey"), 0),
        (Fault(400, "InvalidArgument"), 0),
    ],
    ids=str,
)
def test_what_is_too_much_slows_copies_and_what_is_wrong_does_not(
    behind_door: S3Settings, door: Door, orders: list[CopyOrder], fault: Fault, cuts: int, acl: str | None
) -> None:
    door.faults.append(fault)
    copier = JoiningCopier(ObjectCopier(replace(behind_door, acl=acl), CopySettings()), IMPATIENT)
    copier.submit(orders[0], until()).result(DEADLINE_S)
    assert (copier.limit.cuts, copier.limit.lowest) == (cuts, 4 if cuts else 8)


def test_a_refusal_now_and_then_slows_nothing(behind_door: S3Settings, door: Door, orders: list[CopyOrder]) -> None:
    door.faults.extend([Fault(503, "SlowDown")] * 4)
    copier = InProcessCopier(behind_door, CopySettings(concurrency=8))
    assert [outcome.failure for outcome in copier.copy(orders, DEADLINE_S)] == [None] * 40
    assert (copier.limit.cuts, copier.limit.lowest) == (0, 8)


@pytest.mark.parametrize("acl", [None, "private"])
def test_denied_credentials_slow_nothing(
    behind_door: S3Settings, door: Door, orders: list[CopyOrder], acl: str | None
) -> None:
    door.faults.extend([Fault(403, "AccessDenied")] * 40)
    copier = InProcessCopier(replace(behind_door, acl=acl), CopySettings(concurrency=8))
    with pytest.raises(AccessDenied):
        copier.copy(orders, DEADLINE_S)
    assert copier.limit == Limit.full(8)


@pytest.mark.parametrize("acl", [None, "private"])
def test_a_request_without_an_answer_is_given_up_sent_again_and_slows_copies(
    behind_door: S3Settings, door: Door, orders: list[CopyOrder], acl: str | None
) -> None:
    test_is_over, held = Event(), Lock()

    def hold_the_first(seen: Seen) -> None:
        if seen.method == "PUT" and held.acquire(blocking=False):
            test_is_over.wait()

    door.before = hold_the_first
    # A third of a copy's deadline is a request's.
    copier = JoiningCopier(ObjectCopier(replace(behind_door, acl=acl), CopySettings(deadline_seconds=6)), IMPATIENT)
    try:
        outcome = copier.submit(orders[0], until()).result(DEADLINE_S)
    finally:
        test_is_over.set()
    assert outcome.failure is None
    assert copier.limit.cuts >= 1
    assert len(door.puts()) >= 2


@pytest.mark.parametrize(("every_s", "allowed"), [(3600.0, [4]), (0.0, [4, 2, 1])])
def test_slowing_is_told_now_and_then_however_often_it_happens(
    behind_door: S3Settings,
    door: Door,
    orders: list[CopyOrder],
    monkeypatch: pytest.MonkeyPatch,
    every_s: float,
    allowed: list[int],
) -> None:
    monkeypatch.setattr(turns, "TELL_EVERY_S", every_s)
    log, records = logging.getLogger("funnel_clone.edges.s3.turns"), SimpleQueue[logging.LogRecord]()
    handler = QueueHandler(records)
    log.addHandler(handler)
    door.faults.extend([Fault(503, "SlowDown")] * 3)
    try:
        copier = JoiningCopier(ObjectCopier(behind_door, CopySettings()), IMPATIENT)
        copier.submit(orders[0], until()).result(DEADLINE_S)
    finally:
        log.removeHandler(handler)
    assert (copier.limit.cuts, copier.limit.lowest) == (3, 1)
    told = [records.get_nowait().__dict__ for _ in range(records.qsize())]
    assert {str(record["event"]) for record in told} == {"copies slowed"}
    assert [record["fields"]["allowed"] for record in told] == allowed
    assert told[0]["fields"] == {"allowed": 4, "most": 8, "cuts": 1}
