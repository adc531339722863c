"""Passes in a real Ray: the driver's window, the lease, the drain, the retries; the oracle judges each clone."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from bson import ObjectId

from engine.cluster.report import PassReport, Snapshot
from engine.cluster.session import run_pass
from engine.edges.mongo import indexes, leases
from engine.edges.mongo.client import Store
from engine.settings import Settings
from engine.upkeep.invariants import snapshot
from tests.faulty_door import MORE_THAN_BORNE, Door, Fault
from tests.funnels import build_funnel, request_clone
from tests.invariants import assert_sound
from tests.processes import wait_for

Build = Callable[..., ObjectId]


@pytest.fixture
def build(database: Any, s3: Any, bucket: str) -> Build:
    """Builds small originals."""
    small = {"steps": 4, "images": 5, "image_bytes": 2_000, "forms": 1, "html_bytes": 3_000, "components_bytes": 3_000}
    return lambda **options: build_funnel(database, s3, bucket, **{**small, **options})


def behind(door: Door, settings: Settings) -> Settings:
    return replace(settings, s3=replace(settings.s3, endpoint_url=door.endpoint_url))


def drain(settings: Settings, show: Callable[[Snapshot], None] = lambda _: None) -> PassReport:
    return run_pass(settings, drain=True, show=show)


def most_at_once(store: Store) -> int:
    """From recorded begins and ends of steps; of equal times the end comes first."""
    marks = []
    for step in store.steps.find({"clone.finished_at": {"$exists": True}}):
        marks += [(step["clone"]["started_at"], 1), (step["clone"]["finished_at"], -1)]
    running = most = 0
    for _, change in sorted(marks):
        running += change
        most = max(most, running)
    return most


@pytest.mark.parametrize("concurrency", [2, 5])
def test_b12_never_more_steps_than_the_limit_run_over_all_funnels(
    ray_cluster: Any,
    settings: Settings,
    store: Store,
    database: Any,
    s3: Any,
    build: Build,
    door: Door,
    concurrency: int,
) -> None:
    settings = behind(door, replace(settings, steps=replace(settings.steps, concurrency=concurrency)))
    originals = [build(account=ObjectId()) for _ in range(2)]
    before = {original: snapshot(database, s3, original) for original in originals}
    clones = {request_clone(database, original): original for original in originals for _ in range(2)}
    seen: list[Snapshot] = []
    door.is_open.clear()  # pages wait for their images until as many of them as may be are in work
    with ThreadPoolExecutor(1) as elsewhere:
        running = elsewhere.submit(drain, settings, seen.append)
        try:
            wait_for(lambda: store.steps.count_documents({"in_progress": True}) == concurrency or running.done())
        finally:
            door.is_open.set()
        report = running.result()
    assert (report.state, report.figures["completed"], report.figures["failed"]) == ("done", 4, 0), report
    assert report.figures["steps"] == 16
    assert report.figures["images"] == report.figures["copies_issued"] == 20, "D9: each image once, whoever shows it"
    most_calls = (16 + 4) * settings.copy.actors
    assert 0 < report.figures["copy_calls"] <= most_calls, "one call a step or layout and actor at most"
    limits = [report.figures[name] for name in ("copy_limit_lowest", "copy_limit_last", "copy_cuts")]
    assert limits == [settings.copy.concurrency, settings.copy.concurrency, 0]
    assert most_at_once(store) == concurrency
    for clone_id, original in clones.items():
        assert_sound(database, s3, clone_id, before[original])
    record = store.passes.find_one({"_id": report.pass_id}) or {}
    assert (record["state"], record["completed"], record["drain"]) == ("done", 4, True)
    assert record["finished_at"] >= record["started_at"]
    assert all(funnel.progress["steps_done"] <= 4 for shown in seen for funnel in shown.funnels)


def test_b3_a_pass_takes_three_and_a_drain_all(
    ray_cluster: Any, settings: Settings, store: Store, database: Any, build: Build
) -> None:
    original = build(steps=1, images=1, forms=0)
    for _ in range(5):
        request_clone(database, original)
    first = run_pass(settings, drain=False, show=lambda _: None)
    assert (first.state, first.figures["funnels"], first.figures["completed"]) == ("done", 3, 3)
    rest = drain(settings)
    assert rest.figures["completed"] == 2
    assert drain(settings).figures["funnels"] == 0


def test_a_second_pass_at_the_same_time_is_refused_and_says_by_whom(
    ray_cluster: Any, settings: Settings, store: Store, database: Any, build: Build
) -> None:
    leases.acquire(store, "another", "somebody else", 60)
    clone_id = request_clone(database, build())
    report = drain(settings)
    assert (report.state, report.figures["funnels"]) == ("refused", 0)
    assert "somebody else" in (report.refused or "")
    assert "clone" not in (store.funnels.find_one({"_id": clone_id}) or {})


def test_two_passes_started_together_clone_each_funnel_once(
    ray_cluster: Any, settings: Settings, database: Any, s3: Any, build: Build
) -> None:
    original = build()
    clones = [request_clone(database, original) for _ in range(3)]
    with ThreadPoolExecutor(2) as pool:
        reports = list(pool.map(lambda _: drain(settings), range(2)))
    assert sorted(report.state for report in reports) == ["done", "refused"]
    for clone_id in clones:
        assert_sound(database, s3, clone_id, None)


def test_d15_d16_the_end_of_a_pass_leaves_lease_free_and_no_flag_up(
    ray_cluster: Any, settings: Settings, store: Store, database: Any, build: Build
) -> None:
    request_clone(database, build())
    drain(settings)
    assert store.funnels.count_documents({"$or": [{"pending": True}, {"in_progress": True}]}) == 0
    assert store.steps.count_documents({"$or": [{"pending": True}, {"in_progress": True}]}) == 0
    assert store.outbox.count_documents({"event": "funnel_cloning_completed"}) == 1
    assert isinstance(leases.acquire(store, "next", "somebody", 60), leases.Lease)


def test_b7_b8_ends_that_no_step_leads_to_are_the_drivers(
    ray_cluster: Any, settings: Settings, store: Store, database: Any, s3: Any, build: Build
) -> None:
    gone = request_clone(database, ObjectId())
    original = build(steps=2)
    busy = request_clone(database, original)
    page = store.steps.find_one({"funnel_id": original}) or {}
    now = datetime.now(UTC)
    held = store.steps.insert_one(  # in the old system's hands
        {"funnel_id": busy, "original_step_id": page["_id"], "in_progress": True, "updatedAt": now}
    )

    def turn_stale_once_it_is_waited_for() -> None:
        wait_for(lambda: store.funnels.count_documents({"_id": busy, "clone.state": "waiting"}) > 0)
        store.steps.update_one({"_id": held.inserted_id}, {"$set": {"updatedAt": now - timedelta(hours=1)}})

    with ThreadPoolExecutor(1) as old_system:
        turned = old_system.submit(turn_stale_once_it_is_waited_for)
        report = drain(settings)
        turned.result()
    assert (report.figures["source_deleted"], report.figures["completed"]) == (1, 1)
    assert report.figures["waiting"] >= 1, "a step in other hands is waited for until it is stale"
    assert (store.funnels.find_one({"_id": gone}) or {})["original_funnel_deleted"] is True
    assert store.outbox.count_documents({"payload.reason": "original_funnel_deleted"}) == 1
    assert (store.funnels.find_one({"_id": busy}) or {})["clone"]["attempts"] == 1, "to wait is no attempt"


def test_a_pass_that_loses_its_lease_stops_and_writes_nothing_more(
    ray_cluster: Any, settings: Settings, store: Store, database: Any, s3: Any, build: Build
) -> None:
    short = replace(
        settings, lease=replace(settings.lease, ttl_seconds=4), steps=replace(settings.steps, concurrency=1)
    )
    clone_id = request_clone(database, build(steps=40))

    def take_the_lease(shown: Snapshot) -> None:
        if shown.funnels:
            store.leases.update_one({"_id": "pass"}, {"$set": {"pass": "f" * 32}})

    report = drain(short, take_the_lease)
    assert (report.state, report.figures["completed"]) == ("lease lost", 0)
    funnel = store.funnels.find_one({"_id": clone_id}) or {}
    assert (funnel["in_progress"], funnel["clone"]["state"]) == (True, "cloning")
    store.leases.delete_many({})
    assert drain(settings).figures["completed"] == 1
    assert_sound(database, s3, clone_id, None)


def test_a_short_fault_of_mongodb_ends_no_pass(
    ray_cluster: Any, settings: Settings, store: Store, database: Any, s3: Any, build: Build
) -> None:
    clones = [request_clone(database, build(steps=2)) for _ in range(2)]
    fault = {"failCommands": ["findAndModify"], "namespace": f"{database.name}.funnels", "errorCode": 189}
    store.client.admin.command({"configureFailPoint": "failCommand", "mode": {"times": 3}, "data": fault})
    try:
        report = drain(settings)
    finally:
        store.client.admin.command({"configureFailPoint": "failCommand", "mode": "off"})
    assert (report.state, report.figures["completed"]) == ("done", 2)
    for clone_id in clones:
        assert_sound(database, s3, clone_id, None)


def test_a_step_past_its_deadline_is_cancelled_and_counts_as_tried(
    ray_cluster: Any, settings: Settings, store: Store, database: Any, build: Build
) -> None:
    settings = replace(
        settings,
        steps=replace(settings.steps, attempts=1, deadline_minutes=0.05),
        funnels=replace(settings.funnels, attempts=1),
    )
    clone_id = request_clone(database, build(steps=1))
    # The server holds back the first write of every step for longer than the deadline.
    held_back = {"blockConnection": True, "blockTimeMS": 20_000}
    fault = {"failCommands": ["findAndModify"], "namespace": f"{database.name}.funnel.step", **held_back}
    store.client.admin.command({"configureFailPoint": "failCommand", "mode": "alwaysOn", "data": fault})
    try:
        report = drain(settings)
    finally:
        store.client.admin.command({"configureFailPoint": "failCommand", "mode": "off"})
    assert (report.state, report.figures["failed"]) == ("done", 1)
    assert "its worker ended" in (store.funnels.find_one({"_id": clone_id}) or {})["error"][0]


def test_a_copy_past_its_deadline_fails_its_step_for_now(
    ray_cluster: Any, settings: Settings, store: Store, database: Any, build: Build, door: Door
) -> None:
    settings = replace(
        behind(door, settings),
        copy=replace(settings.copy, deadline_seconds=1),
        steps=replace(settings.steps, attempts=1),
        funnels=replace(settings.funnels, attempts=2, backoff_seconds=0.2),
    )
    clone_id = request_clone(database, build(steps=1))
    door.is_open.clear()
    report = drain(settings)
    assert (report.state, report.figures["failed"], report.figures["waiting"]) == ("done", 1, 1)
    # A request's own limit of time may be the one that is noticed first.
    reason = (store.funnels.find_one({"_id": clone_id}) or {})["error"][0]
    assert "not copied before the deadline" in reason or "S3 does not answer" in reason
    assert store.images.count_documents({"ref_id": clone_id, "uploaded": True}) == 0


def test_d9_all_images_of_a_clone_are_begun_before_its_first_page_is_done_and_none_is_copied_twice(
    ray_cluster: Any, settings: Settings, store: Store, database: Any, s3: Any, build: Build, door: Door
) -> None:
    clone_id = request_clone(database, build(steps=8, images=9))
    door.is_open.clear()
    with ThreadPoolExecutor(1) as elsewhere:
        running = elsewhere.submit(drain, behind(door, replace(settings, steps=replace(settings.steps, concurrency=1))))
        try:
            wait_for(lambda: door.under_way == 9)
            done = store.steps.count_documents({"funnel_id": clone_id, "pending": False})
            recorded = store.images.count_documents({"ref_id": clone_id, "uploaded": False})
        finally:
            door.is_open.set()
        assert (running.result().figures["completed"], done, recorded) == (1, 0, 9)
    assert_sound(database, s3, clone_id, None)
    assert len(door.puts()) == len({seen.target for seen in door.puts()}) == 9


def test_a_pass_tells_how_far_s3_slowed_its_copies(
    ray_cluster: Any, settings: Settings, store: Store, database: Any, s3: Any, build: Build, door: Door
) -> None:
    clone_id = request_clone(database, build())
    door.faults.extend([Fault(503, "SlowDown")] * MORE_THAN_BORNE)
    report = drain(behind(door, replace(settings, copy=replace(settings.copy, actors=1))))
    assert_sound(database, s3, clone_id, None)
    told = {"copy_limit_lowest": settings.copy.concurrency // 2, "copy_cuts": 1, "copies_issued": 5 + MORE_THAN_BORNE}
    assert {name: report.figures[name] for name in told} == told
    assert told.items() <= (store.passes.find_one({"_id": report.pass_id}) or {}).items()


def test_a_bad_page_fails_its_funnel_and_holds_up_no_other(
    ray_cluster: Any, settings: Settings, store: Store, database: Any, s3: Any, build: Build
) -> None:
    bad, good = build(), build()
    store.components.update_one({"funnel_id": bad}, {"$set": {"components": 5}})
    poisoned, fine = request_clone(database, bad), request_clone(database, good)
    report = drain(settings)
    assert (report.figures["completed"], report.figures["failed"]) == (1, 1)
    assert_sound(database, s3, fine, None)
    funnel = store.funnels.find_one({"_id": poisoned}) or {}
    assert (funnel["pending"], funnel["in_progress"], funnel["clone"]["state"]) == (False, False, "failed")
    assert "components is int, not text" in funnel["error"][0]
    unfinished = list(store.steps.find({"funnel_id": poisoned, "pending": True}))
    assert [step["in_progress"] for step in unfinished] == [False], "the other pages of a bad funnel are done first"


def test_b21_d4_a_step_that_fails_for_a_time_is_tried_again_and_its_funnel_parked_when_spent(
    ray_cluster: Any, settings: Settings, store: Store, database: Any, build: Build
) -> None:
    settings = replace(
        settings,
        steps=replace(settings.steps, attempts=2),
        funnels=replace(settings.funnels, attempts=2, backoff_seconds=0.2),
    )
    original = build(steps=1)
    page = store.steps.find_one({"funnel_id": original}) or {}
    clone_id = request_clone(database, original)
    # An original that is edited faster than it can be cloned: its version is never what the plan says.
    store.steps.update_one({"_id": page["_id"]}, {"$set": {"version": float("nan")}})
    report = drain(settings)
    assert (report.figures["failed"], report.figures["waiting"]) == (1, 1)
    funnel = store.funnels.find_one({"_id": clone_id}) or {}
    assert (funnel["clone"]["state"], funnel["clone"]["attempts"]) == ("failed", 2)
    assert str(page["_id"]) in funnel["error"][0]


def test_a_page_that_is_edited_between_plan_and_work_is_planned_anew(
    ray_cluster: Any, settings: Settings, store: Store, database: Any, s3: Any, build: Build
) -> None:
    original = build(steps=30, images=4)
    clone_id = request_clone(database, original)
    settings = replace(settings, steps=replace(settings.steps, concurrency=1))

    def edit_once_a_page_is_done() -> None:
        wait_for(lambda: store.steps.count_documents({"funnel_id": clone_id, "pending": False}) > 0)
        store.steps.update_many({"funnel_id": original}, {"$set": {"version": 99, "raw_html": "<p>edited</p>"}})

    with ThreadPoolExecutor(1) as editor:
        edited = editor.submit(edit_once_a_page_is_done)
        report = drain(settings)
        edited.result()
    assert report.figures["completed"] == 1
    clones = list(store.steps.find({"funnel_id": clone_id}))
    assert [step["pending"] for step in clones] == [False] * 30
    assert any(step["raw_html"] == "<p>edited</p>" for step in clones)


def test_a_pass_without_the_shared_indexes_is_right_and_says_which_lack(
    ray_cluster: Any, settings: Settings, store: Store, database: Any, s3: Any, build: Build
) -> None:
    clone_id = request_clone(database, build())
    report = drain(settings)
    assert "funnels.clone_asked" in report.missing_indexes
    assert_sound(database, s3, clone_id, None)
    indexes.ensure(store, indexes.SHARED)
    again = drain(settings)
    assert again.missing_indexes == ()
