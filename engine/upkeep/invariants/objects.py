"""Compares two objects: by size and ETag where they decide, else byte by byte, a piece at a time."""

from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

_DESCRIBED = ("ContentType", "Metadata", "CacheControl", "ContentDisposition", "ContentEncoding", "ContentLanguage")
_ABSENT = frozenset({"404", "NoSuchKey", "NoSuchBucket", "NotFound"})
_PARTED = "-"
_PIECE_BYTES = 1024**2


@dataclass(frozen=True, slots=True)
class Head:
    """An object without its content."""

    bucket: str
    key: str
    answer: Mapping[str, Any]


def head(s3_client: Any, bucket: str, key: str) -> Head | None:
    """The object's head; None where there is no such object.

    Raises:
        botocore.exceptions.ClientError: The store answers something else than a head or a 404.
    """
    try:
        return Head(bucket, key, s3_client.head_object(Bucket=bucket, Key=key))
    except s3_client.exceptions.ClientError as error:
        if error.response.get("Error", {}).get("Code") in _ABSENT:
            return None
        raise


def fingerprint(found: Head | None) -> str:
    """What tells that an object was replaced, changed or deleted."""
    if found is None:
        return "absent"
    answer = found.answer
    described = {name: answer.get(name) for name in (*_DESCRIBED, "ContentLength", "ETag", "LastModified")}
    return sha256(repr(described).encode()).hexdigest()


def written_since(found: Head, milliseconds: Any) -> bool:
    """Whether the object was written later than that time since the epoch, by the store's clock."""
    written = found.answer.get("LastModified")
    return written is not None and milliseconds is not None and written.timestamp() * 1000 > int(milliseconds)


def difference(s3_client: Any, one: Head, other: Head) -> str:
    """What two objects differ in; empty where they are equal in content and description."""
    if one.answer["ContentLength"] != other.answer["ContentLength"]:
        return "size"
    for name in _DESCRIBED:
        if (one.answer.get(name) or None) != (other.answer.get(name) or None):
            return name
    etags = [one.answer["ETag"], other.answer["ETag"]]
    # An ETag with a dash tells of parts, not of the content; different ones tell nothing where the store encrypts.
    if etags[0] == etags[1] and _PARTED not in etags[0]:
        return ""
    return "" if _digest(s3_client, one) == _digest(s3_client, other) else "content"


def _digest(s3_client: Any, found: Head) -> str:
    whole = sha256()
    body = s3_client.get_object(Bucket=found.bucket, Key=found.key)["Body"]
    for piece in body.iter_chunks(_PIECE_BYTES):
        whole.update(piece)
    return whole.hexdigest()
