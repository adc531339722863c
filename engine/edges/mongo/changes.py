"""What happens to clones, as it happens: one change stream over the outbox and the funnels.

One stream for both, so that their order is that of the commits: no progress is told after its clone's end. It reads the
replica set's log and not the collections: what it costs the server grows with what is written, not with what is
stored; and what is no change of a clone's state, as the heartbeat's every ``updatedAt``, is left out there. The
funnels in work could be polled instead, but a clone that was asked for or cancelled could not.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pymongo.change_stream import DatabaseChangeStream
from pymongo.errors import OperationFailure, PyMongoError
from pymongo.read_concern import ReadConcern

from engine.core.errors import CloneError
from engine.core.model import DocId
from engine.core.state import State, state_of
from engine.edges.mongo.client import CODEC, Document, Store, translated
from engine.edges.mongo.outbox import Notification, notification_of

_AWAIT_MS = 500
# What a token cannot be resumed after: the log has lost it, or says that the stream is beyond help.
_CANNOT_RESUME = frozenset({136, 234, 260, 280, 286, 346})
FIGURES = ("steps_done", "steps_total", "images_done", "images_total")


class StreamBroken(CloneError):
    """The stream has ended where it cannot be resumed: the outbox is to be read again."""


@dataclass(frozen=True, slots=True)
class CloneChange:
    """A clone's state or progress as it stands after a write."""

    funnel_id: DocId
    account_id: DocId
    state: State | None
    """None: the funnel is gone."""
    progress: Mapping[str, int] | None
    """The four figures; None where the write told of none."""
    state_written: bool
    """The write was about the state."""


Change = Notification | CloneChange


@dataclass(frozen=True, slots=True)
class Place:
    """Where a stream stands, to go on from there."""

    token: Mapping[str, Any]


class Changes:
    """An open stream; ``next`` is called from one thread at a time."""

    def __init__(self, stream: DatabaseChangeStream[Document]) -> None:
        self._stream = stream

    @property
    def place(self) -> Place | None:
        """Behind what ``next`` gave last."""
        token = self._stream.resume_token
        return None if token is None else Place(token)

    def next(self) -> Change | None:
        """The next change; None where there was none for half a second, or one that is of no interest.

        Raises:
            StreamBroken: It cannot be resumed.
            StoreUnavailable: It may be resumed at ``place``.
        """
        with _told():
            found = self._stream.try_next()
        if found is None:
            return None
        if found["operationType"] == "invalidate":
            raise StreamBroken("change stream: the database was dropped")
        return _change(found)


@contextmanager
def changes(store: Store, place: Place | None) -> Iterator[Changes]:
    """The stream from ``place`` on; from now where it is None.

    Raises:
        StreamBroken: It cannot be resumed at ``place``.
        StoreUnavailable: MongoDB is away.
    """
    with _told():
        stream = store.db.with_options(read_concern=ReadConcern("majority")).watch(
            _PIPELINE,
            full_document="updateLookup",
            resume_after=None if place is None else place.token,
            max_await_time_ms=_AWAIT_MS,
        )
    try:
        yield Changes(stream)
    finally:
        stream.close()


def server_time(store: Store) -> datetime:
    """The primary's clock, which the times in the outbox are of."""
    with translated("the server's time"):
        now: datetime = store.db.command("hello", codec_options=CODEC)["localTime"]
        return now


@contextmanager
def _told() -> Iterator[None]:
    try:
        with translated("change stream"):
            yield
    except CloneError as error:
        cause = error.__cause__
        if isinstance(cause, OperationFailure) and cause.code in _CANNOT_RESUME:
            raise StreamBroken(f"change stream: code {cause.code}") from error
        if isinstance(cause, PyMongoError) and cause.has_error_label("NonResumableChangeStreamError"):
            raise StreamBroken("change stream: it cannot be resumed") from error
        raise


def _change(found: Mapping[str, Any]) -> Change | None:
    document = found.get("fullDocument")
    if found["ns"]["coll"] == "clone_outbox":
        return None if document is None else notification_of(document)
    if found["operationType"] == "delete":
        return CloneChange(found["documentKey"]["_id"], None, None, None, state_written=True)
    if document is None or document.get("original_funnel_id") is None:  # gone meanwhile, or no clone
        return None
    written = found.get("written")
    names = {name for name in written if isinstance(name, str)} if isinstance(written, list) else None
    whole = names is None or "clone" in names
    told = whole or any(name.startswith("clone.progress") for name in names or ())
    return CloneChange(
        funnel_id=document["_id"],
        account_id=document.get("account_id"),
        state=state_of(document),
        progress=_progress(document) if told else None,
        state_written=whole or any(not name.startswith("clone.progress") for name in names or ()),
    )


def _progress(document: Mapping[str, Any]) -> Mapping[str, int] | None:
    clone = document.get("clone")
    figures = clone.get("progress") if isinstance(clone, Mapping) else None
    if not isinstance(figures, Mapping):
        return None
    return {name: figures[name] if isinstance(figures.get(name), int) else 0 for name in FIGURES}


def _fields_written(field: str) -> Document:
    """The names, dotted, of the fields that a write changed, of those that matter; an expression."""
    of_interest = r"^(pending|in_progress|original_funnel_deleted|clone|clone\.state|clone\.progress(\..*)?)$"
    return {
        "$filter": {
            "input": {"$map": {"input": {"$objectToArray": {"$ifNull": [field, {}]}}, "in": "$$this.k"}},
            "cond": {"$regexMatch": {"input": "$$this", "regex": of_interest}},
        }
    }


_KEPT = ("account_id", "original_funnel_id", "pending", "in_progress", "original_funnel_deleted")
_PIPELINE: list[Document] = [
    {
        "$match": {
            "$or": [
                {"ns.coll": "clone_outbox", "operationType": "insert"},
                {"ns.coll": "funnels", "operationType": {"$in": ["insert", "update", "replace", "delete"]}},
                {"operationType": "invalidate"},
            ]
        }
    },
    {
        "$match": {
            "$expr": {
                "$or": [
                    {"$ne": ["$operationType", "update"]},
                    {"$gt": [{"$size": _fields_written("$updateDescription.updatedFields")}, 0]},
                ]
            }
        }
    },
    {
        "$project": {
            "operationType": 1,
            "ns": 1,
            "documentKey": 1,
            "written": {
                "$cond": [
                    {"$eq": ["$operationType", "update"]},
                    _fields_written("$updateDescription.updatedFields"),
                    None,
                ]
            },
            "fullDocument": {
                "_id": 1,
                **dict.fromkeys(("event", "user_ids", "payload", "created_at"), 1),
                **dict.fromkeys(_KEPT, 1),
                "clone.state": 1,
                "clone.progress": 1,
            },
        }
    },
]
