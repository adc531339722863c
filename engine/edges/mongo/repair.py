"""What a repair reads and writes. The old system's documents have no epoch, so no epoch can fence these writes.

In its place each transaction compares and sets: it finds the texts as they were read and the funnel in nobody's hands,
or it writes nothing. What others change between its reads and its writes is a write conflict, and it begins anew.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

from pymongo.client_session import ClientSession
from pymongo.collection import Collection

from engine.core.errors import ClaimLost
from engine.core.model import DocId
from engine.edges.mongo.client import Document, Store, translated

_AT_REST = {"pending": {"$ne": True}, "in_progress": {"$ne": True}}
_QUERY_CHARACTERS = 3_000_000
_KEY_OVERHEAD = 16


@dataclass(frozen=True, slots=True)
class StoredPage:
    """A page as it stands, of an original or of a clone."""

    step_id: DocId
    html: Any
    components: tuple[tuple[DocId, Any], ...]
    """(document's id, its ``components``), oldest first: older data may have several."""
    at_rest: bool
    """Neither pending nor in progress."""
    proof: Mapping[str, Any]
    """``clone.proof``; empty where the old system made the page."""

    def texts(self) -> Iterator[str]:
        """All that is text: HTML first."""
        for value in (self.html, *(value for _, value in self.components)):
            if isinstance(value, str):
                yield value


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


@dataclass(frozen=True, slots=True)
class Committed:
    """What became of a page's transaction."""

    outcome: Literal["written", "edited"]
    """``edited``: a text is not the one that was read, or the page is in somebody's hands; nothing was written."""
    forms_made: int = 0


def read_page(store: Store, step_id: DocId) -> StoredPage | None:
    """A page's texts; None where the step is gone."""
    with translated(f"step {step_id}"):
        step = store.steps.find_one({"_id": step_id}, {"raw_html": 1, "pending": 1, "in_progress": 1, "clone.proof": 1})
        if step is None:
            return None
        found = list(store.components.find({"step_id": step_id}, {"components": 1}).sort("_id", 1))
    mark = step.get("clone")
    proof = mark.get("proof") if isinstance(mark, Mapping) else None
    return StoredPage(
        step_id=step_id,
        html=step.get("raw_html"),
        components=tuple((document["_id"], document.get("components")) for document in found),
        at_rest=step.get("pending") is not True and step.get("in_progress") is not True,
        proof=proof if isinstance(proof, Mapping) else {},
    )


def steps_elsewhere(store: Store, funnel_id: DocId, step_ids: Sequence[DocId]) -> list[DocId]:
    """Those of ``step_ids`` that are pages of another funnel than this one."""
    with translated(f"steps of funnel {funnel_id}"):
        query = {"_id": {"$in": list(step_ids)}, "funnel_id": {"$ne": funnel_id}}
        return [step["_id"] for step in store.steps.find(query, {"_id": 1})]


def own_forms(store: Store, clone_id: DocId, secret_ids: Sequence[str]) -> set[str]:
    """Those of ``secret_ids`` that the engine made for this clone: its own, whoever embeds them."""
    with translated(f"forms of clone {clone_id}"):
        query = {"form_secret_id": {"$in": list(secret_ids)}, "clone.funnel_id": clone_id}
        return {form["form_secret_id"] for form in store.forms.find(query, {"form_secret_id": 1})}


def tokens_among(store: Store, keys: Sequence[str]) -> set[str]:
    """Those of ``keys`` that are some domain's chat token: one query for up to 3 million characters of them."""
    found: set[str] = set()
    with translated("support_tokens"):
        for batch in _batches(keys):
            tokens = store.db["support_tokens"].find({"token": {"$in": batch}}, {"token": 1})
            found.update(document["token"] for document in tokens if isinstance(document["token"], str))
    return found


def _batches(keys: Sequence[str]) -> Iterator[list[str]]:
    """So many at once that a query stays below 16 MB, whatever the characters; each has an index in it, too."""
    batch: list[str] = []
    characters = 0
    for key in keys:
        characters += len(key) + _KEY_OVERHEAD
        if batch and characters > _QUERY_CHARACTERS:
            yield batch
            batch, characters = [], len(key) + _KEY_OVERHEAD
        batch.append(key)
    if batch:
        yield batch


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

    with translated(f"image records of clone {clone_id}"):
        store.transaction(body)


def commit(store: Store, clone_id: DocId, page: PageChange) -> Committed:
    """Write a page's forms, components and step in one transaction, if its texts are still those that were read.

    Safe to repeat: the second time it finds other texts and writes nothing.

    Raises:
        ClaimLost: The clone was asked for again; nothing was written.
        DocumentTooLarge: The rewritten page does not fit in a document.
    """
    with translated(f"step {page.step_id}"):
        return store.transaction(partial(_write, store, clone_id, page))


def _write(store: Store, clone_id: DocId, page: PageChange, session: ClientSession) -> Committed:
    # The texts are compared by a query before the update, not in its filter: both texts of a page of 8 MB and more do
    # not fit into one command. An edit between the two is a write conflict.
    html = {} if page.html is None else {"raw_html": page.html.old}
    expected = [(store.steps, {"_id": page.step_id, **html, **_AT_REST})]
    expected += [
        (store.components, {"_id": change.document_id, "components": change.old}) for change in page.components
    ]
    if any(collection.find_one(query, {"_id": 1}, session=session) is None for collection, query in expected):
        return Committed("edited")
    _hold(store, clone_id, session)
    forms_made = _insert_missing(store.forms, page.forms, session)
    for change in page.components:
        store.components.update_one({"_id": change.document_id}, _set({"components": change.new}), session=session)
    fields: dict[str, Any] = {} if page.html is None else {"raw_html": page.html.new}
    fields |= {f"clone.proof.{name}": value for name, value in page.proof.items()}
    # A new version, so that a clone of this clone that was laid out before is planned anew.
    literal = {name: {"$literal": value} for name, value in fields.items()}
    written = [{"$set": {**literal, "updatedAt": "$$NOW", "version": {"$toLong": "$$NOW"}}}]
    store.steps.update_one({"_id": page.step_id}, written, session=session)
    return Committed("written", forms_made)


def _hold(store: Store, clone_id: DocId, session: ClientSession) -> None:
    """Make the funnel this transaction's own: a claim at the same time is a write conflict for one of the two."""
    funnel = store.funnels.update_one({"_id": clone_id, **_AT_REST}, _set({}), session=session)
    if funnel.matched_count != 1:
        raise ClaimLost(f"funnel {clone_id} was asked for again, or is gone")


def _insert_missing(collection: Collection[Document], documents: Sequence[Document], session: ClientSession) -> int:
    """Insert those whose ``_id`` is not there; the funnel is held, so nobody else makes them meanwhile."""
    if not documents:
        return 0
    ids = [document["_id"] for document in documents]
    there = {found["_id"] for found in collection.find({"_id": {"$in": ids}}, {"_id": 1}, session=session)}
    missing = [document for document in documents if document["_id"] not in there]
    if missing:
        collection.insert_many(missing, session=session)
    return len(missing)


def _set(fields: Mapping[str, Any]) -> dict[str, Any]:
    dated: dict[str, Any] = {"$currentDate": {"updatedAt": True}}
    return {"$set": dict(fields), **dated} if fields else dated
