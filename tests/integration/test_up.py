"""``up``: all of it in one real process, on a bare folder; requested, cloned, ended, started again, killed."""

import json
import os
import signal
import stat
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import pytest

from engine.local import state
from tests.command_line import RUN, environment_without_servers
from tests.processes import alive, command_lines, descendants, listening_addresses, wait_for

LONG_S = 240
FAST = ("schedule.cron=* * * * * *", "schedule.port=0", "gateway.port=0", "ray.num_cpus=2")
LOOPBACK = "127.0.0.1"

pytestmark = pytest.mark.timeout(600)


class Home:
    """One data folder, and commands that are told of nothing else."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.data = folder / "funnel-clone"
        # A database that is named in the user's environment is not for these servers.
        self.environment = environment_without_servers(XDG_DATA_HOME=str(folder))
        self.started: list[subprocess.Popen[str]] = []

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [*RUN, *arguments],
            env=self.environment,
            cwd=self.folder,
            stdout=subprocess.PIPE,
            stderr=(self.folder / "stderr").open("a"),
            text=True,
        )
        self.started.append(process)
        return process

    def run(self, *arguments: str) -> tuple[int, dict[str, Any]]:
        """Exit status and the one document."""
        process = self.start(*arguments, "--json")
        out, _ = process.communicate(timeout=LONG_S)
        return process.returncode, json.loads(out)

    def end(self) -> None:
        for process in self.started:
            process.kill()
            process.communicate()


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Home]:
    made = Home(tmp_path)
    yield made
    made.end()


def told(process: subprocess.Popen[str], wanted: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
    """The next line that is wanted."""
    assert process.stdout is not None
    for line in process.stdout:
        found: dict[str, Any] = json.loads(line)
        if wanted(found):
            return found
    raise AssertionError("it ended before")


def named(event: str) -> Callable[[dict[str, Any]], bool]:
    return lambda line: bool(line["event"] == event)


def requested(home: Home) -> str:
    """A clone of a page is asked for, by commands that are given no server."""
    site = home.folder / "site"
    site.mkdir(exist_ok=True)
    (site / "index.html").write_text("<html><body><h1>Hello</h1></body></html>")
    code, funnel = home.run("import", str(site), "--name", "Site")
    assert code == 0
    code, asked = home.run("request", funnel["funnel_id"])
    assert code == 0
    (clone,) = asked["funnel_ids"]
    return str(clone)


def test_b1_what_is_requested_is_cloned_at_the_next_tick_and_down_leaves_nothing(home: Home) -> None:
    running = home.start("up", "--json", *FAST)
    first = told(running, named("up"))
    below = {running.pid, *descendants(running.pid)}
    assert {part["name"] for part in first["parts"]} == {"MongoDB", "S3", "Ray", "Gateway"}
    pids = {part["pid"] for part in first["parts"]}
    assert pids <= below
    assert set(listening_addresses(below)) == {LOOPBACK}
    for private in ("running.json", "gateway.json", "ray/token"):
        assert stat.S_IMODE((home.data / private).stat().st_mode) == 0o600

    clone = requested(home)
    done = told(running, lambda line: line["event"] == "tick ended" and line.get("completed") == 1)
    assert (done["result"], done["failed"]) == ("done", 0)
    assert home.run("status", clone)[1]["state"] == "completed"
    assert home.run("verify", clone)[1]["sound"] is True
    with urlopen(told_health(first), timeout=30) as answer:
        assert json.loads(answer.read())["ray"] == "ok"
    (url,) = (part["address"] for part in first["parts"] if part["name"] == "Gateway")
    with urlopen(f"{url}/healthz", timeout=30) as answer:
        assert answer.status == 200, "MongoDB, S3 and Ray are what it knows"
    token = json.loads((home.data / "gateway.json").read_text())["operator_token"]
    with urlopen(Request(f"{url}/api/clones/{clone}", headers={"Authorization": f"Bearer {token}"})) as answer:
        assert json.loads(answer.read())["state"] == "completed"

    code, second = home.run("up", *FAST)
    assert (code, second["key"]) == (2, "local.data_dir")
    assert f"pid {running.pid}" in second["error"]

    below = {running.pid, *descendants(running.pid)}
    secrets = json.loads((home.data / "gateway.json").read_text()).values()
    lines = command_lines(below).values()
    assert not [
        secret for secret in (*secrets, (home.data / "ray/token").read_text()) for line in lines if secret in line
    ]
    code, stopped = home.run("down")
    assert (code, stopped["pid"]) == (0, running.pid)
    assert alive(below - {running.pid}) == set()
    summary = told(running, named("summary"))
    assert summary["done"] >= 1
    assert running.wait(LONG_S) == 0
    assert state.read(home.data) is None


def told_health(line: dict[str, Any]) -> str:
    return str(line["health"])


def test_a_clone_requested_before_a_restart_is_done_after_it_though_it_was_killed(home: Home) -> None:
    # So seldom that no tick comes.
    running = home.start("up", "--json", *FAST[1:], "schedule.cron=0 0 1 1 *")
    told(running, named("schedule started"))
    clone = requested(home)
    below = descendants(running.pid)
    running.kill()
    wait_for(lambda: not alive(below), LONG_S)
    again = home.start("up", "--json", *FAST)
    told(again, lambda line: line["event"] == "tick ended" and line.get("completed") == 1)
    assert home.run("status", clone)[1]["state"] == "completed"
    again.send_signal(signal.SIGINT)
    told(again, named("summary"))
    assert again.wait(LONG_S) == 0


@pytest.mark.parametrize(
    "argument", ["mongo.uri=mongodb://h", "s3.bucket=b", "ray.address=a", "schedule.enabled=false"]
)
def test_what_up_sets_itself_cannot_be_given(home: Home, argument: str) -> None:
    code, document = home.run("up", argument)
    assert (code, document["key"]) == (2, argument.partition("=")[0])
    assert not home.data.exists()


def test_people_see_what_runs_where_and_a_server_that_dies_ends_all_of_it_and_is_named(home: Home) -> None:
    running = home.start("up", *FAST[1:])
    assert running.stdout is not None
    shown = ""
    for line in running.stdout:
        shown += line
        if "Passes are submitted" in line:
            break
    for word in ("MongoDB", "mongodb://127.0.0.1:", "S3", "Ray", "dashboard", "http://127.0.0.1:", str(home.data)):
        assert word in shown
    below = descendants(running.pid)
    (mongod,) = [
        pid for pid, line in command_lines(below).items() if "/mongod --dbpath" in line and "leash" not in line
    ]
    os.kill(mongod, signal.SIGKILL)
    assert running.wait(LONG_S) == 3
    assert (
        "Error: mongod was ended by signal 9 while it was needed: see its log" in (home.folder / "stderr").read_text()
    )
    assert alive(below) == set()
    assert state.read(home.data) is None
