"""Machines of the cluster die and join in the middle of a pass; the head dies, and the next pass has another cluster.

A door before S3 makes the moment certain: it is shut until pages are in work on the node that is struck.
"""

from typing import Any

import pytest

from engine.edges.mongo.client import Store
from engine.settings import Settings
from tests.cluster_work import STEP, WITHIN_S, Work, two_clones
from tests.faulty_door import Door
from tests.nodes import cluster
from tests.processes import wait_for

pytestmark = pytest.mark.timeout(900)


@pytest.fixture
def work(settings: Settings, store: Store, s3: Any, door: Door) -> Work:
    return two_clones(settings, store, s3, door)


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
