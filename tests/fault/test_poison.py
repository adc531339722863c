"""Poison holds up nobody (D5): funnels that can never be cloned, older than those that can, and three a pass."""

from dataclasses import dataclass, replace
from itertools import count
from math import ceil
from typing import Any

import pytest
from bson import ObjectId

from engine.cluster.session import run_pass
from engine.settings import FunnelSettings, ScanSettings, Settings
from engine.upkeep.invariants import snapshot
from tests.fault.audit import Audit
from tests.fault.drill import Drill
from tests.fault.figures import Figures
from tests.funnels import build_funnel, request_clone

A_PASS_TAKES = 3
ATTEMPTS = 2


@dataclass
class Backlog:
    """What waits, oldest first: half of the poison is refused by its components, half kills its worker each time."""

    refused: list[Any]
    killing: list[Any]
    good: list[Any]

    @property
    def poison(self) -> list[Any]:
        return self.refused + self.killing


def settings_of(drill: Drill) -> Settings:
    """Poison is due again at once: nothing but its place in the queue keeps it back."""
    return replace(
        drill.settings,
        scan=ScanSettings(batch_limit=A_PASS_TAKES),
        steps=replace(drill.settings.steps, attempts=1),
        funnels=FunnelSettings(attempts=ATTEMPTS, backoff_seconds=0.01, backoff_limit_seconds=0.01),
    )


def ask_for_poison_and_good(drill: Drill, of_each: int, *, accounts: bool) -> Backlog:
    """``accounts``: the poison is of other accounts than the good, else all are of one."""
    one = ObjectId()
    owners = [ObjectId(), ObjectId(), ObjectId()] if accounts else [one, one, one]
    small: dict[str, Any] = {
        "steps": 1,
        "images": 1,
        "image_bytes": 500,
        "forms": 0,
        "html_bytes": 900,
        "components_bytes": 900,
    }
    refused, killing, good = (build_funnel(drill.database, drill.s3, drill.bucket, **small) for _ in range(3))
    drill.store.components.update_one({"funnel_id": refused}, {"$set": {"components": 5}})
    page = drill.store.steps.find_one({"funnel_id": killing}) or {}
    drill.traps.arm("step.started", "worker", of=page["_id"], times=10**6)
    before = snapshot(drill.database, drill.s3, good)
    half = of_each // 2
    backlog = Backlog(
        [request_clone(drill.database, refused, owners[0]) for _ in range(half)],
        [request_clone(drill.database, killing, owners[1]) for _ in range(of_each - half)],
        [request_clone(drill.database, good, owners[2]) for _ in range(of_each)],
    )
    drill.clones.update(dict.fromkeys(backlog.good, before))
    drill.parked.update(dict.fromkeys(backlog.poison, "failed"))
    return backlog


@pytest.mark.timeout(1800)
@pytest.mark.fault_sample(1)
@pytest.mark.parametrize("owners", ["one account", "other accounts"])
def test_d5_poison_older_than_the_good_costs_each_of_them_one_place_in_the_queue(
    drill: Drill, figures: Figures, pytestconfig: pytest.Config, owners: str
) -> None:
    of_each = 50 if pytestconfig.getoption("fault") == "all" else 6
    drill.settings = settings_of(drill)
    backlog = ask_for_poison_and_good(drill, of_each, accounts=owners == "other accounts")
    left = {"_id": {"$in": backlog.good}, "pending": True}
    for passes in count(1):
        run_pass(drill.settings, drain=False, show=lambda _: None)
        if not drill.store.funnels.count_documents(left):
            break
        assert passes < ceil(2 * of_each / A_PASS_TAKES), "a poison funnel was tried twice before a good one once"
    figures.lines.append(
        f"{of_each} poison funnels of {owners} before {of_each} good ones: "
        f"{passes} passes of {A_PASS_TAKES} until the good ones were done ({ceil(of_each / A_PASS_TAKES)} without them)"
    )
    drill.run_until_done()
    found = drill.audit()
    assert found == Audit(), found
    check_parked(drill, backlog)


def check_parked(drill: Drill, backlog: Backlog) -> None:
    """With the reason, after the attempts that each kind is worth; a death of a worker counts as one."""
    for ids, attempts, reason in (
        (backlog.refused, 1, "components is int, not text"),
        (backlog.killing, ATTEMPTS, "its worker ended"),
    ):
        for funnel in drill.store.funnels.find({"_id": {"$in": ids}}):
            assert funnel["clone"]["attempts"] == attempts
            assert reason in funnel["error"][0]
            told = drill.store.outbox.find_one({"payload.funnel_id": str(funnel["_id"])}) or {}
            assert (told["event"], told["payload"]["reason"]) == ("funnel_cloning_failed", funnel["error"][0])
        tried = drill.store.steps.find({"funnel_id": {"$in": ids}}, {"clone.attempts": 1})
        assert [step["clone"]["attempts"] for step in tried] == [1] * len(ids), "counted before the work began"


def test_d5_a_funnel_that_kills_its_driver_takes_no_other_down_with_it(drill: Drill) -> None:
    drill.settings = replace(drill.settings, funnels=replace(drill.settings.funnels, attempts=3))
    original = drill.original()
    for _ in range(2):
        drill.ask(original)
    # Claimed behind the good ones: whenever its driver dies, they are in the same hands.
    poison = drill.ask(original)
    drill.parked[poison] = "failed"
    del drill.clones[poison]
    kills = drill.traps.arm("funnel.claimed", "driver", of=poison, times=3)
    ends = drill.run_until_done()
    assert (len(kills.sprung()), ends.count("its driver died")) == (3, 3)
    assert drill.audit() == Audit()
    funnel = drill.store.funnels.find_one({"_id": poison}) or {}
    assert "ended with its driver" in funnel["error"][0]
