"""``repair``: a server that fails midway, and pages that grow too large: what was done is told, and nothing else is."""

from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pytest

from engine.core.errors import ObjectStoreUnavailable, StoreUnavailable
from engine.edges.mongo.client import MOST_DOCUMENT_BYTES, Store, bounded
from engine.edges.s3 import InProcessCopier, Objects
from engine.settings import Settings
from engine.upkeep.repair import Repair, repair
from tests.faulty_door import Fault, faulty_door
from tests.funnels import TOKEN
from tests.old_scene import EditingCopier, OldScene

MENDED = {"reference_left", "chat_key", "form_missing", "image_missing", "object_missing"}
WIDGET = '<script api-key="{}" custom-chat-widget="true"></script>'


@pytest.fixture
def scene(store: Store, s3: Any, settings: Settings) -> OldScene:
    """Its first page leads to the original's, and shows no image; the second shows one that was never copied."""
    made = OldScene(store, s3, settings)
    made.db["funnel.step.components"].update_many({"funnel_id": made.clone_id}, {"$set": {"components": "{}"}})
    made.write(0, f"<a href='/funnel/{made.original_id}'>")
    made.write(1, f"<img src='/{lacking(made)['key']}'>")
    return made


def lacking(scene: OldScene) -> dict[str, Any]:
    return scene.one("sites_images", ref_id=scene.original_id, fileName="logo.svg")


def first_pages(scene: OldScene, count: int) -> list[Any]:
    return [scene.step(place)["_id"] for place in range(count)]


@contextmanager
def failing_mongo(scene: OldScene, command: str, collection: str) -> Iterator[None]:
    """The server's own fault: each such command on the collection is answered as if the server went away."""
    admin = scene.store.client.admin
    fault = {"failCommands": [command], "namespace": f"{scene.db.name}.{collection}", "errorCode": 11600}
    try:
        admin.command({"configureFailPoint": "failCommand", "mode": "alwaysOn", "data": fault})
        yield
    finally:
        admin.command({"configureFailPoint": "failCommand", "mode": "off"})


def assert_mended_by_another_run(scene: OldScene) -> None:
    assert scene.repair().whole
    assert scene.kinds() & MENDED == set()
    again = scene.repair()
    assert (again.pages, again.images, again.forms) == ([], [], [])


def test_what_was_mended_before_s3_fails_is_told_and_another_run_goes_on(scene: OldScene) -> None:
    with faulty_door(scene.settings.s3.endpoint_url or "") as door:
        door.faults = deque([Fault(503, "SlowDown")] * 1000)
        copy = replace(scene.settings.copy, deadline_seconds=1)
        s3 = replace(scene.settings.s3, endpoint_url=door.endpoint_url)
        done = scene.repair(settings=replace(scene.settings, s3=s3, copy=copy))
    assert [page.step_id for page in done.pages] == first_pages(scene, 1)
    assert done.broken_off is not None
    assert done.broken_off.step_id == scene.step(1)["_id"]
    assert isinstance(done.broken_off.error, ObjectStoreUnavailable)
    assert scene.step(0)["raw_html"] == f"<a href='/funnel/{scene.clone_id}'>"
    assert not done.whole
    assert_mended_by_another_run(scene)


def test_what_was_mended_before_mongodb_fails_is_told_and_another_run_goes_on(scene: OldScene) -> None:
    clone, given = scene.one("funnels", _id=scene.clone_id), scene.settings
    fault = failing_mongo(scene, "update", "funnel.step")
    done: Repair
    try:
        with bounded(5):  # a transaction is tried again for two minutes else
            done = repair(
                scene.store,
                Objects(given.s3),
                InProcessCopier(given.s3, given.copy),
                clone,
                given,
                watch=lambda pages, _: fault.__enter__() if pages == 1 else None,
            )
    finally:
        fault.__exit__(None, None, None)
    assert [page.step_id for page in done.pages] == first_pages(scene, 1)
    assert [image.source for image in done.images] == [lacking(scene)["key"]], "copied before the page failed"
    assert done.broken_off is not None
    assert isinstance(done.broken_off.error, StoreUnavailable)
    assert f"funnel.step/{scene.step(1)['_id']}" in str(done.broken_off)
    with bounded(40):  # less than the minute for which a transaction that nobody ended would hold the page
        assert_mended_by_another_run(scene)


def test_images_that_stand_are_recorded_and_told_although_another_is_late(scene: OldScene) -> None:
    hero = scene.one("sites_images", ref_id=scene.original_id, fileName="hero.png")
    scene.db["sites_images"].delete_many({"ref_id": scene.clone_id, "source_key": hero["key"]})
    scene.write(1, f"<img src='/{lacking(scene)['key']}'><img src='/{hero['key']}'>")
    with faulty_door(scene.settings.s3.endpoint_url or "") as door:
        door.faults = deque([Fault(503, "SlowDown", "logo.svg")] * 1000)
        copy = replace(scene.settings.copy, deadline_seconds=2)
        s3 = replace(scene.settings.s3, endpoint_url=door.endpoint_url)
        done = scene.repair(settings=replace(scene.settings, s3=s3, copy=copy))
    assert done.broken_off is not None
    assert [image.source for image in done.images] == [hero["key"]]
    assert scene.one("sites_images", ref_id=scene.clone_id, source_key=hero["key"])["uploaded"] is True
    assert_mended_by_another_run(scene)


@pytest.mark.parametrize("options", [(), ("--json",)])
def test_the_command_tells_what_it_wrote_and_the_failure_and_ends_with_3(
    scene: OldScene, options: tuple[str, ...]
) -> None:
    mended, failed = first_pages(scene, 2)
    with faulty_door(scene.settings.s3.endpoint_url or "") as door:
        door.faults = deque([Fault(503, "SlowDown")] * 1000)
        changed: dict[str, Any] = {"s3__endpoint_url": door.endpoint_url, "copy__deadline_seconds": 1}
        code, document, told = scene.command(scene.clone_id, *options, **changed)
    assert code == 3
    assert f"step {failed}: object " in told
    assert "Run it again" in told
    if options:
        assert [page["step_id"] for page in document["pages"]] == [str(mended)]
        assert document["error"].startswith(f"step {failed}: object ")
    else:
        assert "1 references on 1 pages moved" in told
    assert scene.command(scene.clone_id, "--json")[0] == 0


@pytest.mark.parametrize("flag", ["pending", "in_progress"])
def test_no_record_of_an_image_is_written_once_the_clone_is_asked_for_again(scene: OldScene, flag: str) -> None:
    record = scene.one("sites_images", ref_id=scene.clone_id, fileName="plain.jpg")
    # As the engine marks its own: a write that is fenced by the epoch alone would find it.
    marked = {"uploaded": False, "clone": {"funnel_id": scene.clone_id, "epoch": 0}}
    scene.db["sites_images"].update_one({"_id": record["_id"]}, {"$set": marked})
    scene.s3.delete_object(Bucket=scene.settings.s3.bucket, Key=record["key"])
    scene.write(1, f"<img src='/{record['key']}'>")
    before = list(scene.db["sites_images"].find())

    def ask() -> None:
        scene.db["funnels"].update_one({"_id": scene.clone_id}, {"$set": {flag: True}})

    done = scene.repair(copier=EditingCopier(scene.settings, ask))
    assert [problem for problem in done.problems if "asked for again" in problem]
    assert list(scene.db["sites_images"].find()) == before


def test_a_dry_run_foresees_to_the_byte_which_documents_get_too_large(scene: OldScene) -> None:
    """A new chat key is longer than the one that stands there."""
    growth = len(WIDGET.format(TOKEN))

    def fill(collection: str, document_id: Any, field: str, over: int) -> None:
        """Make the text such that the mended document has ``over`` bytes more than MongoDB stores."""
        documents = scene.db[collection]
        documents.update_one({"_id": document_id}, {"$set": {field: ""}, "$currentDate": {"updatedAt": True}})
        (empty,) = documents.aggregate([{"$match": {"_id": document_id}}, {"$project": {"n": {"$bsonSize": "$$ROOT"}}}])
        filler = "x" * (MOST_DOCUMENT_BYTES + over - empty["n"] - growth)
        documents.update_one({"_id": document_id}, {"$set": {field: WIDGET.format("") + filler}})

    steps = first_pages(scene, 4)
    trees = [scene.one("funnel.step.components", step_id=step_id)["_id"] for step_id in steps]
    scene.write(2, "")
    scene.write(3, "")
    fill("funnel.step", steps[0], "raw_html", 0)
    fill("funnel.step", steps[1], "raw_html", 1)
    fill("funnel.step.components", trees[2], "components", -200)
    fill("funnel.step.components", trees[3], "components", 1)
    told = scene.repair(dry_run=True)
    done = scene.repair()
    assert told.document() == {**done.document(), "dry_run": True}
    assert [page.step_id for page in done.pages] == [steps[0], steps[2]]
    names = [f"funnel.step/{steps[1]}", f"funnel.step.components/{trees[3]}"]
    assert [name for name, problem in zip(names, done.problems, strict=True) if name not in problem] == []
    assert all("over the 16 MB" in problem for problem in done.problems)
    assert scene.step(0)["raw_html"].startswith(WIDGET.format(TOKEN))
