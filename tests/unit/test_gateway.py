"""The gateway's parts that need no server: secrets, tokens, pace, rate, where a client wants to begin."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from engine.core.errors import ConfigError, StoreUnavailable
from engine.gateway.audience import reported
from engine.gateway.auth import Unauthorized, is_operator, read_user_token, require_secrets
from engine.gateway.backlog import BadSince, Since, read_since
from engine.gateway.deliveries import Deliveries
from engine.gateway.progress import Pace
from engine.gateway.rate import Rate
from engine.gateway.sockets import NoAttachments
from engine.settings import GatewaySettings
from tests.gateway import OPERATOR, SECRET, gateway_settings, token


@pytest.mark.parametrize(
    ("changed", "key"),
    [
        ({"jwt_secret": ""}, "gateway.jwt_secret"),
        ({"jwt_secret": "x" * 31}, "gateway.jwt_secret"),
        ({"operator_token": ""}, "gateway.operator_token"),
        ({"operator_token": "mArKeR"}, "gateway.operator_token"),
    ],
)
def test_it_does_not_start_with_secrets_that_can_be_guessed(changed: dict[str, str], key: str) -> None:
    with pytest.raises(ConfigError) as caught:
        require_secrets(gateway_settings(**changed))
    assert caught.value.key == key
    assert "mArKeR" not in str(caught.value)


def test_bytes_count_and_not_letters() -> None:
    require_secrets(gateway_settings(jwt_secret="ä" * 16))


def test_other_commands_need_no_secrets() -> None:
    assert GatewaySettings().jwt_secret == ""


def test_a_token_names_its_user_and_its_end() -> None:
    end = datetime(2100, 1, 1, tzinfo=UTC)
    read = read_user_token(token("u", exp=end), SECRET)
    assert (read.user_id, read.expires_at) == ("u", end)


@pytest.mark.parametrize(
    "claims",
    [
        {"sub": 7},
        {"sub": ""},
        {"sub": ["u"]},
        {"exp": "soon"},
        {"exp": 10**400},
        {"exp": float("inf")},
        {"nbf": datetime.now(UTC) + timedelta(hours=1)},
    ],
)
def test_claims_that_make_no_sense_are_refused(claims: dict[str, Any]) -> None:
    import json  # noqa: PLC0415
    from base64 import urlsafe_b64encode  # noqa: PLC0415

    import jwt  # noqa: PLC0415

    given = {"sub": "u", "exp": 4_102_444_800, **claims}
    body = json.dumps(given, default=lambda moment: moment.timestamp()).encode()
    made = jwt.api_jws.encode(body, SECRET, algorithm="HS256")
    assert urlsafe_b64encode(body).decode().rstrip("=") in made
    with pytest.raises(Unauthorized):
        read_user_token(made, SECRET)


@pytest.mark.parametrize("given", [None, 7, "", OPERATOR[:-1], OPERATOR + "x", "ä", "\ud800", [OPERATOR]])
def test_only_the_operators_token_is_theirs(given: Any) -> None:
    assert not is_operator(given, gateway_settings())


def test_the_operators_token_is() -> None:
    assert is_operator(OPERATOR, gateway_settings())


@pytest.mark.parametrize(
    ("text", "hour"),
    [("2026-11-26T02:00:00Z", 2), ("2026-11-26T02:00:00", 2), ("2026-11-26T04:00:00.5+02:00", 2), ("2026-11-26", 0)],
)
def test_since_as_a_time(text: str, hour: int) -> None:
    read = read_since(text)
    assert read is not None
    assert read.moment is not None
    assert read.moment.tzinfo == UTC
    assert read.moment.hour == hour


@pytest.mark.parametrize("text", ["6b07a40839e39fa5702cd041:1:completed", "7:1:failed", "0001-01-01T00:00:00+14:00"])
def test_since_as_an_event(text: str) -> None:
    assert read_since(text) == Since(None, text)


@pytest.mark.parametrize("given", [5, "", " ", "x" * 2_000, "a\0b", ["2026"], True])
def test_since_that_is_neither_is_refused(given: Any) -> None:
    with pytest.raises(BadSince):
        read_since(given)


def test_no_since() -> None:
    assert read_since(None) is None


def test_of_progress_the_first_is_told_at_once_and_then_the_latest_of_each_second() -> None:
    pace: Pace[int] = Pace()
    assert pace.offer("c", 1, now=0.0) == 1
    assert [pace.offer("c", told, now=0.1 * told) for told in (2, 3)] == [None, None]
    assert list(pace.due(0.9)) == []
    assert list(pace.due(1.0)) == [3]
    assert pace.offer("c", 4, now=1.5) is None
    assert pace.offer("d", 5, now=1.5) == 5
    assert list(pace.due(2.1)) == [4]
    assert list(pace.due(3.2)) == []
    assert pace.offer("c", 6, now=3.3) == 6


def test_what_is_held_back_keeps_its_turn() -> None:
    pace: Pace[int] = Pace()
    pace.offer("c", 1, now=0.0)
    pace.offer("c", 2, now=0.5)
    assert pace.offer("c", 3, now=1.2) is None
    assert list(pace.due(1.2)) == [3]


def test_of_a_clone_that_ended_nothing_is_held_back() -> None:
    pace: Pace[int] = Pace()
    pace.offer("c", 1, now=0.0)
    pace.offer("c", 2, now=0.5)
    pace.forget("c")
    assert list(pace.due(5.0)) == []


def test_a_rate_fills_evenly() -> None:
    now = [0.0]
    rate = Rate(2, clock=lambda: now[0])
    assert [rate.take() for _ in range(3)] == [0.0, 0.0, 30.0]
    now[0] = 29.0
    assert rate.take() == pytest.approx(1.0)
    now[0] = 30.0
    assert rate.take() == 0.0
    now[0] = 10_000.0
    assert [bool(rate.take()) for _ in range(3)] == [False, False, True]


def test_less_than_one_a_minute_is_one_after_all() -> None:
    now = [0.0]
    rate = Rate(0.5, clock=lambda: now[0])
    assert rate.take() == 0.0
    assert rate.take() == pytest.approx(120.0)


def test_what_is_asked_for_and_not_begun_waits() -> None:
    assert [reported(state) for state in ("asked", "waiting", "cloning", None)] == [
        "waiting",
        "waiting",
        "cloning",
        None,
    ]


@pytest.mark.parametrize("message", ['51-["e",{"_placeholder":true,"num":0}]', '59999999-["e"]'])
def test_a_message_that_announces_attachments_is_none(message: str) -> None:
    with pytest.raises(ValueError, match="attachments"):
        NoAttachments(encoded_packet=message)


def test_marks_that_could_not_be_written_are_kept() -> None:
    written: list[dict[str, set[str]]] = []
    away = [True]

    async def write(marks: Any) -> None:
        if away.pop() if away else False:
            raise StoreUnavailable("away")
        written.append({event_id: set(users) for event_id, users in marks.items()})

    async def story() -> None:
        deliveries = Deliveries(write)
        deliveries.had("e", "u")
        with pytest.raises(StoreUnavailable):
            await deliveries.write_now()
        deliveries.had("e", "v")
        await deliveries.write_now()

    asyncio.run(story())
    assert written == [{"e": {"u", "v"}}]


def test_marks_that_were_being_written_as_the_gateway_ended_are_kept() -> None:
    written: list[dict[str, set[str]]] = []

    async def story() -> None:
        begun, hangs = asyncio.Event(), asyncio.Event()

        async def write(marks: Any) -> None:
            if not begun.is_set():
                begun.set()
                await hangs.wait()
            written.append(dict(marks))

        deliveries = Deliveries(write)
        deliveries.had("e", "u")
        running = asyncio.create_task(deliveries.run())
        await begun.wait()
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        await deliveries.write_now()

    asyncio.run(story())
    assert written == [{"e": {"u"}}]
