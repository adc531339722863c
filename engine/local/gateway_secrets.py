"""The gateway's secrets of one data folder: made once, kept in a file for its owner alone."""

import json
import secrets
from pathlib import Path

from engine.core.errors import ConfigError
from engine.local.folders import private_folder, write_private

FILE = "gateway.json"
NAMES = ("jwt_secret", "operator_token")


def gateway_secrets(folder: Path) -> Path:
    """The file, made where it is not there yet: ``jwt_secret`` and ``operator_token``. Safe to repeat.

    Raises:
        ServiceUnreachable: The folder cannot be written.
    """
    path = private_folder(folder) / FILE
    if not path.is_file():
        write_private(path, json.dumps({name: secrets.token_urlsafe(32) for name in NAMES}, indent=2) + "\n")
    return path


def kept_secrets(folder: Path) -> dict[str, str] | None:
    """Both of them by their names; None where the folder has none.

    Raises:
        ConfigError: The file is none of ours, or is not for us to read.
    """
    path = folder / FILE
    if not path.is_file():
        return None
    try:
        found = json.loads(path.read_text("utf-8"))
        return {name: str(found[name]) for name in NAMES}
    except (OSError, ValueError, LookupError, TypeError):
        raise ConfigError("gateway.jwt_secret", f"is not set, and {path} cannot be read") from None
