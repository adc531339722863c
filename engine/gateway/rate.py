"""So many in a minute, and no more: a bucket that fills evenly. Pure but for the clock that it is given."""

from collections.abc import Callable
from threading import Lock
from time import monotonic


class Rate:
    """Safe in threads."""

    def __init__(self, per_minute: float, clock: Callable[[], float] = monotonic) -> None:
        self._per_second, self._most = per_minute / 60, max(1.0, per_minute)
        self._clock = clock
        self._left, self._at = self._most, clock()
        self._lock = Lock()

    def take(self) -> float:
        """Take one: 0.0 where it was there, else the seconds until there is one."""
        with self._lock:
            now = self._clock()
            self._left = min(self._most, self._left + (now - self._at) * self._per_second)
            self._at = now
            if self._left < 1:
                return (1 - self._left) / self._per_second
            self._left -= 1
            return 0.0
