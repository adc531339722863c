"""``undo``: all that a clone made goes, and nothing else; killed behind any effect and called again it is the same."""

import json
import os
import pty
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from threading import Barrier, Thread
from typing import Any

import pytest
from bson import ObjectId, encode

from engine import crash_points
from engine.core.errors import ClaimLost, PermanentError
from engine.core.state import WrongState
from engine.crash_points import UNDO_POINTS
from engine.edges.mongo import ends, undo_removal
from engine.edges.mongo import undo as edge
from engine.edges.mongo.client import Store
from engine.edges.mongo.scan import claim_next
from engine.edges.s3 import Objects
from engine.flow.complete import finish_funnel, park
from engine.flow.layout import lay_out
from engine.flow.step import clone_step
from engine.settings import CopySettings, Settings
from engine.upkeep import repair as repairing
from engine.upkeep import undo as undoing
from engine.upkeep.cancel import cancel
from engine.upkeep.retry import Revived, retry
from engine.upkeep.undo import Begun, Edited, Found, Undone, Unknown, Watch
from engine.upkeep.undo_told import warnings
from tests.at_command import at_command
from tests.command_line import Done, environment_of, run_as_process, run_here
from tests.funnels import PREVIEW_DOMAIN, build_funnel, request_clone
from tests.in_process import PASS, Workshop
from tests.invariants import assert_sound
from tests.listing import Listing, listing
from tests.old_cloner import OldCloner

Document = dict[str, Any]


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """Copies of a run that was cut off are waited for, for a moment."""
    return replace(settings, copy=replace(settings.copy, deadline_seconds=0.3))


@pytest.fixture
def original(database: Any, s3: Any, bucket: str) -> ObjectId:
    small: dict[str, Any] = {"image_bytes": 1_000, "html_bytes": 3_000, "components_bytes": 3_000}
    return build_funnel(
        database, s3, bucket, steps=4, images=9, forms=2, chat=True, unlisted=1, null_html=True, **small
    )


@pytest.fixture
def patient_workshop(store: Store, settings: Settings) -> Workshop:
    """Its own copies have all the time they need."""
    return Workshop(store, replace(settings, copy=CopySettings(deadline_seconds=60)))


def undone(
    store: Store,
    settings: Settings,
    clone_id: Any,
    *,
    force: bool = False,
    keep: bool = False,
    watch: Watch | None = None,
) -> Undone:
    begun = undoing.begin(store, str(clone_id), how(settings, force=force, keep=keep))
    assert isinstance(begun, Begun), begun
    return undoing.remove(store, Objects(settings.s3), settings.s3, begun, watch)


def how(settings: Settings, *, force: bool = False, keep: bool = False) -> undoing.Asked:
    return undoing.asked(settings.steps, settings.copy, force=force, keep_funnel=keep, deletes_s=0.2)


def refused(store: Store, settings: Settings, clone_id: Any, *, force: bool = False) -> Any:
    """Why, by both that look and that begin; nothing is written."""
    stands = everything(store)
    seen = undoing.look(store, str(clone_id), how(settings, force=force))
    assert type(undoing.begin(store, str(clone_id), how(settings, force=force))) is type(seen)
    assert everything(store) == stands
    return seen


def everything(store: Store) -> dict[str, list[Document]]:
    return {name: list(store.db[name].find().sort("_id", 1)) for name in sorted(store.db.list_collection_names())}


def test_d19_an_undone_clone_leaves_database_and_bucket_as_they_were(
    store: Store,
    settings: Settings,
    patient_workshop: Workshop,
    database: Any,
    s3: Any,
    bucket: str,
    original: ObjectId,
) -> None:
    before = listing(database, s3, bucket)
    clone_id = request_clone(database, original)
    patient_workshop.clone()
    keys = {record["key"] for record in database["sites_images"].find({"ref_id": clone_id})}
    found = undoing.look(store, str(clone_id), how(settings))
    assert isinstance(found, Found)
    waited: list[float] = []
    done = undone(store, settings, clone_id, watch=Watch(waiting=lambda seconds, _: waited.append(seconds)))
    assert listing(database, s3, bucket) == before
    assert (done.steps, done.components, done.images, done.objects) == (4, 4, 9, 9)
    assert (done.forms, done.bytes, done.state, done.objects_kept) == (found.parts.forms, 9_000, "undone", 0)
    assert (found.parts.steps, found.parts.images, found.parts.image_bytes) == (4, 9, 9_000)
    assert waited == [], "it completed at its first try: no copy is on its way"
    head, buried = store.tombstones.find().sort("objects", 1)
    assert (head["_id"], head["funnel_id"], head["original_funnel_id"]) == ({"funnel": clone_id}, clone_id, original)
    assert head["undone_at"] is not None
    assert buried["funnel_id"] == clone_id
    assert buried["account_id"] == head["account_id"] is not None
    assert {(each["bucket"], each["key"]) for each in buried["objects"]} == {(bucket, key) for key in keys}
    assert isinstance(undoing.look(store, str(clone_id), how(settings)), Unknown)


class Killed(BaseException):
    """The process ends here."""


class Kill:
    """At the first time that a point is reached."""

    def __init__(self, point: str) -> None:
        self.point, self.struck = point, False

    def __call__(self, point: str, _of: Any = None, /) -> None:
        if point == self.point and not self.struck:
            self.struck = True
            raise Killed


@pytest.mark.parametrize("keep", [False, True], ids=["", "keep the funnel"])
@pytest.mark.parametrize("point", UNDO_POINTS)
def test_killed_behind_any_effect_and_called_again_it_ends_what_was_begun(
    store: Store,
    settings: Settings,
    patient_workshop: Workshop,
    database: Any,
    s3: Any,
    bucket: str,
    monkeypatch: pytest.MonkeyPatch,
    point: str,
    *,
    keep: bool,
) -> None:
    monkeypatch.setattr(undo_removal, "BATCH", 2)
    original = small_funnel(database, s3, bucket)
    before = listing(database, s3, bucket)
    clone_id = request_clone(database, original)
    patient_workshop.clone()
    monkeypatch.setattr(crash_points, "reached", kill := Kill(point))
    with pytest.raises(Killed):
        undone(store, settings, clone_id, keep=keep)
    assert kill.struck
    tombstones = list(store.tombstones.find({"objects": {"$exists": True}}))
    named = {each["key"] for tombstone in tombstones for each in tombstone["objects"]}
    named |= {record["key"] for record in database["sites_images"].find({"ref_id": clone_id})}
    there = {entry["Key"] for entry in s3.list_objects_v2(Bucket=bucket)["Contents"]} - set(
        map(bytes.decode, before["objects"])
    )
    assert there <= named, "an object that nothing names is lost for good"
    if point != "undo.ended":
        undone(store, settings, clone_id)
    assert (
        without_funnel(listing(database, s3, bucket), database, clone_id, keep=keep and point != "undo.beginning")
        == before
    )


def small_funnel(database: Any, s3: Any, bucket: str) -> ObjectId:
    small: dict[str, Any] = {"image_bytes": 500, "html_bytes": 900, "components_bytes": 900}
    return build_funnel(database, s3, bucket, steps=3, images=3, forms=1, **small)


def without_funnel(found: Listing, database: Any, clone_id: Any, *, keep: bool) -> Listing:
    """What stands but for the clone's funnel, which must stand where it was to be kept."""
    funnel = database["funnels"].find_one({"_id": clone_id})
    assert (funnel is not None) == keep
    kept = [] if funnel is None else [encode(funnel, codec_options=database.codec_options)]
    return {**found, "funnels": [document for document in found["funnels"] if document not in kept]}


def test_a_funnel_that_is_kept_is_a_cancelled_clone_and_can_be_cloned_again(
    store: Store,
    settings: Settings,
    patient_workshop: Workshop,
    database: Any,
    s3: Any,
    bucket: str,
    original: ObjectId,
) -> None:
    before = listing(database, s3, bucket)
    clone_id = request_clone(database, original)
    patient_workshop.clone()
    done = undone(store, settings, clone_id, keep=True)
    assert (done.funnel_kept, done.state) == (True, "cancelled")
    assert without_funnel(listing(database, s3, bucket), database, clone_id, keep=True) == before
    funnel = database["funnels"].find_one({"_id": clone_id})
    assert (funnel["pending"], funnel["in_progress"], funnel["steps"], funnel["error"]) == (
        False,
        False,
        [],
        ["undone"],
    )
    assert funnel["clone"].keys() == {"run", "epoch", "state", "finished_at", "errors"}
    assert isinstance(retry(store, str(clone_id), force=False), Revived)
    patient_workshop.clone()
    assert_sound(database, s3, clone_id, None, PREVIEW_DOMAIN)
    assert database["funnels"].find_one({"_id": clone_id})["error"] == []
    assert [str(event["_id"]).split(":", 1)[1] for event in store.outbox.find()] == ["1:completed", "2:completed"]
    undone(store, settings, clone_id)
    assert listing(database, s3, bucket) == before


def half_made(workshop: Workshop) -> None:
    context = workshop.context(workshop.plan())
    clone_step(context.plan.steps[0], context)
    assert not isinstance(
        cancel(workshop.store, str(context.plan.claim.funnel_id), workshop.settings.scan, workshop.settings.steps),
        WrongState,
    )


def failed(workshop: Workshop) -> None:
    plan = workshop.plan()
    park(workshop.store, plan.claim, "a reason")


def never_begun(workshop: Workshop) -> None:
    park(workshop.store, workshop.claim(), "a reason")


@pytest.mark.parametrize("end", [half_made, failed, never_begun])
def test_a_clone_that_ended_half_made_is_undone_once_late_copies_have_arrived(
    store: Store,
    settings: Settings,
    patient_workshop: Workshop,
    database: Any,
    s3: Any,
    bucket: str,
    original: ObjectId,
    end: Callable[[Workshop], None],
) -> None:
    before = listing(database, s3, bucket)
    clone_id = request_clone(database, original)
    end(patient_workshop)
    planned = list(database["sites_images"].find({"ref_id": clone_id, "uploaded": False}))
    late: list[str] = []

    def arrive(_seconds: float, _why: str) -> None:
        late.extend(record["key"] for record in planned)
        for record in planned:
            s3.put_object(Bucket=bucket, Key=record["key"], Body=b"late")

    # Far off, so that the wait is certain; it ends when the test says so.
    far = replace(settings, copy=replace(settings.copy, deadline_seconds=3600))

    def pause(_seconds: float) -> None:
        store.funnels.update_one({"_id": clone_id}, {"$unset": {"clone.undo.copies_until": 1}})

    undone(store, far, clone_id, watch=Watch(waiting=arrive, pause=pause))
    assert len(late) == len(planned)
    assert bool(planned) == (end is not never_begun)
    assert listing(database, s3, bucket) == before


def test_what_a_wait_is_for_is_counted_from_the_runs_last_sign_of_life(
    store: Store, settings: Settings, patient_workshop: Workshop, database: Any, original: ObjectId
) -> None:
    clone_id = request_clone(database, original)
    failed(patient_workshop)
    far = replace(settings, copy=replace(settings.copy, deadline_seconds=3600))
    begun = undoing.begin(store, str(clone_id), how(far))
    assert isinstance(begun, Begun)
    copies_s, deletes_s = edge.waits_s(store, begun)
    assert 3500 < copies_s <= 3600
    assert deletes_s == 0
    again = undoing.begin(store, str(clone_id), replace(how(settings), deletes_s=50))
    assert isinstance(again, Begun)
    copies_s, deletes_s = edge.waits_s(store, again)
    assert 3500 < copies_s <= 3600, "the first one's word stands"
    assert 40 < deletes_s <= 50


def asked(workshop: Workshop) -> None:
    """Nobody has looked at it yet."""


def waiting(workshop: Workshop) -> None:
    ends.wait(workshop.store, workshop.plan().claim, 60, "a reason", counts=True)


def cloning(workshop: Workshop) -> None:
    workshop.plan()


@pytest.mark.parametrize(("state", "word"), [(asked, "is asked for"), (waiting, "it waits"), (cloning, "is in work")])
def test_a_clone_that_has_not_ended_is_refused_by_force_too(
    store: Store,
    settings: Settings,
    patient_workshop: Workshop,
    database: Any,
    original: ObjectId,
    state: Callable[[Workshop], None],
    word: str,
) -> None:
    clone_id = request_clone(database, original)
    state(patient_workshop)
    outcome = refused(store, settings, clone_id, force=True)
    assert isinstance(outcome, WrongState)
    assert word in outcome.reason
    assert "cancel it first" in outcome.reason


def test_a_clone_of_which_another_was_made_is_refused_by_force_too_until_that_one_is_undone(
    store: Store,
    settings: Settings,
    patient_workshop: Workshop,
    database: Any,
    s3: Any,
    bucket: str,
    original: ObjectId,
) -> None:
    before = listing(database, s3, bucket)
    clone_id = request_clone(database, original)
    patient_workshop.clone()
    second = request_clone(database, clone_id)
    outcome = refused(store, settings, clone_id, force=True)
    assert isinstance(outcome, WrongState)
    assert str(second) in outcome.reason
    patient_workshop.clone()
    assert isinstance(refused(store, settings, clone_id, force=True), WrongState)
    undone(store, settings, second)
    undone(store, settings, clone_id)
    assert listing(database, s3, bucket) == before


Edit = Callable[[Any, Any], None]


def page_of(database: Any, clone_id: Any) -> Document:
    return dict(database["funnel.step"].find_one({"funnel_id": clone_id, "raw_html": {"$ne": None}}, sort=[("_id", 1)]))


def html(database: Any, clone_id: Any) -> None:
    database["funnel.step"].update_one({"_id": page_of(database, clone_id)["_id"]}, {"$set": {"raw_html": "<p>mine"}})


def components(database: Any, clone_id: Any) -> None:
    page = page_of(database, clone_id)["_id"]
    database["funnel.step.components"].update_one({"step_id": page}, {"$set": {"components": "{}"}})


def tracking(database: Any, clone_id: Any) -> None:
    """As the product saves a page: with its date."""
    later = [{"$set": {"header_tracking_code": "<script>", "updatedAt": {"$add": ["$updatedAt", 60_000]}}}]
    database["funnel.step"].update_one({"_id": page_of(database, clone_id)["_id"]}, later)


def form(database: Any, clone_id: Any) -> None:
    database["forms"].update_one({"clone.funnel_id": clone_id}, {"$set": {"form_name": "Mine"}})


def form_without_proof(database: Any, clone_id: Any) -> None:
    database["forms"].update_one(
        {"clone.funnel_id": clone_id}, {"$set": {"form_name": "Mine"}, "$unset": {"clone.proof": 1}}
    )


def renamed(database: Any, clone_id: Any) -> None:
    later = [{"$set": {"name": "Mine", "updatedAt": {"$add": ["$updatedAt", 60_000]}}}]
    database["funnels"].update_one({"_id": clone_id}, later)


@pytest.mark.parametrize(
    ("edit", "kind", "word"),
    [
        (html, "page", "edited since it was cloned: html"),
        (components, "page", "edited since it was cloned: components"),
        (tracking, "page", "it was changed"),
        (form, "form", "was edited"),
        (form_without_proof, "form", "was edited"),
        (renamed, "funnel", "the funnel itself"),
    ],
)
def test_what_was_edited_since_is_named_and_goes_by_force_alone(
    store: Store,
    settings: Settings,
    patient_workshop: Workshop,
    database: Any,
    s3: Any,
    bucket: str,
    original: ObjectId,
    edit: Edit,
    kind: str,
    word: str,
) -> None:
    before = listing(database, s3, bucket)
    clone_id = request_clone(database, original)
    patient_workshop.clone()
    edit(database, clone_id)
    outcome = refused(store, settings, clone_id)
    assert isinstance(outcome, Edited)
    assert [(part.kind, word in part.reason) for part in outcome.parts] == [(kind, True)]
    undone(store, settings, clone_id, force=True)
    assert listing(database, s3, bucket) == before


def test_a_form_without_a_proof_that_is_as_its_source_counts_as_untouched(
    store: Store, settings: Settings, patient_workshop: Workshop, database: Any, original: ObjectId
) -> None:
    clone_id = request_clone(database, original)
    patient_workshop.clone()
    database["forms"].update_many({"clone.funnel_id": clone_id}, {"$unset": {"clone.proof": 1}})
    assert isinstance(undoing.look(store, str(clone_id), how(settings)), Found)


@pytest.mark.parametrize("edit", [html, components, form])
def test_a_part_that_is_edited_as_its_clone_is_undone_is_seen_and_nothing_is_removed(
    store: Store, settings: Settings, patient_workshop: Workshop, database: Any, original: ObjectId, edit: Edit
) -> None:
    clone_id = request_clone(database, original)
    patient_workshop.clone()
    with at_command(settings, "findAndModify", "funnels", lambda: edit(database, clone_id)) as late:
        outcome = undoing.begin(late, str(clone_id), how(settings))
    assert isinstance(outcome, Edited)
    assert database["funnels"].find_one({"_id": clone_id})["clone"]["state"] == "completed"


def test_what_users_brought_into_the_funnel_stays_and_keeps_it(
    store: Store,
    settings: Settings,
    patient_workshop: Workshop,
    database: Any,
    s3: Any,
    bucket: str,
    original: ObjectId,
) -> None:
    clone_id = request_clone(database, original)
    other = small_funnel(database, s3, bucket)
    patient_workshop.clone()
    made = database["forms"].find_one({"clone.funnel_id": clone_id})
    # A day later, as its id tells.
    later = ObjectId(f"{int(str(clone_id)[:8], 16) + 86_400:08x}" + str(ObjectId())[8:])
    form_copy = {**made, "_id": later, "form_secret_id": "mine"}
    foreign = database["funnel.step"].find_one({"funnel_id": other})
    s3.put_object(Bucket=bucket, Key="own/logo.png", Body=b"own")
    theirs = {
        "funnel.step": [
            {"_id": ObjectId(), "funnel_id": clone_id, "name": "My page", "raw_html": "mine"},
            # Moved here from another funnel, by a system that leaves no mark.
            {"_id": ObjectId(), "funnel_id": clone_id, "original_step_id": foreign["_id"], "name": "Moved"},
        ],
        "sites_images": [{"_id": ObjectId(), "ref_id": clone_id, "fileName": "logo.png", "key": "own/logo.png"}],
        "forms": [form_copy],
    }
    theirs["funnel.step.components"] = [
        {"_id": ObjectId(), "funnel_id": clone_id, "step_id": page["_id"], "components": "{}"}
        for page in theirs["funnel.step"]
    ]
    for name, documents in theirs.items():
        database[name].insert_many(documents)
    mine = theirs["funnel.step"][0]["_id"]
    database["funnels"].update_one({"_id": clone_id}, {"$push": {"steps": mine}})
    outcome = refused(store, settings, clone_id)
    assert isinstance(outcome, Edited)
    assert [(part.kind, part.name) for part in outcome.parts] == [
        ("page", "My page"),
        ("page", "Moved"),
        ("image", "logo.png"),
    ]
    done = undone(store, settings, clone_id, force=True)
    assert done.funnel_kept
    assert [stranger.name for stranger in done.strangers] == ["My page", "Moved", "logo.png"]
    own = {"funnel_id": clone_id}
    left = {
        "funnel.step": list(database["funnel.step"].find(own).sort("_id", 1)),
        "sites_images": list(database["sites_images"].find({"ref_id": clone_id})),
        "forms": list(database["forms"].find({"clone.funnel_id": clone_id})),
        "funnel.step.components": list(database["funnel.step.components"].find(own).sort("_id", 1)),
    }
    assert left == theirs
    assert database["funnels"].find_one({"_id": clone_id})["steps"] == [mine]
    assert s3.head_object(Bucket=bucket, Key="own/logo.png")


def test_an_object_that_a_record_of_somebody_else_names_stays(
    store: Store,
    settings: Settings,
    patient_workshop: Workshop,
    database: Any,
    s3: Any,
    bucket: str,
    original: ObjectId,
) -> None:
    clone_id = request_clone(database, original)
    patient_workshop.clone()
    shared, pointing_back = database["sites_images"].find({"ref_id": clone_id}).sort("_id", 1).limit(2)
    database["sites_images"].insert_one({"ref_id": ObjectId(), "key": shared["key"], "fileName": "theirs"})
    # A record that was set to the original's own object names nothing of the clone's, whoever else names that.
    lost = pointing_back["key"]
    database["sites_images"].update_one({"_id": pointing_back["_id"]}, {"$set": {"key": pointing_back["source_key"]}})
    database["sites_images"].delete_one({"ref_id": original, "key": pointing_back["source_key"]})
    done = undone(store, settings, clone_id)
    assert (done.images, done.objects, done.objects_kept) == (9, 7, 1)
    for key in (shared["key"], pointing_back["source_key"], lost):
        assert s3.head_object(Bucket=bucket, Key=key), key
    (buried,) = store.tombstones.find({"objects": {"$exists": True}})
    assert not {shared["key"], pointing_back["source_key"]} & {each["key"] for each in buried["objects"]}


def test_keys_that_a_list_of_keys_cannot_hold_are_deleted_one_by_one(settings: Settings, s3: Any, bucket: str) -> None:
    keys = ["plain/é &<>.png", "bell\x07/a.png", "line\n\rend/a.png"]
    for key in (*keys, "stays.png"):
        s3.put_object(Bucket=bucket, Key=key, Body=b"x")
    objects = Objects(settings.s3)
    objects.delete(bucket, [*keys, "never/was.png"])
    objects.delete(bucket, keys)
    assert list(objects.keys(bucket)) == ["stays.png"]


def test_a_clone_of_the_old_system_goes_by_force_and_its_forms_which_nothing_tells_stay(
    store: Store, settings: Settings, database: Any, s3: Any, bucket: str, original: ObjectId
) -> None:
    before = listing(database, s3, bucket)
    clone_id = request_clone(database, original)
    OldCloner(database, s3, clone_id, PREVIEW_DOMAIN).clone()
    forms = listing(database, s3, bucket)["forms"]
    assert len(forms) > len(before["forms"])
    outcome = refused(store, settings, clone_id)
    assert isinstance(outcome, Edited)
    assert {part.kind for part in outcome.parts} == {"funnel", "page"}
    assert all("cannot be told" in part.reason for part in outcome.parts)
    undone(store, settings, clone_id, force=True)
    assert listing(database, s3, bucket) == {**before, "forms": forms}


def test_a_page_that_the_old_system_has_in_work_refuses_the_undo_until_it_is_stale(
    store: Store, settings: Settings, database: Any, s3: Any, original: ObjectId
) -> None:
    clone_id = request_clone(database, original)
    OldCloner(database, s3, clone_id, PREVIEW_DOMAIN).clone()
    in_work = [{"$set": {"in_progress": True, "updatedAt": "$$NOW"}}]
    database["funnel.step"].update_one({"funnel_id": clone_id}, in_work)
    outcome = refused(store, settings, clone_id, force=True)
    assert isinstance(outcome, WrongState)
    assert "is in work" in outcome.reason
    soon = replace(settings, steps=replace(settings.steps, stale_minutes=1e-9))
    undone(store, soon, clone_id, force=True)
    assert database["funnel.step"].count_documents({"funnel_id": clone_id}) == 0


@pytest.fixture
def begun(store: Store, settings: Settings, patient_workshop: Workshop, database: Any, original: ObjectId) -> Begun:
    clone_id = request_clone(database, original)
    patient_workshop.clone()
    outcome = undoing.begin(store, str(clone_id), how(settings))
    assert isinstance(outcome, Begun)
    return outcome


def test_nobody_else_takes_a_clone_that_is_being_undone(
    store: Store, settings: Settings, patient_workshop: Workshop, database: Any, begun: Begun
) -> None:
    text = str(begun.funnel_id)
    funnel = database["funnels"].find_one({"_id": begun.funnel_id})
    for outcome in (
        retry(store, text, force=True),
        cancel(store, text, settings.scan, settings.steps),
    ):
        assert isinstance(outcome, WrongState)
        assert outcome.state == "undoing"
    with pytest.raises(PermanentError, match="being undone"):
        repairing.repair(store, Objects(settings.s3), patient_workshop.copier, funnel, settings)
    # Whatever flags somebody sets meanwhile ask for nothing.
    for flags in ({"pending": True}, {"pending": True, "in_progress": True}):
        database["funnels"].update_one({"_id": begun.funnel_id}, {"$set": {"in_progress": False, **flags}})
        assert claim_next(store, PASS, 1e-9, None) is None
    later = request_clone(database, begun.funnel_id)
    laid_out = lay_out(store, patient_workshop.claim(), settings)
    assert "is being undone" in getattr(laid_out, "reason", "")
    database["funnels"].delete_one({"_id": later})
    undoing.remove(store, Objects(settings.s3), settings.s3, begun)
    assert database["funnels"].count_documents({"_id": begun.funnel_id}) == 0


def test_who_comes_late_writes_nothing(
    store: Store,
    settings: Settings,
    patient_workshop: Workshop,
    database: Any,
    s3: Any,
    bucket: str,
    original: ObjectId,
) -> None:
    before = listing(database, s3, bucket)
    clone_id = request_clone(database, original)
    context = patient_workshop.context(patient_workshop.plan())
    work, *others = context.plan.steps
    for other in others:
        clone_step(other, context)

    def cancel_and_begin() -> None:
        cancel(store, str(clone_id), settings.scan, settings.steps)
        undone(store, settings, clone_id)

    # The page is rewritten and about to be committed when its clone is cancelled and undone.
    with at_command(settings, "update", "funnel.step.components", cancel_and_begin) as late, pytest.raises(ClaimLost):
        clone_step(work, replace(context, store=late))
    with pytest.raises(ClaimLost):
        clone_step(work, context)
    with pytest.raises(ClaimLost):
        finish_funnel(context)
    with pytest.raises(ClaimLost):
        lay_out(store, context.plan.claim, settings)
    assert {**listing(database, s3, bucket), "objects": before["objects"]} == before


def test_a_clone_that_is_asked_for_again_as_it_is_undone_is_left_to_whoever_asked(
    store: Store, settings: Settings, patient_workshop: Workshop, database: Any, original: ObjectId
) -> None:
    clone_id = request_clone(database, original)
    patient_workshop.clone()

    def ask_and_claim() -> None:
        database["funnels"].update_one({"_id": clone_id}, {"$set": {"pending": True}})
        patient_workshop.claim()

    with at_command(settings, "findAndModify", "funnels", ask_and_claim) as late:
        outcome = undoing.begin(late, str(clone_id), how(settings))
    assert isinstance(outcome, WrongState)
    assert outcome.state == "cloning"


def test_of_two_undos_the_later_goes_on_and_the_earlier_removes_nothing_more(
    store: Store, settings: Settings, database: Any, begun: Begun
) -> None:
    later = undoing.begin(store, str(begun.funnel_id), how(settings))
    assert isinstance(later, Begun)
    assert (later.resumed, later.was) == (True, "completed")
    stands = everything(store)
    with pytest.raises(ClaimLost):
        undoing.remove(store, Objects(settings.s3), settings.s3, begun)
    stands.pop("clone_tombstones", None)
    assert {name: found for name, found in everything(store).items() if name != "clone_tombstones"} == stands
    undoing.remove(store, Objects(settings.s3), settings.s3, later)
    assert database["funnels"].count_documents({"_id": begun.funnel_id}) == 0


def test_undos_that_begin_at_once_leave_nothing_between_them(
    store: Store,
    settings: Settings,
    patient_workshop: Workshop,
    database: Any,
    s3: Any,
    bucket: str,
    original: ObjectId,
) -> None:
    before = listing(database, s3, bucket)
    clone_id = request_clone(database, original)
    patient_workshop.clone()
    at_once, ends_of = Barrier(3), []

    def work() -> None:
        at_once.wait(60)
        outcome = undoing.begin(store, str(clone_id), how(settings))
        if not isinstance(outcome, Begun):
            ends_of.append("unknown")
            return
        try:
            undoing.remove(store, Objects(settings.s3), settings.s3, outcome)
        except ClaimLost:
            ends_of.append("lost")
        else:
            ends_of.append("done")

    threads = [Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    assert ends_of.count("done") == 1, ends_of
    assert listing(database, s3, bucket) == before


def test_objects_that_s3_does_not_give_up_keep_their_records_and_the_next_undo_ends_it(
    store: Store, settings: Settings, database: Any, s3: Any, bucket: str, begun: Begun
) -> None:
    wrong = replace(settings.s3, secret_access_key="not the secret")
    with pytest.raises(PermanentError):
        undoing.remove(store, Objects(wrong), wrong, begun)
    records = list(database["sites_images"].find({"ref_id": begun.funnel_id}))
    assert len(records) == 9
    assert all(s3.head_object(Bucket=bucket, Key=record["key"]) for record in records)
    undone(store, settings, begun.funnel_id)
    assert database["sites_images"].count_documents({"ref_id": begun.funnel_id}) == 0


def test_young_objects_of_a_store_that_bills_them_on_are_told(
    store: Store, settings: Settings, patient_workshop: Workshop, database: Any, original: ObjectId
) -> None:
    clone_id = request_clone(database, original)
    patient_workshop.clone()
    found = undoing.look(store, str(clone_id), how(settings))
    assert isinstance(found, Found)
    assert warnings(found, settings.s3) == []
    (told,) = warnings(found, replace(settings.s3, min_storage_days=90))
    assert "9 images are younger" in told
    old = replace(found, age_s=91 * 86_400.0)
    assert warnings(old, replace(settings.s3, min_storage_days=90)) == []


def test_what_is_no_clone_is_not_found(store: Store, settings: Settings, original: ObjectId) -> None:
    for text, word in ((str(ObjectId()), "no clone has the id"), (str(original), "is no clone")):
        outcome = undoing.look(store, text, how(settings))
        assert isinstance(outcome, Unknown)
        assert word in outcome.reason


def command(settings: Settings, *arguments: object, run: Callable[..., Done] = run_here) -> Done:
    environment = environment_of(settings, XDG_DATA_HOME=settings.local.data_dir)
    return run(*arguments, environment=environment, cwd=Path(settings.local.data_dir))


def test_the_command_asks_for_a_yes_and_tells_what_went(
    store: Store, settings: Settings, patient_workshop: Workshop, database: Any, s3: Any, bucket: str
) -> None:
    original = small_funnel(database, s3, bucket)
    before = listing(database, s3, bucket)
    clone_id = request_clone(database, original)
    patient_workshop.clone()
    stands = everything(store)
    unasked = command(settings, "undo", clone_id, "--json")
    assert unasked.returncode == 2
    assert "--yes" in json.loads(unasked.stdout)["error"]
    assert "3 pages, 3 images (1.5 kB) with their objects, 1 forms; the funnel itself" in unasked.stderr
    html(database, clone_id)
    edited = command(settings, "undo", clone_id, "--yes", "--json")
    assert edited.returncode == 1
    assert [part["kind"] for part in json.loads(edited.stdout)["edited"]] == ["page"]
    assert {name: len(found) for name, found in everything(store).items()} == {n: len(f) for n, f in stands.items()}
    done = command(
        settings, "undo", clone_id, "--yes", "--force", "--json", "s3.min_storage_days=30", run=run_as_process
    )
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    counts = {name: told[name] for name in ("steps", "components", "images", "objects", "forms", "bytes")}
    assert counts == {"steps": 3, "components": 3, "images": 3, "objects": 3, "forms": 1, "bytes": 1_500}
    assert (told["funnel_id"], told["state"], told["was"]) == (str(clone_id), "undone", "completed")
    assert "bills an object for 30 days" in told["warnings"][0]
    assert listing(database, s3, bucket) == before
    for name in ("undo", "status"):
        gone = command(settings, name, clone_id)
        assert (gone.returncode, f"no clone has the id {clone_id}" in gone.stderr) == (2, True)


@pytest.mark.parametrize(("answer", "code"), [("n", 1), ("y", 0)])
def test_at_a_terminal_the_command_does_as_it_is_answered(
    settings: Settings,
    patient_workshop: Workshop,
    database: Any,
    s3: Any,
    bucket: str,
    monkeypatch: pytest.MonkeyPatch,
    answer: str,
    code: int,
) -> None:
    clone_id = request_clone(database, small_funnel(database, s3, bucket))
    patient_workshop.clone()
    typing, terminal = pty.openpty()
    with os.fdopen(typing, "w") as keyboard, os.fdopen(terminal, "r") as screen:
        keyboard.write(f"{answer}\n")
        keyboard.flush()
        monkeypatch.setattr(sys, "stdin", screen)
        done = command(settings, "undo", clone_id, "--keep-funnel")
    assert done.returncode == code
    assert "Remove all this?" in done.stderr
    assert ("Removed: 3 pages, 3 images, 3 objects" in done.stdout) == (code == 0)
    assert database["funnels"].count_documents({"_id": clone_id}) == 1
    assert database["funnel.step"].count_documents({"funnel_id": clone_id}) == (3 if code else 0)
