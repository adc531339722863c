"""How many clones are in which state, not counted anew for everyone who asks."""

from collections.abc import Mapping
from threading import Lock
from time import monotonic

from engine.edges.mongo import reads
from engine.edges.mongo.client import Store
from engine.edges.mongo.listing import STATES, ListedState

KEPT_S = 10.0
AT_MOST_EVERY_S = 0.5


class Counts:
    """Safe in threads: one counts, the others wait for it."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._lock = Lock()
        self._counted_at = float("-inf")
        self._counts: dict[ListedState, int] = {}
        self._stale = False

    def change(self) -> None:
        """A clone's state has changed."""
        self._stale = True

    def by_state(self) -> Mapping[ListedState, int]:
        """As it was a moment ago; ``waiting`` holds those that were asked for and not begun.

        Raises:
            StoreUnavailable: MongoDB is away.
        """
        with self._lock:
            if monotonic() - self._counted_at > (AT_MOST_EVERY_S if self._stale else KEPT_S):
                self._stale = False
                found = reads.count_by_state(self._store)
                found["waiting"] += found.pop("asked")
                self._counts = {state: found[state] for state in STATES}
                self._counted_at = monotonic()
            return self._counts
