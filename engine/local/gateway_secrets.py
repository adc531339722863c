"""The gateway's secrets of one data folder: made once, kept in a file for its owner alone."""

import json
import secrets
from pathlib import Path

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
