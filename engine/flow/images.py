"""Gather images: copy what the page shows, once; new keys for what stands, failures for what is gone (B14).

The object comes before its record says ``uploaded``, and the record before the page refers to it: whatever dies
in between, no page ever shows a key without an object.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from engine import crash_points
from engine.core.errors import ObjectStoreUnavailable
from engine.core.model import CopyOrder, CopyOutcome, DocId, Failure, FunnelPlan, Identity, ImageWork
from engine.edges.mongo import pages
from engine.flow.context import FunnelContext, Gathered
from engine.flow.page import Page

BATCH = 200


@dataclass(frozen=True, slots=True)
class CopiedImages:
    """What became of a set of images."""

    done: tuple[ImageWork, ...]
    failed: tuple[tuple[ImageWork, str], ...]
    copied: tuple[tuple[DocId, int], ...]
    """(record id, bytes) of those that were not there before."""

    @property
    def done_ids(self) -> tuple[DocId, ...]:
        """Record ids of the images that stand."""
        return tuple(image.record_id for image in self.done)

    @property
    def failures(self) -> tuple[Failure, ...]:
        """A sentence for each image that cannot be copied."""
        return tuple(Failure("image", image.source_key, reason) for image, reason in self.failed)


def early_orders(plan: FunnelPlan) -> list[CopyOrder]:
    """What may be copied as soon as the layout stands, before a page asks for it (ADR 14).

    Of a clone whose pages are all to be done: else an image that no page is left to ask for may be one that failed for
    good. A batch is enough: of more images than that, pages keep the copiers busy.
    """
    return [] if plan.steps_done else [plan.order(image) for image in plan.images[:BATCH] if not image.uploaded]


def gather_images(page: Page, context: FunnelContext) -> tuple[Gathered, CopiedImages]:
    """Copy the images that the page refers to and give their new keys. Safe to repeat.

    A key of another funnel is no image of ours: it is not searched, and stays.

    Raises:
        ObjectStoreUnavailable: A copy did not get through before its deadline.
        AccessDenied: The credentials do not suffice.
        BucketMissing: The bucket of this installation is not there.
    """
    images = copy_images(context, [context.images[key] for key in page.identities("image")])
    replacements = {Identity("image", image.source_key): image.key for image in images.done}
    return Gathered(replacements, images.failures), images


def copy_images(context: FunnelContext, images: Sequence[ImageWork]) -> CopiedImages:
    """Copy those of ``images`` whose record does not say ``uploaded``, then say so. Safe to repeat.

    What stands is recorded before a late copy is told, so that the next try begins where this one ended.
    """
    copied, late = copy_objects(context, images)
    pages.mark_images(
        context.store,
        context.plan.claim,
        [record_id for record_id, _ in copied.copied],
        {image.record_id: reason for image, reason in copied.failed},
    )
    if late is not None:
        raise late
    return copied


def copy_objects(
    context: FunnelContext, images: Sequence[ImageWork]
) -> tuple[CopiedImages, ObjectStoreUnavailable | None]:
    """Copy those of ``images`` whose record does not say ``uploaded``; no record is written. Safe to repeat.

    In batches, each with the deadline of a copy: a page with thousands of images is only slow. With the first copy
    that came too late, as an error to be raised by the caller; behind its batch nothing was tried.
    """
    to_copy = [image for image in images if not image.uploaded]
    before = tuple(image for image in images if image.uploaded)
    done: list[tuple[ImageWork, int]] = []
    failed: list[tuple[ImageWork, str]] = []
    late: CopyOutcome | None = None
    for start in range(0, len(to_copy), BATCH):
        batch = to_copy[start : start + BATCH]
        outcomes = context.copier.copy([context.plan.order(image) for image in batch], context.copy_deadline_s)
        crash_points.reached("images.copied", batch[0].record_id)
        pairs = list(zip(batch, outcomes, strict=True))
        done += [(image, outcome.size_bytes) for image, outcome in pairs if outcome.failure is None]
        failed += [(i, o.failure) for i, o in pairs if o.failure is not None and not o.transient]
        late = next((outcome for outcome in outcomes if outcome.transient), None)
        if late is not None:
            break
    copied = CopiedImages(
        done=(*before, *(image for image, _ in done)),
        failed=tuple(failed),
        copied=tuple((image.record_id, size_bytes) for image, size_bytes in done),
    )
    return copied, None if late is None else ObjectStoreUnavailable(f"object {late.key}: {late.failure}")
