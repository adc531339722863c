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
    passed_on_bytes: int
    """BSON of the fields that a clone takes over: neither the text nor what is the clone's own."""


NOTHING = Measured(0, 0, 0)


def measure_pages(
    store: Store, original_id: DocId, step_ids: Sequence[DocId], own: Sequence[str]
) -> dict[str, Measured]:
    """``repr`` of a step's id -> its document and its HTML; ``own``: fields that a clone does not take over."""
    sizes = _sizes("raw_html", own)
    with translated(f"{store.steps.name} of funnel {original_id}: sizes"):
        found = store.steps.aggregate([{"$match": {"_id": {"$in": list(step_ids)}}}, {"$project": sizes}])
        return {repr(step["_id"]): _measured(step) for step in found}


def measure_components(
    store: Store, original_id: DocId, step_ids: Sequence[DocId], own: Sequence[str]
) -> dict[str, Measured]:
    """``repr`` of a step's id -> its components document, the oldest where it has several; ``own`` as with pages."""
    # The oldest by a minimum: to sort, the server would hold all documents at once.
    sizes = {"_id": "$_id", **_sizes("components", own)}
    stages: list[Document] = [
        {"$match": {"step_id": {"$in": list(step_ids)}}},
        {"$group": {"_id": "$step_id", "oldest": {"$min": sizes}}},
    ]
    with translated(f"{store.components.name} of funnel {original_id}: sizes"):
        found = store.components.aggregate(stages)
        return {repr(step["_id"]): _measured(step["oldest"]) for step in found}


def form_names(store: Store, secret_ids: Sequence[str]) -> dict[str, str]:
    """``form_secret_id`` -> name of the oldest form that has it; what no form has is left out."""
    if not secret_ids:
        return {}
    wanted, fields = {"form_secret_id": {"$in": list(secret_ids)}}, {"form_secret_id": 1, "form_name": 1}
    with translated(f"forms {', '.join(secret_ids)}"):
        found = store.forms.find(wanted, fields).sort("_id", -1)
        return {form["form_secret_id"]: str(form.get("form_name", "")) for form in found}


def _sizes(text: str, own: Sequence[str]) -> Document:
    field = f"${text}"
    # A field that is not there is not in the second document either.
    left = {"$bsonSize": {name: f"${name}" for name in (text, *own)}}
    return {
        "text": {"$cond": [{"$eq": [{"$type": field}, "string"]}, {"$strLenBytes": field}, 0]},
        "document": {"$bsonSize": "$$ROOT"},
        "passed_on": {"$subtract": [{"$bsonSize": "$$ROOT"}, left]},
    }


def _measured(sizes: Document) -> Measured:
    return Measured(sizes["text"], sizes["document"], sizes["passed_on"])
