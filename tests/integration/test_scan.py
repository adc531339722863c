"""Scan and claim on a real MongoDB: whose turn it is, by one atomic update, at the same cost for any backlog."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from bson import ObjectId

from engine.core.model import Claim
from engine.edges import pipelines
from engine.edges.mongo import indexes, leases
from engine.edges.mongo.client import Store
from engine.edges.mongo.scan import Turn, claim_next

STALE_MINUTES = 10.0
PASS = "5" * 32


@pytest.fixture(autouse=True)
def _lease(store: Store) -> None:
    leases.acquire(store, PASS, "a test", 3600)


def ask(store: Store, account: Any = "a", **fields: Any) -> ObjectId:
    funnel_id = ObjectId()
    asked = {"_id": funnel_id, "account_id": account, "original_funnel_id": ObjectId(), "pending": True}
    store.funnels.insert_one({**asked, **fields})
    return funnel_id


def claims(store: Store, turn: Turn | None = None, pass_id: str = PASS) -> Iterator[Claim]:
    while (taken := claim_next(store, pass_id, STALE_MINUTES, turn)) is not None:
        turn = taken.turn
        yield taken.claim


def taken_ids(store: Store, **options: Any) -> list[Any]:
    return [claim.funnel_id for claim in claims(store, **options)]


def ago(minutes: float) -> datetime:
    return datetime.now(UTC) - timedelta(minutes=minutes)


def test_b3_takes_what_is_pending_and_not_in_progress_oldest_first(store: Store) -> None:
    oldest, middle = ask(store), ask(store, in_progress=None)
    ask(store, pending=False)
    ask(store, in_progress=True, updatedAt=ago(1))
    newest = ask(store, in_progress=False)
    assert taken_ids(store) == [oldest, middle, newest]


def test_b3_accounts_take_turns_whatever_type_their_ids_have(store: Store) -> None:
    accounts: list[Any] = [None, 7, "text", ObjectId()]
    asked = [ask(store, account) for account in accounts for _ in range(3)]
    served = [claim.account_id for claim in claims(store)]
    assert len(served) == len(asked)
    for round_ in (served[0:4], served[4:8], served[8:12]):
        assert sorted(map(repr, round_)) == sorted(map(repr, accounts))


def test_b3_the_turn_goes_on_behind_the_account_that_was_served_last(store: Store) -> None:
    ids = {account: ask(store, account) for account in ("a", "b", "c")}
    assert taken_ids(store, turn=Turn("b")) == [ids["c"], ids["a"], ids["b"]]


def test_b3_never_tried_comes_before_tried(store: Store) -> None:
    tried = ask(store, clone={"state": "waiting", "next_try_at": ago(1), "attempts": 1, "epoch": 1, "run": 1})
    dead = ask(
        store, in_progress=True, clone={"state": "cloning", "pass": "0" * 32, "attempts": 1, "epoch": 1, "run": 1}
    )
    new = ask(store)
    assert taken_ids(store) == [new, tried, dead]


def test_b3_what_is_not_due_yet_waits(store: Store) -> None:
    ask(store, clone={"state": "waiting", "next_try_at": ago(-5), "attempts": 1, "epoch": 1, "run": 1})
    assert taken_ids(store) == []


@pytest.mark.parametrize("pass_id", ["0" * 32, "f" * 32])
def test_b3_a_claim_of_a_pass_without_the_lease_is_taken_over_at_once(store: Store, pass_id: str) -> None:
    dead = ask(
        store,
        in_progress=True,
        updatedAt=ago(0),
        clone={"state": "cloning", "pass": pass_id, "attempts": 1, "epoch": 4, "run": 1},
    )
    (claim,) = claims(store)
    assert (claim.funnel_id, claim.epoch, claim.attempt, claim.run) == (dead, 5, 2, 1)


def test_b3_a_claim_without_a_pass_is_stale_after_the_threshold_or_without_a_date(store: Store) -> None:
    ask(store, in_progress=True, updatedAt=ago(STALE_MINUTES - 1))
    old = ask(store, in_progress=True, updatedAt=ago(STALE_MINUTES + 1))
    undated = ask(store, in_progress=True)
    again = ask(
        store, in_progress=True, updatedAt=ago(11), clone={"state": "completed", "pass": PASS, "run": 1, "epoch": 2}
    )
    assert sorted(taken_ids(store)) == sorted([old, undated, again])


def test_d5_what_would_make_its_last_attempt_beside_others_is_passed_by(store: Store) -> None:
    left = {"state": "cloning", "pass": "0" * 32, "epoch": 4, "run": 1}
    spent = ask(store, in_progress=True, clone={**left, "attempts": 2})
    fresh = ask(store, in_progress=True, clone={**left, "attempts": 1})
    for expected, below in ((fresh, 2), (None, 2), (spent, None)):
        taken = claim_next(store, PASS, STALE_MINUTES, None, deaths_below=below)
        assert (taken and taken.claim.funnel_id) == expected


def test_a_pass_that_lost_its_lease_unawares_takes_nothing_from_the_living(store: Store) -> None:
    ask(store, in_progress=True, clone={"state": "cloning", "pass": "f" * 32, "attempts": 1, "epoch": 4, "run": 1})
    store.leases.update_one({"_id": "pass"}, {"$set": {"pass": "f" * 32}})
    assert taken_ids(store) == []


def test_what_names_no_original_is_no_clone_and_is_left_alone(store: Store) -> None:
    for original in ({}, {"original_funnel_id": None}):
        for flags in ({"pending": True}, {"in_progress": True}):
            store.funnels.insert_one({"_id": ObjectId(), **flags, **original})
    assert taken_ids(store) == []


@pytest.mark.parametrize("odd", [None, [], "text", 5, {"state": None}])
def test_whatever_a_request_holds_under_clone_is_no_hindrance(store: Store, odd: Any) -> None:
    ask(store, clone=odd)
    (claim,) = claims(store)
    assert (claim.epoch, claim.run, claim.attempt) == (1, 1, 1)


def test_b6_a_claim_raises_the_epoch_and_keeps_pending(store: Store) -> None:
    funnel_id = ask(store, name="$name", steps=[1, 2])
    (claim,) = claims(store)
    funnel = store.funnels.find_one({"_id": funnel_id})
    assert funnel is not None
    assert (funnel["pending"], funnel["in_progress"], funnel["name"], funnel["steps"]) == (True, True, "$name", [1, 2])
    assert funnel["clone"]["state"] == "cloning"
    assert (claim.epoch, claim.run, claim.attempt) == (1, 1, 1)
    assert ago(1) < funnel["updatedAt"] < ago(-1)


def test_asking_again_on_an_ended_clone_begins_a_new_run(store: Store) -> None:
    ask(store, in_progress=False, clone={"state": "failed", "run": 2, "attempts": 3, "epoch": 9, "pass": "old"})
    (claim,) = claims(store)
    assert (claim.run, claim.attempt, claim.epoch) == (3, 1, 10)


def test_d1_many_claimants_at_once_never_share_a_funnel(store: Store) -> None:
    asked = {ask(store, f"account {n % 3}") for n in range(30)}
    with ThreadPoolExecutor(6) as pool:
        taken = [i for ids in pool.map(lambda _: taken_ids(store), range(6)) for i in ids]
    assert len(taken) == len(asked)
    assert set(taken) == asked


def test_d16_a_scan_looks_at_no_more_than_fifty_index_entries_whatever_waits(store: Store) -> None:
    indexes.ensure(store, indexes.SHARED)
    accounts = [ObjectId() for _ in range(20)]
    store.funnels.insert_many(
        {"account_id": accounts[n % 20], "original_funnel_id": 1, "pending": n % 2 == 0, "in_progress": n % 10 == 4}
        | ({"updatedAt": ago(0)} if n % 3 else {"updatedAt": ago(0), "clone": {"state": "cloning", "pass": PASS}})
        for n in range(5000)
    )
    examined = 0
    dead = pipelines.claimed_by_dead_pass(PASS)
    shapes = [
        ({**pipelines.asked_for(), **pipelines.account_after(accounts[4])}, {"account_id": 1, "_id": 1}),
        (pipelines.asked_for(), {"account_id": 1, "_id": 1}),
        (pipelines.due(), {"clone.next_try_at": 1, "account_id": 1, "_id": 1}),
        *((filter_, {"clone.pass": 1, "updatedAt": 1, "_id": 1}) for filter_ in dead),
        (pipelines.claimed_without_pass(STALE_MINUTES), {"clone.pass": 1, "updatedAt": 1, "_id": 1}),
    ]
    for filter_, order in shapes:
        plan = store.db.command(
            "explain",
            {"findAndModify": "funnels", "query": filter_, "sort": order, "update": pipelines.claim(PASS)},
            verbosity="executionStats",
        )["executionStats"]
        assert "COLLSCAN" not in str(plan), filter_
        examined += plan["totalKeysExamined"]
    assert 0 < examined <= 50
