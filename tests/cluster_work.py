"""Clones that are asked for, and passes of the command over them in a cluster of nodes."""

import json
import subprocess
from dataclasses import dataclass, replace
from typing import Any

from engine.edges.mongo import reads
from engine.edges.mongo.client import Store
from engine.settings import Settings
from engine.upkeep.invariants import Snapshot, snapshot
from tests.fault.audit import Audit, audit
from tests.faulty_door import Door
from tests.funnels import build_funnel, request_clone
from tests.nodes import Cluster
from tests.pass_command import DRAIN, QUICK_RECOVERY, pass_environment
from tests.processes import wait_for

WITHIN_S = 180
STEP = "clone_one_step"


@dataclass
class Work:
    """Clones that are asked for, and passes of the command over them."""

    settings: Settings
    store: Store
    s3: Any
    door: Door
    clones: dict[Any, Snapshot]

    def begin_pass(self, on: Cluster, *more: str) -> "subprocess.Popen[bytes]":
        given = replace(self.settings, s3=replace(self.settings.s3, endpoint_url=self.door.endpoint_url))
        # Not in the checkout: Ray would have every worker import what lies in its folder, whatever the node has.
        return subprocess.Popen(
            [*DRAIN, *QUICK_RECOVERY, *more],
            env=pass_environment(given, on.environment),
            cwd=self.settings.local.data_dir,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )

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


def two_clones(settings: Settings, store: Store, s3: Any, door: Door) -> Work:
    """Of one funnel of six pages."""
    database, bucket = store.db, settings.s3.bucket
    original_id = build_funnel(
        database, s3, bucket, steps=6, images=6, image_bytes=600, forms=1, html_bytes=2_500, components_bytes=2_500
    )
    before = snapshot(database, s3, original_id)
    return Work(settings, store, s3, door, {request_clone(database, original_id): before for _ in range(2)})
