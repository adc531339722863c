"""Funnels of pages that a test spells out: texts and nothing else, without images."""

from typing import Any

from bson import ObjectId

from engine.edges.mongo.client import Store

ACCOUNT = "the original's"

Texts = tuple[Any, Any]
"""The HTML of a page and its components."""


def original(store: Store, *pages: Texts, **fields: Any) -> ObjectId:
    """A funnel of these pages; ``fields`` are its own."""
    funnel_id = ObjectId()
    steps = [ObjectId() for _ in pages]
    store.funnels.insert_one({"_id": funnel_id, "name": "n", "account_id": ACCOUNT, "steps": steps, **fields})
    for step_id, (html, components) in zip(steps, pages, strict=True):
        store.steps.insert_one({"_id": step_id, "funnel_id": funnel_id, "name": "p", "raw_html": html, "version": 1})
        store.components.insert_one({"funnel_id": funnel_id, "step_id": step_id, "components": components})
    return funnel_id


def texts_of(store: Store, funnel_id: Any) -> list[Texts]:
    """The texts of a funnel's pages, in its order."""
    steps = (store.funnels.find_one({"_id": funnel_id}) or {})["steps"]
    html = {step["_id"]: step["raw_html"] for step in store.steps.find({"funnel_id": funnel_id})}
    trees = {tree["step_id"]: tree["components"] for tree in store.components.find({"funnel_id": funnel_id})}
    return [(html[step_id], trees[step_id]) for step_id in steps]


def errors_of(store: Store, funnel_id: Any) -> list[list[str]]:
    """The errors of a clone's pages, in its order."""
    steps = (store.funnels.find_one({"_id": funnel_id}) or {})["steps"]
    return [(store.components.find_one({"step_id": step_id}) or {})["errors"] for step_id in steps]
