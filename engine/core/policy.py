"""What an error means, and how long to wait: decided by value, in one place, without clock or randomness (B21)."""

from enum import Enum

from engine.core.errors import AccessDenied, BucketMissing, ClaimLost, ConfigError, OtherCode, PermanentError


class Decision(Enum):
    """What to do after an error."""

    RETRY = "retry"
    FAIL = "fail"
    DROP = "drop"
    """Somebody else holds the work: leave it, write nothing."""
    STOP = "stop"
    """The cluster is not fit for the pass: end it, and give back what is in hand."""


_OF_THE_INSTALLATION = (AccessDenied, BucketMissing)


def is_of_the_installation(error: Exception, bucket: str, own_bucket: str) -> bool:
    """Whether an error about ``bucket`` says that nothing at all can be copied, and not only that one object cannot."""
    return bucket == own_bucket and isinstance(error, _OF_THE_INSTALLATION)


def decide(error: Exception) -> Decision:
    """What to do after ``error``.

    An exception that is none of ours is retried: attempts are limited, so a bug costs a few tries, while parking at
    once would fail a clone for what may have been a passing fault of a library.
    """
    if isinstance(error, ClaimLost):
        return Decision.DROP
    if isinstance(error, OtherCode):
        return Decision.STOP
    if isinstance(error, _OF_THE_INSTALLATION):
        # Keys expire and buckets are misspelt: an hour of that must not park a whole backlog at its first try.
        return Decision.RETRY
    if isinstance(error, (PermanentError, ConfigError)):
        return Decision.FAIL
    return Decision.RETRY


# 2**1024 is no float any more; long before that the limit decides.
_MOST_DOUBLINGS = 64


def backoff_s(attempt: int, base_s: float, limit_s: float, jitter: float) -> float:
    """The wait before the next try, with full jitter: those who failed together do not come back together.

    Args:
        attempt: The one that failed; 1 for the first.
        base_s: Upper bound of the wait after the first attempt; doubles with each one.
        limit_s: Upper bound of every wait.
        jitter: In [0, 1), drawn anew for each wait by the caller.
    """
    doublings = min(max(attempt - 1, 0), _MOST_DOUBLINGS)
    bound_s: float = min(limit_s, base_s * 2.0**doublings)
    return jitter * bound_s


_S3_BUSY_CODES = frozenset(
    {
        "BandwidthLimitExceeded",
        "ProvisionedThroughputExceededException",
        "RequestLimitExceeded",
        "RequestRateLimitExceeded",  # Wasabi, with status 400
        "RequestThrottled",
        "RequestThrottledException",
        "RequestTimeout",  # with status 400
        "RequestTimeoutException",
        "ServiceUnavailable",
        "SlowDown",
        "Throttling",
        "ThrottlingException",
        "TooManyRequests",
        "TooManyRequestsException",
    }
)
_S3_TRANSIENT_CODES = _S3_BUSY_CODES | {"InternalError", "OperationAborted"}
_REQUEST_TIMEOUT = 408
_TOO_MANY_REQUESTS = 429
_SERVER_ERROR = 500
_NOT_IMPLEMENTED = 501
_UNAVAILABLE = 503
_GATEWAY_TIMEOUT = 504
_S3_BUSY_STATUSES = frozenset({_REQUEST_TIMEOUT, _TOO_MANY_REQUESTS, _UNAVAILABLE, _GATEWAY_TIMEOUT})


def s3_error_is_transient(status: int | None, code: str) -> bool:
    """Whether trying again may cure an answer of S3.

    Args:
        status: HTTP status; None where no answer came, or where one with status 200 held an error (CopyObject does so).
        code: The answer's error code; empty where there is none.
    """
    if code in _S3_TRANSIENT_CODES:
        return True
    if status is None:
        return not code
    return status in (_REQUEST_TIMEOUT, _TOO_MANY_REQUESTS) or (status >= _SERVER_ERROR and status != _NOT_IMPLEMENTED)


def s3_is_busy(status: int | None, code: str) -> bool:
    """Whether a passing error of S3 asks for fewer requests at once: it says so, is too late, or does not answer.

    Args:
        status: As for ``s3_error_is_transient``.
        code: The same.
    """
    return code in _S3_BUSY_CODES or status in _S3_BUSY_STATUSES or (status is None and not code)


_MONGO_TRANSIENT_LABELS = frozenset(
    {
        "ResumableChangeStreamError",
        "RetryableError",
        "RetryableWriteError",
        "SystemOverloadedError",
        "TransientTransactionError",
        "UnknownTransactionCommitResult",
    }
)
_MONGO_TRANSIENT_CODES = frozenset(
    {
        6,  # HostUnreachable
        7,  # HostNotFound
        24,  # LockTimeout
        43,  # CursorNotFound
        46,  # LockBusy
        50,  # MaxTimeMSExpired
        63,  # StaleShardVersion
        64,  # WriteConcernTimeout
        89,  # NetworkTimeout
        91,  # ShutdownInProgress
        112,  # WriteConflict
        133,  # FailedToSatisfyReadPreference
        134,  # ReadConcernMajorityNotAvailableYet
        150,  # StaleEpoch
        175,  # QueryPlanKilled
        189,  # PrimarySteppedDown
        202,  # NetworkInterfaceExceededTimeLimit
        225,  # TransactionTooOld
        234,  # RetryChangeStream
        239,  # SnapshotTooOld
        246,  # SnapshotUnavailable
        251,  # NoSuchTransaction
        262,  # ExceededTimeLimit
        290,  # TransactionExceededLifetimeLimitSeconds
        9001,  # SocketException
        10058,  # LegacyNotPrimary
        10107,  # NotWritablePrimary
        11600,  # InterruptedAtShutdown
        11601,  # Interrupted
        11602,  # InterruptedDueToReplStateChange
        13388,  # StaleConfig
        13435,  # NotPrimaryNoSecondaryOk
        13436,  # NotPrimaryOrSecondary
    }
)


def mongo_error_is_transient(code: int | None, labels: frozenset[str]) -> bool:
    """Whether trying again may cure an answer of MongoDB: elections, conflicts, limits of time, lost cursors.

    Args:
        code: The server's error code; None where it gave none.
        labels: Error labels of server and driver.
    """
    return code in _MONGO_TRANSIENT_CODES or not labels.isdisjoint(_MONGO_TRANSIENT_LABELS)
