"""Folders and files that only their owner may read."""

import errno
import os
from pathlib import Path

from engine.core.errors import ServiceUnreachable


def private_folder(path: Path) -> Path:
    """Make the folder, and those above it, where they are not there yet; safe to repeat.

    Raises:
        ServiceUnreachable: It cannot be made or written to: no space, no right.
    """
    try:
        # One by one: ``parents`` would make those above readable for everyone.
        for missing in reversed([each for each in (path, *path.parents) if not each.exists()]):
            missing.mkdir(mode=0o700, exist_ok=True)
    except OSError as error:
        raise _refused(path, error) from error
    if not os.access(path, os.W_OK | os.X_OK):
        raise _refused(path, PermissionError(errno.EACCES, os.strerror(errno.EACCES)))
    return path


def write_private(path: Path, text: str) -> None:
    """Write a file that holds a secret; nobody else can read it, not even while it is being written.

    Raises:
        ServiceUnreachable: It cannot be written: no space, no right.
    """
    try:
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            file.write(text)
    except OSError as error:
        raise _refused(path, error) from error


def _refused(path: Path, error: OSError) -> ServiceUnreachable:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return ServiceUnreachable(
            f"No space left for {path}: free some, or choose another folder with local.data_dir=…"
        )
    return ServiceUnreachable(
        f"{path} cannot be written ({error.strerror}): choose another folder with local.data_dir=…"
    )
