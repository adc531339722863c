"""Asking for a clone once a key: whoever repeats a request whose answer was lost gets the first one's clone."""

from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from pymongo.client_session import ClientSession
from pymongo.errors import DuplicateKeyError

from engine.core.model import DocId
from engine.edges.mongo.client import Document, Store, translated
from engine.edges.mongo.codec import new_id
from engine.edges.mongo.requests import request


@dataclass(frozen=True, slots=True)
class Asked:
    """The clone that stands for a key."""

    funnel_id: DocId
    same: bool
    """Whether the key was first used for the same request; where it was not, nothing was written."""


def insert_request_once(store: Store, key: str, original_id: DocId, name: str, account_id: DocId) -> Asked:
    """Insert a funnel that asks to become a clone, unless ``key`` was used: key and funnel in one transaction.

    Safe to repeat within the day that keys are kept, side by side too. A key is kept as its hash.
    """
    told = {"_id": sha256(key.encode("utf-8", "surrogatepass")).hexdigest()}
    wanted = {"original_funnel_id": original_id, "name": name, "account_id": account_id}

    def body(session: ClientSession) -> Asked:
        found = store.requests.find_one(told, session=session)
        if found is not None:
            return _found(found, wanted)
        funnel_id = new_id()
        kept = {**{field: {"$literal": value} for field, value in wanted.items()}, "created_at": "$$NOW"}
        store.requests.update_one(told, [{"$set": {**kept, "funnel_id": funnel_id}}], upsert=True, session=session)
        asked = [{"$set": request(original_id, name, account_id)}]
        store.funnels.update_one({"_id": funnel_id}, asked, upsert=True, session=session)
        return Asked(funnel_id, same=True)

    with translated(f"request for a clone of funnel {original_id}"):
        try:
            return store.transaction(body)
        except DuplicateKeyError:  # the same key at the same moment: the other one has written it
            first: Document = store.requests.find_one(told) or {}
            return _found(first, wanted)


def _found(kept: Mapping[str, Any], wanted: Mapping[str, Any]) -> Asked:
    return Asked(kept.get("funnel_id"), same=all(kept.get(field) == value for field, value in wanted.items()))
