"""What is wrong with an original before any page of it is read."""

from engine.core.identity import is_strong_id, is_strong_key, text_of
from engine.core.model import Claim, FunnelPlan, Rejected
from engine.edges.mongo.client import Document, Store
from engine.flow.ancestry import obstacle
from engine.upkeep.plan.problems import Kind, Problems


def check_original(store: Store, claim: Claim, original: Document, problems: Problems) -> None:
    """An original that is itself no finished funnel."""
    hindrance = obstacle(store, claim, original)
    if hindrance is not None:
        kind: Kind = "original_parked" if isinstance(hindrance, Rejected) else "original_unfinished"
        problems.add(kind, f"funnels/{claim.original_id}", hindrance.reason)


def check_structure(original: Document, plan: FunnelPlan, problems: Problems) -> None:
    """Pages that are gone, records without keys, and identities that are too weak to be told by themselves."""
    listed = original.get("steps")
    there = {repr(work.original_id) for work in plan.steps}
    for step_id in listed if isinstance(listed, list) else []:
        if repr(step_id) not in there:
            problems.add(
                "step_missing", f"funnel.step/{step_id}", "the funnel's steps name it, and it has no such page"
            )
    for failure in plan.failures:
        problems.add("image_without_key", f"sites_images/{failure.source}", failure.reason)
    _check_identities(plan, problems)


def _check_identities(plan: FunnelPlan, problems: Problems) -> None:
    funnel = text_of(plan.claim.original_id)
    for text in plan.ids:
        if not is_strong_id(text):
            detail = "the id is short: only behind funnel/ and step/ it is replaced"
            problems.add("weak_identity", f"{'funnels' if text == funnel else 'funnel.step'}/{text}", detail)
    for image in plan.images:
        if not is_strong_key(image.source_key):
            detail = "the key is short: only in the object's URL it is replaced"
            problems.add("weak_identity", f"{image.bucket}/{image.source_key}", detail)
