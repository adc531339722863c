"""How the engine is run: when passes are submitted, what is told."""

from dataclasses import dataclass
from typing import Literal

from engine.core.errors import ConfigError
from engine.settings.checks import MOST_PORT, at_least


@dataclass(frozen=True, slots=True)
class ScheduleSettings:
    """When passes are submitted, and how the scheduler is asked how it is."""

    enabled: bool = False
    """``schedule`` refuses to run without it, so that a copy of a configuration does not clone by itself (B2)."""
    cron: str = "*/5 * * * *"
    """Five fields; six, where the first is to be seconds."""
    timezone: str = "UTC"
    misfire_grace_seconds: float = 60
    """A tick that could not be held by then, because the machine slept, is left out."""
    drain: bool = False
    """Each job goes on until nothing is pending."""
    host: str = "127.0.0.1"
    port: int = 6003
    """For ``GET /healthz``; 0: a free one."""
    keep_jobs: int = 50
    """How many ended jobs of ours Ray's job server keeps a record of."""

    def __post_init__(self) -> None:
        at_least("schedule.misfire_grace_seconds", self.misfire_grace_seconds, 1)
        at_least("schedule.keep_jobs", self.keep_jobs, 1)
        at_least("schedule.port", self.port, 0)
        if self.port > MOST_PORT:
            raise ConfigError("schedule.port", f"must be at most {MOST_PORT}, not {self.port}")
        for name in ("cron", "timezone", "host"):
            if not getattr(self, name).strip():
                raise ConfigError(f"schedule.{name}", "must not be empty")


@dataclass(frozen=True, slots=True)
class LogSettings:
    """How events are written: for people, or as one JSON object a line for what collects logs."""

    format: Literal["text", "json"] = "text"

    def __post_init__(self) -> None:
        if self.format not in ("text", "json"):
            raise ConfigError("log.format", "must be text or json")

    @property
    def json(self) -> bool:
        """For machines."""
        return self.format == "json"
