"""MongoDB loses its primary in the middle of a pass: by an election, by a kill; alone, or one of three.

The moment is made certain by a door before S3: it is shut until the pass has pages in work, and opened when MongoDB
has been struck.
"""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pytest

from engine.cluster.report import PassReport
from engine.cluster.session import run_pass
from engine.edges.mongo import reads
from engine.edges.mongo.client import Store, open_store
from engine.edges.s3 import InProcessCopier
from engine.settings import FunnelSettings, LeaseSettings, MongoSettings, Settings, StepSettings
from engine.upkeep.invariants import Snapshot, snapshot
from tests.fault.audit import Audit, audit
from tests.fault.by_policy import PolicyPasses, end_of
from tests.fault.mongo_wire import Point, Wire, watched_store
from tests.fault.replica_set import ReplicaSet, replica_set
from tests.faulty_door import Door
from tests.funnels import build_funnel, request_clone
from tests.processes import wait_for

SMALL: dict[str, Any] = {
    "steps": 4,
    "images": 4,
    "image_bytes": 600,
    "forms": 1,
    "html_bytes": 2_500,
    "components_bytes": 2_500,
}
PASSES = 6
IN_WORK_WITHIN_S = 120


@pytest.fixture(scope="module")
def of_three(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ReplicaSet]:
    with replica_set(tmp_path_factory.mktemp("three"), 3) as running:
        yield running


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ReplicaSet]:
    with replica_set(tmp_path_factory.mktemp("one"), 1) as running:
        yield running


class Place:
    """A database of a set that will be struck, with two clones asked for."""

    def __init__(self, members: ReplicaSet, settings: Settings, store: Store, s3: Any) -> None:
        self.members, self.settings, self.store, self.s3 = members, settings, store, s3
        self.bucket = settings.s3.bucket
        original_id = build_funnel(store.db, s3, self.bucket, **SMALL)
        self.before: Snapshot = snapshot(store.db, s3, original_id)
        self.clones = {request_clone(store.db, original_id): self.before for _ in range(2)}

    def run_until_done(self) -> list[PassReport]:
        """Passes until one finds its end, each when the lease is free."""
        reports: list[PassReport] = []
        while not reports or reports[-1].state != "done":
            assert len(reports) < PASSES, reports
            wait_for(lambda: not (reads.lease(self.store) or {}).get("live"))
            reports.append(run_pass(self.settings, drain=True, show=lambda _: None))
        return reports

    def judge(self) -> None:
        assert audit(self.store.db, self.s3, self.bucket, self.clones) == Audit()
        completed = self.store.outbox.count_documents({"event": "funnel_cloning_completed"})
        assert (completed, self.store.outbox.count_documents({})) == (2, 2)


@contextmanager
def place(members: ReplicaSet, settings: Settings, s3: Any, name: str) -> Iterator[Place]:
    """Settings with thresholds so small that nobody need wait."""
    quick = replace(
        settings,
        mongo=MongoSettings(uri=members.uri, database=name),
        lease=LeaseSettings(ttl_seconds=8),
        steps=StepSettings(concurrency=3, attempts=3),
        funnels=FunnelSettings(attempts=5, backoff_seconds=0.2, backoff_limit_seconds=0.5),
    )
    store = open_store(quick.mongo)
    try:
        yield Place(members, quick, store, s3)
    finally:
        store.client.drop_database(name)
        store.close()


def strike_in_the_middle(at: Place, door: Door, strike: Callable[[], None]) -> list[PassReport]:
    at.settings = replace(at.settings, s3=replace(at.settings.s3, endpoint_url=door.endpoint_url))
    door.is_open.clear()
    with ThreadPoolExecutor(1) as beside:
        struck = beside.submit(strike_when_in_work, door, strike)
        reports = at.run_until_done()
        struck.result()
    return reports


def strike_when_in_work(door: Door, strike: Callable[[], None]) -> None:
    try:
        wait_for(lambda: len(door.puts()) >= 2, IN_WORK_WITHIN_S)
        strike()
    finally:
        door.is_open.set()


@pytest.mark.fault_sample(1)
@pytest.mark.parametrize("how", ["steps down", "is killed", "is killed and comes back"])
def test_b20_a_pass_goes_on_when_the_primary_of_three(
    ray_cluster: None, of_three: ReplicaSet, settings: Settings, s3: Any, door: Door, how: str
) -> None:
    with place(of_three, settings, s3, settings.mongo.database) as at:
        former = of_three.primary()

        def strike() -> None:
            if how == "steps down":
                of_three.step_down()
                return
            former.kill()
            if how == "is killed and comes back":
                former.start()

        try:
            strike_in_the_middle(at, door, strike)
        finally:
            if how == "is killed":
                former.start()
        at.judge()


@pytest.mark.fault_sample(1)
@pytest.mark.parametrize("after", ["pages are in work", "a page was committed"])
def test_b20_what_a_killed_mongod_had_acknowledged_is_there_when_it_comes_back(
    ray_cluster: None, alone: ReplicaSet, settings: Settings, s3: Any, door: Door, after: str
) -> None:
    with place(alone, settings, s3, settings.mongo.database) as at:
        (member,) = alone.members

        def strike() -> None:
            if after == "a page was committed":
                door.is_open.set()
                wait_for(lambda: at.store.steps.count_documents({"clone.finished_at": {"$exists": True}}) > 0)
            member.kill()
            member.start()

        strike_in_the_middle(at, door, strike)
        at.judge()


# In the moment before each of these is sent: what came before it is acknowledged, itself it is not.
_MOMENTS = (
    Point("findAndModify", "funnels", 1),
    Point("findAndModify", "funnels", 2),
    Point("insert", "funnel.step.components", 1),
    Point("commitTransaction", "", 1),
    Point("findAndModify", "funnel.step", 1),
    Point("update", "sites_images", 1),
    Point("update", "funnel.step", 1),
    Point("commitTransaction", "", 2),
    Point("find", "users", 1),
    Point("update", "clone_outbox", 1),
    Point("commitTransaction", "", 6),
    Point("update", "clone_leases", 2),
)


@pytest.mark.fault_sample(1)
@pytest.mark.parametrize("point", _MOMENTS, ids=str)
def test_b17_a_mongod_that_is_killed_before_a_command_loses_nothing_of_those_before_it(
    alone: ReplicaSet, settings: Settings, s3: Any, point: Point
) -> None:
    wire = Wire()
    with place(alone, settings, s3, settings.mongo.database) as at, watched_store(at.settings.mongo, wire) as struck:
        (member,) = alone.members
        at.store.funnels.delete_one({"_id": (second := list(at.clones)[1])})
        del at.clones[second]

        def kill_and_start(_: object) -> None:
            member.kill()
            member.start()
            alone.primary()

        wire.at(point, kill_and_start)
        told = PolicyPasses(
            struck, at.store, at.settings, InProcessCopier(at.settings.s3, at.settings.copy)
        ).run_until_ended()
        assert wire.reached(point)
        assert told.parked == 0
        (clone_id,) = at.clones
        assert audit(at.store.db, s3, at.bucket, at.clones) == Audit()
        assert end_of(at.store, clone_id)["run"] == 1
        assert [event["event"] for event in at.store.outbox.find()] == ["funnel_cloning_completed"]
