"""Looks at the object behind each image: whether it is there, and its true size."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Literal

from engine.core.errors import PermanentError
from engine.core.model import ImageWork
from engine.edges.s3 import Objects

REQUESTS = 8

Trouble = Literal["image_missing", "image_unreadable"]


@dataclass(frozen=True, slots=True)
class Seen:
    """An image and what the store says of its object."""

    image: ImageWork
    size_bytes: int | None
    """None where there is no object, or none that we may look at."""
    trouble: Trouble | None = None
    reason: str = ""


def look_at(objects: Objects, images: Sequence[ImageWork], watch: Callable[[int, int], None]) -> Iterator[Seen]:
    """The object of each image, in the order of ``images``; ``watch`` hears (done, in all).

    Raises:
        ObjectStoreUnavailable: Trying again may help.
    """
    with ThreadPoolExecutor(REQUESTS, "head") as threads:
        for done, seen in enumerate(threads.map(lambda image: _look(objects, image), images), start=1):
            watch(done, len(images))
            yield seen


def _look(objects: Objects, image: ImageWork) -> Seen:
    try:
        head = objects.head(image.bucket, image.source_key)
    except PermanentError as error:
        return Seen(image, None, "image_unreadable", str(error))
    if head is None:
        return Seen(image, None, "image_missing", "there is no such object: pages will keep the original's key")
    return Seen(image, head.size_bytes)
