"""When passes are due: cron in, ticks out. The one module that knows APScheduler.

A tick is known by the time that it was planned for, not by the time at which it is held: two schedulers whose clocks
differ by a second mean the same tick.
"""

import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from threading import Thread
from typing import Any
from zoneinfo import ZoneInfo

from apscheduler.events import EVENT_JOB_MAX_INSTANCES
from apscheduler.executors.base import BaseExecutor
from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.triggers.cron import CronTrigger

from engine.core.errors import ConfigError
from engine.settings import ScheduleSettings

CRON_FIELDS = 5
WEEKDAY = 4
DAY = 2
WEEKDAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat", "sun")
"""By cron's numbers."""
JOB = "tick"


@dataclass(frozen=True, slots=True)
class Ticks:
    """What the clock calls, each with the time that the tick was planned for (UTC)."""

    due: Callable[[datetime], None]
    """In a thread of its own; while it works, no other tick is due."""
    skipped: Callable[[datetime], None]
    """The tick before is still at work."""
    missed: Callable[[datetime], None]
    """It is too late for it: the machine slept, or its clock jumped."""


class Clock:
    """Calls at each tick, once ``start``ed. Of several ticks that are late, only the last is held."""

    def __init__(self, settings: ScheduleSettings, ticks: Ticks) -> None:
        """Nothing runs yet.

        Raises:
            ConfigError: The cron expression or the time zone is none, or no such time ever comes.
        """
        self._ticks = ticks
        self._trigger: Any = _trigger(settings)
        # We tell of skipped ticks ourselves.
        logging.getLogger("apscheduler").setLevel(logging.CRITICAL)
        threads = _Threads(ticks, timedelta(seconds=settings.misfire_grace_seconds))
        self._scheduler: Any = BackgroundScheduler(executors={"default": threads}, timezone=UTC)
        self._scheduler.add_listener(self._skip, EVENT_JOB_MAX_INSTANCES)
        job = {"id": JOB, "max_instances": 1, "coalesce": True, "misfire_grace_time": None}
        self._scheduler.add_job(_held_by_a_thread, self._trigger, **job)

    def start(self) -> None:
        """Begin. To be called once."""
        self._scheduler.start()

    def stop(self) -> None:
        """No more ticks; one that is at work is not waited for. Safe to repeat."""
        if self._scheduler.running:
            self._scheduler.shutdown(wait=False)

    def after(self, moment: datetime) -> datetime:
        """The first tick after the moment."""
        tick: datetime | None = self._trigger.get_next_fire_time(moment, moment)
        return tick.astimezone(UTC) if tick else datetime.max.replace(tzinfo=UTC)

    def _skip(self, event: Any) -> None:
        self._ticks.skipped(event.scheduled_run_times[-1].astimezone(UTC))


def _held_by_a_thread() -> None:
    """Stands in for the tick: APScheduler calls a job's function without saying for which time."""


class _Threads(BaseExecutor):  # type: ignore[misc]  # it has no types
    """A thread for each tick that ends with the process, and is told which tick it is: APScheduler's own do neither."""

    def __init__(self, ticks: Ticks, grace: timedelta) -> None:
        super().__init__()
        self._ticks, self._grace = ticks, grace

    def _do_submit_job(self, job: Any, run_times: list[datetime]) -> None:
        Thread(target=self._hold, args=(job.id, run_times[-1].astimezone(UTC)), name=JOB, daemon=True).start()

    def _hold(self, job_id: str, tick: datetime) -> None:
        try:
            late = datetime.now(UTC) - tick > self._grace
            (self._ticks.missed if late else self._ticks.due)(tick)
        finally:
            self._run_job_success(job_id, [])


def _trigger(settings: ScheduleSettings) -> Any:
    zone = _zone(settings.timezone)
    fields = settings.cron.split()
    seconds = fields.pop(0) if len(fields) == CRON_FIELDS + 1 else "0"
    if len(fields) != CRON_FIELDS:
        raise ConfigError("schedule.cron", f"must have five fields (or six, with seconds first), not {len(fields)}")
    if fields[DAY] != "*" and fields[WEEKDAY] != "*":
        raise ConfigError("schedule.cron", "must name days of the month or weekdays, not both: crons differ on it")
    try:
        minute, hour, day, month = fields[:WEEKDAY]
        weekday = ",".join(_weekdays(fields[WEEKDAY]))
        when = {"second": seconds, "minute": minute, "hour": hour, "day": day, "month": month, "day_of_week": weekday}
        trigger = CronTrigger(timezone=zone, **when)
    except ValueError as error:
        raise ConfigError("schedule.cron", f"is no cron expression: {error}") from error
    if trigger.get_next_fire_time(None, datetime.now(UTC)) is None:
        raise ConfigError("schedule.cron", "names a time that never comes")
    return trigger


def _weekdays(field: str) -> Iterator[str]:
    """Numbers as names: cron counts from Sunday, and takes 7 for it, too; APScheduler counts from Monday."""
    for part in field.split(","):
        days, _, step = part.partition("/")
        if part == "*" or (days != "*" and not days[:1].isdigit()):
            yield part
            continue
        first, _, last = ("0-6" if days == "*" else days).partition("-")
        numbers = range(int(first), int(last or first) + 1, int(step or 1))
        if not numbers or numbers[-1] >= len(WEEKDAYS):
            raise ValueError(f"weekdays {part}")
        yield from (WEEKDAYS[number] for number in numbers)


def _zone(name: str) -> tzinfo:
    if name == "UTC":  # known without any list of time zones on this machine
        return UTC
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError) as error:
        raise ConfigError("schedule.timezone", "is no time zone known here; such as UTC or Europe/Berlin") from error
