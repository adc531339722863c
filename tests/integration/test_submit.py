"""A pass as a Ray job: on a head whose nodes have only the wheel, from places without the source tree."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen
from zipfile import ZipFile

import pytest

import engine
from engine.cluster.code_version import code_version
from engine.edges.mongo import leases
from engine.edges.mongo.client import Store
from engine.local.ports import LOOPBACK, free_ports
from engine.settings import Settings
from tests.faulty_door import Seen, faulty_door
from tests.funnels import build_funnel, request_clone
from tests.invariants import assert_sound
from tests.processes import listening_addresses, wait_for
from tests.ray_head import Head, ray_head

ROOT = Path(__file__).parents[2]
RAY = [sys.executable, "-c", "from ray.scripts.scripts import main; main()"]
SMALL: dict[str, Any] = {
    "steps": 2,
    "images": 2,
    "image_bytes": 1_000,
    "forms": 1,
    "html_bytes": 1_500,
    "components_bytes": 1_500,
}
TIMEOUT_S = 300
PASSWORD = "correct-horse"


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A virtual environment with the wheel, and with what the wheel needs from the one that the tests run in."""
    folder = tmp_path_factory.mktemp("installed")
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check"]
    build: list[str | Path] = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", folder, ROOT]
    subprocess.run(build, check=True, capture_output=True)
    (wheel,) = folder.glob("*.whl")
    python = folder / "venv" / "bin" / "python"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder / "venv"], check=True)
    install: list[str | Path] = [*pip, "--python", python, "install", "--no-deps", "--no-index", wheel]
    subprocess.run(install, check=True, capture_output=True)
    (packages,) = (folder / "venv" / "lib").glob("python*/site-packages")
    (packages / "needed.pth").write_text(str(Path(pytest.__file__).parents[1]))
    return python


@pytest.fixture(scope="module")
def head(installed: Path, mongo_server: Any, s3_server: Any) -> Iterator[Head]:
    """Its nodes know the servers and their secrets; databases and buckets come with each job."""
    with ray_head(
        str(installed),
        MONGO_URI=mongo_server.uri,
        AWS_ENDPOINT_URL_S3=s3_server.endpoint_url,
        AWS_ACCESS_KEY_ID=s3_server.access_key_id,
        AWS_SECRET_ACCESS_KEY=s3_server.secret_access_key,
    ) as running:
        yield running


class Submitter:
    """Submits as another machine would: no source tree, no server's address but Ray's."""

    def __init__(self, installed: Path, head: Head, settings: Settings, folder: Path) -> None:
        self.command = [str(installed.parent / "funnel-clone"), "submit"]
        self.folder = folder
        self.environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(folder),
            # Ray's own client takes it for better than the address that it is given.
            "RAY_ADDRESS": "127.0.0.1:9",
            **head.environment,
        }
        self.overrides = [f"mongo.database={settings.mongo.database}", f"s3.bucket={settings.s3.bucket}"]

    def start(self, *arguments: str, **environment: str) -> subprocess.Popen[str]:
        return self.run_here([*self.command, *self.overrides, *arguments], **environment)

    def run_here(self, command: list[str], **environment: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            command,
            env={**self.environment, **environment},
            cwd=self.folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def __call__(self, *arguments: str, **environment: str) -> tuple[int, str, str]:
        return ended(self.start(*arguments, **environment))


def ended(process: subprocess.Popen[str]) -> tuple[int, str, str]:
    """Exit status, stdout, stderr."""
    out, err = process.communicate(timeout=TIMEOUT_S)
    return process.returncode, out, err


@pytest.fixture
def submit(installed: Path, head: Head, settings: Settings, tmp_path: Path) -> Submitter:
    folder = tmp_path / "any folder"
    folder.mkdir()
    return Submitter(installed, head, settings, folder)


def test_submit_clones_on_nodes_that_have_only_the_wheel(
    submit: Submitter, head: Head, settings: Settings, database: Any, s3: Any, bucket: str
) -> None:
    original = build_funnel(database, s3, bucket, **SMALL)
    clones = [request_clone(database, original) for _ in range(2)]
    code, out, err = submit("--drain", "--json")
    assert code == 0, err
    document = json.loads(out)
    figures = {key: document[key] for key in ("funnels", "completed", "failed", "steps", "images", "bytes", "forms")}
    assert figures == {
        "funnels": 2,
        "completed": 2,
        "failed": 0,
        "steps": 4,
        "images": 4,
        "bytes": 4_000,
        "forms": 2,
    }
    assert document["seconds"] > 0
    assert document["state"] == "done"
    assert f"Running entrypoint for job {document['job_id']}" in err, "the log is followed"
    assert '"funnels"' not in err, "the document stands on stdout alone"
    for clone in clones:
        assert_sound(database, s3, clone, None)
    told = api(head, "/api/jobs/")
    assert document["job_id"] in told
    assert settings.s3.secret_access_key not in told, "the dashboard shows it to everyone"
    assert set(listening_addresses(head.pids())) == {LOOPBACK}


def test_a_job_runs_the_wheel_that_it_brings_along(
    submit: Submitter, installed: Path, head: Head, database: Any, s3: Any, bucket: str, tmp_path: Path
) -> None:
    (built,) = installed.parents[2].glob("*.whl")
    wheel = tmp_path / built.name
    with ZipFile(built) as packed, ZipFile(wheel, "w") as changed:
        for name in packed.namelist():
            changed.writestr(name, packed.read(name) + (b"# changed\n" if name == "engine/crash_points.py" else b""))
    clone = request_clone(database, build_funnel(database, s3, bucket, **SMALL))
    code, out, err = submit("--json", f"ray.wheel={wheel}")
    assert code == 0, err
    assert_sound(database, s3, clone, None)
    record = database["clone_passes"].find_one({"_id": json.loads(out)["pass"]})
    assert record["code"].startswith(f"{engine.__version__}+")
    assert record["code"] != code_version(), "that of the nodes, not the one that came with the job"


def test_b22_a_pass_that_is_triggered_through_the_gateway_runs_as_a_job(
    submit: Submitter, settings: Settings, database: Any, s3: Any, bucket: str
) -> None:
    clone = request_clone(database, build_funnel(database, s3, bucket, **SMALL))
    token = "the-operators-token-of-the-tests"
    known = {
        "MONGO_URI": settings.mongo.uri,
        "AWS_ENDPOINT_URL_S3": settings.s3.endpoint_url or "",
        "AWS_ACCESS_KEY_ID": settings.s3.access_key_id,
        "AWS_SECRET_ACCESS_KEY": settings.s3.secret_access_key,
        "GATEWAY_JWT_SECRET": "s" * 64,
        "GATEWAY_OPERATOR_TOKEN": token,
    }
    own = ["gateway.port=0", "gateway.hooks=true", f"local.data_dir={submit.folder}"]
    serve = submit.run_here([submit.command[0], "serve", "--json", *own, *submit.overrides], **known)
    try:
        assert serve.stdout is not None
        url = json.loads(serve.stdout.readline())["url"]
        asked = Request(f"{url}/api/trigger/funnels/funnelClone", b"", {"Authorization": f"Bearer {token}"})
        with urlopen(asked, timeout=TIMEOUT_S) as answer:
            job_id = json.loads(answer.read())["job_id"]
        assert job_id.startswith("funnel-clone-")
        wait_for(lambda: database["clone_passes"].find_one({"state": "done"}) is not None, TIMEOUT_S)
    finally:
        serve.terminate()
        code, _, err = ended(serve)
    assert code == 0, err
    assert_sound(database, s3, clone, None)


@pytest.mark.parametrize(
    ("content", "says"), [(None, "cannot be read"), (b"no zip", "cannot be read"), ({}, "is no wheel of the engine")]
)
def test_what_is_no_wheel_of_the_engine_is_refused(submit: Submitter, tmp_path: Path, content: Any, says: str) -> None:
    wheel = tmp_path / "some.whl"
    if isinstance(content, bytes):
        wheel.write_bytes(content)
    elif content is not None:
        ZipFile(wheel, "w").close()
    code, _, err = submit(f"ray.wheel={wheel}")
    assert code == 2
    assert "ray.wheel" in err
    assert says in err


def api(head: Head, path: str) -> str:
    """What the dashboard says there."""
    asked = Request(head.job_address + path, headers={"Authorization": f"Bearer {head.token}"})
    with urlopen(asked, timeout=30) as answer:
        return str(answer.read().decode())


def test_of_two_ray_jobs_at_once_one_works_and_the_other_says_why_not(
    submit: Submitter, head: Head, settings: Settings, database: Any, s3: Any, bucket: str, tmp_path: Path
) -> None:
    clone = request_clone(database, build_funnel(database, s3, bucket, **SMALL))
    checkout = tmp_path / "checkout"
    for part in ("engine", "conf", "jobs"):
        shutil.copytree(ROOT / part, checkout / part, ignore=shutil.ignore_patterns("__pycache__"))
    job = [*RAY, "job", "submit", "--working-dir", str(checkout), "--", "python", "jobs/clone_pass.py"]
    with faulty_door(settings.s3.endpoint_url or "") as door:
        door.is_open.clear()
        command = [*job, *submit.overrides, f"s3.endpoint_url={door.endpoint_url}"]
        first = submit.run_here([*command, "--drain"])
        wait_for(lambda: bool(door.puts()) or first.poll() is not None, TIMEOUT_S)
        code, second, err = ended(submit.run_here(command))
        door.is_open.set()
        assert code == 0, second + err
        refused = last_document(second)
        assert "another pass" in refused["refused"]
        code, worked, err = ended(first)
    assert code == 0, worked + err
    assert (last_document(worked)["completed"], last_document(worked)["state"]) == (1, "done")
    assert_sound(database, s3, clone, None)


def test_problems_and_wrong_settings_end_as_in_pass(submit: Submitter, database: Any, s3: Any, bucket: str) -> None:
    original = build_funnel(database, s3, bucket, **SMALL)
    database["funnel.step.components"].update_one({"funnel_id": original}, {"$set": {"components": 5}})
    request_clone(database, original)
    code, out, err = submit("--json")
    assert (code, json.loads(out)["failed"]) == (1, 1), err
    code, out, err = submit("--json", "s3.bucket=")
    assert (code, json.loads(out)["key"]) == (2, "s3.bucket"), err


def test_ctrl_c_ends_the_following_and_the_printed_command_ends_the_job_softly(
    submit: Submitter, store: Store, database: Any, s3: Any, bucket: str
) -> None:
    original = build_funnel(database, s3, bucket, **SMALL)
    # Somebody else clones the original: a drain waits for that.
    store.funnels.update_one({"_id": original}, {"$set": {"in_progress": True, "updatedAt": datetime.now(UTC)}})
    clone = request_clone(database, original)
    following = submit.start("--drain", "--json")
    waits = {"_id": clone, "clone.state": "waiting"}
    wait_for(lambda: store.funnels.find_one(waits) is not None or following.poll() is not None, TIMEOUT_S)
    following.send_signal(signal.SIGINT)
    code, out, err = ended(following)
    assert code == 130, err
    assert store.passes.find_one({"state": "running"}) is not None, "the job goes on"
    job_id = json.loads(out)["job_id"]
    (command,) = re.findall(rf"Job {job_id} goes on\. This stops it: ray (.+)", err)
    code, out, err = ended(submit.run_here([*RAY, *command.split()]))
    assert (code, f"{job_id}' was stopped" in out + err) == (0, True), out + err
    (record,) = store.passes.find({})
    assert record["state"] == "stopped", "what was in hand is given back, and the lease with it"
    assert isinstance(leases.acquire(store, "next", "next", 60), leases.Lease)


def test_a_refusal_ends_with_0_and_the_following_survives_a_job_server_that_cuts_connections(
    submit: Submitter, head: Head, store: Store
) -> None:
    leases.acquire(store, "other", "somebody else", 3600)
    outage = iter(["status", "status", "log"])

    def cut(seen: Seen) -> None:
        websocket = seen.target.endswith("/logs/tail")
        asked_of_a_job = seen.method == "GET" and "/api/jobs/" in seen.target
        if websocket or (asked_of_a_job and next(outage, None)):
            raise ConnectionAbortedError

    with faulty_door(head.job_address) as door:
        door.before = cut
        code, out, err = submit("ray.job_address=" + door.endpoint_url)
    assert (code, out) == (0, "Refused: another pass runs: somebody else\n"), err
    assert err.count("Running entrypoint for job") == 1, "every line is shown, and once"
    assert next(outage, None) is None


def last_document(log: str) -> dict[str, Any]:
    """The last line of the job's own output, wherever Ray puts its words around it."""
    document: dict[str, Any] = json.loads([line for line in log.splitlines() if line.startswith("{")][-1])
    return document


@pytest.mark.parametrize(
    "override",
    [
        f"mongo.uri=mongodb://user:{PASSWORD}@127.0.0.1:9/",
        f"s3.access_key_id={PASSWORD}",
        f"s3.secret_access_key={PASSWORD}",
        f"s3.endpoint_url=http://user:{PASSWORD}@127.0.0.1:9",
    ],
)
def test_a_secret_on_the_command_line_is_refused_before_anything_is_submitted(submit: Submitter, override: str) -> None:
    # Nothing listens there: were anything asked of it, the command would end with 3.
    code, out, err = submit("--json", f"ray.job_address=http://127.0.0.1:{free_ports(1)[0]}", override)
    assert (code, json.loads(out)["key"]) == (2, override.partition("=")[0]), err
    assert "nodes' environment" in err
    assert PASSWORD not in out + err


def test_no_address_and_another_clusters_address_are_refused(submit: Submitter) -> None:
    for argument, key in [
        ("ray.job_address=", "ray.job_address"),
        ("ray.job_address=127.0.0.1:8265", "ray.job_address"),
        ("ray.address=127.0.0.1:6379", "ray.address"),
    ]:
        code, out, err = submit("--json", argument)
        assert (code, json.loads(out)["key"]) == (2, key), err


def test_a_job_server_that_is_away_or_refuses_the_token_ends_with_3(submit: Submitter) -> None:
    for environment in (
        {"RAY_API_SERVER_ADDRESS": f"http://127.0.0.1:{free_ports(1)[0]}"},
        {"RAY_AUTH_TOKEN": "0" * 32},
    ):
        code, out, err = submit("--json", **environment)
        assert code == 3, err
        assert "ray.job_address" in json.loads(out)["error"]
        assert "RAY_API_SERVER_ADDRESS" in err
