"""Ways measured in turns, A, B, A, B, so that a busy machine slows all of them; and what is told of the turns."""

import statistics
from collections.abc import Callable, Mapping, Sequence
from typing import Any

Spread = dict[str, float]
"""median, least, most, runs."""


def spread(values: Sequence[float]) -> Spread:
    """Median and range."""
    return {"median": statistics.median(values), "least": min(values), "most": max(values), "runs": len(values)}


def in_turns(ways: Mapping[str, Callable[[], Any]], rounds: int) -> dict[str, list[Any]]:
    """What each way gives, once a round, one after the other."""
    found: dict[str, list[Any]] = {name: [] for name in ways}
    for _ in range(rounds):
        for name, way in ways.items():
            found[name].append(way())
    return found


def of_pairs(values: Sequence[float], others: Sequence[float]) -> Spread:
    """How many times the other of its own round each value is."""
    return spread([value / other for value, other in zip(values, others, strict=True)])


def percentile(values: Sequence[float], share: float) -> float:
    """The value that ``share`` of all do not exceed."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]
