"""Ways measured in turns, A, B, A, B, so that a busy machine slows all of them; and what is told of the turns."""

import statistics
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any

Spread = dict[str, float]
"""median, least, most, runs."""


def spread(values: Sequence[float]) -> Spread:
    """Median and range."""
    return {"median": statistics.median(values), "least": min(values), "most": max(values), "runs": len(values)}


def in_turns(ways: Mapping[str, Callable[[], Any]], rounds: int, what: str = "") -> dict[str, list[Any]]:
    """What each way gives, once a round, one after the other; whoever waits is told how far it is."""
    found: dict[str, list[Any]] = {name: [] for name in ways}
    for round_ in range(rounds):
        for name, way in ways.items():
            told(f"  {what} round {round_ + 1} of {rounds}: {name}")
            found[name].append(way())
    return found


def told(line: str) -> None:
    """To whoever waits."""
    print(line, file=sys.stderr, flush=True)


def of_pairs(values: Sequence[float], others: Sequence[float]) -> Spread:
    """How many times the other of its own round each value is."""
    return spread([value / other for value, other in zip(values, others, strict=True)])


def percentile(values: Sequence[float], share: float) -> float:
    """The value that ``share`` of all do not exceed."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]
