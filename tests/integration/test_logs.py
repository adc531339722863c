"""What a pass tells as JSON: by driver, worker and copy actor alike, each line with the pass that it is of."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import ray

from engine.cluster.session import run_pass
from engine.settings import LogSettings, S3Settings, Settings
from tests.faulty_door import MORE_THAN_BORNE, Door, Fault
from tests.funnels import build_funnel, request_clone
from tests.processes import wait_for

SMALL: dict[str, Any] = {
    "steps": 1,
    "images": 2,
    "image_bytes": 1_000,
    "forms": 0,
    "html_bytes": 1_000,
    "components_bytes": 1_000,
}


def told_of(pass_id: str) -> list[dict[str, Any]]:
    """What Ray's processes wrote of the pass to stderr, wherever they ran."""
    node: Any = ray._private.worker.global_worker.node
    logs = Path(node.get_session_dir_path()) / "logs"
    lines = [line for path in logs.glob("worker-*.err") for line in path.read_text("utf-8").splitlines()]
    return [json.loads(line) for line in lines if line.startswith("{") and pass_id in line]


def test_b23_driver_workers_and_copy_actors_tell_the_pass_the_funnel_and_the_step_as_json(
    ray_cluster: Any, settings: Settings, behind_door: S3Settings, door: Door, database: Any, s3: Any, bucket: str
) -> None:
    sound, broken = (build_funnel(database, s3, bucket, **SMALL) for _ in range(2))
    database["funnel.step.components"].update_one({"funnel_id": broken}, {"$set": {"components": 5}})
    done, failed = (request_clone(database, original) for original in (sound, broken))
    door.faults.extend([Fault(503, "SlowDown")] * MORE_THAN_BORNE)
    given = replace(settings, s3=behind_door, log=LogSettings("json"), copy=replace(settings.copy, actors=1))
    report = run_pass(given, drain=False, show=lambda _: None)
    assert (report.figures["completed"], report.figures["failed"]) == (1, 1)

    by_each = {"pass ended", "task error", "copies slowed"}  # the driver, a worker, a copy actor
    wait_for(lambda: by_each <= {line["event"] for line in told_of(report.pass_id)})
    told = told_of(report.pass_id)
    assert {line["pass_id"] for line in told} == {report.pass_id}
    assert all("event" in line for line in told)
    (error,) = [line for line in told if line["event"] == "task error"]
    step = database["funnel.step"].find_one({"funnel_id": failed})
    assert (error["level"], error["funnel_id"], error["step_id"]) == ("warning", str(failed), str(step["_id"]))
    assert "ComponentsInvalid" in error["traceback"], "what cannot succeed is told with all of it"
    assert [line["funnel_id"] for line in told if line["event"] == "step done"] == [str(done)]
