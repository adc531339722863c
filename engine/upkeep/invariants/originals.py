"""Holds an original still: a fingerprint of everything that a clone must not change."""

from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from engine.upkeep.invariants.objects import fingerprint, head
from engine.upkeep.invariants.records import (
    ACCOUNTS,
    COMPONENTS,
    FORMS,
    FUNNELS,
    IMAGES,
    STEPS,
    Document,
    bson_of,
    many,
    place,
    sub_document,
)
from engine.upkeep.invariants.spelling import embedded_forms
from engine.upkeep.invariants.violations import Findings

_REQUESTS = 8


@dataclass(frozen=True, slots=True)
class Snapshot:
    """An original at one moment."""

    funnel_id: Any
    fingerprints: Mapping[str, str]
    """``<collection>/<_id>``, or ``<bucket>/<key>`` of an object -> a hash of all there is to it."""


def snapshot(database: Any, s3_client: Any, funnel_id: Any) -> Snapshot:
    """Fingerprints of the funnel's documents, its account's, the forms that its pages embed, and its objects.

    Reads every page; a funnel that does not exist has none. Reads only.
    """
    fingerprints: dict[str, str] = {}
    objects: dict[str, tuple[str, str]] = {}
    for collection, document in _documents(database, funnel_id):
        fingerprints[place(collection, document)] = sha256(bson_of(document)).hexdigest()
        bucket, key = sub_document(document, "additionalInfo").get("Bucket"), document.get("key")
        if collection == IMAGES and isinstance(bucket, str) and isinstance(key, str) and key:
            objects[f"{bucket}/{key}"] = (bucket, key)
    with ThreadPoolExecutor(_REQUESTS) as threads:
        heads = threads.map(lambda where: head(s3_client, *where), objects.values())
        fingerprints.update(zip(objects, map(fingerprint, heads), strict=True))
    return Snapshot(funnel_id, fingerprints)


def check_untouched(before: Snapshot, now: Snapshot, findings: Findings) -> None:
    """Nothing of the original was changed, removed or added."""
    for where in sorted(before.fingerprints.keys() | now.fingerprints.keys()):
        old, new = before.fingerprints.get(where), now.fingerprints.get(where)
        how = "was added" if old is None else "is gone" if new is None else "was changed"
        findings.unless(old == new, "original_changed", where, how)


def _documents(database: Any, funnel_id: Any) -> Iterator[tuple[str, Document]]:
    secrets: dict[str, None] = {}
    for funnel in many(database, FUNNELS, {"_id": funnel_id}):
        yield FUNNELS, funnel
        yield from ((ACCOUNTS, account) for account in many(database, ACCOUNTS, {"_id": funnel.get("account_id")}))
    of_funnel = ((STEPS, "funnel_id", "raw_html"), (COMPONENTS, "funnel_id", "components"), (IMAGES, "ref_id", "key"))
    for collection, reference, text in of_funnel:
        for document in many(database, collection, {reference: funnel_id}):
            secrets.update(dict.fromkeys(embedded_forms(str(document.get(text)))))
            yield collection, document
    yield from ((FORMS, form) for form in many(database, FORMS, {"form_secret_id": {"$in": list(secrets)}}))
