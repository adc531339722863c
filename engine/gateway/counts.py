"""How many clones are in which state, not counted anew for everyone who asks."""

from collections.abc import Callable, Mapping
from threading import Lock
from time import monotonic

from engine.edges.mongo import reads
from engine.edges.mongo.client import Store
from engine.edges.mongo.reads import STATES, ListedState

KEPT_S = 10.0
AT_MOST_EVERY_S = 0.5
REST = 20
"""So many times as long as the last count took there is none: MongoDB counts for a twentieth of the time at most."""


class Counts:
    """Safe in threads: one counts, the others wait for it."""

    def __init__(self, store: Store, clock: Callable[[], float] = monotonic) -> None:
        self._store, self._clock = store, clock
        self._lock = Lock()
        self._counted_at = float("-inf")
        self._rest_s = 0.0
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
            began = self._clock()
            if began - self._counted_at > max(AT_MOST_EVERY_S if self._stale else KEPT_S, self._rest_s):
                self._stale = False
                found = reads.count_by_state(self._store)
                found["waiting"] += found.pop("asked")
                self._counts = {state: found[state] for state in STATES}
                self._counted_at = self._clock()
                self._rest_s = REST * (self._counted_at - began)
            return self._counts
