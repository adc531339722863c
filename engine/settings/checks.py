"""What every setting is checked with: a refusal names the key."""

from math import isfinite

from engine.core.errors import ConfigError

MOST_PORT = 65_535


def _finite(key: str, value: float) -> None:
    if isinstance(value, float) and not isfinite(value):
        raise ConfigError(key, f"must be a number, not {value}")


def at_least(key: str, value: float, least: float) -> None:
    """Refuse less."""
    _finite(key, value)
    if value < least:
        raise ConfigError(key, f"must be at least {least}, not {value}")


def positive(key: str, value: float) -> None:
    """Refuse nothing and less."""
    _finite(key, value)
    if value <= 0:
        raise ConfigError(key, f"must be more than 0, not {value}")


def present(key: str, value: str, variable: str) -> None:
    """Refuse what is not set."""
    if not value:
        raise ConfigError(key, f"is not set: give it through {variable} in the environment, or as {key}=…")
