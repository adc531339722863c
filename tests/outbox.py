"""Accounts with users, and notifications as the end of a clone writes them."""

from datetime import datetime
from typing import Any

from bson import ObjectId

from engine.core.model import Claim
from engine.edges.mongo import ends
from engine.edges.mongo.client import Store

COMPLETED = "funnel_cloning_completed"


def account_with_user(store: Store, *, active: bool = True) -> tuple[ObjectId, ObjectId]:
    """(account, user)."""
    account = ObjectId()
    return account, user_of(store, account, active=active)


def user_of(store: Store, account: Any, *, active: bool = True) -> ObjectId:
    user: ObjectId = store.db["users"].insert_one({"account": account, "active": active}).inserted_id
    return user


def complete(store: Store, account: Any, run: int = 1) -> str:
    """A clone of the account that ends as completed, by the engine's own transaction; the event's id."""
    claimed = {"pending": True, "in_progress": True, "clone": {"epoch": 1, "run": run, "state": "cloning"}}
    funnel = {"name": "A clone", "account_id": account, "original_funnel_id": ObjectId(), **claimed}
    funnel_id = store.funnels.insert_one(funnel).inserted_id
    claim = Claim(funnel_id, funnel["original_funnel_id"], account, epoch=1, run=run, attempt=1, pass_id="p")
    payload = {"funnel_id": str(funnel_id), "status": "completed"}
    ends.end(store, claim, "completed", ends.Event(COMPLETED, payload), {"clone.errors": []})
    return f"{funnel_id}:{run}:completed"


def written_at(store: Store, event_id: str, moment: datetime) -> None:
    """Move an event in time."""
    store.outbox.update_one({"_id": event_id}, {"$set": {"created_at": moment}})


def had_by(store: Store, event_id: str) -> list[str]:
    found = store.outbox.find_one({"_id": event_id}) or {}
    return list(found.get("delivered_to", []))
