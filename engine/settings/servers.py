"""The servers that the engine works with, and where those of our own keep their data."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from engine.core.errors import ConfigError
from engine.settings.checks import at_least, positive, present


@dataclass(frozen=True, slots=True)
class MongoSettings:
    """The product's database. The URI may hold a password and is never printed."""

    uri: str = field(repr=False)
    database: str = "funnels"

    def __post_init__(self) -> None:
        present("mongo.uri", self.uri, "MONGO_URI")
        if not self.uri.startswith(("mongodb://", "mongodb+srv://")):
            raise ConfigError("mongo.uri", "must begin with mongodb:// or mongodb+srv://")
        present("mongo.database", self.database, "MONGO_DATABASE")


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
    min_storage_days: float = 0
    """For how long the store bills an object, even if it is deleted sooner; 0: no longer than it is there."""

    def __post_init__(self) -> None:
        present("s3.bucket", self.bucket, "S3_BUCKET")
        present("s3.access_key_id", self.access_key_id, "AWS_ACCESS_KEY_ID")
        present("s3.secret_access_key", self.secret_access_key, "AWS_SECRET_ACCESS_KEY")
        present("s3.region", self.region, "AWS_REGION")
        if self.endpoint_url is not None and not self.endpoint_url.startswith(("http://", "https://")):
            raise ConfigError("s3.endpoint_url", "must begin with http:// or https://")
        if self.endpoint_url is not None and "@" in self.endpoint_url:
            raise ConfigError("s3.endpoint_url", "must hold no credentials; they have keys of their own")
        if self.addressing_style not in ("path", "virtual"):
            raise ConfigError("s3.addressing_style", "must be path or virtual")
        at_least("s3.min_storage_days", self.min_storage_days, 0)


@dataclass(frozen=True, slots=True)
class RaySettings:
    """The cluster. ``address`` None: the one that runs, else one of our own on this machine."""

    address: str | None = None
    job_address: str | None = None
    wheel: str | None = None
    """The engine's wheel: what a job and its workers run, whatever else the nodes have."""
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
            at_least("ray.num_cpus", self.num_cpus, 1)
        at_least("ray.object_store_mb", self.object_store_mb, 80)
        positive("ray.task_cpus", self.task_cpus)
        at_least("ray.actor_cpus", self.actor_cpus, 0)


@dataclass(frozen=True, slots=True)
class LocalSettings:
    """Where the embedded servers keep their data and logs."""

    data_dir: str

    def __post_init__(self) -> None:
        if not Path(self.data_dir).is_absolute():
            raise ConfigError("local.data_dir", "must be an absolute path")
