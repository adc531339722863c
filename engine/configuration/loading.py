"""What commands use: load once, ask for the part that is needed."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar, get_type_hints

from engine.configuration.composition import composed, to_yaml
from engine.configuration.overrides import for_hydra
from engine.configuration.schema import SECTIONS, secret_keys
from engine.core.errors import ConfigError
from engine.settings import (
    CopySettings,
    GatewaySettings,
    LocalSettings,
    LogSettings,
    MongoSettings,
    RaySettings,
    S3Settings,
    ScanSettings,
    ScheduleSettings,
    Settings,
    StepSettings,
)

Section = TypeVar("Section")

MASK = "***"
# What only some commands need, and what cannot be guessed: checked when it is asked for.
_ON_DEMAND = ("mongo", "s3")
_USERINFO = re.compile(r"(?<=://).*@", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Configuration:
    """All values, resolved when they were loaded; raises ConfigError when made of impossible ones."""

    values: Mapping[str, Mapping[str, Any]] = field(repr=False)
    """Section -> name -> value, None where it is not set. Holds secrets."""

    def __post_init__(self) -> None:
        for name, kind in SECTIONS.items():
            if name not in _ON_DEMAND:
                self._section(name, kind)

    def settings(self) -> Settings:
        """All of it.

        Raises:
            ConfigError: A key is missing or its value impossible; names the first such key.
        """
        return Settings(**{name: self._section(name, kind) for name, kind in SECTIONS.items()})

    def mongo(self) -> MongoSettings:
        """The database alone; raises ConfigError as ``settings`` does."""
        return self._section("mongo", MongoSettings)

    def s3(self) -> S3Settings:
        """The object store alone; raises ConfigError as ``settings`` does."""
        return self._section("s3", S3Settings)

    def ray(self) -> RaySettings:
        """The cluster alone."""
        return self._section("ray", RaySettings)

    def local(self) -> LocalSettings:
        """The embedded servers' folder alone."""
        return self._section("local", LocalSettings)

    def log(self) -> LogSettings:
        """How events are written, alone."""
        return self._section("log", LogSettings)

    def scan(self) -> ScanSettings:
        """Which funnels a pass takes, alone."""
        return self._section("scan", ScanSettings)

    def schedule(self) -> ScheduleSettings:
        """When passes are submitted, alone."""
        return self._section("schedule", ScheduleSettings)

    def database(self) -> str:
        """The database's name alone, of a server that need not be known here."""
        return str(self.values["mongo"]["database"] or "")

    def gateway(self) -> GatewaySettings:
        """Sockets and HTTP, alone."""
        return self._section("gateway", GatewaySettings)

    def steps(self) -> StepSettings:
        """The work on steps alone."""
        return self._section("steps", StepSettings)

    def copies(self) -> CopySettings:
        """The copying of objects alone."""
        return self._section("copy", CopySettings)

    def masked_yaml(self) -> str:
        """All values as YAML, for people to read: a secret reads ``***`` where it is set, ``null`` where it is not."""
        return to_yaml(
            {
                section: {name: _masked(f"{section}.{name}", value) for name, value in values.items()}
                for section, values in self.values.items()
            }
        )

    def _section(self, name: str, kind: type[Section]) -> Section:
        hints = get_type_hints(kind)
        return kind(**{key: _or_unset(hints[key], value) for key, value in self.values[name].items()})


def load(overrides: Sequence[str], given: Mapping[str, Any] | None = None) -> Configuration:
    """Compose files, environment and overrides; safe in threads, and as often as wanted.

    Args:
        overrides: ``key=value`` or ``group=option``; the last of equal keys wins. A value is taken as it stands,
            whatever it holds; ``null`` and nothing at all mean: not set.
        given: Key -> value, None for: not set. Wins over overrides and environment.

    Raises:
        ConfigError: A key is unknown, a value of the wrong type or impossible; names the key, never a secret.
    """
    values = composed(for_hydra(overrides, given or {}))
    if values["local"]["data_dir"]:
        values["local"]["data_dir"] = _absolute(values["local"]["data_dir"])
    return Configuration(values)


def _absolute(folder: str) -> str:
    try:
        return str(Path(folder).expanduser().absolute())
    except RuntimeError:
        raise ConfigError("local.data_dir", "begins with the home of a user that is not known here") from None


def _or_unset(hint: Any, value: Any) -> Any:
    """An empty text is none at all; where a setting must be a text, its own check refuses the empty one."""
    if hint is str:
        return value or ""
    return None if value == "" else value


def _masked(key: str, value: Any) -> Any:
    if not isinstance(value, str):
        return value
    if key in secret_keys():
        return MASK if value else None
    return _USERINFO.sub(f"{MASK}@", value) or None
