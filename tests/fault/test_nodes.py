"""Machines of the cluster die and join in the middle of a pass; the head dies, and the next pass has another cluster.

A door before S3 makes the moment certain: it is shut until pages are in work on the node that is struck.
"""

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from typing import Any

import pytest

from engine.edges.mongo import reads
from engine.edges.mongo.client import Store
from engine.settings import Settings
from engine.upkeep.invariants import Snapshot, snapshot
from tests.fault.audit import Audit, audit
from tests.fault.nodes import CHECKOUT, Cluster, cluster
from tests.faulty_door import Door
from tests.funnels import build_funnel, request_clone
from tests.processes import wait_for

WITHIN_S = 180
UNREACHABLE = 3
STEP = "clone_one_step"

pytestmark = pytest.mark.timeout(900)


@dataclass
class Work:
    """Clones that are asked for, and passes of the command over them."""

    settings: Settings
    store: Store
    s3: Any
    door: Door
    clones: dict[Any, Snapshot]

    def begin_pass(self, on: Cluster, *more: str) -> "subprocess.Popen[bytes]":
        s3 = self.settings.s3
        kept = {n: v for n, v in os.environ.items() if not n.startswith(("RAY_", "AWS_", "MONGO_", "S3_"))}
        environment = {
            **kept,
            **on.environment,
            "PYTHONPATH": str(CHECKOUT),
            "XDG_DATA_HOME": self.settings.local.data_dir,
            "MONGO_URI": self.settings.mongo.uri,
            "MONGO_DATABASE": self.settings.mongo.database,
            "AWS_ENDPOINT_URL_S3": self.door.endpoint_url,
            "S3_BUCKET": s3.bucket,
            "AWS_ACCESS_KEY_ID": s3.access_key_id,
            "AWS_SECRET_ACCESS_KEY": s3.secret_access_key,
            "PREVIEW_DOMAIN": self.settings.chat.preview_domain,
        }
        limits = ["lease.ttl_seconds=5", "funnels.attempts=9", "funnels.backoff_seconds=0.2", "steps.attempts=9"]
        command = [
            sys.executable,
            "-c",
            "from engine.cli import main; main()",
            "pass",
            "--drain",
            "--json",
            *limits,
            *more,
        ]
        return subprocess.Popen(command, env=environment, cwd=CHECKOUT, stdout=subprocess.PIPE, stderr=subprocess.PIPE)

    def end_of(self, running: "subprocess.Popen[bytes]") -> tuple[int, Any]:
        """(exit status, the document)."""
        out, err = running.communicate(timeout=WITHIN_S)
        try:
            return running.returncode, json.loads(out or b"null") or err.decode()
        except json.JSONDecodeError:
            raise AssertionError(f"stdout holds more than the document: {out.decode()}") from None

    def wait_for_pages_in_work(self, running: "subprocess.Popen[bytes]", count: int) -> None:
        wait_for(lambda: len(self.door.puts()) >= 2 or running.poll() is not None, WITHIN_S)
        assert running.poll() is None, self.end_of(running)
        in_work = {"funnel_id": {"$in": list(self.clones)}, "in_progress": True}
        wait_for(lambda: self.store.steps.count_documents(in_work) >= count, WITHIN_S)

    def wait_for_lease(self) -> None:
        wait_for(lambda: not (reads.lease(self.store) or {}).get("live"))

    def judge(self) -> None:
        assert audit(self.store.db, self.s3, self.settings.s3.bucket, self.clones) == Audit()
        assert self.store.outbox.count_documents({}) == len(self.clones)


@pytest.fixture
def work(settings: Settings, store: Store, database: Any, s3: Any, bucket: str, door: Door) -> Work:
    original_id = build_funnel(
        database, s3, bucket, steps=6, images=6, image_bytes=600, forms=1, html_bytes=2_500, components_bytes=2_500
    )
    before = snapshot(database, s3, original_id)
    return Work(settings, store, s3, door, {request_clone(database, original_id): before for _ in range(2)})


@pytest.mark.fault_sample(0)
@pytest.mark.parametrize("nodes", [2])
def test_a_node_that_dies_takes_its_pages_along_and_the_pass_goes_on_without_it(work: Work, nodes: int) -> None:
    with cluster(nodes) as on:
        work.door.is_open.clear()
        running = work.begin_pass(on)
        work.wait_for_pages_in_work(running, 5)
        victim = next(node for node in on.nodes if node.runs(STEP) and not node.runs("Driver"))
        victim.kill()
        work.door.is_open.set()
        status, report = work.end_of(running)
        assert (status, report["completed"], report["failed"]) == (0, 2, 0), report
        assert report["retries"] > 0, "no page was lost with the node"
    work.judge()


@pytest.mark.fault_sample(0)
@pytest.mark.parametrize("nodes", [1])
def test_a_node_that_joins_in_the_middle_takes_work(work: Work, nodes: int) -> None:
    with cluster(nodes) as on:
        work.door.is_open.clear()
        running = work.begin_pass(on, "steps.concurrency=4", "ray.task_cpus=1")
        work.wait_for_pages_in_work(running, 4)
        joined = on.add_node()
        # A page that waits for its copies gives its CPU back, so the first node may hold any number of them. Those that
        # wait now go on, and the door is shut for the next four, which begin together: one CPU has room for one.
        work.door.is_open.set()
        work.door.is_open.clear()
        wait_for(lambda: joined.runs(STEP), WITHIN_S)
        work.door.is_open.set()
        status, report = work.end_of(running)
        assert (status, report["completed"]) == (0, 2), report
    work.judge()


@pytest.mark.fault_sample(0)
@pytest.mark.parametrize("nodes", [1])
def test_what_died_with_the_head_is_ended_by_the_next_pass_in_another_cluster(work: Work, nodes: int) -> None:
    with cluster(nodes) as on:
        work.door.is_open.clear()
        running = work.begin_pass(on)
        work.wait_for_pages_in_work(running, 3)
        on.kill_head()
        for node in on.nodes:
            node.kill()
        status, told = work.end_of(running)
        assert status not in (0, None), told
        work.door.is_open.set()
    with cluster(nodes) as another:
        work.wait_for_lease()
        status, report = work.end_of(work.begin_pass(another))
        assert (status, report["completed"]) == (0, 2), report
    work.judge()
