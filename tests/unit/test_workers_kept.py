"""How many idle workers an embedded Ray keeps."""

import pytest

from engine.local.ray_cluster import workers_kept
from engine.settings import RaySettings


@pytest.mark.parametrize(("cpus", "task_cpus", "kept"), [(2, 0.25, 8), (1, 1.0, 1), (3, 0.7, 5)])
def test_as_many_as_pages_fit_on_its_cpus(
    monkeypatch: pytest.MonkeyPatch, cpus: int, task_cpus: float, kept: int
) -> None:
    monkeypatch.delenv("RAY_num_workers_soft_limit", raising=False)
    assert workers_kept(RaySettings(num_cpus=cpus, task_cpus=task_cpus)) == {"RAY_num_workers_soft_limit": f"{kept}"}


def test_another_number_in_the_environment_wins(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAY_num_workers_soft_limit", "2")
    assert workers_kept(RaySettings(num_cpus=4)) == {"RAY_num_workers_soft_limit": "2"}
