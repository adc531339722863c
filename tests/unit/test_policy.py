"""What errors mean, and how long to wait (B21)."""

import pytest

from engine.core import errors
from engine.core.policy import (
    Decision,
    backoff_s,
    decide,
    is_of_the_installation,
    mongo_error_is_transient,
    s3_error_is_transient,
    s3_is_busy,
)


@pytest.mark.parametrize(
    ("error", "decision"),
    [
        (errors.StoreUnavailable("away"), Decision.RETRY),
        (errors.ObjectStoreUnavailable("away"), Decision.RETRY),
        (errors.PlanOutdated("edited"), Decision.RETRY),
        (errors.ServiceUnreachable("away"), Decision.RETRY),
        (errors.ClaimLost("taken"), Decision.DROP),
        (errors.AccessDenied("no"), Decision.RETRY),
        (errors.BucketMissing("nowhere"), Decision.RETRY),
        (errors.DocumentTooLarge("17 MB"), Decision.FAIL),
        (errors.ConfigError("s3.bucket", "none"), Decision.FAIL),
        (KeyError("a bug"), Decision.RETRY),
        (OSError("disk full"), Decision.RETRY),
    ],
)
def test_b21_an_error_decides_by_its_kind_and_the_unknown_is_tried_again(error: Exception, decision: Decision) -> None:
    assert decide(error) is decision


@pytest.mark.parametrize("bucket", ["ours", "theirs"])
@pytest.mark.parametrize(
    ("error", "of_all"),
    [
        (errors.AccessDenied("no"), True),
        (errors.BucketMissing("nowhere"), True),
        (errors.ObjectMissing("gone"), False),
        (errors.PermanentError("odd"), False),
        (errors.ObjectStoreUnavailable("away"), False),
    ],
)
def test_what_is_wrong_with_our_bucket_is_no_fault_of_one_object(
    error: Exception, bucket: str, *, of_all: bool
) -> None:
    assert is_of_the_installation(error, bucket, "ours") is (of_all and bucket == "ours")


@pytest.mark.parametrize(("attempt", "bound_s"), [(1, 3), (2, 6), (3, 12), (4, 20), (5, 20), (10**9, 20)])
def test_a_wait_doubles_up_to_its_limit(attempt: int, bound_s: float) -> None:
    assert backoff_s(attempt, 3, 20, 0.999) == pytest.approx(0.999 * bound_s)


def test_jitter_is_full() -> None:
    assert backoff_s(5, 3, 20, 0.0) == 0
    assert backoff_s(1, 4, 20, 0.25) == 1


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (None, ""),
        (None, "InternalError"),
        (400, "RequestTimeout"),
        (400, "RequestRateLimitExceeded"),
        (408, ""),
        (409, "OperationAborted"),
        (429, ""),
        (500, "InternalError"),
        (502, ""),
        (503, "SlowDown"),
        (503, "Reduce your request rate"),
        (504, ""),
        (599, ""),
        (500, ""),
        (502, "SomethingNew"),
    ],
)
def test_s3_may_be_asked_again(status: int | None, code: str) -> None:
    assert s3_error_is_transient(status, code)


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (301, "PermanentRedirect"),
        (499, ""),
        (400, "InvalidRequest"),
        (400, "EntityTooLarge"),
        (403, "AccessDenied"),
        (403, "RequestTimeTooSkewed"),
        (404, "NoSuchKey"),
        (404, ""),
        (501, "NotImplemented"),
        (None, "ParamValidationError"),
        (None, "NoSuchKey"),
    ],
)
def test_s3_has_spoken(status: int | None, code: str) -> None:
    assert not s3_error_is_transient(status, code)


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (503, "SlowDown"),
        (503, ""),
        (200, "SlowDown"),
        (429, ""),
        (400, "RequestRateLimitExceeded"),
        (400, "RequestTimeout"),
        (408, ""),
        (504, ""),
        (None, ""),
        (None, "SlowDown"),
    ],
)
def test_s3_is_busy_and_may_be_asked_again(status: int | None, code: str) -> None:
    assert s3_is_busy(status, code)
    assert s3_error_is_transient(status, code)


@pytest.mark.parametrize(
    ("status", "code"),
    [(500, "InternalError"), (500, ""), (502, ""), (409, "OperationAborted"), (None, "InternalError")],
)
def test_s3_fails_without_being_busy(status: int | None, code: str) -> None:
    assert not s3_is_busy(status, code)
    assert s3_error_is_transient(status, code)


@pytest.mark.parametrize(
    ("status", "code"), [(403, "AccessDenied"), (404, "NoSuchKey"), (404, ""), (400, "InvalidRequest")]
)
def test_what_s3_refuses_for_good_does_not_mean_that_it_is_busy(status: int | None, code: str) -> None:
    assert not s3_is_busy(status, code)


@pytest.mark.parametrize("code", [50, 64, 91, 112, 189, 246, 251, 262, 10107, 11600, 11602, 13435, 13436])
def test_mongodb_may_be_asked_again(code: int) -> None:
    assert mongo_error_is_transient(code, frozenset())


@pytest.mark.parametrize(
    "label", ["TransientTransactionError", "RetryableWriteError", "UnknownTransactionCommitResult"]
)
def test_mongodb_says_itself_that_it_may_be_asked_again(label: str) -> None:
    assert mongo_error_is_transient(None, frozenset({label, "another"}))


@pytest.mark.parametrize("code", [None, 2, 11, 13, 18, 121, 11000, 17280])
def test_mongodb_has_spoken(code: int | None) -> None:
    assert not mongo_error_is_transient(code, frozenset({"another"}))
