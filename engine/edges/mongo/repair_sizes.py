"""Foresees which documents of a mended page MongoDB would refuse, and names them. Reads only.

The server measures: no page travels for it.
"""

from collections.abc import Iterator
from typing import Any

import bson
from pymongo.collection import Collection

from engine.core.model import DocId
from engine.edges.mongo.client import MOST_DOCUMENT_BYTES, Document, Store, translated
from engine.edges.mongo.repair import PageChange, components_update, step_update


def oversized(store: Store, page: PageChange) -> list[str]:
    """The documents that ``commit`` would be refused for, as ``<collection>/<_id>``; exact to the byte."""
    with translated(f"{store.steps.name}/{page.step_id}: sizes"):
        return list(_oversized(store, page))


def _oversized(store: Store, page: PageChange) -> Iterator[str]:
    dated: Document = {"updatedAt": "$$NOW", "version": {"$toLong": "$$NOW"}}
    text = "" if page.html is None else page.html.new
    emptied = {} if page.html is None else {"raw_html": ""}
    update = step_update(page, None if page.html is None else "")
    if _is_over(store.steps, page.step_id, {**emptied, **dated}, update, text):
        yield f"{store.steps.name}/{page.step_id}"
    dated = {"updatedAt": "$$NOW"}
    for change in page.components:
        fields = {"components": "", **dated}
        if _is_over(store.components, change.document_id, fields, components_update(""), change.new):
            yield f"{store.components.name}/{change.document_id}"
    for form in page.forms:
        if len(bson.encode(form)) > MOST_DOCUMENT_BYTES:
            yield f"{store.forms.name}/{form['form_secret_id']}"


def _is_over(collection: Collection[Document], document_id: DocId, fields: Document, update: Any, text: str) -> bool:
    """Whether a document, or the update that writes it, gets too long; both are given with an empty text."""
    written: Document = {"$bsonSize": {"$mergeObjects": ["$$ROOT", fields]}}
    measured = list(collection.aggregate([{"$match": {"_id": document_id}}, {"$project": {"bytes": written}}]))
    # As the driver sends it: it refuses an update that is itself longer than a document may be.
    statement = {"q": {"_id": document_id}, "u": update, "multi": False, "upsert": False}
    longest: int = max(len(bson.encode(statement)), *(document["bytes"] for document in measured))
    return longest + len(text.encode("utf-8", "surrogatepass")) > MOST_DOCUMENT_BYTES
