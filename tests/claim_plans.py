"""What a claim really asks of MongoDB, kept as it was sent, and what the server would look at to answer it."""

from typing import Any, NamedTuple

from pymongo import monitoring

from engine.edges.mongo.client import Store
from tests.command_count import Commands

_ASKED = ("findAndModify", "query", "sort", "update", "fields", "new")


class Examined(NamedTuple):
    """Looked at, over all questions of one claim."""

    keys: int
    documents: int


class Claims(Commands):
    """Keeps the questions of claims, to have them explained."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[dict[str, Any]] = []

    def started(self, event: monitoring.CommandStartedEvent) -> None:
        super().started(event)
        if event.command_name == "findAndModify":
            self.asked.append({name: event.command[name] for name in _ASKED if name in event.command})

    def examined(self, store: Store) -> Examined:
        """By the questions so far, as the collection is now; they are forgotten."""
        asked, self.asked = self.asked, []
        assert asked, "nothing was asked"
        plans = [store.db.command("explain", one, verbosity="executionStats")["executionStats"] for one in asked]
        assert all("COLLSCAN" not in str(plan) for plan in plans), plans
        return Examined(
            sum(plan["totalKeysExamined"] for plan in plans), sum(plan["totalDocsExamined"] for plan in plans)
        )
