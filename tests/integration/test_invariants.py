"""The oracle is held to its word: a sound clone has no violations, and each way to damage it is found as its kind."""

from collections.abc import Callable, Iterator
from typing import Any
from uuid import uuid4

import pytest
from bson.codec_options import CodecOptions, DatetimeConversion

from tests.damages import DAMAGES, OBJECT_DAMAGES
from tests.funnels import build_funnel
from tests.invariants import assert_sound
from tests.scene import Document, Scene


@pytest.fixture(scope="module")
def standing_scene(mongo_client: Any, s3: Any, s3_server: Any) -> Iterator[Scene]:
    """One for all damages: to build it takes a second, to restore its documents a few milliseconds."""
    name = f"oracle-{uuid4().hex}"
    codec: CodecOptions[Document] = CodecOptions(tz_aware=True, datetime_conversion=DatetimeConversion.DATETIME_AUTO)
    yield Scene(mongo_client.get_database(name, codec_options=codec), s3, s3_server.bucket)
    mongo_client.drop_database(name)


@pytest.fixture
def scene(standing_scene: Scene) -> Scene:
    # Before a test, not after it: one that broke off spoils no other.
    standing_scene.restore()
    return standing_scene


@pytest.fixture
def own_scene(database: Any, s3: Any, bucket: str) -> Scene:
    """For damage to objects, which cannot be undone: a new one is younger than the one before."""
    return Scene(database, s3, bucket)


def test_a_sound_clone_has_no_violations(scene: Scene) -> None:
    assert_sound(scene.database, scene.s3, scene.clone_id, scene.before)


def test_a_sound_clone_for_a_sub_account_has_no_violations(database: Any, s3: Any, bucket: str) -> None:
    scene = Scene(database, s3, bucket, sub_account=True, chat=False)
    assert_sound(database, s3, scene.clone_id, scene.before)


def test_all_violations_are_listed_in_one_assertion(scene: Scene) -> None:
    scene.change("funnels", {"$set": {"pending": True}})
    scene.change("funnel.step", {"$set": {"in_progress": True}})
    with pytest.raises(AssertionError, match=r"2 violations\n.*funnel_flags.*pending.*\n.*step_flags.*in_progress"):
        assert_sound(scene.database, scene.s3, scene.clone_id, scene.before)


@pytest.mark.parametrize(("kind", "damage"), DAMAGES.values(), ids=DAMAGES.keys())
def test_a_damage_is_found_as_its_kind(scene: Scene, kind: str, damage: Callable[[Scene], Any]) -> None:
    damage(scene)
    assert kind in scene.kinds()


@pytest.mark.parametrize(("kind", "damage"), OBJECT_DAMAGES.values(), ids=OBJECT_DAMAGES.keys())
def test_a_damaged_object_is_found_as_its_kind(own_scene: Scene, kind: str, damage: Callable[[Scene], Any]) -> None:
    damage(own_scene)
    assert kind in own_scene.kinds()


def test_d14_a_recorded_failure_lets_its_reference_stay(scene: Scene) -> None:
    record = next(
        r for r in scene.database["sites_images"].find({"ref_id": scene.clone_id}) if r["fileName"] == "logo.svg"
    )
    error = f"image {record['source_key']}: no such object"
    steps = scene.database["funnel.step"].find({"funnel_id": scene.clone_id})
    for step in steps:
        tree = scene.database["funnel.step.components"].find_one({"step_id": step["_id"]})
        texts = [tree["components"], step["raw_html"] or ""]
        back = [
            text.replace(record["key"].replace("/", slash), record["source_key"].replace("/", slash))
            for text, slash in zip(texts, ("\\/" if "\\/" in texts[0] else "/", "/"), strict=True)
        ]
        if back == texts:
            continue
        scene.change("funnel.step.components", {"$set": {"components": back[0], "errors": [error]}}, tree)
        html = None if step["raw_html"] is None else back[1]
        scene.change("funnel.step", {"$set": {"raw_html": html, "processed.images_processed": False}}, step)
    scene.change("sites_images", {"$set": {"uploaded": False}}, record)
    scene.change("funnels", {"$set": {"clone.errors": [error]}})
    scene.database["clone_outbox"].update_one({}, {"$set": {"payload.errors": 1}})
    assert_sound(scene.database, scene.s3, scene.clone_id, scene.before)


def test_a_key_of_another_funnel_may_stay(scene: Scene) -> None:
    other = build_funnel(scene.database, scene.s3, scene.bucket, steps=1, images=1, image_bytes=10, forms=0)
    key = scene.database["sites_images"].find_one({"ref_id": other})["key"]
    for funnel_id in (scene.original_id, scene.clone_id):
        step = scene.database["funnel.step"].find_one({"funnel_id": funnel_id}, sort=[("_id", 1)])
        html = step["raw_html"].replace("<p>", f"<p>{key}", 1)
        scene.change("funnel.step", {"$set": {"raw_html": html}}, step)
    assert_sound(scene.database, scene.s3, scene.clone_id, None)
