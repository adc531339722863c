"""What a copy actor measures: how long copies took, how many it asked of the store, how many it is allowed now."""

import asyncio
from collections import deque
from collections.abc import Iterable
from time import monotonic
from typing import TYPE_CHECKING

from engine.cluster import metrics
from engine.cluster.measures import OBSERVATIONS_KEPT, SEND_EVERY_S, Measures
from engine.cluster.meter import ToMeter
from engine.edges.s3 import JoiningCopier

if TYPE_CHECKING:
    from concurrent.futures import Future

    from engine.core.model import CopyOutcome


class CopyMeasures:
    """Of one actor, told by its event loop; nothing where there is no meter."""

    def __init__(self, joining: JoiningCopier, to_meter: ToMeter | None, labels: dict[str, str]) -> None:
        """Nothing is told yet."""
        self._joining = joining
        self._to_meter = to_meter
        self._measures = Measures(to_meter, labels)
        self._issued = self._cuts = 0
        # Filled by the threads that copy, which wake no loop for it.
        self._took: deque[float] = deque(maxlen=OBSERVATIONS_KEPT)
        self._telling: asyncio.Task[None] | None = None

    def begin(self) -> None:
        """Tell from now on, as long as the actor lives. Safe to repeat."""
        if self._to_meter is not None and self._telling is None:
            self._telling = asyncio.create_task(self._tell())

    def time(self, copies: Iterable["Future[CopyOutcome]"]) -> None:
        """Measure how long each of these takes; those that are done already took nothing."""
        if self._to_meter is None:
            return
        begun = monotonic()

        def done(copy: "Future[CopyOutcome]") -> None:
            if copy.exception() is None:
                self._took.append(monotonic() - begun)

        for copy in copies:
            if not copy.done():
                copy.add_done_callback(done)

    async def last_word(self) -> None:
        """Have all of it recorded: the actor may end then."""
        if self._to_meter is not None:
            self._see()
            await asyncio.to_thread(self._to_meter.last_word, self._measures)

    async def _tell(self) -> None:
        while True:
            self._see()
            self._measures.send()
            await asyncio.sleep(SEND_EVERY_S)

    def _see(self) -> None:
        while self._took:
            self._measures.observe(metrics.COPY_SECONDS, self._took.popleft())
        issued, limit = self._joining.issued(), self._joining.limit
        self._measures.count(metrics.COPY_REQUESTS, issued - self._issued)
        self._measures.count(metrics.COPIES_REFUSED, limit.cuts - self._cuts)
        self._measures.show(metrics.COPIES_ALLOWED, limit.allowed)
        self._issued, self._cuts = issued, limit.cuts
