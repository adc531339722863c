"""Resident memory of driver, workers and copy actors over passes of few and of many small funnels.

A funnel has one page and one image of 1 KB, so that it is their number that tells. Each pass has a driver and copy
actors of its own; workers live on from pass to pass, as they do in a cluster.
"""

import threading
from collections import defaultdict
from functools import partial
from typing import Any

from benchmarks.drain_memory import ask, resident, role_of
from benchmarks.stand import Stand, stand
from benchmarks.turns import in_turns, of_pairs, spread
from engine.cluster.session import run_pass
from engine.local.ray_cluster import embedded_ray

ROUNDS = {"quick": 1, "full": 3}
FUNNELS = {"quick": (10, 50, 200), "full": (10, 50, 500, 5_000)}
ACCOUNTS = 20
FEW = 50
EVERY_S = 0.3


def measured(size: str, rounds: int) -> dict[str, Any]:
    """The most MB of any process of each role, by number of funnels."""
    with stand("memory") as place, embedded_ray(place.settings.ray, place.folder / "ray"):
        _most_mb(place, 2)  # workers have read all code then
        ways = {str(count): partial(_most_mb, place, count) for count in FUNNELS[size]}
        found = in_turns(ways, rounds)
    most, few = str(max(FUNNELS[size])), str(FEW)
    roles = sorted(found[few][0])
    of_role = {role: {count: [ran[role] for ran in found[count]] for count in found} for role in roles}
    return {
        "most_mb": {role: {count: spread(mb) for count, mb in by.items()} for role, by in of_role.items()},
        "most_to_few": {
            "most": int(most),
            "few": FEW,
            "ratio": {role: of_pairs(by[most], by[few]) for role, by in of_role.items()},
        },
    }


def _most_mb(place: Stand, funnels: int) -> dict[str, float]:
    ask(place.store, place.settings, funnels, ACCOUNTS)
    most: dict[str, float] = defaultdict(float)
    ended = threading.Event()

    def watch() -> None:
        while not ended.wait(EVERY_S):
            for name, mb in resident():
                most[role_of(name)] = max(most[role_of(name)], mb)

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        report = run_pass(place.settings, drain=True, show=lambda _: None)
    finally:
        ended.set()
        watcher.join()
    if report.figures["completed"] != funnels:
        raise SystemExit(f"{report.figures['completed']} of {funnels} funnels completed: {report.figures['problems']}")
    return dict(most)
