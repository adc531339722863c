"""Plots of results, as SVG that is the same for the same result; each holds the fingerprint of what it was drawn of."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import matplotlib as mpl

mpl.use("svg")

from matplotlib import pyplot as plt
from matplotlib.axes import Axes

from benchmarks.kept import Result, fingerprint
from benchmarks.sections import size_of

STYLE: Any = {"svg.hashsalt": "bench", "font.size": 9, "axes.spines.top": False, "axes.spines.right": False}
COLOURS = ("#1f6feb", "#8250df", "#bf8700", "#1a7f37", "#cf222e", "#57606a", "#0a7ea4", "#953800")
Spread = dict[str, float]


def draw(name: str, result: Result, path: Path) -> None:
    """Draw the plot of one benchmark."""
    with plt.rc_context(STYLE):
        figure, axes = plt.subplots(figsize=(8, 4.2), layout="constrained")
        PLOTS[name](axes, result["figures"])
        path.parent.mkdir(parents=True, exist_ok=True)
        # Without a date and the library's name: drawn again of the same result it is the same file.
        figure.savefig(path, metadata={"Date": None, "Creator": None, "Description": fingerprint(result)})
        plt.close(figure)


def _bars(axes: Axes, groups: list[str], series: dict[str, list[Spread | None]]) -> None:
    """Medians side by side, with their range."""
    width = 0.8 / len(series)
    for at, (label, spreads) in enumerate(series.items()):
        known = [(place, one) for place, one in enumerate(spreads) if one is not None]
        medians = [one["median"] for _, one in known]
        low = [one["median"] - one["least"] for _, one in known]
        high = [one["most"] - one["median"] for _, one in known]
        places = [place - 0.4 + width * (at + 0.5) for place, _ in known]
        axes.bar(
            places, medians, width, yerr=[low, high], label=label, color=COLOURS[at % len(COLOURS)], ecolor="#24292f"
        )
    axes.set_xticks(range(len(groups)), groups)
    _legend(axes)


def _copies(axes: Axes, figures: dict[str, Any]) -> None:
    cases = figures["cases"]
    ways = list(cases[0]["copies_per_second"])
    groups = [f"{size_of(case['object_bytes'])}\n{case['delay_ms']} ms" for case in cases]
    _bars(axes, groups, {way: [case["copies_per_second"].get(way) for case in cases] for way in ways})
    axes.set_yscale("log")
    axes.set_ylabel("copies a second")
    axes.set_xlabel("object's size and added delay")


def _passes(axes: Axes, figures: dict[str, Any]) -> None:
    loads = figures["loads"]
    groups = [f"{load['funnels']}\n{size_of(load['image_bytes'])}" for load in loads]
    windows = list(loads[0]["windows"])
    series: dict[str, list[Spread | None]] = {
        f"pass, steps.concurrency {w}": [load["windows"][w]["seconds_a_funnel"] for load in loads] for w in windows
    }
    alone = [_shared(load["s5cmd_seconds"], load["funnels"]) for load in loads]
    if any(alone):
        series["s5cmd, images alone"] = alone
    _bars(axes, groups, series)
    axes.set_ylabel("seconds a funnel")
    axes.set_xlabel("funnels in a pass, and the size of their images")


def _shared(found: Spread | str, among: int) -> Spread | None:
    if isinstance(found, str):
        return None
    return {**found, **{name: found[name] / among for name in ("median", "least", "most")}}


def _scans(axes: Axes, figures: dict[str, Any]) -> None:
    kinds = dict.fromkeys((case["waiting"], case["accounts"]) for case in figures["cases"])
    for at, (waiting, accounts) in enumerate(kinds):
        cases = [case for case in figures["cases"] if (case["waiting"], case["accounts"]) == (waiting, accounts)]
        counts, colour = [case["funnels"] for case in cases], COLOURS[at % len(COLOURS)]
        label = f"{waiting:,} waiting, accounts: {accounts:,}"
        axes.plot(counts, [case["p95_ms"] for case in cases], "o-", color=colour, label=f"{label}, p95")
        axes.plot(counts, [case["p50_ms"] for case in cases], "o:", color=colour)
    axes.set_xscale("log")
    axes.set_ylim(bottom=0)
    axes.set_xlabel("funnels in the database (dotted: p50)")
    axes.set_ylabel("milliseconds of a claim")
    _legend(axes)


def _memory(axes: Axes, figures: dict[str, Any]) -> None:
    counts = list(next(iter(figures["most_mb"].values())))
    _bars(axes, counts, {role: [by[count] for count in counts] for role, by in figures["most_mb"].items()})
    axes.set_ylabel("most resident MB")
    axes.set_xlabel("funnels in a pass")


def _phases(axes: Axes, figures: dict[str, Any]) -> None:
    places: dict[str, int] = {}
    for way, found in figures.items():
        left = 0.0
        for name, one in found["phases"].items():
            label = None if name in places else name
            place = places.setdefault(name, len(places))
            hatch = "//" if place >= len(COLOURS) else None
            axes.barh(way, one["median"], left=left, color=COLOURS[place % len(COLOURS)], label=label, hatch=hatch)
            left += one["median"]
    axes.set_xlabel("seconds (medians of the phases)")
    _legend(axes)


def _legend(axes: Axes) -> None:
    """Above the plot: within it there may be no room."""
    axes.legend(frameon=False, ncols=3, loc="lower center", bbox_to_anchor=(0.5, 1.0))


PLOTS: dict[str, Callable[[Axes, dict[str, Any]], None]] = {
    "copy_throughput": _copies,
    "whole_pass": _passes,
    "scan": _scans,
    "memory": _memory,
    "start": _phases,
    "latency": _phases,
}
