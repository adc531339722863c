"""What a worker keeps from one task to the next."""

from collections import OrderedDict
from dataclasses import replace

import pytest

from engine.cluster import tasks
from engine.cluster.in_hand import most_in_hand
from engine.settings import LocalSettings, MongoSettings, RaySettings, S3Settings, ScanSettings, Settings, StepSettings

SETTINGS = Settings(MongoSettings("mongodb://h"), S3Settings(None, "b", "k", "s"), RaySettings(), LocalSettings("/d"))


def test_a_plan_of_each_funnel_in_hand_is_kept_beside_what_the_pass_shares_and_no_more(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    kept: OrderedDict[str, object] = OrderedDict()
    monkeypatch.setattr(tasks, "_kept", kept)
    many = replace(SETTINGS, scan=ScanSettings(batch_limit=60), steps=StepSettings(concurrency=40))
    tasks._keep("shared", many, many)
    for number in range(100):
        tasks._keep(f"plan {number}", number, many)
    assert most_in_hand(many) == 100
    assert len(kept) == 101
    for number in range(100, 1_000):
        tasks._keep(f"plan {number}", number, many)
    assert len(kept) < 120
