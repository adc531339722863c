"""Mends one page: find, gather, rewrite once, compare and set."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from engine.core.errors import DocumentTooLarge
from engine.core.model import DocId, Failure, Identity
from engine.core.proof import fingerprint
from engine.core.references import Reference
from engine.core.rewrite import rewrite
from engine.edges.mongo import repair as edge
from engine.edges.mongo.repair_reads import StoredPage, read_page
from engine.edges.mongo.repair_sizes import oversized
from engine.flow.chat import gather_chat
from engine.flow.forms import gather_forms
from engine.flow.page import Page
from engine.upkeep.repair.images import ImageMover
from engine.upkeep.repair.report import CopiedForm, Move
from engine.upkeep.repair.survey import Survey

Document = dict[str, Any]

UNFINISHED = "not finished: there is nothing to mend yet"
UNWRITTEN: Mapping[edge.Outcome, str] = {
    "edited": "edited meanwhile: run it again",
    "taken": "asked for or in work by now: it is mended when that is done",
    "gone": "deleted meanwhile: there is nothing to mend",
}
TOO_LARGE = "over the 16 MB that a document holds: nothing of the page is mended"


@dataclass(frozen=True, slots=True)
class Mended:
    """What became of one page."""

    moves: Sequence[Move] = ()
    forms: Sequence[CopiedForm] = ()
    problems: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class _Gathered:
    replacements: Mapping[Identity, str]
    new_forms: Sequence[Document]
    problems: Sequence[str]


def mend_page(survey: Survey, mover: ImageMover, step_id: DocId, *, dry_run: bool) -> Mended:
    """Move every reference to the original that stands on a page of the clone. Safe to repeat; errors as ``repair``."""
    store = survey.context.store
    page = read_page(store, step_id)
    if page is None:
        return Mended()
    if not page.at_rest:
        return Mended(problems=[f"step {step_id}: {UNFINISHED}"])
    texts = tuple(page.texts())
    found = survey.context.finder.find_on_page(texts)
    gathered = _gather(survey, mover, [reference for references in found for reference in references])
    problems = [f"step {step_id}: {problem}" for problem in (*_unreadable(page), *gathered.problems)]
    new = {
        text: rewrite(text, references, gathered.replacements) for text, references in zip(texts, found, strict=True)
    }
    moves = _moves(found, gathered.replacements)
    forms = [CopiedForm(_source(form, gathered), form["form_secret_id"]) for form in gathered.new_forms]
    if all(old == text for old, text in new.items()):
        return Mended(moves, forms, problems)
    unwritten = _commit(survey, _change(page, new, gathered.new_forms), dry_run=dry_run)
    if unwritten:
        return Mended(problems=[*problems, *(f"step {step_id}: {reason}" for reason in unwritten)])
    return Mended(moves, forms, problems)


def _commit(survey: Survey, change: edge.PageChange, *, dry_run: bool) -> list[str]:
    """Write a page, or in a dry run foresee whether it could be written; returns why it was not, or could not be."""
    store = survey.context.store
    if dry_run:
        return [f"{name}: {TOO_LARGE}" for name in oversized(store, change)]
    try:
        outcome = edge.commit(store, survey.claim.funnel_id, change)
    except DocumentTooLarge as error:
        return [f"{name}: {TOO_LARGE}" for name in oversized(store, change)] or [str(error)]
    return [] if outcome == "written" else [UNWRITTEN[outcome]]


def _gather(survey: Survey, mover: ImageMover, references: Sequence[Reference]) -> _Gathered:
    by_kind: dict[str, list[Reference]] = {"id": [], "image": [], "form": [], "chat": []}
    for reference in references:
        by_kind[reference.identity.kind].append(reference)
    images, failures = mover.move(reference.identity.text for reference in by_kind["image"])
    # What is the clone's own is none of the gatherers' business: they would copy its forms once more.
    left = [reference for reference in by_kind["form"] if reference.identity.text in survey.forms]
    left += survey.chat_keys.wrong(by_kind["chat"])
    page = Page(
        html=None,
        components="",
        components_document=None,
        html_references=tuple(left),
        components_references=(),
        failures=(),
    )
    forms, new_forms = gather_forms(page, survey.context)
    chat = gather_chat(page, survey.context)
    lost = dict.fromkeys(r.identity.text for r in by_kind["id"] if r.identity.text in survey.lost_ids)
    told: Iterable[Failure] = dict.fromkeys((*failures, *forms.failures, *chat.failures))
    return _Gathered(
        {
            **survey.context.ids,
            **{Identity("image", old): new for old, new in images.items()},
            **forms.replacements,
            **chat.replacements,
        },
        new_forms,
        [*(f"id {text}: the clone has no page for this one of the original" for text in lost), *map(str, told)],
    )


def _unreadable(page: StoredPage) -> Iterator[str]:
    if page.html is not None and not isinstance(page.html, str):
        yield f"raw_html is {type(page.html).__name__}, neither text nor null"
    for document_id, text in page.components:
        if not isinstance(text, str):
            yield f"components {document_id}: components is {type(text).__name__}, not text"


def _moves(found: Sequence[Sequence[Reference]], replacements: Mapping[Identity, str]) -> list[Move]:
    counts: Counter[tuple[Identity, str]] = Counter()
    for references in found:
        counts.update((reference.identity, str(reference.spelling)) for reference in references)
    return sorted(
        Move(identity.kind, identity.text, replacements[identity], spelling, count)
        for (identity, spelling), count in counts.items()
        if replacements.get(identity, identity.text) != identity.text
    )


def _source(form: Document, gathered: _Gathered) -> str:
    return next(
        identity.text
        for identity, new in gathered.replacements.items()
        if identity.kind == "form" and new == form["form_secret_id"]
    )


def _change(page: StoredPage, new: Mapping[str, str], new_forms: Sequence[Document]) -> edge.PageChange:
    changed = [
        edge.Change(document_id, text, new[text])
        for document_id, text in page.components
        if isinstance(text, str) and new[text] != text
    ]
    html = None
    if isinstance(page.html, str) and new[page.html] != page.html:
        html = edge.Change(page.step_id, page.html, new[page.html])
    # A text that is as the engine wrote it is so afterwards; one that somebody edited stays an edited one.
    written = {"html_written": html, "components_written": changed[0] if changed else None}
    proof = {
        name: fingerprint(change.new)
        for name, change in written.items()
        if change is not None and page.proof.get(name) == fingerprint(change.old)
    }
    return edge.PageChange(page.step_id, html, changed, proof, new_forms)
