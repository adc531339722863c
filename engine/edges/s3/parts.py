"""A multipart copy: for objects above what one CopyObject takes."""

from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from contextlib import contextmanager, suppress
from time import monotonic
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from engine import crash_points
from engine.core.copying import byte_ranges, part_size_bytes
from engine.core.errors import CloneError, ObjectStoreBusy
from engine.core.model import CopyOrder
from engine.edges.s3.answers import ObjectChanged, translated
from engine.edges.s3.tries import try_until

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import CompletedPartTypeDef

# Of one object; several objects may be under way.
PARTS_AT_ONCE = 4
_DESCRIBED = (
    "CacheControl",
    "ContentDisposition",
    "ContentEncoding",
    "ContentLanguage",
    "ContentType",
    "Expires",
    "Metadata",
)

Refused = Callable[[float], None]
"""Told when a request was sent, on the monotonic clock, that was too much for the store."""


class PartsCopy:
    """One object copied in parts. Safe to repeat: every run is an upload of its own, and failed ones are aborted."""

    def __init__(self, client: "S3Client", order: CopyOrder, what: str, ends_at: float, refused: Refused) -> None:
        """Nothing is sent yet. ``ends_at`` is on the monotonic clock; each part is tried until then."""
        self._client = client
        self._order = order
        self._what = what
        self._ends_at = ends_at
        self._refused = refused
        self._source: Any = {"Bucket": order.source_bucket, "Key": order.source_key}
        self._target: Any = {"Bucket": order.bucket, "Key": order.key}

    def run(self, head: Mapping[str, Any], part_bytes: int, acl: str | None) -> None:
        """Copy the object that ``head`` describes.

        An upload in parts carries nothing over: type, metadata, cache headers and tags are given again.

        Raises:
            CloneError: As the store answers; nothing is left of the upload then.
        """
        described = {name: head[name] for name in _DESCRIBED if head.get(name)}
        if acl:
            described["ACL"] = acl
        self._end_earlier()
        with translated(self._what):
            if head.get("TagCount"):
                described["Tagging"] = self._tags()
            upload_id = self._client.create_multipart_upload(**self._target, **described)["UploadId"]
        crash_points.reached("parts.begun", self._order.key)
        try:
            parts = self._copy_parts(upload_id, head, part_bytes)
            with translated(self._what):
                self._client.complete_multipart_upload(
                    **self._target, UploadId=upload_id, MultipartUpload={"Parts": parts}
                )
            crash_points.reached("parts.joined", self._order.key)
        except BaseException:
            # After the last part's answer, never before: a part that arrived later would stay, and be paid for.
            self._abort(upload_id)
            raise

    def _end_earlier(self) -> None:
        """Uploads of this key whose process did not live to end them: nobody sees them, and they are paid for.

        The key is this copy's alone, and one at a time makes it. Without the right to list uploads they stay.
        """
        with suppress(CloneError), translated(self._what):
            pages = self._client.get_paginator("list_multipart_uploads").paginate(
                Bucket=self._order.bucket, Prefix=self._order.key
            )
            for upload in (upload for page in pages for upload in page.get("Uploads", ())):
                if upload["Key"] == self._order.key:
                    self._abort(upload["UploadId"])

    def _abort(self, upload_id: str) -> None:
        with suppress(CloneError), translated(self._what):
            self._client.abort_multipart_upload(**self._target, UploadId=upload_id)
            crash_points.reached("parts.aborted", self._order.key)

    def _copy_parts(self, upload_id: str, head: Mapping[str, Any], part_bytes: int) -> "list[CompletedPartTypeDef]":
        size_bytes = head["ContentLength"]
        ranges = byte_ranges(size_bytes, part_size_bytes(size_bytes, part_bytes))

        def copy_part(number: int, first: int, last: int) -> "CompletedPartTypeDef":
            with self._told(), translated(self._what):
                answer = self._client.upload_part_copy(
                    **self._target,
                    UploadId=upload_id,
                    PartNumber=number,
                    CopySource=self._source,
                    CopySourceRange=f"bytes={first}-{last}",
                    # Parts of two versions would make an object that never was.
                    CopySourceIfMatch=head["ETag"],
                )
            crash_points.reached("part.copied", self._order.key)
            return {"PartNumber": number, "ETag": answer["CopyPartResult"]["ETag"]}

        with ThreadPoolExecutor(PARTS_AT_ONCE, "copy-part") as threads:
            copies = [
                threads.submit(try_until, self._ends_at, lambda n=n, r=r: copy_part(n, *r), (ObjectChanged,))
                for n, r in enumerate(ranges, start=1)
            ]
            if any(copy.exception() for copy in wait(copies, return_when=FIRST_EXCEPTION).done):
                threads.shutdown(wait=False, cancel_futures=True)
                next(copy for copy in copies if not copy.cancelled() and copy.done() and copy.exception()).result()
            return [copy.result() for copy in copies]

    @contextmanager
    def _told(self) -> Iterator[None]:
        sent_at = monotonic()
        try:
            yield
        except ObjectStoreBusy:
            self._refused(sent_at)
            raise

    def _tags(self) -> str:
        tags = self._client.get_object_tagging(**self._source)["TagSet"]
        return urlencode([(tag["Key"], tag["Value"]) for tag in tags])
