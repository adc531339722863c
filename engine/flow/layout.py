"""Lay out: read the original's structure once, make what the clone lacks, return the plan that all steps share.

In: a Claim. Out: a LayoutOutcome. Safe to repeat: every ``_id`` is derived, and what exists already is taken up
(B8), the old system's half-made work included: its ids and keys win over derived ones.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any

from engine.core.identity import text_of
from engine.core.model import (
    ChatSetting,
    Claim,
    FunnelPlan,
    Laid,
    LayoutOutcome,
    Rejected,
    SourceGone,
    StepWork,
    Waits,
)
from engine.core.references import ReferenceFinder
from engine.edges.mongo import form_places, standing, structure
from engine.edges.mongo.client import Store
from engine.edges.pipelines import laid_out
from engine.edges.s3 import Objects
from engine.flow import documents
from engine.flow.ancestry import foreign, obstacle
from engine.flow.image_plan import PlannedImages, bucket_of, plan_images
from engine.flow.image_records import one_of_each
from engine.flow.step_plan import PlannedStep, gone_for_good, in_order, plan_steps
from engine.settings import S3Settings, Settings

Document = dict[str, Any]


def lay_out(store: Store, claim: Claim, settings: Settings) -> LayoutOutcome:
    """Plan the work of ``claim``, and make step, components and image placeholders where they are missing.

    Raises:
        ClaimLost: Somebody else holds the funnel; nothing was made.
        StoreUnavailable: Trying again may help.
        ObjectStoreUnavailable: The same; S3 is asked only of images that have two records.
    """
    original = structure.read_funnel(store, claim.original_id)
    if original is None:
        return SourceGone(claim.original_id)
    hindrance = obstacle(store, claim, original) or foreign(store, claim, original, settings.scan.cross_account)
    if hindrance is not None:
        return hindrance
    made = standing.read_made(store, claim.funnel_id, settings.steps.stale_minutes)
    steps = plan_steps(claim, in_order(original, structure.read_original_steps(store, claim.original_id)), made)
    busy = [state for state in made.steps if state.in_other_hands]
    if busy:
        return Waits(f"step {busy[0].step_id} is being cloned by somebody else")
    gone = gone_for_good(steps, made)
    if gone is not None:
        return Rejected(f"step {gone.original_step_id} of the original is gone, and step {gone.step_id} waits for it")
    parent_account = structure.read_parent_account(store, claim.account_id)
    pictures = structure.read_images(store, claim.original_id)
    images = plan_images(claim, pictures, _images_made(made, settings.s3), settings.s3, parent_account)
    _make(store, claim, original, steps, images, made)
    return Laid(_funnel_plan(store, claim, original, steps, images, settings))


@lru_cache(maxsize=4)
def _objects_of(settings: S3Settings) -> Objects:
    """Once a process: a client a layout would leave its connections open."""
    return Objects(settings)


def _images_made(made: standing.Made, s3: S3Settings) -> list[Document]:
    objects = _objects_of(s3)
    return one_of_each(
        made.images, lambda record: objects.head(bucket_of(record) or s3.bucket, record["key"]) is not None
    )


def foresee(store: Store, claim: Claim, original: Document, settings: Settings) -> FunnelPlan:
    """The plan of a clone of which nothing exists, under a claim that nobody holds. Writes nothing.

    Raises:
        StoreUnavailable: Trying again may help.
    """
    originals = in_order(original, structure.read_original_steps(store, claim.original_id))
    steps = plan_steps(claim, originals, standing.Made([], {}, []))
    images = plan_images(claim, structure.read_images(store, claim.original_id), [], settings.s3, None)
    return _funnel_plan(store, claim, original, steps, images, settings)


def _funnel_plan(
    store: Store,
    claim: Claim,
    original: Document,
    steps: Sequence[PlannedStep],
    images: PlannedImages,
    settings: Settings,
) -> FunnelPlan:
    return FunnelPlan(
        claim=claim,
        steps=tuple(_work(step) for step in steps if not step.done),
        steps_total=len(steps),
        steps_done=sum(step.done for step in steps),
        ids=_id_map(claim, steps),
        step_ids=tuple(step.step_id for step in steps),
        images=images.works,
        failures=images.failures,
        chat=chat_setting(store, original, settings.chat.preview_domain),
        forms=_forms(store, steps),
    )


def _make(
    store: Store,
    claim: Claim,
    original: Document,
    steps: list[PlannedStep],
    images: PlannedImages,
    made: standing.Made,
) -> None:
    """Take over what is unfinished, then make what is missing: in this order, so that no late writer spoils a plan."""
    _take_over(store, claim, steps, images, made)
    progress = {
        "steps_done": sum(step.done for step in steps),
        "steps_total": len(steps),
        "images_done": sum(work.uploaded for work in images.works),
        "images_total": len(images.works),
    }
    widget = original.get("live_chat_widget")
    update = laid_out(
        [step.step_id for step in steps],
        live_chat_widget=widget if isinstance(widget, bool) else None,
        progress=progress,
    )
    for missing_steps, missing_images in _batches(
        [s for s in steps if s.make_step or s.make_components], images.missing
    ):

        def build(
            now: datetime, batch: Sequence[PlannedStep] = missing_steps, pictures: Sequence[Document] = missing_images
        ) -> structure.Batch:
            return structure.Batch(
                steps=[documents.new_step(s.original, claim, s.step_id, now) for s in batch if s.make_step],
                components=[
                    documents.new_components(claim, s.components_id, s.step_id, s.original["_id"])
                    for s in batch
                    if s.make_components
                ],
                images=pictures,
            )

        structure.write_funnel_and_batch(store, claim, update, build)


def _take_over(
    store: Store, claim: Claim, steps: list[PlannedStep], images: PlannedImages, made: standing.Made
) -> None:
    """Nothing to do, and no command sent, for a clone of which nothing exists yet."""
    found = bool(made.steps or made.components)  # a step may be gone, and its components be left
    unfinished = [step.step_id for step in steps if found and not step.done]
    not_uploaded = [work.record_id for work in images.works if made.images and not work.uploaded]
    again = [step.step_id for step in steps if step.again]
    standing.raise_epochs(store, claim, unfinished, not_uploaded, again)


def _batches(
    steps: Sequence[PlannedStep], images: Sequence[Document]
) -> Iterator[tuple[Sequence[PlannedStep], Sequence[Document]]]:
    """Bounded transactions; the first also writes the funnel, so there is one even where nothing is missing."""
    size = structure.BATCH_DOCUMENTS
    for start in range(0, max(len(steps), len(images), 1), size):
        yield steps[start : start + size], images[start : start + size]


def _work(step: PlannedStep) -> StepWork:
    return StepWork(
        original_id=step.original["_id"],
        step_id=step.step_id,
        components_id=step.components_id,
        version=step.original.get("version"),
        name=str(step.original.get("name", "")),
    )


def _id_map(claim: Claim, steps: Sequence[PlannedStep]) -> dict[str, str]:
    """The funnel's id and those of ALL its steps, for every step: links between pages are followed, too (D8)."""
    ids = {text_of(step.original["_id"]): text_of(step.step_id) for step in steps}
    ids[text_of(claim.original_id)] = text_of(claim.funnel_id)
    return ids


def _forms(store: Store, steps: Sequence[PlannedStep]) -> tuple[str, ...]:
    """Forms that any page embeds, done ones too: their ids are moved wherever they stand on all of them (B15).

    Only such as there are: the word behind a link to ``/userform/registration`` is none on other pages.
    """
    if all(step.done for step in steps):
        return ()
    places = form_places.read_form_places(store, [step.original["_id"] for step in steps])
    finder = ReferenceFinder((), ())
    secrets = {
        found.identity.text
        for place in places
        for found in finder.find(place)
        if found.identity.kind == "form" and found.end <= form_places.end_of_whole(place)
    }
    return tuple(sorted(form_places.existing_forms(store, sorted(secrets))))


def chat_setting(store: Store, original: Document, domain: str) -> ChatSetting:
    """Whether the original has a chat widget, and the key that its clone's pages get."""
    enabled = original.get("live_chat_widget") is True
    token = structure.read_chat_token(store, domain) if enabled and domain else None
    return ChatSetting(enabled=enabled, token=token, domain=domain)
