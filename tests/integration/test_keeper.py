"""Servers that `demo --keep` leaves running: used by other commands, ended by `down`, and by nothing but their end."""

import json
import os
import signal
import stat
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from engine.core.errors import ServiceUnreachable
from engine.local import keeper, state
from engine.local.state import Kept
from engine.settings import RaySettings
from tests.command_line import Done, environment_without_servers, run_as_process
from tests.processes import alive, command_lines, descendants, environments, listening_addresses, wait_for

SERVERS = ("/mongod ", "/weed ", "/gcs_server ", "/raylet ")
CALLERS_SECRET = "not-the-keepers-business"

Shell = Callable[..., Done]


@pytest.fixture(scope="module")
def shell(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shell]:
    """Runs commands that are given no server at all, in one folder of data."""
    home = tmp_path_factory.mktemp("home")
    environment = environment_without_servers(XDG_DATA_HOME=str(home), TMPDIR=str(home))

    def run(*arguments: str, **more: str) -> Done:
        return run_as_process(*arguments, environment={**environment, **more}, cwd=home)

    yield run
    keeper.stop_keeper(home / "funnel-clone")


@pytest.fixture(scope="module")
def kept(shell: Shell) -> dict[str, Any]:
    """What `demo --keep` tells; its servers run until the module's last test."""
    done = shell("demo", "--keep", "--json", "ray.num_cpus=2", AWS_SECRET_ACCESS_KEY=CALLERS_SECRET)
    assert done.returncode == 0, done.stderr
    told: dict[str, Any] = json.loads(done.stdout)
    return told


def test_the_demo_tells_machines_what_it_cloned_and_that_it_is_sound(kept: dict[str, Any]) -> None:
    assert (kept["sound"], kept["completed"], kept["failed"]) == (True, 3, 0)
    assert [clone["sound"] for clone in kept["clones"]] == [True] * 3
    index = Path(kept["pages"])
    assert (index.name, index.parent.name, index.parents[1].name) == ("index.html", "demo", "funnel-clone")
    assert [clone for clone in kept["clones"] if clone["clone"] not in index.read_text("utf-8")] == []


def _state(kept: dict[str, Any]) -> Kept:
    found = state.read(Path(kept["pages"]).parents[1])
    assert found is not None
    return found


def _gone(folder: Path, below: set[int]) -> None:
    wait_for(lambda: alive(below) == set())
    assert state.read(folder) is None


def test_the_demo_leaves_its_servers_running_on_loopback_alone(kept: dict[str, Any]) -> None:
    pid = kept["kept"]["pid"]
    below = descendants(pid)
    lines = command_lines(below)
    assert [name for name in SERVERS if not any(name in f"{line} " for line in lines.values())] == []
    assert set(listening_addresses({pid, *below})) == {"127.0.0.1"}
    # No terminal's end and no Ctrl-C reaches it.
    assert os.getsid(pid) == pid


def test_the_keepers_secrets_are_in_one_file_for_its_owner(kept: dict[str, Any], shell: Shell) -> None:
    folder = Path(kept["pages"]).parents[1]
    settings = _state(kept).settings
    secrets = [settings["s3.access_key_id"], settings["s3.secret_access_key"]]
    assert stat.S_IMODE((folder / state.FILE).stat().st_mode) == 0o600
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    again = shell("demo", "--keep")
    said = [json.dumps(kept), again.stdout, again.stderr, repr(_state(kept)), shell("pass", "--cfg").stdout]
    said.extend(command_lines({kept["kept"]["pid"], *descendants(kept["kept"]["pid"])}).values())
    assert [(secret, text) for secret in secrets for text in said if secret in text] == []
    held = environments({kept["kept"]["pid"], *descendants(kept["kept"]["pid"])})
    assert [pid for pid, variables in held.items() if any(CALLERS_SECRET in each for each in variables)] == []
    # The second demo used the first one's servers, and says whose they are.
    assert again.returncode == 0, again.stderr
    assert f"pid {kept['kept']['pid']}" in again.stderr
    assert settings["mongo.uri"] in again.stdout


def test_commands_that_are_given_nothing_use_the_kept_servers(kept: dict[str, Any], shell: Shell) -> None:
    asked = shell("request", kept["clones"][0]["original"])
    assert asked.returncode == 0, asked.stderr
    clone = asked.stdout.strip()
    # More than one where Ray had to be started twice.
    sessions = set((Path(kept["pages"]).parents[1] / "ray").glob("session_2*"))
    report = shell("pass", "--drain", "--json")
    assert report.returncode == 0, report.stderr
    assert (json.loads(report.stdout)["completed"], json.loads(report.stdout)["problems"]) == (1, [])
    status = json.loads(shell("status", clone, "--json").stdout)
    assert (status["state"], status["errors"]) == ("completed", [])
    now = set((Path(kept["pages"]).parents[1] / "ray").glob("session_2*"))
    assert sessions
    assert now == sessions, "the pass was to join the Ray that is kept"


def test_what_is_given_wins_over_what_is_kept(kept: dict[str, Any], shell: Shell) -> None:
    elsewhere = "mongodb://127.0.0.1:9/?serverSelectionTimeoutMS=300"
    assert shell("status", MONGO_URI=elsewhere).returncode == 3
    assert shell("status", f"mongo.uri={elsewhere}").returncode == 3
    # All of a server's settings or none: the kept keys are not for somebody else's bucket.
    other = shell("pass", "--json", S3_BUCKET="theirs")
    assert (other.returncode, json.loads(other.stdout)["key"]) == (2, "s3.access_key_id")


def test_another_folder_holds_another_state(kept: dict[str, Any], shell: Shell, tmp_path: Path) -> None:
    nothing = shell("status", "--json", f"local.data_dir={tmp_path}")
    assert (nothing.returncode, json.loads(nothing.stdout)["key"]) == (2, "mongo.uri")
    assert json.loads(shell("down", "--json", f"local.data_dir={tmp_path}").stdout)["stopped"] is False
    assert _state(kept).runs


def test_down_ends_all_of_it_the_data_stay_and_a_killed_keeper_leaves_nothing_running(
    kept: dict[str, Any], shell: Shell
) -> None:
    folder, pid = Path(kept["pages"]).parents[1], kept["kept"]["pid"]
    below = {pid, *descendants(pid)}
    done = shell("down", "--json")
    assert (done.returncode, json.loads(done.stdout)["pid"]) == (0, pid)
    # At once, not soon: it waits.
    assert alive(below) == set()
    assert state.read(folder) is None
    assert not (folder / state.FILE).exists()
    assert "Nothing runs" in shell("down").stdout
    check_another_keeper(folder, kept, shell)


def check_another_keeper(folder: Path, kept: dict[str, Any], shell: Shell) -> None:
    """One started anew on the folder has its data; killed, it leaves nothing running."""
    again = keeper.start_keeper(folder, RaySettings(num_cpus=1), {})
    states = json.loads(shell("status", kept["clones"][0]["clone"], "--json").stdout)
    assert states["state"] == "completed"
    below = descendants(again.pid)
    assert len(below) > 5
    os.kill(again.pid, signal.SIGKILL)
    _gone(folder, below)
    # What it wrote is still there, and nobody believes it.
    assert (folder / state.FILE).exists()
    assert keeper.stop_keeper(folder) is None
    assert not (folder / state.FILE).exists()


def test_a_pid_that_was_given_away_again_is_not_the_keeper(tmp_path: Path) -> None:
    mine = Kept(os.getpid(), state.started_at(os.getpid()) or "", "token", {"ray.address": "x"})
    state.write(tmp_path, mine)
    assert state.read(tmp_path) == mine
    state.write(tmp_path, replace(mine, started="another boot/1"))
    assert state.read(tmp_path) is None
    # It would have ended this very process.
    assert keeper.stop_keeper(tmp_path) is None


@pytest.mark.parametrize("text", ["", "{", "[]", '{"pid": 1}', '"text"', "\x00"])
def test_a_broken_state_is_no_state(tmp_path: Path, text: str) -> None:
    (tmp_path / state.FILE).write_text(text)
    assert state.read(tmp_path) is None


def test_a_keeper_whose_servers_do_not_start_says_why_and_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "mongo").write_text("no folder")
    before = descendants(os.getpid())
    with pytest.raises(ServiceUnreachable, match="mongo"):
        keeper.start_keeper(tmp_path, RaySettings(num_cpus=1), {})
    assert alive(descendants(os.getpid()) - before) == set()
    assert state.read(tmp_path) is None
