"""The scheduler on a real Ray head: a job a tick, however many schedulers; Ray away, jobs killed, SIGTERM."""

import json
import os
import signal
import subprocess
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Barrier, Thread
from threading import Event as Flag
from typing import Any
from urllib.error import HTTPError
from urllib.request import urlopen

import pytest

from engine.cluster.schedule import FAILED_TICKS, Schedule, Work
from engine.cluster.schedule_health import health_server
from engine.cluster.schedule_jobs import TickJobs, tick_id
from engine.core.errors import ConfigError
from engine.local.ports import free_ports
from engine.local.ray_cluster import token_of
from engine.settings import ScheduleSettings, Settings
from engine.telemetry import Event
from tests.command_line import CHECKOUT, RUN
from tests.faulty_door import Seen, faulty_door
from tests.funnels import build_funnel, request_clone
from tests.invariants import assert_sound
from tests.processes import command_lines, wait_for
from tests.ray_head import Head, ray_head

TINY: dict[str, Any] = {"steps": 1, "images": 1, "image_bytes": 1_000, "forms": 0}
TINY.update(html_bytes=1_500, components_bytes=500)
LONG_S = 240
pytestmark = pytest.mark.timeout(600)

TICK = datetime(2026, 11, 26, 2, 5, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
DAILY = "0 0 * * *"
EACH_SECOND = "* * * * * *"


@pytest.fixture(scope="module")
def head(mongo_server: Any, s3_server: Any) -> Iterator[Head]:
    with ray_head(
        PYTHONPATH=str(CHECKOUT),
        MONGO_URI=mongo_server.uri,
        AWS_ENDPOINT_URL_S3=s3_server.endpoint_url,
        AWS_ACCESS_KEY_ID=s3_server.access_key_id,
        AWS_SECRET_ACCESS_KEY=s3_server.secret_access_key,
    ) as running:
        yield running


@pytest.fixture(autouse=True)
def _token(head: Head, tmp_path: Path) -> Iterator[None]:
    """This process may use the head's job server."""
    token = tmp_path / "token"
    token.write_text(head.token)
    with token_of(token):
        yield


def overrides_of(settings: Settings, *more: str) -> tuple[str, ...]:
    return (f"mongo.database={settings.mongo.database}", f"s3.bucket={settings.s3.bucket}", *more)


@dataclass
class Scheduler:
    """A scheduler whose ticks the test gives, and what it told."""

    schedule: Schedule
    told: list[tuple[Event, dict[str, Any]]] = field(default_factory=list)

    def hold(self, *ticks: datetime) -> None:
        for tick in ticks:
            self.schedule._hold(tick)

    def named(self, event: Event) -> list[dict[str, Any]]:
        return [fields for each, fields in self.told if each is event]

    def results(self) -> list[str]:
        return [fields["result"] for fields in self.named(Event.TICK_ENDED)]


@pytest.fixture
def scheduler(head: Head, settings: Settings) -> Iterator[Callable[..., Scheduler]]:
    made: list[Scheduler] = []

    def make(address: str = "", *more: str, **changed: Any) -> Scheduler:
        told: list[tuple[Event, dict[str, Any]]] = []
        plan = ScheduleSettings(enabled=True, **{"cron": DAILY, **changed})
        work = Work(plan, address or head.job_address, settings.mongo.database, overrides_of(settings, *more))
        made.append(Scheduler(Schedule(work, lambda event, fields: told.append((event, fields))), told))
        return made[-1]

    yield make
    for each in made:
        each.schedule.stop()


def jobs_of(head: Head, database: str) -> list[Any]:
    stem = tick_id(database, TICK).rpartition("-")[0]
    return [job for job in TickJobs(head.job_address)._client.list_jobs() if (job.submission_id or "").startswith(stem)]


def elsewhere(head: Head) -> TickJobs:
    """Ray's record of a job tells which process submitted it: as if it were another one."""
    jobs = TickJobs(head.job_address)
    jobs._me = "elsewhere pid 1"
    return jobs


def in_parallel(works: Sequence[Callable[[], None]]) -> None:
    threads = [Thread(target=work) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(LONG_S)
    assert not any(thread.is_alive() for thread in threads)


def test_b1_two_schedulers_submit_one_job_a_tick(
    scheduler: Callable[..., Scheduler], head: Head, settings: Settings, database: Any, s3: Any, bucket: str
) -> None:
    clone = request_clone(database, build_funnel(database, s3, bucket, **TINY))
    pair, together = [scheduler(), scheduler()], Barrier(2)
    pair[1].schedule._jobs = elsewhere(head)

    def three_ticks(each: Scheduler) -> None:
        for number in range(3):
            together.wait(LONG_S)
            each.hold(TICK + number * MINUTE)

    in_parallel([lambda each=each: three_ticks(each) for each in pair])  # type: ignore[misc]
    jobs = {job.submission_id for job in jobs_of(head, settings.mongo.database)}
    assert jobs == {tick_id(settings.mongo.database, TICK + number * MINUTE) for number in range(3)}
    counts = [each.schedule.counts for each in pair]
    assert [sum(count[what] for count in counts) for what in ("submitted", "found")] == [3, 3]
    assert [each.results() for each in pair] == [["done"] * 3] * 2
    first, *others = pair[0].named(Event.TICK_ENDED)
    assert (first["funnels"], first["completed"]) == (1, 1)
    assert [fields["funnels"] for fields in others] == [0, 0]
    assert_sound(database, s3, clone, None)


def test_a_job_of_another_scheduler_is_found_and_followed(
    scheduler: Callable[..., Scheduler], head: Head, settings: Settings
) -> None:
    assert elsewhere(head).submit_tick(tick_id(settings.mongo.database, TICK), overrides_of(settings), drain=False)
    mine = scheduler()
    mine.hold(TICK)
    assert [event for event, _ in mine.told] == [Event.TICK_FOUND, Event.TICK_ENDED]
    assert (mine.schedule.counts["submitted"], mine.schedule.counts["found"]) == (0, 1)
    assert mine.results() == ["done"]


def test_a_tick_takes_a_few_funnels_and_with_drain_all_of_them(
    scheduler: Callable[..., Scheduler], database: Any, s3: Any, bucket: str
) -> None:
    original = build_funnel(database, s3, bucket, **TINY)
    for _ in range(4 + 4):
        request_clone(database, original)
    few, all_of_them = scheduler("", "scan.batch_limit=4"), scheduler("", "scan.batch_limit=1", drain=True)
    few.hold(TICK)
    all_of_them.hold(TICK + MINUTE)
    ended = [*few.named(Event.TICK_ENDED), *all_of_them.named(Event.TICK_ENDED)]
    assert [fields["completed"] for fields in ended] == [4, 4]


def test_a_pass_with_problems_is_told_apart_from_one_without(
    scheduler: Callable[..., Scheduler], database: Any, s3: Any, bucket: str
) -> None:
    original = build_funnel(database, s3, bucket, **TINY)
    database["funnel.step.components"].update_one({"funnel_id": original}, {"$set": {"components": 5}})
    request_clone(database, original)
    mine = scheduler()
    mine.hold(TICK)
    assert mine.results() == ["problems"]
    assert mine.named(Event.TICK_ENDED)[0]["failed"] == 1


def test_a_job_that_is_killed_is_told_and_the_next_tick_is_held(
    scheduler: Callable[..., Scheduler],
    head: Head,
    settings: Settings,
    database: Any,
    s3: Any,
    bucket: str,
) -> None:
    clone = request_clone(database, build_funnel(database, s3, bucket, **TINY))
    with faulty_door(settings.s3.endpoint_url or "") as door:
        door.is_open.clear()
        mine = scheduler("", f"s3.endpoint_url={door.endpoint_url}")
        holding = Thread(target=mine.hold, args=[TICK])
        holding.start()
        wait_for(lambda: bool(door.puts()), LONG_S)
        passes = [pid for pid, line in command_lines(head.pids()).items() if door.endpoint_url in line]
        for pid in passes:
            os.kill(pid, signal.SIGKILL)
        holding.join(LONG_S)
        assert mine.results() == ["failed"]
        assert "before its pass could report" in mine.named(Event.TICK_ENDED)[0]["error"]
        door.is_open.set()
        mine.hold(TICK + MINUTE)
    assert mine.results()[1] in ("done", "refused")
    # What became of the clone, the documents tell, whatever became of jobs.
    assert database["funnels"].find_one({"_id": clone})["clone"]["state"] in ("completed", "waiting", "cloning")


def test_ray_away_is_told_once_and_so_is_its_return(scheduler: Callable[..., Scheduler], head: Head) -> None:
    away = [True]
    asked = []

    def cut(seen: Seen) -> None:
        asked.append(seen.target)
        if away[0]:
            raise ConnectionAbortedError

    with faulty_door(head.job_address) as door:
        door.before = cut
        mine = scheduler(door.endpoint_url)
        holding = Thread(target=mine.hold, args=[TICK])
        holding.start()
        wait_for(lambda: len(asked) >= 3, LONG_S)
        well, document = mine.schedule.health()
        assert (well, document["ray"]) == (False, "away")
        away[0] = False
        holding.join(LONG_S)
        assert mine.schedule.health()[0]
    names = [event for event, _ in mine.told]
    assert names == [Event.RAY_AWAY, Event.RAY_BACK, Event.TICK_SUBMITTED, Event.TICK_ENDED]
    assert mine.results() == ["done"]


def test_a_job_that_is_just_being_submitted_is_stopped_with_its_scheduler(
    scheduler: Callable[..., Scheduler], head: Head, settings: Settings
) -> None:
    reached, asked_to_stop = Flag(), Flag()

    def hold(seen: Seen) -> None:
        if seen.target.endswith("/stop"):
            asked_to_stop.set()
        elif (seen.method, seen.target) == ("POST", "/api/jobs/"):
            reached.set()
            asked_to_stop.wait(LONG_S)

    with faulty_door(head.job_address) as door:
        door.before = hold
        mine = scheduler(door.endpoint_url)
        holding = Thread(target=mine.hold, args=[TICK])
        holding.start()
        assert reached.wait(LONG_S)
        try:
            mine.schedule.end_job(LONG_S)
            job_id = tick_id(settings.mongo.database, TICK)
            assert TickJobs(head.job_address).has_ended(job_id), "nothing is left for Ray to end"
        finally:
            asked_to_stop.set()
            holding.join(LONG_S)
    assert len(mine.named(Event.TICK_ENDED)) == 1


def test_ticks_that_ray_was_away_for_are_failed_ones_and_health_says_so(scheduler: Callable[..., Scheduler]) -> None:
    mine = scheduler(f"http://127.0.0.1:{free_ports(1)[0]}", cron=EACH_SECOND)
    mine.hold(*(TICK + number * MINUTE for number in range(FAILED_TICKS)))
    assert mine.results() == ["failed"] * FAILED_TICKS
    assert len(mine.named(Event.RAY_AWAY)) == 1
    with health_server(ScheduleSettings(port=0), mine.schedule.health) as address:
        with pytest.raises(HTTPError) as caught:
            urlopen(address, timeout=30)
        assert caught.value.code == 503
        told = json.loads(caught.value.read())
    assert (told["ray"], told["failed_in_a_row"], told["last"]["result"]) == ("away", FAILED_TICKS, "failed")


def test_a_job_that_is_told_wrong_settings_failed_and_records_are_deleted_but_for_the_last_and_those_of_others(
    scheduler: Callable[..., Scheduler], head: Head, settings: Settings
) -> None:
    jobs, database = TickJobs(head.job_address), settings.mongo.database
    wrong = "steps.concurrency=0"
    other = jobs.submit_pass([wrong], drain=False)
    near = tick_id(f"{database}-2", TICK)
    jobs.submit_tick(near, [wrong], drain=False)
    mine = scheduler("", wrong)
    mine.hold(TICK, TICK + MINUTE)
    assert mine.results() == ["failed"] * 2
    assert mine.named(Event.TICK_ENDED)[0]["key"] == "steps.concurrency"
    wait_for(lambda: bool(jobs.has_ended(other) and jobs.has_ended(near)), LONG_S)
    assert jobs.forget_ended(database, 1, datetime.now(UTC) - timedelta(hours=1)) == 0, "a late scheduler looks for it"
    assert jobs.forget_ended(database, 1, datetime.now(UTC)) == 1
    assert [jobs.has_ended(tick_id(database, tick)) for tick in (TICK, TICK + MINUTE)] == [None, True]
    assert [jobs.has_ended(each) for each in (other, near)] == [True, True]


@contextmanager
def command(head: Head, folder: Path, *arguments: str, **environment: str) -> Iterator[subprocess.Popen[str]]:
    """``funnel-clone schedule --json`` as a process of its own, where nothing but Ray's job server is known."""
    started = subprocess.Popen(
        [*RUN, "schedule", "--json", "schedule.port=0", *arguments],
        env={
            "PATH": os.environ["PATH"],
            "HOME": str(folder),
            "PYTHONPATH": str(CHECKOUT),
            **head.environment,
            "QM_FUNNELS_CLONE": "true",
            **environment,
        },
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield started
    finally:
        started.kill()
        started.communicate()


def line_of(process: subprocess.Popen[str], event: str) -> dict[str, Any]:
    """The next line of the event; what is told before it is passed by."""
    assert process.stdout is not None
    for line in process.stdout:
        told: dict[str, Any] = json.loads(line)
        if told["event"] == event:
            return told
    raise AssertionError(f"it ended before: {event}; {process.stderr and process.stderr.read()}")


def test_b1_sigterm_ends_the_scheduler_and_its_job_goes_on(
    head: Head, settings: Settings, database: Any, s3: Any, bucket: str, tmp_path: Path
) -> None:
    clone = request_clone(database, build_funnel(database, s3, bucket, **TINY))
    with faulty_door(settings.s3.endpoint_url or "") as door:
        door.is_open.clear()
        through = f"s3.endpoint_url={door.endpoint_url}"
        with command(head, tmp_path, f"schedule.cron={EACH_SECOND}", *overrides_of(settings, through)) as running:
            health = line_of(running, "schedule started")["health"]
            job_id = line_of(running, "tick submitted")["job_id"]
            line_of(running, "tick skipped")
            wait_for(lambda: bool(door.puts()), LONG_S)
            with urlopen(health, timeout=30) as answer:
                assert json.loads(answer.read())["following"] == job_id
            running.send_signal(signal.SIGTERM)
            summary = line_of(running, "summary")
            assert running.wait(LONG_S) == 0
        assert (summary["submitted"], summary["last"]) == (1, None)
        assert summary["skipped"] >= 1
        jobs = TickJobs(head.job_address)
        assert jobs.has_ended(job_id) is False, "the job goes on"
        door.is_open.set()
        wait_for(lambda: bool(jobs.has_ended(job_id)), LONG_S)
    assert jobs.end(job_id).document["completed"] == 1
    assert_sound(database, s3, clone, None)


@pytest.mark.parametrize("value", ["", "false"])
def test_b2_without_the_flag_nothing_is_scheduled(head: Head, tmp_path: Path, value: str) -> None:
    with command(head, tmp_path, QM_FUNNELS_CLONE=value) as running:
        out, err = running.communicate(timeout=LONG_S)
    assert (running.returncode, json.loads(out)["key"]) == (2, "schedule.enabled"), err
    assert "QM_FUNNELS_CLONE" in err


@pytest.mark.parametrize(
    ("argument", "key"),
    [
        ("schedule.cron=often", "schedule.cron"),
        ("schedule.timezone=Mars", "schedule.timezone"),
        ("schedule.enabled=perhaps", "schedule.enabled"),
        ("schedule.host=256.0.0.1", "schedule.port"),
        ("ray.job_address=127.0.0.1:8265", "ray.job_address"),
        ("mongo.uri=mongodb://u:p@h", "mongo.uri"),
    ],
)
def test_wrong_settings_end_with_2(head: Head, tmp_path: Path, argument: str, key: str) -> None:
    with command(head, tmp_path, argument) as running:
        out, err = running.communicate(timeout=LONG_S)
    assert (running.returncode, json.loads(out)["key"]) == (2, key), err


def test_two_schedulers_cannot_answer_on_one_port() -> None:
    with health_server(ScheduleSettings(port=0), lambda: (True, {})) as address:
        port = int(address.split(":")[2].partition("/")[0])
        with (
            pytest.raises(ConfigError, match=r"schedule\.port"),
            health_server(ScheduleSettings(port=port), lambda: (True, {})),
        ):
            pass
        with urlopen(address, timeout=30) as answer:
            assert answer.status == 200
        with pytest.raises(HTTPError) as caught:
            urlopen(address.replace("healthz", "metrics"), timeout=30)
        assert caught.value.code == 404
