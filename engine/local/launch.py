"""A server on its leash: started, waited for, ended."""

import fcntl
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Generic, TypeVar

from engine.local import failures
from engine.local.failures import Guide
from engine.local.folders import private_folder

LEASH = Path(__file__).with_name("leash.py")
GRACE_S = 10.0
"""From the order to end to the kill: a database needs a moment to close its files."""
TICK_S = 0.03
LOCK_WAIT_S = 5.0
"""A server whose engine was killed just now still holds its folder while it ends."""

Server = TypeVar("Server")


@dataclass(frozen=True, slots=True)
class Command:
    """A server to be started in ``folder``: its working folder, its home, and the place of its log and lock."""

    guide: Guide
    program: Path
    arguments: tuple[str, ...]
    folder: Path
    strays: tuple[Path, ...] = ()
    """What the server leaves behind outside of its folder."""
    environment: Mapping[str, str] = field(default_factory=dict)
    """What the server is told beside its arguments; of the user's own environment it knows next to nothing."""

    @property
    def log_path(self) -> Path:
        """All that the server says in this run; the log of the run before stands beside it, ending in ``.1``."""
        return self.folder / f"{self.guide.program}.log"


class Leashed:
    """A server's process. It ends with ``stop()``, or with this process, however this process ends."""

    def __init__(self, command: Command) -> None:
        """Start it; it is not ready yet.

        Raises:
            ServiceUnreachable: The folder cannot be used.
        """
        self._command = command
        self._stopping = threading.Lock()
        private_folder(command.folder)
        lock = _lock_folder(command)
        tether, self._hold = os.pipe()
        try:
            self._process = _run_leash(command, tether, lock)
        except BaseException:
            os.close(self._hold)
            raise
        finally:
            # The leash has both now: the lock is free when the leash, and so the server, is gone.
            os.close(tether)
            os.close(lock)

    def wait_ready(self, answer: Callable[[], str | None], deadline_s: float) -> None:
        """Ask until ``answer`` returns None; what it returns otherwise is what is still amiss.

        Raises:
            ServiceUnreachable: The server ended, or was not ready in time; it is stopped.
        """
        give_up_at = time.monotonic() + deadline_s
        try:
            while (amiss := answer()) is not None:
                self._wait_a_tick()
                self._expect_time_left(give_up_at, deadline_s, amiss)
        except BaseException:
            self.stop()
            raise

    @property
    def pid(self) -> int:
        """The server's process; the leash's own where the kernel does not tell its children."""
        leash = self._process.pid
        try:
            children = Path(f"/proc/{leash}/task/{leash}/children").read_text("ascii").split()
        except OSError:
            children = []
        return int(children[0]) if children else leash

    def require(self) -> None:
        """Do nothing while the server runs.

        Raises:
            ServiceUnreachable: It has ended, by itself or by somebody's hand.
        """
        status = self._process.poll()
        if status is not None and self._hold >= 0:
            raise failures.gone(self._command.guide, status, self._command.log_path)

    def stop(self) -> None:
        """End the server and wait until it is gone; safe to repeat, from any thread."""
        with self._stopping:
            if self._hold >= 0:
                os.close(self._hold)
                self._hold = -1
            self._process.wait()

    def _wait_a_tick(self) -> None:
        try:
            status = self._process.wait(TICK_S)
        except subprocess.TimeoutExpired:
            return
        command = self._command
        raise failures.ended(command.guide, status, command.program, command.folder, command.log_path)

    def _expect_time_left(self, give_up_at: float, deadline_s: float, amiss: str) -> None:
        if time.monotonic() > give_up_at:
            raise failures.no_answer(self._command.guide, deadline_s, self._command.log_path, amiss)


@dataclass(frozen=True, slots=True)
class Running(Generic[Server]):
    """A server that is ready, and the way to end it."""

    server: Server
    process: Leashed

    def stop(self) -> None:
        """End the server and wait until it is gone; safe to repeat."""
        self.process.stop()


def _run_leash(command: Command, tether: int, lock: int) -> "subprocess.Popen[bytes]":
    log = command.log_path
    if log.exists():
        log.replace(log.with_name(f"{log.name}.1"))
    strays = os.pathsep.join(map(str, command.strays))
    leash = (sys.executable, "-I", str(LEASH), str(tether), str(GRACE_S), strays)
    with log.open("wb") as output:
        return subprocess.Popen(
            [*leash, str(command.program), *command.arguments],
            cwd=command.folder,
            env={**_environment(command.folder), **command.environment},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            pass_fds=(tether, lock),
            umask=0o077,
            # Ctrl-C goes to the whole terminal: the servers must outlive the engine's own work.
            start_new_session=True,
        )


def _environment(folder: Path) -> Mapping[str, str]:
    """Nothing of the user's own: no configuration of theirs, no credentials, no proxy."""
    kept = {name: os.environ[name] for name in ("PATH", "LD_LIBRARY_PATH", "TZ") if name in os.environ}
    return {**kept, "HOME": str(folder), "TMPDIR": ".", "LC_ALL": "C"}


def _lock_folder(command: Command) -> int:
    """One server per folder: the lock is the leash's, and ends with it."""
    lock = os.open(command.folder / f"{command.guide.program}.lock", os.O_RDWR | os.O_CREAT, 0o600)
    give_up_at = time.monotonic() + LOCK_WAIT_S
    while True:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > give_up_at:
                os.close(lock)
                raise failures.in_use(command.guide, command.folder) from None
            time.sleep(TICK_S)
        else:
            return lock
