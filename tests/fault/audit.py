"""After the faults: what was lost, doubled, orphaned, left dangling, or told twice. All five are to be empty.

Beside the oracle, which judges one clone at a time, this looks at the whole database and the whole bucket.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from typing import Any

from engine.upkeep.invariants import Snapshot, check_clone, snapshot

_ENDS = ("funnel_cloning_completed", "funnel_cloning_failed")
# What a clone has once of each, by what names it.
_ONCE = (
    ("funnel.step", ("funnel_id", "original_step_id")),
    ("funnel.step.components", ("step_id",)),
    ("sites_images", ("ref_id", "source_key")),
    ("sites_images", ("key",)),
    ("forms", ("clone.funnel_id", "clone.source_id")),
)


@dataclass(frozen=True)
class Audit:
    """Sentences, one a finding."""

    lost: tuple[str, ...] = ()
    """Requests that came to no end, ends that nobody was told of, clones that are not sound."""
    doubled: tuple[str, ...] = ()
    orphaned: tuple[str, ...] = ()
    """Objects without a record, documents without their funnel or page."""
    dangling: tuple[str, ...] = ()
    """Records that say uploaded, and have no object."""
    told_twice: tuple[str, ...] = ()

    def __add__(self, other: "Audit") -> "Audit":
        return Audit(*(getattr(self, f.name) + getattr(other, f.name) for f in fields(self)))

    def figures(self) -> dict[str, int]:
        return {f.name: len(getattr(self, f.name)) for f in fields(self)}


def audit(
    database: Any,
    s3: Any,
    bucket: str,
    clones: Mapping[Any, Snapshot],
    *,
    parked: Mapping[Any, str] | None = None,
) -> Audit:
    """Look at everything.

    Args:
        database: The test's own.
        s3: A client of the whole S3.
        bucket: The test's own.
        clones: Clone -> its original before; each must have been completed.
        parked: Requests that must have ended otherwise -> the state.
    """
    parked = parked or {}
    objects = {found["Key"] for found in _objects(s3, bucket)}
    originals = {before.funnel_id for before in clones.values()}
    return Audit(
        lost=(*_unsound(database, s3, clones), *_without_end(database, clones, parked)),
        doubled=tuple(_doubled(database)),
        orphaned=(
            *_orphaned_objects(database, objects),
            *_orphaned_uploads(s3, bucket),
            *_orphaned_documents(database),
        ),
        dangling=tuple(_dangling(database, objects, originals)),
        told_twice=tuple(_told_twice(database)),
    )


def _objects(s3: Any, bucket: str) -> Iterator[Mapping[str, Any]]:
    for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket):
        yield from page.get("Contents", ())


def _unsound(database: Any, s3: Any, clones: Mapping[Any, Snapshot]) -> Iterator[str]:
    # An original is shared by several clones: it is looked at once.
    now = {before.funnel_id: snapshot(database, s3, before.funnel_id) for before in clones.values()}
    for clone_id, before in clones.items():
        if now[before.funnel_id].fingerprints != before.fingerprints:
            yield f"original {before.funnel_id} was changed"
        yield from (f"clone {clone_id}: {violation}" for violation in check_clone(database, s3, clone_id))


def _without_end(database: Any, clones: Mapping[Any, Snapshot], parked: Mapping[Any, str]) -> Iterator[str]:
    wanted = {**dict.fromkeys(clones, "completed"), **parked}
    for funnel in database["funnels"].find({"_id": {"$in": list(wanted)}}):
        state, flags = funnel.get("clone", {}).get("state"), (funnel.get("pending"), funnel.get("in_progress"))
        if state != wanted[funnel["_id"]] or flags != (False, False):
            yield f"funnel {funnel['_id']} is {state} {flags}, not {wanted[funnel['_id']]}"
        if not _ends_of(database, funnel["_id"]):
            yield f"nobody was told of the end of funnel {funnel['_id']}"
    in_hand = {"funnel_id": {"$in": list(clones)}, "$or": [{"pending": True}, {"in_progress": True}]}
    yield from (f"step {step['_id']} is not done" for step in database["funnel.step"].find(in_hand, {"_id": 1}))


def _ends_of(database: Any, funnel_id: Any) -> list[Mapping[str, Any]]:
    return list(database["clone_outbox"].find({"payload.funnel_id": str(funnel_id), "event": {"$in": _ENDS}}))


def _doubled(database: Any) -> Iterator[str]:
    for collection, names in _ONCE:
        key = {name.replace(".", "_"): f"${name}" for name in names}
        all_there = {name: {"$exists": True} for name in names}
        groups = database[collection].aggregate(
            [{"$match": all_there}, {"$group": {"_id": key, "n": {"$sum": 1}}}, {"$match": {"n": {"$gt": 1}}}]
        )
        yield from (f"{collection}: {group['n']} of {group['_id']}" for group in groups)
    for funnel in database["funnels"].find({}, {"steps": 1}):
        twice = [step for step, n in Counter(map(repr, funnel.get("steps") or ())).items() if n > 1]
        yield from (f"funnel {funnel['_id']} lists step {step} twice" for step in twice)


def _orphaned_objects(database: Any, objects: set[str]) -> Iterator[str]:
    known = set(database["sites_images"].distinct("key"))
    yield from (f"object {key} has no record" for key in sorted(objects - known))


def _orphaned_uploads(s3: Any, bucket: str) -> Iterator[str]:
    """Begun, and never ended: what of them is there already is paid for, and no list of objects shows it."""
    uploads = s3.list_multipart_uploads(Bucket=bucket).get("Uploads", ())
    yield from (f"an upload of {upload['Key']} was left open" for upload in uploads)


def _orphaned_documents(database: Any) -> Iterator[str]:
    funnels = set(database["funnels"].distinct("_id"))
    steps = set(database["funnel.step"].distinct("_id"))
    for collection, reference, there in (
        ("funnel.step", "funnel_id", funnels),
        ("funnel.step.components", "step_id", steps),
        ("sites_images", "ref_id", funnels),
        ("forms", "clone.funnel_id", funnels),
    ):
        lost = set(database[collection].distinct(reference)) - there
        yield from (f"{collection}: {reference} {i} does not exist" for i in lost)
    for step in database["funnel.step"].find({"clone": {"$exists": True}}, {"_id": 1}):
        if database["funnel.step.components"].count_documents({"step_id": step["_id"]}) == 0:
            yield f"step {step['_id']} has no components"


def _dangling(database: Any, objects: set[str], originals: set[Any]) -> Iterator[str]:
    # An original may have lost an object before anybody cloned it.
    ours = {"uploaded": True, "ref_id": {"$nin": list(originals)}}
    for record in database["sites_images"].find(ours):
        if record["key"] not in objects:
            yield f"image {record['_id']} says uploaded, and there is no object {record['key']}"


def _told_twice(database: Any) -> Iterator[str]:
    told = database["clone_outbox"].find({"event": {"$in": _ENDS}})
    runs = Counter(str(event["_id"]).rpartition(":")[0] for event in told)
    yield from (f"run {run} was told {n} times" for run, n in runs.items() if n > 1)
