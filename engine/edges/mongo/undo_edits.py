"""How an undo tells that something of a clone was edited since: by proofs, and by dates where there is none.

A page's texts and a form are compared with what their proofs say was written. What else a page or the funnel holds has
no proof: a date of change behind the one at which the clone had done with it tells that somebody has changed it.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from pymongo.client_session import ClientSession

from engine.core.model import DocId
from engine.core.proof import edited_texts
from engine.edges.mongo.client import Document, Store
from engine.edges.mongo.codec import fingerprint_of
from engine.edges.mongo.undo_parts import Kind, Own, read_strangers

# Both dates of a page are written by one command, each with the clock of its own moment.
_SAME_MOMENT = timedelta(seconds=1)
_UNTOLD = "the old system made it, so whether it was edited since cannot be told"
_PAGE = {"name": 1, "raw_html": 1, "pending": 1, "in_progress": 1, "updatedAt": 1, "clone": 1}


@dataclass(frozen=True, slots=True)
class EditedPart:
    """A part of a clone that is not, or may not be, as it was cloned."""

    kind: Kind
    id: DocId
    name: str
    reason: str


def edited_parts(
    store: Store, funnel: Mapping[str, Any], own: Own, session: ClientSession | None = None
) -> Iterator[EditedPart]:
    """All that was edited or added; pages one at a time, for together they may be more than memory holds."""
    yield from _funnel(funnel)
    for page in store.steps.find(own.steps, _PAGE, session=session, batch_size=10).sort("_id", 1):
        reason = _of_page(page, _components_of(store, page["_id"], session), own.funnel_id)
        if reason:
            yield EditedPart("page", page["_id"], str(page.get("name", "")), reason)
    for form in store.forms.find(own.forms, session=session).sort("_id", 1):
        if _form_is_edited(store, form, session):
            yield EditedPart("form", form["_id"], str(form.get("form_name", "")), "it was edited since it was cloned")
    for stranger in read_strangers(store, own, session):
        yield EditedPart(stranger.kind, stranger.id, stranger.name, "it was added since, and would stay")


def _funnel(funnel: Mapping[str, Any]) -> Iterator[EditedPart]:
    name, mark = str(funnel.get("name", "")), _mark(funnel)
    ended = mark.get("finished_at")
    if not isinstance(ended, datetime):
        yield EditedPart("funnel", funnel["_id"], name, _UNTOLD)
    elif _is_later(funnel.get("updatedAt"), ended, timedelta(0)):
        yield EditedPart("funnel", funnel["_id"], name, "the funnel itself was changed since it was cloned")


def _of_page(page: Document, components: Sequence[Any], funnel_id: DocId) -> str:
    """Why the page counts as edited; empty where it does not."""
    mark, proof = _mark(page), _mark(page).get("proof")
    unfinished = page.get("pending") is True
    if not isinstance(proof, Mapping):
        is_placeholder = unfinished and mark.get("funnel_id") == funnel_id
        return _of_placeholder(page, components) if is_placeholder else _UNTOLD
    # Of several components, which older data may have, one is the page's.
    texts = min((edited_texts(proof, page.get("raw_html"), text) for text in components or (None,)), key=len)
    if texts:
        return _told_texts(texts)
    done_at = mark.get("finished_at")
    later = not unfinished and isinstance(done_at, datetime) and _is_later(page.get("updatedAt"), done_at)
    return "it was changed since it was cloned" if later else ""


def _of_placeholder(page: Document, components: Sequence[Any]) -> str:
    html = ["html"] if page.get("raw_html") is not None else []
    texts = [*html, *("components" for text in components if text != "{}")]
    return _told_texts(texts) if texts else ""


def _told_texts(texts: Sequence[str]) -> str:
    return f"edited since it was cloned: {', '.join(dict.fromkeys(texts))}"


def _components_of(store: Store, step_id: DocId, session: ClientSession | None) -> list[Any]:
    found = store.components.find({"step_id": step_id}, {"components": 1}, session=session)
    return [components.get("components") for components in found.sort("_id", 1)]


def _form_is_edited(store: Store, form: Document, session: ClientSession | None) -> bool:
    """One without a proof was made before there were any: it is compared with the form that it is a copy of."""
    mark = _mark(form)
    if isinstance(mark.get("proof"), str):
        return bool(mark["proof"] != fingerprint_of(form))
    source = store.forms.find_one({"_id": mark.get("source_id")}, session=session)
    if source is None:
        return True
    own = {name: form.get(name) for name in ("_id", "form_secret_id", "account_id")}
    return fingerprint_of({**source, **own}) != fingerprint_of(form)


def _is_later(date: object, than: datetime, leeway: timedelta = _SAME_MOMENT) -> bool:
    return isinstance(date, datetime) and date > than + leeway


def _mark(document: Mapping[str, Any]) -> Mapping[str, Any]:
    mark = document.get("clone")
    return mark if isinstance(mark, Mapping) else {}
