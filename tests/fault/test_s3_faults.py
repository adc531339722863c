"""S3 answers wrong, late, or not at all: what passes is outlived, what does not is told, and nothing is lost.

Each fault strikes both libraries that copy: obstore, and boto3 where an ACL is set or an object goes in parts.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from itertools import product
from typing import Any
from urllib.parse import unquote

import pytest

from engine.core.errors import AccessDenied, BucketMissing, ObjectStoreUnavailable
from engine.core.policy import Decision
from engine.edges.mongo.client import Store
from engine.edges.s3 import InProcessCopier
from engine.settings import CopySettings, Settings
from engine.upkeep.invariants import snapshot
from tests.fault.audit import Audit, audit
from tests.fault.by_policy import PolicyPasses, Told, end_of
from tests.fault.s3_door import Blow, Request, S3Door, s3_door
from tests.fault.whole_funnel import LARGE_BYTES, build_whole_funnel
from tests.funnels import build_funnel, request_clone

PASSING = (
    Blow(503, "ServiceUnavailable"),
    Blow(503, "SlowDown"),
    Blow(500, "InternalError"),
    Blow(502),
    Blow(504),
    Blow(429),
    Blow(429, "TooManyRequests"),
    Blow(408),
    Blow(400, "RequestRateLimitExceeded"),  # Wasabi
    Blow(400, "RequestTimeout"),
    Blow(409, "OperationAborted"),
    Blow(200, "InternalError"),
    Blow(200, "SlowDown", "spaces first"),
    Blow(how="reset"),
    Blow(how="cut"),
    Blow(503, "SlowDown", "half"),
    Blow(how="half", carried_out=True),
    Blow(how="cut", carried_out=True),
    Blow(how="reset", carried_out=True),
    Blow(500, "InternalError", carried_out=True),
    Blow(200, "InternalError", carried_out=True),
)
OF_ONE_IMAGE = (
    Blow(404, "NoSuchKey"),
    Blow(404),
    Blow(400, "InvalidArgument"),
    Blow(403, "InvalidObjectState"),  # it lies in an archive
    Blow(501, "NotImplemented"),
)
ACLS = (None, "private")
HELD = (Blow(how="held"), Blow(how="held", carried_out=True))
LASTING = (*PASSING[1::6], *HELD)
NOT_OF_AN_IMAGE = (
    Blow(404, "NoSuchBucket"),
    Blow(403, "AccessDenied"),
    Blow(403),
    Blow(401),
    Blow(403, "SignatureDoesNotMatch"),
    Blow(403, "InvalidAccessKeyId"),
    Blow(403, "RequestTimeTooSkewed"),
)


# Of a copy in parts: its beginning, a part, its end, and the look at the object before.
OF_PARTS: dict[str, Callable[[Request], bool]] = {
    "begin": lambda request: request.method == "POST" and "uploads" in request.target,
    "part": lambda request: "partNumber=1" in request.target,
    "end": lambda request: request.method == "POST" and "uploadId=" in request.target,
    "look": lambda request: request.method == "HEAD",
}


def every(wheres: Iterable[Any], blows: Iterable[Blow]) -> pytest.MarkDecorator:
    """Parametrizes a test over both."""
    pairs = list(product(wheres, blows))
    return pytest.mark.parametrize(("where", "blow"), pairs, ids=[f"{a or 'obstore'}: {blow}" for a, blow in pairs])


@pytest.fixture
def door(s3_server: Any) -> Iterator[S3Door]:
    with s3_door(s3_server.endpoint_url) as opened:
        yield opened


@pytest.fixture
def behind_door(settings: Settings, door: S3Door) -> Settings:
    """Settings whose every request to S3 goes through the door."""
    return replace(settings, s3=replace(settings.s3, endpoint_url=door.endpoint_url))


def through(acl: str | None, settings: Settings) -> Settings:
    """By obstore, or, where an ACL is set, by boto3."""
    return replace(settings, s3=replace(settings.s3, acl=acl))


class Trial:
    """A funnel to be cloned while S3 fails."""

    def __init__(self, store: Store, database: Any, s3: Any, bucket: str, original_id: Any) -> None:
        self.store, self.database, self.s3, self.bucket = store, database, s3, bucket
        self.before = snapshot(database, s3, original_id)
        self.clone_id = request_clone(database, original_id)

    def run(self, settings: Settings, on_error: Callable[[Told], None] = lambda _: None) -> Told:
        passes = PolicyPasses(self.store, self.store, settings, InProcessCopier(settings.s3, settings.copy))
        passes.on_error = lambda: on_error(passes.told)
        return passes.run_until_ended()

    def judge(self, *, errors: int = 0) -> None:
        found = audit(self.database, self.s3, self.bucket, {self.clone_id: self.before})
        assert found == Audit()
        assert len(end_of(self.store, self.clone_id)["errors"]) == errors
        assert [event["event"] for event in self.store.outbox.find()] == ["funnel_cloning_completed"]

    def failed_images(self) -> list[str]:
        failed = self.store.images.find({"ref_id": self.clone_id, "uploaded": False})
        return [record["source_key"] for record in failed]


@pytest.fixture
def trial(store: Store, database: Any, s3: Any, bucket: str) -> Trial:
    original_id = build_funnel(
        database, s3, bucket, steps=2, images=4, image_bytes=600, forms=1, html_bytes=2_500, components_bytes=2_500
    )
    return Trial(store, database, s3, bucket, original_id)


def first_copies(count: int, blow: Blow) -> Callable[[Request], Blow | None]:
    """Strikes that many of the copies that come."""
    left = [blow] * count
    return lambda request: left.pop() if request.source and left else None


@pytest.mark.fault_sample(6)
@every(ACLS, PASSING)
def test_b14_what_passes_is_outlived_without_an_attempt(
    trial: Trial, behind_door: Settings, door: S3Door, where: str | None, blow: Blow
) -> None:
    door.strike = first_copies(3, blow)
    told = trial.run(through(where, behind_door))
    assert (told.errors, told.passes, door.blows) == ([], 1, 3)
    trial.judge()


@pytest.mark.fault_sample(3)
@every(ACLS, LASTING)
def test_b21_what_outlasts_the_deadline_fails_the_try_and_is_done_by_a_later_one(
    trial: Trial, behind_door: Settings, door: S3Door, where: str | None, blow: Blow
) -> None:
    late = replace(through(where, behind_door), copy=CopySettings(concurrency=4, deadline_seconds=0.4))
    door.strike = lambda request: blow if request.source else None

    def heal(_: Told) -> None:
        door.strike = lambda _: None
        door.let_go.set()

    told = trial.run(late, heal)
    part, error, decision = told.errors[0]
    assert (part, type(error), decision) == ("step", ObjectStoreUnavailable, Decision.RETRY)
    assert told.parked == 0
    trial.judge()


@pytest.mark.fault_sample(3)
@every(ACLS, OF_ONE_IMAGE)
def test_b17_b18_what_is_wrong_with_one_image_is_told_and_its_reference_stays(
    trial: Trial, store: Store, behind_door: Settings, door: S3Door, where: str | None, blow: Blow
) -> None:
    page = store.steps.find_one({"funnel_id": trial.before.funnel_id}) or {}
    struck = next(
        r["key"] for r in store.images.find({"ref_id": trial.before.funnel_id}) if r["key"] in page["raw_html"]
    )
    door.strike = lambda request: blow if unquote(request.source).endswith(f"/{struck}") else None
    told = trial.run(through(where, behind_door))
    assert (told.errors, told.passes) == ([], 1)
    assert trial.failed_images() == [struck]
    clones = store.steps.find({"funnel_id": trial.clone_id})
    assert any(struck in step["raw_html"] for step in clones)
    trial.judge(errors=1)


@pytest.mark.fault_sample(3)
@every(ACLS, NOT_OF_AN_IMAGE)
def test_b21_a_denial_in_our_bucket_or_its_lack_fails_the_attempt_loses_nothing_and_is_tried_later(
    trial: Trial, store: Store, behind_door: Settings, door: S3Door, where: str | None, blow: Blow
) -> None:
    door.strike = lambda request: blow if request.source else None

    def heal_after_the_attempt(told: Told) -> None:
        if len(told.errors) == behind_door.steps.attempts:
            door.strike = lambda _: None

    told = trial.run(through(where, behind_door), heal_after_the_attempt)
    kind = BucketMissing if blow.code == "NoSuchBucket" else AccessDenied
    assert {(type(error), decision) for _, error, decision in told.errors} == {(kind, Decision.RETRY)}
    assert all(trial.bucket in str(error) for _, error, _ in told.errors), "the bucket is named"
    assert (told.passes, told.parked, end_of(store, trial.clone_id)["attempts"]) == (2, 0, 2)
    trial.judge()


def test_a_denial_in_a_foreign_bucket_is_a_failure_of_that_image_alone(
    trial: Trial, store: Store, database: Any, s3: Any, behind_door: Settings, door: S3Door
) -> None:
    record = store.images.find_one({"ref_id": trial.before.funnel_id}) or {}
    store.images.update_one({"_id": record["_id"]}, {"$set": {"additionalInfo.Bucket": "of-somebody-else"}})
    trial.before = snapshot(database, s3, trial.before.funnel_id)
    door.strike = lambda request: Blow(403, "AccessDenied") if "of-somebody-else" in request.target else None
    told = trial.run(behind_door)
    assert (told.errors, told.passes, door.blows) == ([], 1, 1)
    assert trial.failed_images() == [record["key"]]
    trial.judge(errors=1)


@pytest.fixture
def in_parts(store: Store, database: Any, s3: Any, bucket: str, behind_door: Settings, door: S3Door) -> "InParts":
    trial = Trial(store, database, s3, bucket, build_whole_funnel(database, s3, bucket, large=True))
    return InParts(trial, behind_door, door)


class InParts:
    """A funnel with an image that is copied in parts."""

    def __init__(self, trial: Trial, behind_door: Settings, door: S3Door) -> None:
        self.trial, self.door = trial, door
        parts = replace(
            behind_door.copy, multipart_threshold_bytes=LARGE_BYTES - 1, multipart_part_bytes=LARGE_BYTES - 1
        )
        self.settings = replace(behind_door, copy=parts)

    def outlives(self, where: str, blow: Blow) -> None:
        left = [blow]
        self.door.strike = lambda request: left.pop() if left and OF_PARTS[where](request) else None
        told = self.trial.run(self.settings)
        assert (told.errors, told.passes, self.door.blows) == ([], 1, 1)
        assert self.trial.s3.list_multipart_uploads(Bucket=self.trial.bucket).get("Uploads", []) == []
        self.trial.judge(errors=1)  # the image whose object is gone


@pytest.mark.fault_sample(3)
@every(OF_PARTS, PASSING)
def test_b14_each_request_of_a_copy_in_parts_may_fail_and_no_part_is_left(
    in_parts: InParts, where: str, blow: Blow
) -> None:
    in_parts.outlives(where, blow)


def test_an_upload_whose_beginning_was_never_told_is_ended_by_the_next_try(in_parts: InParts) -> None:
    in_parts.outlives("begin", Blow(how="cut", carried_out=True))


def test_an_upload_that_another_try_ended_is_begun_again(in_parts: InParts) -> None:
    in_parts.outlives("part", Blow(404, "NoSuchUpload"))


def test_wasabis_400_to_a_look_is_known_for_what_it_is_although_it_has_no_body(in_parts: InParts) -> None:
    in_parts.outlives("look", Blow(400, "RequestRateLimitExceeded"))
