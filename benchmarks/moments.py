"""When what happened in a pass over one funnel, as the documents tell it: all on this machine's one clock."""

from itertools import pairwise

from bson import ObjectId

from benchmarks.turns import Spread, spread
from engine.edges.mongo.client import Store


def of_clone(store: Store, clone: ObjectId) -> dict[str, float]:
    """Name -> seconds since the epoch, to a thousandth: of the last pass and of the clone, which has ended."""
    funnel = store.funnels.find_one({"_id": clone}) or {}
    marks = [step["clone"] for step in store.steps.find({"funnel_id": clone}, {"clone": 1})]
    last = store.passes.find_one(sort=[("started_at", -1)]) or {}
    event = store.outbox.find_one({"payload.funnel_id": str(clone)}) or {}
    if funnel.get("clone", {}).get("state") != "completed":
        raise SystemExit(f"clone {clone} is {funnel.get('clone', {}).get('state')}: {funnel.get('error')}")
    found = {
        "pass begins": last["started_at"],
        "funnel claimed": funnel["clone"]["started_at"],
        "first step begins": min(mark["started_at"] for mark in marks),
        "last step ends": max(mark["finished_at"] for mark in marks),
        "event written": event["created_at"],
    }
    return {name: moment.timestamp() for name, moment in found.items()}


def phases(moments: dict[str, float], order: tuple[str, ...]) -> dict[str, float]:
    """Seconds until each moment since the one before it, in that order; the first is where it begins."""
    return {f"{before} -> {after}": max(0.0, moments[after] - moments[before]) for before, after in pairwise(order)}


def spreads(runs: list[dict[str, float]]) -> dict[str, Spread]:
    """Of each phase, over runs that have the same ones."""
    return {name: spread([run[name] for run in runs]) for name in runs[0]}
