"""Ids and fingerprints between the core, which knows no BSON, and the documents."""

from collections.abc import Mapping
from hashlib import sha256
from typing import Any

import bson
from bson import ObjectId

from engine.core.identity import document_id
from engine.core.model import DocId
from engine.edges.mongo.client import CODEC


def derived_id(funnel_id: DocId, kind: str, source: DocId) -> ObjectId:
    """The ``_id`` of what a clone makes of ``source``: the same however often it is made."""
    return ObjectId(document_id(funnel_id, kind, source))


def new_id() -> ObjectId:
    """An ``_id`` for a document that is nobody's copy."""
    return ObjectId()


def fingerprint_of(document: Mapping[str, Any]) -> str:
    """SHA-256 of a document's BSON, in hex, in whatever order its fields are; its ``clone`` is left out."""
    fields = {name: document[name] for name in sorted(document) if name != "clone"}
    return sha256(bson.encode(fields, codec_options=CODEC)).hexdigest()
