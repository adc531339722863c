"""Compares two objects: by ETag where that decides, else byte by byte."""

from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

_DESCRIBED = ("ContentType", "Metadata", "CacheControl", "ContentDisposition", "ContentEncoding", "ContentLanguage")
_ABSENT = frozenset({"404", "NoSuchKey", "NoSuchBucket", "NotFound"})
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


def difference(s3_client: Any, one: Head, other: Head) -> str:
    """What two objects differ in; empty where they are equal in content and description."""
    if one.answer["ContentLength"] != other.answer["ContentLength"]:
        return "size"
    for name in _DESCRIBED:
        if (one.answer.get(name) or None) != (other.answer.get(name) or None):
            return name
    # Different ETags decide nothing: an upload in parts or an encryption of the store's own changes them.
    if one.answer["ETag"] == other.answer["ETag"] or _digest(s3_client, one) == _digest(s3_client, other):
        return ""
    return "content"


def _digest(s3_client: Any, found: Head) -> str:
    whole = sha256()
    body = s3_client.get_object(Bucket=found.bucket, Key=found.key)["Body"]
    for piece in body.iter_chunks(_PIECE_BYTES):
        whole.update(piece)
    return whole.hexdigest()
