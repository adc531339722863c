"""How much of the fault kit is run."""

import random

import pytest


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Of what is marked ``fault_sample(n)`` n stay, drawn by the seed, or a shard of all."""
    marked: dict[str, list[pytest.Item]] = {}
    for item in items:
        if item.get_closest_marker("fault_sample"):
            marked.setdefault(getattr(item, "originalname", item.name), []).append(item)
    left_out = {item for name, group in marked.items() for item in group if item not in _chosen(config, name, group)}
    items[:] = [item for item in items if item not in left_out]
    config.hook.pytest_deselected(items=list(left_out))


def _chosen(config: pytest.Config, name: str, group: list[pytest.Item]) -> list[pytest.Item]:
    if config.getoption("fault") == "all":
        shard, shards = map(int, config.getoption("fault_shard").split("/"))
        return group[shard - 1 :: shards]
    draw = random.Random(f"{config.getoption('fault_seed')} {name}")
    marker = group[0].get_closest_marker("fault_sample")
    assert marker is not None
    return draw.sample(group, min(marker.args[0], len(group)))
