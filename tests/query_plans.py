"""What was really asked of MongoDB, kept as it was sent, and what the server would look at to answer it."""

from typing import Any, NamedTuple

from pymongo import monitoring

from engine.edges.mongo.client import Store
from tests.command_count import Commands

QUESTIONS = ("aggregate", "find", "findAndModify")
# Of a session, a transaction or a driver: `explain` has its own.
_OF_THE_WAY = ("$db", "$clusterTime", "$readPreference", "lsid", "txnNumber")

Plan = dict[str, Any]


class Questions(Commands):
    """Keeps what was asked, to have it explained."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[dict[str, Any]] = []

    def started(self, event: monitoring.CommandStartedEvent) -> None:
        super().started(event)
        if event.command_name in QUESTIONS:
            self.asked.append({name: value for name, value in event.command.items() if name not in _OF_THE_WAY})

    def plans(self, store: Store) -> list[Plan]:
        """One for each question so far, as the collections are now; the questions are forgotten."""
        asked, self.asked = self.asked, []
        assert asked, "nothing was asked"
        return [store.db.command("explain", question, verbosity="executionStats") for question in asked]


class Examined(NamedTuple):
    """Looked at, over all of some plans."""

    keys: int
    documents: int


def examined(plans: list[Plan]) -> Examined:
    """None of which may look at a whole collection."""
    assert all("COLLSCAN" not in values(plan, "stage") for plan in plans), plans
    return Examined(
        sum(max(values(plan, "totalKeysExamined")) for plan in plans),
        sum(max(values(plan, "totalDocsExamined")) for plan in plans),
    )


def values(plan: Any, name: str) -> list[Any]:
    """All that stands under the name, of the plan that was chosen and what it did."""
    if isinstance(plan, list):
        return [value for each in plan for value in values(each, name)]
    if not isinstance(plan, dict):
        return []
    own = [plan[name]] if name in plan else []
    return own + [value for key, each in plan.items() if key != "rejectedPlans" for value in values(each, name)]
