"""The gateway of ``up``: ``funnel-clone serve`` on a leash, beside the servers that it tells of."""

import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from engine.local.failures import Guide
from engine.local.folders import private_folder
from engine.local.gateway_secrets import gateway_secrets
from engine.local.launch import Command, Leashed

GUIDE = Guide("gateway", "install funnel-clone", "gateway.port=…")
READY_WITHIN_S = 60.0


@dataclass(frozen=True, slots=True)
class Gateway:
    """Where it is."""

    url: str
    folder: Path
    secrets: Path
    """The file with its secrets."""
    log_path: Path
    process: Leashed


@contextmanager
def embedded_gateway(folder: Path, environment: Mapping[str, str], overrides: Sequence[str]) -> Iterator[Gateway]:
    """A gateway for the length of the block.

    Args:
        folder: Of all servers: it makes its secrets there, its log is in ``folder/gateway``.
        environment: Where MongoDB, S3 and Ray are, and their keys.
        overrides: ``gateway.…=value``, without secrets.

    Raises:
        ServiceUnreachable: It cannot be started: its port is taken, say.
    """
    secrets = gateway_secrets(folder)
    own = private_folder(folder / "gateway")
    arguments = ("-m", "engine.cli", "serve", "--json", f"local.data_dir={folder}", *overrides)
    command = Command(GUIDE, Path(sys.executable), arguments, own, environment=environment)
    process = Leashed(command)
    try:
        process.wait_ready(lambda: None if _url(command.log_path) else "it does not listen", READY_WITHIN_S)
        yield Gateway(_url(command.log_path) or "", own, secrets, command.log_path, process)
    finally:
        process.stop()


def _url(log: Path) -> str | None:
    """What it says when it listens; its port may be one that the system chose."""
    for line in log.read_text("utf-8", "replace").splitlines():
        if line.startswith("{") and '"gateway started"' in line:
            try:
                return str(json.loads(line)["url"])
            except (ValueError, KeyError):
                continue
    return None
