"""The one module that knows Hydra. It composes files and overrides, and checks them against the schema.

Hydra takes a third of a second to import, so it is imported when something is composed, and not for ``--help``.
"""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from threading import Lock
from typing import Any, cast

from engine.configuration.files import folder
from engine.configuration.overrides import is_key, literal
from engine.configuration.schema import expected, keys, schema
from engine.core.errors import ConfigError

# Hydra keeps what it composes in globals.
_composing = Lock()

Values = dict[str, dict[str, Any]]


def composed(overrides: list[str], *, resolve: bool = True) -> Values:
    """Section -> name -> value; with ``resolve`` off, interpolations as they are written in the files.

    Raises:
        ConfigError: A value is of the wrong type, or a file is broken; names the key, never the value.
    """
    try:
        return _compose(overrides, resolve=resolve)
    except Exception as found:  # noqa: BLE001 - whatever it is, its text may hold the value
        error = _explained(found)
    # Raised out here: within the clause above, what was found would be kept as its context, value and all.
    raise error


def to_yaml(values: Mapping[str, Mapping[str, Any]]) -> str:
    """As YAML, for people to read."""
    from omegaconf import OmegaConf  # noqa: PLC0415

    written = {
        section: {name: literal(value) if isinstance(value, str) else value for name, value in of_section.items()}
        for section, of_section in values.items()
    }
    return OmegaConf.to_yaml(OmegaConf.create(written), resolve=True)


def _compose(overrides: list[str], *, resolve: bool) -> Values:
    from hydra import compose, initialize_config_dir  # noqa: PLC0415
    from hydra.core.config_store import ConfigStore  # noqa: PLC0415
    from omegaconf import OmegaConf  # noqa: PLC0415

    with _composing, _hydra_of_our_own():
        OmegaConf.register_new_resolver("first_set", _first_set, replace=True)
        OmegaConf.register_new_resolver("user_data_dir", _user_data_dir, replace=True)
        ConfigStore.instance().store(name="schema", node=schema())
        with initialize_config_dir(str(folder()), version_base=None):
            config = compose("config", overrides)
        return cast("Values", OmegaConf.to_container(config, resolve=resolve, enum_to_str=True))


@contextmanager
def _hydra_of_our_own() -> Iterator[None]:
    """Hydra's global state is empty inside, and afterwards as it was."""
    from hydra.core.global_hydra import GlobalHydra  # noqa: PLC0415

    outer = GlobalHydra.instance().hydra
    GlobalHydra.instance().clear()
    try:
        yield
    finally:
        GlobalHydra.instance().hydra = outer


def _explained(error: BaseException) -> ConfigError:
    """What was found, without its words."""
    named = [name for name in _named(error) if is_key(name)]
    known = next((name for name in named if name in keys()), None)
    if known is not None:
        return ConfigError(known, f"must be {expected(known)}")
    return ConfigError(named[-1] if named else "conf", f"cannot be composed ({type(error).__name__})")


def _named(error: BaseException | None) -> Iterator[str]:
    """The keys that an error and its causes name."""
    while error is not None:
        yield str(getattr(error, "full_key", None) or getattr(error, "override", None) or "").partition("=")[0]
        error = error.__cause__ or error.__context__


def _first_set(*values: str | None) -> str | None:
    return next((value for value in values if value), None)


def _user_data_dir(name: str) -> str:
    base = Path(os.environ.get("XDG_DATA_HOME", ""))
    # The XDG rules: a path that is not absolute is to be ignored.
    return str((base if base.is_absolute() else Path.home() / ".local" / "share") / name)
