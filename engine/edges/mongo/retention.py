"""How long notifications are kept: a TTL index of the outbox, made or brought to what is wanted."""

from pymongo.errors import OperationFailure

from engine.edges.mongo.client import Store, translated

INDEX = "clone_outbox_expiry"
_DAY_S = 86_400
_CONFLICTS = frozenset({85, 86})


def keep_notifications(store: Store, days: float) -> None:
    """Notifications go ``days`` after they were written. Safe to repeat; of two that differ, the last one holds.

    Raises:
        StoreUnavailable: MongoDB is away.
        PermanentError: The rights do not suffice.
    """
    seconds = max(1, round(days * _DAY_S))
    with translated(f"index {INDEX} of clone_outbox"):
        try:
            store.outbox.create_index([("created_at", 1)], name=INDEX, expireAfterSeconds=seconds)
        except OperationFailure as error:
            if error.code not in _CONFLICTS:
                raise
            # An index that stands is not changed by asking for another one; by its keys, whatever its name is.
            expiry = {"keyPattern": {"created_at": 1}, "expireAfterSeconds": seconds}
            store.db.command("collMod", store.outbox.name, index=expiry)
