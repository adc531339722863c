"""When ticks are due: cron read as cron reads it, one tick at a time, late ones left out."""

import threading
from datetime import UTC, datetime, timedelta
from threading import Event
from typing import Any

import pytest

from engine.cluster.schedule_clock import Clock, Ticks
from engine.cluster.schedule_jobs import tick_id
from engine.core.errors import ConfigError
from engine.settings import ScheduleSettings

THURSDAY = datetime(2026, 11, 26, 2, 3, 4, 5, tzinfo=UTC)
EACH_SECOND = "* * * * * *"


def nothing(_tick: datetime) -> None: ...


def clock(cron: str = "*/5 * * * *", timezone: str = "UTC", **more: Any) -> Clock:
    plan = ScheduleSettings(cron=cron, timezone=timezone, misfire_grace_seconds=60.5)
    return Clock(plan, Ticks(**{**dict.fromkeys(NAMES, nothing), **more}))


NAMES = ("due", "skipped", "missed")


def after(cron: str, timezone: str = "UTC") -> str:
    return clock(cron, timezone).after(THURSDAY).strftime("%a %d %H:%M:%S")


@pytest.mark.parametrize(
    ("cron", "next_tick"),
    [
        ("*/5 * * * *", "Thu 26 02:05:00"),
        ("*/20 * * * * *", "Thu 26 02:03:20"),
        ("30 4 1 * *", "Tue 01 04:30:00"),
        ("0 3 * * 0", "Sun 29 03:00:00"),
        ("0 3 * * 7", "Sun 29 03:00:00"),
        ("0 1 * * 1-5", "Fri 27 01:00:00"),
        ("0 1 * * 6-7", "Sat 28 01:00:00"),
        ("0 1 * * */3", "Sat 28 01:00:00"),
        ("0 1 * * mon,3", "Mon 30 01:00:00"),
        ("0 1 * * MON-wed", "Mon 30 01:00:00"),
    ],
)
def test_b1_cron_is_read_as_cron_reads_it(cron: str, next_tick: str) -> None:
    assert after(cron) == next_tick


def test_a_time_zone_moves_the_ticks() -> None:
    assert after("0 4 * * *", "Europe/Berlin") == "Thu 26 03:00:00"


def test_a_tick_is_not_after_itself() -> None:
    tick = datetime(2026, 11, 26, 2, 5, tzinfo=UTC)
    assert clock().after(tick) == tick + timedelta(minutes=5)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        *(("cron", text) for text in ("x", "* * * *", "* * * * * * *", "60 * * * *", "* * * * 8", "* * * * 5-2")),
        *(("cron", text) for text in ("* * * * a", "* * * * 1/0", "* * 1 * 1", "0 0 31 2 *")),
        *(("timezone", text) for text in ("Mars/Base", "../etc", "a\0")),
    ],
)
def test_what_is_no_time_is_refused_by_its_key(key: str, value: str) -> None:
    with pytest.raises(ConfigError) as caught:
        clock(**{key: value})
    assert caught.value.key == f"schedule.{key}"


def test_b1_while_a_tick_is_at_work_no_other_is_due() -> None:
    ended, skipped, due = Event(), Event(), []

    def work(tick: datetime) -> None:
        due.append(tick)
        assert ended.wait(60)

    running = clock(EACH_SECOND, due=work, skipped=lambda _tick: skipped.set())
    running.start()
    try:
        assert skipped.wait(60)
        assert len(due) == 1
        assert due[0].microsecond == 0, "as it was planned, not as it was held"
    finally:
        running.stop()
        ended.set()


def test_a_clock_stops_while_its_tick_is_at_work() -> None:
    at_work, ended = Event(), Event()

    def work(_tick: datetime) -> None:
        at_work.set()
        ended.wait(60)

    running = clock(EACH_SECOND, due=work)
    running.start()
    assert at_work.wait(60)
    running.stop()
    running.stop()
    assert [each for each in threading.enumerate() if each.name == "tick" and not each.daemon] == []
    ended.set()


def test_a_tick_that_is_too_late_is_missed(monkeypatch: pytest.MonkeyPatch) -> None:
    class Slept(datetime):
        """This machine was asleep for an hour after the tick was planned."""

        @classmethod
        def now(cls, tz: Any = None) -> datetime:  # type: ignore[override]
            return datetime.now(tz) + timedelta(hours=1)

    missed, due = Event(), Event()
    running = clock(EACH_SECOND, due=lambda _tick: due.set(), missed=lambda _tick: missed.set())
    monkeypatch.setattr("engine.cluster.schedule_clock.datetime", Slept)
    running.start()
    try:
        assert missed.wait(60)
        assert not due.is_set()
    finally:
        running.stop()


def test_b1_a_jobs_id_names_database_and_tick() -> None:
    assert tick_id("funnels", THURSDAY) == "funnel-clone-funnels-20261126T020304Z"
    assert tick_id("funnels", THURSDAY) == tick_id("funnels", THURSDAY + timedelta(milliseconds=900))


def test_ids_hold_legal_characters_alone_and_stay_apart() -> None:
    names = ["a.b", "a b", "a_b", "ä", "ö", "a/b"]
    ids = {tick_id(name, THURSDAY) for name in names}
    assert len(ids) == len(names)
    assert all(each.isascii() and not set(each) & set(" ./:") for each in ids)
