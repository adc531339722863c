"""The documents that a clone is made of: the original's fields passed through, its own parts in their place.

Pure: documents in, documents out. Fields that the engine does not know stay as they were, type for type.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from engine.core.model import Claim, DocId, ImageWork
from engine.edges.mongo.codec import fingerprint_of

Document = dict[str, Any]


def mark(claim: Claim, source_id: DocId) -> Document:
    """The ``clone`` sub-document of everything that the engine makes."""
    return {"funnel_id": claim.funnel_id, "source_id": source_id, "epoch": claim.epoch}


def new_step(original: Mapping[str, Any], claim: Claim, step_id: DocId, now: datetime) -> Document:
    """A step's placeholder (B9): every field of the original but its text, domain and tracking codes."""
    return {
        **{name: value for name, value in original.items() if name != "clone"},
        "_id": step_id,
        "funnel_id": claim.funnel_id,
        "original_step_id": original["_id"],
        "raw_html": None,
        "domain_id": None,
        "header_tracking_code": None,
        "footer_tracking_code": None,
        "version": round(now.timestamp() * 1000),
        "pending": True,
        "in_progress": False,
        "processed": {"images_processed": False, "forms_processed": False, "chat_plugin_processed": False},
        "createdAt": now,
        "updatedAt": now,
        "clone": {**mark(claim, original["_id"]), "attempts": 0},
    }


def new_components(claim: Claim, components_id: DocId, step_id: DocId, original_step_id: DocId) -> Document:
    """A components placeholder (B10)."""
    return {
        "_id": components_id,
        "account_id": claim.account_id,
        "funnel_id": claim.funnel_id,
        "step_id": step_id,
        "components": "{}",
        "errors": [],
        "clone": mark(claim, original_step_id),
    }


def finished_components(
    original: Mapping[str, Any] | None, claim: Claim, ids: tuple[DocId, DocId], text: str, errors: list[str]
) -> Document:
    """The components document as it shall stand; ``ids`` are its own and its step's."""
    components_id, step_id = ids
    passed_through = {k: v for k, v in (original or {}).items() if k != "clone"}
    source_id = None if original is None else original["_id"]
    return {
        **passed_through,
        "_id": components_id,
        "account_id": claim.account_id,
        "funnel_id": claim.funnel_id,
        "step_id": step_id,
        "components": text,
        "errors": errors,
        "clone": mark(claim, source_id),
    }


def new_image(
    original: Mapping[str, Any], claim: Claim, work: ImageWork, parent_account: DocId, location: str
) -> Document:
    """An image's record before its object stands (B14)."""
    additional = original.get("additionalInfo")
    known = additional if isinstance(additional, Mapping) else {}
    return {
        **{name: value for name, value in original.items() if name != "clone"},
        "_id": work.record_id,
        "ref_id": claim.funnel_id,
        "account_id": claim.account_id,
        "parent_account": parent_account,
        "uploaded": False,
        "source_key": work.source_key,
        "key": work.key,
        "origin": "funnels",
        "additionalInfo": {**known, "Bucket": work.bucket, "Location": location},
        "clone": mark(claim, original["_id"]),
    }


def new_form(original: Mapping[str, Any], claim: Claim, form_id: DocId, secret_id: str) -> Document:
    """A form's copy (B15): everything but its ids and account; its proof tells an edit, as a page's does."""
    made = {
        **{name: value for name, value in original.items() if name != "clone"},
        "_id": form_id,
        "form_secret_id": secret_id,
        "account_id": claim.account_id,
    }
    return {**made, "clone": {**mark(claim, original["_id"]), "proof": fingerprint_of(made)}}
