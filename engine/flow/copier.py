"""The seam between the story and whoever copies objects: in this process, or a pool of actors."""

from collections.abc import Sequence
from typing import Protocol

from engine.core.model import CopyOrder, CopyOutcome


class Copier(Protocol):
    """Copies objects inside S3."""

    def copy(self, orders: Sequence[CopyOrder], deadline_s: float) -> list[CopyOutcome]:
        """Copy every object, at most once for each destination in a scope (D9). Safe to repeat, and from many threads.

        Args:
            orders: What to copy; any number.
            deadline_s: Seconds from now. What is not there by then comes back as a transient failure.

        Returns:
            An outcome for each order, in the same order.

        Raises:
            AccessDenied: The credentials do not suffice: no object of the clone can be copied, so none is at fault.
            BucketMissing: The same, where the bucket of this installation is not there.
        """
        ...
