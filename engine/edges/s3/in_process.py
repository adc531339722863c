"""The copier that works in this process: for tests, and for runs without a cluster."""

from collections.abc import Sequence
from concurrent.futures import FIRST_EXCEPTION, wait
from time import monotonic

from engine.core.backpressure import Limit
from engine.core.model import CopyOrder, CopyOutcome
from engine.edges.s3.copier import ObjectCopier
from engine.edges.s3.joining import JoiningCopier
from engine.edges.s3.turns import LATE
from engine.settings import CopySettings, S3Settings


class InProcessCopier:
    """Implements ``engine.flow.copier.Copier`` with at most ``copy.concurrency`` threads."""

    def __init__(self, settings: S3Settings, copy: CopySettings) -> None:
        """Nothing is connected yet."""
        self._joining = JoiningCopier(ObjectCopier(settings, copy), Limit.full(copy.concurrency))

    def copy(self, orders: Sequence[CopyOrder], deadline_s: float) -> list[CopyOutcome]:
        """As the seam says."""
        ends_at = monotonic() + deadline_s
        copies = [self._joining.submit(order, ends_at) for order in orders]
        wait(copies, timeout=deadline_s, return_when=FIRST_EXCEPTION)
        # The one that raised may come after one that is still under way.
        for copy in copies:
            if copy.done():
                copy.result()
        return [
            copy.result() if copy.done() else CopyOutcome(order.key, 0, LATE, transient=True)
            for order, copy in zip(orders, copies, strict=True)
        ]

    def forget(self, scope: str) -> None:
        """Free the memory of a scope, which has ended: what of it waits is not copied. Safe to repeat."""
        self._joining.forget(scope)

    def issued(self) -> int:
        """Copies sent to S3 so far, each try counted."""
        return self._joining.issued()

    @property
    def limit(self) -> Limit:
        """Of requests in flight, as it is now."""
        return self._joining.limit
