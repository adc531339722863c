"""The image records of a clone: one for each distinct key of the original (D10: told apart by key, never by name)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isfinite
from typing import Any

from engine.core.identity import object_key
from engine.core.location import moved_location, object_url
from engine.core.model import Claim, DocId, Failure, ImageWork
from engine.edges.mongo.codec import derived_id
from engine.flow import documents
from engine.settings import S3Settings

Document = dict[str, Any]


@dataclass(frozen=True, slots=True)
class PlannedImages:
    """All images of a plan, those of them whose record must be made, and records that nothing can be done with."""

    works: tuple[ImageWork, ...]
    missing: list[Document]
    failures: tuple[Failure, ...]


def plan_images(
    claim: Claim, originals: Sequence[Document], existing: Sequence[Document], s3: S3Settings, parent_account: DocId
) -> PlannedImages:
    """Give each distinct key of ``originals`` its record: the one that exists (of two, the older), else a new one."""
    have = {
        record["source_key"]: record
        for record in reversed(existing)
        if isinstance(record.get("source_key"), str) and isinstance(record.get("key"), str)
    }
    works: dict[str, ImageWork] = {}
    missing: list[Document] = []
    failures: list[Failure] = []
    for record in originals:
        source_key = record.get("key")
        if not isinstance(source_key, str) or not source_key:
            failures.append(Failure("image", str(record["_id"]), "its record has no key"))
            continue
        if source_key in works:
            continue
        known = have.get(source_key)
        work = _existing_work(known, record, s3) if known else _new_work(claim, record, source_key, s3)
        works[source_key] = work
        if not known:
            fallback = object_url(
                s3.endpoint_url, s3.region, work.bucket, work.key, virtual=s3.addressing_style == "virtual"
            )
            location = moved_location(_additional(record).get("Location"), source_key, work.key, fallback)
            missing.append(documents.new_image(record, claim, work, parent_account, location))
    return PlannedImages(tuple(works.values()), missing, tuple(failures))


def bucket_of(record: Document) -> str:
    """Where an image's object lies, as its record tells; empty where that names no bucket."""
    bucket = _additional(record).get("Bucket")
    return bucket if isinstance(bucket, str) else ""


def _new_work(claim: Claim, record: Document, source_key: str, s3: S3Settings) -> ImageWork:
    name = record.get("fileName")
    return ImageWork(
        record_id=derived_id(claim.funnel_id, "image", source_key),
        source_key=source_key,
        key=object_key(claim.funnel_id, source_key, name if isinstance(name, str) else ""),
        bucket=_bucket(record, s3),
        size_bytes=_size(record),
        uploaded=False,
    )


def _existing_work(known: Document, record: Document, s3: S3Settings) -> ImageWork:
    return ImageWork(
        record_id=known["_id"],
        source_key=known["source_key"],
        key=known["key"],
        bucket=_bucket(record, s3),
        size_bytes=_size(record),
        uploaded=known.get("uploaded") is True,
    )


def _additional(record: Document) -> Mapping[str, Any]:
    found = record.get("additionalInfo")
    return found if isinstance(found, Mapping) else {}


def _bucket(record: Document, s3: S3Settings) -> str:
    """The bucket of the original object, where the new one goes, too (contract, section 1)."""
    return bucket_of(record) or s3.bucket


def _size(record: Document) -> int | None:
    size = record.get("fileSize")
    return int(size) if isinstance(size, (int, float)) and isfinite(size) and size >= 0 else None
