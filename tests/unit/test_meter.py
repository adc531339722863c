"""What the meter makes of batches, without a cluster; tests/integration/test_metrics.py has what is exported of it."""

import asyncio
from typing import Any

import pytest

from engine.cluster import meter, metrics
from engine.cluster.measures import Batch, Measures
from engine.cluster.metrics import METRICS


class Recorder:
    """Keeps what is recorded."""

    def __init__(self) -> None:
        self.told: list[tuple[float, dict[str, str]]] = []

    def record(self, value: float, labels: dict[str, str]) -> None:
        self.told.append((value, labels))

    inc = observe = set = record


@pytest.fixture
def recorders(monkeypatch: pytest.MonkeyPatch) -> dict[str, Recorder]:
    made = {name: Recorder() for name in METRICS}
    monkeypatch.setattr(meter, "_recorder", lambda metric: made[metric.name])
    return made


class Kept:
    """Takes batches, or not."""

    def __init__(self) -> None:
        self.open = True
        self.batches: list[Batch] = []

    def __call__(self, batch: Batch) -> bool:
        if self.open:
            self.batches.append(batch)
        return self.open


def take(*batches: Batch) -> meter.Meter:
    taker = meter.Meter()

    async def all_of_them() -> None:
        for batch in batches:
            await taker.take(batch)

    asyncio.run(all_of_them())
    return taker


def test_what_is_not_taken_is_kept_and_grows() -> None:
    kept = Kept()
    measures = Measures(kept, {"database": "d"})
    kept.open = False
    measures.count(metrics.FUNNELS, outcome="failed")
    measures.send()
    measures.count(metrics.FUNNELS, 2, outcome="failed")
    measures.observe(metrics.COPY_SECONDS, 0.5)
    kept.open = True
    measures.send()
    measures.send()
    first, second = kept.batches
    labels = (("database", "d"), ("outcome", "failed"))
    assert first.counts == {(metrics.FUNNELS.name, labels): 3}
    assert list(first.observed) == [((metrics.COPY_SECONDS.name, (("database", "d"),)), 0.5)]
    assert (second.counts, list(second.observed)) == ({}, [])
    assert first.sender == second.sender


def test_without_a_meter_nothing_is_gathered() -> None:
    measures = Measures()
    measures.count(metrics.FUNNELS, outcome="failed")
    measures.observe(metrics.COPY_SECONDS, 0.5)
    measures.show(metrics.LEASE_HELD, 1)
    measures.send()
    batch = measures._batch
    assert (batch.counts, list(batch.observed), batch.shown) == ({}, [], {})


def test_what_is_shown_is_shown_again_until_it_is_shown_otherwise() -> None:
    kept = Kept()
    measures = Measures(kept)
    measures.show(metrics.LEASE_HELD, 1)
    measures.send()
    measures.send()
    measures.show(metrics.LEASE_HELD, 0)
    measures.send()
    assert [list(batch.shown.values()) for batch in kept.batches] == [[1], [1], [0]]


def test_nothing_is_counted_where_nothing_happened(recorders: dict[str, Recorder]) -> None:
    kept = Kept()
    measures = Measures(kept)
    measures.count(metrics.BYTES, 0)
    measures.send()
    take(*kept.batches)
    assert recorders[metrics.BYTES.name].told == [], "Ray refuses a counter that does not grow"


def test_those_who_fell_silent_show_nothing_any_more(recorders: dict[str, Recorder]) -> None:
    series = (metrics.LEASE_HELD.name, (("database", "d"),))
    ended = (metrics.PASS_ENDED_AT.name, (("database", "d"),))
    taker = take(Batch("dead", shown={series: 1, ended: 7}), Batch("alive", shown={series: 1}))
    taker._heard_at["dead"] = 10.0
    taker.forget_silent(since=11.0)
    taker.forget_silent(since=11.0)
    assert [value for value, _ in recorders[metrics.LEASE_HELD.name].told] == [1, 2, 1]
    assert recorders[metrics.PASS_ENDED_AT.name].told == [(7, {"database": "d"})], "what happened stays so"


def test_series_of_another_version_are_passed_by(recorders: dict[str, Recorder]) -> None:
    unknown: Any = ("funnel_clone_of_tomorrow", ())
    take(Batch("newer", counts={unknown: 1}, shown={unknown: 1}))
    assert all(not recorder.told for recorder in recorders.values())


@pytest.mark.parametrize("metric", METRICS.values(), ids=lambda metric: metric.name)
def test_labels_are_few_and_none_is_an_id(metric: metrics.Metric) -> None:
    assert len(metric.labels) <= 2
    assert meter._recorder(metric).info["name"] == metric.name, "Ray takes it: it refuses what is not ASCII"
    assert not [label for label in metric.labels if label.endswith("id")]
    assert (metric.kind == "histogram") == bool(metric.buckets)
    assert list(metric.buckets) == sorted(metric.buckets)
