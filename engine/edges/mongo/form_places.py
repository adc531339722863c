"""Where pages embed forms, and which of these forms there are: what the layout shares between a funnel's pages."""

from collections.abc import Iterator, Sequence
from typing import Any

from engine.core.model import DocId
from engine.edges.mongo.client import Store, translated

# Around each word that a form's place is made of: a slash before it and an id behind it, however they are spelled.
FORM_WORD = "userform"
_BEFORE_FORM_WORD = 24
_BEHIND_FORM_WORD = 1_000
_LONGEST_CHARACTER = 24
"""Of one character in any spelling, roughly: what a cut may leave of it reads as the end of an id."""
PLACE_BYTES = 4 * (_BEFORE_FORM_WORD + len(FORM_WORD) + _BEHIND_FORM_WORD)
"""Of one place, at most."""

MOST_FORM_PLACES = 10_000
"""Of one funnel; what goes beyond is found on the pages that embed it, and on no others."""


def read_form_places(store: Store, step_ids: Sequence[DocId]) -> Iterator[str]:
    """What stands around each ``userform`` on the pages of these steps and in their components, each text once.

    One command, and no page crosses the wire: the server cuts the texts. A piece goes from 24 characters before the
    word to 1,000 behind it, or to the next such word. What is no text has none. Of several components documents of a
    step the oldest counts, as when the page is loaded. Of more than ``MOST_FORM_PLACES`` the first by text are given.
    """
    components = [
        {"$match": {"step_id": {"$in": list(step_ids)}}},
        # Cut before they are sorted: a sort of whole pages would not fit in the server's memory.
        {"$project": {"step_id": 1, "places": _form_places("$components")}},
        {"$sort": {"_id": 1}},
        {"$group": {"_id": "$step_id", "places": {"$first": "$places"}}},
    ]
    with translated(f"form places on {len(step_ids)} pages"):
        found = store.steps.aggregate(
            [
                {"$match": {"_id": {"$in": list(step_ids)}}},
                {"$project": {"places": _form_places("$raw_html")}},
                {"$unionWith": {"coll": store.components.name, "pipeline": components}},
                {"$unwind": "$places"},
                {"$group": {"_id": "$places"}},
                {"$sort": {"_id": 1}},
                {"$limit": MOST_FORM_PLACES},
            ]
        )
        for place in found:
            yield place["_id"]


def end_of_whole(place: str) -> int:
    """Where what is surely whole in ``place`` ends: an id that ends behind it may go on behind the cut."""
    behind = len(place) - place.index(FORM_WORD) - len(FORM_WORD)
    return len(place) - (_LONGEST_CHARACTER if behind >= _BEHIND_FORM_WORD else 0)


def existing_forms(store: Store, secret_ids: Sequence[str]) -> set[str]:
    """Which of these ids a form has; one command holds the ids of all places that are read."""
    if not secret_ids:
        return set()
    with translated(f"{len(secret_ids)} forms"):
        found = store.forms.find({"form_secret_id": {"$in": list(secret_ids)}}, {"form_secret_id": 1, "_id": 0})
        return {form["form_secret_id"] for form in found}


def _form_places(text: str) -> dict[str, Any]:
    """The expression for one text. Split: ``$regexFindAll`` takes ten seconds for a page of 15 MB, and this 0.1."""
    before, behind = {"$arrayElemAt": ["$$this", 0]}, {"$arrayElemAt": ["$$this", 1]}
    from_the_end = {"$subtract": [{"$strLenCP": before}, _BEFORE_FORM_WORD]}
    place = {
        "$concat": [
            {"$substrCP": [before, {"$max": [0, from_the_end]}, _BEFORE_FORM_WORD]},
            FORM_WORD,
            {"$substrCP": [behind, 0, _BEHIND_FORM_WORD]},
        ]
    }
    neighbours = {"$zip": {"inputs": ["$$pieces", {"$slice": ["$$pieces", 1, {"$size": "$$pieces"}]}]}}
    places = {
        "$let": {
            "vars": {"pieces": {"$split": [text, FORM_WORD]}},
            "in": {"$map": {"input": neighbours, "in": place}},
        }
    }
    return {"$cond": [{"$eq": [{"$type": text}, "string"]}, places, []]}
