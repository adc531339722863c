"""The program between the engine and a server: it ends the server when the engine ends, however that happens.

Run as ``python -I leash.py TETHER GRACE_S STRAYS COMMAND…``. TETHER is the read end of a pipe whose write end the
engine alone holds: the kernel closes that end even when the engine is killed, and the end of file is the order to end
the server. STRAYS are files, parted by colons, that the server may leave behind. It is run by its path in an
interpreter of its own: only the standard library, nothing of the engine.

Exit status: the server's own; 128 + n where signal n ended it; 126 where it cannot be run; 127 where it is not there.
"""

import ctypes
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

PR_SET_PDEATHSIG = 1
CANNOT_RUN = 126
NOT_FOUND = 127
ENDING_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


def dies_with(leash_pid: int) -> Callable[[], None]:
    """What the server's process does before it becomes the server: ask to be killed when the leash is gone."""
    prctl = ctypes.CDLL(None, use_errno=True).prctl

    def bind() -> None:
        prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        # The leash may have been killed before the line above: then nobody would tell.
        if os.getppid() != leash_pid:
            os._exit(CANNOT_RUN)

    return bind


def wake_on_signals() -> int:
    """Turn signals into bytes (their numbers) on the file descriptor returned, so that one select sees them all."""
    woken, wake = os.pipe()
    os.set_blocking(wake, False)
    os.set_blocking(woken, False)
    signal.set_wakeup_fd(wake, warn_on_full_buffer=False)
    for number in (signal.SIGCHLD, *ENDING_SIGNALS):
        signal.signal(number, lambda *_: None)
    return woken


def keep(server: "subprocess.Popen[bytes]", tether: int, woken: int, grace_s: float) -> int:
    """Wait until the server has ended; told to end it, terminate it, and kill it ``grace_s`` seconds later."""
    kill_at = None
    while server.poll() is None:
        watched = [woken] if kill_at else [woken, tether]
        ready, _, _ = select.select(watched, [], [], max(0.0, kill_at - time.monotonic()) if kill_at else None)
        told = tether in ready or (woken in ready and any(number in ENDING_SIGNALS for number in os.read(woken, 512)))
        if kill_at is None and told:
            server.terminate()
            kill_at = time.monotonic() + grace_s
        elif kill_at is not None and time.monotonic() >= kill_at:
            server.kill()
            server.wait()
    return server.returncode if server.returncode >= 0 else 128 - server.returncode


def main(tether: int, grace_s: float, strays: list[Path], command: list[str]) -> int:
    """Start the server, keep it, clear up after it, and give back its exit status."""
    woken = wake_on_signals()  # before the server starts: its end must not go unseen
    try:
        server = subprocess.Popen(command, stdin=subprocess.DEVNULL, preexec_fn=dies_with(os.getpid()))  # noqa: PLW1509
    except OSError as error:
        print(f"{command[0]}: {error.strerror}", file=sys.stderr)  # noqa: T201 - the server's log
        return NOT_FOUND if isinstance(error, FileNotFoundError) else CANNOT_RUN
    try:
        return keep(server, tether, woken, grace_s)
    finally:
        for stray in strays:
            with suppress(OSError):
                stray.unlink(missing_ok=True)


if __name__ == "__main__":
    sys.exit(
        main(
            int(sys.argv[1]),
            float(sys.argv[2]),
            [Path(each) for each in sys.argv[3].split(os.pathsep) if each],
            sys.argv[4:],
        )
    )
