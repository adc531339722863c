"""Holds the documents of the clone against what MongoDB stores: a page may grow when it is rewritten."""

from collections.abc import Mapping
from dataclasses import dataclass

from engine.core.model import StepWork
from engine.edges.mongo.planning import NOTHING, Measured
from engine.flow.page import Page, Rewritten
from engine.upkeep.plan.problems import Kind, Problems

MOST_BYTES = 16 * 1024**2
"""Of a document, as MongoDB stores it."""
NEAR_BYTES = 15 * 1024**2
"""From here on a document is called near the limit."""
MARK_BYTES = 1024
"""What the engine adds to a document, its proof included: at most."""


@dataclass(frozen=True, slots=True)
class Sizes:
    """Measured documents of the original's pages, by ``repr`` of the step's id."""

    of_html: Mapping[str, Measured]
    of_components: Mapping[str, Measured]

    def html(self, work: StepWork) -> Measured:
        """The page's own document."""
        return self.of_html.get(repr(work.original_id), NOTHING)

    def components(self, work: StepWork) -> Measured:
        """Its components document."""
        return self.of_components.get(repr(work.original_id), NOTHING)


def check_limits(work: StepWork, page: Page, rewritten: Rewritten, sizes: Sizes, problems: Problems) -> None:
    """Note a document that will be near the limit, or over it."""
    for name, measured, old, new in (
        ("raw_html", sizes.html(work), page.html or "", rewritten.html or ""),
        ("components", sizes.components(work), page.components, rewritten.components),
    ):
        expected = measured.document_bytes + _bytes(new) - _bytes(old) + MARK_BYTES
        if expected < NEAR_BYTES:
            continue
        share = f"{expected / MOST_BYTES:.1%} of the {MOST_BYTES} that a document holds"
        where = f"funnel.step/{work.original_id} {name}"
        kind: Kind = "page_too_large" if expected > MOST_BYTES else "page_near_limit"
        detail = f"its document has {measured.document_bytes} bytes, the clone's will have {expected} at most: {share}"
        problems.add(kind, where, detail)


def _bytes(text: str) -> int:
    return len(text) if text.isascii() else len(text.encode("utf-8", "surrogatepass"))
