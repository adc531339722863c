"""What of the database is a clone's own, by its records: what an undo removes, and what stays since it is somebody's.

A clone's own are the pages that name a page of its original (whoever made them, the old system too), their components,
image records that name the key they were copied from, and forms that the engine marked. A page or an image that was
added to the funnel, or moved here from another one, is its users'.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from pymongo.client_session import ClientSession

from engine.core.identity import may_be_derived
from engine.core.model import DocId
from engine.edges.mongo.client import Document, Store

Kind = Literal["funnel", "page", "image", "form"]


@dataclass(frozen=True, slots=True)
class Own:
    """Filters: what of each collection is the clone's. They hold whatever of it is removed already."""

    funnel_id: DocId
    strange_steps: tuple[DocId, ...]
    """Pages of the funnel that are not the clone's."""
    copied_forms: tuple[DocId, ...] = ()
    """Forms with the clone's mark that are not its own: somebody made a copy of one that is, mark and all."""

    @property
    def steps(self) -> Document:
        """Pages."""
        return {"funnel_id": self.funnel_id, "_id": {"$nin": list(self.strange_steps)}}

    @property
    def components(self) -> Document:
        """Their components, those of a page that is gone already, too."""
        return {"funnel_id": self.funnel_id, "step_id": {"$nin": list(self.strange_steps)}}

    @property
    def images(self) -> Document:
        """Image records."""
        named = [{"clone.funnel_id": self.funnel_id}, {"source_key": {"$type": "string", "$ne": ""}}]
        return {"ref_id": self.funnel_id, "$or": named}

    @property
    def forms(self) -> Document:
        """Forms: the old system's name no source, and cannot be recognised."""
        return {"clone.funnel_id": self.funnel_id, "_id": {"$nin": list(self.copied_forms)}}


@dataclass(frozen=True, slots=True)
class Stranger:
    """What stands in the funnel, and is not the clone's."""

    kind: Kind
    id: DocId
    name: str


@dataclass(frozen=True, slots=True)
class Parts:
    """How much of a clone there is."""

    steps: int
    components: int
    images: int
    image_bytes: int
    forms: int
    strangers: Sequence[Stranger]


def read_own(store: Store, funnel: Mapping[str, Any], session: ClientSession | None = None) -> Own:
    """Tell a clone's own from what its users brought into its funnel; of the clone ids alone are read."""
    funnel_id = funnel["_id"]
    fields = {"original_step_id": 1, "clone.funnel_id": 1}
    steps = list(store.steps.find({"funnel_id": funnel_id}, fields, session=session).sort("_id", 1))
    unmarked = [step for step in steps if not _is_marked(step, funnel_id)]
    named = {"_id": {"$in": [step.get("original_step_id") for step in unmarked]}}
    elsewhere = {**named, "funnel_id": {"$ne": funnel["original_funnel_id"]}}
    of_others = {repr(found["_id"]) for found in store.steps.find(elsewhere, {"_id": 1}, session=session)}
    strange = [
        step["_id"]
        for step in steps
        if step.get("original_step_id") is None
        or (not _is_marked(step, funnel_id) and repr(step["original_step_id"]) in of_others)
    ]
    marked = store.forms.find({"clone.funnel_id": funnel_id}, {"_id": 1}, session=session)
    copied = [form["_id"] for form in marked if not may_be_derived(funnel_id, form["_id"])]
    return Own(funnel_id, tuple(strange), tuple(copied))


def count_parts(store: Store, own: Own, session: ClientSession | None = None) -> Parts:
    """How much there is to remove, and what will stay."""
    size = {"$cond": [{"$isNumber": "$fileSize"}, {"$max": ["$fileSize", 0]}, 0]}
    stages: list[Document] = [
        {"$match": own.images},
        {"$group": {"_id": None, "count": {"$sum": 1}, "bytes": {"$sum": {"$toDouble": size}}}},
    ]
    none = {"count": 0, "bytes": 0.0}
    images: Document = next(iter(store.images.aggregate(stages, session=session)), none)
    return Parts(
        steps=store.steps.count_documents(own.steps, session=session),
        components=store.components.count_documents(own.components, session=session),
        images=images["count"],
        image_bytes=int(images["bytes"]) if images["bytes"] < 2**63 else 0,  # an odd size is no size
        forms=store.forms.count_documents(own.forms, session=session),
        strangers=read_strangers(store, own, session),
    )


def read_strangers(store: Store, own: Own, session: ClientSession | None = None) -> list[Stranger]:
    """Pages and images of the funnel that are not the clone's."""
    pages = store.steps.find({"_id": {"$in": list(own.strange_steps)}}, {"name": 1}, session=session)
    theirs = {"ref_id": own.funnel_id, "$nor": [own.images]}
    images = store.images.find(theirs, {"fileName": 1}, session=session)
    return [
        *(Stranger("page", page["_id"], str(page.get("name", ""))) for page in pages.sort("_id", 1)),
        *(Stranger("image", image["_id"], str(image.get("fileName", ""))) for image in images.sort("_id", 1)),
    ]


def _is_marked(document: Mapping[str, Any], funnel_id: DocId) -> bool:
    mark = document.get("clone")
    return isinstance(mark, Mapping) and bool(mark.get("funnel_id") == funnel_id)
