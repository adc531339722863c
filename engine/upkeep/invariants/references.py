"""What a page of the original may refer to, and what its clone must refer to instead. Pure."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from engine.upkeep.invariants.records import Structure, sub_document
from engine.upkeep.invariants.spelling import SLASH, spelled

ReferenceKind = Literal["id", "image", "form", "chat"]

_STRONG_KEY = 16
_STRONG_ID = 12

_ESCAPE_LENGTH = 6
_ESCAPE_BEFORE = re.compile(r"(?:\\[bfnrt]|\\u[0-9a-fA-F]{4}|%[0-9a-fA-F]{2})\Z")
_WORD_BEFORE = re.compile(r"[A-Za-z0-9_]\Z")
_KEY_BEFORE = re.compile(r"[A-Za-z0-9_]-?\Z")
_WORD_BEHIND = re.compile(r"[A-Za-z0-9_]")
_KEY_BEHIND = re.compile(r"[A-Za-z0-9_]|[.-][A-Za-z0-9]|%[0-9a-fA-F]{2}")


@dataclass(frozen=True, slots=True)
class Reference:
    """Something of the original's that has a place in the clone."""

    kind: ReferenceKind
    text: str
    targets: tuple[str, ...] = ()
    """What may stand in its place. A form's is found in the text; an image's is empty where it has no object."""
    places: tuple[str, ...] = ()
    """Expressions for what stands before it, where it is too weak to be told by itself."""


@dataclass(frozen=True, slots=True)
class Occurrence:
    """A reference in a text."""

    start: int
    end: int
    reference: Reference
    optional: bool = False
    """It is part of a longer word: whether it is a reference at all cannot be told."""


CHAT = Reference("chat", "")


def id_references(pairs: Iterable[tuple[Any, Any]]) -> list[Reference]:
    """References to the funnel and its steps; ``pairs`` are (original's id, clone's id)."""
    references = []
    for original, clone in pairs:
        text = str(original)
        places = () if len(text) >= _STRONG_ID else (f"funnel{SLASH}", f"step{SLASH}")
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


def form_references(secret_ids: Iterable[str]) -> list[Reference]:
    """References to the forms that a page embeds."""
    return [
        Reference("form", secret, (), () if len(secret) >= _STRONG_ID else (f"userform{SLASH}",))
        for secret in secret_ids
    ]


def occurrences(text: str, references: Sequence[Reference], chat_spans: Sequence[tuple[int, int]]) -> list[Occurrence]:
    """All references in a text, in its order, none over another: the longest that begins first."""
    found = [Occurrence(start, end, CHAT) for start, end in chat_spans]
    finder, by_group = _finder(references)
    if finder is not None:
        for match in finder.finditer(text):
            group = match.lastgroup or ""
            start, end = match.span(group)
            if any(start < key_end and key_start < end for key_start, key_end in chat_spans):
                continue
            occurrence = Occurrence(start, end, by_group[group])
            found.append(replace(occurrence, optional=_inside_word(text, occurrence)))
    return sorted(found, key=lambda occurrence: occurrence.start)


def _finder(references: Sequence[Reference]) -> tuple[re.Pattern[str] | None, Mapping[str, Reference]]:
    by_group: dict[str, Reference] = {}
    patterns = []
    for reference in sorted(references, key=lambda r: len(r.text), reverse=True):
        for before in reference.places or ("",):
            group = f"r{len(by_group)}"
            by_group[group] = reference
            patterns.append(f"{before}(?P<{group}>{spelled(reference.text)})")
    return (re.compile("|".join(patterns)) if patterns else None), by_group


def _inside_word(text: str, occurrence: Occurrence) -> bool:
    """Whether letters or digits go on before or behind; a key goes on over ``.``, ``-`` and percent-encoding, too."""
    before, after = text[max(0, occurrence.start - _ESCAPE_LENGTH) : occurrence.start], text[occurrence.end :][:3]
    image = occurrence.reference.kind == "image"
    # What ends an escape ends no word: \n, \u002f and %2F are a line's end and slashes.
    joined = not _ESCAPE_BEFORE.search(before) and (_KEY_BEFORE if image else _WORD_BEFORE).search(before)
    return bool(joined or (_KEY_BEHIND if image else _WORD_BEHIND).match(after))


def _strong(key: str) -> bool:
    return "/" in key and len(key) >= _STRONG_KEY


def _image_places(key: str, record: Mapping[str, Any]) -> tuple[str, ...]:
    """What stands before a weak key in an object's URL: bucket, or host and bucket."""
    known = sub_document(record, "additionalInfo")
    places = []
    location = known.get("Location")
    if isinstance(location, str) and location.endswith("/" + key):
        places.append(spelled(location.removesuffix(key).partition("://")[2]))
    if isinstance(known.get("Bucket"), str):
        places.append(spelled(known["Bucket"] + "/"))
    return tuple(dict.fromkeys(places))
