"""Clones by page, newest first: by state, account and name. For people to look at; never used for a decision.

What is listed is what ``reads.count_by_state`` counts: asked for, in work, or ended by this engine. Each state is
looked up by its own index, and what is found put in order: an index over all clones would be one more for the scan to
choose among, and a wrong choice there costs more than a list does.
"""

import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error as NoBase64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import bson
from bson.errors import BSONError

from engine.core.model import DocId
from engine.edges import pipelines
from engine.edges.mongo.client import CODEC, Document, Store, bounded, possible_ids, translated
from engine.edges.mongo.reads import LISTED, STATES, ListedState, in_state

WITHIN_S = 10.0
"""A search for a name that nothing bears looks at every clone: not for longer than this."""


@dataclass(frozen=True, slots=True)
class Page:
    """Some clones, and where the next ones begin."""

    clones: Sequence[Document]
    next_cursor: str | None
    """None: these were the last."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which clones; None: whichever."""

    state: ListedState | None = None
    account: str | None = None
    text: str | None = None
    """An id of the clone or of its original, or a part of its name in any case."""


def list_page(store: Store, wanted: Wanted, limit: int, cursor: str | None) -> Page | None:
    """``limit`` clones behind ``cursor``, newest first; None where the cursor is none of ours.

    Raises:
        StoreUnavailable: MongoDB is away, or has not found enough in time.
    """
    conditions: list[Document] = [pipelines.A_CLONE]
    if wanted.account is not None:
        conditions.append({"account_id": {"$in": possible_ids(wanted.account)}})
    if wanted.text:
        conditions.append(_with_text(wanted.text))
    if cursor is not None:
        behind = _read_cursor(cursor)
        if behind is None:
            return None
        # An expression: `$lt` alone stays within one type of id.
        conditions.append({"$expr": {"$lt": ["$_id", {"$literal": behind["i"]}]}})
    first: list[Document] = [{"$sort": {"_id": -1}}, {"$limit": limit + 1}]
    states = STATES if wanted.state is None else (wanted.state,)
    branches = [[{"$match": {"$and": [*conditions, in_state(state)]}}, *first] for state in states]
    unions = [{"$unionWith": {"coll": store.funnels.name, "pipeline": branch}} for branch in branches[1:]]
    with translated("funnels"), bounded(WITHIN_S):
        found = list(store.funnels.aggregate([*branches[0], *unions, *first, {"$project": LISTED}]))
    clones = found[:limit]
    return Page(clones, _cursor(clones[-1]["_id"]) if len(found) > limit else None)


def _with_text(text: str) -> Document:
    ids = possible_ids(text)
    named = {"name": {"$regex": re.escape(text), "$options": "i"}}
    return {"$or": [{"_id": {"$in": ids}}, {"original_funnel_id": {"$in": ids}}, named]}


def _cursor(funnel_id: DocId) -> str:
    return urlsafe_b64encode(bson.encode({"i": funnel_id})).decode().rstrip("=")


def _read_cursor(cursor: str) -> Mapping[str, Any] | None:
    try:
        packed = urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))
        found = bson.decode(packed, CODEC)
    except (NoBase64, BSONError, ValueError, UnicodeError):
        return None
    return found if "i" in found else None
