"""Asking for clones: what anyone may do by inserting a funnel, done for those who ask through the engine."""

from pymongo import UpdateOne

from engine.core.model import DocId
from engine.edges.mongo.client import Document, Store, find_by_text, translated
from engine.edges.mongo.codec import new_id

BATCH = 1000


def find_funnel(store: Store, text: str) -> Document | None:
    """The funnel whose id reads ``text``; None where there is none."""
    return find_by_text(store.funnels, text, {"steps": 0})


def find_account(store: Store, text: str) -> Document | None:
    """The account whose id reads ``text``; None where there is none."""
    return find_by_text(store.db["_accounts"], text, {"parent_account": 1})


def insert_requests(store: Store, original_id: DocId, name: str, account_id: DocId, count: int) -> list[DocId]:
    """Insert ``count`` funnels that ask to become clones; returns their ids, oldest first.

    Upserts on fresh ids rather than inserts: only an update can take the server's clock for ``createdAt``.
    Not safe to repeat: each call asks for more clones.
    """
    ids = [new_id() for _ in range(count)]
    asked = [{"$set": request(original_id, name, account_id)}]
    with translated(f"request for clones of funnel {original_id}"):
        for start in range(0, count, BATCH):
            store.funnels.bulk_write(
                [UpdateOne({"_id": i}, asked, upsert=True) for i in ids[start : start + BATCH]],
                ordered=False,
            )
    return ids


def request(original_id: DocId, name: str, account_id: DocId) -> Document:
    """The fields of a funnel that asks to become a clone, as a pipeline sets them."""
    return {
        "name": {"$literal": name},
        "account_id": {"$literal": account_id},
        "original_funnel_id": {"$literal": original_id},
        "pending": True,
        "in_progress": False,
        "steps": [],
        "createdAt": "$$NOW",
        "updatedAt": "$$NOW",
    }
