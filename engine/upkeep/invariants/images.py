"""Checks the image records of a clone, and that their objects are the original's (B14, D9, D10)."""

import re
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from engine.upkeep.invariants.marks import check_mark
from engine.upkeep.invariants.objects import difference, head, written_since
from engine.upkeep.invariants.records import (
    IMAGES,
    Document,
    Structure,
    bson_of,
    changed_fields,
    edited_since,
    place,
    same,
    sub_document,
)
from engine.upkeep.invariants.spelling import UUID, spelled
from engine.upkeep.invariants.violations import Findings

_OWN = frozenset(
    {
        "_id",
        "ref_id",
        "account_id",
        "parent_account",
        "uploaded",
        "source_key",
        "key",
        "origin",
        "fileSize",
        "additionalInfo",
        "createdAt",
        "updatedAt",
        "clone",
    }
)
_MOVED = frozenset({"Bucket", "Location"})
_KEY = re.compile(rf"{UUID}/(?P<name>.+)", re.DOTALL)
_REQUESTS = 8


def check_images(
    s3_client: Any,
    original: Structure,
    clone: Structure,
    parent_account: Any,
    errors: list[str],
    findings: Findings,
) -> None:
    """Check that each distinct key of the original has one record, and that what says uploaded stands.

    Args:
        s3_client: Reads both sides' objects.
        original: Its image records are what is wanted.
        clone: Its records are judged.
        parent_account: That of the clone's account; None for a top account.
        errors: Every failure that the clone records.
        findings: Gains what is wrong.
    """
    _check_keys(original, clone, findings)
    began, ended = (sub_document(clone.funnel, "clone").get(name) for name in ("started_at", "finished_at"))
    by_source: dict[str, list[Document]] = {}
    for record in clone.images:
        by_source.setdefault(str(record.get("source_key")), []).append(record)
    pairs: list[tuple[Document, Document]] = []
    for key, records in _sources(original, errors, findings).items():
        copies = by_source.get(key, [])
        added = all(edited_since(record, began or ended) for record in records)
        lacking = "this image of the original has no record in the clone"
        findings.unless(copies, "image_missing", key, lacking, edited=added)
        findings.unless(len(copies) < 2, "image_twice", key, f"has {len(copies)} records in the clone")  # noqa: PLR2004
        for copy in copies:
            _check_record(records, copy, clone, parent_account, findings)
        pairs += [(records[0], copy) for copy in copies[:1]]
    with ThreadPoolExecutor(_REQUESTS) as threads:
        for check in [threads.submit(_check_object, s3_client, pair, errors, ended, findings) for pair in pairs]:
            if check.result():
                findings.count("objects", len(pairs))


def _sources(original: Structure, errors: list[str], findings: Findings) -> dict[str, list[Document]]:
    """The original's records by their keys: each wants one record in the clone."""
    sources: dict[str, list[Document]] = {}
    for record in original.images:
        key = record.get("key")
        if isinstance(key, str) and key:
            sources.setdefault(key, []).append(record)
        else:
            recorded = any(str(record["_id"]) in error for error in errors)
            findings.unless(recorded, "failure_unrecorded", place(IMAGES, record), "has no key, and no error says so")
    return sources


def _check_keys(original: Structure, clone: Structure, findings: Findings) -> None:
    theirs = {bson_of(record.get("key")) for record in original.images}
    seen: set[bytes] = set()
    for record in clone.images:
        key = record.get("key")
        where = place(IMAGES, record)
        findings.unless(bson_of(key) not in seen, "image_twice", where, f"another record has this key, too: {key!r}")
        findings.unless(bson_of(key) not in theirs, "image_key", where, f"the key is the original's own: {key!r}")
        seen.add(bson_of(key))


def _check_record(
    sources: list[Document], copy: Document, clone: Structure, parent_account: Any, findings: Findings
) -> None:
    where = place(IMAGES, copy)
    # Several records may share a key: whichever was copied was copied whole.
    source = min(sources, key=lambda record: len(_changed(record, copy)))
    findings.count("images")
    edited = edited_since(source, sub_document(clone.funnel, "clone").get("finished_at"))
    for name in _changed(source, copy):
        findings.unless(None, "image_field", where, f"{name} is not the original's", edited=edited)
    expected = {
        "account_id": clone.funnel.get("account_id"),
        "parent_account": parent_account,
        "origin": "funnels",
        "fileSize": source.get("fileSize"),
    }
    for name, value in expected.items():
        right = same(copy.get(name), value)
        of_source = edited and name == "fileSize"
        findings.unless(right, "image_field", where, f"{name} is {copy.get(name)!r}", edited=of_source)
    _check_key(copy, where, findings)
    _check_location(source, copy, where, findings)
    check_mark(copy, clone.id, [record["_id"] for record in sources], where, findings)


def _changed(source: Mapping[str, Any], copy: Mapping[str, Any]) -> list[str]:
    theirs, ours = sub_document(source, "additionalInfo"), sub_document(copy, "additionalInfo")
    inner = [f"additionalInfo.{name}" for name in changed_fields(theirs, ours, _MOVED)]
    # Records that the old system made have no mark, and never had the fields that it did not know.
    own = _OWN if "clone" in copy else _OWN | (source.keys() - {"fileName"})
    return changed_fields(source, copy, own) + inner


def _check_key(copy: Document, where: str, findings: Findings) -> None:
    key, name = copy.get("key"), copy.get("fileName")
    match = _KEY.fullmatch(key) if isinstance(key, str) else None
    findings.unless(match, "image_key", where, f"the key is not <uuid>/<fileName>: {key!r}")
    if match and isinstance(name, str) and name:
        findings.unless(match["name"] == name, "image_key", where, f"the key does not end in {name!r}: {key!r}")


def _check_location(source: Document, copy: Document, where: str, findings: Findings) -> None:
    theirs, ours = sub_document(source, "additionalInfo"), sub_document(copy, "additionalInfo")
    bucket, location = ours.get("Bucket"), ours.get("Location")
    in_bucket = isinstance(bucket, str) and bucket == theirs.get("Bucket", bucket)
    findings.unless(in_bucket, "image_field", where, f"additionalInfo.Bucket is {bucket!r}")
    base, old_base = _base(location, copy.get("key")), _base(theirs.get("Location"), source.get("key"))
    if base is None:
        findings.add("image_field", where, f"additionalInfo.Location does not end in the key: {location!r}")
    elif old_base is not None and base != old_base:
        findings.add("image_field", where, f"additionalInfo.Location lies elsewhere than the original's: {location!r}")


def _base(location: Any, key: Any) -> str | None:
    """What stands before the key in a URL that ends in it."""
    match = re.search(rf"(?<=/){spelled(str(key))}\Z", location) if isinstance(location, str) else None
    return location[: match.start()] if match else None


def _check_object(
    s3_client: Any, pair: tuple[Document, Document], errors: list[str], ended: Any, findings: Findings
) -> bool:
    """Whether there were two objects to compare."""
    source, copy = pair
    key = str(copy.get("key"))
    bucket = str(sub_document(copy, "additionalInfo").get("Bucket"))
    if copy.get("uploaded") is not True:
        recorded = any(str(source["key"]) in error for error in errors)
        findings.unless(recorded, "failure_unrecorded", place(IMAGES, copy), "is not uploaded, and no error says why")
        return False
    ours = head(s3_client, bucket, key)
    if ours is None:
        findings.add(
            "object_missing", key, f"{place(IMAGES, copy)} says uploaded, and bucket {bucket} has no such object"
        )
        return False
    origin = str(sub_document(source, "additionalInfo").get("Bucket", bucket))
    theirs = head(s3_client, origin, source["key"])
    if theirs is None:
        findings.add("original_changed", source["key"], f"the original's object is gone from bucket {origin}")
        return False
    how = difference(s3_client, theirs, ours)
    detail = f"its {how} differs from that of {source['key']}"
    findings.unless(not how, "object_differs", key, detail, edited=written_since(theirs, ended))
    return True
