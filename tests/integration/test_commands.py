"""The commands as their users run them: by exit code and by what stands on stdout."""

import json
import os
import signal
import subprocess
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import ray
from bson import ObjectId
from pymongo import MongoClient

from engine.edges.mongo import leases
from engine.edges.mongo.client import Store
from engine.local.mongod import find_mongod
from engine.local.ports import free_ports
from engine.settings import Settings
from tests.command_line import ENDS_WITHIN_S, RUN, Done, environment_of, run_as_process, run_here
from tests.funnels import build_funnel, request_clone
from tests.invariants import assert_sound
from tests.processes import wait_for

SMALL: dict[str, Any] = {
    "steps": 2,
    "images": 2,
    "image_bytes": 1_000,
    "forms": 1,
    "html_bytes": 1_500,
    "components_bytes": 1_500,
}


class Shell:
    """Runs commands with the test's servers in the environment: in this process, or in one of their own."""

    def __init__(self, settings: Settings, folder: Path) -> None:
        self.folder = folder
        self.environment = environment_of(settings, XDG_DATA_HOME=str(folder.parent))

    def __call__(self, *arguments: str, run: Callable[..., Done] = run_here, **environment: str) -> Done:
        return run(*arguments, environment={**self.environment, **environment}, cwd=self.folder)

    def json(self, *arguments: str) -> Any:
        return self._document(self(*arguments, "--json"), 0)

    def json_of_process(self, *arguments: str, expect: int = 0, more: Mapping[str, str] | None = None) -> Any:
        """``more`` of an environment."""
        return self._document(self(*arguments, "--json", run=run_as_process, **(more or {})), expect)

    def _document(self, done: Done, expect: int) -> Any:
        assert done.returncode == expect, done.stderr + done.stdout
        return json.loads(done.stdout)


@pytest.fixture
def shell(settings: Settings, tmp_path: Path) -> Shell:
    folder = tmp_path / "any folder"
    folder.mkdir()
    return Shell(settings, folder)


@pytest.fixture
def of_shared_ray(ray_cluster: None) -> Mapping[str, str]:
    """What a pass needs in its environment to join the session's Ray, which saves it the start of its own."""
    kept = {name: value for name, value in os.environ.items() if name.startswith("RAY_")}
    return {**kept, "RAY_ADDRESS": ray.get_runtime_context().gcs_address}


def test_init_makes_the_indexes_once(shell: Shell, store: Store) -> None:
    made = shell.json_of_process("init")["created"]
    assert "clone_asked" in made
    assert "clone_asked" in store.funnels.index_information()
    assert shell.json("init")["created"] == []


def test_request_pass_and_status_from_the_flag_to_the_finished_clone(
    shell: Shell, store: Store, database: Any, s3: Any, bucket: str
) -> None:
    original = build_funnel(database, s3, bucket, **SMALL)
    account = ObjectId()
    database["_accounts"].insert_one({"_id": account})
    asked = shell.json_of_process("request", str(original), "--count", "2", "--account", str(account))["funnel_ids"]
    assert [shell.json("status", clone)["state"] for clone in asked] == ["asked", "asked"]
    report = shell.json_of_process("pass", "--drain", "ray.num_cpus=2")
    assert {key: report[key] for key in ("funnels", "completed", "failed", "steps", "images", "bytes", "forms")} == {
        "funnels": 2,
        "completed": 2,
        "failed": 0,
        "steps": 4,
        "images": 4,
        "bytes": 4_000,
        "forms": 2,
    }
    assert report["seconds"] > 0
    for clone in asked:
        status = shell.json("status", clone)
        assert (status["state"], status["steps_done"], status["steps_total"]) == ("completed", 2, 2)
        assert (status["images_done"], status["images_total"], status["errors"]) == (2, 2, [])
        funnel = store.funnels.find_one({"_id": ObjectId(clone)}) or {}
        assert (funnel["account_id"], funnel["name"].endswith(" (Clone)")) == (account, True)
        assert_sound(database, s3, ObjectId(clone), None)
    overview = shell.json_of_process("status")
    assert overview["counts"]["completed"] == 2
    assert overview["pass"] is None
    assert list(shell.folder.iterdir()) == [], "no output folder is written"


def test_a_pass_that_found_problems_ends_with_1(
    shell: Shell, of_shared_ray: Mapping[str, str], store: Store, database: Any, s3: Any, bucket: str
) -> None:
    original = build_funnel(database, s3, bucket, **SMALL)
    store.components.update_one({"funnel_id": original}, {"$set": {"components": 5}})
    clone = request_clone(database, original)
    report = shell.json_of_process("pass", expect=1, more=of_shared_ray)
    assert (report["completed"], report["failed"]) == (0, 1)
    status = shell.json("status", str(clone))
    assert status["state"] == "failed"
    assert "components is int" in status["errors"][0]


def test_ctrl_c_gives_back_what_is_in_hand_and_the_next_pass_goes_on(
    shell: Shell, of_shared_ray: Mapping[str, str], store: Store, database: Any, s3: Any, bucket: str
) -> None:
    original = build_funnel(database, s3, bucket, **{**SMALL, "steps": 10})
    clone = request_clone(database, original)
    command = [*RUN, "pass", "ray.num_cpus=2", "steps.concurrency=1", "--json"]
    # Each step takes a while, so that the pass is still at work when it is told to stop.
    slow = {"failCommands": ["findAndModify"], "namespace": f"{database.name}.funnel.step"}
    held_back = {"blockConnection": True, "blockTimeMS": 1_000}
    admin = store.client.admin
    admin.command({"configureFailPoint": "failCommand", "mode": "alwaysOn", "data": {**slow, **held_back}})
    try:
        with subprocess.Popen(
            command,
            env=shell.environment,
            cwd=shell.folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        ) as running:
            wait_for(lambda: store.steps.count_documents({"funnel_id": clone, "pending": False}) > 0, ENDS_WITHIN_S)
            running.send_signal(signal.SIGINT)
            out, _ = running.communicate(timeout=ENDS_WITHIN_S)
    finally:
        admin.command({"configureFailPoint": "failCommand", "mode": "off"})
    assert running.returncode == 1
    assert json.loads(out)["state"] == "stopped"
    funnel = store.funnels.find_one({"_id": clone}) or {}
    assert (funnel["pending"], funnel["in_progress"], funnel["clone"]["state"]) == (True, False, "waiting")
    assert funnel["clone"]["attempts"] == 0, "to be stopped is no attempt"
    assert store.steps.count_documents({"funnel_id": clone, "in_progress": True}) == 0
    assert shell.json_of_process("pass", more=of_shared_ray)["completed"] == 1
    assert_sound(database, s3, clone, None)


def test_a_pass_beside_another_is_refused_and_ends_with_0(
    shell: Shell, of_shared_ray: Mapping[str, str], store: Store
) -> None:
    leases.acquire(store, "other", "somebody else", 300)
    report = shell.json_of_process("pass", more=of_shared_ray)
    assert "somebody else" in report["refused"]


@pytest.mark.parametrize(
    ("arguments", "key"),
    [
        (("pass", "steps.concurrency=0"), "steps.concurrency"),
        (("pass", "steps.concurency=3"), "steps.concurency"),
        (("pass", "steps.concurrency=many"), "steps.concurrency"),
        (("pass", "s3.secret_access_key="), "s3.secret_access_key"),
        (("pass", "mongo.uri="), "mongo.uri"),
        (("init", "mongo.uri=http://x"), "mongo.uri"),
    ],
)
def test_a_wrong_setting_ends_with_2_and_names_the_key(shell: Shell, arguments: tuple[str, ...], key: str) -> None:
    done = shell(*arguments, "--json")
    assert done.returncode == 2, done.stderr
    assert json.loads(done.stdout)["key"] == key
    assert key in done.stderr


@pytest.mark.parametrize("arguments", [("request", "64a1f0c2e4b0a1b2c3d4e5f6"), ("status", "nobody"), ("pass", "--no")])
def test_an_unknown_id_or_option_ends_with_2(shell: Shell, arguments: tuple[str, ...]) -> None:
    done = shell(*arguments)
    assert done.returncode == 2, done.stderr
    assert arguments[1] in done.stderr


def test_an_unknown_account_ends_with_2_and_asks_for_nothing(shell: Shell, store: Store) -> None:
    store.funnels.insert_one({"_id": "f", "name": "n"})
    done = shell("request", "f", "--account", "nobody")
    assert (done.returncode, "nobody" in done.stderr) == (2, True)
    assert store.funnels.count_documents({}) == 1


@pytest.mark.parametrize(
    "key", ["mongo.uri=mongodb://127.0.0.1:9/?serverSelectionTimeoutMS=300", "s3.endpoint_url=http://127.0.0.1:9"]
)
def test_a_server_that_does_not_answer_ends_with_3_and_is_named(shell: Shell, key: str) -> None:
    done = shell("pass", key)
    assert done.returncode == 3, done.stderr
    assert key.split("=", 1)[0] in done.stderr


@pytest.fixture
def lone_mongod(tmp_path: Path) -> Iterator[str]:
    """A mongod that is no replica set; its URI."""
    (port,) = free_ports(1)
    (tmp_path / "db").mkdir()
    options = ["--dbpath", str(tmp_path / "db"), "--port", str(port), "--bind_ip", "127.0.0.1", "--nounixsocket"]
    server = subprocess.Popen([str(find_mongod()), *options], stdout=subprocess.DEVNULL)
    uri = f"mongodb://127.0.0.1:{port}"
    try:
        with MongoClient[dict[str, Any]](uri) as client:
            client.admin.command("ping")
        yield uri
    finally:
        server.terminate()
        server.wait()


def test_a_mongodb_that_is_no_replica_set_ends_with_2_and_says_what_to_do(shell: Shell, lone_mongod: str) -> None:
    done = shell("pass", "--json", MONGO_URI=lone_mongod)
    assert done.returncode == 2, done.stderr
    assert json.loads(done.stdout)["key"] == "mongo.uri"
    assert "--replSet" in done.stderr


def test_no_secret_is_ever_printed(shell: Shell, settings: Settings) -> None:
    password = "correct-horse"
    uri = f"mongodb://user:{password}@127.0.0.1:9/?serverSelectionTimeoutMS=200"
    secret = settings.s3.secret_access_key
    outputs = [
        shell("pass", "--help"),
        shell("pass", "--settings"),
        shell("pass", "--cfg", MONGO_URI=uri),
        shell("status", "--cfg", MONGO_URI=uri),
        shell("pass", MONGO_URI=uri),
        shell("pass", f"s3.secret_acess_key={secret}"),
        shell("pass", f"steps.concurrency={secret}", MONGO_URI=uri),
        shell("pass", MONGO_URI=f"user:{password}"),
        shell("pass", "s3.endpoint_url=http://127.0.0.1:9"),
    ]
    for done in outputs:
        assert password not in done.stdout + done.stderr
        assert secret not in done.stdout + done.stderr
    assert outputs[2].returncode == 0
    assert "mongo" in outputs[2].stdout


def test_help_says_what_commands_do_and_how_they_end(shell: Shell) -> None:
    done = shell("--help", run=run_as_process)
    assert done.returncode == 0
    for word in ("demo", "init", "request", "pass", "status", "Exit status"):
        assert word in done.stdout
    assert "--drain" in shell("pass", "--help").stdout
