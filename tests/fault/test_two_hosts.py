"""Two hosts, each with a network of its own and a distance between them and S3, do one pass; one of them dies in it."""

import json
import secrets
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from subprocess import Popen
from typing import Any
from urllib.parse import urlsplit

import pytest

from engine.edges.mongo.client import Store
from engine.settings import LocalSettings, Settings
from engine.upkeep.invariants import Snapshot, snapshot
from tests.cluster_work import STEP, WITHIN_S
from tests.delaying_proxy import delaying_proxy
from tests.fault.audit import Audit, audit
from tests.funnels import build_funnel, request_clone
from tests.hosts import Host, Network, network
from tests.nodes import WATCHFUL
from tests.pass_command import DRAIN, QUICK_RECOVERY, pass_environment
from tests.processes import wait_for

ROUND_TRIP_S = 0.3
PORT = 6379
RAY = [sys.executable, "-c", "from ray.scripts.scripts import main; main()", "start", "--block"]

pytestmark = [pytest.mark.timeout(900), pytest.mark.fault_sample(0)]


@dataclass
class TwoHosts:
    """A Ray on two hosts, of two CPUs each."""

    first: Host
    second: Host
    environment: dict[str, str]
    folder: Path

    def begin_pass(self, *more: str) -> Popen[bytes]:
        return self.first.start([*DRAIN, *QUICK_RECOVERY, *more], self.environment, self.folder / "pass.log")

    def end_of(self, running: Popen[bytes]) -> tuple[int, Any]:
        """(exit status, the document)."""
        out, _ = running.communicate(timeout=WITHIN_S)
        log = (self.folder / "pass.log").read_text()
        return running.returncode, json.loads(out) if out else log


@pytest.fixture
def hosts(settings: Settings, tmp_path: Path) -> Iterator[TwoHosts]:
    with ExitStack() as stack:
        net = stack.enter_context(network(2))
        environment = _environment(stack, net, settings)
        first, second = net.hosts
        for host, role in ((first, ["--head", f"--port={PORT}"]), (second, [f"--address={first.address}:{PORT}"])):
            command = [*RAY, *role, f"--node-ip-address={host.address}", "--num-cpus=2"]
            log = tmp_path / f"{host.name}.log"
            started = host.start([*command, f"--object-store-memory={100 * 1024**2}"], environment, log)
            assert started.stdout is not None
            said = iter(started.stdout.readline, b"")
            assert any(b"Ray runtime started" in line for line in said), log.read_text()
        yield TwoHosts(first, second, {**environment, "RAY_ADDRESS": f"{first.address}:{PORT}"}, tmp_path)


def _environment(stack: ExitStack, net: Network, settings: Settings) -> dict[str, str]:
    mongo, s3 = urlsplit(settings.mongo.uri).netloc, urlsplit(settings.s3.endpoint_url or "").netloc
    near_mongo = stack.enter_context(delaying_proxy(mongo, 0, net.address))
    near_s3 = stack.enter_context(delaying_proxy(s3, ROUND_TRIP_S, net.address))
    given = replace(
        settings,
        mongo=replace(settings.mongo, uri=f"mongodb://{near_mongo}/?directConnection=true"),
        s3=replace(settings.s3, endpoint_url=f"http://{near_s3}"),
        local=LocalSettings("/tmp/data"),  # each host's own
    )
    guard = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": secrets.token_hex(16)}
    return pass_environment(given, {**WATCHFUL, **guard})


@pytest.fixture
def original(database: Any, s3: Any, bucket: str) -> tuple[Any, Snapshot]:
    small: dict[str, Any] = {"image_bytes": 600, "html_bytes": 2_500, "components_bytes": 2_500}
    original_id = build_funnel(database, s3, bucket, steps=6, images=12, forms=1, **small)
    return original_id, snapshot(database, s3, original_id)


def test_two_hosts_far_from_s3_share_a_pass_and_when_one_dies_the_other_ends_the_next(
    hosts: TwoHosts, original: tuple[Any, Snapshot], store: Store, s3: Any, bucket: str
) -> None:
    original_id, before = original
    clones = {request_clone(store.db, original_id): before for _ in range(2)}
    running = hosts.begin_pass("steps.concurrency=12")
    for host in (hosts.first, hosts.second):
        wait_for(lambda host=host: host.runs(STEP) or running.poll() is not None, WITHIN_S)  # type: ignore[misc]
    assert running.poll() is None, "both hosts work, and at once"
    status, report = hosts.end_of(running)
    assert (status, report["completed"]) == (0, 2), report
    assert audit(store.db, s3, bucket, clones) == Audit()

    more = {request_clone(store.db, original_id): before for _ in range(2)}
    running = hosts.begin_pass("steps.concurrency=12")
    wait_for(lambda: hosts.second.runs(STEP) or running.poll() is not None, WITHIN_S)
    assert hosts.first.runs("Driver"), "the driver stays on the host of its job"
    hosts.second.end()
    status, report = hosts.end_of(running)
    assert (status, report["completed"], report["failed"]) == (0, 2, 0), report
    assert report["retries"] > 0, "no page was lost with the host"
    assert audit(store.db, s3, bucket, clones | more) == Audit()
    assert store.outbox.count_documents({}) == len(clones | more)
