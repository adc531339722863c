"""Who listens: users as the product knows them."""

from collections.abc import Iterable, Mapping

from engine.edges.mongo.client import Store, possible_ids, translated
from engine.edges.mongo.outbox import Reader

_BATCH = 500


def active_user(store: Store, text: str) -> Reader | None:
    """The active user whose id reads ``text``; None where there is none, or they are not active."""
    return active_among(store, [text]).get(text)


def active_among(store: Store, texts: Iterable[str]) -> Mapping[str, Reader]:
    """Text of an id -> the active user; whoever is not active, or is not there, is left out."""
    wanted = list(texts)
    found: dict[str, Reader] = {}
    with translated("users"):
        for start in range(0, len(wanted), _BATCH):
            ids = [doc_id for text in wanted[start : start + _BATCH] for doc_id in possible_ids(text)]
            for user in store.db["users"].find({"_id": {"$in": ids}, "active": True}, {"account": 1}):
                text = str(user["_id"])
                found[text] = Reader(text, user.get("account"))
    return found
