"""What a pass takes, and how much of it at once."""

from dataclasses import dataclass
from typing import Literal

from engine.core.errors import ConfigError
from engine.settings.checks import at_least, positive

CrossAccount = Literal["allow", "family", "refuse"]


@dataclass(frozen=True, slots=True)
class ScanSettings:
    """Which funnels a pass takes."""

    batch_limit: int = 3
    funnel_stale_minutes: float = 10
    cross_account: CrossAccount = "allow"
    """Whose funnels an account may clone: anybody's, its family's (parent, children, siblings), its own."""

    def __post_init__(self) -> None:
        at_least("scan.batch_limit", self.batch_limit, 1)
        positive("scan.funnel_stale_minutes", self.funnel_stale_minutes)


@dataclass(frozen=True, slots=True)
class LeaseSettings:
    """One pass per database."""

    ttl_seconds: float = 60

    def __post_init__(self) -> None:
        at_least("lease.ttl_seconds", self.ttl_seconds, 1)


@dataclass(frozen=True, slots=True)
class StepSettings:
    """Step work: ``concurrency`` is one number for the whole cluster."""

    concurrency: int = 5
    stale_minutes: float = 5
    attempts: int = 3
    deadline_minutes: float = 60

    def __post_init__(self) -> None:
        at_least("steps.concurrency", self.concurrency, 1)
        positive("steps.stale_minutes", self.stale_minutes)
        at_least("steps.attempts", self.attempts, 1)
        positive("steps.deadline_minutes", self.deadline_minutes)


@dataclass(frozen=True, slots=True)
class FunnelSettings:
    """Attempts of a whole funnel, and the wait between them."""

    attempts: int = 3
    backoff_seconds: float = 30
    """The first wait's upper bound; it doubles with each attempt, up to ``backoff_limit_seconds``, with full jitter."""
    backoff_limit_seconds: float = 1800

    def __post_init__(self) -> None:
        at_least("funnels.attempts", self.attempts, 1)
        positive("funnels.backoff_seconds", self.backoff_seconds)
        positive("funnels.backoff_limit_seconds", self.backoff_limit_seconds)


@dataclass(frozen=True, slots=True)
class CopySettings:
    """The pool of S3-copy actors."""

    actors: int = 2
    concurrency: int = 16
    """Requests in flight for one actor."""
    deadline_seconds: float = 300
    multipart_threshold_bytes: int = 5 * 1024**3
    """Objects above this size are copied in parts: CopyObject takes 5 GiB at most."""
    multipart_part_bytes: int = 512 * 1024**2

    def __post_init__(self) -> None:
        at_least("copy.actors", self.actors, 1)
        at_least("copy.concurrency", self.concurrency, 1)
        positive("copy.deadline_seconds", self.deadline_seconds)
        least_part = 5 * 1024**2
        at_least("copy.multipart_part_bytes", self.multipart_part_bytes, least_part)
        at_least("copy.multipart_threshold_bytes", self.multipart_threshold_bytes, least_part)
        if self.multipart_threshold_bytes > 5 * 1024**3:
            raise ConfigError("copy.multipart_threshold_bytes", "must be at most 5 GiB, the most that one copy takes")


@dataclass(frozen=True, slots=True)
class ChatSettings:
    """``preview_domain`` names the token in ``support_tokens`` that a clone's chat widget gets."""

    preview_domain: str = ""
