"""S3 answers wrong, late, or not at all: what passes is outlived, what does not is told, and nothing is lost.

Each fault strikes both libraries that copy: obstore, and boto3 where an ACL is set or an object goes in parts.
"""

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any
from urllib.parse import unquote

import pytest

from engine.core.errors import AccessDenied, ObjectStoreUnavailable
from engine.core.policy import Decision
from engine.edges.mongo.client import Store
from engine.edges.s3 import InProcessCopier
from engine.settings import CopySettings, Settings
from engine.upkeep.invariants import snapshot
from tests.fault.audit import Audit, audit
from tests.fault.by_policy import PolicyPasses, Told, end_of
from tests.fault.s3_door import Blow, Request, S3Door, s3_door
from tests.fault.sampling import sampled
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
Strike = tuple[Any, Blow]
ACLS = (None, "private")
DENIALS = (
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


ONCE_LOST = (
    ("begin", Blow(how="cut", carried_out=True)),  # nobody knows the upload's id
    ("part", Blow(404, "NoSuchUpload")),  # another try ended the upload
    ("look", Blow(400, "RequestRateLimitExceeded")),  # the answer to HEAD has no body: the code is lost
)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    held = (Blow(how="held"), Blow(how="held", carried_out=True))
    of_parts = [blow for blow in PASSING if blow.how != "spaces first"]
    for name, values, count in (
        ("passing", [(acl, blow) for acl in ACLS for blow in PASSING], 10),
        ("lasting", [(acl, blow) for acl in ACLS for blow in (*PASSING[1::6], *held)], 4),
        ("of_one_image", [(acl, blow) for acl in ACLS for blow in OF_ONE_IMAGE], 4),
        ("denial", [(acl, blow) for acl in ACLS for blow in DENIALS], 3),
        ("of_parts", [(stage, blow) for stage in OF_PARTS for blow in of_parts], 5),
    ):
        if name in metafunc.fixturenames:
            chosen = sampled(metafunc.config, values, count)
            if name == "of_parts":
                chosen = list(dict.fromkeys((*ONCE_LOST, *chosen)))
            metafunc.parametrize(name, chosen, ids=[f"{where or 'obstore'} {blow}" for where, blow in chosen])


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


def test_b14_what_passes_is_outlived_without_an_attempt(
    trial: Trial, behind_door: Settings, door: S3Door, passing: Strike
) -> None:
    acl, blow = passing
    door.strike = first_copies(3, blow)
    told = trial.run(through(acl, behind_door))
    assert (told.errors, told.passes, door.blows) == ([], 1, 3)
    trial.judge()


def test_b21_what_outlasts_the_deadline_fails_the_try_and_is_done_by_a_later_one(
    trial: Trial, behind_door: Settings, door: S3Door, lasting: Strike
) -> None:
    acl, blow = lasting
    late = replace(through(acl, behind_door), copy=CopySettings(concurrency=4, deadline_seconds=0.4))
    door.strike = lambda request: blow if request.source else None

    def heal(_: Told) -> None:
        door.strike = lambda _: None
        door.let_go.set()

    told = trial.run(late, heal)
    part, error, decision = told.errors[0]
    assert (part, type(error), decision) == ("step", ObjectStoreUnavailable, Decision.RETRY)
    assert told.parked == 0
    trial.judge()


def test_b17_b18_what_is_wrong_with_one_image_is_told_and_its_reference_stays(
    trial: Trial, store: Store, behind_door: Settings, door: S3Door, of_one_image: Strike
) -> None:
    acl, blow = of_one_image
    page = store.steps.find_one({"funnel_id": trial.before.funnel_id}) or {}
    struck = next(
        r["key"] for r in store.images.find({"ref_id": trial.before.funnel_id}) if r["key"] in page["raw_html"]
    )
    door.strike = lambda request: blow if unquote(request.source).endswith(f"/{struck}") else None
    told = trial.run(through(acl, behind_door))
    assert (told.errors, told.passes) == ([], 1)
    assert trial.failed_images() == [struck]
    clones = store.steps.find({"funnel_id": trial.clone_id})
    assert any(struck in step["raw_html"] for step in clones)
    trial.judge(errors=1)


def test_b21_a_denial_in_our_bucket_fails_the_attempt_loses_nothing_and_is_tried_later(
    trial: Trial, store: Store, behind_door: Settings, door: S3Door, denial: Strike
) -> None:
    acl, blow = denial
    door.strike = lambda request: blow if request.source else None

    def heal_after_the_attempt(told: Told) -> None:
        if len(told.errors) == behind_door.steps.attempts:
            door.strike = lambda _: None

    told = trial.run(through(acl, behind_door), heal_after_the_attempt)
    assert {(type(error), decision) for _, error, decision in told.errors} == {(AccessDenied, Decision.RETRY)}
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


def test_b14_each_request_of_a_copy_in_parts_may_fail_and_no_part_is_left(
    store: Store, database: Any, s3: Any, bucket: str, behind_door: Settings, door: S3Door, of_parts: Strike
) -> None:
    stage, blow = of_parts
    trial = Trial(store, database, s3, bucket, build_whole_funnel(database, s3, bucket, large=True))
    left = [blow]
    door.strike = lambda request: left.pop() if left and OF_PARTS[stage](request) else None
    parts = replace(behind_door.copy, multipart_threshold_bytes=LARGE_BYTES - 1, multipart_part_bytes=LARGE_BYTES - 1)
    told = trial.run(replace(behind_door, copy=parts))
    assert (told.errors, told.passes, door.blows) == ([], 1, 1)
    assert s3.list_multipart_uploads(Bucket=bucket).get("Uploads", []) == []
    trial.judge(errors=1)
