"""Who is connected, and who hears of what: a user of their own account alone, operators of all."""

from collections.abc import Hashable, Iterable, Iterator

from engine.core.model import DocId
from engine.core.state import State
from engine.edges.mongo.changes import Change, CloneChange
from engine.edges.mongo.outbox import Notification
from engine.gateway.listener import Listener
from engine.gateway.progress import Pace

PROGRESS = "funnel_cloning_progress"
CHANGED = "clone_changed"
GONE = "undone"
# Their events are in the outbox, and tell more.
_TOLD_BY_EVENT = frozenset({"completed", "failed", "source_deleted"})


class Audience:
    """Belongs to the loop's thread."""

    def __init__(self) -> None:
        self._of_accounts: dict[Hashable, set[Listener]] = {}
        self._operators: set[Listener] = set()
        self._pace: Pace[CloneChange] = Pace()

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def __iter__(self) -> Iterator[Listener]:
        yield from self._operators
        for listeners in self._of_accounts.values():
            yield from listeners

    @property
    def operators(self) -> int:
        """How many of them are connected."""
        return len(self._operators)

    def join(self, listener: Listener) -> None:
        """From now on it hears."""
        reader = listener.client.reader
        if reader is None:
            self._operators.add(listener)
        else:
            self._of_accounts.setdefault(_key(reader.account_id), set()).add(listener)

    def leave(self, listener: Listener) -> None:
        """It hears nothing more. Safe to repeat."""
        reader = listener.client.reader
        if reader is None:
            self._operators.discard(listener)
            return
        key = _key(reader.account_id)
        listeners = self._of_accounts.get(key, set())
        listeners.discard(listener)
        if not listeners:
            self._of_accounts.pop(key, None)

    def hear(self, change: Change, now: float) -> None:
        """Something happened; ``now`` by a monotonic clock."""
        if isinstance(change, Notification):
            self._notify(change)
            return
        state = reported(change.state)
        if change.state_written and state not in _TOLD_BY_EVENT:
            account = None if change.account_id is None else str(change.account_id)
            payload = {"funnel_id": str(change.funnel_id), "state": state or GONE, "account_id": account}
            for operator in self._operators:
                operator.hint(CHANGED, payload["funnel_id"] or "", payload)
        if state != "cloning":
            self._pace.forget(str(change.funnel_id))
        elif change.progress is not None:
            told = self._pace.offer(str(change.funnel_id), change, now)
            if told is not None:
                self._tell_progress(told)

    def tick(self, now: float) -> None:
        """Tell progress that was held back and is due."""
        for told in self._pace.due(now):
            self._tell_progress(told)

    def _notify(self, notification: Notification) -> None:
        for listener in self._users(notification.account_id):
            user_id = listener.client.reader.user_id if listener.client.reader else ""
            if user_id in notification.user_ids and user_id not in notification.had:
                listener.offer(notification)
        for operator in self._operators:
            operator.offer(notification)

    def _tell_progress(self, change: CloneChange) -> None:
        funnel_id = str(change.funnel_id)
        payload = {"funnel_id": funnel_id, **(change.progress or {})}
        for listener in self._users(change.account_id):
            listener.hint(PROGRESS, funnel_id, payload)
        with_account = {**payload, "account_id": str(change.account_id)}
        for operator in self._operators:
            operator.hint(PROGRESS, funnel_id, with_account)

    def _users(self, account_id: DocId) -> Iterable[Listener]:
        return self._of_accounts.get(_key(account_id), ())


def reported(state: State | None) -> str | None:
    """A clone that is asked for and not begun is reported as ``waiting``."""
    return "waiting" if state == "asked" else state


def _key(account_id: DocId) -> Hashable:
    """Accounts that BSON takes for one are one key: 1 and 1.0 as well."""
    return account_id if isinstance(account_id, Hashable) else repr(account_id)
