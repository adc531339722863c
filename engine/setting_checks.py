"""What a setting is refused for, by its key: each raises ConfigError."""

from math import isfinite

from engine.core.errors import ConfigError

MOST_PORT = 65_535


def finite(key: str, value: float) -> None:
    """Neither infinite nor no number."""
    if isinstance(value, float) and not isfinite(value):
        raise ConfigError(key, f"must be a number, not {value}")


def at_least(key: str, value: float, least: float) -> None:
    """``least`` or more."""
    finite(key, value)
    if value < least:
        raise ConfigError(key, f"must be at least {least}, not {value}")


def positive(key: str, value: float) -> None:
    """More than 0."""
    finite(key, value)
    if value <= 0:
        raise ConfigError(key, f"must be more than 0, not {value}")


def present(key: str, value: str, variable: str) -> None:
    """Set; ``variable`` is where it usually comes from."""
    if not value:
        raise ConfigError(key, f"is not set: give it through {variable} in the environment, or as {key}=…")
