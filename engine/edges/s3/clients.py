"""Clients of the object store: obstore for copies, boto3 for the rest. Both are safe to share between threads."""

from functools import partial
from typing import TYPE_CHECKING

from engine.core.errors import ConfigError
from engine.settings import S3Settings

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from obstore.store import S3Credential, S3Store

CONNECT_TIMEOUT_S = 5


def endpoint_of(settings: S3Settings, bucket: str | None = None) -> str:
    """The endpoint's URL without a slash at its end; with ``bucket`` that of the bucket's own host.

    None in the settings is AWS itself, in the partition of the region.
    """
    url = (settings.endpoint_url or _aws_endpoint(settings.region)).rstrip("/")
    if bucket is None:
        return url
    scheme, _, host = url.partition("://")
    return f"{scheme}://{bucket}.{host}"


def _aws_endpoint(region: str) -> str:
    suffix = "amazonaws.com.cn" if region.startswith("cn-") else "amazonaws.com"
    return f"https://s3.{region}.{suffix}"


def open_client(settings: S3Settings, *, connections: int, attempts: int, timeout_s: float) -> "S3Client":
    """A boto3 client; nothing is sent yet.

    Args:
        settings: Where the store is, and the keys.
        connections: As many as threads will use it at once.
        attempts: Tries of a request in all; 1 where the caller has a policy of its own.
        timeout_s: Longest wait for bytes of an answer.

    Raises:
        ConfigError: The endpoint or the region cannot be read.
    """
    import boto3  # noqa: PLC0415 - takes a fifth of a second, and many commands send nothing to S3
    from botocore.config import Config  # noqa: PLC0415
    from botocore.exceptions import BotoCoreError  # noqa: PLC0415

    config = Config(
        signature_version="s3v4",
        connect_timeout=CONNECT_TIMEOUT_S,
        read_timeout=timeout_s,
        max_pool_connections=connections,
        retries={"total_max_attempts": attempts, "mode": "standard"},
        s3={"addressing_style": settings.addressing_style},
        # Stores other than AWS refuse checksums that they do not know.
        request_checksum_calculation="when_required",
        response_checksum_validation="when_required",
    )
    try:
        # A session of its own: the default one may not be used by two threads at once.
        return boto3.session.Session().client(
            "s3",
            endpoint_url=endpoint_of(settings),
            region_name=settings.region,
            aws_access_key_id=settings.access_key_id,
            aws_secret_access_key=settings.secret_access_key,
            config=config,
        )
    except (BotoCoreError, ValueError) as error:
        raise ConfigError("s3.endpoint_url", f"no client can be made for it ({type(error).__name__})") from error


def open_store(settings: S3Settings, bucket: str, timeout_s: float) -> "S3Store":
    """An obstore client of one bucket; nothing is sent yet. Its own retries are off: errors go to one policy, ours.

    Args:
        settings: Where the store is, and the keys.
        bucket: The one bucket that this client can name.
        timeout_s: Longest time for a request, from connecting to the answer's last byte.
    """
    from datetime import timedelta  # noqa: PLC0415

    from obstore.store import S3Store  # noqa: PLC0415

    virtual = settings.addressing_style == "virtual"
    # In virtual style the library takes the endpoint for the bucket's own.
    endpoint = endpoint_of(settings, bucket if virtual else None)
    return S3Store(
        bucket,
        config={
            # Under both names: AWS_ENDPOINT_URL_S3 in the environment would win over the first.
            "endpoint": endpoint,
            "aws_endpoint_url_s3": endpoint,
            "region": settings.region,
            "virtual_hosted_style_request": virtual,
            "skip_signature": False,
        },
        # Not as config: the library would mix a session token that stands in the environment with these keys.
        credential_provider=partial(_credentials, settings),
        client_options={
            "allow_http": True,
            "connect_timeout": timedelta(seconds=CONNECT_TIMEOUT_S),
            "timeout": timedelta(seconds=timeout_s),
        },
        retry_config={"max_retries": 0},
    )


def _credentials(settings: S3Settings) -> "S3Credential":
    return {
        "access_key_id": settings.access_key_id,
        "secret_access_key": settings.secret_access_key,
        "token": None,
        "expires_at": None,
    }
