"""What a clone costs here, whether the simulation foretells a pass from that, and what it says of larger clusters.

``--measure`` runs passes on this machine: at no distance, to learn what funnels, pages and copies take of a processor;
then far from the store, to compare with what the simulation says. All of it goes into docs/scale.json, and from there
into the tables of docs/scale.md; without ``--measure`` the tables are made anew from what was measured last.
"""

import argparse
import json
import statistics
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from benchmarks.node_throughput import FEW, MANY, PAGES_A_NODE, Case, Ran, bench_of
from benchmarks.simulation import Costs, Load, Site, fitted_lag, simulated_seconds
from benchmarks.surroundings import surroundings
from benchmarks.tables import table
from tests.nodes import Cluster, cluster

DOCS = Path(__file__).parents[1] / "docs"
FIGURES, PAGE = DOCS / "scale.json", DOCS / "scale.md"
BEGIN, END = "<!-- {} -->", "<!-- end -->"
DAY_S = 86_400
TYPICAL, NO_IMAGES, ONE_PAGE = Load(MANY), Load(MANY, images=0), Load(MANY, steps=1, images=0)
DISTANCES_S = (0.05, 0.1, 0.3)
WINDOWS = (5, 12)
HERE = Site(processors=2, room=3 * PAGES_A_NODE, actors=3)
# A node of the clusters that are computed: four processors, MongoDB and S3 on machines of their own.
NODE_PROCESSORS, FAR_S, MONGO_S = 4, 0.05, 0.001


def measure(rounds: int) -> dict[str, Any]:
    """Costs, and the comparison."""
    with cluster(3) as on:
        near = {load: _medians(on, load, 0.0, rounds) for load in (TYPICAL, NO_IMAGES, ONE_PAGE)}
        busy = {load: found.busy_seconds / (MANY - FEW) for load, found in near.items()}
        step = max(0.0, busy[NO_IMAGES] - busy[ONE_PAGE]) / (TYPICAL.steps - 1)
        copy = max(0.0, busy[TYPICAL] - busy[NO_IMAGES]) / TYPICAL.images
        costs = Costs(funnel=max(0.0, busy[ONE_PAGE] - step), step=step, copy=copy)
        at_hand = near[TYPICAL].seconds
        costs = fitted_lag(costs, HERE, replace(TYPICAL, funnels=MANY - FEW), at_hand)
        compared = []
        for distance in DISTANCES_S:
            for window in WINDOWS:
                found = _medians(on, TYPICAL, distance, rounds, window)
                site = replace(HERE, window=window)
                foretold = _more(replace(costs, s3_s=distance), site)
                compared.append(
                    {
                        "s3_s": distance,
                        "window": window,
                        "measured_s": found.seconds,
                        "simulated_s": foretold,
                        "off_by": foretold / found.seconds - 1,
                    }
                )
    return {**surroundings(), "costs": asdict(costs), "rounds": rounds, "compared": compared}


def _medians(on: Cluster, load: Load, distance_s: float, rounds: int, window: int = 5) -> Ran:
    """What the funnels beyond the first few take."""
    limits = (f"steps.concurrency={window}", f"copy.actors={HERE.actors}")
    with bench_of(Case(distance_s, load.steps, load.images)) as bench:
        ran = [bench.more(on, *limits) for _ in range(rounds)]
    return Ran(statistics.median(one.seconds for one in ran), statistics.median(one.busy_seconds for one in ran))


def _more(costs: Costs, site: Site) -> float:
    few, many = (simulated_seconds(costs, site, replace(TYPICAL, funnels=funnels)) for funnels in (FEW, MANY))
    return many - few


def clones_a_day(costs: Costs, nodes: int, window: int, actors: int) -> float:
    """Of typical funnels, by the simulation, in a pass that drains."""
    far = replace(costs, s3_s=FAR_S, mongo_s=MONGO_S)
    site = Site(processors=nodes * NODE_PROCESSORS, window=window, room=nodes * NODE_PROCESSORS * 4, actors=actors)
    funnels = 40 * nodes
    return funnels / simulated_seconds(far, site, replace(TYPICAL, funnels=funnels)) * DAY_S


def tables(found: dict[str, Any]) -> dict[str, str]:
    """Name -> table."""
    costs = Costs(**found["costs"])
    clusters = []
    for nodes in (1, 2, 4, 8, 16):
        row = [clones_a_day(costs, nodes, 5, 2), clones_a_day(costs, nodes, 16 * nodes, 2 * nodes)]
        clusters.append([nodes, *(f"{day:,.0f}" for day in row)])
    return {
        "costs": table(
            ("work", "milliseconds of a processor"),
            [
                ("a funnel: layout and end", f"{costs.funnel * 1e3:.0f}"),
                ("a page: read, rewritten, written", f"{costs.step * 1e3:.0f}"),
                ("a copy, the object store's part included", f"{costs.copy * 1e3:.1f}"),
                ("a task's way to its worker and back, beyond its work", f"{costs.lag * 1e3:.0f} (waiting)"),
            ],
        ),
        "compared": table(
            ("S3 answers after", "`steps.concurrency`", "measured", "simulated", "off by"),
            [
                (
                    f"{one['s3_s'] * 1e3:.0f} ms",
                    one["window"],
                    f"{one['measured_s']:.1f} s",
                    f"{one['simulated_s']:.1f} s",
                    f"{one['off_by']:+.0%}",
                )
                for one in found["compared"]
            ],
        ),
        "clusters": table(
            ("nodes of 4 processors", "clones a day, defaults", "clones a day, 16 pages and 2 copy actors a node"),
            clusters,
        ),
    }


def filled(page: str, made: dict[str, str]) -> str:
    """The page with its tables in their places."""
    for name, lines in made.items():
        before, _, rest = page.partition(BEGIN.format(name))
        after = rest.partition(END)[2]
        page = f"{before}{BEGIN.format(name)}\n{lines}\n{END}{after}"
    return page


def main() -> None:
    """Measure if asked to, and write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--measure", action="store_true")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", action="store_true", help="print the figures as one document, too")
    options = parser.parse_args()
    if options.measure:
        FIGURES.write_text(json.dumps(measure(options.rounds), indent=2) + "\n")
    found = json.loads(FIGURES.read_text())
    PAGE.write_text(filled(PAGE.read_text(), tables(found)))
    if options.json:
        print(json.dumps(found))


if __name__ == "__main__":
    main()
