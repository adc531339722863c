"""The gateway's calls: what they answer, whom they refuse, and that the OpenAPI document is true (schemathesis)."""

import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest
import requests
from bson import Int64, ObjectId

from engine.core.errors import ConfigError, ServiceUnreachable
from engine.edges.mongo import leases
from engine.edges.mongo.client import Store
from engine.gateway import undoing
from engine.gateway.limits import MOST_BODY_BYTES
from engine.settings import CopySettings, Settings
from tests.funnels import build_funnel, request_clone
from tests.gateway import CALL_S, OPERATOR, Running, gateway_here
from tests.in_process import Workshop
from tests.processes import wait_for

TRIGGER = "/api/trigger/funnels/funnelClone"
CALLS = [
    ("GET", "/api/clones"),
    ("GET", "/api/clones/x"),
    ("POST", "/api/funnels/x/clone"),
    ("POST", "/api/clones/x/cancel"),
    ("POST", "/api/clones/x/retry"),
    ("POST", "/api/clones/x/undo"),
    ("POST", TRIGGER),
    ("GET", "/api/session"),
    ("GET", "/metrics"),
    ("GET", "/openapi.json"),
]
SMALL: dict[str, Any] = {
    "steps": 2,
    "images": 2,
    "image_bytes": 500,
    "forms": 1,
    "html_bytes": 900,
    "components_bytes": 900,
}


@pytest.fixture
def gateway(settings: Settings) -> Iterator[Running]:
    with gateway_here(settings) as running:
        yield running


def clone_document(**more: Any) -> dict[str, Any]:
    return {"name": "N", "account_id": "a", "original_funnel_id": "o", "pending": True, **more}


def problem(answer: requests.Response, status: int) -> dict[str, Any]:
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    told: dict[str, Any] = answer.json()
    assert {"type", "title", "status", "detail", "instance"} <= told.keys()
    assert told["status"] == status
    return told


def test_every_call_but_health_and_the_page_needs_the_operators_token(gateway: Running) -> None:
    for method, path in CALLS:
        for header in ({}, {"Authorization": "Bearer x"}, {"Authorization": f"Basic {OPERATOR}"}):
            answer = requests.request(method, gateway.url + path, headers=header, timeout=CALL_S)
            assert problem(answer, 401)["instance"] == path
            assert answer.headers["www-authenticate"] == "Bearer"
    assert requests.get(f"{gateway.url}/healthz", timeout=CALL_S).status_code == 200
    assert requests.get(f"{gateway.url}/", timeout=CALL_S).status_code in (200, 404)


def test_a_funnel_is_asked_for_made_looked_at_and_cancelled_through_calls(
    gateway: Running, store: Store, settings: Settings, database: Any, s3: Any, bucket: str
) -> None:
    original = build_funnel(database, s3, bucket, **SMALL)
    asked = gateway.call("POST", f"/api/funnels/{original}/clone", json={"name": "Mine"})
    assert asked.status_code == 201
    clone_id = asked.json()["funnel_id"]
    before = gateway.call("GET", f"/api/clones/{clone_id}").json()
    assert (before["state"], before["name"], before["steps"]) == ("waiting", "Mine", [])
    Workshop(store, settings).clone()
    after = gateway.call("GET", f"/api/clones/{clone_id}").json()
    assert (after["state"], after["errors"], after["truncated"]) == ("completed", [], False)
    assert [step["state"] for step in after["steps"]] == ["done", "done"]
    assert [image["uploaded"] for image in after["images"]] == [True, True]
    assert unquote(after["images"][0]["location"]).endswith(after["images"][0]["key"])
    assert (len(after["forms"]), after["images"][0]["bytes"]) == (1, 500)
    assert after["timings"]["cloned_s"] >= 0
    assert after["timings"]["waited_s"] >= 0
    assert len(after["proof"]["digest"]) == 64
    assert problem(gateway.call("POST", f"/api/clones/{clone_id}/cancel"), 409)["detail"].endswith("it is completed")
    (listed,) = gateway.call("GET", "/api/clones").json()["clones"]
    assert listed == {name: after[name] for name in listed}
    other = gateway.call("POST", f"/api/funnels/{original}/clone").json()["funnel_id"]
    assert gateway.call("POST", f"/api/clones/{other}/cancel").json()["state"] == "cancelled"
    assert gateway.call("POST", f"/api/clones/{other}/retry").json()["state"] == "waiting"


def test_a_page_that_was_edited_is_overwritten_by_force_alone(
    gateway: Running, store: Store, settings: Settings, database: Any, s3: Any, bucket: str
) -> None:
    original = build_funnel(database, s3, bucket, **SMALL)
    lost = database["sites_images"].find_one({"ref_id": original})
    s3.delete_object(Bucket=bucket, Key=lost["key"])
    clone_id = request_clone(database, original)
    Workshop(store, settings).clone()
    found = gateway.call("GET", f"/api/clones/{clone_id}").json()
    assert found["state"] == "completed"
    assert {(each["kind"], each["item"]) for each in found["errors_by_item"]} == {("image", lost["key"])}
    database["funnel.step"].update_many({"funnel_id": clone_id}, {"$set": {"raw_html": "edited"}})
    told = problem(gateway.call("POST", f"/api/clones/{clone_id}/retry", json={"force": False}), 409)
    assert told["force_helps"] is True
    assert {page["texts"][0] for page in told["edited"]} == {"html"}
    assert gateway.call("POST", f"/api/clones/{clone_id}/retry", json={"force": True}).status_code == 200


def test_a_clone_is_undone_through_a_call_and_refused_while_it_has_not_ended_or_was_edited(
    gateway: Running, store: Store, settings: Settings, database: Any, s3: Any, bucket: str
) -> None:
    original = build_funnel(database, s3, bucket, **SMALL)
    clone_id = request_clone(database, original)
    path = f"/api/clones/{clone_id}/undo"
    assert gateway.call("GET", "/api/session").json()["undo"] is True
    assert "cancel it first" in problem(gateway.call("POST", path), 409)["detail"]
    Workshop(store, settings).clone()
    database["funnel.step"].update_many({"funnel_id": clone_id}, {"$set": {"raw_html": "edited"}})
    told = problem(gateway.call("POST", path, json={"force": False}), 409)
    assert (told["force_helps"], [part["kind"] for part in told["edited"]]) == (True, ["page", "page"])
    done = gateway.call("POST", path, json={"force": True}).json()
    counts = {name: done[name] for name in ("state", "was", "steps", "images", "objects", "forms", "funnel_kept")}
    assert counts == {
        "state": "undone",
        "was": "completed",
        "steps": 2,
        "images": 2,
        "objects": 2,
        "forms": 1,
        "funnel_kept": False,
    }
    for method, gone in (("POST", path), ("GET", f"/api/clones/{clone_id}")):
        assert str(clone_id) in problem(gateway.call(method, gone), 404)["detail"]
    assert len(s3.list_objects_v2(Bucket=bucket)["Contents"]) == 2


def test_an_undo_that_takes_longer_than_a_call_is_told_as_such_and_goes_on(
    settings: Settings, store: Store, database: Any, s3: Any, bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(undoing, "ANSWER_S", 0.05)
    original = build_funnel(database, s3, bucket, **SMALL)
    clone_id = request_clone(database, original)
    plan = Workshop(store, settings).plan()
    path, far = f"/api/clones/{clone_id}/undo", replace(settings, copy=CopySettings(deadline_seconds=3600))
    with gateway_here(far) as gateway:
        gateway.call("POST", f"/api/clones/{clone_id}/cancel")
        for _ in range(2):  # asked for again, it is the same undo
            begun = gateway.call("POST", path).json()
            assert (begun["state"], begun["images"], begun["resumed"]) == ("undoing", 2, False)
        (listed,) = gateway.call("GET", "/api/clones", params={"state": "undoing"}).json()["clones"]
        assert listed["funnel_id"] == str(clone_id)
        for other in ("retry", "cancel"):
            told = problem(gateway.call("POST", f"/api/clones/{clone_id}/{other}"), 409)
            assert "being undone" in told["detail"]
        assert database["sites_images"].count_documents({"ref_id": clone_id}) == 2, "copies may still arrive"
    # The gateway has ended in the middle of its wait: another one goes on.
    assert plan.claim.funnel_id == clone_id
    database["funnels"].update_one({"_id": clone_id}, {"$unset": {"clone.undo.copies_until": 1}})
    with gateway_here(settings) as gateway:
        gateway.call("POST", path)
        wait_for(lambda: database["funnels"].count_documents({"_id": clone_id}) == 0)
    assert database["sites_images"].count_documents({"ref_id": clone_id}) == 0


def test_a_gateway_without_an_object_store_offers_no_undo(settings: Settings, store: Store) -> None:
    clone_id = store.funnels.insert_one(clone_document(pending=False)).inserted_id
    with gateway_here(settings, without_s3=True) as gateway:
        assert gateway.call("GET", "/api/session").json()["undo"] is False
        assert "s3.bucket" in problem(gateway.call("POST", f"/api/clones/{clone_id}/undo"), 409)["detail"]


def test_unknown_ids_are_404_and_say_which(gateway: Running, store: Store) -> None:
    funnel = store.funnels.insert_one({"name": "no clone", "account_id": "a"}).inserted_id
    for method, path in (
        ("GET", "/api/clones/{}"),
        ("POST", "/api/clones/{}/cancel"),
        ("POST", "/api/clones/{}/retry"),
        ("POST", "/api/clones/{}/undo"),
    ):
        for unknown in (ObjectId(), "nothing", "7", funnel):
            assert str(unknown) in problem(gateway.call(method, path.format(unknown)), 404)["detail"]
    assert "nothing" in problem(gateway.call("POST", "/api/funnels/nothing/clone"), 404)["detail"]
    told = problem(gateway.call("POST", f"/api/funnels/{funnel}/clone", json={"account_id": "nobody"}), 404)
    assert "nobody" in told["detail"]
    problem(gateway.call("GET", "/api/nothing"), 404)
    problem(gateway.call("DELETE", "/api/clones"), 405)


def test_one_key_is_one_clone_however_often_it_is_sent(gateway: Running, store: Store) -> None:
    funnel = store.funnels.insert_one({"name": "F", "account_id": "a"}).inserted_id
    path, key = f"/api/funnels/{funnel}/clone", {"Idempotency-Key": "once"}
    answers: list[requests.Response] = []
    import threading  # noqa: PLC0415

    at_once = threading.Barrier(4)

    def ask() -> None:
        at_once.wait(60)
        answers.append(gateway.call("POST", path, headers=key))

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    answers.append(gateway.call("POST", path, headers=key))
    assert [answer.status_code for answer in answers] == [201] * 5
    assert len({answer.json()["funnel_id"] for answer in answers}) == 1
    assert store.funnels.count_documents({"original_funnel_id": funnel}) == 1
    problem(gateway.call("POST", path, headers=key, json={"name": "another"}), 409)
    gateway.call("POST", path, headers={"Idempotency-Key": "twice"})
    assert store.funnels.count_documents({"original_funnel_id": funnel}) == 2


def test_a_repeat_gets_its_clone_though_the_original_was_renamed_or_deleted_meanwhile(
    gateway: Running, store: Store
) -> None:
    funnel = store.funnels.insert_one({"name": "F", "account_id": "a"}).inserted_id
    path, key = f"/api/funnels/{funnel}/clone", {"Idempotency-Key": "once"}
    first = gateway.call("POST", path, headers=key).json()
    store.funnels.update_one({"_id": funnel}, {"$set": {"name": "G", "account_id": "b"}})
    assert gateway.call("POST", path, headers=key).json() == first
    store.funnels.delete_one({"_id": funnel})
    assert gateway.call("POST", path, headers=key).json() == first
    problem(gateway.call("POST", path, headers=key, json={"account_id": "c"}), 409)
    problem(gateway.call("POST", path, headers={"Idempotency-Key": "twice"}), 404)
    assert store.funnels.count_documents({"original_funnel_id": funnel}) == 1


@pytest.mark.parametrize(
    ("rule", "account", "status"),
    [
        ("allow", "stranger", 201),
        ("family", "stranger", 403),
        ("family", "child", 201),
        ("refuse", "child", 403),
        ("refuse", None, 201),
    ],
)
def test_whose_funnels_an_account_may_clone_is_the_houses_rule(
    settings: Settings, store: Store, rule: Any, account: str | None, status: int
) -> None:
    store.db["_accounts"].insert_many([{"_id": "a"}, {"_id": "child", "parent_account": "a"}, {"_id": "stranger"}])
    funnel = store.funnels.insert_one({"name": "F", "account_id": "a"}).inserted_id
    with gateway_here(replace(settings, scan=replace(settings.scan, cross_account=rule))) as gateway:
        answer = gateway.call("POST", f"/api/funnels/{funnel}/clone", json={"account_id": account})
    assert answer.status_code == status
    assert store.funnels.count_documents({"original_funnel_id": funnel}) == (status == 201)


def test_clones_come_page_by_page_newest_first_each_once_whatever_their_ids_are(gateway: Running, store: Store) -> None:
    ids: list[Any] = [ObjectId() for _ in range(5)]
    ids += ["text", 7, Int64(2**40)]
    store.funnels.insert_many([clone_document(_id=i) for i in ids])
    seen: list[str] = []
    cursor: str | None = ""
    while cursor is not None:
        page = gateway.call("GET", "/api/clones", params={"limit": 3, "cursor": cursor}).json()
        assert len(page["clones"]) <= 3
        seen += [clone["funnel_id"] for clone in page["clones"]]
        cursor = page["next_cursor"]
    # BSON's order: numbers, texts, ObjectIds.
    assert seen == [*map(str, reversed(ids[:5])), "text", str(2**40), "7"]
    problem(gateway.call("GET", "/api/clones", params={"cursor": "nonsense"}), 404)


def test_clones_are_found_by_state_account_name_and_id(gateway: Running, store: Store) -> None:
    ended = {"pending": False, "in_progress": False}
    made = {
        "waiting": clone_document(),
        "cloning": clone_document(in_progress=True, clone={"state": "cloning", "run": 1}),
        **{
            state: clone_document(**ended, clone={"state": state, "run": 1})
            for state in ("completed", "failed", "cancelled", "source_deleted", "undoing")
        },
    }
    again = clone_document(clone={"state": "failed", "run": 1})
    special = clone_document(name="50% (off) [x]", account_id="b")
    store.funnels.insert_many([*made.values(), again, special, {"name": "no clone", "pending": True}])

    def found(**asked: Any) -> list[str]:
        return [clone["funnel_id"] for clone in gateway.call("GET", "/api/clones", params=asked).json()["clones"]]

    for state, document in made.items():
        more = [special["_id"], again["_id"]] if state == "waiting" else []
        assert found(state=state) == [*map(str, more), str(document["_id"])], state
    assert found(account="b") == [str(special["_id"])] == found(q="% (OFF) [") == found(q=str(special["_id"]))
    assert found(q=".*") == []
    assert len(found(q="o", state="failed")) == 1
    counts = gateway.call("GET", "/api/clones").json()["counts"]
    assert counts == {**dict.fromkeys(made, 1), "waiting": 3}


@pytest.mark.parametrize(
    "asked",
    [{"limit": 0}, {"limit": 201}, {"limit": "x"}, {"state": "odd"}, {"q": "x" * 201}, {"cursor": "x" * 1_001}],
    ids=str,
)
def test_what_makes_no_sense_is_refused_and_not_repeated(gateway: Running, asked: dict[str, Any]) -> None:
    (name,) = asked
    assert problem(gateway.call("GET", "/api/clones", params=asked), 422)["detail"].startswith(f"query.{name}: ")


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b"[]",
        b'{"name": 5}',
        b'{"nmae": "x"}',
        b'{"name": "\\ud800"}',
        b"\xff\xfe",
        b'{"account_id": {"$ne": 1}}',
        b"7",
    ],
    ids=repr,
)
def test_bodies_that_make_no_sense_are_refused(gateway: Running, store: Store, body: bytes) -> None:
    funnel = store.funnels.insert_one({"name": "F", "account_id": "a"}).inserted_id
    answer = gateway.call(
        "POST", f"/api/funnels/{funnel}/clone", data=body, headers={"Content-Type": "application/json"}
    )
    assert answer.status_code in (400, 422), answer.text
    assert store.funnels.count_documents({}) == 1


def test_a_request_has_its_size(gateway: Running) -> None:
    path, kind = "/api/clones/x/retry", {"Content-Type": "application/json"}
    problem(gateway.call("POST", path, data=b" " * (MOST_BODY_BYTES + 1), headers=kind), 413)
    chunks = (b" " * 1_000 for _ in range(70))
    problem(gateway.call("POST", path, data=chunks, headers=kind), 413)
    problem(gateway.call("POST", "/socket.io/?EIO=4&transport=polling", data=b"x" * (MOST_BODY_BYTES + 1)), 413)
    problem(gateway.call("POST", path, data=b" " * (MOST_BODY_BYTES - 2) + b"{}", headers=kind), 404)


def test_answers_tell_browsers_to_take_care(gateway: Running) -> None:
    for path in ("/healthz", "/", "/api/clones", "/socket.io/?EIO=4&transport=polling"):
        headers = gateway.call("GET", path).headers
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["content-security-policy"].startswith("default-src 'self'")
        assert "access-control-allow-origin" not in headers
        assert headers["cache-control"] == "no-store"


def test_pages_of_other_origins_connect_only_where_they_are_named(settings: Settings) -> None:
    sockets, ours, theirs = "/socket.io/?EIO=4&transport=polling", "https://app.example.com", "https://evil.example.com"
    with gateway_here(settings) as closed:
        for origin, status in ((theirs, 400), (closed.url, 200)):
            assert closed.call("GET", sockets, headers={"Origin": origin}).status_code == status
    with gateway_here(settings, cors_origins=ours) as opened:
        for origin, status in ((theirs, 400), (ours, 200), (opened.url, 200)):
            assert opened.call("GET", sockets, headers={"Origin": origin}).status_code == status
        allowed = opened.call("GET", "/api/session", headers={"Origin": ours}).headers
        assert allowed["access-control-allow-origin"] == ours
        refused = opened.call("GET", "/api/session", headers={"Origin": theirs}).headers
        assert "access-control-allow-origin" not in refused


def test_b22_a_pass_is_started_by_hand_only_where_hooks_are_on_and_none_runs(settings: Settings, store: Store) -> None:
    submitted: list[str] = []

    def submit() -> str:
        submitted.append(f"job-{len(submitted)}")
        return submitted[-1]

    with gateway_here(settings, submit) as closed:
        problem(closed.call("POST", TRIGGER), 404)
        assert closed.call("GET", "/api/session").json()["hooks"] is False
    with gateway_here(settings, submit, hooks=True, triggers_per_minute=3) as opened:
        assert opened.call("GET", "/api/session").json()["hooks"] is True
        answer = opened.call("POST", TRIGGER)
        assert (answer.status_code, answer.json()) == (202, {"job_id": "job-0"})
        leases.acquire(store, "p", "somebody", 3_600)
        problem(opened.call("POST", TRIGGER), 409)
        leases.release(store, "p")
        assert opened.call("POST", TRIGGER).json() == {"job_id": "job-1"}
        answer = opened.call("POST", TRIGGER)
        problem(answer, 429)
        assert 0 < int(answer.headers["retry-after"]) <= 20
    assert len(submitted) == 2


@pytest.mark.parametrize(
    "error", [ConfigError("ray.job_address", "is not set"), ServiceUnreachable("http://h: secret")]
)
def test_a_pass_that_cannot_be_started_is_told(settings: Settings, error: Exception) -> None:
    def submit() -> str:
        raise error

    with gateway_here(settings, submit, hooks=True) as gateway:
        assert "secret" not in problem(gateway.call("POST", TRIGGER), 503)["detail"]


def test_health_tells_mongodb_s3_and_ray_apart(settings: Settings) -> None:
    away = "http://127.0.0.1:1"
    broken = replace(settings, s3=replace(settings.s3, endpoint_url=away), ray=replace(settings.ray, job_address=away))
    with gateway_here(broken) as gateway:
        answer = requests.get(f"{gateway.url}/healthz", timeout=CALL_S)
    told = {"status": "degraded", "mongo": "ok", "events": "ok", "s3": "unreachable", "ray": "unreachable"}
    assert (answer.status_code, answer.json()) == (200, told)


def test_a_ray_without_a_job_server_is_not_asked_for_its_health(settings: Settings) -> None:
    with gateway_here(replace(settings, ray=replace(settings.ray, address="local"))) as gateway:
        answer = requests.get(f"{gateway.url}/healthz", timeout=CALL_S)
    assert (answer.status_code, answer.json()["ray"], answer.json()["status"]) == (200, "not configured", "ok")


def test_metrics_count_calls_by_route_and_clones_by_state(gateway: Running, store: Store) -> None:
    store.funnels.insert_one(clone_document())
    gateway.call("GET", "/api/clones/some-id")
    text = gateway.call("GET", "/metrics").text
    assert 'funnel_clone_gateway_clones{state="waiting"} 1.0' in text
    assert 'calls_total{method="GET",route="/api/clones/{clone_id}",status="404"} 1.0' in text
    assert "some-id" not in text
    assert "funnel_clone_gateway_stream_alive 1.0" in text


def test_schemathesis_finds_no_call_that_is_not_as_the_document_says(
    settings: Settings, store: Store, tmp_path: Path
) -> None:
    store.funnels.insert_many([{"_id": "1", "name": "F", "account_id": "a"}, clone_document(_id="0")])
    with gateway_here(settings, lambda: "job", hooks=True, triggers_per_minute=100_000) as gateway:
        document = gateway.call("GET", "/openapi.json").json()
        (tmp_path / "openapi.json").write_text(json.dumps(document))
        command = [
            sys.executable,
            "-m",
            "schemathesis.cli",
            "run",
            str(tmp_path / "openapi.json"),
            "--url",
            gateway.url,
        ]
        options = ["--header", f"Authorization: Bearer {OPERATOR}", "--checks", "all", "--max-examples", "15"]
        done = subprocess.run(
            [*command, *options, "--seed", "1", "--continue-on-failure", "--no-color"],
            capture_output=True,
            text=True,
            cwd=tmp_path,
            timeout=280,
            check=False,
        )
    assert done.returncode == 0, done.stdout[-8_000:] + done.stderr[-2_000:]
