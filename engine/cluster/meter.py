"""The meter: one actor a cluster that records what passes measure, so that Ray's figures outlive them.

A pass's own processes are gone after it, and Ray names the process in each series: recorded there, every pass would
begin new series, for good, and no counter would ever be seen to grow. The meter stays, on the head, and costs no CPU.
"""

import asyncio
from concurrent.futures import Future, wait
from contextlib import suppress
from hashlib import sha256
from time import monotonic
from typing import Any

import ray
from ray.exceptions import RayError
from ray.util import metrics as ray_metrics

from engine.cluster.measures import Batch, Measures, Series
from engine.cluster.metrics import DATABASE, METRICS, Metric

# Whoever counts other metrics needs another meter: one that was started before would pass them by, for good.
NAME = f"meter-{sha256(repr(sorted(METRICS.items())).encode()).hexdigest()[:12]}"
SILENT_AFTER_S = 30.0
LOOK_EVERY_S = 5.0
# The first pass of a cluster may be over before its meter is up. One that cannot come up costs each pass this twice.
LAST_WORD_S = 10.0
# Ray gives it to the head node alone, so that the meter is not taken away with a node that is no longer needed.
_HEAD = {"node:__internal_head__": 0.001}


class Meter:
    """Records batches. What a gauge shows is the sum over those who tell it, without those who fell silent."""

    def __init__(self) -> None:
        """Nothing is recorded yet."""
        self._recorders: dict[str, Any] = {name: _recorder(metric) for name, metric in METRICS.items()}
        self._shown: dict[Series, dict[str, float]] = {}
        self._heard_at: dict[str, float] = {}
        self._ageing: asyncio.Task[None] | None = None

    async def take(self, batch: Batch) -> None:
        """Record a batch. Not safe to repeat; series that are none of ours are passed by."""
        self._ageing = self._ageing or asyncio.create_task(self._age())
        self._heard_at[batch.sender] = monotonic()
        for (name, labels), by in batch.counts.items():
            if name in self._recorders:
                self._recorders[name].inc(by, dict(labels))
        for (name, labels), seconds in batch.observed:
            if name in self._recorders:
                self._recorders[name].observe(seconds, dict(labels))
        for series, value in batch.shown.items():
            if series[0] in self._recorders:
                self._shown.setdefault(series, {})[batch.sender] = value
                self._show(series)

    async def _age(self) -> None:
        while True:
            await asyncio.sleep(LOOK_EVERY_S)
            self.forget_silent(monotonic() - SILENT_AFTER_S)

    def forget_silent(self, since: float) -> None:
        """Take away what was shown by those not heard ``since`` (on the monotonic clock)."""
        gone = {sender for sender, heard_at in self._heard_at.items() if heard_at < since}
        for sender in gone:
            del self._heard_at[sender]
        for series, parts in self._shown.items():
            if METRICS[series[0]].kind == "gauge" and gone & parts.keys():
                for sender in gone:
                    parts.pop(sender, None)
                self._show(series)

    def _show(self, series: Series) -> None:
        name, labels = series
        parts = self._shown[series]
        if METRICS[name].kind == "stamp":
            latest = max(parts.values())
            parts.clear()
            parts[""] = latest
        self._recorders[name].set(sum(parts.values()), dict(labels))


class ToMeter:
    """Sends batches, one at a time: while the meter has not answered, the next one is kept and grows."""

    def __init__(self, meter: Any) -> None:
        """``meter``: its handle."""
        self._meter = meter
        self._unanswered: Future[Any] | None = None

    def __reduce__(self) -> Any:
        """Each process waits for its own answers."""
        return ToMeter, (self._meter,)

    def __call__(self, batch: Batch) -> bool:
        """As ``Measures`` wants it."""
        if self.waits():
            return False
        self._unanswered = self._meter.take.remote(batch).future()
        return True

    def waits(self) -> bool:
        """Whether a batch is under way."""
        return self._unanswered is not None and not self._unanswered.done()

    def last_word(self, measures: Measures) -> None:
        """Send what there is, and wait until it is recorded, or for a while: who sent it may end then."""
        self._wait()
        if not self.waits():
            measures.send()
            self._wait()

    def _wait(self) -> None:
        if self._unanswered is not None:
            wait([self._unanswered], timeout=LAST_WORD_S)


def running_meter(namespace: str) -> ToMeter | None:
    """The cluster's meter, where there is one."""
    with suppress(RayError, ValueError, RuntimeError):
        return ToMeter(ray.get_actor(NAME, namespace=namespace))
    return None


def start_meter(namespace: str) -> ToMeter | None:
    """The cluster's meter, made where there is none; None where it cannot be: a pass goes on without."""
    remote: Any = ray.remote  # its overloads do not know all of its options
    actor = remote(num_cpus=0, resources=_HEAD, max_restarts=-1, max_concurrency=100)(Meter)
    with suppress(RayError, ValueError, RuntimeError):
        options = {"name": NAME, "namespace": namespace, "lifetime": "detached", "get_if_exists": True}
        return ToMeter(actor.options(**options).remote())
    return None


def _recorder(metric: Metric) -> Any:
    labels = (*metric.labels, DATABASE)
    if metric.kind == "histogram":
        return ray_metrics.Histogram(metric.name, metric.meaning, list(metric.buckets), labels)
    made = ray_metrics.Counter if metric.kind == "counter" else ray_metrics.Gauge
    return made(metric.name, metric.meaning, labels)
