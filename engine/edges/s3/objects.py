"""Objects looked at, listed, read, written and deleted; and whether a bucket can be used at all."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any

from engine import crash_points
from engine.core.copying import is_plain_text
from engine.core.errors import (
    AccessDenied,
    ConfigError,
    ObjectMissing,
    ObjectStoreUnavailable,
    PermanentError,
    ServiceUnreachable,
)
from engine.edges.s3.answers import Answer, answer_of, not_deleted, translated
from engine.edges.s3.clients import CONNECT_TIMEOUT_S, endpoint_of, open_client
from engine.settings import S3Settings

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

CONNECTIONS = 16
ATTEMPTS = 3
TIMEOUT_S = 20
DELETE_WITHIN_S = ATTEMPTS * (CONNECT_TIMEOUT_S + TIMEOUT_S) + 15.0
"""A request to delete has come to an end by then, with all its tries and the waits between."""
# DeleteObjects takes no more.
_DELETED_AT_ONCE = 1000


@dataclass(frozen=True, slots=True)
class ObjectHead:
    """An object without its content."""

    bucket: str
    key: str
    size_bytes: int
    etag: str
    """In quotes, as S3 gives it; with a dash where the object was uploaded in parts."""
    content_type: str | None
    metadata: Mapping[str, str]


class Objects:
    """The objects of a store, through boto3. Safe to share between threads; every method is safe to repeat.

    Errors are the engine's: ObjectStoreUnavailable, AccessDenied, PermanentError, and where said ObjectMissing.
    """

    def __init__(self, settings: S3Settings) -> None:
        """Nothing is connected yet."""
        self._settings = settings
        self._lock = Lock()
        self._boto3: S3Client | None = None

    @property
    def client(self) -> "S3Client":
        """The boto3 client, made at first use.

        Raises:
            ConfigError: The endpoint or the region cannot be read.
        """
        with self._lock:
            if self._boto3 is None:
                self._boto3 = open_client(
                    self._settings, connections=CONNECTIONS, attempts=ATTEMPTS, timeout_s=TIMEOUT_S
                )
            return self._boto3

    def head(self, bucket: str, key: str) -> ObjectHead | None:
        """The object's head; None where there is no such object."""
        try:
            with translated(f"head of {bucket}/{key}"):
                answer = self.client.head_object(Bucket=bucket, Key=key)
        except ObjectMissing:
            return None
        return ObjectHead(
            bucket, key, answer["ContentLength"], answer["ETag"], answer.get("ContentType"), answer["Metadata"]
        )

    def read(self, bucket: str, key: str) -> bytes:
        """The object's content.

        Raises:
            ObjectMissing: There is no such object.
        """
        with translated(f"read of {bucket}/{key}"):
            return self.client.get_object(Bucket=bucket, Key=key)["Body"].read()

    def put(self, bucket: str, key: str, body: bytes, content_type: str) -> None:
        """Write an object, over the one that may be there."""
        acl: Any = {"ACL": self._settings.acl} if self._settings.acl else {}
        with translated(f"write of {bucket}/{key}"):
            self.client.put_object(Bucket=bucket, Key=key, Body=body, ContentType=content_type, **acl)

    def put_file(self, bucket: str, key: str, path: Path, content_type: str) -> int:
        """Write an object of a file, which is read while it is sent; returns its size in bytes.

        Raises:
            OSError: The file cannot be read.
        """
        acl: Any = {"ACL": self._settings.acl} if self._settings.acl else {}
        size_bytes = path.stat().st_size
        with path.open("rb") as body, translated(f"write of {bucket}/{key}"):
            self.client.put_object(Bucket=bucket, Key=key, Body=body, ContentType=content_type, **acl)
        return size_bytes

    def keys(self, bucket: str, prefix: str = "") -> Iterator[str]:
        """All keys that begin with ``prefix``, in order, a page of up to 1000 at a time."""
        with translated(f"list of {bucket}/{prefix}"):
            for page in self.client.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix):
                for found in page.get("Contents", ()):
                    yield found["Key"]

    def delete(self, bucket: str, keys: Sequence[str]) -> None:
        """Delete objects; one that is not there counts as deleted.

        Raises:
            ObjectStoreUnavailable: Some could not be deleted now; the others are.
            PermanentError: Some cannot be deleted; the others are.
        """
        plain = [key for key in keys if is_plain_text(key)]
        for first in range(0, len(plain), _DELETED_AT_ONCE):
            some = plain[first : first + _DELETED_AT_ONCE]
            with translated(f"deletion of {len(some)} objects in {bucket}"):
                answer = self.client.delete_objects(
                    Bucket=bucket, Delete={"Objects": [{"Key": key} for key in some], "Quiet": True}
                )
            crash_points.reached("objects.deleted", some[0])
            if failed := answer.get("Errors"):
                raise not_deleted(bucket, [(str(one.get("Key")), str(one.get("Code", ""))) for one in failed])
        for key in keys:
            # In a list of keys, which is XML, it could not be written.
            if not is_plain_text(key):
                with translated(f"deletion of {bucket}/{key!r}"):
                    self.client.delete_object(Bucket=bucket, Key=key)
                crash_points.reached("objects.deleted", key)

    def check(self, bucket: str) -> None:
        """Whether ``bucket`` is there and allowed to these credentials, in one request.

        Raises:
            ServiceUnreachable: S3 does not answer, or only with errors of its own.
            ConfigError: It refuses the credentials, or they lack the right to list the bucket; there is no such
                bucket, or it is named so that there can be none.
        """
        try:
            with translated(f"bucket {bucket}"):
                self.client.head_bucket(Bucket=bucket)
        except ObjectMissing:
            raise ConfigError("s3.bucket", f"there is no bucket {bucket} at {endpoint_of(self._settings)}") from None
        except ObjectStoreUnavailable as error:
            where = endpoint_of(self._settings)
            raise ServiceUnreachable(f"S3 at {where} (s3.endpoint_url) cannot be used: {_reason(error)}") from error
        except AccessDenied as error:
            raise ConfigError(
                "s3.access_key_id",
                f"S3 refuses these credentials, or they may not list the bucket {bucket} (s3.bucket)",
            ) from error
        except PermanentError as error:
            raise ConfigError("s3.bucket", f"{bucket} cannot be used: {_reason(error)}") from error


def _reason(error: Exception) -> Answer | str:
    cause = error.__cause__
    return (answer_of(cause) if isinstance(cause, Exception) else None) or str(error)
