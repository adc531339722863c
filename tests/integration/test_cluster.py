"""Several nodes do the work of one pass, where there is CPU; and a pass has one code, on all of them."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from engine.cluster.code_version import code_version
from engine.cluster.heartbeat import Heartbeat
from engine.cluster.launch import Launcher
from engine.cluster.pass_run import PassRun
from engine.cluster.session import run_pass
from engine.edges.mongo import leases
from engine.edges.mongo.client import Store
from engine.settings import Settings
from tests.cluster_work import STEP, Work, two_clones
from tests.command_line import CHECKOUT
from tests.faulty_door import Door
from tests.funnels import build_funnel, request_clone
from tests.invariants import assert_sound
from tests.nodes import Cluster, cluster
from tests.processes import wait_for

pytestmark = pytest.mark.timeout(900)
WRONG_CONFIGURATION = 2
PASS = "this pass"
SMALL: dict[str, Any] = {"steps": 2, "images": 2, "image_bytes": 600, "html_bytes": 2_500, "components_bytes": 2_500}


@pytest.fixture(scope="module")
def nodes() -> Iterator[Cluster]:
    """A head that runs no tasks, and three nodes of one CPU each: room for twelve pages."""
    with cluster(3) as running:
        yield running


@pytest.fixture
def work(settings: Settings, store: Store, s3: object, door: Door) -> Work:
    return two_clones(settings, store, s3, door)


@pytest.fixture
def other_code(tmp_path: Path) -> dict[str, str]:
    """The environment of a node that has the same version of the engine, and a word more in it."""
    other = tmp_path / "other"  # not where the pass is run: its workers would all import what lies there
    for part in ("engine", "conf"):
        shutil.copytree(CHECKOUT / part, other / part, ignore=shutil.ignore_patterns("__pycache__"))
    with (other / "engine" / "crash_points.py").open("a") as module:
        module.write("# changed\n")
    return {"PYTHONPATH": str(other)}


def test_pages_are_worked_on_wherever_there_is_cpu_and_copy_actors_are_spread(work: Work, nodes: Cluster) -> None:
    work.door.is_open.clear()
    running = work.begin_pass(nodes, "steps.concurrency=12", "copy.actors=3")
    work.wait_for_pages_in_work(running, 12)
    assert [node.runs(STEP) for node in nodes.nodes] == [True, True, True]
    hosts = (*nodes.nodes, nodes.the_head)
    wait_for(lambda: sum(host.runs("CopyActor") for host in hosts) == 3)
    work.door.is_open.set()
    status, report = work.end_of(running)
    assert (status, report["completed"]) == (0, 2), report
    assert [record["code"] for record in work.store.passes.find()] == [code_version()]
    work.judge()


def test_a_pass_is_refused_where_a_node_has_other_code(work: Work, nodes: Cluster, other_code: dict[str, str]) -> None:
    odd = nodes.add_node(**other_code)
    try:
        status, told = work.end_of(work.begin_pass(nodes))
        assert status == WRONG_CONFIGURATION, told
        assert told["key"] == "ray.address"
        assert code_version() in told["error"]
        assert "127.0.0.1" in told["error"]
        (record,) = work.store.passes.find()
        assert (record["state"], record["problems"]) == ("refused", [told["error"]]), record
        assert work.store.funnels.count_documents({"pending": True, "clone": {"$exists": False}}) == 2
    finally:
        nodes.remove(odd)


def test_a_worker_of_other_code_ends_the_pass_counts_no_attempt_and_the_next_pass_goes_on(
    ray_cluster: None, settings: Settings, store: Store, database: Any, s3: Any, bucket: str
) -> None:
    clone_id = request_clone(database, build_funnel(database, s3, bucket, **SMALL))
    assert isinstance(leases.acquire(store, PASS, "a test", 60), leases.Lease)
    launcher = Launcher(settings, PASS, None)
    launcher._shared = ("0.0.0+000000000000", launcher._shared[1])  # as a node that joined in the middle sees it
    run = PassRun(store, settings, launcher, Heartbeat(store, settings, PASS), PASS, drain=True)
    try:
        assert run.run(None) == "stopped"
    finally:
        launcher.stop()
    (problem,) = run.state.tally.problems
    assert "0.0.0+000000000000" in problem
    assert code_version() in problem
    given_back = database["funnels"].find_one({"_id": clone_id})
    assert (given_back["pending"], given_back["in_progress"], given_back["clone"]["attempts"]) == (True, False, 0)
    leases.release(store, PASS)
    report = run_pass(settings, drain=True, show=lambda _: None)
    assert (report.state, report.figures["completed"]) == ("done", 1)
    assert_sound(database, s3, clone_id, None)
