"""``undo`` of what others had a hand in: edits go by force alone; what is not the clone's own stays."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from bson import ObjectId

from engine.core.state import WrongState
from engine.edges.mongo.client import Store
from engine.settings import Settings
from engine.upkeep.undo import Edited, Found
from tests.at_command import at_command
from tests.funnels import PREVIEW_DOMAIN, build_funnel
from tests.old_cloner import OldCloner
from tests.undo_scene import AWKWARD, SMALL, UndoScene


@pytest.fixture
def scene(store: Store, settings: Settings, database: Any, s3: Any) -> UndoScene:
    return UndoScene.of(store, settings, database, s3, **AWKWARD)


Edit = Callable[[UndoScene], None]
A_MINUTE_LATER = {"updatedAt": {"$add": ["$updatedAt", 60_000]}}


def html(scene: UndoScene) -> None:
    scene.change_page("funnel.step", {"$set": {"raw_html": "<p>mine"}})


def components(scene: UndoScene) -> None:
    scene.change_page("funnel.step.components", {"$set": {"components": "{}"}})


def tracking(scene: UndoScene) -> None:
    """As the product saves a page: with its date."""
    scene.change_page("funnel.step", [{"$set": {"header_tracking_code": "<script>", **A_MINUTE_LATER}}])


def form(scene: UndoScene) -> None:
    scene.change("forms", {"$set": {"form_name": "Mine"}})


def form_without_proof(scene: UndoScene) -> None:
    scene.change("forms", {"$set": {"form_name": "Mine"}, "$unset": {"clone.proof": 1}})


def renamed(scene: UndoScene) -> None:
    scene.change("funnels", [{"$set": {"name": "Mine", **A_MINUTE_LATER}}])


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
    scene: UndoScene, edit: Edit, kind: str, word: str
) -> None:
    scene.clone()
    edit(scene)
    outcome = scene.refused()
    assert isinstance(outcome, Edited)
    assert [(part.kind, word in part.reason) for part in outcome.parts] == [(kind, True)]
    scene.undo(force=True)
    assert scene.listing() == scene.before


def test_a_form_without_a_proof_that_is_as_its_source_counts_as_untouched(scene: UndoScene) -> None:
    scene.clone()
    scene.database["forms"].update_many({"clone.funnel_id": scene.clone_id}, {"$unset": {"clone.proof": 1}})
    assert isinstance(scene.look(), Found)


@pytest.mark.parametrize("edit", [html, components, form])
def test_a_part_that_is_edited_as_its_clone_is_undone_is_seen_and_nothing_is_removed(
    scene: UndoScene, edit: Edit
) -> None:
    scene.clone()
    with at_command(scene.settings, "findAndModify", "funnels", lambda: edit(scene)) as late:
        outcome = replace(scene, store=late).begin()
    assert isinstance(outcome, Edited)
    assert scene.funnel()["clone"]["state"] == "completed"


def test_what_users_brought_into_the_funnel_stays_and_keeps_it(scene: UndoScene) -> None:
    clone_id, database = scene.clone_id, scene.database
    other = build_funnel(database, scene.s3, scene.bucket, **SMALL)
    scene.clone()
    made = database["forms"].find_one({"clone.funnel_id": clone_id})
    # A day later, as its id tells.
    later = ObjectId(f"{int(str(clone_id)[:8], 16) + 86_400:08x}" + str(ObjectId())[8:])
    form_copy = {**made, "_id": later, "form_secret_id": "mine"}
    foreign = database["funnel.step"].find_one({"funnel_id": other})
    scene.s3.put_object(Bucket=scene.bucket, Key="own/logo.png", Body=b"own")
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
    scene.change("funnels", {"$push": {"steps": mine}})
    outcome = scene.refused()
    assert isinstance(outcome, Edited)
    named = [(part.kind, part.name) for part in outcome.parts]
    assert named == [("page", "My page"), ("page", "Moved"), ("image", "logo.png")]
    done = scene.undo(force=True)
    assert done.funnel_kept
    assert [stranger.name for stranger in done.strangers] == ["My page", "Moved", "logo.png"]
    assert {name: scene.parts(name) for name in theirs} == theirs
    assert scene.funnel()["steps"] == [mine]
    assert scene.s3.head_object(Bucket=scene.bucket, Key="own/logo.png")


def test_an_object_that_a_record_of_somebody_else_names_stays(scene: UndoScene) -> None:
    scene.clone()
    images = scene.database["sites_images"]
    shared, pointing_back = scene.parts("sites_images")[:2]
    images.insert_one({"ref_id": ObjectId(), "key": shared["key"], "fileName": "theirs"})
    # A record that was set to the original's own object names nothing of the clone's, whoever else names that.
    lost = pointing_back["key"]
    images.update_one({"_id": pointing_back["_id"]}, {"$set": {"key": pointing_back["source_key"]}})
    images.delete_one({"ref_id": scene.original, "key": pointing_back["source_key"]})
    done = scene.undo()
    assert (done.images, done.objects, done.objects_kept) == (9, 7, 1)
    for key in (shared["key"], pointing_back["source_key"], lost):
        assert scene.s3.head_object(Bucket=scene.bucket, Key=key), key
    (buried,) = scene.store.tombstones.find({"objects": {"$exists": True}})
    assert not {shared["key"], pointing_back["source_key"]} & {each["key"] for each in buried["objects"]}


def test_a_clone_of_the_old_system_goes_by_force_and_its_forms_which_nothing_tells_stay(scene: UndoScene) -> None:
    OldCloner(scene.database, scene.s3, scene.clone_id, PREVIEW_DOMAIN).clone()
    forms = scene.listing()["forms"]
    assert len(forms) > len(scene.before["forms"])
    outcome = scene.refused()
    assert isinstance(outcome, Edited)
    assert {part.kind for part in outcome.parts} == {"funnel", "page"}
    assert all("cannot be told" in part.reason for part in outcome.parts)
    scene.undo(force=True)
    assert scene.listing() == {**scene.before, "forms": forms}


def test_a_page_that_the_old_system_has_in_work_refuses_the_undo_until_it_is_stale(scene: UndoScene) -> None:
    OldCloner(scene.database, scene.s3, scene.clone_id, PREVIEW_DOMAIN).clone()
    scene.change("funnel.step", [{"$set": {"in_progress": True, "updatedAt": "$$NOW"}}])
    outcome = scene.refused(force=True)
    assert isinstance(outcome, WrongState)
    assert "is in work" in outcome.reason
    soon = replace(scene.settings, steps=replace(scene.settings.steps, stale_minutes=1e-9))
    replace(scene, settings=soon).undo(force=True)
    assert scene.parts("funnel.step") == []
