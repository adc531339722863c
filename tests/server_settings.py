"""Settings of embedded servers, for what is run on servers of its own."""

from engine.local.servers import Servers
from engine.settings import LocalSettings, MongoSettings, RaySettings, S3Settings, Settings


def settings_of(servers: Servers, folder: str, database: str, num_cpus: int | None = None) -> Settings:
    """Of the engine as it comes, on these servers; ``num_cpus`` of a Ray of its own."""
    s3 = servers.s3
    return Settings(
        mongo=MongoSettings(servers.mongo.uri, database),
        s3=S3Settings(s3.endpoint_url, s3.bucket, s3.access_key_id, s3.secret_access_key, s3.region),
        ray=RaySettings(num_cpus=num_cpus),
        local=LocalSettings(folder),
    )
