"""What a pass measures, gathered in its processes and handed on now and then. Free of Ray: who sends it knows Ray."""

from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from secrets import token_hex
from time import monotonic

from engine.cluster.metrics import Metric

SEND_EVERY_S = 2.0
# A bound, however long nobody takes them; what is beyond it is missing from the histograms.
OBSERVATIONS_KEPT = 20_000

Labels = tuple[tuple[str, str], ...]
Series = tuple[str, Labels]
"""A metric's name and its labels, sorted."""


@dataclass
class Batch:
    """What was measured since the last batch."""

    sender: str
    """One process of one pass."""
    counts: dict[Series, float] = field(default_factory=dict)
    observed: deque[tuple[Series, float]] = field(default_factory=lambda: deque(maxlen=OBSERVATIONS_KEPT))
    shown: dict[Series, float] = field(default_factory=dict)


class Measures:
    """Gathers; one thread owns it. ``send`` takes a batch, or says with False that it is to be kept for later."""

    def __init__(self, send: Callable[[Batch], bool] | None = None, labels: Mapping[str, str] | None = None) -> None:
        """``labels`` go with everything; without ``send`` nothing is gathered."""
        self._send = send
        self._labels = dict(labels or {})
        self._batch = Batch(token_hex(8))
        self._due_at = 0.0

    def count(self, metric: Metric, by: float = 1, **labels: str) -> None:
        """Something happened, or ``by`` of it."""
        if self._send is not None and by > 0:
            series, counts = self._series(metric, labels), self._batch.counts
            counts[series] = counts.get(series, 0) + by

    def observe(self, metric: Metric, seconds: float, **labels: str) -> None:
        """Something took so long."""
        if self._send is not None:
            self._batch.observed.append((self._series(metric, labels), seconds))

    def show(self, metric: Metric, value: float, **labels: str) -> None:
        """Something is so now; told with each batch until it is shown otherwise."""
        if self._send is not None:
            self._batch.shown[self._series(metric, labels)] = value

    def send_due(self) -> None:
        """Send what there is, unless that was done a moment ago."""
        if monotonic() >= self._due_at:
            self._due_at = monotonic() + SEND_EVERY_S
            self.send()

    def send(self) -> None:
        """Send what there is."""
        if self._send is not None and self._send(self._batch):
            self._batch = Batch(self._batch.sender, shown=dict(self._batch.shown))

    def _series(self, metric: Metric, labels: dict[str, str]) -> Series:
        return metric.name, tuple(sorted({**self._labels, **labels}.items()))
