"""The record of each pass: when, by whom, what was taken and what became of it."""

from collections.abc import Mapping
from typing import Any

from engine import crash_points
from engine.edges.mongo.client import Store, translated


def begin(store: Store, pass_id: str, owner: str, *, drain: bool, code: str) -> None:
    """Write the record at the start: a pass that dies leaves one without ``finished_at``. Safe to repeat.

    ``code`` is the version of the engine that the pass runs, as the cluster tells it.
    """
    record = {"owner": {"$literal": owner}, "drain": drain, "code": {"$literal": code}, "state": "running"}
    started = {"started_at": {"$ifNull": ["$started_at", "$$NOW"]}}
    with translated(f"pass {pass_id}"):
        store.passes.update_one({"_id": pass_id}, [{"$set": {**record, **started}}], upsert=True)
    crash_points.reached("pass.begun")


def finish(store: Store, pass_id: str, state: str, figures: Mapping[str, Any]) -> None:
    """Complete the record with what the pass did. Safe to repeat."""
    with translated(f"pass {pass_id}"):
        store.passes.update_one(
            {"_id": pass_id},
            [{"$set": {"finished_at": "$$NOW", "state": state, **{k: {"$literal": v} for k, v in figures.items()}}}],
        )
    crash_points.reached("pass.closed")
