"""The outbox, read for those who listen: what they have not had yet, what they missed; and the mark that they had it.

What is read is ordered by ``created_at``. That is the server's time within the transaction that ends a clone, which
is before its commit, by as much as a transaction may last: so a later event may carry an earlier time.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from pymongo import UpdateOne

from engine.core.model import DocId
from engine.edges.mongo.client import Document, Store, translated

OVERLAP = timedelta(seconds=60)
"""MongoDB's own limit of a transaction: how much earlier the time of a later event may be."""
_BATCH = 200
# `datetime` holds years from 1 on: what lies before is before everything.
_EARLIEST = datetime(1970, 1, 2, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Notification:
    """An event as it lies in the outbox."""

    event_id: str
    event: str
    account_id: DocId
    user_ids: frozenset[str]
    payload: Mapping[str, Any]
    created_at: datetime
    had: frozenset[str] = frozenset()
    """Ids of those who have had it already."""


@dataclass(frozen=True, slots=True)
class Reader:
    """Who listens: a user, to their own account alone."""

    user_id: str
    account_id: DocId


def not_delivered(store: Store, reader: Reader) -> Iterator[Notification]:
    """What this user was to be told and has not had yet, oldest first."""
    return _read(store, {**_of(reader), "delivered_to": {"$ne": reader.user_id}})


def since(store: Store, reader: Reader | None, moment: datetime | None) -> Iterator[Notification]:
    """What there was from ``moment`` on, and ``OVERLAP`` before, oldest first; None: all that is kept.

    ``reader`` None: an operator, for whom it is of all accounts.
    """
    later = {} if moment is None else {"created_at": {"$gte": max(moment, _EARLIEST) - OVERLAP}}
    return _read(store, {**({} if reader is None else _of(reader)), **later})


def moment_of(store: Store, reader: Reader | None, event_id: str) -> datetime | None:
    """When an event was written; None where it is kept no more, or was none of this reader's."""
    wanted = {"_id": event_id, **({} if reader is None else _of(reader))}
    with translated(f"event {event_id}"):
        found = store.outbox.find_one(wanted, {"created_at": 1})
    moment = None if found is None else found.get("created_at")
    return moment if isinstance(moment, datetime) else None


def mark_delivered(store: Store, delivered: Mapping[str, set[str]]) -> None:
    """``delivered_to`` gains users, ``delivered_at`` the time of the first of them. Safe to repeat.

    Args:
        store: The database.
        delivered: Event -> ids of users, as text.
    """
    if not delivered:
        return
    with translated("delivered notifications"):
        store.outbox.bulk_write([_mark(event_id, users) for event_id, users in delivered.items()], ordered=False)


def notification_of(document: Mapping[str, Any]) -> Notification | None:
    """As the document tells it; None where it is none, whoever wrote it there."""
    payload, created_at, users = (document.get(name) for name in ("payload", "created_at", "user_ids"))
    if not (isinstance(payload, Mapping) and isinstance(created_at, datetime) and isinstance(users, list)):
        return None
    had = document.get("delivered_to")
    return Notification(
        event_id=str(document["_id"]),
        event=str(document.get("event")),
        account_id=document.get("account_id"),
        user_ids=frozenset(map(str, users)),
        payload=payload,
        created_at=created_at,
        had=frozenset(had) if isinstance(had, list) else frozenset(),
    )


def _read(store: Store, wanted: Mapping[str, Any]) -> Iterator[Notification]:
    order = [("created_at", 1), ("_id", 1)]
    with translated("outbox"), store.outbox.find(wanted, batch_size=_BATCH).sort(order) as found:
        for document in found:
            notification = notification_of(document)
            if notification is not None:
                yield notification


def _of(reader: Reader) -> Document:
    return {"account_id": reader.account_id, "user_ids": reader.user_id}


def _mark(event_id: str, users: set[str]) -> UpdateOne:
    before = {"$cond": [{"$isArray": "$delivered_to"}, "$delivered_to", []]}
    first = {"$ifNull": ["$delivered_at", "$$NOW"]}
    gained = {"$setUnion": [before, {"$literal": sorted(users)}]}
    return UpdateOne({"_id": event_id}, [{"$set": {"delivered_to": gained, "delivered_at": first}}])
