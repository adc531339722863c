"""The engine's wheel as a part of a job: what its driver and workers run, whatever else the nodes have installed.

Ray would install a wheel that it is given, with all that the wheel needs, on every node. What it needs is there; so the
wheel is unpacked here, and Ray brings its modules along: once for each content, told by a digest.
"""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from zipfile import BadZipFile, ZipFile

from engine.core.errors import ConfigError

KEY = "ray.wheel"
PACKAGE = "engine"


@contextmanager
def runtime_env_of(wheel: str | None) -> Iterator[dict[str, Any] | None]:
    """A ``runtime_env`` whose modules are the wheel's, to be used within the block; None without a wheel.

    Raises:
        ConfigError: It is no wheel of the engine.
    """
    if wheel is None:
        yield None
        return
    with tempfile.TemporaryDirectory(prefix="funnel-clone-") as folder:
        _unpack(Path(wheel), Path(folder))
        yield {"py_modules": [str(Path(folder) / PACKAGE)]}


def _unpack(wheel: Path, folder: Path) -> None:
    try:
        with ZipFile(wheel) as packed:
            of_the_engine = [name for name in packed.namelist() if name.startswith(f"{PACKAGE}/")]
            packed.extractall(folder, of_the_engine)
    except (OSError, BadZipFile) as error:
        raise ConfigError(KEY, f"cannot be read: {error}") from error
    if f"{PACKAGE}/__init__.py" not in of_the_engine:
        raise ConfigError(KEY, f"{wheel} is no wheel of the engine")
