"""What a repair writes. The old system's documents have no epoch, so no epoch can fence these writes.

In its place each transaction compares and sets: it finds the texts as they were read and the funnel in nobody's hands,
or it writes nothing. What others change between its reads and its writes is a write conflict, and it begins anew.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

from pymongo.client_session import ClientSession
from pymongo.collection import Collection

from engine.core.errors import ClaimLost
from engine.core.model import DocId
from engine.edges import pipelines
from engine.edges.mongo.client import Document, Store, translated

_AT_REST = {"pending": {"$ne": True}, "in_progress": {"$ne": True}}


@dataclass(frozen=True, slots=True)
class Change:
    """One text of a page."""

    document_id: DocId
    old: str
    """As it was read: another one is not overwritten."""
    new: str


@dataclass(frozen=True, slots=True)
class PageChange:
    """All that one page's transaction writes."""

    step_id: DocId
    html: Change | None
    components: Sequence[Change]
    proof: Mapping[str, str]
    """Fields of ``clone.proof`` that move along with the texts."""
    forms: Sequence[Document]


Outcome = Literal["written", "edited", "taken", "gone"]
"""What became of a page's transaction; but for ``written``, nothing was.

``edited``: a text is not the one that was read. ``taken``: the page is pending or in progress. ``gone``: it was
deleted.
"""


def record_images(store: Store, clone_id: DocId, made: Sequence[Document], standing: Sequence[DocId]) -> None:
    """Record images whose objects stand: ``made`` are new records, ``standing`` ids of old ones. Safe to repeat.

    Raises:
        ClaimLost: The clone was asked for again; nothing was written.
    """

    def body(session: ClientSession) -> None:
        _hold(store, clone_id, session)
        _insert_missing(store.images, made, session)
        if standing:
            store.images.update_many(
                {"_id": {"$in": list(standing)}, "uploaded": {"$ne": True}},
                {"$set": {"uploaded": True}, "$unset": {"clone.error": ""}, "$currentDate": {"updatedAt": True}},
                session=session,
            )

    with translated(f"{store.images.name} of clone {clone_id}"):
        store.transaction(body)


def commit(store: Store, clone_id: DocId, page: PageChange) -> Outcome:
    """Write a page's forms, components and step in one transaction, if its texts are still those that were read.

    Safe to repeat: the second time it finds other texts and writes nothing.

    Raises:
        ClaimLost: The clone was asked for again, or deleted; nothing was written.
        DocumentTooLarge: A document of the page does not fit (``repair_sizes`` tells which); nothing was written.
    """
    with translated(f"{store.steps.name}/{page.step_id}"):
        return store.transaction(partial(_write, store, clone_id, page))


def step_update(page: PageChange, html: str | None) -> list[Document]:
    """What is written to the step's document; ``html`` is None where that text stays."""
    fields: dict[str, Any] = {} if html is None else {"raw_html": html}
    fields |= {f"clone.proof.{name}": value for name, value in page.proof.items()}
    literal = {name: {"$literal": value} for name, value in fields.items()}
    # A new version, so that a clone of this clone that was laid out before is planned anew.
    return [{"$set": {**literal, "updatedAt": "$$NOW", "version": {"$toLong": "$$NOW"}}}]


def components_update(text: str) -> Document:
    """What is written to a components document."""
    return _set({"components": text})


def _write(store: Store, clone_id: DocId, page: PageChange, session: ClientSession) -> Outcome:
    # The funnel first: what a pass does with a clone that it holds is no edit of its users.
    _hold(store, clone_id, session)
    outcome = _standing(store, page, session)
    if outcome != "written":
        session.abort_transaction()
        return outcome
    _insert_missing(store.forms, page.forms, session)
    for change in page.components:
        store.components.update_one({"_id": change.document_id}, components_update(change.new), session=session)
    update = step_update(page, None if page.html is None else page.html.new)
    store.steps.update_one({"_id": page.step_id}, update, session=session)
    return "written"


def _standing(store: Store, page: PageChange, session: ClientSession) -> Outcome:
    """``written``: the page is as it was read, and may be."""
    step = store.steps.find_one({"_id": page.step_id}, dict.fromkeys(_AT_REST, 1), session=session)
    if step is None:
        return "gone"
    if any(step.get(flag) is True for flag in _AT_REST):
        return "taken"
    # The texts are compared by a query before the update, not in its filter: both texts of a page of 8 MB and more do
    # not fit into one command. An edit between the two is a write conflict.
    expected: list[tuple[Collection[Document], Document]] = [
        (store.components, {"_id": change.document_id, "components": change.old}) for change in page.components
    ]
    if page.html is not None:
        expected.append((store.steps, {"_id": page.step_id, "raw_html": page.html.old}))
    same = all(collection.find_one(query, {"_id": 1}, session=session) for collection, query in expected)
    return "written" if same else "edited"


def _hold(store: Store, clone_id: DocId, session: ClientSession) -> None:
    """Make the funnel this transaction's own: a claim at the same time is a write conflict for one of the two."""
    free = {"_id": clone_id, **_AT_REST, "clone.state": pipelines.NOT_UNDOING}
    held = store.funnels.update_one(free, _set({}), session=session)
    if held.matched_count != 1:
        there = store.funnels.find_one({"_id": clone_id}, {"_id": 1}, session=session)
        raise ClaimLost(f"funnel {clone_id} was asked for again, or undone" if there else f"funnel {clone_id} is gone")


def _insert_missing(collection: Collection[Document], documents: Sequence[Document], session: ClientSession) -> None:
    """Insert those whose ``_id`` is not there; the funnel is held, so nobody else makes them meanwhile."""
    if not documents:
        return
    ids = [document["_id"] for document in documents]
    there = {found["_id"] for found in collection.find({"_id": {"$in": ids}}, {"_id": 1}, session=session)}
    missing = [document for document in documents if document["_id"] not in there]
    if missing:
        collection.insert_many(missing, session=session)


def _set(fields: Mapping[str, Any]) -> Document:
    dated: Document = {"$currentDate": {"updatedAt": True}}
    return {"$set": dict(fields), **dated} if fields else dated
