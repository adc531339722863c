"""One try to copy one object inside S3 (B14): which way its copy goes."""

from threading import Lock
from typing import TYPE_CHECKING, Any

from engine import crash_points
from engine.core.copying import is_bucket_name, is_plain_key
from engine.core.errors import AccessDenied, BucketMissing, ObjectMissing, ObjectStoreUnavailable, PermanentError
from engine.core.model import CopyOrder, CopyOutcome
from engine.core.policy import is_of_the_installation
from engine.edges.s3.answers import translated
from engine.edges.s3.clients import open_client, open_store
from engine.edges.s3.parts import PARTS_AT_ONCE, PartsCopy, Refused
from engine.settings import CopySettings, S3Settings

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import HeadObjectOutputTypeDef
    from obstore.store import S3Store

GONE = "object is gone"

# A connection that hangs leaves time for two more tries.
_REQUESTS_IN_A_DEADLINE = 3


class ObjectCopier:
    """Copies objects within one store. Safe to share between threads.

    obstore copies what it can: within a bucket, up to 5 GiB, plain keys (a fifth of boto3's CPU; its blocking calls:
    its asyncio ones can abort the interpreter at exit). boto3 does the rest.
    """

    def __init__(self, settings: S3Settings, copy: CopySettings) -> None:
        """Clients are made at their first use."""
        self._settings = settings
        self._copy = copy
        self._timeout_s = max(1.0, copy.deadline_seconds / _REQUESTS_IN_A_DEADLINE)
        self._lock = Lock()
        self._stores: dict[str, S3Store] = {}
        self._boto3: S3Client | None = None
        self._issued = 0

    def issued(self) -> int:
        """Copies sent so far, each try counted; a copy in parts counts as one."""
        return self._issued

    def copy(self, order: CopyOrder, ends_at: float, refused: Refused) -> CopyOutcome:
        """Try once to copy one object with its type, metadata and cache headers. Safe to repeat.

        Args:
            order: What to copy.
            ends_at: On the monotonic clock; no part of an object begins after it.
            refused: Of parts, which are tried again here.

        Raises:
            TransientError: Another try may help.
            AccessDenied: The credentials do not suffice for our bucket. (Without the right to list it, S3 answers this
                for a missing object, too.)
            BucketMissing: Ours is not there.
        """
        try:
            return CopyOutcome(order.key, self._try(order, ends_at, refused))
        except ObjectMissing:
            return CopyOutcome(order.key, 0, GONE)
        except PermanentError as error:
            if is_of_the_installation(error, order.bucket, self._settings.bucket) and not self._is_of_source(order):
                raise
            return CopyOutcome(order.key, 0, str(error))

    def _try(self, order: CopyOrder, ends_at: float, refused: Refused) -> int:
        """One try; returns the size in bytes, 0 where nobody knows it."""
        if not all(is_bucket_name(bucket) for bucket in (order.source_bucket, order.bucket)):
            raise PermanentError(f"no bucket can be named {order.bucket!r}")  # obstore panics at such a name
        with self._lock:
            self._issued += 1
        if order.size_bytes is not None and order.size_bytes > self._copy.multipart_threshold_bytes:
            return self._measured(order, ends_at, refused)
        try:
            if self._is_fast(order):
                self._by_obstore(order)
            else:
                self._by_boto3(order)
        except (AccessDenied, BucketMissing, ObjectMissing):
            raise
        except PermanentError:
            # The record may not know the true size, and the bucket may lie in another region.
            return self._measured(order, ends_at, refused)
        return order.size_bytes or 0

    def _is_fast(self, order: CopyOrder) -> bool:
        return (
            order.source_bucket == order.bucket
            and self._settings.acl is None
            and is_plain_key(order.source_key)
            and is_plain_key(order.key)
        )

    def _by_obstore(self, order: CopyOrder) -> None:
        import obstore  # noqa: PLC0415

        with translated(_what(order)):
            obstore.copy(self._store(order.bucket), order.source_key, order.key)
        crash_points.reached("image.copied", order.key)

    def _by_boto3(self, order: CopyOrder) -> None:
        options: Any = {"ACL": self._settings.acl} if self._settings.acl else {}
        with translated(_what(order)):
            self._client().copy_object(
                Bucket=order.bucket,
                Key=order.key,
                CopySource={"Bucket": order.source_bucket, "Key": order.source_key},
                **options,
            )
        crash_points.reached("image.copied", order.key)

    def _measured(self, order: CopyOrder, ends_at: float, refused: Refused) -> int:
        """Look at the object itself, then copy it whole or in parts."""
        client, head = self._client(), self._head(order)
        if head["ContentLength"] > self._copy.multipart_threshold_bytes:
            PartsCopy(client, order, _what(order), ends_at, refused).run(
                head, self._copy.multipart_part_bytes, self._settings.acl
            )
        else:
            self._by_boto3(order)
        return head["ContentLength"]

    def _head(self, order: CopyOrder) -> "HeadObjectOutputTypeDef":
        """The answer to HEAD has no body and so tells no code: what is behind it, a GET is told.

        A bare 404 may be a bucket that is missing, a bare 400 a limit of requests (Wasabi).
        """
        client = self._client()
        try:
            with translated(_what(order)):
                return client.head_object(Bucket=order.source_bucket, Key=order.source_key)
        except AccessDenied:
            raise
        except PermanentError as error:
            with translated(_what(order)):
                client.get_object(Bucket=order.source_bucket, Key=order.source_key)["Body"].close()
            raise ObjectStoreUnavailable(f"{error}, and then does not") from error

    def _is_of_source(self, order: CopyOrder) -> bool:
        """Whether a refused copy from another bucket fails by its source: the answer does not say which it is about."""
        if order.source_bucket == order.bucket:
            return False
        try:
            self._head(order)
        except PermanentError:
            return True
        return False

    def _store(self, bucket: str) -> "S3Store":
        with self._lock:
            if bucket not in self._stores:
                self._stores[bucket] = open_store(self._settings, bucket, self._timeout_s)
            return self._stores[bucket]

    def _client(self) -> "S3Client":
        with self._lock:
            if self._boto3 is None:
                connections = self._copy.concurrency * PARTS_AT_ONCE
                self._boto3 = open_client(
                    self._settings, connections=connections, attempts=1, timeout_s=self._timeout_s
                )
            return self._boto3


def _what(order: CopyOrder) -> str:
    if order.source_bucket == order.bucket:
        return f"copy in bucket {order.bucket}"
    return f"copy from bucket {order.source_bucket} to bucket {order.bucket}"
