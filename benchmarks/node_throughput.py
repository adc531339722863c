"""How much faster a pass is with more nodes, where its time is spent waiting for a store that is far away.

Nodes of one CPU each, on this machine, copy through a proxy that delays every answer of the embedded S3. Each node
brings a copy actor and the four pages that its CPU has room for: ``steps.concurrency`` grows with the nodes, as it
would be set. What they share is this machine's processors, so that the delay must be long enough for waiting to be
the limit: compare ratios, not figures. Sizes of cluster are measured in turns in one run, each round in a cluster that
grows. ``--json`` prints one document, with the processors' share beside.
"""

import argparse
import json
import os
import statistics
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

from pymongo import MongoClient

from engine.edges.mongo import indexes
from engine.edges.mongo.client import open_store
from engine.local.servers import Servers, embedded_servers
from tests.command_line import CHECKOUT
from tests.delaying_proxy import delaying_proxy
from tests.funnels import build_funnel, request_clone
from tests.nodes import Cluster, cluster
from tests.pass_command import DRAIN, pass_environment
from tests.s3_client import s3_client
from tests.server_settings import settings_of

PAGES_A_NODE = 4  # a task takes a quarter of a CPU
FEW, MANY = 12, 36
"""Funnels in a small pass and in a large one."""


@dataclass(frozen=True)
class Case:
    """What is measured."""

    delay_s: float
    steps: int = 8
    images: int = 35
    image_bytes: int = 10_000


@dataclass(frozen=True)
class Ran:
    """A pass."""

    seconds: float
    busy_seconds: float
    """Of all processors."""


class Bench:
    """One original, and passes over clones of it; S3 is as far away as the case says."""

    def __init__(self, servers: Servers, case: Case, folder: Path, endpoint_url: str) -> None:
        s3, settings = servers.s3, settings_of(servers, str(folder), f"bench-{uuid4().hex[:8]}")
        self._settings = replace(settings, s3=replace(settings.s3, endpoint_url=endpoint_url))
        mongo = settings.mongo
        self._database = MongoClient[dict[str, Any]](mongo.uri)[mongo.database]
        store = open_store(mongo)
        indexes.ensure(store, (*indexes.OWN, *indexes.SHARED))
        store.close()
        size: dict[str, Any] = {"steps": case.steps, "images": case.images, "image_bytes": case.image_bytes}
        self._original = build_funnel(self._database, s3_client(s3), s3.bucket, forms=2, **size)

    def more(self, on: Cluster, *limits: str) -> Ran:
        """What a large pass takes beyond a small one: starting workers, which both pay alike, falls out."""
        few, many = (self._ran(on, funnels, limits) for funnels in (FEW, MANY))
        return Ran(many.seconds - few.seconds, many.busy_seconds - few.busy_seconds)

    def _ran(self, on: Cluster, funnels: int, limits: Sequence[str]) -> Ran:
        for _ in range(funnels):
            request_clone(self._database, self._original)
        before = busy_seconds()
        environment = pass_environment(self._settings, on.environment)
        ran = subprocess.run(
            [*DRAIN, *limits], env=environment, cwd=CHECKOUT, capture_output=True, text=True, check=False
        )
        if ran.returncode:
            raise SystemExit(ran.stderr)
        report = json.loads(ran.stdout)
        if report["completed"] != funnels:
            raise SystemExit(f"{report['completed']} of {funnels} funnels completed: {report['problems']}")
        return Ran(report["seconds"], busy_seconds() - before)


def busy_seconds() -> float:
    """CPU seconds of everything on this machine."""
    user, nice, system = map(int, Path("/proc/stat").read_text().split()[1:4])
    return (user + nice + system) / os.sysconf("SC_CLK_TCK")


@contextmanager
def bench_of(case: Case) -> Iterator[Bench]:
    """The bench, and its servers, for the length of the block."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-", dir="/tmp")))
        servers = stack.enter_context(embedded_servers(folder))
        near = urlsplit(servers.s3.endpoint_url).netloc
        far = stack.enter_context(delaying_proxy(near, case.delay_s))
        yield Bench(servers, case, folder, f"http://{far}")


def _round(bench: Bench, found: dict[int, list[Ran]]) -> None:
    """A cluster that grows: one that shrinks takes its time to see that a node is gone."""
    with cluster(0) as on:
        for nodes, of_nodes in found.items():
            # Ray keeps one idle worker a CPU else, and starts the others anew all the time.
            on.add_node(RAY_num_workers_soft_limit=str(PAGES_A_NODE))
            # Room for the copies of all pages in work at once: else they wait for a second round trip.
            limits = (f"steps.concurrency={PAGES_A_NODE * nodes}", f"copy.actors={nodes}", "copy.concurrency=32")
            of_nodes.append(bench.more(on, *limits))


def measured(case: Case, most_nodes: int, rounds: int) -> dict[str, Any]:
    """Seconds by number of nodes, in turns."""
    found: dict[int, list[Ran]] = {nodes: [] for nodes in range(1, most_nodes + 1)}
    with bench_of(case) as bench:
        for _ in range(rounds):
            _round(bench, found)
    median = {nodes: statistics.median(ran.seconds for ran in of_nodes) for nodes, of_nodes in found.items()}
    cores = os.cpu_count() or 1
    return {
        "case": vars(case),
        "funnels": MANY - FEW,
        "seconds": {str(nodes): [ran.seconds for ran in of_nodes] for nodes, of_nodes in found.items()},
        "processors_busy": {
            str(nodes): statistics.median(ran.busy_seconds / ran.seconds / cores for ran in of_nodes)
            for nodes, of_nodes in found.items()
        },
        "times_as_fast_as_one": {str(nodes): median[1] / of_nodes for nodes, of_nodes in median.items()},
    }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true", help="one JSON document")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--nodes", type=int, default=3, help="the largest cluster")
    parser.add_argument("--delay", type=float, default=1.2, help="seconds of every answer of S3")
    options = parser.parse_args()
    found = measured(Case(options.delay), options.nodes, options.rounds)
    if options.json:
        print(json.dumps(found))
        return
    for nodes, times in found["times_as_fast_as_one"].items():
        seconds = ", ".join(f"{one:.1f}" for one in found["seconds"][nodes])
        busy = found["processors_busy"][nodes]
        print(f"{nodes} nodes: {times:.2f} times as fast as one ({seconds} s; processors {busy:.0%} busy)")


if __name__ == "__main__":
    main()
