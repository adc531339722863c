"""What an undo will remove, has removed, or will not, as commands and calls tell it."""

from typing import Any

from engine.edges.mongo.undo_look import Edited, Found
from engine.edges.mongo.undo_parts import Stranger
from engine.settings import S3Settings
from engine.upkeep.undo import Begun, Undone

_DAY_S = 86_400.0


def told_found(found: Found) -> dict[str, Any]:
    """What is there to be removed."""
    parts = found.parts
    return {
        "funnel_id": str(found.funnel_id),
        "name": found.name,
        "was": found.was,
        "steps": parts.steps,
        "components": parts.components,
        "images": parts.images,
        "bytes": parts.image_bytes,
        "forms": parts.forms,
        "stays": _strangers(parts.strangers),
    }


def told_begun(begun: Begun) -> dict[str, Any]:
    """What is being removed."""
    parts = begun.parts
    return {
        "funnel_id": str(begun.funnel_id),
        "state": "undoing",
        "was": begun.was,
        "steps": parts.steps,
        "components": parts.components,
        "images": parts.images,
        "bytes": parts.image_bytes,
        "forms": parts.forms,
        "resumed": begun.resumed,
    }


def told(undone: Undone) -> dict[str, Any]:
    """What was removed."""
    counts = ("steps", "components", "images", "objects", "objects_kept", "bytes", "forms")
    return {
        "funnel_id": str(undone.begun.funnel_id),
        "state": undone.state,
        "was": undone.begun.was,
        **{name: getattr(undone, name) for name in counts},
        "funnel_kept": undone.funnel_kept,
        "stays": _strangers(undone.strangers),
        "resumed": undone.begun.resumed,
    }


def refusal(outcome: Edited) -> str:
    """Why nothing was removed, in a sentence."""
    count = len(outcome.parts)
    what = "1 part was" if count == 1 else f"{count} parts were"
    return f"clone {outcome.funnel_id}: {what} edited since; nothing was removed"


def told_edited(outcome: Edited) -> list[dict[str, Any]]:
    """What hinders an undo."""
    return [{"kind": part.kind, "id": str(part.id), "name": part.name, "reason": part.reason} for part in outcome.parts]


def warnings(found: Found, s3: S3Settings) -> list[str]:
    """What whoever says yes should know."""
    sentences = []
    young = found.age_s is None or found.age_s < s3.min_storage_days * _DAY_S
    if s3.min_storage_days and young and found.parts.images:
        sentences.append(
            f"the store bills an object for {s3.min_storage_days:g} days (s3.min_storage_days): "
            f"these {found.parts.images} images are younger, and go on to be billed when they are gone"
        )
    if found.was == "completed" and found.age_s is None:
        sentences.append("the old system made it: forms that it copied name no source, cannot be told, and stay")
    if found.parts.strangers:
        sentences.append("the funnel is kept: pages or images stand in it that the clone did not make")
    return sentences


def _strangers(strangers: tuple[Stranger, ...] | list[Stranger] | Any) -> list[dict[str, Any]]:
    return [{"kind": each.kind, "id": str(each.id), "name": each.name} for each in strangers]
