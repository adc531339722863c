"""One copy for each destination, whoever asks and how often (D9)."""

from collections import OrderedDict
from threading import Lock
from typing import TYPE_CHECKING

from engine.core.backpressure import Limit
from engine.core.model import CopyOrder, CopyOutcome
from engine.edges.s3.copier import ObjectCopier
from engine.edges.s3.turns import Copy, Turns

if TYPE_CHECKING:
    from concurrent.futures import Future

# More than the funnels that a pass has in hand; a scope that is dropped costs a second copy of an object, no more.
SCOPES_KEPT = 4096

Destination = tuple[str, str]
"""Bucket and key."""


class JoiningCopier:
    """Copies in turns; joins an order to one under way, and remembers what is done.

    Within a scope a destination is copied once: successes and permanent failures are remembered, passing ones are
    not. Safe to share between threads.
    """

    def __init__(self, copier: ObjectCopier, limit: Limit, scopes_kept: int = SCOPES_KEPT) -> None:
        """``limit`` is that of requests in flight; of scopes, the ones longest unused are dropped."""
        self._copier = copier
        self._turns = Turns(copier, limit)
        self._scopes_kept = scopes_kept
        self._lock = Lock()
        self._scopes: OrderedDict[str, dict[Destination, Copy]] = OrderedDict()

    def submit(self, order: CopyOrder, ends_at: float) -> "Future[CopyOutcome]":
        """The copy of ``order``: a new one, one under way, or one done. It cannot be cancelled: others may wait for it.

        Args:
            order: What to copy.
            ends_at: On the monotonic clock; a copy whose turn has not come by then comes back as a transient failure.

        Returns:
            Resolves to the outcome, or raises AccessDenied or BucketMissing.
        """
        with self._lock:
            known, destination = self._known(order.scope), (order.bucket, order.key)
            copy = known.get(destination)
            if copy is None or _came_to_nothing(copy.outcome):
                copy = known[destination] = self._turns.submit(order, ends_at)
            else:
                self._turns.want(copy, ends_at)
            return copy.outcome

    def begin(self, order: CopyOrder, ends_at: float) -> "Future[CopyOutcome]":
        """Copy ``order`` when there is room that nobody waits for; who submits it later joins it. Safe to repeat."""
        with self._lock:
            known, destination = self._known(order.scope), (order.bucket, order.key)
            if destination not in known:
                known[destination] = self._turns.submit(order, ends_at, early=True)
            return known[destination].outcome

    def _known(self, scope: str) -> dict[Destination, Copy]:
        known = self._scopes.setdefault(scope, {})
        self._scopes.move_to_end(scope)
        while len(self._scopes) > self._scopes_kept:
            self._scopes.popitem(last=False)
        return known

    def forget(self, scope: str) -> None:
        """Free the memory of a scope that has ended. Safe to repeat; a try in flight goes on, none begins any more."""
        with self._lock:
            self._scopes.pop(scope, None)
        self._turns.give_up(scope)

    def issued(self) -> int:
        """Copies sent to S3 so far, each try counted."""
        return self._copier.issued()

    @property
    def limit(self) -> Limit:
        """Of requests in flight, as it is now."""
        return self._turns.limit


def _came_to_nothing(copy: "Future[CopyOutcome]") -> bool:
    """Whether another try is worth its while."""
    return copy.done() and (copy.exception() is not None or copy.result().transient)
