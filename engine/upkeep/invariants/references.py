"""What a page of the original may refer to, and what its clone must refer to instead. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from engine.upkeep.invariants.records import Structure, sub_document

ReferenceKind = Literal["id", "image", "form", "chat", "own"]

_STRONG_KEY = 16
_STRONG_ID = 12


@dataclass(frozen=True, slots=True)
class Reference:
    """Something of the original's that has a place in the clone."""

    kind: ReferenceKind
    text: str
    targets: tuple[str, ...] = ()
    """What may stand in its place. A form's is found in the text; an image's is empty where it has no object."""
    places: tuple[str, ...] = ()
    """What stands before it, one of them, where it is too weak to be told by itself."""
    certain: bool = True
    """Whether it was the original's when it was cloned; otherwise it may have been moved, and may have stayed."""


CHAT = Reference("chat", "")


def id_references(pairs: Iterable[tuple[Any, Any]]) -> list[Reference]:
    """References to the funnel and its steps; ``pairs`` are (original's id, clone's id)."""
    references = []
    for original, clone in pairs:
        text = str(original)
        places = () if len(text) >= _STRONG_ID else ("funnel/", "step/")
        references.append(Reference("id", text, (str(clone),), places))
    return references


def image_references(original: Structure, clone: Structure) -> list[Reference]:
    """References to the original's images: one for each distinct key."""
    targets: dict[str, list[str]] = {}
    for record in clone.images:
        if record.get("uploaded") is True and isinstance(record.get("key"), str):
            targets.setdefault(record.get("source_key", ""), []).append(record["key"])
    records = {record["key"]: record for record in original.images if isinstance(record.get("key"), str)}
    return [
        Reference("image", key, tuple(targets.get(key, ())), () if _strong(key) else _image_places(key, record))
        for key, record in records.items()
        if key
    ]


def form_references(secret_ids: Iterable[str], *, certain: bool = True) -> list[Reference]:
    """References to the forms that a funnel's pages embed."""
    return [
        Reference("form", secret, (), () if len(secret) >= _STRONG_ID else ("userform/",), certain)
        for secret in secret_ids
    ]


def own_references(references: Iterable[Reference]) -> list[Reference]:
    """What of the clone's own may hold an old id within, as a file name does: not to be taken for the original's."""
    return [Reference("own", target) for reference in references for target in reference.targets if _strong(target)]


def _strong(key: str) -> bool:
    return "/" in key and len(key) >= _STRONG_KEY


def _image_places(key: str, record: Mapping[str, Any]) -> tuple[str, ...]:
    """What stands before a weak key in an object's URL: bucket, or host and bucket."""
    known = sub_document(record, "additionalInfo")
    places = []
    location = known.get("Location")
    if isinstance(location, str) and location.endswith("/" + key):
        places.append(location.removesuffix(key).partition("://")[2])
    if isinstance(known.get("Bucket"), str):
        places.append(known["Bucket"] + "/")
    return tuple(dict.fromkeys(places))
