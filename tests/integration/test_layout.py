"""The layout on a real MongoDB: what is made, what is taken up, what is refused."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from bson import Decimal128, Int64, ObjectId
from bson.binary import Binary

from engine.core.errors import ClaimLost
from engine.core.model import Laid, Rejected, SourceGone, Waits
from engine.edges.mongo import structure
from engine.edges.mongo.client import Store
from engine.flow.complete import end_source_gone
from tests.in_process import Workshop

ODD_FIELDS: dict[str, Any] = {
    "price": Decimal128("12.50"),
    "blob": Binary(b"\x00\x01", 128),
    "seen": datetime(2024, 2, 29, 12, 0, 0, 123000, tzinfo=UTC),
    "big": Int64(7),
    "whole": 3.0,
    "nested": {"a.b": [1, {"$c": None}], "z": True},
    "$dollar.dot": "kept",
}


def original(store: Store, steps: int = 3, **fields: Any) -> ObjectId:
    """A funnel with pages, without images; its ``steps`` list them newest first, but for the oldest."""
    funnel_id = ObjectId()
    ids = [ObjectId() for _ in range(steps)]
    store.funnels.insert_one({"_id": funnel_id, "name": "n", "account_id": "acc", "steps": ids[:0:-1], **fields})
    for n, step_id in enumerate(ids):
        store.steps.insert_one(
            {
                "_id": step_id,
                "funnel_id": funnel_id,
                "name": f"page {n}",
                "raw_html": "<p>text</p>",
                "domain_id": ObjectId(),
                "header_tracking_code": "h",
                "footer_tracking_code": "f",
                "version": 5,
                "clone": {"proof": "of another"},
                **ODD_FIELDS,
            }
        )
        store.components.insert_one({"_id": ObjectId(), "funnel_id": funnel_id, "step_id": step_id, "components": "{}"})
    return funnel_id


def ask(store: Store, original_id: Any, **fields: Any) -> ObjectId:
    funnel_id = ObjectId()
    asked = {"_id": funnel_id, "name": "c", "account_id": "own", "original_funnel_id": original_id, "pending": True}
    store.funnels.insert_one({**asked, **fields})
    return funnel_id


def steps_of(store: Store, funnel_id: Any) -> list[dict[str, Any]]:
    return list(store.steps.find({"funnel_id": funnel_id}).sort("_id", 1))


def test_b9_a_new_step_has_the_originals_fields_but_its_own_parts(store: Store, workshop: Workshop) -> None:
    original_id = original(store, 1)
    clone_id = ask(store, original_id)
    workshop.plan()
    (before,), (step,) = steps_of(store, original_id), steps_of(store, clone_id)
    assert step["_id"] != before["_id"]
    for field in ("raw_html", "domain_id", "header_tracking_code", "footer_tracking_code"):
        assert step[field] is None
    assert (step["funnel_id"], step["original_step_id"], step["name"]) == (clone_id, before["_id"], "page 0")
    assert (step["pending"], step["in_progress"]) == (True, False)
    assert set(step["processed"]) == {"images_processed", "forms_processed", "chat_plugin_processed"}
    assert not any(step["processed"].values())
    now = datetime.now(UTC)
    assert step["version"] == round(step["createdAt"].timestamp() * 1000)
    assert abs(step["createdAt"] - now) < timedelta(minutes=1)
    assert step["createdAt"] == step["updatedAt"]
    assert step["clone"] == {"funnel_id": clone_id, "source_id": before["_id"], "epoch": 1, "attempts": 0}


def test_b9_unknown_fields_pass_through_with_their_types(store: Store, workshop: Workshop) -> None:
    clone_id = ask(store, original(store, 1))
    workshop.plan()
    kept = [{"$eq": [{"$getField": {"$literal": field}}, {"$literal": value}]} for field, value in ODD_FIELDS.items()]
    types = {"price": "decimal", "blob": "binData", "seen": "date", "big": "long", "whole": "double"}
    same_types = [{"$eq": [{"$type": f"${field}"}, kind]} for field, kind in types.items()]
    assert store.steps.count_documents({"funnel_id": clone_id, "$expr": {"$and": kept + same_types}}) == 1


def test_b10_b11_every_step_has_components_and_stands_in_the_originals_order(store: Store, workshop: Workshop) -> None:
    original_id = original(store, 4)
    clone_id = ask(store, original_id, steps=["own page"])
    workshop.plan()
    listed = (store.funnels.find_one({"_id": original_id}) or {})["steps"]
    order = [*listed, *sorted({s["_id"] for s in steps_of(store, original_id)} - set(listed))]
    funnel = store.funnels.find_one({"_id": clone_id}) or {}
    of = {step["original_step_id"]: step["_id"] for step in steps_of(store, clone_id)}
    assert funnel["steps"] == [*(of[step_id] for step_id in order), "own page"]
    for step_id in of.values():
        (components,) = store.components.find({"step_id": step_id})
        assert (components["components"], components["account_id"], components["errors"]) == ("{}", "own", [])
        assert components["funnel_id"] == clone_id


def test_a_second_layout_makes_nothing_again_even_without_indexes(store: Store, workshop: Workshop) -> None:
    clone_id = ask(store, original(store))
    claim = workshop.claim()
    first, second = workshop.lay_out(claim), workshop.lay_out(claim)
    assert first == second
    assert len(steps_of(store, clone_id)) == 3
    assert store.components.count_documents({"funnel_id": clone_id}) == 3


def test_d7_a_layout_that_fails_in_the_middle_leaves_nothing_half_made(
    store: Store, workshop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    clone_id = ask(store, original(store))
    claim = workshop.claim()
    step_id = ObjectId()
    derived = structure.write_funnel_and_batch

    def last_insert_fails(store_: Store, claim_: Any, update: Any, build: Any) -> None:
        def broken(now: datetime) -> structure.Batch:
            batch = build(now)
            return structure.Batch([*batch.steps, {"_id": step_id}, {"_id": step_id}], batch.components, batch.images)

        derived(store_, claim_, update, broken)

    monkeypatch.setattr(structure, "write_funnel_and_batch", last_insert_fails)
    with pytest.raises(Exception, match="duplicate key"):
        workshop.lay_out(claim)
    assert steps_of(store, clone_id) == []
    assert store.components.count_documents({"funnel_id": clone_id}) == 0


def test_d7_a_step_that_lost_its_components_gets_them(store: Store, workshop: Workshop) -> None:
    clone_id = ask(store, original(store))
    claim = workshop.claim()
    workshop.lay_out(claim)
    store.components.delete_one({"funnel_id": clone_id})
    workshop.lay_out(claim)
    with_components = {c["step_id"] for c in store.components.find({"funnel_id": clone_id})}
    assert with_components == {step["_id"] for step in steps_of(store, clone_id)}


def test_a_layout_whose_claim_was_lost_makes_nothing(store: Store, workshop: Workshop) -> None:
    clone_id = ask(store, original(store))
    claim = workshop.claim()
    store.funnels.update_one({"_id": clone_id}, {"$set": {"clone.epoch": claim.epoch + 1}})
    with pytest.raises(ClaimLost):
        workshop.lay_out(claim)
    assert steps_of(store, clone_id) == []


def test_a_late_layout_does_not_take_steps_back_from_a_newer_claim(store: Store, workshop: Workshop) -> None:
    clone_id = ask(store, original(store))
    late = workshop.claim()
    workshop.lay_out(late)
    store.funnels.update_one({"_id": clone_id}, {"$set": {"clone.pass": "another"}})
    newer = workshop.claim()
    workshop.lay_out(newer)
    with pytest.raises(ClaimLost):
        workshop.lay_out(late)
    assert {step["clone"]["epoch"] for step in steps_of(store, clone_id)} == {newer.epoch}


def test_b7_an_original_that_is_gone_is_told_once(store: Store, workshop: Workshop) -> None:
    gone = ObjectId()
    sentence = f"Original Funnel not found, id:{gone}"
    clone_id = ask(store, gone, error=["before"])
    store.db["users"].insert_one({"_id": "u", "account": "own", "active": True})
    for run in (1, 2):
        claim = workshop.claim()
        assert workshop.lay_out(claim) == SourceGone(gone)
        end_source_gone(store, claim)
        funnel = store.funnels.find_one({"_id": clone_id}) or {}
        assert (funnel["pending"], funnel["in_progress"], funnel["original_funnel_deleted"]) == (False, False, True)
        assert funnel["error"] == ["before", sentence]
        events = list(store.outbox.find())
        assert len(events) == run
        assert events[-1]["payload"] == {
            "funnel_id": str(clone_id),
            "status": "failed",
            "reason": "original_funnel_deleted",
        }
        store.funnels.update_one({"_id": clone_id}, {"$set": {"pending": True}})


def test_b8_d3_steps_that_are_done_stay_and_others_are_taken_up(store: Store, workshop: Workshop) -> None:
    original_id = original(store)
    done, stale, _ = steps_of(store, original_id)
    clone_id = ask(store, original_id)
    old = datetime.now(UTC) - timedelta(minutes=6)
    store.steps.insert_many(
        [
            {
                "_id": "d",
                "funnel_id": clone_id,
                "original_step_id": done["_id"],
                "pending": False,
                "in_progress": False,
            },
            {
                "_id": "s",
                "funnel_id": clone_id,
                "original_step_id": stale["_id"],
                "in_progress": True,
                "updatedAt": old,
            },
        ]
    )
    plan = workshop.plan()
    assert [work.step_id for work in plan.steps if work.original_id == stale["_id"]] == ["s"]
    assert done["_id"] not in [work.original_id for work in plan.steps]
    assert (plan.steps_done, plan.steps_total, len(plan.steps)) == (1, 3, 2)
    assert len(steps_of(store, clone_id)) == 3


def test_b8_a_step_in_other_hands_makes_the_funnel_wait(store: Store, workshop: Workshop) -> None:
    original_id = original(store)
    clone_id = ask(store, original_id)
    busy = steps_of(store, original_id)[0]["_id"]
    store.steps.insert_one(
        {
            "_id": "x",
            "funnel_id": clone_id,
            "original_step_id": busy,
            "in_progress": True,
            "updatedAt": datetime.now(UTC),
        }
    )
    assert isinstance(workshop.lay_out(workshop.claim()), Waits)
    assert (store.steps.find_one({"_id": "x"}) or {})["in_progress"] is True


@pytest.mark.parametrize(
    ("fields", "outcome"),
    [
        ({"in_progress": True}, Waits),
        ({"pending": True, "original_funnel_id": 1}, Waits),
        ({"pending": False, "clone": {"state": "failed"}}, Rejected),
        ({"pending": False, "clone": {"state": "completed"}}, Laid),
    ],
)
def test_an_original_that_is_itself_a_clone(
    store: Store, workshop: Workshop, fields: dict[str, Any], outcome: type
) -> None:
    clone_id = ObjectId("0" * 24)  # the oldest: claimed before an original that asks for its own clone
    ask(store, original(store, account_id="zzz", **fields), _id=clone_id, account_id="aaa")
    claim = workshop.claim()
    assert claim.funnel_id == clone_id
    assert isinstance(workshop.lay_out(claim), outcome)


def test_funnels_that_wait_for_each_other_are_refused(store: Store, workshop: Workshop) -> None:
    a, b = ObjectId(), ObjectId()
    ask(store, b, _id=a)
    ask(store, a, _id=b)
    assert isinstance(workshop.lay_out(workshop.claim()), Rejected)
    own = ObjectId()
    ask(store, own, _id=own)
    rest = [workshop.lay_out(workshop.claim()) for _ in range(2)]
    assert all(isinstance(outcome, Rejected) for outcome in rest)


def test_the_chat_setting_is_the_originals_where_the_clone_has_none(store: Store, workshop: Workshop) -> None:
    store.db["support_tokens"].insert_one({"domain": workshop.settings.chat.preview_domain, "token": "t"})
    original_id = original(store, live_chat_widget=True)
    none, own = ask(store, original_id), ask(store, original_id, live_chat_widget=False)
    for _ in range(2):
        plan = workshop.plan()
        assert (plan.chat.enabled, plan.chat.token) == (True, "t")
    widgets = {f["_id"]: f["live_chat_widget"] for f in store.funnels.find({"original_funnel_id": original_id})}
    assert widgets == {none: True, own: False}


def test_images_have_one_record_for_each_key_and_keep_what_exists(store: Store, workshop: Workshop) -> None:
    original_id = original(store, 1)
    clone_id = ask(store, original_id)
    store.db["_accounts"].insert_one({"_id": "own", "parent_account": "top"})
    for n, (key, name) in enumerate(
        [("u1/pic.png", "pic.png"), ("u2/pic.png", "pic.png"), ("u1/pic.png", "x"), ("", "")]
    ):
        store.images.insert_one(
            {
                "_id": n,
                "ref_id": original_id,
                "key": key,
                "fileName": name,
                "fileSize": 9,
                "extra": Int64(n),
                "additionalInfo": {"Bucket": "b", "ContentType": "image/png", "Location": f"https://h/b/{key}"},
            }
        )
    store.images.insert_one({"_id": "old", "ref_id": clone_id, "source_key": "u2/pic.png", "key": "random/pic.png"})
    plan = workshop.plan()
    assert [failure.source for failure in plan.failures] == ["3"]
    records = {record["source_key"]: record for record in store.images.find({"ref_id": clone_id})}
    assert set(records) == {"u1/pic.png", "u2/pic.png"}, "D10: told apart by key, not by name"
    assert records["u2/pic.png"]["key"] == "random/pic.png"
    new = records["u1/pic.png"]
    assert new["key"].endswith("/pic.png")
    assert (new["uploaded"], new["account_id"], new["parent_account"], new["origin"]) == (
        False,
        "own",
        "top",
        "funnels",
    )
    assert (new["fileName"], new["fileSize"], new["extra"]) == ("pic.png", 9, 0)
    assert new["additionalInfo"] == {
        "Bucket": "b",
        "ContentType": "image/png",
        "Location": f"https://h/b/{new['key']}",
    }


def record_of(bucket: str, source_key: str, key: str, **fields: Any) -> dict[str, Any]:
    return {"source_key": source_key, "key": key, "uploaded": True, "additionalInfo": {"Bucket": bucket}, **fields}


@pytest.mark.parametrize(
    ("stand", "chosen", "uploaded"),
    [("abc", "a", True), ("bc", "b", True), ("c", "c", True), ("", "a", False)],
)
def test_b8_d9_of_several_records_of_an_image_the_older_whose_object_exists_counts(
    store: Store, workshop: Workshop, s3: Any, bucket: str, stand: str, chosen: str, *, uploaded: bool
) -> None:
    original_id = original(store)
    store.images.insert_many(
        [{"ref_id": original_id, "key": k, "additionalInfo": {"Bucket": bucket}} for k in ("twice.png", "once.png")]
    )
    clone_id = ask(store, original_id)
    made = [record_of(bucket, "twice.png", f"{name}.png", ref_id=clone_id) for name in "abc"]
    alone = record_of(bucket, "once.png", "its object is gone.png", ref_id=clone_id)
    ids = store.images.insert_many([*made, alone]).inserted_ids
    for name in stand:
        s3.put_object(Bucket=bucket, Key=f"{name}.png", Body=b"x")
    twice, once = workshop.plan().images
    assert (twice.record_id, twice.key, twice.uploaded) == (ids["abc".index(chosen)], f"{chosen}.png", uploaded)
    assert (once.record_id, once.uploaded) == (ids[3], True), "of a single record its word is taken"
    assert store.images.count_documents({"ref_id": clone_id}) == 4
