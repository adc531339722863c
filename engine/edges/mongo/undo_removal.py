"""What an undo removes, batch by batch. Of images the tombstone comes first, then the object, then the record.

So whatever dies in between, an object has a record or a tombstone that names it. Every removal of documents is a
transaction that holds the funnel: an undo that was overtaken removes nothing more.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from pymongo.client_session import ClientSession
from pymongo.collection import Collection

from engine import crash_points
from engine.core.model import DocId
from engine.edges.mongo.client import Document, Store, translated
from engine.edges.mongo.undo import Begun, hold

BATCH = 500

Removed = Literal["images", "forms", "components", "steps"]


@dataclass(frozen=True, slots=True)
class ImageBatch:
    """Some image records of the clone."""

    record_ids: Sequence[DocId]
    objects: Sequence[tuple[str, str]]
    """(bucket, key) of what is the clone's alone; the bucket is empty where no record names one."""
    kept: int
    """Objects that a record of somebody else names as well, or that were never copied: they stay."""
    bytes: int
    """Of ``objects``, as recorded."""


def image_batches(store: Store, begun: Begun) -> Iterator[ImageBatch]:
    """Image records that are left, by batches; whoever takes one removes it before the next."""
    fields = {"key": 1, "source_key": 1, "fileSize": 1, "additionalInfo.Bucket": 1}
    while True:
        with translated(f"images of funnel {begun.funnel_id}"):
            records = list(store.images.find(begun.own.images, fields).sort("_id", 1).limit(BATCH))
            if not records:
                return
            # The key that it was copied from is the original's, whatever a record says.
            keyed = [r for r in records if _is_key(r.get("key")) and r["key"] != r.get("source_key")]
            others = {"key": {"$in": [r["key"] for r in keyed]}, "$nor": [begun.own.images]}
            of_others = {found["key"] for found in store.images.find(others, {"key": 1})}
        alone = [record for record in keyed if record["key"] not in of_others]
        yield ImageBatch(
            record_ids=[record["_id"] for record in records],
            objects=list(dict.fromkeys((_bucket(record), record["key"]) for record in alone)),
            kept=len({record["key"] for record in keyed} & of_others),
            bytes=sum(_size(record) for record in alone),
        )


def bury(store: Store, begun: Begun, batch: ImageBatch) -> None:
    """Write down what objects are about to be deleted, for a copy of one may still arrive. Safe to repeat."""
    if not batch.objects:
        return
    objects = [{"bucket": bucket, "key": key} for bucket, key in batch.objects]
    fields = {"funnel_id": begun.funnel_id, "account_id": begun.account_id}
    place = {"_id": {"funnel": begun.funnel_id, "from": batch.record_ids[0]}}
    with translated(f"tombstone of clone {begun.funnel_id}"):
        store.tombstones.update_one(place, {"$set": fields, "$addToSet": {"objects": {"$each": objects}}}, upsert=True)
    crash_points.reached("undo.buried", begun.funnel_id)


def remove_images(store: Store, begun: Begun, batch: ImageBatch) -> int:
    """Remove the batch's records, whose objects are gone; returns how many."""
    return _remove(store, begun, store.images, {"_id": {"$in": list(batch.record_ids)}, **begun.own.images})


def remove_batch(store: Store, begun: Begun, what: Removed) -> int:
    """Remove some documents; returns how many, 0 where none are left.

    Raises:
        ClaimLost: Another undo took over; nothing was removed.
    """
    collection: Collection[Document] = getattr(store, what)
    own: Document = getattr(begun.own, what)
    with translated(f"{what} of funnel {begun.funnel_id}"):
        ids = [found["_id"] for found in collection.find(own, {"_id": 1}).sort("_id", 1).limit(BATCH)]
    return _remove(store, begun, collection, {"$and": [{"_id": {"$in": ids}}, own]}) if ids else 0


def _remove(store: Store, begun: Begun, collection: Collection[Document], filter_: Document) -> int:
    def body(session: ClientSession) -> int:
        hold(store, begun, session)
        removed = collection.delete_many(filter_, session=session).deleted_count
        crash_points.reached("undo.removing", begun.funnel_id)
        return removed

    with translated(f"{collection.name} of clone {begun.funnel_id}"):
        removed = store.transaction(body)
    crash_points.reached("undo.removed", begun.funnel_id)
    return removed


def _is_key(value: object) -> bool:
    return isinstance(value, str) and value != ""


def _bucket(record: Mapping[str, Any]) -> str:
    more = record.get("additionalInfo")
    bucket = more.get("Bucket") if isinstance(more, Mapping) else None
    return bucket if isinstance(bucket, str) else ""


def _size(record: Mapping[str, Any]) -> int:
    size = record.get("fileSize")
    return int(size) if isinstance(size, (int, float)) and 0 <= size < 2**63 else 0
