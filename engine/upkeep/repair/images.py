"""Gives each image of the original that a clone still shows its place in the clone; copies what has none."""

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any

from engine.core.errors import AccessDenied, PermanentError
from engine.core.model import DocId, Failure, ImageWork
from engine.edges.mongo import repair as edge
from engine.edges.s3 import ObjectHead, Objects
from engine.flow.image_plan import bucket_of, plan_images
from engine.flow.images import copy_objects
from engine.settings import S3Settings
from engine.upkeep.repair.report import CopiedImage
from engine.upkeep.repair.survey import Survey

Document = dict[str, Any]

GONE = "object is gone"
UNKNOWN = "the original has no record of it any more, and the clone no object"
_REQUESTS = 8


@dataclass(frozen=True, slots=True)
class _Place:
    """Where an image belongs: the clone's key, or why there is none; what must be copied and recorded for it."""

    key: str = ""
    failure: str = ""
    work: ImageWork | None = None
    record: Document | None = None
    """A record to be made; None where there is one."""


class ImageMover:
    """Moves the images of one clone, each once. ``copied`` tells what was, or in a dry run would be, copied."""

    def __init__(self, survey: Survey, objects: Objects, settings: S3Settings, *, dry_run: bool) -> None:
        """Nothing is looked at yet."""
        self.copied: list[CopiedImage] = []
        self._survey, self._objects, self._settings, self._dry_run = survey, objects, settings, dry_run
        self._places: dict[str, _Place] = {}
        self._unrecorded: list[DocId] = []
        """Records of objects that stand, and that do not say so."""

    def move(self, texts: Iterable[str]) -> tuple[dict[str, str], list[Failure]]:
        """Copy what is missing; returns, for keys on a page, the clone's keys in their place. Safe to repeat.

        The object comes first, then its record, then (the caller's) the page that refers to it: whatever dies in
        between, no page shows a key without an object, and the next run writes the same object again.

        Args:
            texts: Keys as the page has them: the original's, spoiled ones, the clone's own. Of the last a lost object
                is copied anew; the key stays.

        Raises:
            ClaimLost: The clone was asked for again.
            ObjectStoreUnavailable: S3 is away, or a copy did not get through before its deadline.
            AccessDenied: The credentials do not suffice.
            BucketMissing: The bucket of this installation is not there.
        """
        asked = list(dict.fromkeys(texts))
        new = [text for text in asked if text not in self._places]
        with ThreadPoolExecutor(_REQUESTS) as threads:
            self._places.update(zip(new, threads.map(self._place_of, new), strict=True))
        self._copy([text for text in new if self._places[text].work])
        moved: dict[str, str] = {}
        failures: list[Failure] = []
        for text in asked:
            place = self._places[text]
            if place.failure:
                failures.append(Failure("image", self._survey.pictures.sources.get(text, text), place.failure))
            elif place.key != text:
                moved[text] = place.key
        return moved, failures

    def _place_of(self, text: str) -> _Place:
        pictures = self._survey.pictures
        own = pictures.own.get(text)
        source = pictures.sources.get(text) if own is None else own.get("source_key")
        if not isinstance(source, str):
            return _Place(key=text)  # an upload of its users
        candidates = pictures.copies.get(source, []) if own is None else [own]
        try:
            if own is None and text != source and self._is_object(source, text):
                return _Place(key=text)  # it looks spoiled, and is somebody's
            # Whatever its record says: an object that stands is whole, and may be the work of the clone's users.
            standing = next((r for r in candidates if self._stands(r)), None)
            if standing is None:
                return self._planned(source, candidates)
            if standing.get("uploaded") is not True:
                self._unrecorded.append(standing["_id"])
            return _Place(key=standing["key"])
        except AccessDenied:
            raise
        except PermanentError as error:
            return _Place(failure=str(error))

    def _planned(self, source: str, candidates: list[Document]) -> _Place:
        """A copy to be made, as the engine would make it: for the record that there is, else for a new one."""
        original = self._survey.pictures.originals.get(source)
        if original is None:
            return _Place(failure=UNKNOWN)
        known = [record for record in candidates if self._bucket(record) == self._bucket(original)]
        planned = plan_images(self._survey.claim, [original], known, self._settings, self._survey.parent_account)
        (work,) = planned.works
        head = self._head(work.bucket, source)
        if head is None:
            return _Place(failure=GONE)
        work = replace(work, size_bytes=head.size_bytes, uploaded=False)
        return _Place(work.key, work=work, record=planned.missing[0] if planned.missing else None)

    def _copy(self, texts: list[str]) -> None:
        # A key and what it was spoiled to are one image.
        places = {place.work.key: place for place in map(self._places.__getitem__, texts) if place.work}
        places = {key: place for key, place in places.items() if key not in {image.target for image in self.copied}}
        works = [place.work for place in places.values() if place.work]
        if self._unrecorded and not self._dry_run:
            store, unrecorded = self._survey.context.store, self._unrecorded
            edge.record_images(store, self._survey.claim.funnel_id, [], unrecorded)
            self._unrecorded = []
        if not works:
            return
        if self._dry_run:
            self._tell(works)
            return
        copied, late = copy_objects(self._survey.context, works)
        self._tell(copied.done)
        done = [places[work.key] for work in copied.done]
        edge.record_images(
            self._survey.context.store,
            self._survey.claim.funnel_id,
            [{**place.record, "uploaded": True} for place in done if place.record],
            [place.work.record_id for place in done if place.work and not place.record],
        )
        if late is not None:
            raise late
        reasons = {work.key: reason for work, reason in copied.failed}
        for text in texts:
            if self._places[text].key in reasons:
                self._places[text] = _Place(failure=reasons[self._places[text].key])

    def _tell(self, works: Iterable[ImageWork]) -> None:
        self.copied += [CopiedImage(work.source_key, work.key, work.size_bytes or 0) for work in works]

    def _stands(self, record: Document) -> bool:
        return self._head(self._bucket(record), record["key"]) is not None

    def _is_object(self, source: str, text: str) -> bool:
        original = self._survey.pictures.originals.get(source, {})
        return self._head(self._bucket(original), text) is not None

    def _head(self, bucket: str, key: str) -> ObjectHead | None:
        try:
            return self._objects.head(bucket, key)
        except AccessDenied as error:
            if bucket == self._settings.bucket:
                raise  # not this image is at fault, but our keys
            raise PermanentError(str(error)) from error

    def _bucket(self, record: Document) -> str:
        return bucket_of(record) or self._settings.bucket
