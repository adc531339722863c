"""Asking for a clone once a key: whoever repeats a request whose answer was lost gets the first one's clone."""

from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256

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


@dataclass(frozen=True, slots=True)
class Keyed:
    """A request under a key, which is kept as its hash."""

    key: str
    words: Mapping[str, str | None]
    """The request as it was made: what it names may be renamed or gone when it is repeated."""

    @property
    def id(self) -> Document:
        """A filter: the key's document."""
        return {"_id": sha256(self.key.encode("utf-8", "surrogatepass")).hexdigest()}


def find_request(store: Store, keyed: Keyed) -> Asked | None:
    """The clone that stands for the key; None where it was not used within the day that keys are kept."""
    with translated("request under a key"):
        found = store.requests.find_one(keyed.id)
    return None if found is None else _asked(found, keyed)


def insert_request_once(store: Store, keyed: Keyed, original_id: DocId, name: str, account_id: DocId) -> Asked:
    """Insert a funnel that asks to become a clone, unless the key was used: key and funnel in one transaction.

    Safe to repeat within the day that keys are kept, side by side too.
    """

    def body(session: ClientSession) -> Asked:
        found = store.requests.find_one(keyed.id, session=session)
        if found is not None:
            return _asked(found, keyed)
        funnel_id = new_id()
        kept = {"words": {"$literal": dict(keyed.words)}, "created_at": "$$NOW", "funnel_id": funnel_id}
        store.requests.update_one(keyed.id, [{"$set": kept}], upsert=True, session=session)
        asked = [{"$set": request(original_id, name, account_id)}]
        store.funnels.update_one({"_id": funnel_id}, asked, upsert=True, session=session)
        return Asked(funnel_id, same=True)

    with translated(f"request for a clone of funnel {original_id}"):
        try:
            return store.transaction(body)
        except DuplicateKeyError:  # the same key at the same moment: the other one has written it
            return store.transaction(body)


def _asked(kept: Document, keyed: Keyed) -> Asked:
    return Asked(kept["funnel_id"], same=kept.get("words") == keyed.words)
