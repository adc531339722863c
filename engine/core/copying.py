"""Which way an object's copy goes: to which actor, by which means, in which parts. Pure."""

import re
from collections.abc import Iterator
from hashlib import blake2b

_DELETE = "\x7f"
_FIRST_PRINTABLE = " "
_LAST_CONTROL = "\x9f"
_SURROGATES = ("\ud800", "\udfff")
_NO_CHARACTERS = "\ufffe\uffff"

_BUCKET = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{1,254}")


def is_bucket_name(name: str) -> bool:
    """Whether a bucket can have this name: S3's old rules, which its first region still keeps."""
    return _BUCKET.fullmatch(name) is not None


def actor_of(bucket: str, key: str, actors: int) -> int:
    """Index of the actor that copies to this destination: rendezvous hash, the same in every process (ADR 5)."""
    destination = f"{bucket}/{key}".encode("utf-8", "surrogatepass")

    def weight(index: int) -> bytes:
        return blake2b(destination, digest_size=8, salt=index.to_bytes(8, "big")).digest()

    return max(range(actors), key=weight)


def is_plain_key(key: str) -> bool:
    """Whether the fast client carries ``key`` to the server exactly as it is.

    It takes keys for paths: it drops a slash at either end, and refuses empty segments, ``.``, ``..`` and control
    characters. Everything else it escapes right; tests hold that against a server.
    """
    segments = key.split("/")
    return not any(segment in ("", ".", "..") for segment in segments) and not any(
        character < _FIRST_PRINTABLE or character == _DELETE for character in key
    )


def is_plain_text(key: str) -> bool:
    """Whether XML can hold ``key`` as it is: no control characters, and no code points that are no characters."""
    return all(
        character >= _FIRST_PRINTABLE
        and not _DELETE <= character <= _LAST_CONTROL
        and not _SURROGATES[0] <= character <= _SURROGATES[1]
        and character not in _NO_CHARACTERS
        for character in key
    )


def byte_ranges(size_bytes: int, part_bytes: int) -> Iterator[tuple[int, int]]:
    """First and last byte (both counted in) of each part, in order; the last part may be smaller."""
    for first in range(0, size_bytes, part_bytes):
        yield first, min(first + part_bytes, size_bytes) - 1


MOST_PARTS = 10_000
"""A multipart upload takes no more."""


def part_size_bytes(size_bytes: int, wanted_bytes: int) -> int:
    """Size of a part: as wanted, larger where the object would else need more parts than S3 takes."""
    return max(wanted_bytes, -(-size_bytes // MOST_PARTS))
