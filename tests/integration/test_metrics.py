"""What passes measure comes out of Ray as Prometheus reads it, and grows from pass to pass."""

from dataclasses import replace
from typing import Any

import pytest
import ray
from bson import ObjectId

from engine.cluster.driver import NAMESPACE
from engine.cluster.measures import Batch, Measures
from engine.cluster.meter import start_meter
from engine.cluster.metrics import COPIES_ALLOWED, DATABASE, LEASE_HELD, METRICS, PASS_ENDED_AT, PREFIX
from engine.cluster.session import run_pass
from engine.edges.mongo import leases
from engine.edges.mongo.client import Store
from engine.settings import S3Settings, Settings
from tests.faulty_door import MORE_THAN_BORNE, Door, Fault
from tests.funnels import build_funnel, request_clone
from tests.processes import wait_for
from tests.scraped import Scrape, scraped

SMALL: dict[str, Any] = {
    "steps": 2,
    "images": 3,
    "image_bytes": 1_000,
    "forms": 1,
    "html_bytes": 1_500,
    "components_bytes": 1_500,
}
# Ray's own labels, which say where a process ran.
OF_RAY = {"Component", "NodeAddress", "SessionName", "Version", "WorkerId", "le"}
TOLD_S = 120


@pytest.fixture
def measured(ray_cluster: Any, settings: Settings, behind_door: S3Settings) -> Settings:
    """Settings of a cluster whose meter is up."""
    to_meter = start_meter(NAMESPACE)
    assert to_meter is not None
    assert to_meter(Batch("a test"))
    wait_for(lambda: not to_meter.waits(), TOLD_S)
    return replace(settings, s3=behind_door)


def one_pass(settings: Settings, state: str = "done") -> None:
    report = run_pass(settings, drain=False, show=lambda _: None)
    assert report.state == state


def exported(settings: Settings) -> Scrape:
    """What this test's database has come to: its name is a label of everything."""
    nodes: Any = ray.nodes
    return scraped(int(nodes()[0]["MetricsExportPort"])).of(settings.mongo.database)


def exported_once(settings: Settings, value: float, name: str, **labels: str) -> Scrape:
    """The same, once this series has come to ``value``: Ray hands figures on every few seconds."""
    wait_for(lambda: exported(settings).value(PREFIX + name, **labels) == value, TOLD_S)
    return exported(settings)


def test_every_metric_is_exported_with_what_the_passes_did(
    measured: Settings, store: Store, database: Any, s3: Any, bucket: str, door: Door
) -> None:
    original, broken = (build_funnel(database, s3, bucket, **SMALL) for _ in range(2))
    database["funnel.step.components"].update_one({"funnel_id": broken}, {"$set": {"components": 5}})
    for asked in (original, broken, ObjectId()):
        request_clone(database, asked)
    door.faults.extend([Fault(503, "SlowDown")] * MORE_THAN_BORNE)
    measured = replace(measured, copy=replace(measured.copy, actors=1))
    leases.acquire(store, "a pass that died", "somebody", 0.001)
    one_pass(measured)
    first = exported_once(measured, 1, "passes_total", outcome="done")
    request_clone(database, original)
    one_pass(measured)
    leases.acquire(store, "another", "somebody else", 300)
    one_pass(measured, "refused")
    then = exported_once(measured, 1, "passes_total", outcome="refused")

    for outcome in ("completed", "failed", "source deleted"):
        assert first.value(PREFIX + "funnels_total", outcome=outcome) == 1
    assert first.value(PREFIX + "tasks_failed_total", task="step", decision="fail") == 1
    assert first.value(PREFIX + "lease_takeovers_total") == first.value(PREFIX + "copies_refused_total") == 1

    assert then.value(PREFIX + "passes_total", outcome="done") == 2, "one series, however many passes"
    assert then.value(PREFIX + "funnels_total", outcome="completed") == 2
    assert then.value(PREFIX + "lease_takeovers_total") == 1, "a lease that was given back is not taken over"
    images = then.value(PREFIX + "images_total")
    assert images == 9
    assert (then.value(PREFIX + "copy_seconds_count") or 0) >= images, "two pages may wait for one copy"
    assert then.value(PREFIX + "bytes_total") == 1_000 * images
    assert then.value(PREFIX + "copy_requests_total") == images + MORE_THAN_BORNE, "the refused ones were sent again"
    steps = then.value(PREFIX + "steps_total", outcome="done")
    assert (
        steps == then.value(PREFIX + "step_seconds_count") == then.value(PREFIX + "stage_seconds_count", stage="load")
    )
    assert then.value(PREFIX + "pass_seconds_count") == 2
    assert [then.value(PREFIX + name) for name in ("lease_held", "funnels_in_hand", "tasks_running")] == [0, 0, 0]
    ended = [told.value(PREFIX + "pass_ended_timestamp_seconds") or 0 for told in (first, then)]
    assert store.passes.count_documents({}) == 2
    assert 1.7e9 < ended[0] < ended[1]

    # Nothing had to be tried again, and so there is no series of it.
    told = {name for metric in METRICS.values() for name in metric.exported()} - {f"ray_{PREFIX}retries_total"}
    assert {name for name in then.names() if PREFIX in name} == told
    ours = {label for metric in METRICS.values() for label in (*metric.labels, DATABASE)}
    assert {label for label in then.labels() if not label.startswith("otel_")} == ours | OF_RAY


def test_a_gauge_is_the_sum_of_those_who_tell_it_and_a_stamp_the_latest(measured: Settings) -> None:
    to_meter = start_meter(NAMESPACE)
    assert to_meter is not None
    for allowed, ended in ((3, 200.0), (5, 100.0)):
        measures = Measures(to_meter, {DATABASE: measured.mongo.database})
        measures.show(COPIES_ALLOWED, allowed)
        measures.show(PASS_ENDED_AT, ended)
        to_meter.last_word(measures)
    measures.show(LEASE_HELD, 1)
    to_meter.last_word(measures)
    told = exported_once(measured, 1, "lease_held")
    assert told.value(PREFIX + "copies_allowed") == 8
    assert told.value(PREFIX + "pass_ended_timestamp_seconds") == 200
