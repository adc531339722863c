"""What people and gateways read comes from an index, whatever else is stored: as plans of the very commands say."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from bson import ObjectId
from pymongo import monitoring

from engine.core.state import ENDED
from engine.edges.mongo import indexes, outbox, reads
from engine.edges.mongo.client import Store, open_store
from engine.edges.mongo.listing import Wanted, list_page
from engine.edges.mongo.reads import STATES, ListedState
from engine.gateway.counts import AT_MOST_EVERY_S, KEPT_S, REST, Counts
from engine.settings import Settings
from tests.command_count import Commands

INDEX: dict[ListedState, str] = {"waiting": "clone_asked", "cloning": "clone_held"}
INDEX.update(dict.fromkeys((*ENDED, "undoing"), "clone_ended"))
_ASKED = ("aggregate", "find", "pipeline", "cursor", "filter", "sort", "projection", "limit", "batchSize")


class Questions(Commands):
    """Keeps what was asked, to have it explained."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[dict[str, Any]] = []

    def started(self, event: monitoring.CommandStartedEvent) -> None:
        super().started(event)
        if event.command_name in ("aggregate", "find"):
            self.asked.append({name: event.command[name] for name in _ASKED if name in event.command})


class Plans:
    """The plans of what a store of its own asks."""

    def __init__(self, settings: Settings) -> None:
        self._questions = Questions()
        self.store = open_store(settings.mongo, listeners=[self._questions])

    def taken(self) -> Iterator[dict[str, Any]]:
        """One for each question so far."""
        asked, self._questions.asked = self._questions.asked, []
        assert asked
        for question in asked:
            yield self.store.db.command("explain", question, verbosity="executionStats")


@pytest.fixture
def plans(settings: Settings) -> Iterator[Plans]:
    opened = Plans(settings)
    yield opened
    opened.store.close()


def values(plan: Any, name: str) -> list[Any]:
    """All that stands under the name, of the plan that was chosen and what it did."""
    if isinstance(plan, list):
        return [value for each in plan for value in values(each, name)]
    if not isinstance(plan, dict):
        return []
    own = [plan[name]] if name in plan else []
    return own + [value for key, each in plan.items() if key != "rejectedPlans" for value in values(each, name)]


def clone_in(state: ListedState, n: int) -> dict[str, Any]:
    clone = {"state": state, "run": 1, "pass": "p"}
    flags = {"pending": state in ("waiting", "cloning"), "in_progress": state == "cloning"}
    fields = {"account_id": n % 7, "original_funnel_id": ObjectId(), "updatedAt": datetime.now(UTC)}
    return {"name": f"Funnel {n}", "clone": clone, **flags, **fields}


@pytest.fixture
def crowd(store: Store) -> None:
    """Originals, and clones that ended; of each other state a few."""
    indexes.ensure(store, indexes.SHARED)
    originals = [{"name": f"Original {n}", "account_id": n % 7} for n in range(1_000)]
    ended = [clone_in(ENDED[n % 4], n) for n in range(800)]
    begun = [clone_in("waiting" if n % 2 else "cloning", n) for n in range(20)]
    undone = [clone_in("undoing", n) for n in range(5)]
    store.funnels.insert_many([*begun, *undone, *originals, *ended])


@pytest.mark.parametrize("state", STATES)
def test_a_page_of_clones_in_one_state_comes_from_that_states_index(
    plans: Plans, crowd: None, state: ListedState
) -> None:
    found = list_page(plans.store, Wanted(state=state), 50, None)
    (plan,) = plans.taken()
    assert found is not None
    assert found.clones
    assert "COLLSCAN" not in values(plan, "stage")
    assert set(values(plan, "indexName")) == {INDEX[state]}


def test_ended_clones_are_counted_and_not_read(plans: Plans, crowd: None) -> None:
    counts = reads.count_by_state(plans.store)
    assert counts == dict({"asked": 10, "waiting": 0, "cloning": 10, "undoing": 5}, **dict.fromkeys(ENDED, 200))
    for plan in plans.taken():
        (index,) = set(values(plan, "indexName"))
        examined = max(values(plan, "totalDocsExamined"))
        assert index in {"clone_asked", "clone_held", "clone_ended"}
        assert examined <= (0 if index == "clone_ended" else 10)


def test_what_is_counted_is_what_is_listed(store: Store) -> None:
    ended = clone_in("failed", 1)
    odd: list[dict[str, Any]] = [
        {"in_progress": True},
        {"pending": True},
        {**ended, "pending": True, "_id": "asked again"},
        {**ended, "in_progress": True, "_id": "taken up by the old system"},
        {**ended, "clone": {"state": "failed"}},
        {**clone_in("undoing", 1), "pending": True},
    ]
    store.funnels.insert_many([ended, *odd])
    counts = reads.count_by_state(store)
    counts["waiting"] += counts.pop("asked")
    for state in STATES:
        page = list_page(store, Wanted(state=state), 50, None)
        assert page is not None
        assert len(page.clones) == counts[state], state
    assert (counts["waiting"], counts["cloning"], counts["failed"]) == (1, 1, 1)


def test_a_readers_events_come_in_the_order_of_their_index(plans: Plans, store: Store) -> None:
    indexes.ensure(store, indexes.OWN)
    reader = outbox.Reader("u", "a")
    event = {"event": "e", "payload": {}, "user_ids": ["u"], "created_at": datetime.now(UTC)}
    store.outbox.insert_many([{"_id": f"{n}", "account_id": "ab"[n % 2], **event} for n in range(20)])
    assert len(list(outbox.not_delivered(plans.store, reader))) == 10
    assert len(list(outbox.since(plans.store, reader, event["created_at"]))) == 10  # type: ignore[arg-type]
    for plan in plans.taken():
        assert set(values(plan, "indexName")) == {"clone_outbox_of_account"}
        assert "SORT" not in values(plan, "stage")


def test_counting_rests_twenty_times_as_long_as_it_took(store: Store) -> None:
    now, took = [100.0], 1.0

    def clock() -> float:
        now[0] += took
        return now[0]

    counts = Counts(store, clock)
    assert counts.by_state()["waiting"] == 0
    store.funnels.insert_one({"pending": True, "original_funnel_id": "o"})
    counts.change()
    counted_at = now[0]
    for later, expected in ((AT_MOST_EVERY_S, 0), (KEPT_S, 0), ((REST - 1) * took, 0), (REST * took, 1)):
        now[0] = counted_at + later
        assert counts.by_state()["waiting"] == expected
