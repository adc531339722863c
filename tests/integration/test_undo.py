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
from bson import ObjectId

from engine import crash_points
from engine.core.errors import ClaimLost, PermanentError
from engine.core.state import WrongState
from engine.crash_points import UNDO_POINTS
from engine.edges.mongo import undo as edge
from engine.edges.mongo import undo_removal
from engine.edges.mongo.client import Store
from engine.edges.mongo.scan import claim_next
from engine.edges.s3 import Objects
from engine.flow.complete import finish_funnel, park
from engine.flow.layout import lay_out
from engine.flow.step import clone_step
from engine.settings import Settings
from engine.upkeep import repair as repairing
from engine.upkeep.cancel import cancel
from engine.upkeep.retry import Revived, retry
from engine.upkeep.undo import Begun, Found, Unknown, Watch
from engine.upkeep.undo_told import warnings
from tests.at_command import at_command
from tests.clone_states import asked, failed, one_page_done, waiting
from tests.command_line import Done, environment_of, run_as_process, run_here
from tests.funnels import PREVIEW_DOMAIN, request_clone
from tests.in_process import PASS, Workshop
from tests.invariants import assert_sound
from tests.listing import everything
from tests.undo_scene import AWKWARD, SMALL, UndoScene


@pytest.fixture
def scene(store: Store, settings: Settings, database: Any, s3: Any) -> UndoScene:
    return UndoScene.of(store, settings, database, s3, **AWKWARD)


@pytest.fixture
def small_scene(store: Store, settings: Settings, database: Any, s3: Any) -> UndoScene:
    return UndoScene.of(store, settings, database, s3, **SMALL)


@pytest.fixture
def begun(scene: UndoScene) -> Begun:
    scene.clone()
    outcome = scene.begin()
    assert isinstance(outcome, Begun)
    return outcome


def test_d19_an_undone_clone_leaves_database_and_bucket_as_they_were(scene: UndoScene) -> None:
    scene.clone()
    keys = {record["key"] for record in scene.parts("sites_images")}
    found = scene.look()
    assert isinstance(found, Found)
    waited: list[float] = []
    done = scene.undo(watch=Watch(waiting=lambda seconds, _: waited.append(seconds)))
    assert scene.listing() == scene.before
    assert (done.steps, done.components, done.images, done.objects) == (4, 4, 9, 9)
    assert (done.forms, done.bytes, done.state, done.objects_kept) == (found.parts.forms, 9_000, "undone", 0)
    assert (found.parts.steps, found.parts.images, found.parts.image_bytes) == (4, 9, 9_000)
    assert waited == [], "it completed at its first try: no copy is on its way"
    head, buried = scene.store.tombstones.find().sort("objects", 1)
    assert head["_id"] == {"funnel": scene.clone_id}
    assert (head["funnel_id"], head["original_funnel_id"]) == (scene.clone_id, scene.original)
    assert head["undone_at"] is not None
    assert buried["funnel_id"] == scene.clone_id
    assert buried["account_id"] == head["account_id"] is not None
    assert {(each["bucket"], each["key"]) for each in buried["objects"]} == {(scene.bucket, key) for key in keys}
    assert isinstance(scene.look(), Unknown)


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
    small_scene: UndoScene, monkeypatch: pytest.MonkeyPatch, point: str, *, keep: bool
) -> None:
    scene = small_scene
    monkeypatch.setattr(undo_removal, "BATCH", 2)
    scene.clone()
    monkeypatch.setattr(crash_points, "reached", kill := Kill(point))
    with pytest.raises(Killed):
        scene.undo(keep=keep)
    assert kill.struck
    tombstones = list(scene.store.tombstones.find({"objects": {"$exists": True}}))
    named = {each["key"].encode() for tombstone in tombstones for each in tombstone["objects"]}
    named |= {record["key"].encode() for record in scene.parts("sites_images")}
    there = set(scene.listing()["objects"]) - set(scene.before["objects"])
    assert there <= named, "an object that nothing names is lost for good"
    if point != "undo.ended":
        scene.undo()
    assert scene.listing(kept=keep and point != "undo.beginning") == scene.before


def test_a_funnel_that_is_kept_is_a_cancelled_clone_and_can_be_cloned_again(scene: UndoScene) -> None:
    scene.clone()
    done = scene.undo(keep=True)
    assert (done.funnel_kept, done.state) == (True, "cancelled")
    assert scene.listing(kept=True) == scene.before
    funnel = scene.funnel()
    assert (funnel["pending"], funnel["in_progress"], funnel["steps"]) == (False, False, [])
    assert funnel["error"] == ["undone"]
    assert funnel["clone"].keys() == {"run", "epoch", "state", "finished_at", "errors"}
    assert isinstance(retry(scene.store, str(scene.clone_id), force=False), Revived)
    scene.clone()
    assert_sound(scene.database, scene.s3, scene.clone_id, None, PREVIEW_DOMAIN)
    assert scene.funnel()["error"] == []
    events = [str(event["_id"]).split(":", 1)[1] for event in scene.store.outbox.find()]
    assert events == ["1:completed", "2:completed"]
    scene.undo()
    assert scene.listing() == scene.before


def half_made(workshop: Workshop) -> None:
    clone_id = str(one_page_done(workshop).plan.claim.funnel_id)
    assert not isinstance(cancel(workshop.store, clone_id, workshop.settings.scan, workshop.settings.steps), WrongState)


def never_begun(workshop: Workshop) -> None:
    park(workshop.store, workshop.claim(), "a reason")


@pytest.mark.parametrize("end", [half_made, failed, never_begun])
def test_a_clone_that_ended_half_made_is_undone_once_late_copies_have_arrived(
    scene: UndoScene, end: Callable[[Workshop], None]
) -> None:
    end(scene.workshop)
    planned = scene.parts("sites_images", uploaded=False)
    late: list[str] = []

    def arrive(_seconds: float, _why: str) -> None:
        late.extend(record["key"] for record in planned)
        for record in planned:
            scene.s3.put_object(Bucket=scene.bucket, Key=record["key"], Body=b"late")

    def pause(_seconds: float) -> None:
        scene.change("funnels", {"$unset": {"clone.undo.copies_until": 1}})

    # Far off, so that the wait is certain; it ends when the test says so.
    scene.copies_end_within(3600).undo(watch=Watch(waiting=arrive, pause=pause))
    assert len(late) == len(planned)
    assert bool(planned) == (end is not never_begun)
    assert scene.listing() == scene.before


def test_what_a_wait_is_for_is_counted_from_the_runs_last_sign_of_life(scene: UndoScene) -> None:
    failed(scene.workshop)
    begun = scene.copies_end_within(3600).begin()
    assert isinstance(begun, Begun)
    copies_s, deletes_s = edge.waits_s(scene.store, begun)
    assert 3500 < copies_s <= 3600
    assert deletes_s == 0
    again = scene.begin(deletes_s=50)
    assert isinstance(again, Begun)
    copies_s, deletes_s = edge.waits_s(scene.store, again)
    assert 3500 < copies_s <= 3600, "the first one's word stands"
    assert 40 < deletes_s <= 50


def cloning(workshop: Workshop) -> None:
    workshop.plan()


@pytest.mark.parametrize(("state", "word"), [(asked, "is asked for"), (waiting, "it waits"), (cloning, "is in work")])
def test_a_clone_that_has_not_ended_is_refused_by_force_too(
    scene: UndoScene, state: Callable[[Workshop], None], word: str
) -> None:
    state(scene.workshop)
    outcome = scene.refused(force=True)
    assert isinstance(outcome, WrongState)
    assert word in outcome.reason
    assert "cancel it first" in outcome.reason


def test_a_clone_of_which_another_was_made_is_refused_by_force_too_until_that_one_is_undone(scene: UndoScene) -> None:
    scene.clone()
    second = request_clone(scene.database, scene.clone_id)
    outcome = scene.refused(force=True)
    assert isinstance(outcome, WrongState)
    assert str(second) in outcome.reason
    scene.clone()
    assert isinstance(scene.refused(force=True), WrongState)
    scene.undo(second)
    scene.undo()
    assert scene.listing() == scene.before


def test_keys_that_a_list_of_keys_cannot_hold_are_deleted_one_by_one(settings: Settings, s3: Any, bucket: str) -> None:
    keys = ["plain/é &<>.png", "bell\x07/a.png", "line\n\rend/a.png"]
    for key in (*keys, "stays.png"):
        s3.put_object(Bucket=bucket, Key=key, Body=b"x")
    objects = Objects(settings.s3)
    objects.delete(bucket, [*keys, "never/was.png"])
    objects.delete(bucket, keys)
    assert list(objects.keys(bucket)) == ["stays.png"]


def test_nobody_else_takes_a_clone_that_is_being_undone(scene: UndoScene, begun: Begun) -> None:
    store, settings, text = scene.store, scene.settings, str(scene.clone_id)
    funnel = scene.funnel()
    for outcome in (
        retry(store, text, force=True),
        cancel(store, text, settings.scan, settings.steps),
    ):
        assert isinstance(outcome, WrongState)
        assert outcome.state == "undoing"
    with pytest.raises(PermanentError, match="being undone"):
        repairing.repair(store, Objects(settings.s3), scene.workshop.copier, funnel, settings)
    # Whatever flags somebody sets meanwhile ask for nothing.
    for flags in ({"pending": True}, {"pending": True, "in_progress": True}):
        scene.change("funnels", {"$set": {"in_progress": False, **flags}})
        assert claim_next(store, PASS, 1e-9, None) is None
    later = request_clone(scene.database, scene.clone_id)
    laid_out = lay_out(store, scene.workshop.claim(), settings)
    assert "is being undone" in getattr(laid_out, "reason", "")
    scene.database["funnels"].delete_one({"_id": later})
    scene.remove(begun)
    assert scene.parts("funnels") == []


def test_who_comes_late_writes_nothing(scene: UndoScene) -> None:
    store, settings = scene.store, scene.settings
    context = scene.workshop.context(scene.workshop.plan())
    work, *others = context.plan.steps
    for other in others:
        clone_step(other, context)

    def cancel_and_begin() -> None:
        cancel(store, str(scene.clone_id), settings.scan, settings.steps)
        scene.undo()

    # The page is rewritten and about to be committed when its clone is cancelled and undone.
    with at_command(settings, "update", "funnel.step.components", cancel_and_begin) as late, pytest.raises(ClaimLost):
        clone_step(work, replace(context, store=late))
    with pytest.raises(ClaimLost):
        clone_step(work, context)
    with pytest.raises(ClaimLost):
        finish_funnel(context)
    with pytest.raises(ClaimLost):
        lay_out(store, context.plan.claim, settings)
    assert {**scene.listing(), "objects": scene.before["objects"]} == scene.before


def test_a_clone_that_is_asked_for_again_as_it_is_undone_is_left_to_whoever_asked(scene: UndoScene) -> None:
    scene.clone()

    def ask_and_claim() -> None:
        scene.change("funnels", {"$set": {"pending": True}})
        scene.workshop.claim()

    with at_command(scene.settings, "findAndModify", "funnels", ask_and_claim) as late:
        outcome = replace(scene, store=late).begin()
    assert isinstance(outcome, WrongState)
    assert outcome.state == "cloning"


def test_of_two_undos_the_later_goes_on_and_the_earlier_removes_nothing_more(scene: UndoScene, begun: Begun) -> None:
    later = scene.begin()
    assert isinstance(later, Begun)
    assert (later.resumed, later.was) == (True, "completed")
    stands = everything(scene.store)
    with pytest.raises(ClaimLost):
        scene.remove(begun)
    stands.pop("clone_tombstones", None)
    assert {name: found for name, found in everything(scene.store).items() if name != "clone_tombstones"} == stands
    scene.remove(later)
    assert scene.parts("funnels") == []


def test_undos_that_begin_at_once_leave_nothing_between_them(scene: UndoScene) -> None:
    scene.clone()
    at_once, ends_of = Barrier(3), []

    def work() -> None:
        at_once.wait(60)
        outcome = scene.begin()
        if not isinstance(outcome, Begun):
            ends_of.append("unknown")
            return
        try:
            scene.remove(outcome)
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
    assert scene.listing() == scene.before


def test_objects_that_s3_does_not_give_up_keep_their_records_and_the_next_undo_ends_it(
    scene: UndoScene, begun: Begun
) -> None:
    wrong = replace(scene.settings, s3=replace(scene.settings.s3, secret_access_key="not the secret"))
    with pytest.raises(PermanentError):
        replace(scene, settings=wrong).remove(begun)
    records = scene.parts("sites_images")
    assert len(records) == 9
    assert all(scene.s3.head_object(Bucket=scene.bucket, Key=record["key"]) for record in records)
    scene.undo()
    assert scene.parts("sites_images") == []


def test_young_objects_of_a_store_that_bills_them_on_are_told(scene: UndoScene) -> None:
    scene.clone()
    found = scene.look()
    assert isinstance(found, Found)
    assert warnings(found, scene.settings.s3) == []
    bills_on = replace(scene.settings.s3, min_storage_days=90)
    (told,) = warnings(found, bills_on)
    assert "9 images are younger" in told
    old = replace(found, age_s=91 * 86_400.0)
    assert warnings(old, bills_on) == []


def test_what_is_no_clone_is_not_found(scene: UndoScene) -> None:
    for text, word in ((str(ObjectId()), "no clone has the id"), (str(scene.original), "is no clone")):
        outcome = scene.look(text)
        assert isinstance(outcome, Unknown)
        assert word in outcome.reason


def command(settings: Settings, *arguments: object, run: Callable[..., Done] = run_here) -> Done:
    environment = environment_of(settings, XDG_DATA_HOME=settings.local.data_dir)
    return run(*arguments, environment=environment, cwd=Path(settings.local.data_dir))


def test_the_command_asks_for_a_yes_and_tells_what_went(small_scene: UndoScene) -> None:
    scene, settings, clone_id = small_scene, small_scene.settings, small_scene.clone_id
    scene.clone()
    stands = everything(scene.store)
    unasked = command(settings, "undo", clone_id, "--json")
    assert unasked.returncode == 2
    assert "--yes" in json.loads(unasked.stdout)["error"]
    assert "3 pages, 3 images (1.5 kB) with their objects, 1 forms; the funnel itself" in unasked.stderr
    scene.change_page("funnel.step", {"$set": {"raw_html": "<p>mine"}})
    edited = command(settings, "undo", clone_id, "--yes", "--json")
    assert edited.returncode == 1
    assert [part["kind"] for part in json.loads(edited.stdout)["edited"]] == ["page"]
    stand = everything(scene.store)
    assert {name: len(found) for name, found in stand.items()} == {n: len(f) for n, f in stands.items()}
    done = command(
        settings, "undo", clone_id, "--yes", "--force", "--json", "s3.min_storage_days=30", run=run_as_process
    )
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    counts = {name: told[name] for name in ("steps", "components", "images", "objects", "forms", "bytes")}
    assert counts == {"steps": 3, "components": 3, "images": 3, "objects": 3, "forms": 1, "bytes": 1_500}
    assert (told["funnel_id"], told["state"], told["was"]) == (str(clone_id), "undone", "completed")
    assert "bills an object for 30 days" in told["warnings"][0]
    assert scene.listing() == scene.before
    for name in ("undo", "status"):
        gone = command(settings, name, clone_id)
        assert (gone.returncode, f"no clone has the id {clone_id}" in gone.stderr) == (2, True)


@pytest.mark.parametrize(("answer", "code"), [("n", 1), ("y", 0)])
def test_at_a_terminal_the_command_does_as_it_is_answered(
    small_scene: UndoScene, monkeypatch: pytest.MonkeyPatch, answer: str, code: int
) -> None:
    small_scene.clone()
    typing, terminal = pty.openpty()
    with os.fdopen(typing, "w") as keyboard, os.fdopen(terminal, "r") as screen:
        keyboard.write(f"{answer}\n")
        keyboard.flush()
        monkeypatch.setattr(sys, "stdin", screen)
        done = command(small_scene.settings, "undo", small_scene.clone_id, "--keep-funnel")
    assert done.returncode == code
    assert "Remove all this?" in done.stderr
    assert ("Removed: 3 pages, 3 images, 3 objects" in done.stdout) == (code == 0)
    assert len(small_scene.parts("funnels")) == 1
    assert len(small_scene.parts("funnel.step")) == (3 if code else 0)
