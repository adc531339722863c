"""The program that ends what a Ray leaves behind when the process that started it is gone.

Run as ``python -I reaper.py TETHER MARK SCRATCH``. TETHER is the read end of a pipe whose write end the engine alone
holds; its end of file says that the engine has ended or is done with its Ray. MARK stands in the environment of every
process below that Ray. SCRATCH is a folder to be removed in the end. The kernel kills Ray's chief processes with the
engine; the agents of a node go on for a minute then, telling a server that is gone. It is run by its path: only the
standard library, nothing of the engine.
"""

import os
import shutil
import signal
import sys
import time
from contextlib import suppress
from pathlib import Path

PAUSE_S = 0.02


def marked(mark: bytes) -> list[int]:
    """The processes whose environment, as it was when they were started, holds ``mark``."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            with suppress(OSError):  # ended while we looked, or another user's
                if mark in (entry / "environ").read_bytes().split(b"\0"):
                    found.append(int(entry.name))
    return found


def main(tether: int, mark: bytes, scratch: str) -> None:
    """Wait for the end of the engine, then kill until nothing is left: a process may start another meanwhile."""
    while os.read(tether, 1):
        pass
    while pids := marked(mark):
        for pid in pids:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        time.sleep(PAUSE_S)
    shutil.rmtree(scratch, ignore_errors=True)


if __name__ == "__main__":
    main(int(sys.argv[1]), os.fsencode(sys.argv[2]), sys.argv[3])
