"""The window of work in flight: one limit over all funnels, which take turns (B12, ADR 4). Pure: time is handed in."""

from collections import Counter, deque
from collections.abc import Hashable, Iterable
from heapq import heapify, heappop, heappush
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)
T = TypeVar("T")


class Window(Generic[K, T]):
    """Queues of items by key; keys take turns, so that one with many items does not hold up one with few.

    Times are seconds on whatever clock the caller uses throughout. Not safe for several threads.
    """

    def __init__(self, limit: int) -> None:
        """At most ``limit`` items are in flight at once, over all keys."""
        self._limit = limit
        self._ready: dict[K, deque[T]] = {}
        self._turns: deque[K] = deque()
        """Each key that has ready items, once; the next to be served first."""
        self._delayed: list[tuple[float, int, K, T]] = []
        """A heap. The number keeps the order of equal times, and keys and items from being compared."""
        self._count = 0
        self._in_flight: Counter[K] = Counter()

    @property
    def in_flight(self) -> int:
        """Items taken and not released yet, those of dropped keys among them: their work goes on until it ends."""
        return self._in_flight.total()

    def add(self, key: K, items: Iterable[T]) -> None:
        """Queue items of a key, behind those that it has."""
        for item in items:
            if key not in self._ready:
                self._ready[key] = deque()
                self._turns.append(key)
            self._ready[key].append(item)

    def requeue(self, key: K, item: T, not_before_s: float) -> None:
        """Queue an item again, for a later time; it was released before."""
        self._count += 1
        heappush(self._delayed, (not_before_s, self._count, key, item))

    def take(self, now_s: float) -> tuple[K, T] | None:
        """The next item, now in flight; None when the window is full or nothing is due."""
        if self.in_flight >= self._limit:
            return None
        while self._delayed and self._delayed[0][0] <= now_s:
            _, _, due, again = heappop(self._delayed)
            self.add(due, (again,))
        if not self._turns:
            return None
        key = self._turns.popleft()
        queue = self._ready[key]
        item = queue.popleft()
        if queue:
            self._turns.append(key)
        else:
            del self._ready[key]
        self._in_flight[key] += 1
        return key, item

    def release(self, key: K) -> None:
        """An item of the key is in flight no more, whatever became of it.

        Raises:
            ValueError: None was; the limit would not hold any longer.
        """
        if not self._in_flight[key]:
            raise ValueError(f"nothing of {key!r} is in flight")
        self._in_flight[key] -= 1
        if not self._in_flight[key]:
            del self._in_flight[key]

    def drop(self, key: K) -> list[T]:
        """Forget what waits of a key and return it. Safe to repeat. What is in flight stays so until released."""
        waiting = list(self._ready.pop(key, ()))
        if waiting:
            self._turns.remove(key)
        waiting += [item for _, _, other, item in sorted(self._delayed, key=lambda d: d[:2]) if other == key]
        self._delayed = [entry for entry in self._delayed if entry[2] != key]
        heapify(self._delayed)
        return waiting

    def next_due_s(self) -> float | None:
        """When ``take`` will have something by time alone; None when only a release or an addition can bring it."""
        if not self._delayed or self.in_flight >= self._limit:
            return None
        return self._delayed[0][0]

    def waiting(self, key: K) -> int:
        """Items of a key that are queued, those for a later time among them."""
        return len(self._ready.get(key, ())) + sum(entry[2] == key for entry in self._delayed)
