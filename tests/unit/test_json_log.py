"""With ``log.format=json`` a command tells machines what it would tell people on stderr."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.parametrize("how", ["argument", "environment"])
def test_an_error_is_an_event_and_the_document_stays_on_stdout(tmp_path: Path, how: str) -> None:
    command = [sys.executable, "-m", "engine.cli", "status", "--json", f"local.data_dir={tmp_path}"]
    environment = {"PATH": os.environ["PATH"], "HOME": str(tmp_path)}
    if how == "argument":
        command.append("log.format=json")
    else:
        environment["FUNNEL_CLONE_LOG_FORMAT"] = "json"
    ended = subprocess.run(
        command, cwd=Path(__file__).parents[2], env=environment, capture_output=True, text=True, check=False
    )
    assert ended.returncode == 2
    told = json.loads(ended.stderr)
    assert (told["event"], told["exit_status"], told["level"]) == ("command failed", 2, "error")
    assert "mongo.uri" in told["reason"]
    assert json.loads(ended.stdout)["key"] == "mongo.uri"
