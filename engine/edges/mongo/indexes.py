"""Indexes: the engine's own (a pass makes them) and those of the shared collections (``init`` makes them).

Unique ones are partial, over documents that this engine made: older data may already break them. The engine is
right without any of the shared ones, since every ``_id`` that it makes is derived; it is only slower.
"""

from dataclasses import dataclass, field
from typing import Any

from pymongo import IndexModel
from pymongo.errors import OperationFailure

from engine import crash_points
from engine.edges.mongo.client import Document, Store, translated

_INDEX_OPTIONS_CONFLICT = 85
_NAMESPACE_NOT_FOUND = 26


@dataclass(frozen=True, slots=True)
class Index:
    """An index that the engine wants, and what for."""

    collection: str
    name: str
    keys: tuple[tuple[str, int], ...]
    options: dict[str, Any] = field(default_factory=dict)

    def model(self) -> IndexModel:
        """As pymongo takes it."""
        return IndexModel(list(self.keys), name=self.name, **self.options)


def _ours(*fields: str) -> dict[str, Any]:
    return {
        "unique": True,
        "partialFilterExpression": {name: {"$exists": True} for name in ("clone.funnel_id", *fields)},
    }


OWN = (
    Index("clone_outbox", "clone_outbox_created", (("created_at", 1), ("_id", 1))),
    Index(
        "clone_outbox",
        "clone_outbox_of_account",
        (("account_id", 1), ("created_at", 1), ("_id", 1)),
    ),
    Index("clone_passes", "clone_passes_started", (("started_at", -1),)),
)

# The gateway makes it when it starts: no pass needs it.
GATEWAYS = (Index("clone_requests", "clone_requests_expiry", (("created_at", 1),), {"expireAfterSeconds": 86_400}),)

SHARED = (
    # The scan's: partial, so that it holds what is asked for and not every funnel ever made.
    Index(
        "funnels",
        "clone_asked",
        (("in_progress", 1), ("clone.next_try_at", 1), ("account_id", 1), ("_id", 1)),
        {"partialFilterExpression": {"pending": True}},
    ),
    Index(
        "funnels",
        "clone_held",
        (("clone.state", 1), ("clone.pass", 1), ("updatedAt", 1), ("_id", 1)),
        {"partialFilterExpression": {"in_progress": True}},
    ),
    # The layout's and the steps'.
    Index("funnel.step", "clone_funnel_steps", (("funnel_id", 1), ("_id", 1))),
    Index("funnel.step", "clone_one_step", (("funnel_id", 1), ("original_step_id", 1)), _ours("original_step_id")),
    Index("funnel.step.components", "clone_step_components", (("step_id", 1),)),
    Index("funnel.step.components", "clone_funnel_components", (("funnel_id", 1),)),
    Index("sites_images", "clone_funnel_images", (("ref_id", 1), ("_id", 1))),
    Index("sites_images", "clone_one_image", (("ref_id", 1), ("source_key", 1)), _ours("source_key")),
    # An undo's: whether a record of somebody else names the object, too.
    Index("sites_images", "clone_image_key", (("key", 1),)),
    Index("forms", "clone_form_secret", (("form_secret_id", 1),)),
    Index(
        "forms",
        "clone_funnel_forms",
        (("clone.funnel_id", 1), ("_id", 1)),
        {"partialFilterExpression": {"clone.funnel_id": {"$exists": True}}},
    ),
    Index("support_tokens", "clone_token_domain", (("domain", 1),)),
    Index("users", "clone_account_users", (("account", 1), ("active", 1))),
    # What `status` and the console list, and count by its keys alone. The scan never asks for `clone.run`, and so
    # cannot choose it.
    Index(
        "funnels",
        "clone_ended",
        (("clone.state", 1), ("_id", -1), ("pending", 1), ("in_progress", 1), ("clone.run", 1)),
        {"partialFilterExpression": {"clone.run": {"$exists": True}}},
    ),
)


def ensure(store: Store, wanted: tuple[Index, ...]) -> list[str]:
    """Make what is missing; returns the names of the indexes made. Safe to repeat and to run side by side.

    Raises:
        PermanentError: An index of the same name and other keys exists, or the rights do not suffice.
    """
    made: list[str] = []
    for index in wanted:
        if index.name in _present(store, index.collection):
            continue
        with translated(f"index {index.name} of {index.collection}"):
            try:
                store.db[index.collection].create_indexes([index.model()])
            except OperationFailure as error:
                # The product has an index of these keys under a name of its own: as good as ours.
                if error.code != _INDEX_OPTIONS_CONFLICT:
                    raise
                continue
        crash_points.reached("index.made")
        made.append(index.name)
    return made


def missing(store: Store, wanted: tuple[Index, ...]) -> list[Index]:
    """Those of ``wanted`` for which no index with the same leading keys exists."""
    lacking = []
    for index in wanted:
        present = [tuple(dict(spec["key"]).items()) for spec in _present(store, index.collection).values()]
        if not any(keys[: len(index.keys)] == index.keys for keys in present):
            lacking.append(index)
    return lacking


def _present(store: Store, collection: str) -> dict[str, Document]:
    with translated(f"indexes of {collection}"):
        try:
            return {spec["name"]: dict(spec) for spec in store.db[collection].list_indexes()}
        except OperationFailure as error:
            if error.code == _NAMESPACE_NOT_FOUND:
                return {}
            raise
