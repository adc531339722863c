"""``repair``: moves what a clone still has of its original to its own parts, on the texts as they are now.

Made for clones of the system that this one replaces; a clone of the engine is in need of nothing, or mended as well.

- ``survey``  both funnels' structure, read once: what is the original's, what is the clone's own
- ``spoiled`` keys that one replacement after another has broken
- ``images``  the clone's image for each of the original's that it still shows; copied where there is none
- ``chat``    chat keys that are wrong, however they are written
- ``page``    one page: find, gather, rewrite once, compare and set
- ``report``  what was done, or would be

Effects come in an order that is safe to break off anywhere: an object, its record, then the page that refers to it,
its forms in the same transaction. Every identity is derived, so a run after a broken one makes what that would have.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from engine.core.errors import ClaimLost, CloneError
from engine.core.model import DocId
from engine.edges.mongo.client import Store
from engine.edges.s3 import Objects
from engine.flow.copier import Copier
from engine.settings import Settings
from engine.upkeep.repair.images import ImageMover
from engine.upkeep.repair.page import Mended, mend_page
from engine.upkeep.repair.report import BrokenOff, CopiedForm, PageReport, Repair
from engine.upkeep.repair.survey import Survey, survey

__all__ = ["Repair", "repair"]


def repair(
    store: Store,
    objects: Objects,
    copier: Copier,
    clone: dict[str, Any],
    settings: Settings,
    *,
    dry_run: bool = False,
    watch: Callable[[int, int], None] | None = None,
) -> Repair:
    """Mend a clone, a page at a time. Safe to repeat, and beside users who edit it: their edits are never overwritten.

    Args:
        store: The product's database.
        objects: Looks at objects.
        copier: Copies them.
        clone: The clone's funnel; it has an ``original_funnel_id``.
        settings: Of S3, of copies, and whose token a chat widget gets.
        dry_run: Write nothing, and tell what would be done.
        watch: Hears (pages done, pages in all).

    Returns:
        What was done. Where a server failed after the first page was begun, what was done until then, and
        ``broken_off``: the page that it names may be written or not, and a run after it ends what was begun.

    Raises:
        PermanentError: The clone is asked for or in work, or its original is gone; nothing was written.
        StoreUnavailable: MongoDB was away before any page was begun; nothing was written.
        AccessDenied: The credentials or rights did not suffice; nothing was written.
        BucketMissing: The bucket of this installation is not there.
    """
    surveyed = survey(store, clone, copier, settings)
    mover = ImageMover(surveyed, objects, settings.s3, dry_run=dry_run)
    done = _Done()
    broken_off = done.run(surveyed, mover, watch or _nobody, dry_run=dry_run)
    return Repair(clone["_id"], dry_run, done.pages, mover.copied, list(done.forms), done.problems, broken_off)


def _nobody(_done: int, _total: int) -> None:
    """Nobody watches."""


@dataclass(slots=True)
class _Done:
    """What was done so far."""

    pages: list[PageReport] = field(default_factory=list)
    forms: dict[CopiedForm, None] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)

    def run(
        self, surveyed: Survey, mover: ImageMover, watch: Callable[[int, int], None], *, dry_run: bool
    ) -> BrokenOff | None:
        """Mend the pages in their order; returns what broke it off."""
        for done, step_id in enumerate(surveyed.step_ids, start=1):
            try:
                self._add(step_id, mend_page(surveyed, mover, step_id, dry_run=dry_run))
            except ClaimLost as error:
                self.problems.append(f"{error}: stopped there")
                return None
            except CloneError as error:
                # What is written stays written: who ran it must hear of it, too.
                return BrokenOff(step_id, error)
            watch(done, len(surveyed.step_ids))
        return None

    def _add(self, step_id: DocId, mended: Mended) -> None:
        self.problems += mended.problems
        self.forms.update(dict.fromkeys(mended.forms))
        if mended.moves:
            self.pages.append(PageReport(step_id, mended.moves))
