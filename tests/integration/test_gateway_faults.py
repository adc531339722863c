"""The gateway among things that break: itself killed, its change stream, its clients, their messages."""

import json
import logging
import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from logging.handlers import QueueHandler
from pathlib import Path
from queue import SimpleQueue
from typing import Any

import pytest
import requests
from anyio import to_thread
from bson import ObjectId
from pymongo import MongoClient
from websockets.exceptions import WebSocketException
from websockets.sync.client import connect

from engine.edges.mongo import outbox
from engine.edges.mongo.changes import FIGURES, CloneChange
from engine.edges.mongo.client import Store, open_store
from engine.gateway import limits, listener, presence, sockets
from engine.local.mongod import MongoServer
from engine.local.ports import free_ports
from engine.settings import MongoSettings, Settings
from tests.fault.mongo_door import mongo_door
from tests.fault.mongo_faults import no_fault_left
from tests.fault.replica_set import replica_set
from tests.gateway import CALL_S, OPERATOR, SECRET, Running, gateway_here, gateway_process, serve_environment, token
from tests.outbox import account_with_user, complete, had_by
from tests.processes import wait_for
from tests.socket_client import js_client


@pytest.fixture
def gateway(settings: Settings) -> Iterator[Running]:
    with gateway_here(settings) as running:
        yield running


@pytest.mark.parametrize("follow", [True, False], ids=["since", "no since"])
def test_d15_a_gateway_killed_between_flags_and_event_is_followed_by_one_that_tells_it_once(
    store: Store, settings: Settings, *, follow: bool
) -> None:
    account, user = account_with_user(store)
    (port,) = free_ports(1)
    with gateway_process(settings, port) as first:
        assert first.process is not None
        with js_client(first.url, {"token": token(user), "follow": follow}) as client:
            before = complete(store, account)
            client.await_events(1)
            # It is there still, and sees nothing any more.
            first.process.send_signal(signal.SIGSTOP)
            event_id = complete(store, account)
            assert had_by(store, event_id) == []
            first.process.kill()
            first.process.wait(60)
            with gateway_process(settings, port):
                wait_for(lambda: event_id in client.event_ids(), 120)
                later = complete(store, account)
                wait_for(lambda: later in client.event_ids())
                wait_for(lambda: had_by(store, event_id) == [str(user)])
                assert [e for e in client.event_ids() if e != before] == [event_id, later]


def test_serve_ends_by_sigterm_with_a_summary(store: Store, settings: Settings) -> None:
    account, user = account_with_user(store)
    with gateway_process(settings) as running:
        assert running.process is not None
        assert running.process.stdout is not None
        with js_client(running.url, {"token": token(user)}) as client:
            complete(store, account)
            client.await_events(1)
            running.process.terminate()
            summary = json.loads(running.process.stdout.readline())
            assert (running.process.wait(60), running.process.stdout.read()) == (0, "")
            assert (summary["event"], summary["events"]) == ("summary", 1)


@pytest.mark.parametrize(
    ("changed", "key"),
    [
        ({"GATEWAY_JWT_SECRET": ""}, "gateway.jwt_secret"),
        ({"GATEWAY_JWT_SECRET": SECRET[:31]}, "gateway.jwt_secret"),
        ({"GATEWAY_OPERATOR_TOKEN": ""}, "gateway.operator_token"),
        ({"QM_HOOKS": "perhaps"}, "gateway.hooks"),
    ],
    ids=str,
)
def test_serve_refuses_weak_or_missing_secrets(settings: Settings, changed: dict[str, str], key: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "engine.cli", "serve", "--json", "gateway.port=0"],
        env={**serve_environment(settings), **changed},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    told = json.loads(done.stdout)
    assert (done.returncode, told["key"]) == (2, key)
    assert SECRET[:31] not in done.stdout + done.stderr


@pytest.mark.parametrize("code", [286, 280, 43, 10107, 11600, 13], ids=str)
def test_whatever_breaks_the_change_stream_nothing_is_skipped(
    store: Store, gateway: Running, mongo_client: MongoClient[dict[str, Any]], code: int
) -> None:
    account, user = account_with_user(store)
    with js_client(gateway.url, {"token": token(user)}) as client, no_fault_left(mongo_client):
        first = complete(store, account)
        client.await_events(1)
        data = {"failCommands": ["getMore"], "appName": "funnel-clone", "errorCode": code}
        on = {"configureFailPoint": "failCommand", "mode": "alwaysOn", "data": data}
        entered = mongo_client.admin.command(on)["count"]
        # Twice: pymongo resumes once by itself, where it takes the code for a passing one.
        mongo_client.admin.command("waitForFailPoint", "failCommand", timesEntered=entered + 2, maxTimeMS=60_000)
        missed = [complete(store, account) for _ in range(3)]
        mongo_client.admin.command({"configureFailPoint": "failCommand", "mode": "off"})
        client.await_events(4)
        last = complete(store, account)
        wait_for(lambda: last in client.event_ids())
        assert client.event_ids() == [first, *missed, last]


def test_a_dropped_database_ends_the_stream_and_not_the_gateway(store: Store, gateway: Running) -> None:
    with js_client(gateway.url, {"token": OPERATOR}, "/operator") as client:
        store.client.drop_database(store.db.name)
        assert gateway.gateway is not None
        wait_for(lambda: gateway.gateway is not None and gateway.gateway.tail.breaks > 0)
        account, _ = account_with_user(store)
        event_id = complete(store, account)
        wait_for(lambda: event_id in client.event_ids())


def test_a_primary_that_steps_down_costs_no_event(settings: Settings, tmp_path: Path) -> None:
    with replica_set(tmp_path / "set", 1) as members:
        moved = replace(settings, mongo=MongoSettings(members.uri, "stepping"))
        store = open_store(moved.mongo)
        account, user = account_with_user(store)
        with gateway_here(moved) as gateway, js_client(gateway.url, {"token": token(user)}) as client:
            events = [complete(store, account)]
            client.await_events(1)
            with members.primary().client() as alone:
                # Nobody is there to catch up with it.
                alone.admin.command("replSetStepDown", 2, secondaryCatchUpPeriodSecs=0, force=True)
            members.primary()
            events += [complete(store, account) for _ in range(2)]
            client.await_events(3)
            assert client.event_ids() == events
        store.close()


NO_MESSAGES: list[str | bytes] = [
    *(
        "",
        "x",
        "9",
        "4",
        "4x",
        "47",
        "42",
        "42[",
        "42[]",
        "42[7]",
        '42[["a"]]',
        "40{",
        "40[",
        "4/",
        "40/nothing,",
        "44",
    ),
    *('42["connect",{},{"token":"x"}]', '42["disconnect"]', '451-["e",{"_placeholder":true,"num":0}]', '43["x"]'),
    *("4" * 20_000, "2probe", "5", "6", "1", "3", "42" + "[" * 5_000, '40{"token":' + "[" * 2_000, "4\ud7ff"),
    *(b"", b"\x00\xff", b"4" * 100),
]


def test_what_is_no_message_harms_nobody(store: Store, gateway: Running) -> None:
    account, user = account_with_user(store)
    address = f"ws{gateway.url.removeprefix('http')}/socket.io/?EIO=4&transport=websocket"
    with js_client(gateway.url, {"token": token(user)}) as bystander:
        for let_in in (False, True):
            for message in NO_MESSAGES:
                with connect(address, close_timeout=1) as stranger, suppress(WebSocketException, OSError):
                    stranger.recv(timeout=60)
                    if let_in:
                        stranger.send("40" + json.dumps({"token": token(user)}))
                        assert str(stranger.recv(timeout=60)).startswith("40")
                    stranger.send(message)
        event_id = complete(store, account)
        wait_for(lambda: event_id in bystander.event_ids())
        assert bystander.event_ids() == [event_id]
        assert bystander.count("connect") == 1


def test_a_second_connection_over_the_same_transport_is_refused(store: Store, gateway: Running) -> None:
    _, user = account_with_user(store)
    address = f"ws{gateway.url.removeprefix('http')}/socket.io/?EIO=4&transport=websocket"
    with connect(address) as client:
        client.recv(timeout=60)
        client.send("40" + json.dumps({"token": token(user)}))
        assert str(client.recv(timeout=60)).startswith("40{")
        client.send("40" + json.dumps({"token": token(user)}))
        frames = iter(lambda: str(client.recv(timeout=60)), None)
        assert next(frame for frame in frames if frame.startswith("4")).startswith("44")


def test_who_connects_and_says_nothing_is_cut_off(gateway: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(presence, "IDLE_S", 0.0)
    address = f"ws{gateway.url.removeprefix('http')}/socket.io/?EIO=4&transport=websocket"
    assert gateway.gateway is not None
    with connect(address) as stranger:
        stranger.recv(timeout=60)
        gateway.run(gateway.gateway.presence.look(datetime.now(UTC)))
        assert stranger.recv(timeout=60) == "1"


def test_a_client_that_takes_nothing_in_holds_up_nobody_and_has_had_nothing(
    store: Store, gateway: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It answers no ping: what it was sent is not marked, and no more than a window is sent to it."""
    monkeypatch.setattr(listener, "PATIENCE_S", 0.5)
    account, user = account_with_user(store)
    payload = {"event": "funnel_cloning_completed", "user_ids": [str(user)], "account_id": account, "payload": {"n": 1}}
    times = {"created_at": datetime.now(UTC), "delivered_at": None}
    store.outbox.insert_many([{"_id": f"e{n:04}", **payload, **times} for n in range(listener.WINDOW + 5)])
    address = f"ws{gateway.url.removeprefix('http')}/socket.io/?EIO=4&transport=websocket"
    with connect(address) as deaf:
        deaf.recv(timeout=60)
        deaf.send("40" + json.dumps({"token": token(user)}))
        told: list[str] = []
        with suppress(WebSocketException):
            while True:
                told.append(str(deaf.recv(timeout=60)))
        # Cut off: and it got no more than may be under way.
        assert sum(frame.startswith("42") for frame in told) == listener.WINDOW
    assert store.outbox.count_documents({"delivered_to": {"$exists": True}}) == 0
    with js_client(gateway.url, {"token": token(user)}) as client:
        client.await_events(listener.WINDOW + 5)
        assert client.event_ids() == [f"e{n:04}" for n in range(listener.WINDOW + 5)]


def test_a_payload_with_dates_and_ids_is_told_as_text(store: Store, gateway: Running) -> None:
    account, user = account_with_user(store)
    funnel, moment = ObjectId(), datetime(2026, 11, 26, tzinfo=UTC)
    event = {"event": "other", "account_id": account, "user_ids": [str(user)], "created_at": datetime.now(UTC)}
    with (
        js_client(gateway.url, {"token": token(user)}) as client,
        js_client(gateway.url, {"token": OPERATOR}, "/operator") as operator,
    ):
        store.outbox.insert_one({"_id": "e", **event, "payload": {"funnel": funnel, "at": moment, "n": [1, "ä"]}})
        told = {"funnel": str(funnel), "at": str(moment), "n": [1, "ä"], "event_id": "e"}
        wait_for(lambda: client.events("other") == [told])
        wait_for(lambda: operator.events("other") == [{**told, "account_id": str(account)}])
        later = complete(store, account)
        wait_for(lambda: later in client.event_ids())


def test_who_cannot_be_told_for_whatever_reason_is_cut_off(
    store: Store, gateway: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: Any) -> Any:
        raise ValueError("nobody thought of this")

    monkeypatch.setattr(sockets, "missed", broken)
    _, user = account_with_user(store)
    address = f"ws{gateway.url.removeprefix('http')}/socket.io/?EIO=4&transport=websocket"
    with connect(address) as client:
        client.recv(timeout=60)
        client.send("40" + json.dumps({"token": token(user)}))
        heard = list(iter(lambda: str(client.recv(timeout=60)), "1"))
        assert [frame[:2] for frame in heard] == ["40"], "at once, and not for its silence"


async def threads_taken() -> int:
    return int(to_thread.current_default_thread_limiter().borrowed_tokens)


def test_health_is_told_while_every_thread_of_calls_hangs_on_mongodb(
    settings: Settings, mongo_server: MongoServer
) -> None:
    with ThreadPoolExecutor(50) as callers, mongo_door(mongo_server.port) as door:
        behind = replace(settings, mongo=replace(settings.mongo, uri=door.uri))
        with gateway_here(behind) as gateway:
            door.is_open.clear()
            calls = [callers.submit(gateway.call, "GET", "/api/clones/x") for _ in range(50)]
            wait_for(lambda: gateway.run(threads_taken()) == 40)
            answer = requests.get(f"{gateway.url}/healthz", timeout=CALL_S)
            assert (answer.status_code, answer.json()["mongo"]) == (503, "unreachable")
            assert gateway.run(threads_taken()) == 40, "health waits for no call"
            door.is_open.set()
            assert {call.result().status_code for call in calls} <= {404, 503}


def test_a_call_that_hangs_on_mongodb_is_given_up(
    gateway: Running, mongo_client: MongoClient[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "CALL_S", 0.5)
    data = {"failCommands": ["find"], "appName": "funnel-clone", "blockConnection": True, "blockTimeMS": 5_000}
    with no_fault_left(mongo_client):
        mongo_client.admin.command({"configureFailPoint": "failCommand", "mode": {"times": 1}, "data": data})
        answer = gateway.call("GET", "/api/clones/x")
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "2")


def test_what_is_our_own_fault_is_answered_as_a_problem_and_logged(
    settings: Settings, mongo_client: MongoClient[dict[str, Any]]
) -> None:
    def submit() -> str:
        raise RuntimeError("secret")

    log, records = logging.getLogger("funnel_clone.gateway.problems"), SimpleQueue[logging.LogRecord]()
    handler = QueueHandler(records)
    log.addHandler(handler)
    try:
        with gateway_here(settings, submit, hooks=True) as gateway, no_fault_left(mongo_client):
            unforeseen = gateway.call("POST", "/api/trigger/funnels/funnelClone")
            data = {"failCommands": ["find"], "appName": "funnel-clone", "errorCode": 2}
            mongo_client.admin.command({"configureFailPoint": "failCommand", "mode": {"times": 1}, "data": data})
            refused = gateway.call("GET", "/api/clones/some-id")
    finally:
        log.removeHandler(handler)
    for answer in (unforeseen, refused):
        assert (answer.status_code, answer.headers["content-type"]) == (500, "application/problem+json")
        assert "secret" not in answer.text
    told = [records.get_nowait().__dict__ for _ in range(records.qsize())]
    assert [str(record["event"]) for record in told] == ["call failed"] * 2
    assert told[0]["fields"]["error"] == "RuntimeError('secret')"
    assert told[1]["fields"]["route"] == "/api/clones/{clone_id}"


def test_progress_is_no_reason_to_count_clones_anew(gateway: Running) -> None:
    assert gateway.gateway is not None
    counts = gateway.gateway._counts
    for state_written in (False, True):
        change = CloneChange("c", "a", "cloning", dict.fromkeys(FIGURES, 1), state_written=state_written)

        async def hear(told: CloneChange = change) -> None:
            assert gateway.gateway is not None
            gateway.gateway._hear(told)

        counts._stale = False
        gateway.run(hear())
        assert counts._stale is state_written


def test_what_others_wrote_into_the_outbox_is_passed_by(store: Store, gateway: Running) -> None:
    account, user = account_with_user(store)
    odd: list[dict[str, Any]] = [{}, {"payload": 5}, {"payload": {}, "user_ids": "x", "created_at": datetime.now(UTC)}]
    store.outbox.insert_many([{"account_id": account, "user_ids": [str(user)], **more} for more in odd])
    with js_client(gateway.url, {"token": token(user)}) as client:
        store.outbox.insert_many([{"account_id": account, "user_ids": [str(user)], **more} for more in odd])
        event_id = complete(store, account)
        client.await_events(1)
        assert client.event_ids() == [event_id]
    assert next(outbox.since(store, None, None)).event_id == event_id
