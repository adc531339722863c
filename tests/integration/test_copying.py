"""Objects copied inside a real S3, in every way that a copy can go; a door before it lets answers go wrong."""

import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from time import monotonic
from typing import Any
from urllib.parse import unquote

import pytest

from engine.core.backpressure import MOST_PATIENCE, Limit
from engine.core.copying import is_plain_key
from engine.core.errors import (
    AccessDenied,
    BucketMissing,
    ConfigError,
    ObjectMissing,
    PermanentError,
    ServiceUnreachable,
)
from engine.core.model import CopyOrder, CopyOutcome
from engine.edges.s3 import InProcessCopier, JoiningCopier, ObjectCopier, Objects
from engine.settings import CopySettings, S3Settings
from tests.faulty_door import Door, Fault

DEADLINE_S = 60.0
MIB = 1024**2
# The least that S3 allows for a part.
SMALL_PARTS = CopySettings(multipart_threshold_bytes=5 * MIB, multipart_part_bytes=5 * MIB)
DESCRIPTION = {
    "ContentType": "image/svg+xml",
    "Metadata": {"owner": "me", "note": "two words"},
    "CacheControl": "max-age=60",
    "ContentDisposition": 'inline; filename="a.svg"',
    "ContentEncoding": "identity",
    "ContentLanguage": "de",
    "Expires": datetime(2040, 1, 2, 3, 4, 5, tzinfo=UTC),
}
AWKWARD_KEYS = [
    *("two words.png", "é/ü 日本.jpg", "nfd e\u0301.png", "😀.gif", "100%20.png", "a%zz", "%2F", "a+b", "~x", "a#b"),
    *("a?b", "a&b=c", "q\"'q", "back\\slash", "a:b;c@d", "(p)[q]{r}", "a|b^c`d", "<x>", "*", "$1", "a,b!", " x "),
    *(".hidden", "...", "..a/b..", "\u00a0nb", "\u200bzw", "\ufeffbom", "a\u2028b", "x" * 200 + "/" + "y" * 200),
    *("tab\tx", "line\nx", "del\x7f", "bell\x07"),
]

Order = Callable[..., CopyOrder]


@pytest.fixture
def s3_settings(s3_server: Any, bucket: str) -> S3Settings:
    return S3Settings(
        endpoint_url=s3_server.endpoint_url,
        bucket=bucket,
        access_key_id=s3_server.access_key_id,
        secret_access_key=s3_server.secret_access_key,
        region=s3_server.region,
    )


@pytest.fixture
def behind_door(s3_settings: S3Settings, door: Door) -> S3Settings:
    """Settings whose every request goes through the door."""
    return replace(s3_settings, endpoint_url=door.endpoint_url)


@pytest.fixture
def other_bucket(s3: Any, bucket: str) -> Iterator[str]:
    name = f"{bucket}-other"
    s3.create_bucket(Bucket=name)
    yield name
    for found in s3.list_objects_v2(Bucket=name).get("Contents", []):
        s3.delete_object(Bucket=name, Key=found["Key"])
    s3.delete_bucket(Bucket=name)


@pytest.fixture
def order(bucket: str) -> Order:
    def make(source_key: str = "source.png", key: str = "copies/new.png", **options: Any) -> CopyOrder:
        given: dict[str, Any] = {
            "source_bucket": bucket,
            "bucket": bucket,
            "size_bytes": 4,
            "scope": "funnel:1",
        } | options
        return CopyOrder(source_key=source_key, key=key, **given)

    return make


def put(s3: Any, order: CopyOrder, body: bytes = b"body", **description: Any) -> None:
    s3.put_object(Bucket=order.source_bucket, Key=order.source_key, Body=body, **description)


def content(s3: Any, order: CopyOrder) -> bytes:
    read: bytes = s3.get_object(Bucket=order.bucket, Key=order.key)["Body"].read()
    return read


def tried_until(deadline_s: float, settings: S3Settings, order: CopyOrder) -> CopyOutcome:
    """What a copy came to, however long its last try takes."""
    joining = JoiningCopier(ObjectCopier(settings, CopySettings()), Limit.full(1))
    return joining.submit(order, monotonic() + deadline_s).result()


def keys_in(s3: Any, bucket: str) -> list[str]:
    return [found["Key"] for found in s3.list_objects_v2(Bucket=bucket).get("Contents", [])]


@pytest.mark.parametrize("way", ["obstore", "acl", "awkward key", "other bucket", "in parts"])
def test_b14_content_type_metadata_and_cache_headers_survive_every_way(
    s3: Any, s3_settings: S3Settings, order: Order, other_bucket: str, way: str
) -> None:
    body = os.urandom(12 * MIB if way == "in parts" else 4)
    asked = order(
        key="a//b" if way == "awkward key" else "copies/new.png",
        size_bytes=len(body),
        **({"bucket": other_bucket} if way == "other bucket" else {}),
    )
    put(s3, asked, body, Tagging="team=a%26b&empty=", **DESCRIPTION)
    settings = replace(s3_settings, acl="public-read" if way == "acl" else None)
    outcome = InProcessCopier(settings, SMALL_PARTS).copy([asked], DEADLINE_S)[0]
    assert outcome == CopyOutcome(asked.key, len(body))
    assert content(s3, asked) == body
    head = s3.head_object(Bucket=asked.bucket, Key=asked.key)
    assert {name: head.get(name) for name in DESCRIPTION} == DESCRIPTION
    assert ("-" in head["ETag"]) is (way == "in parts")
    tags = s3.get_object_tagging(Bucket=asked.bucket, Key=asked.key)["TagSet"]
    assert {tag["Key"]: tag["Value"] for tag in tags} == {"team": "a&b", "empty": ""}


def test_b14_keys_reach_the_server_exactly_as_they_are(
    s3: Any, behind_door: S3Settings, door: Door, order: Order
) -> None:
    copier = InProcessCopier(behind_door, CopySettings())
    orders = [order(f"from/{key}", f"to/{key}") for key in AWKWARD_KEYS]
    for asked in orders:
        put(s3, asked, asked.source_key.encode())
        assert copier.copy([asked], DEADLINE_S)[0].failure is None, asked
        sent = door.puts()[-1]
        assert unquote(sent.target) == f"/{asked.bucket}/{asked.key}"
        assert unquote(sent.headers["x-amz-copy-source"]).lstrip("/") == f"{asked.bucket}/{asked.source_key}"
    assert [content(s3, asked) for asked in orders] == [asked.source_key.encode() for asked in orders]
    assert {is_plain_key(key) for key in AWKWARD_KEYS} == {True, False}, "both libraries were tried"


@pytest.mark.parametrize(
    ("source_key", "target"),
    [("/lead", "%2Flead"), ("trail/", "trail/"), ("a//b", "a//b"), ("a/../b", "a/../b"), ("./a", "./a")],
)
def test_segments_that_a_path_would_lose_stand_in_the_request(
    behind_door: S3Settings, door: Door, order: Order, source_key: str, target: str
) -> None:
    asked = order(source_key, source_key + "x")
    tried_until(1, behind_door, asked)
    sent = door.puts()[0]
    assert sent.target in (f"/{asked.bucket}/{asked.key}", f"/{asked.bucket}/{target}x")
    assert sent.headers["x-amz-copy-source"].endswith(f"{asked.bucket}/{source_key}")


@pytest.mark.parametrize("acl", [None, "private"])
def test_an_object_that_is_gone_is_a_failure_of_its_own(
    s3: Any, s3_settings: S3Settings, order: Order, acl: str | None
) -> None:
    copier = InProcessCopier(replace(s3_settings, acl=acl), CopySettings())
    assert copier.copy([order()], DEADLINE_S)[0] == CopyOutcome("copies/new.png", 0, "object is gone")
    assert keys_in(s3, order().bucket) == []
    large = order(key="copies/large.png", size_bytes=6 * 1024**3)
    assert copier.copy([large], DEADLINE_S)[0].failure == "object is gone"


@pytest.mark.parametrize("acl", [None, "private"])
@pytest.mark.parametrize("size_bytes", [4, 6 * 1024**3])
@pytest.mark.parametrize("own", [True, False])
def test_a_bucket_that_is_missing_ends_the_whole_where_it_is_ours_and_fails_one_image_where_not(
    s3_settings: S3Settings, order: Order, size_bytes: int, acl: str | None, *, own: bool
) -> None:
    asked = order(source_bucket="never-made", bucket="never-made", size_bytes=size_bytes)
    copier = InProcessCopier(
        replace(s3_settings, acl=acl, bucket="never-made" if own else s3_settings.bucket), CopySettings()
    )
    told = "copy in bucket never-made: S3 answers NoSuchBucket"
    if own:
        with pytest.raises(BucketMissing, match=told):
            copier.copy([asked], DEADLINE_S)
    else:
        assert copier.copy([asked], DEADLINE_S)[0] == CopyOutcome(asked.key, 0, told)


@pytest.mark.parametrize(
    ("fault", "found"),
    [(Fault(403, "AccessDenied"), AccessDenied), (Fault(404, "NoSuchBucket"), BucketMissing)],
    ids=str,
)
@pytest.mark.parametrize("source", ["there", "gone"])
def test_a_copy_from_elsewhere_that_is_refused_fails_by_its_source_only_where_that_cannot_be_read(
    s3: Any,
    behind_door: S3Settings,
    door: Door,
    order: Order,
    other_bucket: str,
    fault: Fault,
    found: type[Exception],
    source: str,
) -> None:
    asked = order(source_bucket=other_bucket)
    if source == "there":
        put(s3, asked)
    door.faults.append(fault)
    copier = InProcessCopier(behind_door, CopySettings())
    if source == "there":
        with pytest.raises(found):
            copier.copy([asked], DEADLINE_S)
    else:
        assert fault.code in str(copier.copy([asked], DEADLINE_S)[0].failure)


@pytest.mark.parametrize("acl", [None, "private"])
@pytest.mark.parametrize("wrong", ["access_key_id", "secret_access_key"])
def test_denied_credentials_end_the_whole_and_stand_in_no_message(
    s3: Any, s3_settings: S3Settings, order: Order, acl: str | None, wrong: str
) -> None:
    put(s3, order())
    changes: dict[str, Any] = {wrong: "WRONG-AND-SECRET", "acl": acl}
    denied = replace(s3_settings, **changes)
    with pytest.raises(AccessDenied, match="copy in bucket") as caught:
        InProcessCopier(denied, CopySettings()).copy([order()], DEADLINE_S)
    assert "WRONG-AND-SECRET" not in str(caught.value)
    assert denied.secret_access_key not in str(caught.value)


@pytest.mark.parametrize("acl", [None, "private"])
@pytest.mark.parametrize(
    "fault",
    [
        Fault(503, "SlowDown"),
        Fault(500, "InternalError"),
        Fault(502),
        Fault(429),
        Fault(400, "RequestRateLimitExceeded"),
        Fault(400, "RequestTimeout"),
        Fault(200, "InternalError"),
        Fault(None),
    ],
    ids=str,
)
def test_passing_errors_are_outlived(
    s3: Any, behind_door: S3Settings, door: Door, order: Order, fault: Fault, acl: str | None
) -> None:
    put(s3, order())
    door.faults.extend([fault, fault])
    copier = InProcessCopier(replace(behind_door, acl=acl), CopySettings())
    assert copier.copy([order()], DEADLINE_S)[0] == CopyOutcome("copies/new.png", 4)
    assert content(s3, order()) == b"body"
    assert copier.issued() == len(door.puts()) == 3, "no library retries behind our back"


def test_errors_that_outlast_the_deadline_are_transient(behind_door: S3Settings, door: Door, order: Order) -> None:
    door.faults.extend([Fault(503, "SlowDown")] * 1000)
    outcome = tried_until(0.2, behind_door, order())
    assert (outcome.transient, outcome.failure) == (True, f"copy in bucket {order().bucket}: S3 answers SlowDown")


@pytest.mark.parametrize("acl", [None, "private"])
def test_a_store_that_is_away_is_transient(s3_settings: S3Settings, order: Order, acl: str | None) -> None:
    away = replace(s3_settings, endpoint_url="http://127.0.0.1:9", acl=acl)
    outcome = tried_until(0.2, away, order())
    assert (outcome.transient, outcome.failure) == (True, f"copy in bucket {order().bucket}: S3 does not answer")


def test_past_its_deadline_a_copy_sends_nothing(behind_door: S3Settings, door: Door, order: Order) -> None:
    outcome = tried_until(0, behind_door, order())
    assert (outcome.transient, door.seen) == (True, [])


@pytest.mark.parametrize("acl", [None, "private"])
def test_what_s3_refuses_for_good_is_not_tried_again(
    s3: Any, behind_door: S3Settings, door: Door, order: Order, acl: str | None
) -> None:
    put(s3, order())
    door.faults.extend([Fault(400, "InvalidArgument")] * 10)
    copier = InProcessCopier(replace(behind_door, acl=acl), CopySettings())
    outcome = copier.copy([order()], DEADLINE_S)[0]
    assert (outcome.transient, outcome.failure) == (
        False,
        f"copy in bucket {order().bucket}: S3 answers InvalidArgument",
    )
    assert (copier.issued(), len(door.puts())) == (1, 2), "the second is that of a closer look"


@pytest.mark.parametrize(
    ("code", "acl", "size_bytes"),
    [("InvalidRequest", None, None), ("EntityTooLarge", None, 4), ("InvalidRequest", "private", 4)],
)
def test_an_object_larger_than_its_record_says_is_copied_in_parts(
    s3: Any, behind_door: S3Settings, door: Door, order: Order, code: str, acl: str | None, size_bytes: int | None
) -> None:
    body = os.urandom(6 * MIB)
    asked = order(size_bytes=size_bytes)
    put(s3, asked, body, **DESCRIPTION)
    door.faults.append(Fault(400, code))
    outcome = InProcessCopier(replace(behind_door, acl=acl), SMALL_PARTS).copy([asked], DEADLINE_S)[0]
    assert outcome == CopyOutcome(asked.key, 6 * MIB)
    assert content(s3, asked) == body


def test_an_object_smaller_than_its_record_says_is_copied_whole(s3: Any, s3_settings: S3Settings, order: Order) -> None:
    asked = order(size_bytes=6 * 1024**3)
    put(s3, asked)
    assert InProcessCopier(s3_settings, SMALL_PARTS).copy([asked], DEADLINE_S)[0] == CopyOutcome(asked.key, 4)
    assert "-" not in s3.head_object(Bucket=asked.bucket, Key=asked.key)["ETag"]


def test_a_copy_in_parts_that_fails_leaves_none(s3: Any, behind_door: S3Settings, door: Door, order: Order) -> None:
    asked = order(size_bytes=12 * MIB)
    put(s3, asked, os.urandom(12 * MIB))
    door.faults.append(Fault(400, "InvalidArgument", "partNumber=2"))
    outcome = InProcessCopier(behind_door, SMALL_PARTS).copy([asked], DEADLINE_S)[0]
    assert (outcome.transient, outcome.failure) == (False, f"copy in bucket {asked.bucket}: S3 answers InvalidArgument")
    assert s3.list_multipart_uploads(Bucket=asked.bucket).get("Uploads", []) == []
    assert keys_in(s3, asked.bucket) == [asked.source_key]


def test_only_the_part_that_failed_is_sent_again(s3: Any, behind_door: S3Settings, door: Door, order: Order) -> None:
    asked = order(size_bytes=12 * MIB)
    body = os.urandom(12 * MIB)
    put(s3, asked, body)
    door.faults.append(Fault(503, "SlowDown", "partNumber=3"))
    copier = InProcessCopier(behind_door, SMALL_PARTS)
    assert copier.copy([asked], DEADLINE_S)[0].failure is None
    assert content(s3, asked) == body
    assert (copier.issued(), len(door.puts())) == (1, 4)
    assert copier.limit.patience < MOST_PATIENCE, "a part that is too much is too much"


def test_parts_of_two_versions_never_make_an_object(s3: Any, behind_door: S3Settings, door: Door, order: Order) -> None:
    asked = order(size_bytes=12 * MIB)
    old, new = os.urandom(12 * MIB), os.urandom(12 * MIB)
    put(s3, asked, old)
    overwritten: list[str] = []

    def overwrite(seen: Any) -> None:
        if "partNumber=3" in seen.target and not overwritten:
            overwritten.append(seen.target)
            put(s3, asked, new)

    door.before = overwrite
    copier = InProcessCopier(behind_door, SMALL_PARTS)
    assert copier.copy([asked], DEADLINE_S)[0].failure is None
    assert (content(s3, asked) == new, copier.issued()) == (True, 2), "the first try began with the old one"
    assert len(door.puts()) <= 6, "a part of the old one was asked for again, in vain"
    assert s3.list_multipart_uploads(Bucket=asked.bucket).get("Uploads", []) == []


@pytest.mark.parametrize("size", [4, 12 * MIB])
def test_the_acl_that_is_set_goes_with_every_new_object(
    s3: Any, behind_door: S3Settings, door: Door, order: Order, size: int
) -> None:
    asked = order(size_bytes=size)
    put(s3, asked, os.urandom(size))
    InProcessCopier(replace(behind_door, acl="public-read"), SMALL_PARTS).copy([asked], DEADLINE_S)
    making = [seen for seen in door.seen if seen.method in ("PUT", "POST") and "uploadId" not in seen.target]
    assert [seen.headers.get("x-amz-acl") for seen in making] == ["public-read"]


@pytest.mark.parametrize("acl", [None, "private"])
def test_what_the_environment_holds_of_aws_changes_nothing(
    s3: Any, s3_settings: S3Settings, order: Order, acl: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {
        "AWS_SESSION_TOKEN": "stray",
        "AWS_SKIP_SIGNATURE": "true",
        "AWS_ACCESS_KEY_ID": "stray",
        "AWS_SECRET_ACCESS_KEY": "stray",
        "AWS_ENDPOINT_URL": "http://127.0.0.1:9",
        "AWS_ENDPOINT_URL_S3": "http://127.0.0.1:9",
        "AWS_REGION": "eu-north-1",
        "AWS_VIRTUAL_HOSTED_STYLE_REQUEST": "true",
    }.items():
        monkeypatch.setenv(name, value)
    put(s3, order())
    assert InProcessCopier(replace(s3_settings, acl=acl), CopySettings()).copy([order()], DEADLINE_S)[0].failure is None


def test_d9_an_image_that_five_pages_share_is_copied_once(s3: Any, s3_settings: S3Settings, order: Order) -> None:
    orders = [order(f"from/{n}.png", f"to/{n}.png") for n in range(30)]
    for asked in orders:
        put(s3, asked, asked.source_key.encode())
    copier = InProcessCopier(s3_settings, CopySettings(concurrency=8))
    with ThreadPoolExecutor(5) as pages:
        batches = list(pages.map(lambda turn: copier.copy(orders[turn:] + orders[:turn], DEADLINE_S), range(5)))
    assert [outcome.failure for batch in batches for outcome in batch] == [None] * 150
    assert [outcome.key for outcome in batches[3]] == [asked.key for asked in orders[3:] + orders[:3]]
    assert copier.issued() == 30
    assert [content(s3, asked) for asked in orders] == [asked.source_key.encode() for asked in orders]


def test_d9_a_failure_for_good_is_remembered_and_a_passing_one_is_not(
    s3: Any, behind_door: S3Settings, door: Door, order: Order
) -> None:
    copier = InProcessCopier(behind_door, CopySettings())
    gone = order("gone.png", "to/gone.png")
    assert [copier.copy([gone], DEADLINE_S)[0].failure for _ in range(2)] == ["object is gone"] * 2
    assert copier.issued() == 1
    put(s3, order())
    door.faults.extend([Fault(503, "SlowDown")] * 100)
    assert copier.copy([order()], 0.2)[0].transient
    door.faults.clear()
    assert copier.copy([order()], DEADLINE_S)[0].failure is None


def test_memory_ends_with_its_scope_and_is_bounded(s3: Any, s3_settings: S3Settings, order: Order) -> None:
    put(s3, order())
    copier = JoiningCopier(ObjectCopier(s3_settings, CopySettings()), Limit.full(2), scopes_kept=2)

    def copies_of(scope: str) -> int:
        before = copier.issued()
        copier.submit(order(scope=scope), float("inf")).result()
        return copier.issued() - before

    assert [copies_of("one"), copies_of("one"), copies_of("two"), copies_of("one")] == [1, 0, 1, 0]
    assert [copies_of("three"), copies_of("one"), copies_of("two")] == [1, 0, 1], "the longest unused was dropped"
    copier.forget("two")
    copier.forget("two")
    assert [copies_of("two"), copies_of("two")] == [1, 0]


def test_what_is_late_comes_back_transient_and_in_order(
    s3: Any, behind_door: S3Settings, door: Door, order: Order
) -> None:
    orders = [order("gone.png", "to/1"), order("source.png", "to/2")]
    put(s3, orders[1])
    copier = InProcessCopier(behind_door, CopySettings())
    copier.copy(orders[:1], DEADLINE_S)
    door.is_open.clear()
    first, second = copier.copy(orders, 0.3)
    assert (first.key, first.transient, first.failure) == ("to/1", False, "object is gone")
    assert (second.key, second.transient, second.failure) == ("to/2", True, "not copied before the deadline")


def test_objects_are_looked_at_read_listed_and_deleted(s3_settings: S3Settings, bucket: str) -> None:
    objects = Objects(s3_settings)
    assert objects.head(bucket, "a b/é.png") is None
    with pytest.raises(ObjectMissing, match=r"é\.png"):
        objects.read(bucket, "a b/é.png")
    objects.put(bucket, "a b/é.png", b"123", "image/png")
    objects.put(bucket, "other", b"", "text/plain")
    head = objects.head(bucket, "a b/é.png")
    assert head is not None
    assert (head.size_bytes, head.content_type, head.metadata) == (3, "image/png", {})
    assert objects.read(bucket, "a b/é.png") == b"123"
    assert list(objects.keys(bucket)) == ["a b/é.png", "other"]
    assert list(objects.keys(bucket, "a ")) == ["a b/é.png"]
    objects.delete(bucket, ["other", "never there"])
    assert list(objects.keys(bucket)) == ["a b/é.png"]
    with pytest.raises(PermanentError, match="NoSuchBucket"):
        list(objects.keys(f"{bucket}-none"))


def test_a_bucket_is_checked_before_any_work(s3_settings: S3Settings, bucket: str) -> None:
    Objects(s3_settings).check(bucket)
    with pytest.raises(ConfigError, match=f"^s3.bucket: there is no bucket {bucket}-none at http://127") as missing:
        Objects(s3_settings).check(f"{bucket}-none")
    assert missing.value.key == "s3.bucket"
    with pytest.raises(ConfigError, match=r"^s3\.bucket: no name! cannot be used"):
        Objects(s3_settings).check("no name!")
    with pytest.raises(ConfigError, match=r"s3\.access_key_id") as denied:
        Objects(replace(s3_settings, secret_access_key="WRONG-AND-SECRET")).check(bucket)
    assert "WRONG-AND-SECRET" not in str(denied.value)
    with pytest.raises(
        ServiceUnreachable, match=r"^S3 at http://127\.0\.0\.1:9 \(s3\.endpoint_url\) cannot be used: S3"
    ):
        Objects(replace(s3_settings, endpoint_url="http://127.0.0.1:9")).check(bucket)
    with pytest.raises(ConfigError, match=r"^s3\.endpoint_url"):
        Objects(replace(s3_settings, endpoint_url="http://")).check(bucket)
