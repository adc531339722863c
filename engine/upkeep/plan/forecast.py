"""What a clone of a funnel would do: the layout's own plan, the steps' own reading, and no write.

The funnel is planned as the layout would plan it for a clone that nobody has asked for, and its pages are read as a
step reads them, so that what is told here is what the engine does, not what somebody thinks that it does.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from engine.core.model import Claim, CopyOrder, CopyOutcome, FunnelPlan, Identity
from engine.edges.mongo import planning, structure
from engine.edges.mongo.client import Document, Store
from engine.edges.mongo.codec import new_id
from engine.edges.s3 import Objects
from engine.flow.context import FunnelContext
from engine.flow.layout import foresee
from engine.settings import Settings
from engine.upkeep.plan.costs import FunnelUse, copy_requests, funnel_commands, page_commands
from engine.upkeep.plan.forms import Forms
from engine.upkeep.plan.limits import OWN_OF_COMPONENTS, OWN_OF_STEPS, Sizes
from engine.upkeep.plan.objects import Seen, look_at
from engine.upkeep.plan.original import check_original, check_structure
from engine.upkeep.plan.outside import Outside
from engine.upkeep.plan.pages import PagesSurvey
from engine.upkeep.plan.problems import Problems
from engine.upkeep.plan.staying import Staying
from engine.upkeep.plan.told import ClonePlan, Expected, ImagesTold, StepLine

Part = Literal["objects", "pages"]
Watch = Callable[[Part, int, int], None]


def _nobody(_part: Part, _done: int, _total: int) -> None:
    """Nobody watches."""


def plan_clone(
    store: Store, objects: Objects, settings: Settings, original_id: Any, watch: Watch = _nobody
) -> ClonePlan | None:
    """Tell what a clone of a funnel, for its own account, would do; None where there is no such funnel.

    Reads every page once, one at a time, and the head of every image. Writes nothing; safe to repeat.

    Args:
        store: The product's database.
        objects: The object store.
        settings: Those of the passes to come: the preview domain, the bucket, limits of copies.
        original_id: ``_id`` of the funnel.
        watch: Hears (part, how many are done, how many there are), from one thread.

    Raises:
        StoreUnavailable, ObjectStoreUnavailable: Trying again may help.
    """
    original = structure.read_funnel(store, original_id)
    if original is None:
        return None
    claim = Claim(new_id(), original["_id"], original.get("account_id"), epoch=1, run=1, attempt=1, pass_id="")
    problems = Problems()
    check_original(store, claim, original, problems)
    plan = foresee(store, claim, original, settings)
    check_structure(original, plan, problems)
    seen = list(look_at(objects, plan.images, lambda done, total: watch("objects", done, total)))
    for found in seen:
        if found.trouble is not None:
            problems.add(found.trouble, f"{found.image.bucket}/{found.image.source_key}", found.reason)
    survey = _survey(store, plan, settings, seen, problems, watch)
    return _told(original, plan, settings, seen, survey)


@dataclass(frozen=True, slots=True)
class _NoCopier:
    """A plan copies nothing."""

    def copy(self, orders: Sequence[CopyOrder], deadline_s: float) -> list[CopyOutcome]:
        raise AssertionError(f"a plan was to copy {len(orders)} objects within {deadline_s} s")


def _survey(
    store: Store,
    plan: FunnelPlan,
    settings: Settings,
    seen: Sequence[Seen],
    problems: Problems,
    watch: Watch,
) -> PagesSurvey:
    context = FunnelContext.of(plan, store, _NoCopier(), settings.copy.deadline_seconds)
    original_id, step_ids = plan.claim.original_id, [work.original_id for work in plan.steps]
    survey = PagesSurvey(
        context=context,
        moved={
            **context.ids,
            **{Identity("image", s.image.source_key): s.image.key for s in seen if s.trouble is None},
        },
        forms=Forms(store, plan, problems),
        sizes=Sizes(
            planning.measure_pages(store, original_id, step_ids, OWN_OF_STEPS),
            planning.measure_components(store, original_id, step_ids, OWN_OF_COMPONENTS),
        ),
        outside=Outside.of(plan),
        staying=Staying.of(plan, [s.image.source_key for s in seen if s.trouble is not None], problems),
        problems=problems,
    )
    for done, work in enumerate(plan.steps, start=1):
        survey.read(work)
        watch("pages", done, len(plan.steps))
    return survey


def _told(
    original: Document,
    plan: FunnelPlan,
    settings: Settings,
    seen: Sequence[Seen],
    survey: PagesSurvey,
) -> ClonePlan:
    sizes = survey.sizes
    return ClonePlan(
        funnel_id=plan.claim.original_id,
        name=str(original.get("name", "")),
        steps=tuple(
            StepLine(w.original_id, w.name, sizes.html(w).text_bytes, sizes.components(w).text_bytes)
            for w in plan.steps
        ),
        images=ImagesTold(
            count=len(seen),
            bytes=_bytes(seen),
            bytes_recorded=sum(image.size_bytes or 0 for image in plan.images),
            missing=sum(found.trouble == "image_missing" for found in seen),
        ),
        forms=survey.forms.lines(),
        references={kind: dict(found.most_common()) for kind, found in sorted(survey.references.items())},
        outside_references=survey.outside.references(),
        problems=tuple(sorted(survey.problems.found)),
        expected=_expected(plan, settings, seen, survey),
    )


def _expected(plan: FunnelPlan, settings: Settings, seen: Sequence[Seen], survey: PagesSurvey) -> Expected:
    standing = sum(found.trouble is None for found in seen)
    use = FunnelUse(
        image_records=len(plan.images) + len(plan.failures),
        images=len(plan.images),
        images_left=sum(image.source_key not in survey.shown for image in plan.images),
        images_failed=len(seen) - standing,
        form_places=survey.form_places,
        chat=plan.chat.enabled and bool(plan.chat.domain),
    )
    return Expected(
        copies=standing,
        not_copied=len(seen) - standing,
        requests=sum(copy_requests(found, settings.copy) for found in seen),
        bytes=_bytes(seen),
        funnel_commands=funnel_commands(use, survey.uses),
        step_commands=sum(map(page_commands, survey.uses)),
    )


def _bytes(seen: Sequence[Seen]) -> int:
    return sum(found.size_bytes or 0 for found in seen)
