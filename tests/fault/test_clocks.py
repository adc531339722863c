"""The clocks of a pass's machines are ten minutes off: times are MongoDB's alone, and nobody takes its work for dead.

A process of its own runs the pass with its own Ray, so that driver, tasks and copy actors all have the wrong clock.
"""

import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from time import time
from typing import Any

import pytest
from pymongo import MongoClient

from engine.edges.mongo import leases
from engine.edges.mongo.client import Store
from engine.edges.mongo.scan import claim_next
from engine.settings import S3Settings, Settings
from engine.upkeep.invariants import snapshot
from tests.command_line import CHECKOUT
from tests.fault.audit import Audit, audit
from tests.faulty_door import Door
from tests.funnels import build_funnel, request_clone
from tests.pass_command import DRAIN, pass_environment
from tests.processes import wait_for

TEN_MINUTES_S = 600
WITHIN_S = 240
# Documents that the engine makes or writes, and their times.
TIMES = {
    "funnels": ("updatedAt", "clone.started_at", "clone.finished_at"),
    "funnel.step": ("createdAt", "updatedAt", "version", "clone.started_at", "clone.finished_at"),
    "clone_outbox": ("created_at",),
    "clone_passes": ("started_at", "finished_at"),
    "clone_leases": ("renewed_at", "expires_at"),
}


def environment(settings: Settings, shift_s: int) -> dict[str, str]:
    path = os.pathsep.join([str(Path(__file__).parent / "clock"), str(CHECKOUT)])
    return {**pass_environment(settings, {"FUNNEL_CLONE_TEST_CLOCK_SHIFT_S": str(shift_s)}), "PYTHONPATH": path}


def clock_of_server(client: MongoClient[dict[str, Any]]) -> datetime:
    now: datetime = client.admin.command("hello")["localTime"]
    return now


def at(document: dict[str, Any], dotted: str) -> datetime | None:
    value: Any = document
    for name in dotted.split("."):
        value = value.get(name) if isinstance(value, dict) else None
    return datetime.utcfromtimestamp(value / 1000) if isinstance(value, int) else value  # noqa: DTZ004 - as pymongo's


@pytest.mark.fault_sample(1)
@pytest.mark.parametrize("shift_s", [TEN_MINUTES_S, -TEN_MINUTES_S])
def test_d2_a_pass_whose_clocks_are_ten_minutes_off_writes_the_servers_times_and_is_left_alone(
    settings: Settings,
    store: Store,
    mongo_client: MongoClient[dict[str, Any]],
    database: Any,
    s3: Any,
    bucket: str,
    door: Door,
    behind_door: S3Settings,
    shift_s: int,
) -> None:
    original_id = build_funnel(
        database, s3, bucket, steps=2, images=2, image_bytes=600, forms=1, html_bytes=2_500, components_bytes=2_500
    )
    before, clone_id = snapshot(database, s3, original_id), request_clone(database, original_id)
    wrong = environment(replace(settings, s3=behind_door), shift_s)
    told = subprocess.check_output([sys.executable, "-c", "import time; print(time.time())"], env=wrong)
    assert abs(float(told) - time() - shift_s) < 60, "the clock is not wrong"
    began = clock_of_server(mongo_client)
    door.is_open.clear()
    with ThreadPoolExecutor(1) as other_machine:
        running = other_machine.submit(
            subprocess.run, DRAIN, env=wrong, cwd=settings.local.data_dir, capture_output=True, timeout=WITHIN_S
        )
        try:
            wait_for(lambda: bool(door.puts()) or running.done(), WITHIN_S)
            # In the middle of it, one whose clock is right: nothing is stale, and the lease holds.
            assert isinstance(leases.acquire(store, "e" * 32, "another", 60), leases.Holder)
            assert claim_next(store, "e" * 32, settings.scan.funnel_stale_minutes, None) is None
        finally:
            door.is_open.set()
        done = running.result()
    assert done.returncode == 0, done.stderr.decode()
    assert json.loads(done.stdout)["completed"] == 1
    assert audit(database, s3, bucket, {clone_id: before}) == Audit()
    ended = clock_of_server(mongo_client) + timedelta(seconds=settings.lease.ttl_seconds)
    written = [
        (collection, name, at(document, name))
        for collection, names in TIMES.items()
        for document in mongo_client[database.name][collection].find({"_id": {"$nin": originals(store, original_id)}})
        for name in names
    ]
    assert [found for found in written if found[2] is None or not began <= found[2] <= ended] == []


def originals(store: Store, original_id: Any) -> list[Any]:
    """The original funnel and its pages, which keep their own times."""
    return [original_id, *(step["_id"] for step in store.steps.find({"funnel_id": original_id}, {"_id": 1}))]
