"""What the fault kit stands on: one warm cluster whose processes obey traps, and a drill a test."""

import random
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from pymongo import MongoClient

from engine.edges.mongo import indexes
from engine.edges.mongo.client import Store
from engine.settings import Settings
from tests.fault.drill import Drill, fast_recovery
from tests.fault.figures import Figures
from tests.fault.traps import Traps

# A process that is killed within a transaction leaves it open on the server, which ends it by itself: after a minute
# unless told otherwise. Until then nobody else can write what it wrote.
OPEN_TRANSACTION_S = 2
_LIMIT = "transactionLifetimeLimitSeconds"

_FIGURES = pytest.StashKey[Figures]()


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Of what is marked ``fault_sample(n)`` n stay, drawn by the seed, or a shard of all."""
    config.stash[_FIGURES] = Figures()
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


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    lines = list(config.stash[_FIGURES].tell()) if _FIGURES in config.stash else []
    for line in [*lines, f"again: --fault-seed={config.getoption('fault_seed')}"] if lines else ():
        terminalreporter.write_line(line)


@pytest.fixture
def figures(request: pytest.FixtureRequest) -> Figures:
    """Shown at the end of the run."""
    return request.config.stash[_FIGURES]


@pytest.fixture(scope="module")
def _short_transactions(mongo_client: MongoClient[dict[str, Any]]) -> Iterator[None]:
    before = mongo_client.admin.command({"setParameter": 1, _LIMIT: OPEN_TRANSACTION_S})["was"]
    yield
    mongo_client.admin.command({"setParameter": 1, _LIMIT: before})


@pytest.fixture
def traps(armable_ray: Traps) -> Iterator[Traps]:
    armable_ray.forget()
    yield armable_ray
    armable_ray.forget()


@pytest.fixture
def dry_drill(
    database: Any, s3: Any, bucket: str, store: Store, settings: Settings, tmp_path: Path, _short_transactions: None
) -> Drill:
    """Without a cluster: for what this process does itself. Nothing is asked for yet."""
    indexes.ensure(store, indexes.SHARED)
    return Drill(database, s3, bucket, store, fast_recovery(settings), Traps(tmp_path))


@pytest.fixture
def drill(dry_drill: Drill, traps: Traps) -> Drill:
    """In the warm cluster, whose processes obey its traps."""
    return replace(dry_drill, traps=traps)
