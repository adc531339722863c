"""Processes killed at random, by a seed, while several funnels are in hand: nothing lost, nothing twice."""

import random
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.fault.audit import Audit
from tests.fault.drill import Drill
from tests.fault.figures import Figures
from tests.fault.strikes import Striker

KILLS = 30
SERIES = 10


@pytest.mark.timeout(1800)
@pytest.mark.fault_sample(1)
@pytest.mark.parametrize("series", range(SERIES))
def test_whatever_is_killed_at_random_all_clones_come_out_whole(
    drill: Drill, figures: Figures, pytestconfig: pytest.Config, series: int
) -> None:
    striker = Striker(drill, random.Random(f"{pytestconfig.getoption('fault_seed')} {series}"))
    striker.keep_in_hand()
    with ThreadPoolExecutor(1) as threads:
        struck = threads.submit(striker.strike, KILLS)
        while not striker.done.is_set():
            drill.run_pass()
        struck.result()
    drill.run_until_done()
    found = drill.audit()
    figures.struck_at_random.update(sprung["role"] for sprung in striker.caught)
    figures.add_recovery(striker.caught, max(drill.ended_at().values()))
    figures.found += found
    assert len(striker.caught) >= KILLS
    assert found == Audit(), found
