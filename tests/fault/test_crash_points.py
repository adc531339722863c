"""Every named crash point, each process that reaches it: killed there, and killed there again while it recovers."""

import os
import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import replace

import pytest

from engine.crash_points import POINTS
from engine.flow.layout import lay_out
from engine.settings import ScanSettings
from tests.fault.audit import Audit
from tests.fault.cases import CASES, Case
from tests.fault.drill import Drill
from tests.fault.figures import Figures
from tests.fault.trap import Sprung
from tests.fault.traps import Trap

MOMENT_MIN = 1 / 30
"""A threshold that makes the heart beat twice a second."""


def ask_for_all_kinds(drill: Drill, *, large: bool = False) -> None:
    """A clone that a dead pass left half made, a new one, and two of originals that do not exist."""
    original = drill.original(large=large)
    drill.ask(original)
    lay_out(drill.store, drill.claim_as_dead_pass(), drill.settings)
    drill.ask(original)
    drill.ask_for_nothing()
    drill.ask_for_nothing()


def test_every_point_is_struck_in_every_process_that_reaches_it(drill: Drill) -> None:
    assert {case.point for case in CASES} == set(POINTS)
    ask_for_all_kinds(drill)
    assert drill.run_until_done() == ["done"]
    assert drill.audit() == Audit()
    seen = set(drill.traps.seen())
    assert seen <= {(case.role, case.point) for case in CASES}
    # Those that wait for something special are struck below: a trap that does not spring fails its test.
    usual = {(c.role, c.point) for c in CASES if not (c.while_held or c.large or c.spent)}
    assert usual <= seen


@pytest.mark.timeout(900)
@pytest.mark.fault_sample(3)
@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_process_killed_at_a_point_and_again_in_its_recovery_loses_and_doubles_nothing(
    drill: Drill, case: Case, figures: Figures
) -> None:
    if case.while_held:
        drill.settings = replace(drill.settings, scan=ScanSettings(funnel_stale_minutes=MOMENT_MIN))
    if case.spent:
        drill.settings = replace(drill.settings, steps=replace(drill.settings.steps, attempts=1))
    # Where an attempt must be spent before each strike, whoever begins a step dies until the second one.
    behind = None if case.behind is None else drill.traps.arm(*case.behind, times=100 if case.spent else 4)
    ask_for_all_kinds(drill, large=case.large)
    with ThreadPoolExecutor(1) as striker, halted_steps(drill, wanted=case.while_held) as held:
        struck = striker.submit(strike_twice, drill, case, held, behind if case.spent else None)
        ends = drill.run_until_done()
        caught = struck.result()
    assert len({sprung["pid"] for sprung in caught}) == 2, caught
    assert ends.count("its driver died") == (2 if case.role == "driver" else 0)
    found = drill.audit()
    figures.add_place(caught)
    figures.add_recovery(caught, max(drill.ended_at().values()))
    figures.found += found
    assert found == Audit(), found


def strike_twice(drill: Drill, case: Case, held: Trap | None, until_then: Trap | None) -> list[Sprung]:
    """The second process is one that does again what the first one did; drivers come one after another anyway."""
    trap = drill.traps.arm(case.point, case.role, times=2, same=case.role != "driver" and not case.over)
    for n in (1, 2):
        trap.wait(n)
        if held is not None:
            end_halted(held, last=n == 2)
    if until_then is not None:
        until_then.disarm()
    return trap.sprung()


@contextmanager
def halted_steps(drill: Drill, *, wanted: bool) -> Iterator[Trap | None]:
    """Every step is halted once it has begun, until the second strike."""
    held = drill.traps.arm("step.started", "worker", times=100, send=signal.SIGSTOP) if wanted else None
    yield held
    if held is not None:
        end_halted(held, last=True)


def end_halted(held: Trap, *, last: bool) -> None:
    """The halted workers of a driver that was killed; ``last``: no more are to be halted."""
    if last:
        held.disarm()
    for sprung in held.sprung():
        with suppress(ProcessLookupError):  # Ray ends them, too
            os.kill(sprung["pid"], signal.SIGKILL)
