"""MongoDB fails at what the driver itself sends: lease, record, claims, heartbeat, progress, ends; the pass goes on, or
the next one does.

The driver runs in the test's process, its tasks in Ray as ever. A door before S3 is shut until the heartbeat has sent
each of its commands twice.
"""

import logging
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest
from bson import ObjectId
from pymongo import MongoClient
from pymongo.errors import PyMongoError

from engine import telemetry
from engine.cluster import driver
from engine.cluster.driver import Driver
from engine.cluster.ends_writer import EndsWriter
from engine.cluster.in_hand import FunnelInHand
from engine.cluster.launch import Launcher
from engine.cluster.pass_state import PassState
from engine.cluster.tally import CopyCounts
from engine.core.errors import CloneError
from engine.core.model import StepWork, scope_of
from engine.core.window import Window
from engine.edges.mongo import reads
from engine.edges.mongo.client import Store, bounded
from engine.settings import FunnelSettings, LeaseSettings, MongoSettings, Settings, StepSettings
from engine.telemetry import Event
from engine.upkeep.invariants import snapshot
from tests.fault.audit import Audit, audit
from tests.fault.mongo_door import MongoDoor, mongo_door
from tests.fault.mongo_faults import DENIED, REFUSED, TRANSIENT, Fault, no_fault_left, striker
from tests.fault.mongo_wire import Point, Wire, watched_store
from tests.fault.outcomes import Outcomes
from tests.faulty_door import Door
from tests.funnels import build_funnel, request_clone
from tests.in_process import Workshop
from tests.processes import wait_for

TTL_S = 4.0
PASSES = 6
SMALL: dict[str, Any] = {
    "steps": 2,
    "images": 2,
    "image_bytes": 600,
    "forms": 1,
    "html_bytes": 2_500,
    "components_bytes": 2_500,
}
_BEATS = (
    ("update", "clone_leases"),
    ("update", "funnels"),
    ("update", "funnel.step"),
    ("find", "funnels"),
)
_ENDS = (
    ("find", "users"),
    ("findAndModify", "funnels"),
    ("update", "clone_outbox"),
    ("commitTransaction", ""),
)
NAMES = {
    *(("listIndexes", name) for name in ("clone_outbox", "clone_passes", "funnels", "funnel.step", "forms", "users")),
    *(("listIndexes", name) for name in ("funnel.step.components", "sites_images", "support_tokens")),
    ("createIndexes", "clone_outbox"),
    ("createIndexes", "clone_passes"),
    ("findAndModify", "clone_leases"),
    ("find", "clone_leases"),
    ("update", "clone_passes"),
    ("aggregate", "funnels"),
    *_BEATS,
    *_ENDS,
}
"""Every command that the driver sends."""

POINTS = (
    Point("listIndexes", "clone_outbox", 1),
    Point("createIndexes", "clone_outbox", 1),
    Point("listIndexes", "funnels", 1),
    Point("update", "clone_leases", 1),
    Point("findAndModify", "clone_leases", 1),
    Point("update", "clone_passes", 1),
    Point("findAndModify", "funnels", 1),
    Point("findAndModify", "funnels", 2),
    Point("find", "clone_leases", 1),
    *(Point(*name, nth) for name in _BEATS for nth in (2, 3)),
    *(Point(*name, 1) for name in _ENDS[::2]),
    Point("commitTransaction", "", 1),
    Point("aggregate", "funnels", 1),
    Point("update", "clone_passes", 2),
)
# Longer than the driver waits for one command of the heartbeat, or of an end.
TOO_SLOW = Fault("held for longer than the driver's patience", {"blockConnection": True, "blockTimeMS": 1_800})
GOING = Fault("about to go, whenever it is asked", {"errorCode": 11600}, times=1_000)
FAULTS = (*(fault for fault in TRANSIENT if fault.times == 2 or fault.loses_answer), TOO_SLOW, DENIED)


@pytest.fixture(scope="module")
def mongo_passage(mongo_server: Any) -> Iterator[MongoDoor]:
    with mongo_door(mongo_server.port) as opened:
        yield opened


@pytest.fixture(scope="module")
def outcomes(request: pytest.FixtureRequest) -> Iterator[Outcomes]:
    noted = Outcomes("MongoDB, commands of the driver")
    yield noted
    noted.print(request.config)


class Bench:
    """Two requests, one of them for nothing, and a driver whose store faults can strike."""

    def __init__(self, settings: Settings, store: Store, s3: Any, door: Door, passage: MongoDoor) -> None:
        self.store, self.s3, self.door, self.passage, self.wire = store, s3, door, passage, Wire()
        self.settings = replace(
            settings,
            s3=replace(settings.s3, endpoint_url=door.endpoint_url),
            lease=LeaseSettings(ttl_seconds=TTL_S),
            steps=StepSettings(attempts=9),
            funnels=FunnelSettings(attempts=9, backoff_seconds=0.1, backoff_limit_seconds=0.2),
        )
        original_id = build_funnel(store.db, s3, settings.s3.bucket, **SMALL)
        self.before = snapshot(store.db, s3, original_id)
        self.clone_id = request_clone(store.db, original_id)
        self.for_nothing = request_clone(store.db, ObjectId(), ObjectId())
        self.ended = False

    def run_until_done(self) -> list[str]:
        """How each pass ended."""
        self.door.is_open.clear()
        with ThreadPoolExecutor(1) as beside:
            opened = beside.submit(self._open_when_beaten)
            try:
                ends = [self._run_pass()]
            finally:
                self.ended = True
                opened.result()
        while ends[-1] != "done" or self._left():
            assert len(ends) < PASSES, ends
            wait_for(lambda: not (reads.lease(self.store) or {}).get("live"))
            ends.append(self._run_pass())
        return ends

    def _run_pass(self) -> str:
        try:
            return Driver(self.settings, drain=True).run().state
        except CloneError as error:
            return f"broken: {type(error).__name__}"

    def renewals(self) -> int:
        return sum(point[:2] == ("update", "clone_leases") for point in self.wire.sent)

    def _left(self) -> int:
        return self.store.funnels.count_documents({"$or": [{"pending": True}, {"in_progress": True}]})

    def _open_when_beaten(self) -> None:
        try:
            wait_for(lambda: self.ended or all(Point(*name, 4) in self.wire.sent for name in _BEATS))
        finally:
            self.door.is_open.set()

    def judge(self) -> None:
        found = audit(
            self.store.db,
            self.s3,
            self.settings.s3.bucket,
            {self.clone_id: self.before},
            parked={self.for_nothing: "source_deleted"},
        )
        assert found == Audit()
        assert self.store.outbox.count_documents({}) == 2


@pytest.fixture
def bench(
    ray_cluster: None,
    settings: Settings,
    store: Store,
    s3: Any,
    door: Door,
    mongo_passage: MongoDoor,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Bench]:
    made = Bench(settings, store, s3, door, mongo_passage)
    mongo_passage.lost = 0
    with watched_store(MongoSettings(mongo_passage.uri, settings.mongo.database), made.wire) as struck:
        monkeypatch.setattr(driver, "store_for", lambda _: struck)
        monkeypatch.setattr(telemetry, "configure", lambda **_: None)
        yield made


class Heard(logging.Handler):
    """Keeps which events were told."""

    def __init__(self) -> None:
        super().__init__()
        self.events: list[Event] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.events.append(getattr(record, "event"))  # noqa: B009 - no attribute of every record


@pytest.fixture
def events(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Event]]:
    """What this process tells."""
    monkeypatch.setattr(telemetry, "configure", lambda **_: None)
    log, heard = logging.getLogger(telemetry.ROOT), Heard()
    level = log.level
    log.setLevel(logging.INFO)
    log.addHandler(heard)
    yield heard.events
    log.removeHandler(heard)
    log.setLevel(level)


def test_the_list_holds_every_command_that_a_driver_sends(bench: Bench) -> None:
    assert bench.run_until_done() == ["done"]
    assert {point[:2] for point in bench.wire.sent} == NAMES
    assert {point[:2] for point in POINTS} >= NAMES - {
        name for name in NAMES if name[0] in ("listIndexes", "createIndexes")
    }
    bench.judge()


@pytest.mark.fault_sample(3)
@pytest.mark.parametrize("fault", FAULTS, ids=str)
@pytest.mark.parametrize("point", POINTS, ids=str)
def test_d15_a_pass_outlives_a_fault_at_any_command_of_its_driver_or_the_next_one_ends_it(
    bench: Bench, mongo_client: MongoClient[dict[str, Any]], outcomes: Outcomes, point: Point, fault: Fault
) -> None:
    bench.wire.at(point, striker(fault, bench.wire, mongo_client, bench.passage))
    with no_fault_left(mongo_client):
        ends = bench.run_until_done()
    assert bench.wire.reached(point)
    outcomes.note(point, fault, ", ".join(ends))
    bench.judge()


def test_a_funnel_is_cloned_by_the_pass_that_claimed_it_although_its_turn_could_not_be_kept(
    bench: Bench, mongo_client: MongoClient[dict[str, Any]]
) -> None:
    closed = next(fault for fault in FAULTS if "closeConnection" in fault.data)
    bench.wire.at_first_with("last_account", striker(closed, bench.wire, mongo_client, bench.passage))
    with no_fault_left(mongo_client):
        assert bench.run_until_done() == ["done"]
    assert (bench.store.leases.find_one() or {}).keys() >= {"last_account"}, "the next account's turn is kept again"
    bench.judge()


def test_the_lease_is_renewed_while_the_nodes_are_asked_and_while_the_copy_actors_still_tell(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    def renewed_again(*_: object) -> None:
        before = bench.renewals()
        wait_for(lambda: bench.renewals() > before + 1)

    class Slow(Launcher):
        def copies_counted(self) -> list[CopyCounts]:
            renewed_again()
            return super().copies_counted()

    monkeypatch.setattr(driver, "check_nodes", renewed_again)
    monkeypatch.setattr(driver, "Launcher", Slow)
    assert bench.run_until_done() == ["done"]
    bench.judge()


@pytest.mark.parametrize("part", ["check_nodes", "start_meter", "Launcher"])
def test_a_pass_that_breaks_before_its_first_claim_closes_its_record_and_gives_the_lease_back(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, events: list[Event], part: str
) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError(part)

    monkeypatch.setattr(driver, part, broken)
    with pytest.raises(RuntimeError, match=part):
        Driver(bench.settings, drain=True).run()
    (record,) = bench.store.passes.find()
    assert (record["state"], "finished_at" in record) == ("broken", True)
    assert not (reads.lease(bench.store) or {}).get("live")
    assert Event.PASS_ENDED in events
    assert Event.NOTHING_TO_DO not in events, "there was something to do"


def test_a_pass_whose_record_cannot_be_begun_gives_the_lease_back(
    bench: Bench, mongo_client: MongoClient[dict[str, Any]]
) -> None:
    bench.wire.at(Point("update", "clone_passes", 1), striker(DENIED, bench.wire, mongo_client, bench.passage))
    with no_fault_left(mongo_client), pytest.raises(CloneError):
        Driver(bench.settings, drain=True).run()
    assert not (reads.lease(bench.store) or {}).get("live")


def test_a_look_that_fails_is_no_heartbeat_that_was_missed(
    bench: Bench, mongo_client: MongoClient[dict[str, Any]], events: list[Event]
) -> None:
    bench.wire.at(Point("find", "funnels", 1), striker(DENIED, bench.wire, mongo_client, bench.passage))
    with no_fault_left(mongo_client):
        assert bench.run_until_done() == ["done"]
    assert (events.count(Event.LOOK_MISSED), events.count(Event.HEARTBEAT_MISSED)) == (1, 0)


def test_a_pass_that_is_not_measured_asks_for_no_meter(
    ray_cluster: None, settings: Settings, monkeypatch: pytest.MonkeyPatch, events: list[Event]
) -> None:
    monkeypatch.setattr(driver, "running_meter", None)
    monkeypatch.setattr(driver, "start_meter", None)
    assert Driver(settings, drain=False, measured=False).run().state == "done"
    assert Event.NOTHING_TO_DO in events


@pytest.mark.parametrize(
    ("held", "fault"),
    [
        (Point("update", "forms", 1), TOO_SLOW),
        (Point("commitTransaction", "", 1), TOO_SLOW),
        (Point("update", "forms", 1), GOING),
        (Point("commitTransaction", "", 1), REFUSED),
    ],
    ids=str,
)
def test_d15_a_transaction_that_failed_keeps_nobody_from_what_it_wrote(
    settings: Settings,
    store: Store,
    mongo_passage: MongoDoor,
    mongo_client: MongoClient[dict[str, Any]],
    held: Point,
    fault: Fault,
) -> None:
    store.funnels.insert_one({"_id": 1, "n": 0})

    def write_both(session: Any) -> None:
        struck.funnels.update_one({"_id": 1}, {"$set": {"n": 1}}, session=session)
        struck.forms.update_one({"_id": 1}, {"$set": {"n": 1}}, upsert=True, session=session)

    wire = Wire()
    wire.at(held, striker(fault, wire, mongo_client, mongo_passage))
    with watched_store(MongoSettings(mongo_passage.uri, settings.mongo.database), wire) as struck:
        with no_fault_left(mongo_client), pytest.raises(PyMongoError), bounded(0.6):
            struck.transaction(write_both)
        # Far less than the minute that the server lets an open transaction live.
        with bounded(20):
            assert store.funnels.update_one({"_id": 1}, {"$set": {"n": 2}}).matched_count == 1


class Nobody:
    """In place of a launcher: nothing runs."""

    def forget(self, scope: str) -> None:
        """Nothing was copied."""


@pytest.mark.fault_sample(3)
@pytest.mark.parametrize("fault", FAULTS, ids=str)
@pytest.mark.parametrize("nth", [1, 2, 3])
@pytest.mark.parametrize("end", ["park", "wait"])
def test_d15_an_end_that_the_driver_writes_is_written_once_whatever_fails(
    settings: Settings,
    store: Store,
    database: Any,
    s3: Any,
    bucket: str,
    mongo_passage: MongoDoor,
    mongo_client: MongoClient[dict[str, Any]],
    end: str,
    nth: int,
    fault: Fault,
) -> None:
    clone_id = request_clone(database, build_funnel(database, s3, bucket, **SMALL))
    funnel = FunnelInHand(Workshop(store, settings).plan().claim)
    funnel.scope = scope_of(funnel.claim)
    window: Window[str, StepWork | None] = Window(1)
    nobody: Any = Nobody()
    state = PassState(nobody, window)
    state.in_hand[funnel.scope] = funnel
    wire, mongo_passage.lost = Wire(), 0
    writes = (
        Point("findAndModify", "funnels", 1),
        Point("update", "funnel.step", 1),
        Point("commitTransaction", "", 1),
    )
    with watched_store(MongoSettings(mongo_passage.uri, settings.mongo.database), wire) as struck:
        wire.at(writes[nth - 1], striker(fault, wire, mongo_client, mongo_passage))
        writer = EndsWriter(struck, state, 1.5)
        if end == "park":
            writer.park(funnel, "a reason")
        else:
            writer.wait(funnel, "a reason", 30, counts=True)
        with no_fault_left(mongo_client):
            for _ in range(5):
                writer.write()
    assert wire.reached(writes[nth - 1])
    written = store.funnels.find_one({"_id": clone_id}) or {}
    if fault is DENIED:  # nothing was written: the next pass finds it in a dead one's hands
        assert (written["clone"]["state"], written["in_progress"]) == ("cloning", True)
        return
    assert (written["clone"]["state"], written["in_progress"]) == ("failed" if end == "park" else "waiting", False)
    assert written["clone"]["epoch"] == funnel.claim.epoch + 1
    assert store.steps.count_documents({"funnel_id": clone_id, "pending": True, "in_progress": False}) == 2
    assert store.outbox.count_documents({}) == (1 if end == "park" else 0)
