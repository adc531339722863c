"""Every setting of the engine, as frozen dataclasses; units stand in the names.

The keys are the contract's (docs/contract.md, section 6). ``engine.configuration`` fills them through Hydra;
each class refuses an impossible value with a ConfigError that names the key. Secrets are left out of ``repr``.
"""

import re
from dataclasses import dataclass, field
from math import isfinite
from pathlib import Path
from typing import Literal

from engine.core.errors import ConfigError


def _finite(key: str, value: float) -> None:
    if isinstance(value, float) and not isfinite(value):
        raise ConfigError(key, f"must be a number, not {value}")


_MOST_PORT = 65_535
# What a TTL index takes, in days.
_MOST_RETENTION_DAYS = 24_855
_ORIGIN = re.compile(r"https?://[^\s/?#@,]+")

CrossAccount = Literal["allow", "family", "refuse"]


def _at_least(key: str, value: float, least: float) -> None:
    _finite(key, value)
    if value < least:
        raise ConfigError(key, f"must be at least {least}, not {value}")


def _positive(key: str, value: float) -> None:
    _finite(key, value)
    if value <= 0:
        raise ConfigError(key, f"must be more than 0, not {value}")


def _present(key: str, value: str, variable: str) -> None:
    if not value:
        raise ConfigError(key, f"is not set: give it through {variable} in the environment, or as {key}=…")


@dataclass(frozen=True, slots=True)
class MongoSettings:
    """The product's database. The URI may hold a password and is never printed."""

    uri: str = field(repr=False)
    database: str = "funnels"

    def __post_init__(self) -> None:
        _present("mongo.uri", self.uri, "MONGO_URI")
        if not self.uri.startswith(("mongodb://", "mongodb+srv://")):
            raise ConfigError("mongo.uri", "must begin with mongodb:// or mongodb+srv://")
        _present("mongo.database", self.database, "MONGO_DATABASE")


@dataclass(frozen=True, slots=True)
class S3Settings:
    """The object store of the images."""

    endpoint_url: str | None
    """None: AWS itself, found by ``region``."""
    bucket: str
    access_key_id: str = field(repr=False)
    secret_access_key: str = field(repr=False)
    region: str = "us-east-1"
    addressing_style: Literal["path", "virtual"] = "path"
    acl: str | None = None
    """A canned ACL for new objects (CopyObject carries none over); None leaves the bucket's default."""

    def __post_init__(self) -> None:
        _present("s3.bucket", self.bucket, "S3_BUCKET")
        _present("s3.access_key_id", self.access_key_id, "AWS_ACCESS_KEY_ID")
        _present("s3.secret_access_key", self.secret_access_key, "AWS_SECRET_ACCESS_KEY")
        _present("s3.region", self.region, "AWS_REGION")
        if self.endpoint_url is not None and not self.endpoint_url.startswith(("http://", "https://")):
            raise ConfigError("s3.endpoint_url", "must begin with http:// or https://")
        if self.endpoint_url is not None and "@" in self.endpoint_url:
            raise ConfigError("s3.endpoint_url", "must hold no credentials; they have keys of their own")
        if self.addressing_style not in ("path", "virtual"):
            raise ConfigError("s3.addressing_style", "must be path or virtual")


@dataclass(frozen=True, slots=True)
class RaySettings:
    """The cluster. ``address`` None: the one that runs, else one of our own on this machine."""

    address: str | None = None
    job_address: str | None = None
    num_cpus: int | None = None
    """CPUs of a Ray that we start ourselves; None: as many as the machine has."""
    object_store_mb: int = 200
    """Object store of a Ray that we start ourselves: only small values pass through it."""
    task_cpus: float = 0.25
    """CPU share of a layout or step task: they wait for servers most of their time."""
    actor_cpus: float = 0.0
    """CPU share of the driver and of each copy actor."""

    def __post_init__(self) -> None:
        if self.num_cpus is not None:
            _at_least("ray.num_cpus", self.num_cpus, 1)
        _at_least("ray.object_store_mb", self.object_store_mb, 80)
        _positive("ray.task_cpus", self.task_cpus)
        _at_least("ray.actor_cpus", self.actor_cpus, 0)


@dataclass(frozen=True, slots=True)
class ScanSettings:
    """Which funnels a pass takes."""

    batch_limit: int = 3
    funnel_stale_minutes: float = 10
    cross_account: CrossAccount = "allow"
    """Whose funnels an account may clone: anybody's, its family's (parent, children, siblings), its own."""

    def __post_init__(self) -> None:
        _at_least("scan.batch_limit", self.batch_limit, 1)
        _positive("scan.funnel_stale_minutes", self.funnel_stale_minutes)


@dataclass(frozen=True, slots=True)
class LeaseSettings:
    """One pass per database."""

    ttl_seconds: float = 60

    def __post_init__(self) -> None:
        _at_least("lease.ttl_seconds", self.ttl_seconds, 1)


@dataclass(frozen=True, slots=True)
class StepSettings:
    """Step work: ``concurrency`` is one number for the whole cluster."""

    concurrency: int = 5
    stale_minutes: float = 5
    attempts: int = 3
    deadline_minutes: float = 60

    def __post_init__(self) -> None:
        _at_least("steps.concurrency", self.concurrency, 1)
        _positive("steps.stale_minutes", self.stale_minutes)
        _at_least("steps.attempts", self.attempts, 1)
        _positive("steps.deadline_minutes", self.deadline_minutes)


@dataclass(frozen=True, slots=True)
class FunnelSettings:
    """Attempts of a whole funnel, and the wait between them."""

    attempts: int = 3
    backoff_seconds: float = 30
    """The first wait's upper bound; it doubles with each attempt, up to ``backoff_limit_seconds``, with full jitter."""
    backoff_limit_seconds: float = 1800

    def __post_init__(self) -> None:
        _at_least("funnels.attempts", self.attempts, 1)
        _positive("funnels.backoff_seconds", self.backoff_seconds)
        _positive("funnels.backoff_limit_seconds", self.backoff_limit_seconds)


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
        _at_least("copy.actors", self.actors, 1)
        _at_least("copy.concurrency", self.concurrency, 1)
        _positive("copy.deadline_seconds", self.deadline_seconds)
        least_part = 5 * 1024**2
        _at_least("copy.multipart_part_bytes", self.multipart_part_bytes, least_part)
        _at_least("copy.multipart_threshold_bytes", self.multipart_threshold_bytes, least_part)
        if self.multipart_threshold_bytes > 5 * 1024**3:
            raise ConfigError("copy.multipart_threshold_bytes", "must be at most 5 GiB, the most that one copy takes")


@dataclass(frozen=True, slots=True)
class ChatSettings:
    """``preview_domain`` names the token in ``support_tokens`` that a clone's chat widget gets."""

    preview_domain: str = ""


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
        _at_least("gateway.port", self.port, 0)
        if self.port > _MOST_PORT:
            raise ConfigError("gateway.port", f"must be at most {_MOST_PORT}, not {self.port}")
        if not self.host.strip():
            raise ConfigError("gateway.host", "must not be empty")
        _positive("gateway.retention_days", self.retention_days)
        if self.retention_days > _MOST_RETENTION_DAYS:
            raise ConfigError("gateway.retention_days", f"must be at most {_MOST_RETENTION_DAYS}")
        _positive("gateway.triggers_per_minute", self.triggers_per_minute)
        for origin in self.origins:
            if not _ORIGIN.fullmatch(origin):
                raise ConfigError(
                    "gateway.cors_origins", "must hold origins, as https://app.example.com, without a path"
                )

    @property
    def origins(self) -> list[str]:
        """``cors_origins``, one by one."""
        return self.cors_origins.replace(",", " ").split()


@dataclass(frozen=True, slots=True)
class LocalSettings:
    """Where the embedded servers keep their data and logs."""

    data_dir: str

    def __post_init__(self) -> None:
        if not Path(self.data_dir).is_absolute():
            raise ConfigError("local.data_dir", "must be an absolute path")


@dataclass(frozen=True, slots=True)
class Settings:
    """All settings of one process; hashable, so that clients are made once for equal ones."""

    mongo: MongoSettings
    s3: S3Settings
    ray: RaySettings
    local: LocalSettings
    scan: ScanSettings = field(default_factory=ScanSettings)
    lease: LeaseSettings = field(default_factory=LeaseSettings)
    steps: StepSettings = field(default_factory=StepSettings)
    funnels: FunnelSettings = field(default_factory=FunnelSettings)
    copy: CopySettings = field(default_factory=CopySettings)
    chat: ChatSettings = field(default_factory=ChatSettings)
    gateway: GatewaySettings = field(default_factory=GatewaySettings)
