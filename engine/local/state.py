"""What a keeper writes down of the servers that it keeps running, for the commands that come after.

One file, ``running.json`` in ``local.data_dir``, for its owner's eyes alone: it holds the keys of the embedded S3.
"""

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from engine.local.folders import private_folder, write_private

FILE = "running.json"


@dataclass(frozen=True, slots=True)
class Kept:
    """A keeper, and where its servers are."""

    pid: int
    started: str
    """When the keeper's process was started, as ``started_at`` tells it: a pid is given away again."""
    ray_token_path: str
    settings: Mapping[str, Any] = field(repr=False)
    """Key -> value, as a command would be given them. Holds secrets."""

    @property
    def runs(self) -> bool:
        """The keeper's process is there, and is the one that wrote this."""
        return started_at(self.pid) == self.started


def started_at(pid: int) -> str | None:
    """The boot and the tick of it at which the process was started; None where there is no such process."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text("ascii").strip()
        # The name stands in parentheses, and may hold anything.
        fields = Path(f"/proc/{pid}/stat").read_text("utf-8", "replace").rpartition(") ")[2].split()
    except OSError:
        return None
    state, ticks = fields[0], fields[19]
    return None if state in "ZX" else f"{boot}/{ticks}"


def write(folder: Path, kept: Kept) -> None:
    """Write the file, whole or not at all.

    Raises:
        ServiceUnreachable: The folder cannot be written.
    """
    path = private_folder(folder) / FILE
    fresh = path.with_name(f"{FILE}.{os.getpid()}")
    write_private(fresh, json.dumps(asdict(kept), indent=2) + "\n")
    fresh.replace(path)


def read(folder: Path) -> Kept | None:
    """What runs in the folder; None where nothing does, whatever a keeper that was killed left written there."""
    try:
        kept = Kept(**json.loads((folder / FILE).read_text("utf-8")))
    except (OSError, ValueError, TypeError):
        return None
    return kept if kept.runs else None


def forget(folder: Path) -> None:
    """Remove the file. Safe to repeat."""
    (folder / FILE).unlink(missing_ok=True)
