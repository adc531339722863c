"""Files that pages refer to: each gets one key, one URL and one content type, whatever pages show it."""

from collections.abc import Callable
from dataclasses import dataclass
from mimetypes import MimeTypes
from pathlib import PurePosixPath
from urllib.parse import quote
from uuid import uuid4

from bson import ObjectId

_TYPES = MimeTypes()
for _ending, _type in {
    ".avif": "image/avif",
    ".ico": "image/x-icon",
    ".js": "text/javascript",
    ".json": "application/json",
    ".mjs": "text/javascript",
    ".svg": "image/svg+xml",
    ".webmanifest": "application/manifest+json",
    ".webp": "image/webp",
    ".woff": "font/woff",
    ".woff2": "font/woff2",
}.items():
    _TYPES.add_type(_type, _ending)


def content_type_of(path: str) -> str:
    """The content type that a file's name tells; the same on every machine."""
    kind, encoding = _TYPES.guess_type(path)
    return kind if kind and not encoding else "application/octet-stream"


@dataclass(frozen=True, slots=True)
class Asset:
    """A file on its way into the object store."""

    record_id: ObjectId
    path: str
    """Relative to the folder."""
    key: str
    """``<uuid>/<fileName>``."""
    url: str
    content_type: str

    @property
    def file_name(self) -> str:
        """The last part of the path."""
        return PurePosixPath(self.path).name


class Assets:
    """Gives addresses to files, and keeps those that are still to be uploaded."""

    def __init__(self, url_of: Callable[[str], str]) -> None:
        """``url_of`` makes the URL of a percent-encoded key."""
        self._url_of = url_of
        self._urls: dict[str, str] = {}
        self._waiting: list[Asset] = []

    def address(self, path: str) -> str:
        """The URL by which pages refer to the file; percent-encoded, so that it can stand anywhere in HTML and CSS."""
        known = self._urls.get(path)
        if known is not None:
            return known
        key = f"{uuid4()}/{PurePosixPath(path).name}"
        url = self._urls[path] = self._url_of(quote(key))
        self._waiting.append(Asset(ObjectId(), path, key, url, content_type_of(path)))
        return url

    def take_waiting(self) -> list[Asset]:
        """The files that were addressed since this was asked last."""
        waiting, self._waiting = self._waiting, []
        return waiting
