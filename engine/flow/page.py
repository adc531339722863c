"""A page between load and commit: its two texts as they were read, the references in them, and its proof."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from engine.core.errors import ComponentsInvalid, DocumentInvalid, PlanOutdated
from engine.core.model import Failure, Identity, ReferenceKind, StepWork
from engine.core.proof import fingerprint
from engine.core.references import Reference, References
from engine.core.rewrite import rewrite
from engine.edges.mongo import pages
from engine.flow.context import FunnelContext

NO_COMPONENTS = "{}"


@dataclass(frozen=True, slots=True)
class Page:
    """The original's texts, never changed, and where they refer to what."""

    html: str | None
    components: str
    components_document: Mapping[str, Any] | None
    html_references: tuple[Reference, ...]
    components_references: tuple[Reference, ...]
    failures: tuple[Failure, ...]

    def identities(self, kind: ReferenceKind) -> list[str]:
        """What the page refers to, of one kind: each once, in the order of the page."""
        found = (*self.html_references, *self.components_references)
        return list(dict.fromkeys(r.identity.text for r in found if r.identity.kind == kind))


@dataclass(frozen=True, slots=True)
class Rewritten:
    """The clone's texts, and hashes of what was read and what was written."""

    html: str | None
    components: str
    proof: Mapping[str, str]


def load(context: FunnelContext, work: StepWork) -> Page:
    """Read the originals once and find every reference in them.

    Raises:
        OriginalStepMissing: The page is gone.
        PlanOutdated: It was edited since the layout: new images, maybe.
        ComponentsInvalid: Its components are no text.
        DocumentInvalid: Its HTML is neither text nor null.
    """
    original = pages.load(context.store, work)
    if original.version != work.version:
        raise PlanOutdated(f"step {work.original_id}: version {original.version}, planned at {work.version}")
    if original.raw_html is not None and not isinstance(original.raw_html, str):
        kind = type(original.raw_html).__name__
        raise DocumentInvalid(f"step {work.original_id}: raw_html is {kind}, neither text nor null")
    components, failures = _components(original.components, work)
    # Together: a form that is embedded in one text is moved wherever its id stands in the other.
    html_references, components_references = context.finder.find_on_page((original.raw_html or "", components))
    return Page(
        html=original.raw_html,
        components=components,
        components_document=original.components,
        html_references=html_references,
        components_references=components_references,
        failures=(*failures, *_given_up(work, html_references, components_references)),
    )


def rewrite_page(page: Page, replacements: Mapping[Identity, str]) -> Rewritten:
    """Apply all replacements to the originals, once: a resumed step and a fresh one are the same code (D13, D17)."""
    html = None if page.html is None else rewrite(page.html, page.html_references, replacements)
    components = rewrite(page.components, page.components_references, replacements)
    proof = {
        "html_read": fingerprint(page.html),
        "html_written": fingerprint(html),
        "components_read": fingerprint(page.components),
        "components_written": fingerprint(components),
    }
    return Rewritten(html, components, proof)


def _given_up(work: StepWork, html: References, components: References) -> tuple[Failure, ...]:
    names = [name for name, found in (("raw_html", html), ("components", components)) if not found.complete]
    reason = "made of escapes: references in unusual spellings may be left"
    return tuple(Failure("references", str(work.original_id), f"{name} is {reason}") for name in names)


def _components(document: Mapping[str, Any] | None, work: StepWork) -> tuple[str, tuple[Failure, ...]]:
    if document is None:
        missing = Failure("components", str(work.original_id), "the original has no components document")
        return NO_COMPONENTS, (missing,)
    text = document.get("components")
    if not isinstance(text, str):
        raise ComponentsInvalid(
            f"components {document['_id']} of step {work.original_id}: components is {type(text).__name__}, not text"
        )
    return text, ()
