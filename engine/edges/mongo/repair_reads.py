"""What a repair reads of clones, and of their originals, beyond what the layout reads."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from engine.core.model import DocId
from engine.edges.mongo.client import Store, translated

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


def read_page(store: Store, step_id: DocId) -> StoredPage | None:
    """A page's texts; None where the step is gone."""
    with translated(f"{store.steps.name}/{step_id}"):
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
    with translated(f"{store.steps.name} of funnel {funnel_id}"):
        query = {"_id": {"$in": list(step_ids)}, "funnel_id": {"$ne": funnel_id}}
        return [step["_id"] for step in store.steps.find(query, {"_id": 1})]


def own_forms(store: Store, clone_id: DocId, secret_ids: Sequence[str]) -> set[str]:
    """Those of ``secret_ids`` that the engine made for this clone: its own, whoever embeds them."""
    with translated(f"{store.forms.name} of clone {clone_id}"):
        query = {"form_secret_id": {"$in": list(secret_ids)}, "clone.funnel_id": clone_id}
        return {form["form_secret_id"] for form in store.forms.find(query, {"form_secret_id": 1})}


def tokens_among(store: Store, clone_id: DocId, keys: Sequence[str]) -> set[str]:
    """Those of ``keys``, which stand on a clone's pages, that are some domain's chat token.

    One query for up to 3 million characters of them.
    """
    found: set[str] = set()
    collection = store.db["support_tokens"]
    with translated(f"{collection.name} for {len(keys)} chat keys of clone {clone_id}"):
        for batch in _batches(keys):
            tokens = collection.find({"token": {"$in": batch}}, {"token": 1})
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
