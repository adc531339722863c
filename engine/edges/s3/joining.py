"""One copy for each destination, whoever asks and how often (D9)."""

from collections import OrderedDict
from concurrent.futures import Future, ThreadPoolExecutor
from threading import Lock
from time import monotonic

from engine.core.model import CopyOrder, CopyOutcome
from engine.edges.s3.copier import ObjectCopier

# More than the funnels that a pass has in hand; a scope that is dropped costs a second copy of an object, no more.
SCOPES_KEPT = 64

Destination = tuple[str, str]
"""Bucket and key."""


class JoiningCopier:
    """Copies in a pool of threads; joins an order to one under way, and remembers what is done.

    Within a scope a destination is copied once: successes and permanent failures are remembered, passing ones are
    not. Safe to share between threads.
    """

    def __init__(self, copier: ObjectCopier, concurrency: int, scopes_kept: int = SCOPES_KEPT) -> None:
        """``concurrency`` bounds the requests in flight; of scopes, the ones longest unused are dropped."""
        self._copier = copier
        self._scopes_kept = scopes_kept
        self._threads = ThreadPoolExecutor(concurrency, "copy")
        self._lock = Lock()
        self._scopes: OrderedDict[str, dict[Destination, Future[CopyOutcome]]] = OrderedDict()

    def submit(self, order: CopyOrder, ends_at: float) -> "Future[CopyOutcome]":
        """The copy of ``order``: a new one, one under way, or one done. Not to be cancelled: others may wait for it.

        Args:
            order: What to copy.
            ends_at: On the monotonic clock; a copy whose turn has not come by then comes back as a transient failure.

        Returns:
            Resolves to the outcome, or raises AccessDenied.
        """
        destination = (order.bucket, order.key)
        with self._lock:
            known = self._scopes.setdefault(order.scope, {})
            self._scopes.move_to_end(order.scope)
            while len(self._scopes) > self._scopes_kept:
                self._scopes.popitem(last=False)
            if destination not in known:
                known[destination] = self._threads.submit(self._run, order, ends_at, known)
            return known[destination]

    def forget(self, scope: str) -> None:
        """Free the memory of a scope. Safe to repeat; a copy under way goes on."""
        with self._lock:
            self._scopes.pop(scope, None)

    def issued(self) -> int:
        """Copies sent to S3 so far, each try counted."""
        return self._copier.issued()

    def _run(self, order: CopyOrder, ends_at: float, known: "dict[Destination, Future[CopyOutcome]]") -> CopyOutcome:
        lasts = False
        try:
            outcome = self._copier.copy(order, ends_at - monotonic())
            lasts = not outcome.transient
            return outcome
        finally:
            if not lasts:
                with self._lock:
                    known.pop((order.bucket, order.key), None)
