"""What was asked of the engine's speed, as ratios, and what was found."""

from collections.abc import Callable, Iterator
from typing import Any, Literal, NamedTuple

from benchmarks.kept import Result
from benchmarks.sections import NOT_INSTALLED, number, ranged
from benchmarks.tables import table

KB = 1_000


class Found(NamedTuple):
    """One thing that was asked, and its measure."""

    what: str
    bound: Literal["least", "most"]
    limit: float
    value: dict[str, float] | float | str

    def row(self) -> tuple[str, str, str, str]:
        """What, limit, found, whether that is enough."""
        limit = f"at {self.bound} {self.limit:g}"
        if isinstance(self.value, str):
            return self.what, limit, self.value, "-"
        median = self.value["median"] if isinstance(self.value, dict) else self.value
        enough = median >= self.limit if self.bound == "least" else median <= self.limit
        told = ranged(self.value) if isinstance(self.value, dict) else number(self.value)
        return self.what, limit, told, "yes" if enough else "no"


def asked(results: dict[str, Result]) -> str:
    """A table of all of it; what is not measured is said."""
    rows = []
    for name, (what, of_figures) in ASKED.items():
        if name in results:
            rows += [found.row() for found in of_figures(results[name]["figures"])]
        else:
            rows.append((what, "", "not measured yet", "-"))
    return "## What was asked\n\n" + table(("ratio", "asked", "found", "holds"), rows)


def _copies(figures: dict[str, Any]) -> Iterator[Found]:
    for case in figures["cases"]:
        if (case["object_bytes"], case["delay_ms"]) == (100 * KB, 0):
            yield Found("copies of 100 KB, to obstore", "least", 0.9, case["engine_to"]["obstore"])
            yield Found("copies of 100 KB, to s5cmd", "least", 1.15, case["engine_to"].get("s5cmd", NOT_INSTALLED))
        if (case["object_bytes"], case["delay_ms"]) == (100 * KB, 80):
            yield Found("copies of 100 KB at 80 ms, to obstore", "least", 0.9, case["engine_to"]["obstore"])


def _passes(figures: dict[str, Any]) -> Iterator[Found]:
    for load in figures["loads"]:
        if (load["funnels"], load["image_bytes"]) == (20, 100 * KB):
            for window, found in load["windows"].items():
                what = f"pass of 20 funnels, `steps.concurrency` {window}, to s5cmd for the images alone"
                yield Found(what, "most", 2.0, found["to_s5cmd"])
    if figures["cost_of_many"]:
        many = figures["cost_of_many"]
        for window, ratio in many["ratio"].items():
            what = f"a funnel among {many['many']} to one among {many['few']}, `steps.concurrency` {window}"
            yield Found(what, "most", 1.1, ratio)


def _scans(figures: dict[str, Any]) -> Iterator[Found]:
    grown = figures["p95_of_most_to_least"]
    for one in grown["ratios"]:
        what = f"p95 of a claim at {grown['most']:,} funnels to {grown['least']:,}, {one['waiting']:,} waiting"
        yield Found(f"{what} in {one['accounts']:,} accounts", "most", 2.0, one["ratio"])
    keys = max(case["most_keys_examined"] for case in figures["cases"])
    yield Found("index entries that a claim looks at", "most", 50, float(keys))


def _memory(figures: dict[str, Any]) -> Iterator[Found]:
    grown = figures["most_to_few"]
    what = f"driver's memory at {grown['most']:,} funnels to {grown['few']}"
    yield Found(what, "most", 1.2, grown["ratio"]["driver"])


ASKED: dict[str, tuple[str, Callable[[dict[str, Any]], Iterator[Found]]]] = {
    "copy_throughput": ("copies through the pool, to obstore and s5cmd", _copies),
    "whole_pass": ("a pass, to s5cmd for its images alone", _passes),
    "scan": ("a claim among many funnels to one among few", _scans),
    "memory": ("memory in a long pass to that in a short one", _memory),
}
