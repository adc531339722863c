"""Finds the clone that a person names by its id."""

from dataclasses import dataclass

from engine.core.model import DocId
from engine.edges.mongo import requests
from engine.edges.mongo.client import Store


@dataclass(frozen=True, slots=True)
class Unknown:
    """No clone has the id that was given."""

    reason: str
    """A sentence that names the id."""


@dataclass(frozen=True, slots=True)
class Named:
    """A clone, or a request for one."""

    funnel_id: DocId


def clone_named(store: Store, text: str) -> Named | Unknown:
    """The clone whose id reads ``text``; a funnel without an original is none."""
    funnel = requests.find_funnel(store, text)
    if funnel is None:
        return unknown(text)
    if funnel.get("original_funnel_id") is None:
        return Unknown(f"funnel {text} is no clone: it has no original_funnel_id")
    return Named(funnel["_id"])


def unknown(text: object) -> Unknown:
    """Nothing has this id, or has it any more."""
    return Unknown(f"no clone has the id {text}")
