"""A whole funnel cloned on real servers, in one process; the oracle judges."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pytest
from bson import ObjectId

from engine.core.errors import (
    ClaimLost,
    ComponentsInvalid,
    DocumentInvalid,
    DocumentTooLarge,
    ObjectStoreUnavailable,
    PermanentError,
    PlanOutdated,
)
from engine.core.model import CopyOrder, CopyOutcome, Laid, Rejected
from engine.edges.mongo import indexes
from engine.edges.mongo.client import Store
from engine.flow.complete import finish_funnel, park
from engine.flow.copier import Copier
from engine.flow.step import clone_step
from engine.settings import CrossAccount
from engine.upkeep.invariants import snapshot
from tests.funnels import build_funnel, request_clone
from tests.in_process import Workshop
from tests.invariants import assert_sound


@pytest.fixture
def small(database: Any, s3: Any, bucket: str) -> ObjectId:
    """An original of three pages that share six images, two forms and a chat widget."""
    return build_funnel(
        database, s3, bucket, steps=3, images=6, image_bytes=2_000, forms=2, html_bytes=4_000, components_bytes=4_000
    )


@contextmanager
def failing(store: Store, command: str, collection: str) -> Iterator[None]:
    """The server's own fault: one such command on the collection is refused."""
    fault = {"failCommands": [command], "namespace": f"{store.db.name}.{collection}", "errorCode": 1}
    store.client.admin.command({"configureFailPoint": "failCommand", "mode": {"times": 1}, "data": fault})
    try:
        yield
    finally:
        store.client.admin.command({"configureFailPoint": "failCommand", "mode": "off"})


def original_steps(store: Store, funnel_id: Any) -> list[dict[str, Any]]:
    return list(store.steps.find({"funnel_id": funnel_id}).sort("_id", 1))


def test_b13_b14_b19_a_clone_is_the_original_with_every_reference_moved(
    store: Store, workshop: Workshop, database: Any, s3: Any, small: ObjectId
) -> None:
    before = snapshot(database, s3, small)
    clone_id = request_clone(database, small)
    _, result = workshop.clone()
    assert result.errors == ()
    assert_sound(database, s3, clone_id, before)
    for step in original_steps(store, clone_id):
        assert (step["pending"], step["in_progress"]) == (False, False)
        assert all(step["processed"].values())


def test_b16_the_chat_key_becomes_the_preview_domains_token_or_empty(
    store: Store, workshop: Workshop, database: Any, s3: Any, bucket: str
) -> None:
    original_id = build_funnel(database, s3, bucket, steps=2, images=1, forms=0, chat=True, html_bytes=2_000)
    before = snapshot(database, s3, original_id)
    without, with_token = request_clone(database, original_id), request_clone(database, original_id)
    database["support_tokens"].delete_many({})
    _, result = workshop.clone()
    assert [error for error in result.errors if error.startswith("chat")]
    assert_sound(database, s3, without, before)
    database["support_tokens"].insert_one({"domain": workshop.settings.chat.preview_domain, "token": "tok$1&\"'<"})
    _, result = workshop.clone()
    assert result.errors == ()
    assert_sound(database, s3, with_token, before)


def test_b17_b18_d14_an_image_that_is_gone_is_a_failure_and_the_rest_goes_on(
    store: Store, workshop: Workshop, database: Any, s3: Any, small: ObjectId
) -> None:
    gone = store.images.find_one({"ref_id": small}) or {}
    s3.delete_object(Bucket=gone["additionalInfo"]["Bucket"], Key=gone["key"])
    clone_id = request_clone(database, small)
    _, result = workshop.clone()
    assert len(result.errors) == 1
    assert gone["key"] in result.errors[0]
    assert_sound(database, s3, clone_id, None)
    event = store.outbox.find_one() or {}
    assert event["payload"] == {"funnel_id": str(clone_id), "status": "completed", "errors": 1}
    flags = [step["processed"]["images_processed"] for step in original_steps(store, clone_id)]
    trees = store.components.find({"funnel_id": clone_id}).sort("step_id", 1)
    assert [tree["errors"] == list(result.errors) for tree in trees] == [not flag for flag in flags]
    assert sorted(flags) == [False, False, True], "two pages show it"


def test_a_form_that_is_gone_is_a_failure_and_its_reference_stays(
    store: Store, workshop: Workshop, database: Any, s3: Any, small: ObjectId
) -> None:
    gone = store.forms.find_one_and_delete({}) or {}
    clone_id = request_clone(database, small)
    _, result = workshop.clone()
    assert [error for error in result.errors if gone["form_secret_id"] in error]
    assert_sound(database, s3, clone_id, None)
    assert any(gone["form_secret_id"] in (step["raw_html"] or "") for step in original_steps(store, clone_id))


def test_null_html_stays_null_and_missing_components_are_told(
    store: Store, workshop: Workshop, database: Any, s3: Any, small: ObjectId
) -> None:
    first, second, _ = original_steps(store, small)
    store.steps.update_one({"_id": first["_id"]}, {"$set": {"raw_html": None}})
    store.components.delete_one({"step_id": second["_id"]})
    clone_id = request_clone(database, small)
    _, result = workshop.clone()
    assert [str(second["_id"]) in error for error in result.errors] == [True]
    assert_sound(database, s3, clone_id, None)


@pytest.mark.parametrize(
    ("collection", "field", "value", "error"),
    [
        ("funnel.step.components", "components", {"a": 1}, ComponentsInvalid),
        ("funnel.step", "raw_html", 7, DocumentInvalid),
        ("funnel.step", "version", -1, PlanOutdated),
    ],
)
def test_a_page_that_cannot_be_cloned_says_which_document_and_writes_nothing(
    store: Store,
    workshop: Workshop,
    database: Any,
    small: ObjectId,
    collection: str,
    field: str,
    value: Any,
    error: Any,
) -> None:
    clone_id = request_clone(database, small)
    context = workshop.context(workshop.plan())
    bad, good = context.plan.steps[:2]
    which = {"step_id" if "components" in collection else "_id": bad.original_id}
    store.db[collection].update_one(which, {"$set": {field: value}})
    with pytest.raises(error, match=str(bad.original_id)):
        clone_step(bad, context)
    clone_step(good, context)
    states = {s["_id"]: s["pending"] for s in original_steps(store, clone_id)}
    assert (states[bad.step_id], states[good.step_id]) == (True, False)


def test_a_page_over_16_mb_fails_alone_and_names_the_document(
    store: Store, workshop: Workshop, database: Any, s3: Any, small: ObjectId
) -> None:
    image = store.images.find_one({"ref_id": small}) or {}
    longer = f"{ObjectId()}/{'n' * 200}"  # the clone's key is longer than this original's
    store.images.update_one({"_id": image["_id"]}, {"$set": {"key": "k" * 14 + "/p", "fileName": longer.split("/")[1]}})
    first = original_steps(store, small)[0]["_id"]
    url = f'<img src="/{workshop.settings.s3.bucket}/{"k" * 14}/p">'
    text = url * 20_000 + "x" * 15_000_000
    store.steps.update_one({"_id": first}, {"$set": {"raw_html": text}})
    s3.put_object(Bucket=image["additionalInfo"]["Bucket"], Key="k" * 14 + "/p", Body=b"i")
    request_clone(database, small)
    context = workshop.context(workshop.plan())
    work = next(work for work in context.plan.steps if work.original_id == first)
    with pytest.raises(DocumentTooLarge, match=str(first)):
        clone_step(work, context)


def test_b5_a_clone_whose_steps_are_all_done_completes_without_step_work(
    store: Store, workshop: Workshop, database: Any, s3: Any, small: ObjectId
) -> None:
    before = snapshot(database, s3, small)
    clone_id = request_clone(database, small)
    context = workshop.context(workshop.plan())
    workshop.clone_steps(context)
    store.funnels.update_one({"_id": clone_id}, {"$set": {"clone.pass": "of a pass that died"}})
    plan, result = workshop.clone()
    assert plan.steps == ()
    assert result.state == "completed"
    assert_sound(database, s3, clone_id, before)


def test_b5_three_steps_done_of_ten_is_not_done(
    store: Store, workshop: Workshop, database: Any, small: ObjectId
) -> None:
    clone_id = request_clone(database, small)
    context = workshop.context(workshop.plan())
    clone_step(context.plan.steps[0], context)
    assert finish_funnel(context).state == "unfinished"
    assert store.outbox.count_documents({}) == 0
    assert (store.funnels.find_one({"_id": clone_id}) or {})["in_progress"] is True


def test_d6_an_original_without_steps_completes_at_once(
    store: Store, workshop: Workshop, database: Any, s3: Any
) -> None:
    original_id = ObjectId()
    store.funnels.insert_one({"_id": original_id, "name": "empty", "account_id": 1, "steps": []})
    clone_id = request_clone(database, original_id)
    _, result = workshop.clone()
    assert result.state == "completed"
    assert_sound(database, s3, clone_id, None)


def test_d9_five_steps_at_once_copy_a_shared_image_once_and_make_a_shared_form_once(
    store: Store, workshop: Workshop, database: Any, s3: Any, bucket: str
) -> None:
    original_id = build_funnel(
        database, s3, bucket, steps=5, images=6, image_bytes=1_000, forms=2, html_bytes=3_000, components_bytes=3_000
    )
    clone_id = request_clone(database, original_id)
    workshop.clone()
    assert_sound(database, s3, clone_id, None)
    assert store.images.count_documents({"ref_id": clone_id}) == 6
    assert store.forms.count_documents({"clone.funnel_id": clone_id}) == 2


def test_b4_b20_every_active_user_of_the_account_is_told_in_the_write_that_completes(
    store: Store, workshop: Workshop, database: Any, small: ObjectId
) -> None:
    users = database["users"]
    account = ObjectId()
    users.insert_many([{"_id": n, "account": account, "active": n < 2} for n in range(3)])
    users.insert_one({"_id": 9, "account": ObjectId(), "active": True})
    clone_id = request_clone(database, small, account)
    workshop.clone()
    (event,) = store.outbox.find()
    assert (event["event"], event["user_ids"], event["account_id"]) == ("funnel_cloning_completed", ["0", "1"], account)
    assert event["payload"] == {"funnel_id": str(clone_id), "status": "completed"}
    assert event["created_at"] == (store.funnels.find_one({"_id": clone_id}) or {})["updatedAt"]


def test_d15_flags_and_event_are_written_together_or_not_at_all(
    store: Store, workshop: Workshop, database: Any, small: ObjectId
) -> None:
    clone_id = request_clone(database, small)
    context = workshop.context(workshop.plan())
    workshop.clone_steps(context)
    with failing(store, "update", "clone_outbox"), pytest.raises(PermanentError, match=str(clone_id)):
        finish_funnel(context)
    funnel = store.funnels.find_one({"_id": clone_id}) or {}
    assert (funnel["pending"], funnel["in_progress"], funnel["clone"]["state"]) == (True, True, "cloning")
    assert store.outbox.count_documents({}) == 0
    for _ in range(2):  # the first answer may be lost with its worker
        assert finish_funnel(context).state == "completed"
    assert store.outbox.count_documents({}) == 1


def test_a_step_whose_claim_was_lost_writes_nothing(
    store: Store, workshop: Workshop, database: Any, small: ObjectId
) -> None:
    clone_id = request_clone(database, small)
    late = workshop.context(workshop.plan())
    store.funnels.update_one({"_id": clone_id}, {"$set": {"clone.pass": "another"}})
    workshop.plan()
    with pytest.raises(ClaimLost):
        clone_step(late.plan.steps[0], late)
    with pytest.raises(ClaimLost):
        park(store, late.plan.claim, "no")
    assert all(step["pending"] and not step["in_progress"] for step in original_steps(store, clone_id))
    assert store.outbox.count_documents({}) == 0
    assert store.forms.count_documents({"clone.funnel_id": clone_id}) == 0


def test_a_failed_funnel_is_parked_with_its_reason_and_begins_anew_when_asked(
    store: Store, workshop: Workshop, database: Any, s3: Any, small: ObjectId
) -> None:
    clone_id = request_clone(database, small)
    park(store, workshop.plan().claim, "a reason")
    funnel = store.funnels.find_one({"_id": clone_id}) or {}
    assert (funnel["pending"], funnel["in_progress"], funnel["error"]) == (False, False, ["a reason"])
    assert all(step["pending"] and not step["in_progress"] for step in original_steps(store, clone_id))
    assert (store.outbox.find_one() or {})["event"] == "funnel_cloning_failed"
    store.funnels.update_one({"_id": clone_id}, {"$set": {"pending": True}})
    plan, _ = workshop.clone()
    assert plan.claim.run == 2
    assert_sound(database, s3, clone_id, None)


class LateCopier:
    """The real copier, and a last image that never comes in time."""

    def __init__(self, copier: Copier) -> None:
        self.copier = copier

    def copy(self, orders: Sequence[CopyOrder], deadline_s: float) -> list[CopyOutcome]:
        outcomes = self.copier.copy(orders[:-1], deadline_s)
        return [*outcomes, CopyOutcome(orders[-1].key, 0, "late", transient=True)]


def test_copies_that_stand_are_recorded_before_a_late_one_is_told(
    store: Store, workshop: Workshop, database: Any, s3: Any, small: ObjectId
) -> None:
    clone_id = request_clone(database, small)
    context = workshop.context(workshop.plan())
    late = replace(context, copier=LateCopier(workshop.copier))
    with pytest.raises(ObjectStoreUnavailable):
        clone_step(context.plan.steps[0], late)
    assert store.images.count_documents({"ref_id": clone_id, "uploaded": True}) > 0
    workshop.clone_steps(context)
    finish_funnel(context)
    assert_sound(database, s3, clone_id, None)


def test_d1_d3_a_step_that_the_old_system_doubled_holds_nothing_up(
    store: Store, workshop: Workshop, database: Any, small: ObjectId
) -> None:
    clone_id = request_clone(database, small)
    twice = {"funnel_id": clone_id, "original_step_id": original_steps(store, small)[0]["_id"], "pending": True}
    store.steps.insert_many([{"_id": n, **twice, "clone": None} for n in range(2)])
    plan, result = workshop.clone()
    assert (result.state, plan.steps_total) == ("completed", 3)
    assert [(store.steps.find_one({"_id": n}) or {})["pending"] for n in range(2)] == [False, True]


def test_a_page_deleted_from_a_half_made_clone_is_made_again(
    store: Store, workshop: Workshop, database: Any, s3: Any, small: ObjectId
) -> None:
    clone_id = request_clone(database, small)
    workshop.plan()
    store.steps.delete_one({"funnel_id": clone_id})
    store.funnels.update_one({"_id": clone_id}, {"$set": {"clone.pass": "of a pass that died"}})
    workshop.clone()
    assert_sound(database, s3, clone_id, None)


def test_what_the_old_system_left_half_made_is_taken_up_whatever_it_holds(
    store: Store, workshop: Workshop, database: Any, s3: Any, small: ObjectId
) -> None:
    indexes.ensure(store, indexes.SHARED)
    clone_id = request_clone(database, small)
    first, second, third = original_steps(store, small)
    left = {"funnel_id": clone_id, "pending": True, "in_progress": False, "raw_html": None, "domain_id": None}
    for page, clone in ((first, None), (second, {"funnel_id": small, "epoch": 7}), (third, [])):
        made = {**page, **left, "_id": ObjectId(), "original_step_id": page["_id"], "clone": clone, "version": 1.0}
        now = {"header_tracking_code": None, "footer_tracking_code": None, "createdAt": page["createdAt"]}
        store.steps.insert_one({**made, **now, "updatedAt": page["createdAt"]})
    record = store.images.find_one({"ref_id": small}, {"_id": 0}) or {}
    for n in range(2):
        key = f"00000000-0000-4000-8000-00000000000{n}/{record['fileName']}"
        store.images.insert_one({**record, "_id": n, "ref_id": clone_id, "source_key": record["key"], "key": key})
    store.images.update_many({"_id": {"$in": [0, 1]}}, {"$set": {"uploaded": False}})
    store.images.insert_one({"_id": "own", "ref_id": clone_id, "key": "users/own.png", "uploaded": False})
    _, result = workshop.clone()
    assert (result.state, result.errors) == ("completed", ())
    assert all(not step["pending"] for step in original_steps(store, clone_id))
    assert [(store.images.find_one({"_id": n}) or {})["uploaded"] for n in range(2)] == [True, False]
    assert "clone" not in (store.images.find_one({"_id": "own"}) or {}), "a user's own record is none of ours"


@pytest.mark.parametrize(("rule", "state"), [("allow", Laid), ("family", Laid), ("refuse", Rejected)])
def test_whose_funnels_an_account_may_clone(
    store: Store, workshop: Workshop, database: Any, small: ObjectId, rule: CrossAccount, state: type
) -> None:
    workshop.settings = replace(workshop.settings, scan=replace(workshop.settings.scan, cross_account=rule))
    theirs = (store.funnels.find_one({"_id": small}) or {})["account_id"]
    child, stranger = ObjectId(), ObjectId()
    store.db["_accounts"].insert_one({"_id": child, "parent_account": theirs})
    request_clone(database, small, child)
    assert isinstance(workshop.lay_out(workshop.claim()), state)
    request_clone(database, small, stranger)
    assert isinstance(workshop.lay_out(workshop.claim()), Laid if rule == "allow" else Rejected)


def test_b17_d13_a_page_begun_anew_copies_nothing_again_and_has_every_reference_moved(
    store: Store, workshop: Workshop, database: Any, s3: Any, small: ObjectId
) -> None:
    before = snapshot(database, s3, small)
    clone_id = request_clone(database, small)
    context = workshop.context(workshop.plan())
    with failing(store, "update", "funnel.step.components"), pytest.raises(PermanentError):
        clone_step(context.plan.steps[0], context)
    parts = ("images_processed", "forms_processed", "chat_plugin_processed")
    # As the old system left a page whose parts are all done and whose text was never written.
    store.steps.update_many({"funnel_id": clone_id}, {"$set": {"processed": dict.fromkeys(parts, True)}})
    store.funnels.update_one({"_id": clone_id}, {"$set": {"clone.pass": "of a pass that died"}})
    copied = workshop.copier.issued()
    assert copied > 0
    workshop.clone()
    assert workshop.copier.issued() == store.images.count_documents({"ref_id": small})
    assert_sound(database, s3, clone_id, before)


def test_b18_an_error_that_holds_no_more_goes_away(
    store: Store, workshop: Workshop, database: Any, s3: Any, small: ObjectId
) -> None:
    clone_id = request_clone(database, small)
    context = workshop.context(workshop.plan())
    store.components.update_many({"funnel_id": clone_id}, {"$set": {"errors": ["image a: no such object"]}})
    workshop.clone_steps(context)
    assert finish_funnel(context).errors == ()
    assert [tree["errors"] for tree in store.components.find({"funnel_id": clone_id})] == [[], [], []]
    assert_sound(database, s3, clone_id, None)


def test_steps_done_twice_are_done_once(
    store: Store, workshop: Workshop, database: Any, s3: Any, small: ObjectId
) -> None:
    clone_id = request_clone(database, small)
    context = workshop.context(workshop.plan())
    workshop.clone_steps(context)
    again = workshop.clone_steps(context)
    assert [(result.forms, result.copied) for result in again] == [(0, ())] * 3
    finish_funnel(context)
    assert_sound(database, s3, clone_id, None)
