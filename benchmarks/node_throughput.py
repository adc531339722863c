"""How much faster a pass is with more nodes, where its time is spent waiting for a store that is far away.

Nodes of one CPU each, on this machine, copy through a proxy that delays every answer of the embedded S3. More nodes
have room for more pages at once (``steps.concurrency`` is given for the largest cluster); what they share is this
machine's processors, so that the delay must be long enough for waiting to be the limit: compare ratios, not figures.
Sizes of cluster are measured in turns in one run. ``--json`` prints one document, with the processors' share beside.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import boto3
from pymongo import MongoClient

from engine.edges.mongo import indexes
from engine.edges.mongo.client import open_store
from engine.local.servers import Servers, embedded_servers
from engine.settings import MongoSettings
from tests.delaying_proxy import delaying_proxy
from tests.funnels import build_funnel, request_clone
from tests.nodes import CHECKOUT, Cluster, cluster

PAGES_A_NODE = 4  # a task takes a quarter of a CPU


@dataclass(frozen=True)
class Case:
    """What is measured."""

    funnels: int
    delay_s: float
    most_nodes: int
    image_bytes: int
    steps: int = 8
    images: int = 35


class Bench:
    """One original, and passes over clones of it."""

    def __init__(self, servers: Servers, case: Case, folder: Path) -> None:
        self._servers, self._case, self._folder = servers, case, folder
        self._client: MongoClient[dict[str, Any]] = MongoClient(servers.mongo.uri)
        self._database = self._client[f"bench-{uuid4().hex[:8]}"]
        s3 = servers.s3
        client = boto3.client(
            "s3",
            endpoint_url=s3.endpoint_url,
            region_name=s3.region,
            aws_access_key_id=s3.access_key_id,
            aws_secret_access_key=s3.secret_access_key,
        )
        store = open_store(MongoSettings(servers.mongo.uri, self._database.name))
        indexes.ensure(store, (*indexes.OWN, *indexes.SHARED))
        store.close()
        size: dict[str, Any] = {"steps": case.steps, "images": case.images, "image_bytes": case.image_bytes}
        self._original = build_funnel(self._database, client, s3.bucket, forms=2, **size)

    def seconds(self, on: Cluster, endpoint_url: str, *more: str, funnels: int | None = None) -> dict[str, float]:
        """Of one pass, and of all processors meanwhile, the start of its workers among it."""
        count = funnels or self._case.funnels
        for _ in range(count):
            request_clone(self._database, self._original)
        before, began = busy_seconds(), monotonic()
        command = [sys.executable, "-c", "from engine.cli import main; main()", "pass", "--drain", "--json", *more]
        ran = subprocess.run(
            command, env=self._environment(on, endpoint_url), cwd=CHECKOUT, capture_output=True, text=True, check=False
        )
        if ran.returncode:
            raise SystemExit(ran.stderr)
        report = json.loads(ran.stdout)
        if report["completed"] != count:
            raise SystemExit(f"{report['completed']} of {count} funnels completed: {report['problems']}")
        whole = {"busy_seconds": busy_seconds() - before, "whole_seconds": monotonic() - began}
        return {"seconds": report["seconds"], **whole}

    def _environment(self, on: Cluster, endpoint_url: str) -> dict[str, str]:
        kept = {n: v for n, v in os.environ.items() if not n.startswith(("RAY_", "AWS_", "MONGO_", "S3_"))}
        s3 = self._servers.s3
        return {
            **kept,
            **on.environment,
            "PYTHONPATH": str(CHECKOUT),
            "XDG_DATA_HOME": str(self._folder),
            "MONGO_URI": self._servers.mongo.uri,
            "MONGO_DATABASE": self._database.name,
            "AWS_ENDPOINT_URL_S3": endpoint_url,
            "S3_BUCKET": s3.bucket,
            "AWS_ACCESS_KEY_ID": s3.access_key_id,
            "AWS_SECRET_ACCESS_KEY": s3.secret_access_key,
        }


def busy_seconds() -> float:
    """CPU seconds of everything on this machine."""
    user, nice, system = map(int, Path("/proc/stat").read_text().split()[1:4])
    return (user + nice + system) / os.sysconf("SC_CLK_TCK")


@contextmanager
def bench_of(case: Case) -> Iterator[tuple[Bench, str]]:
    """The bench, and the address of its distant store."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-", dir="/tmp")))
        servers = stack.enter_context(embedded_servers(folder))
        near = urlsplit(servers.s3.endpoint_url).netloc
        yield Bench(servers, case, folder), f"http://{stack.enter_context(delaying_proxy(near, case.delay_s))}"


def measured(case: Case, rounds: int) -> dict[str, Any]:
    """Seconds by number of nodes, in turns; nodes are added and taken away between them."""
    found: dict[int, list[dict[str, float]]] = {nodes: [] for nodes in range(1, case.most_nodes + 1)}
    limits = [f"steps.concurrency={PAGES_A_NODE * case.most_nodes}", f"copy.actors={case.most_nodes}"]
    with bench_of(case) as (bench, endpoint_url), cluster(1) as on:
        for _ in range(rounds):
            for nodes, of_nodes in found.items():
                while len(on.nodes) < nodes:
                    on.add_node()
                while len(on.nodes) > nodes:
                    on.remove(on.nodes[-1])
                of_nodes.append(bench.seconds(on, endpoint_url, *limits))
    median = {nodes: statistics.median(one["seconds"] for one in of_nodes) for nodes, of_nodes in found.items()}
    return {
        "case": vars(case),
        "seconds": {str(nodes): [one["seconds"] for one in of_nodes] for nodes, of_nodes in found.items()},
        "processors_busy": {
            str(nodes): statistics.median(
                one["busy_seconds"] / one["whole_seconds"] / (os.cpu_count() or 1) for one in of_nodes
            )
            for nodes, of_nodes in found.items()
        },
        "times_as_fast_as_one": {str(nodes): median[1] / of_nodes for nodes, of_nodes in median.items()},
    }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true", help="one JSON document")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--funnels", type=int, default=6, help="clones in a pass")
    parser.add_argument("--nodes", type=int, default=3, help="the largest cluster")
    parser.add_argument("--delay", type=float, default=0.4, help="seconds of every answer of S3")
    options = parser.parse_args()
    case = Case(options.funnels, options.delay, options.nodes, image_bytes=10_000)
    found = measured(case, options.rounds)
    if options.json:
        print(json.dumps(found))
        return
    for nodes, times in found["times_as_fast_as_one"].items():
        seconds = ", ".join(f"{one:.1f}" for one in found["seconds"][nodes])
        busy = found["processors_busy"][nodes]
        print(f"{nodes} nodes: {times:.2f} times as fast as one ({seconds} s; processors {busy:.0%} busy)")


if __name__ == "__main__":
    main()
