"""The gateway: sockets and HTTP."""

import re
from dataclasses import dataclass, field

from engine.core.errors import ConfigError
from engine.settings.checks import MOST_PORT, at_least, positive

# What a TTL index takes, in days.
_MOST_RETENTION_DAYS = 24_855
_ORIGIN = re.compile(r"https?://[^\s/?#@,]+")


@dataclass(frozen=True, slots=True)
class GatewaySettings:
    """Sockets and HTTP. The two secrets are asked for by ``serve`` alone: no other command needs them."""

    jwt_secret: str = field(default="", repr=False)
    """Signs the tokens of users (HS256)."""
    operator_token: str = field(default="", repr=False)
    host: str = "127.0.0.1"
    port: int = 6002
    """0: a free one."""
    hooks: bool = False
    """Whether a pass may be started over HTTP (B22)."""
    cors_origins: str = ""
    """Origins beside our own whose pages may connect, parted by blanks or commas; none unless named."""
    retention_days: float = 7
    """How long notifications are kept for those who were not there."""
    triggers_per_minute: float = 6

    def __post_init__(self) -> None:
        at_least("gateway.port", self.port, 0)
        if self.port > MOST_PORT:
            raise ConfigError("gateway.port", f"must be at most {MOST_PORT}, not {self.port}")
        if not self.host.strip():
            raise ConfigError("gateway.host", "must not be empty")
        positive("gateway.retention_days", self.retention_days)
        if self.retention_days > _MOST_RETENTION_DAYS:
            raise ConfigError("gateway.retention_days", f"must be at most {_MOST_RETENTION_DAYS}")
        positive("gateway.triggers_per_minute", self.triggers_per_minute)
        for origin in self.origins:
            if not _ORIGIN.fullmatch(origin):
                raise ConfigError(
                    "gateway.cors_origins", "must hold origins, as https://app.example.com, without a path"
                )

    @property
    def origins(self) -> list[str]:
        """``cors_origins``, one by one."""
        return self.cors_origins.replace(",", " ").split()
