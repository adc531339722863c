"""Events over Socket.IO, as npm's own client hears them: the right user, at least once, what was missed first."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from bson import ObjectId

from engine.edges.mongo import leases
from engine.edges.mongo.client import Store
from engine.settings import Settings
from tests.gateway import OPERATOR, SECRET, Running, gateway_here, token
from tests.outbox import COMPLETED, account_with_user, complete, had_by, user_of, written_at
from tests.processes import wait_for
from tests.socket_client import js_client

CLAIMED: dict[str, Any] = {"pending": True, "in_progress": True, "clone": {"epoch": 1, "run": 1, "state": "cloning"}}


@pytest.fixture
def gateway(settings: Settings) -> Iterator[Running]:
    with gateway_here(settings) as running:
        yield running


def test_b20_every_active_user_of_the_account_hears_once_and_nobody_else(store: Store, gateway: Running) -> None:
    account, user = account_with_user(store)
    beside, _ = user_of(store, account), user_of(store, account, active=False)
    _, stranger = account_with_user(store)
    with (
        js_client(gateway.url, {"token": token(user)}) as one,
        js_client(gateway.url, {"token": token(beside)}, transports=["polling"]) as two,
        js_client(gateway.url, {"token": token(stranger)}) as other,
    ):
        event_id = complete(store, account)
        told = {"funnel_id": event_id.partition(":")[0], "status": "completed", "event_id": event_id}
        one.await_events(1)
        two.await_events(1)
        # What the stranger hears of their own account comes behind what they must not hear.
        own = complete(store, store.db["users"].find_one({"_id": stranger})["account"])  # type: ignore[index]
        other.await_events(1)
        assert one.events(COMPLETED) == [told] == two.events(COMPLETED)
        assert other.event_ids() == [own]
        wait_for(lambda: sorted(had_by(store, event_id)) == sorted([str(user), str(beside)]))


def test_d15_what_happened_while_a_user_was_away_comes_first_and_only_once(store: Store, gateway: Running) -> None:
    account, user = account_with_user(store)
    missed = [complete(store, account) for _ in range(3)]
    with js_client(gateway.url, {"token": token(user)}) as client:
        client.await_events(3)
        then = complete(store, account)
        client.await_events(4)
        assert client.event_ids() == [*missed, then]
        wait_for(lambda: all(had_by(store, event_id) == [str(user)] for event_id in [*missed, then]))
    with js_client(gateway.url, {"token": token(user)}) as client:
        again = complete(store, account)
        client.await_events(1)
        assert client.event_ids() == [again]


def test_a_client_that_broke_off_catches_up_by_the_event_it_saw_last(store: Store, gateway: Running) -> None:
    account, user = account_with_user(store)
    with js_client(gateway.url, {"token": token(user), "follow": True}) as client:
        first = complete(store, account)
        client.await_events(1)
        client.tell("close")
        client.await_count("disconnect")
        missed = [complete(store, account) for _ in range(2)]
        client.tell("open")
        client.await_events(3)
        assert client.event_ids() == [first, *missed]


@pytest.mark.parametrize("named", ["time", "event"])
def test_since_reaches_back_a_minute_further_since_commits_are_not_in_the_order_of_times(
    store: Store, gateway: Running, named: str
) -> None:
    account, user = account_with_user(store)
    events = [complete(store, account) for _ in range(3)]
    now = datetime.now(UTC)
    for event_id, age_s in zip(events, (200, 55, 0), strict=True):
        written_at(store, event_id, now - timedelta(seconds=age_s))
    since = now.isoformat() if named == "time" else events[2]
    with js_client(gateway.url, {"token": token(user), "since": since}) as client:
        later = complete(store, account)
        wait_for(lambda: later in client.event_ids())
        expected = [events[1], *([events[2]] if named == "time" else []), later]
        assert client.event_ids() == expected


def test_an_event_that_is_kept_no_more_stands_for_all_that_is(store: Store, gateway: Running) -> None:
    account, user = account_with_user(store)
    kept = [complete(store, account) for _ in range(2)]
    with js_client(gateway.url, {"token": token(user), "since": "gone:1:completed"}) as client:
        client.await_events(2)
        assert client.event_ids() == kept


def test_operators_hear_of_all_accounts_and_of_every_change(store: Store, gateway: Running) -> None:
    account, _ = account_with_user(store)
    with js_client(gateway.url, {"token": OPERATOR}, "/operator") as client:
        event_id = complete(store, account)
        wait_for(lambda: event_id in client.event_ids())
        (told,) = client.events(COMPLETED)
        assert told["account_id"] == str(account)
        original = ObjectId()
        asked = {"name": "A", "account_id": account, "original_funnel_id": original, "pending": True}
        funnel_id = store.funnels.insert_one(asked).inserted_id
        wait_for(lambda: bool([e for e in client.events("clone_changed") if e["funnel_id"] == str(funnel_id)]))
        store.funnels.delete_one({"_id": funnel_id})
        wait_for(lambda: "undone" in [e["state"] for e in client.events("clone_changed")])
        changes = [e for e in client.events("clone_changed") if e["funnel_id"] == str(funnel_id)]
        assert [(e["state"], e["account_id"]) for e in changes] == [("waiting", str(account)), ("undone", None)]
    with js_client(gateway.url, {"token": OPERATOR, "since": event_id}, "/operator") as client:
        client.await_events(1)
        assert client.events("caught_up") == [{"events": 0}]


def test_progress_goes_to_the_account_alone_and_none_comes_after_the_end(store: Store, gateway: Running) -> None:
    account, user = account_with_user(store)
    _, stranger = account_with_user(store)
    funnel = {"_id": ObjectId(), "account_id": account, "original_funnel_id": ObjectId(), **CLAIMED}
    store.funnels.insert_one(funnel)
    from engine.core.model import Claim  # noqa: PLC0415

    claim = Claim(funnel["_id"], funnel["original_funnel_id"], account, epoch=1, run=1, attempt=1, pass_id="p")
    figures = {"steps_done": 1, "steps_total": 2, "images_done": 3, "images_total": 4}
    with (
        js_client(gateway.url, {"token": token(user)}) as client,
        js_client(gateway.url, {"token": token(stranger)}) as other,
    ):
        for done in (0, 1, 2):
            leases.write_progress(store, [(claim, {**figures, "steps_done": done})])
        # Three at once: the first, then the latest, a second later.
        client.await_events(2)
        told = client.events("funnel_cloning_progress")
        assert told[0] == {"funnel_id": str(funnel["_id"]), **figures, "steps_done": 0}
        assert [each["steps_done"] for each in told] == [0, 2]
        leases.write_progress(store, [(claim, {**figures, "steps_done": 1})])
        leases.write_progress(store, [(claim, figures)])
        store.funnels.update_one(
            {"_id": funnel["_id"]}, {"$set": {"pending": False, "in_progress": False, "clone.state": "completed"}}
        )
        last = complete(store, account)
        wait_for(lambda: last in client.event_ids())
        before = len(client.events("funnel_cloning_progress"))
        leases.write_progress(store, [(claim, figures)])
        last = complete(store, account)
        wait_for(lambda: last in client.event_ids())
        assert len(client.events("funnel_cloning_progress")) == before
        own = complete(store, store.db["users"].find_one({"_id": stranger})["account"])  # type: ignore[index]
        wait_for(lambda: own in other.event_ids())
        assert other.events("funnel_cloning_progress") == []


def test_d14_a_clone_with_errors_is_told_with_their_count(store: Store, gateway: Running) -> None:
    account, user = account_with_user(store)
    funnel_id = ObjectId()
    payload = {"funnel_id": str(funnel_id), "status": "completed", "errors": 2}
    event = {"event": COMPLETED, "user_ids": [str(user)], "account_id": account, "payload": payload}
    with js_client(gateway.url, {"token": token(user)}) as client:
        store.outbox.insert_one({"_id": "e", **event, "created_at": datetime.now(UTC), "delivered_at": None})
        client.await_events(1)
        assert client.events(COMPLETED) == [{**payload, "event_id": "e"}]


NOW = datetime.now(UTC)
BAD_TOKENS: dict[str, Callable[[Any], Any]] = {
    "none": lambda _user: None,
    "empty": lambda _user: "",
    "no text": lambda _user: 7,
    "an object": lambda _user: {"sub": "x"},
    "no token": lambda _user: "a.b.c",
    "another secret": lambda user: token(user, secret=SECRET[::-1]),
    "another algorithm": lambda user: token(user, algorithm="HS512"),
    "no signature": lambda user: token(user, secret="", algorithm="none"),
    "expired": lambda user: token(user, exp=NOW - timedelta(seconds=60)),
    "no end": lambda user: token(user, exp=None),
    "no user": lambda user: token(user, sub=None),
    "not yet valid": lambda user: token(user, nbf=NOW + timedelta(hours=1)),
    "nobody": lambda _user: token(ObjectId()),
    "too long": lambda user: token(user, more="x" * 9_000),
    "the operators'": lambda _user: OPERATOR,
}


def test_bad_tokens_of_every_sort_are_refused(store: Store, gateway: Running) -> None:
    _, user = account_with_user(store)
    _, inactive = account_with_user(store, active=False)
    tokens = {**{name: make(user) for name, make in BAD_TOKENS.items()}, "inactive": token(inactive)}
    for name, bad in tokens.items():
        assert refused(gateway, {"token": bad}) == "unauthorized", name
    assert refused(gateway, {"token": token(user)}, "/operator") == "unauthorized"
    assert refused(gateway, {"token": token(user), "since": 5}) == "since must be an ISO time or an event_id"
    assert gateway.gateway is not None
    assert len(gateway.gateway.audience) == 0


def refused(gateway: Running, auth: dict[str, Any], namespace: str = "/") -> str:
    """By Python's client, which costs no process."""
    import socketio  # noqa: PLC0415
    from socketio.exceptions import ConnectionError as NotConnected  # noqa: PLC0415

    client, told = socketio.Client(reconnection=False), list[Any]()
    client.on("connect_error", told.append, namespace=namespace)
    try:
        client.connect(gateway.url, auth=auth, namespaces=[namespace], transports=["websocket"], wait_timeout=30)
    except NotConnected:
        return str(told[0]["message"])
    client.disconnect()
    return "let in"


def test_a_clock_that_is_a_little_off_does_no_harm(store: Store, gateway: Running) -> None:
    _, user = account_with_user(store)
    assert refused(gateway, {"token": token(user, exp=datetime.now(UTC) - timedelta(seconds=5))}) == "let in"


def test_the_page_sees_why_it_was_refused_and_does_not_come_again(gateway: Running) -> None:
    with js_client(gateway.url, {"token": "a.b.c"}, connected=False) as client:
        client.await_count("connect_error")
        assert client.happened == [{"happened": "connect_error", "message": "unauthorized"}]


def test_who_is_deactivated_moved_or_has_an_old_token_hears_no_more(store: Store, gateway: Running) -> None:
    account, user = account_with_user(store)
    moved, stays, late = user_of(store, account), user_of(store, account), user_of(store, account)
    now = datetime.now(UTC)
    with (
        js_client(gateway.url, {"token": token(user)}) as one,
        js_client(gateway.url, {"token": token(moved)}) as two,
        js_client(gateway.url, {"token": token(stays)}) as three,
        js_client(gateway.url, {"token": token(late, exp=now + timedelta(minutes=30))}) as four,
    ):
        store.db["users"].update_one({"_id": user}, {"$set": {"active": False}})
        store.db["users"].update_one({"_id": moved}, {"$set": {"account": ObjectId()}})
        assert gateway.gateway is not None
        gateway.run(gateway.gateway.presence.look(now + timedelta(minutes=31)))
        one.await_count("disconnect")
        two.await_count("connect", 2)  # again, as a user of the other account
        four.await_count("disconnect")
        event_id = complete(store, account)
        three.await_events(1)
        assert three.event_ids() == [event_id]
        assert (one.events(), two.events(), four.events()) == ([], [], [])
        assert one.count("connect") == 1


def test_notifications_go_after_their_days_and_another_number_of_days_replaces_the_first(
    store: Store, settings: Settings
) -> None:
    for days in (7, 2):
        with gateway_here(settings, retention_days=days):
            (index,) = [i for i in store.outbox.list_indexes() if "expireAfterSeconds" in i]
            assert (dict(index["key"]), index["expireAfterSeconds"]) == ({"created_at": 1}, days * 86_400)
