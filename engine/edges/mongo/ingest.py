"""Writes of an import: new documents, dated by the server. Safe to repeat with the same ``_id``."""

from collections.abc import Sequence

from pymongo import UpdateOne
from pymongo.collection import Collection

from engine.edges.mongo.client import Document, Store, translated


def insert_account(store: Store, account: Document) -> None:
    """Add an account to own what is imported."""
    _insert(store.db["_accounts"], [account])


def insert_images(store: Store, records: Sequence[Document]) -> None:
    """Add image records; their objects lie in the store already."""
    _insert(store.images, records)


def insert_page(store: Store, forms: Sequence[Document], components: Document, step: Document) -> None:
    """Add a page and what it is made of; the page's own document last."""
    _insert(store.forms, forms)
    _insert(store.components, [components])
    _insert(store.steps, [step], {"version": {"$toLong": "$$NOW"}})


def insert_funnel(store: Store, funnel: Document) -> None:
    """Add the funnel's own document: everything that it names is there."""
    _insert(store.funnels, [funnel])


def _insert(collection: Collection[Document], documents: Sequence[Document], more: Document | None = None) -> None:
    if not documents:
        return
    # Upserts rather than inserts: only an update can take the server's clock.
    times = {"createdAt": "$$NOW", "updatedAt": "$$NOW", **(more or {})}
    writes = [
        UpdateOne({"_id": d["_id"]}, [{"$replaceWith": {"$mergeObjects": [{"$literal": d}, times]}}], upsert=True)
        for d in documents
    ]
    with translated(f"import into {collection.name}"):
        collection.bulk_write(writes, ordered=False)
