"""One pass per database: the lease on a real MongoDB."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

from engine.core.model import Claim
from engine.edges.mongo import leases
from engine.edges.mongo.client import Store
from engine.edges.mongo.scan import Turn


def run_out(store: Store) -> None:
    store.leases.update_one({"_id": "pass"}, {"$set": {"expires_at": datetime.now(UTC) - timedelta(seconds=1)}})


def test_of_many_passes_at_once_one_gets_the_lease(store: Store) -> None:
    with ThreadPoolExecutor(8) as pool:
        results = list(pool.map(lambda n: leases.acquire(store, f"pass {n}", f"host {n}", 60), range(8)))
    (winner,) = [result for result in results if isinstance(result, leases.Lease)]
    for result in results:
        if isinstance(result, leases.Holder):
            assert result == leases.Holder(winner.pass_id, winner.pass_id.replace("pass", "host"))


def test_a_lease_that_ran_out_is_taken_over_and_its_old_holder_cannot_renew(store: Store) -> None:
    assert isinstance(leases.acquire(store, "old", "a", 60), leases.Lease)
    assert isinstance(leases.acquire(store, "new", "b", 60), leases.Holder)
    run_out(store)
    assert isinstance(leases.acquire(store, "new", "b", 60), leases.Lease)
    assert not leases.renew(store, "old", 60)
    leases.release(store, "old")
    assert isinstance(leases.acquire(store, "third", "c", 60), leases.Holder)


def test_a_renewed_or_repeated_lease_stays_with_its_holder(store: Store) -> None:
    leases.acquire(store, "mine", "a", 60)
    run_out(store)
    assert leases.renew(store, "mine", 60)
    assert isinstance(leases.acquire(store, "other", "b", 60), leases.Holder)
    assert isinstance(leases.acquire(store, "mine", "a", 60), leases.Lease)


def test_a_released_lease_is_free_and_keeps_whose_turn_it_was(store: Store) -> None:
    leases.acquire(store, "first", "a", 60)
    leases.remember_turn(store, "first", Turn(None))
    leases.release(store, "first")
    assert leases.acquire(store, "second", "b", 60) == leases.Lease("second", Turn(None))


def test_the_heartbeat_renews_what_is_ours_and_tells_what_is_not(store: Store) -> None:
    long_ago = datetime.now(UTC) - timedelta(hours=1)
    for n, epoch in (("mine", 3), ("theirs", 4)):
        store.funnels.insert_one({"_id": n, "in_progress": True, "updatedAt": long_ago, "clone": {"epoch": epoch}})
    store.steps.insert_many(
        [
            {"_id": 1, "in_progress": True, "updatedAt": long_ago},
            {"_id": 2, "in_progress": False, "updatedAt": long_ago},
        ]
    )
    claims = [Claim(n, 0, 0, 3, 1, 1, "p") for n in ("mine", "theirs")]
    leases.beat(store, claims, [1, 2])
    leases.write_progress(store, [(claim, {"steps_done": 2}) for claim in claims])
    fresh = datetime.now(UTC) - timedelta(minutes=1)
    funnels = {funnel["_id"]: funnel for funnel in store.funnels.find()}
    assert funnels["mine"]["updatedAt"] > fresh
    assert funnels["mine"]["clone"]["progress"] == {"steps_done": 2}
    assert funnels["theirs"]["updatedAt"] < fresh
    assert "progress" not in funnels["theirs"]["clone"]
    assert [step["updatedAt"] > fresh for step in store.steps.find().sort("_id", 1)] == [True, False]
    assert leases.lost_claims(store, claims) == [claims[1]]
