"""boto3's client of an embedded S3: what tests and benchmarks look at objects with, beside the engine's own."""

from typing import TYPE_CHECKING

import boto3
from botocore.config import Config

from engine.local.seaweed import S3Server

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


def s3_client(server: S3Server, attempts: int | None = None) -> "S3Client":
    """Signed with the server's own keys; ``attempts`` of each request, where boto3's own number does not fit."""
    return boto3.client(
        "s3",
        endpoint_url=server.endpoint_url,
        region_name=server.region,
        aws_access_key_id=server.access_key_id,
        aws_secret_access_key=server.secret_access_key,
        config=None if attempts is None else Config(retries={"total_max_attempts": attempts}),
    )
