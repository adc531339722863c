"""All points, or a few of them: `--fault=all` strikes everywhere, a usual run at a sample of the same seed."""

from collections.abc import Sequence
from random import Random
from typing import TypeVar

import pytest

Value = TypeVar("Value")


def everywhere(config: pytest.Config) -> bool:
    """Whether all points are to be struck."""
    return bool(config.getoption("fault", default=None) == "all")


def sampled(config: pytest.Config, points: Sequence[Value], count: int, seed: int = 5) -> list[Value]:
    """``count`` of ``points``, or all of them; in their order."""
    if everywhere(config):
        return list(points)
    chosen = set(Random(seed).sample(range(len(points)), min(count, len(points))))
    return [point for place, point in enumerate(points) if place in chosen]
