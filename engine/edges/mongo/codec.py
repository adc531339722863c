"""Ids between the core, which knows no BSON, and the documents."""

from bson import ObjectId

from engine.core.identity import document_id
from engine.core.model import DocId


def derived_id(funnel_id: DocId, kind: str, source: DocId) -> ObjectId:
    """The ``_id`` of what a clone makes of ``source``: the same however often it is made."""
    return ObjectId(document_id(funnel_id, kind, source))


def new_id() -> ObjectId:
    """An ``_id`` for a document that is nobody's copy."""
    return ObjectId()
