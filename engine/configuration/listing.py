"""Every key, for ``--settings``."""

import re
from dataclasses import MISSING, Field
from typing import Any

from engine.configuration.composition import composed
from engine.configuration.files import options
from engine.configuration.schema import keys

# It depends on the environment, of which the list tells nothing.
_DATA_DIR = "$XDG_DATA_HOME/funnel-clone, else ~/.local/share/funnel-clone"


def settings_help() -> str:
    """A line a key: its default, ``-`` where there is none, and its variable. Tells nothing of the environment."""
    written = composed([], resolve=False)
    lines = [_line("KEY", "DEFAULT", "VARIABLE"), _line("profile", "dev", f"(one of {', '.join(options('profile'))})")]
    for key, found in keys().items():
        section, name = key.split(".")
        variable = re.search(r"\$\{oc\.env:(\w+)", str(written[section][name]))
        lines.append(_line(key, _default(key, found), variable[1] if variable else ""))
    return "\n".join(lines)


def _line(key: str, default: str, variable: str) -> str:
    return f"{key:30} {default:12} {variable}".rstrip()


def _default(key: str, found: Field[Any]) -> str:
    if key == "local.data_dir":
        return _DATA_DIR
    return "-" if found.default in (MISSING, None, "") else str(found.default)
