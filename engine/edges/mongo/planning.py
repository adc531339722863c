"""What ``plan`` asks of the database beyond what the layout and the steps read: sizes, and names of forms. Reads only.

Sizes are measured by the server: no page travels for them.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from engine.core.model import DocId
from engine.edges.mongo.client import Document, Store, translated


@dataclass(frozen=True, slots=True)
class Measured:
    """A document with a text in it."""

    text_bytes: int
    """UTF-8; 0 where the text is none."""
    document_bytes: int
    """BSON, the text included."""


NOTHING = Measured(0, 0)


def measure_pages(store: Store, step_ids: Sequence[DocId]) -> dict[str, Measured]:
    """``repr`` of a step's id -> its document and its HTML."""
    fields = {"text": _bytes_of("$raw_html"), "document": {"$bsonSize": "$$ROOT"}}
    with translated(f"sizes of {len(step_ids)} steps"):
        found = store.steps.aggregate([{"$match": {"_id": {"$in": list(step_ids)}}}, {"$project": fields}])
        return {repr(step["_id"]): Measured(step["text"], step["document"]) for step in found}


def measure_components(store: Store, step_ids: Sequence[DocId]) -> dict[str, Measured]:
    """``repr`` of a step's id -> its components document, the oldest where it has several."""
    # The oldest by a minimum: to sort, the server would hold all documents at once.
    sizes = {"_id": "$_id", "text": _bytes_of("$components"), "document": {"$bsonSize": "$$ROOT"}}
    stages: list[Document] = [
        {"$match": {"step_id": {"$in": list(step_ids)}}},
        {"$group": {"_id": "$step_id", "oldest": {"$min": sizes}}},
    ]
    with translated(f"sizes of the components of {len(step_ids)} steps"):
        found = store.components.aggregate(stages)
        return {repr(step["_id"]): Measured(step["oldest"]["text"], step["oldest"]["document"]) for step in found}


def form_names(store: Store, secret_ids: Sequence[str]) -> dict[str, str]:
    """``form_secret_id`` -> name of the oldest form that has it; what no form has is left out."""
    if not secret_ids:
        return {}
    wanted, fields = {"form_secret_id": {"$in": list(secret_ids)}}, {"form_secret_id": 1, "form_name": 1}
    with translated(f"forms {', '.join(secret_ids)}"):
        found = store.forms.find(wanted, fields).sort("_id", -1)
        return {form["form_secret_id"]: str(form.get("form_name", "")) for form in found}


def _bytes_of(field: str) -> Document:
    return {"$cond": [{"$eq": [{"$type": field}, "string"]}, {"$strLenBytes": field}, 0]}
