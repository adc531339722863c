"""Two passes on one database, from two Ray clusters: the lease lets one of them work, whatever becomes of the other."""

import json
import os
import re
import signal
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

from engine.edges.mongo import reads
from engine.settings import LeaseSettings
from tests.command_line import environment_of, run_as_process
from tests.fault.audit import Audit
from tests.fault.drill import Drill
from tests.fault.everything import everything
from tests.processes import alive, command_lines, wait_for

SHORT_S = 8.0


def pass_in_a_cluster_of_its_own(drill: Drill, folder: Path) -> Any:
    """``funnel-clone pass --drain`` as another process runs it, with a Ray that it starts itself; its document."""
    given = ("pass", "--drain", "--json", f"local.data_dir={folder}")
    done = run_as_process(*given, environment=environment_of(drill.settings), cwd=folder)
    assert done.returncode in (0, 1), done.stderr  # 1: a clone without its missing image is no whole success
    return json.loads(done.stdout)


def test_b1_a_pass_from_another_cluster_is_refused_while_one_lives(drill: Drill, tmp_path: Path) -> None:
    drill.ask(drill.original())
    held = drill.traps.arm("step.started", "worker", send=signal.SIGSTOP)
    with ThreadPoolExecutor(1) as threads:
        first = threads.submit(drill.run_pass)
        worker = held.wait()["pid"]
        try:
            second = pass_in_a_cluster_of_its_own(drill, tmp_path)
        finally:
            os.kill(worker, signal.SIGCONT)
        assert "another pass runs" in second["refused"]
        assert second["funnels"] == 0
        assert first.result() == "done"
    assert drill.audit() == Audit()


def test_a_pass_that_froze_and_was_overtaken_from_another_cluster_writes_nothing(drill: Drill, tmp_path: Path) -> None:
    drill.settings = replace(drill.settings, lease=LeaseSettings(ttl_seconds=SHORT_S))
    drill.ask(drill.original())
    held = drill.traps.arm("images.copied", "worker", send=signal.SIGSTOP)
    with ThreadPoolExecutor(1) as threads:
        frozen = threads.submit(drill.run_pass)
        pids = [held.wait()["pid"], driver_pid(drill)]
        held.disarm()
        os.kill(pids[1], signal.SIGSTOP)
        try:
            drill.wait_for_lease()
            overtaking = pass_in_a_cluster_of_its_own(drill, tmp_path)
            finished = everything(drill.database, drill.s3, drill.bucket)
        finally:
            for pid in pids:
                os.kill(pid, signal.SIGCONT)
        assert (overtaking["state"], overtaking["completed"]) == ("done", 1)
        assert frozen.result() == "lease lost"
    # The driver is gone; its worker is ended with it, unless it had given up before: idle workers may stay.
    wait_for(lambda: not any(map(at_work, pids)))
    assert everything(drill.database, drill.s3, drill.bucket) == finished
    assert drill.audit() == Audit()


def at_work(pid: int) -> bool:
    """It runs, and not as one of Ray's idle workers."""
    return bool(alive({pid})) and command_lines({pid})[pid].strip() != "ray::IDLE"


def driver_pid(drill: Drill) -> int:
    """As the lease names its owner."""
    (pid,) = re.findall(r" pid (\d+)$", (reads.lease(drill.store) or {})["owner"])
    return int(pid)
