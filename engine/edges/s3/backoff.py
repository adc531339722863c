"""What waits for its next try: in a heap and one thread, so that waiting holds up nobody."""

import heapq
from collections.abc import Callable
from itertools import count
from threading import Condition, Thread
from time import monotonic
from typing import Generic, TypeVar

Value = TypeVar("Value")


class Backoff(Generic[Value]):
    """Gives each value back when it is due. Safe to share between threads."""

    def __init__(self, due: Callable[[Value], None]) -> None:
        """``due`` is called for each value, in the order of their times, by a thread that lives while any waits."""
        self._due = due
        self._changed = Condition()
        self._heap: list[tuple[float, int, Value]] = []
        self._numbers = count()
        self._thread: Thread | None = None

    def add(self, due_at: float, value: Value) -> None:
        """Give ``value`` back at ``due_at``, on the monotonic clock."""
        with self._changed:
            heapq.heappush(self._heap, (due_at, next(self._numbers), value))
            if self._thread is None:
                self._thread = Thread(target=self._wait, name="copy-backoff", daemon=True)
                self._thread.start()
            elif self._heap[0][0] == due_at:
                self._changed.notify()

    def _wait(self) -> None:
        while True:
            with self._changed:
                if not self._heap:
                    self._thread = None
                    return
                wait_s = self._heap[0][0] - monotonic()
                if wait_s > 0:
                    self._changed.wait(wait_s)
                    continue
                value = heapq.heappop(self._heap)[2]
            self._due(value)
