"""Where the files lie, and their groups."""

from collections.abc import Sequence
from functools import cache
from pathlib import Path

_ENGINE = Path(__file__).parents[1]


@cache
def folder() -> Path:
    """Inside of an installed engine; beside the engine in a checkout."""
    installed = _ENGINE / "conf"
    return installed if installed.is_dir() else _ENGINE.parent / "conf"


@cache
def groups() -> Sequence[str]:
    """What can be chosen with ``group=option``."""
    return sorted(path.name for path in folder().iterdir() if path.is_dir())


@cache
def options(group: str) -> Sequence[str]:
    """The options of a group."""
    return sorted(path.stem for path in (folder() / group).glob("*.yaml"))
