"""Cancel and retry as their users give them, and a pass in other processes that works on the clone meanwhile."""

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest
from bson import ObjectId

from engine.cli.main import main
from engine.cluster import lookout
from engine.cluster.heartbeat import Heartbeat, Pulse
from engine.cluster.lookout import Lookout
from engine.cluster.report import PassReport
from engine.cluster.session import run_pass
from engine.core.model import scope_of
from engine.edges.mongo import leases
from engine.edges.mongo.client import Store, open_store
from engine.edges.pipelines import PASS_LEASE
from engine.flow.complete import finish_funnel
from engine.settings import Settings
from engine.upkeep.cancel import Cancelled, cancel
from engine.upkeep.retry import Revived, retry
from tests.command_count import Commands
from tests.faulty_door import Door
from tests.funnels import build_funnel, request_clone
from tests.in_process import PASS, Workshop
from tests.invariants import assert_sound
from tests.processes import wait_for

Said = tuple[int, str, str]
Tell = Callable[..., Said]


@pytest.fixture
def build(database: Any, s3: Any, bucket: str) -> Callable[..., ObjectId]:
    small = {"steps": 3, "images": 3, "image_bytes": 1_000, "forms": 1, "html_bytes": 2_000, "components_bytes": 2_000}
    return lambda **options: build_funnel(database, s3, bucket, **{**small, **options})


@pytest.fixture
def tell(settings: Settings, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Tell:
    """A command in this process, that is given MongoDB and nothing else; (exit status, stdout, stderr)."""
    for name in ("AWS_ENDPOINT_URL_S3", "S3_BUCKET", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "RAY_ADDRESS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("XDG_DATA_HOME", settings.local.data_dir)
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setenv("MONGO_URI", settings.mongo.uri)
    monkeypatch.setenv("MONGO_DATABASE", settings.mongo.database)

    def run(*arguments: object) -> Said:
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main([str(argument) for argument in arguments])
        said = capsys.readouterr()
        return int(str(ended.value.code)), said.out, said.err

    return run


def lose_image(store: Store, s3: Any, original: ObjectId) -> str:
    gone = store.images.find_one({"ref_id": original}) or {}
    s3.delete_object(Bucket=gone["additionalInfo"]["Bucket"], Key=gone["key"])
    return str(gone["key"])


def drain(settings: Settings) -> PassReport:
    return run_pass(settings, drain=True, show=lambda _: None)


# -- a pass in other processes ------------------------------------------------------------------------------------


@pytest.mark.parametrize("at", ["a step", "the end"])
def test_d19_a_pass_lets_go_of_a_cancelled_clone_while_its_work_hangs(
    ray_cluster: Any,
    settings: Settings,
    store: Store,
    database: Any,
    s3: Any,
    build: Callable[..., ObjectId],
    door: Door,
    at: str,
) -> None:
    original = build(images=3 if at == "a step" else 0)
    if at == "the end":  # for an image that no page shows the funnel's end waits
        other = store.images.find_one({"ref_id": build(steps=1)}, {"_id": 0}) or {}
        store.images.insert_one({**other, "ref_id": original})
    clone_id = request_clone(database, original)
    # With a lease of an hour a pass renews it seldom; it looks for cancels all the same.
    behind = replace(settings.s3, endpoint_url=door.endpoint_url)
    given = replace(settings, s3=behind, lease=replace(settings.lease, ttl_seconds=3600))
    done = {"funnel_id": clone_id, "pending": False}
    door.is_open.clear()  # copies hang until the pass has ended: only letting go can end it

    with ThreadPoolExecutor(1) as elsewhere:
        running = elsewhere.submit(drain, given)
        wait_for(lambda: bool(door.puts()) and (at == "a step" or store.steps.count_documents(done) == 3))
        outcome = cancel(store, str(clone_id), settings.scan, settings.steps)
        report = running.result()
    assert isinstance(outcome, Cancelled)
    assert outcome.steps_done == (0 if at == "a step" else 3)
    assert (report.state, report.figures["lost"], report.figures["completed"]) == ("done", 1, 0)
    assert [event["_id"] for event in store.outbox.find()] == [f"{clone_id}:1:cancelled"]
    assert store.steps.count_documents({"funnel_id": clone_id, "in_progress": True}) == 0
    door.is_open.set()
    assert isinstance(retry(store, str(clone_id), force=False), Revived)
    assert drain(settings).figures["completed"] == 1
    assert_sound(database, s3, clone_id, None)


def test_a_page_that_was_edited_after_its_retry_is_told_by_the_pass(
    ray_cluster: Any, settings: Settings, store: Store, database: Any, s3: Any, build: Callable[..., ObjectId]
) -> None:
    original = build()
    lose_image(store, s3, original)
    clone_id = request_clone(database, original)
    assert drain(settings).figures["with_errors"] == 1
    retried = retry(store, str(clone_id), force=False)
    assert isinstance(retried, Revived)
    store.steps.update_one({"_id": retried.steps[0]}, {"$set": {"raw_html": "<p>by hand</p>"}})
    report = drain(settings)
    assert report.figures["completed"] == 1
    assert f"step {retried.steps[0]} was edited" in " ".join(report.figures["problems"])
    assert (store.steps.find_one({"_id": retried.steps[0]}) or {})["raw_html"] == "<p>by hand</p>"


def test_a_cancel_is_seen_and_work_ends_while_every_beat_hangs(
    store: Store, settings: Settings, workshop: Workshop, database: Any, build: Callable[..., ObjectId]
) -> None:
    cancelled, goes_on = (request_clone(database, build(steps=1, images=0)) for _ in range(2))
    claims = workshop.claim(), workshop.claim()
    given = replace(settings, lease=replace(settings.lease, ttl_seconds=86_400))
    sent, ended = Commands(), list[str]()
    watched = open_store(settings.mongo, listeners=[sent])
    beating = Heartbeat(watched, given, PASS)
    beating.pulse = Pulse(claims=claims, tasks=tuple((scope_of(claim), str(claim.funnel_id)) for claim in claims))
    looking = Lookout(watched, beating, ended.append)
    with store.client.start_session() as session, session.start_transaction():
        # Whoever else writes the lease waits: for as long as a quarter of it, were it not given back before.
        store.leases.update_one({"_id": PASS_LEASE}, {"$set": {"held": True}}, session=session)
        beating.start()
        looking.start()
        try:
            wait_for(lambda: sent.names["update"] > 0 and sent.names["find"] > 0)
            cancel(store, str(cancelled), settings.scan, settings.steps)
            wait_for(lambda: str(cancelled) in ended)
            assert beating.is_alive()
            assert beating.lost == {scope_of(claim) for claim in claims if claim.funnel_id == cancelled}
            assert str(goes_on) not in ended
        finally:
            looking.stop()
            session.abort_transaction()
            beating.stop()
            watched.close()


def test_a_cancel_is_seen_within_five_seconds_although_a_look_hangs() -> None:
    assert lookout.LOOK_EVERY_S + lookout.LOOK_PATIENCE_S + lookout.LOOK_AGAIN_S + lookout.LOOK_PATIENCE_S < 5


def test_what_a_pass_completes_itself_is_not_lost_to_it(
    store: Store, workshop: Workshop, database: Any, build: Callable[..., ObjectId]
) -> None:
    request_clone(database, build(steps=1, images=0))
    context = workshop.context(workshop.plan())
    workshop.clone_steps(context)
    finish_funnel(context)
    assert leases.lost_claims(store, [context.plan.claim]) == []


# -- commands -----------------------------------------------------------------------------------------------------


def test_d14_partial_failure_is_told_by_kind_and_item_and_retried(
    tell: Tell, store: Store, workshop: Workshop, database: Any, s3: Any, build: Callable[..., ObjectId]
) -> None:
    original = build()
    key = lose_image(store, s3, original)
    form = store.forms.find_one_and_delete({}) or {}
    clone_id = request_clone(database, original)
    workshop.clone()
    code, out, _ = tell("status", clone_id, "--json")
    document = json.loads(out)
    assert (code, document["state"], document["with_errors"]) == (0, "completed", True)
    assert document["errors_by_kind"] == {"image": 1, "form": 1, "chat": 0, "components": 0, "references": 0}
    assert {(f["kind"], f["source"]) for f in document["failures"]} == {
        ("image", key),
        ("form", form["form_secret_id"]),
    }
    assert all(failure["reason"] for failure in document["failures"])
    assert (document["steps_done"], document["steps_total"], len(document["errors"])) == (3, 3, 2)
    on_pages = {error for step in document["steps"] for error in step["errors"]}
    assert on_pages == set(document["errors"])
    for step in document["steps"]:
        failed = {error.split(" ")[0] for error in step["errors"]}
        assert step["processed"]["images_processed"] is ("image" not in failed)
    code, out, _ = tell("status", clone_id)
    assert f"{clone_id}: completed with errors" in out
    assert "1 image, 1 form" in out
    assert [error for error in document["errors"] if f"  {error}\n" not in out] == [], "each on a line of its own"
    assert "completed with errors" in tell("status")[1]

    code, out, _ = tell("retry", clone_id, "--json")
    done = json.loads(out)
    assert (code, done["funnel_id"], done["state"], done["was"]) == (0, str(clone_id), "asked", "completed")
    assert (len(done["steps"]), done["images"], done["gone"]) == (
        len([s for s in document["steps"] if s["errors"]]),
        1,
        [],
    )
    assert (store.funnels.find_one({"_id": clone_id}) or {})["pending"] is True
    code, _, err = tell("retry", clone_id)
    assert (code, "is asked for" in err) == (2, True)


def test_retry_says_that_the_next_pass_does_the_work(
    tell: Tell, workshop: Workshop, store: Store, database: Any, build: Callable[..., ObjectId]
) -> None:
    clone_id = request_clone(database, build())
    workshop.plan()
    assert tell("cancel", clone_id)[0] == 0
    code, out, err = tell("retry", clone_id)
    assert (code, err) == (0, "")
    assert "it was cancelled. The next pass does the work" in out
    assert "3 pages left" in out


def test_retry_refuses_an_edited_page_with_1_and_names_it(
    tell: Tell, workshop: Workshop, store: Store, database: Any, s3: Any, build: Callable[..., ObjectId]
) -> None:
    original = build()
    lose_image(store, s3, original)
    clone_id = request_clone(database, original)
    workshop.clone()
    page = (store.components.find_one({"funnel_id": clone_id, "errors.0": {"$exists": True}}) or {})["step_id"]
    store.steps.update_one({"_id": page}, {"$set": {"raw_html": "<p>by hand</p>"}})
    code, out, err = tell("retry", clone_id, "--json")
    refused = json.loads(out)
    assert (code, [edited["step_id"] for edited in refused["edited"]]) == (1, [str(page)])
    assert refused["edited"][0]["texts"] == ["html"]
    assert "--force" in refused["error"]
    assert str(page) in err
    assert (store.funnels.find_one({"_id": clone_id}) or {})["pending"] is False
    assert tell("retry", clone_id, "--force")[0] == 0


def test_d19_cancel_tells_what_stays_and_refuses_an_ended_clone_with_2(
    tell: Tell, store: Store, database: Any, build: Callable[..., ObjectId]
) -> None:
    original = build()
    clone_id, other = request_clone(database, original), request_clone(database, original)
    code, out, _ = tell("cancel", clone_id, "--json")
    told = {
        "funnel_id": str(clone_id),
        "state": "cancelled",
        "was": "asked",
        "run": 1,
        "steps_done": 0,
        "steps_left": 0,
    }
    assert (code, json.loads(out)) == (0, told)
    code, out, err = tell("cancel", clone_id, "--json")
    assert (code, "it is cancelled" in json.loads(out)["error"], "it is cancelled" in err) == (2, True, True)
    code, out, _ = tell("cancel", other)
    assert (code, f"Clone {other}: cancelled, it was asked" in out) == (0, True)
    document = json.loads(tell("status", clone_id, "--json")[1])
    assert (document["state"], document["errors"]) == ("cancelled", ["cancelled"])
    assert document["errors_by_kind"]["image"] == 0


@pytest.mark.parametrize("command", ["cancel", "retry"])
def test_what_is_no_clone_ends_with_2_and_a_mongodb_that_is_away_with_3(
    tell: Tell, command: str, build: Callable[..., ObjectId]
) -> None:
    original = build(steps=1, images=0)
    for text, word in (("64a1f0c2e4b0a1b2c3d4e5f6", "no clone has the id"), (original, "is no clone")):
        code, _, err = tell(command, text)
        assert (code, word in err, str(text) in err) == (2, True, True)
    assert tell(command)[0] == 2
    away = "mongo.uri=mongodb://127.0.0.1:9/?serverSelectionTimeoutMS=300"
    assert tell(command, original, away)[0] == 3


@pytest.mark.parametrize("command", ["cancel", "retry"])
def test_help_needs_no_ray(tell: Tell, command: str) -> None:
    code, out, _ = tell(command, "--help")
    assert (code, "CLONE (its id)" in out) == (0, True)


def test_a_clone_of_the_old_system_with_errors_is_told_as_such(
    tell: Tell, store: Store, database: Any, build: Callable[..., ObjectId]
) -> None:
    clone_id = store.funnels.insert_one(
        {"original_funnel_id": build(steps=1, images=0), "pending": False, "in_progress": False}
    ).inserted_id
    store.components.insert_one({"funnel_id": clone_id, "step_id": 1, "errors": ["image a: no such object", "odd"]})
    document = json.loads(tell("status", clone_id, "--json")[1])
    assert (document["state"], document["with_errors"], document["errors_by_kind"]["image"]) == ("completed", True, 1)
    assert {"kind": None, "source": None, "reason": "odd"} in document["failures"]
