"""Why a server did not start, in one sentence with the way out, and the end of its log."""

import errno
import os
import platform
import re
from dataclasses import dataclass
from pathlib import Path

from engine.core.errors import ServiceUnreachable
from engine.local.leash import CANNOT_RUN, NOT_FOUND

SIGNALLED = 128
"""A leash's exit status above it: the signal that ended the server, added."""
TAIL_LINES = 6
TAIL_LINE_LENGTH = 300
TAIL_BYTES = 65_536
ERROR_LINE = re.compile(r'"s":"[EF]"|^[EF]\d{4} | [EFC] \d+ \d+\] |\b(?:error|panic|fatal)\b', re.IGNORECASE)
"""As mongod, weed and Ray mark them in their logs."""


@dataclass(frozen=True, slots=True)
class Guide:
    """How to do without a server that cannot be started here."""

    program: str
    """``mongod``, ``weed``."""
    install: str
    """Where the program comes from."""
    instead: str
    """The setting that names a server that runs elsewhere: ``mongo.uri=…``."""


class PortTaken(ServiceUnreachable):
    """Another process listens on a port that the server was told to take."""


def missing(guide: Guide) -> ServiceUnreachable:
    """The program is not on this machine."""
    return ServiceUnreachable(
        f"No {guide.program} here: {guide.install}, put a {guide.program} on PATH, or give {guide.instead}"
    )


def port_taken(guide: Guide, port: int | None, log: Path | None = None) -> PortTaken:
    """``port`` None: the log does not say which of the server's ports it is."""
    which = f"port {port} of 127.0.0.1" if port else "one of its ports on 127.0.0.1"
    return PortTaken(
        f"{guide.program} cannot listen: {which} is taken; end what listens there, or give {guide.instead}{tail(log)}"
    )


def in_use(guide: Guide, folder: Path) -> ServiceUnreachable:
    """Another process runs this server on the same folder."""
    return ServiceUnreachable(
        f"A {guide.program} runs in {folder} already: stop it with `funnel-clone down`, "
        f"choose another folder with local.data_dir=…, or give {guide.instead}"
    )


def no_answer(guide: Guide, deadline_s: float, log: Path, last: str) -> ServiceUnreachable:
    """It runs but did not become ready in time; ``last`` is what it answered last."""
    said = f" (last answer: {last})" if last else ""
    return ServiceUnreachable(
        f"{guide.program} did not become ready within {deadline_s:.0f} s{said}: "
        f"see its log, or give {guide.instead}{tail(log)}"
    )


def ended(guide: Guide, status: int, program: Path, folder: Path, log: Path) -> ServiceUnreachable:
    """The server ended before it was ready; its exit status and its log say why."""
    said = _read_end(log)
    if status == NOT_FOUND:
        return missing(guide)
    if status == CANNOT_RUN:
        reason = os.strerror(errno.ENOEXEC) if os.strerror(errno.ENOEXEC) in said else "it may not be run"
        return ServiceUnreachable(
            f"{program} does not run on this machine ({platform.machine()}; {reason}): "
            f"{guide.install}, put a {guide.program} for {platform.machine()} on PATH, "
            f"or give {guide.instead}{tail(log)}"
        )
    if os.strerror(errno.ENOSPC) in said:
        return ServiceUnreachable(
            f"No space left for {guide.program} in {folder}: free some, choose another folder with local.data_dir=…, "
            f"or give {guide.instead}{tail(log)}"
        )
    if re.search(r"address already in use|port \d+ .*is not available", said, re.IGNORECASE):
        return port_taken(guide, None, log)
    return ServiceUnreachable(
        f"{guide.program} ended with status {status} before it was ready: "
        f"see its log, or give {guide.instead}{tail(log)}"
    )


def gone(guide: Guide, status: int, log: Path) -> ServiceUnreachable:
    """It was ready, and ended while it was needed."""
    how = f"was ended by signal {status - 128}" if status > SIGNALLED else f"ended with status {status}"
    return ServiceUnreachable(f"{guide.program} {how} while it was needed: see its log{tail(log)}")


def tail(log: Path | None) -> str:
    """The last lines of the log, and the last that tell of an error, to stand below a sentence; empty without a log."""
    if log is None:
        return ""
    lines = [line[:TAIL_LINE_LENGTH] for line in _read_end(log).splitlines() if line.strip()]
    # A server that gives up says why, and then at length how it takes itself down.
    telling = [place for place, line in enumerate(lines) if ERROR_LINE.search(line)]
    shown = sorted({*telling[-TAIL_LINES:], *range(max(0, len(lines) - TAIL_LINES), len(lines))})
    return "\n".join([f"\nThe end of {log}:", *(lines[place] for place in shown)]) if lines else ""


def _read_end(log: Path) -> str:
    try:
        with log.open("rb") as file:
            file.seek(max(0, log.stat().st_size - TAIL_BYTES))
            return file.read().decode("utf-8", "replace")
    except OSError:
        return ""
