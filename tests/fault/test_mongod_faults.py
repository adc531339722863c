"""MongoDB fails at each command of a clone in turn, in each way: nothing is lost, nothing comes twice.

One process, one thread, so that the commands are always the same: ``FRESH`` and ``TAKEN_UP`` list them, and a test
holds the lists to what is sent.
"""

from collections.abc import Iterator
from typing import Any

import pytest
from pymongo import MongoClient

from engine.edges.mongo import leases
from engine.edges.mongo.client import Store
from engine.edges.mongo.scan import claim_next
from engine.edges.s3 import InProcessCopier
from engine.flow.step import clone_step
from engine.settings import Settings
from engine.upkeep.invariants import Snapshot, snapshot
from tests.fault.audit import Audit, audit
from tests.fault.by_policy import PolicyPasses, Told, end_of
from tests.fault.mongo_door import MongoDoor, mongo_door
from tests.fault.mongo_faults import FAULTS, REFUSED, Fault, no_fault_left, striker
from tests.fault.mongo_wire import Point, Wire, watched_store
from tests.fault.outcomes import Outcomes
from tests.fault.whole_funnel import build_whole_funnel
from tests.funnels import request_clone
from tests.in_process import Workshop

_STEP = (
    ("findAndModify", "funnel.step"),
    ("aggregate", "funnel.step"),
    ("update", "sites_images"),
    ("find", "forms"),
    ("update", "funnel.step.components"),
    ("update", "funnel.step"),
    ("commitTransaction", ""),
)
_END = (
    ("find", "funnel.step"),
    ("find", "sites_images"),
    ("update", "sites_images"),
    ("find", "sites_images"),
    ("find", "funnel.step.components"),
    ("find", "users"),
    ("findAndModify", "funnels"),
    ("update", "clone_outbox"),
    ("commitTransaction", ""),
    ("update", "clone_leases"),
)
_LEASE = (("update", "clone_leases"), ("findAndModify", "clone_leases"))
_LOOK = (
    ("find", "funnels"),
    ("aggregate", "funnel.step"),
    ("find", "funnel.step.components"),
    ("find", "sites_images"),
    ("find", "funnel.step"),
    ("find", "_accounts"),
    ("find", "sites_images"),
)
_FORMS = (("find", "support_tokens"), ("aggregate", "funnel.step"), ("find", "forms"))
_FRESH = (
    *_LEASE,
    ("findAndModify", "funnels"),
    *_LOOK,
    ("findAndModify", "funnels"),
    ("insert", "sites_images"),
    ("insert", "funnel.step.components"),
    ("insert", "funnel.step"),
    ("commitTransaction", ""),
    *_FORMS,
    *_STEP[:4],
    ("insert", "forms"),
    *_STEP[4:],
    *_STEP,
    *_END,
)
_TAKEN_UP = (
    *_LEASE,
    ("findAndModify", "funnels"),
    ("findAndModify", "funnels"),
    ("find", "clone_leases"),
    ("findAndModify", "funnels"),
    ("findAndModify", "funnels"),
    *_LOOK,
    ("update", "funnel.step"),
    ("update", "funnel.step.components"),
    ("update", "sites_images"),
    ("findAndModify", "funnels"),
    ("commitTransaction", ""),
    *_FORMS,
    *_STEP,
    *_END,
)


def points_of(names: tuple[tuple[str, str], ...]) -> list[Point]:
    """Numbered, each among those of its name."""
    return [Point(*name, names[: place + 1].count(name)) for place, name in enumerate(names)]


FRESH, TAKEN_UP = points_of(_FRESH), points_of(_TAKEN_UP)
# What a clone that is taken up has of its own: from its lease to the end of its layout.
_OF_ITS_OWN = TAKEN_UP[2 : TAKEN_UP.index(Point("commitTransaction", "", 1)) + 1]


class Bench:
    """A funnel with everything, asked to be cloned, and passes over it through a store that faults can strike."""

    def __init__(
        self, store: Store, settings: Settings, database: Any, s3: Any, bucket: str, door: MongoDoor, outcomes: Outcomes
    ) -> None:
        self.store, self.settings, self.database, self.s3, self.bucket = store, settings, database, s3, bucket
        self.door, self.outcomes, self.wire, self.scene = door, outcomes, Wire(), "fresh"
        original_id = build_whole_funnel(database, s3, bucket)
        # Two pages: the third does as the second.
        last = (store.steps.find_one_and_delete({"funnel_id": original_id}, sort=[("_id", -1)]) or {})["_id"]
        store.components.delete_one({"step_id": last})
        store.funnels.update_one({"_id": original_id}, {"$pull": {"steps": last}})
        self.before: Snapshot = snapshot(database, s3, original_id)
        self.clone_id: Any = request_clone(database, original_id)

    def leave_half_made(self) -> None:
        """By a pass that died: laid out, one page done."""
        self.scene = "taken up"
        workshop = Workshop(self.store, self.settings)
        context = workshop.context(workshop.plan())
        clone_step(context.plan.steps[0], context)

    def run(self) -> Told:
        settings = self.settings
        copier = InProcessCopier(settings.s3, settings.copy)
        with watched_store(type(settings.mongo)(self.door.uri, settings.mongo.database), self.wire) as struck:
            return PolicyPasses(struck, self.store, settings, copier).run_until_ended()

    def strike(self, point: Point, fault: Fault, admin: MongoClient[dict[str, Any]]) -> Told:
        self.wire.at(point, striker(fault, self.wire, admin, self.door))
        with no_fault_left(admin):
            told = self.run()
        assert self.wire.reached(point)
        assert self.door.lost == fault.loses_answer
        self.outcomes.note(f"{self.scene}: {point}", fault, told.outcome())
        return told

    def judge(self, *, runs: int) -> None:
        found = audit(self.database, self.s3, self.bucket, {self.clone_id: self.before})
        assert found == Audit()
        end = end_of(self.store, self.clone_id)
        assert (end["run"], len(end["errors"])) == (runs, 1), "the image whose object is gone"
        told = [event["event"] for event in self.store.outbox.find().sort("created_at", 1)]
        assert told == ["funnel_cloning_failed"] * (runs - 1) + ["funnel_cloning_completed"]


@pytest.fixture(scope="module")
def door(mongo_server: Any) -> Iterator[MongoDoor]:
    with mongo_door(mongo_server.port) as opened:
        yield opened


@pytest.fixture(scope="module")
def outcomes(request: pytest.FixtureRequest) -> Iterator[Outcomes]:
    noted = Outcomes("MongoDB, command by command")
    yield noted
    noted.print(request.config)


@pytest.fixture
def bench(
    store: Store, settings: Settings, database: Any, s3: Any, bucket: str, door: MongoDoor, outcomes: Outcomes
) -> Bench:
    door.lost = 0
    return Bench(store, settings, database, s3, bucket, door, outcomes)


@pytest.mark.parametrize("half_made", [False, True])
def test_the_lists_hold_every_command_that_a_clone_sends(bench: Bench, half_made: bool) -> None:  # noqa: FBT001
    if half_made:
        bench.leave_half_made()
    told = bench.run()
    assert (told.errors, told.passes) == ([], 1)
    assert bench.wire.sent == (TAKEN_UP if half_made else FRESH)
    bench.judge(runs=1)


@pytest.mark.fault_sample(9)
@pytest.mark.parametrize("fault", FAULTS, ids=str)
@pytest.mark.parametrize("point", FRESH, ids=str)
def test_b18_a_clone_outlives_a_fault_at_any_of_its_commands(
    bench: Bench, mongo_client: MongoClient[dict[str, Any]], point: Point, fault: Fault
) -> None:
    told = bench.strike(point, fault, mongo_client)
    assert not told.parked or fault is REFUSED
    bench.judge(runs=1 + told.parked)


@pytest.mark.fault_sample(4)
@pytest.mark.parametrize("fault", FAULTS, ids=str)
@pytest.mark.parametrize("point", _OF_ITS_OWN, ids=str)
def test_b17_a_clone_that_is_taken_up_outlives_it_too(
    bench: Bench, mongo_client: MongoClient[dict[str, Any]], point: Point, fault: Fault
) -> None:
    bench.leave_half_made()
    told = bench.strike(point, fault, mongo_client)
    assert not told.parked or fault is REFUSED
    bench.judge(runs=1 + told.parked)


def test_a_claim_whose_answer_is_lost_for_good_is_found_by_the_next_pass(
    bench: Bench, store: Store, settings: Settings
) -> None:
    leases.acquire(store, "d" * 32, "a pass that died", 3600)
    assert claim_next(store, "d" * 32, settings.scan.funnel_stale_minutes, None) is not None
    assert bench.run().passes == 1
    assert end_of(store, bench.clone_id)["attempts"] == 2
    bench.judge(runs=1)
