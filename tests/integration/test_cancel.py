"""``cancel``: a clone ends whoever works on it, once, and what was made stays; races are made certain."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from bson import ObjectId

from engine.core.errors import ClaimLost
from engine.core.model import Claim
from engine.core.state import WrongState
from engine.edges.mongo import ends
from engine.edges.mongo.client import Store
from engine.flow.complete import end_source_gone, finish_funnel, park
from engine.flow.step import clone_step
from engine.settings import Settings
from engine.upkeep.cancel import Cancelled, CancelOutcome, Unknown, cancel
from engine.upkeep.invariants import snapshot
from engine.upkeep.retry import Revived, retry
from tests.at_command import at_command
from tests.clone_states import asked, completed, failed, one_page_done, waiting
from tests.funnels import build_funnel, request_clone
from tests.in_process import Workshop
from tests.invariants import assert_sound
from tests.listing import everything

Document = dict[str, Any]


@pytest.fixture
def original(database: Any, s3: Any, bucket: str) -> ObjectId:
    small: dict[str, Any] = {"image_bytes": 1_000, "forms": 1, "html_bytes": 3_000, "components_bytes": 3_000}
    return build_funnel(database, s3, bucket, steps=3, images=3, **small)


def cancelled(store: Store, settings: Settings, clone_id: Any) -> CancelOutcome:
    return cancel(store, str(clone_id), settings.scan, settings.steps)


def funnel_of(store: Store, clone_id: Any) -> Document:
    return store.funnels.find_one({"_id": clone_id}) or {}


def events(store: Store) -> list[tuple[str, Any]]:
    return [(str(event["_id"]).split(":", 1)[1], event["payload"].get("reason")) for event in store.outbox.find()]


def asked_again(workshop: Workshop) -> None:
    plan, _ = workshop.clone()
    workshop.store.outbox.delete_many({})
    workshop.store.funnels.update_one({"_id": plan.claim.funnel_id}, {"$set": {"pending": True}})


def claimed(workshop: Workshop) -> None:
    workshop.claim()


def half_done(workshop: Workshop) -> Claim:
    context = one_page_done(workshop)
    workshop.store.steps.update_one({"_id": context.plan.steps[1].step_id}, {"$set": {"in_progress": True}})
    return context.plan.claim


def of_a_dead_pass(workshop: Workshop) -> None:
    """Claimed again, and not laid out yet: its steps have the epoch of the claim before."""
    claim = half_done(workshop)
    workshop.store.funnels.update_one({"_id": claim.funnel_id}, {"$set": {"clone.pass": "dead"}})
    workshop.claim()


@pytest.mark.parametrize(
    ("begin", "was", "run", "done"),
    [
        (asked, "asked", 1, 0),
        (asked_again, "asked", 2, 3),
        (waiting, "waiting", 1, 0),
        (claimed, "cloning", 1, 0),
        (half_done, "cloning", 1, 1),
        (of_a_dead_pass, "cloning", 1, 1),
    ],
)
def test_d19_a_clone_that_has_not_ended_is_cancelled_once_and_goes_on_when_retried(
    store: Store,
    settings: Settings,
    workshop: Workshop,
    database: Any,
    s3: Any,
    original: ObjectId,
    begin: Callable[[Workshop], object],
    was: str,
    run: int,
    done: int,
) -> None:
    before = snapshot(database, s3, original)
    clone_id = request_clone(database, original)
    begin(workshop)
    epoch = funnel_of(store, clone_id).get("clone", {}).get("epoch", 0)
    outcome = cancelled(store, settings, clone_id)
    assert isinstance(outcome, Cancelled), outcome
    assert (outcome.was, outcome.run, outcome.steps_done) == (was, run, done)
    funnel = funnel_of(store, clone_id)
    assert (funnel["pending"], funnel["in_progress"], funnel["error"]) == (False, False, ["cancelled"])
    assert (funnel["clone"]["state"], funnel["clone"]["epoch"]) == ("cancelled", epoch + 1)
    assert funnel["clone"]["finished_at"] == funnel["updatedAt"]
    assert {"next_try_at", "reason"} & funnel["clone"].keys() == set()
    left = list(store.steps.find({"funnel_id": clone_id, "$or": [{"pending": True}, {"in_progress": True}]}))
    assert len(left) == outcome.steps_left
    assert {(step["pending"], step["in_progress"], step["clone"]["epoch"]) for step in left} <= {
        (True, False, epoch + 1)
    }
    (event,) = store.outbox.find()
    assert (event["_id"], event["event"]) == (f"{clone_id}:{run}:cancelled", "funnel_cloning_failed")
    assert event["payload"] == {"funnel_id": str(clone_id), "status": "failed", "reason": "cancelled"}
    assert (event["account_id"], len(event["user_ids"])) == (funnel["account_id"], 2)
    assert isinstance(retry(store, str(clone_id), force=False), Revived)
    plan, _ = workshop.clone()
    assert (plan.steps_done, plan.claim.run, plan.claim.attempt) == (done, run + 1, 1)
    assert_sound(database, s3, clone_id, before)
    assert sorted(events(store)) == [(f"{run}:cancelled", "cancelled"), (f"{run + 1}:completed", None)]
    assert funnel_of(store, clone_id)["error"] == [], "why the run before ended holds no longer"


def test_d19_whoever_worked_on_a_cancelled_clone_ends_by_its_fences_and_writes_nothing(
    store: Store, settings: Settings, workshop: Workshop, database: Any, s3: Any, original: ObjectId
) -> None:
    clone_id = request_clone(database, original)
    context = one_page_done(workshop)
    cancelled(store, settings, clone_id)
    stands = everything(store)
    claim = context.plan.claim
    for late in (
        lambda: clone_step(context.plan.steps[1], context),
        lambda: workshop.lay_out(claim),
        lambda: park(store, claim, "late"),
        lambda: ends.wait(store, claim, 1, "late", counts=True),
        lambda: end_source_gone(store, claim),
    ):
        with pytest.raises(ClaimLost):
            late()
    assert finish_funnel(context).state == "unfinished"
    assert everything(store) == stands


def source_deleted(workshop: Workshop) -> None:
    end_source_gone(workshop.store, workshop.claim())


def cancelled_before(workshop: Workshop) -> None:
    claim = workshop.claim()
    cancelled(workshop.store, workshop.settings, claim.funnel_id)


@pytest.mark.parametrize("state", [completed, failed, source_deleted, cancelled_before])
def test_d19_an_ended_clone_is_refused_by_its_state_and_nothing_is_written(
    store: Store,
    settings: Settings,
    workshop: Workshop,
    database: Any,
    original: ObjectId,
    state: Callable[[Workshop], None],
) -> None:
    clone_id = request_clone(database, original)
    state(workshop)
    stands = everything(store)
    outcome = cancelled(store, settings, clone_id)
    assert isinstance(outcome, WrongState)
    assert outcome.state == state.__name__.removesuffix("_before")
    assert f"it is {outcome.state}" in outcome.reason
    assert everything(store) == stands


def test_what_is_no_clone_is_not_found(store: Store, settings: Settings, original: ObjectId) -> None:
    for text, word in ((str(ObjectId()), "no clone has the id"), (str(original), "is no clone")):
        outcome = cancelled(store, settings, text)
        assert isinstance(outcome, Unknown)
        assert word in outcome.reason
    assert store.outbox.count_documents({}) == 0


@pytest.mark.parametrize("mark", [{}, {"clone": {"state": "completed", "epoch": 4, "run": 1}}], ids=["new", "again"])
def test_what_the_old_system_has_in_work_is_respected_until_it_is_stale(
    store: Store, settings: Settings, database: Any, original: ObjectId, mark: Document
) -> None:
    clone_id = request_clone(database, original)
    now = datetime.now(UTC)
    taken = {"in_progress": True, "updatedAt": now, **mark}
    store.funnels.update_one({"_id": clone_id}, {"$set": taken})
    page = {"funnel_id": clone_id, "pending": True, "in_progress": True}
    fresh = store.steps.insert_one({**page, "original_step_id": 1, "updatedAt": now}).inserted_id
    stale = store.steps.insert_one({**page, "original_step_id": 2}).inserted_id
    stands = everything(store)
    outcome = cancelled(store, settings, clone_id)
    assert isinstance(outcome, WrongState)
    assert "10 minutes" in outcome.reason
    assert everything(store) == stands
    store.funnels.update_one({"_id": clone_id}, {"$set": {"updatedAt": now - timedelta(minutes=11)}})
    assert isinstance(cancelled(store, settings, clone_id), Cancelled)
    assert funnel_of(store, clone_id)["clone"]["state"] == "cancelled"
    flags = {step["_id"]: step["in_progress"] for step in store.steps.find({"funnel_id": clone_id})}
    assert flags == {fresh: True, stale: False}, "a page that it touched just now is its own still"


def test_d15_a_clone_that_completes_as_it_is_cancelled_is_completed_and_users_hear_once(
    store: Store, settings: Settings, workshop: Workshop, database: Any, original: ObjectId
) -> None:
    clone_id = request_clone(database, original)
    context = workshop.context(workshop.plan())
    workshop.clone_steps(context)
    with at_command(settings, "findAndModify", "funnels", lambda: finish_funnel(context)) as late:
        outcome = cancelled(late, settings, clone_id)
    assert isinstance(outcome, WrongState)
    assert outcome.state == "completed"
    assert events(store) == [("1:completed", None)]


def test_d15_a_clone_that_is_cancelled_as_it_completes_is_cancelled_and_users_hear_once(
    store: Store, settings: Settings, workshop: Workshop, database: Any, original: ObjectId
) -> None:
    clone_id = request_clone(database, original)
    context = workshop.context(workshop.plan())
    workshop.clone_steps(context)

    def cancel_it() -> None:
        cancelled(store, settings, clone_id)

    with at_command(settings, "findAndModify", "funnels", cancel_it) as late, pytest.raises(ClaimLost):
        finish_funnel(replace(context, store=late))
    assert events(store) == [("1:cancelled", "cancelled")]
    assert funnel_of(store, clone_id)["clone"]["state"] == "cancelled"


def test_d1_a_clone_that_is_claimed_as_it_is_cancelled_is_cancelled_and_its_claim_lost(
    store: Store, settings: Settings, workshop: Workshop, database: Any, original: ObjectId
) -> None:
    clone_id = request_clone(database, original)
    claims = []
    with at_command(settings, "findAndModify", "funnels", lambda: claims.append(workshop.claim())) as late:
        outcome = cancelled(late, settings, clone_id)
    assert isinstance(outcome, Cancelled)
    assert (outcome.was, outcome.run) == ("cloning", 1)
    with pytest.raises(ClaimLost):
        workshop.lay_out(claims[0])
    assert events(store) == [("1:cancelled", "cancelled")]
    assert store.steps.count_documents({"funnel_id": clone_id}) == 0


def test_of_two_cancels_at_the_same_moment_one_ends_the_clone(
    store: Store, settings: Settings, database: Any, original: ObjectId
) -> None:
    clone_id = request_clone(database, original)

    def cancel_it() -> None:
        assert isinstance(cancelled(store, settings, clone_id), Cancelled)

    with at_command(settings, "findAndModify", "funnels", cancel_it) as late:
        assert isinstance(cancelled(late, settings, clone_id), WrongState)
    assert events(store) == [("1:cancelled", "cancelled")]
    assert funnel_of(store, clone_id)["clone"]["epoch"] == 1


def test_a_page_that_is_committed_as_its_clone_is_cancelled_is_not_written(
    store: Store, settings: Settings, workshop: Workshop, database: Any, original: ObjectId
) -> None:
    clone_id = request_clone(database, original)
    context = workshop.context(workshop.plan())
    work = context.plan.steps[0]

    def cancel_it() -> None:
        cancelled(store, settings, clone_id)

    with at_command(settings, "update", "funnel.step", cancel_it) as late, pytest.raises(ClaimLost):
        clone_step(work, replace(context, store=late))
    step = store.steps.find_one({"_id": work.step_id}) or {}
    assert (step["pending"], step["in_progress"], step["raw_html"]) == (True, False, None)
    assert store.components.count_documents({"step_id": work.step_id, "components": "{}"}) == 1
    assert store.forms.count_documents({"clone.funnel_id": clone_id}) == 0
