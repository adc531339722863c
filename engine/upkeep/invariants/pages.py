"""Checks the pages of a clone: one for each of the original's, the same fields, the same texts (B9-B13, B17-B19)."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from bson import Int64
from bson.datetime_ms import DatetimeMS

from engine.upkeep.invariants.content import ContentCheck, Text
from engine.upkeep.invariants.embeds import read_embeds
from engine.upkeep.invariants.marks import check_mark
from engine.upkeep.invariants.proofs import proved
from engine.upkeep.invariants.records import (
    COMPONENTS,
    FUNNELS,
    STEPS,
    Document,
    Structure,
    bson_of,
    changed_fields,
    edited_since,
    place,
    read_components,
    read_text,
    same,
    same_set,
    sentences,
    sub_document,
)
from engine.upkeep.invariants.references import id_references, image_references
from engine.upkeep.invariants.violations import Findings

_EMPTIED = ("domain_id", "header_tracking_code", "footer_tracking_code")
_STEP_OWN = frozenset(
    {
        "_id",
        "funnel_id",
        "original_step_id",
        "raw_html",
        *_EMPTIED,
        "version",
        "pending",
        "in_progress",
        "processed",
        "createdAt",
        "updatedAt",
        "clone",
    }
)
_COMPONENTS_OWN = frozenset(
    {"_id", "account_id", "funnel_id", "step_id", "components", "errors", "createdAt", "updatedAt", "clone"}
)
_PARTS = {"images_processed": "image", "forms_processed": "form", "chat_plugin_processed": "chat"}


@dataclass(slots=True)
class PagesCheck:
    """Checks all pages; afterwards ``forms`` and ``errors`` tell what the rest of the checks need."""

    database: Any
    original: Structure
    clone: Structure
    tokens: list[str]
    findings: Findings
    forms: dict[str, set[str]] = field(default_factory=dict)
    """Original form id -> ids of its copies, as found on the clone's pages."""
    unproved: set[str] = field(default_factory=set)
    """Ids of forms on pages whose originals were edited since."""
    errors: dict[str, None] = field(default_factory=dict)
    """Every error that a page's components record."""

    def run(self) -> None:
        """Check every page of the original."""
        pairs = list(self._pairs())
        self._check_order([clone["_id"] for _, clone in pairs])
        references = [
            *id_references([(self.original.id, self.clone.id), *((old["_id"], new["_id"]) for old, new in pairs)]),
            *image_references(self.original, self.clone),
        ]
        sides = (self.original, self.clone)
        embeds = read_embeds(self.database, pairs)
        content = ContentCheck(self.database, sides, references, embeds, self.tokens, self.findings)
        self.forms, self.unproved = content.forms, content.unproved
        for original, clone in pairs:
            self._check_step(original, clone)
            self._check_page(original, clone, content)

    def _pairs(self) -> Iterator[tuple[Document, Document]]:
        by_source: dict[bytes, list[Document]] = {}
        for step in self.clone.steps:
            by_source.setdefault(bson_of(step.get("original_step_id")), []).append(step)
        state = sub_document(self.clone.funnel, "clone")
        for original in self.original.steps:
            clones = by_source.get(bson_of(original["_id"]), [])
            where = place(STEPS, original)
            added = edited_since(original, state.get("started_at") or state.get("finished_at"))
            lacking = "this page of the original has no clone"
            self.findings.unless(clones, "step_missing", where, lacking, edited=added)
            self.findings.unless(len(clones) < 2, "step_twice", where, f"has {len(clones)} clones")  # noqa: PLR2004
            if clones:
                yield original, clones[0]

    def _check_order(self, expected: list[Any]) -> None:
        where = place(FUNNELS, self.clone.funnel)
        listed = self.clone.funnel.get("steps")
        steps = listed if isinstance(listed, list) else []
        distinct = len({bson_of(step) for step in steps}) == len(steps)
        self.findings.unless(distinct, "funnel_steps", where, "steps has doubles")
        in_order = same(steps[: len(expected)], expected)
        lacking = "steps is not in the original's order, or lacks a page"
        ended = sub_document(self.clone.funnel, "clone").get("finished_at")
        same_pages = same_set(steps[: len(expected)], expected)
        edited = same_pages and edited_since(self.original.funnel, ended)
        self.findings.unless(in_order, "funnel_steps", where, lacking, edited=edited)

    def _check_step(self, original: Document, clone: Document) -> None:
        where = place(STEPS, clone)
        for flag in ("pending", "in_progress"):
            self.findings.unless(clone.get(flag) is False, "step_flags", where, f"{flag} is {clone.get(flag)!r}")
        self.findings.count("steps")
        edited = edited_since(original, sub_document(self.clone.funnel, "clone").get("finished_at"))
        for name in changed_fields(original, clone, _STEP_OWN):
            self.findings.unless(None, "step_field", where, f"{name} was not passed through", edited=edited)
        for name in _EMPTIED:
            emptied = name in clone and clone[name] is None
            self.findings.unless(emptied, "step_field", where, f"{name} is not null")
        version = clone.get("version")
        whole = isinstance(version, int | Int64 | float) and not isinstance(version, bool)
        self.findings.unless(whole, "step_field", where, f"version is no number: {version!r}")
        for name in ("createdAt", "updatedAt"):
            self.findings.unless(isinstance(clone.get(name), DatetimeMS), "step_field", where, f"{name} is no date")
        check_mark(clone, self.clone.id, [original["_id"]], where, self.findings)

    def _check_page(self, original: Document, clone: Document, content: ContentCheck) -> None:
        old_tree, new_tree = self._components(original, clone)
        errors = sentences(new_tree)
        self.errors.update(dict.fromkeys(errors))
        self._check_processed(clone, errors)
        if old_tree is None:
            recorded = any(error.startswith("components") for error in errors)
            self.findings.unless(
                recorded or not new_tree, "failure_unrecorded", place(STEPS, clone), "the original has no components"
            )
        old_text = "{}" if old_tree is None else old_tree.get("components")
        where = place(STEPS, clone)
        html = (read_text(self.database, original["_id"]), read_text(self.database, clone["_id"]))
        tree = (old_text, new_tree.get("components"))
        texts = [
            Text(f"{where} raw_html", *html, *proved(clone, "html")),
            Text(f"{where} components", *tree, *proved(clone, "components")),
        ]
        content.check(texts, errors, len(texts) * len(self.original.steps))

    def _components(self, original: Document, clone: Document) -> tuple[Document | None, Document]:
        """The original's document and the clone's: None and an empty one where there is none."""
        where = place(STEPS, clone)
        olds, news = read_components(self.database, original["_id"]), read_components(self.database, clone["_id"])
        self.findings.unless(news, "components_missing", where, "has no components document")
        self.findings.unless(len(news) < 2, "components_twice", where, f"has {len(news)} documents")  # noqa: PLR2004
        old = olds[0] if olds else None
        if not news:
            return old, {}
        new, where = news[0], place(COMPONENTS, news[0])
        for name, value in (("account_id", self.clone.funnel.get("account_id")), ("funnel_id", self.clone.id)):
            self.findings.unless(same(new.get(name), value), "components_field", where, f"{name} is not the clone's")
        edited = old is not None and edited_since(old, sub_document(self.clone.funnel, "clone").get("finished_at"))
        for name in changed_fields(old or {}, new, _COMPONENTS_OWN):
            self.findings.unless(None, "components_field", where, f"{name} was not passed through", edited=edited)
        errors = sentences(new)
        self.findings.unless(len(set(errors)) == len(errors), "components_field", where, "errors has doubles")
        check_mark(new, self.clone.id, [None if old is None else old["_id"]], where, self.findings)
        return old, new

    def _check_processed(self, clone: Document, errors: list[str]) -> None:
        processed = sub_document(clone, "processed")
        for flag, part in _PARTS.items():
            failed = any(error.startswith(part) for error in errors)
            wanted = not failed
            self.findings.unless(
                processed.get(flag) is wanted,
                "step_processed",
                place(STEPS, clone),
                f"{flag} is {processed.get(flag)!r}, and {'an' if failed else 'no'} error tells of a failed {part}",
            )
