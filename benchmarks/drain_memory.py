"""Memory of driver, workers and copy actors while a drain clones many small funnels: at the start and in the end.

``python benchmarks/drain_memory.py [--funnels 2000] [--accounts 20] [--json]``. Starts servers of its own, asks for
clones of one small original (one page, one picture of 1 KB) from several accounts, and drains them in one pass.
Resident memory of each process is read from /proc every so many completed funnels.
"""

import argparse
import json
import os
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bson import ObjectId

sys.path.insert(0, str(Path(__file__).parents[1]))

from engine.cluster.report import Snapshot
from engine.cluster.session import run_pass
from engine.edges.mongo import indexes
from engine.edges.mongo.client import Store, open_store
from engine.edges.s3 import Objects
from engine.local.ray_cluster import embedded_ray
from engine.local.servers import embedded_servers
from engine.settings import Settings
from tests.funnels import build_funnel
from tests.processes import command_lines, descendants
from tests.server_settings import settings_of

ROLES = {
    "ray::Driver": "driver",
    "ray::Copy": "copy actor",
    **dict.fromkeys(("ray::IDLE", "ray::lay_out", "ray::clone_one", "ray::finish_one"), "worker"),
}
SAMPLES = 20


def main() -> None:
    """Run it, and print a table or a document."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--funnels", type=int, default=2_000)
    parser.add_argument("--accounts", type=int, default=20)
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="drain-memory-") as folder, embedded_servers(Path(folder)) as servers:
        settings = settings_of(servers, folder, "drain-memory", num_cpus=2)
        store = open_store(settings.mongo)
        ask(store, settings, given.funnels, given.accounts)
        with embedded_ray(settings.ray, Path(folder, "ray")):
            samples: list[dict[str, Any]] = []
            report = run_pass(settings, drain=True, show=lambda shot: watch(samples, shot, given.funnels))
        store.close()
    figures = report.figures
    document = {
        **{name: figures[name] for name in ("funnels", "completed", "failed", "seconds")},
        "samples": samples,
        "start_mb": samples[0]["mb"],
        "end_mb": samples[-1]["mb"],
    }
    print(json.dumps(document) if given.json else table(document))


def ask(store: Store, settings: Settings, funnels: int, accounts: int) -> None:
    """One small original, and clones of it asked for by many accounts."""
    indexes.ensure(store, (*indexes.OWN, *indexes.SHARED))
    database = store.funnels.database
    small: dict[str, Any] = {"html_bytes": 2_000, "components_bytes": 1_000}
    client = Objects(settings.s3).client
    original = build_funnel(
        database, client, settings.s3.bucket, steps=1, images=1, image_bytes=1_000, forms=1, **small
    )
    owners = [ObjectId() for _ in range(accounts)]
    now = datetime.now(UTC)
    database["_accounts"].insert_many([{"_id": owner} for owner in owners])
    asked = {"original_funnel_id": original, "pending": True, "in_progress": False, "createdAt": now, "updatedAt": now}
    database["funnels"].insert_many(
        [{"_id": ObjectId(), "name": f"c{n}", "account_id": owners[n % accounts], **asked} for n in range(funnels)]
    )


def watch(samples: list[dict[str, Any]], shot: Snapshot, funnels: int) -> None:
    """A sample each time that another part of the funnels is done."""
    done = shot.figures["completed"]
    due = samples[-1]["done"] + funnels / SAMPLES if samples else 1
    if done >= due:
        samples.append({"done": done, "at": round(time.monotonic(), 1), "mb": dict(sorted(resident()))})


def resident() -> Iterator[tuple[str, float]]:
    """(role and pid, resident MB) of each process of a role below this one: others may run a Ray, too."""
    page = os.sysconf("SC_PAGE_SIZE")
    for pid, title in command_lines(descendants(os.getpid())).items():
        for role in (role for begin, role in ROLES.items() if title.startswith(begin)):
            with suppress(OSError):  # it has ended
                pages = int(Path(f"/proc/{pid}/statm").read_text("ascii").split()[1])
                yield f"{role} {pid}", round(pages * page / 1e6, 1)


def role_of(name: str) -> str:
    """Of a process that ``resident`` named."""
    return name.rpartition(" ")[0]


def table(document: dict[str, Any]) -> str:
    """For people."""
    names = list(document["start_mb"])
    lines = ["  ".join(["funnels done", *(f"{name:>18}" for name in names)])]
    for sample in document["samples"]:
        sizes = [f"{sample['mb'].get(name, 0):15.1f} MB" for name in names]
        lines += ["  ".join([f"{sample['done']:12}", *sizes])]
    lines.append(f"{document['completed']} of {document['funnels']} completed in {document['seconds']:.0f} s")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
