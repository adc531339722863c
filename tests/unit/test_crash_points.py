"""Crash points are off unless the environment names who listens, and that is looked up once."""

import os
import subprocess
import sys
from pathlib import Path

from engine import crash_points

ROOT = Path(__file__).parents[2]


def test_they_are_off_and_call_nobody() -> None:
    assert crash_points.reached is crash_points._pass_by
    assert crash_points.reached("step.committed", 1) is None


def test_whoever_the_environment_names_hears_of_each(tmp_path: Path) -> None:
    (tmp_path / "listener.py").write_text("def reached(point, of=None, /):\n    print(point, of)\n")
    program = "from engine import crash_points; crash_points.reached('step.started', 7)"
    told = subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, "PYTHONPATH": f"{ROOT}:{tmp_path}", crash_points.VARIABLE: "listener"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert told.stdout == "step.started 7\n"
