"""What a client missed, as it asks for it: by a time, by the event it saw last, or by what its user has not had."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from engine.edges.mongo import outbox
from engine.edges.mongo.client import Store
from engine.edges.mongo.outbox import Notification, Reader

_LONGEST = 1_024


class BadSince(Exception):
    """``since`` is neither a time nor an event; the message says so."""


@dataclass(frozen=True, slots=True)
class Since:
    """From where a client wants to hear again."""

    moment: datetime | None
    event_id: str | None


def read_since(value: Any) -> Since | None:
    """``since`` as a client sends it: an ISO time, UTC where it names no zone, or an ``event_id``; None: not sent.

    Raises:
        BadSince: It is of another type, empty or too long.
    """
    if value is None:
        return None
    if not isinstance(value, str) or not value.strip() or len(value) > _LONGEST or "\0" in value:
        raise BadSince("since must be an ISO time or an event_id")
    try:
        moment = datetime.fromisoformat(value.strip())
        # Into UTC here, where a time at the end of all times is told from one that can be asked for.
        return Since(moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC), None)
    except (ValueError, OverflowError):
        return Since(None, value)


def missed(store: Store, reader: Reader | None, since: Since | None) -> Iterator[Notification]:
    """What comes before all else, oldest first.

    An event that is not kept any more, or was none of this client's, stands for everything that is kept. An operator
    who names no ``since`` has missed nothing: what they have had is kept by nobody.
    """
    if since is None:
        return iter(()) if reader is None else outbox.not_delivered(store, reader)
    moment = since.moment
    if since.event_id is not None:
        moment = outbox.moment_of(store, reader, since.event_id)
    found = outbox.since(store, reader, moment)
    return (notification for notification in found if notification.event_id != since.event_id)
