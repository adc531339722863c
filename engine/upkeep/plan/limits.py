"""Holds the documents of the clone against what MongoDB stores: a page may grow when it is rewritten."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from engine.core.model import Claim, StepWork
from engine.edges.mongo.client import MOST_DOCUMENT_BYTES
from engine.edges.mongo.planning import NOTHING, Measured
from engine.flow import documents
from engine.flow.page import Rewritten
from engine.upkeep.plan.problems import Kind, Problems

NEAR_BYTES = 15 * 1024**2
"""From here on a document is called near the limit."""
OWN_BYTES = 1024
"""Of the fields that a clone does not take from the original, its proof included, its text not: at most."""
_NOBODY = Claim(None, None, None, epoch=0, run=0, attempt=0, pass_id="")
_EMPTY_STEP = documents.new_step({"_id": None}, _NOBODY, None, datetime.fromtimestamp(0, UTC))
OWN_OF_STEPS = tuple(_EMPTY_STEP)
"""Names of those fields of a page."""
OWN_OF_COMPONENTS = tuple(documents.finished_components(None, _NOBODY, (None, None), "", []))
"""And of a components document."""


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


def check_limits(work: StepWork, rewritten: Rewritten, sizes: Sizes, problems: Problems) -> None:
    """Note a document that will be near the limit, or over it."""
    for name, measured, new in (
        ("raw_html", sizes.html(work), rewritten.html or ""),
        ("components", sizes.components(work), rewritten.components),
    ):
        expected = measured.passed_on_bytes + _bytes(new) + OWN_BYTES
        if expected < NEAR_BYTES:
            continue
        share = f"{expected / MOST_DOCUMENT_BYTES:.1%} of the {MOST_DOCUMENT_BYTES} that a document holds"
        where = f"funnel.step/{work.original_id} {name}"
        kind: Kind = "page_too_large" if expected > MOST_DOCUMENT_BYTES else "page_near_limit"
        detail = f"its document has {measured.document_bytes} bytes, the clone's will have {expected} at most: {share}"
        problems.add(kind, where, detail)


def _bytes(text: str) -> int:
    return len(text) if text.isascii() else len(text.encode("utf-8", "surrogatepass"))
