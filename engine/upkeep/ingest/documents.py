"""What an import writes, in the product's shapes (docs/contract.md, section 1). Pure; times are set by the server."""

from collections.abc import Sequence
from typing import Any

from bson import Int64, ObjectId

from engine.upkeep.ingest.assets import Asset
from engine.upkeep.ingest.forms import Form

Document = dict[str, Any]


def image_record(asset: Asset, size_bytes: int, funnel_id: ObjectId, account: Document, bucket: str) -> Document:
    """The record of an uploaded file; ``account`` is the owner's document."""
    return {
        "_id": asset.record_id,
        "ref_id": funnel_id,
        "account_id": account["_id"],
        "parent_account": account.get("parent_account"),
        "fileName": asset.file_name,
        "fileSize": Int64(size_bytes),
        "uploaded": True,
        "key": asset.key,
        "origin": "funnels",
        "additionalInfo": {"Bucket": bucket, "ContentType": asset.content_type, "Location": asset.url},
    }


def form_document(form: Form, account_id: Any) -> Document:
    """The form that a page embeds."""
    return {
        "_id": ObjectId(),
        "form_secret_id": form.secret,
        "account_id": account_id,
        "form_name": form.name,
        "fields": list(form.fields),
    }


def components_document(tree: str, step_id: ObjectId, funnel_id: ObjectId, account_id: Any) -> Document:
    """A page's components; ``tree`` is JSON."""
    return {
        "_id": ObjectId(),
        "account_id": account_id,
        "funnel_id": funnel_id,
        "step_id": step_id,
        "components": tree,
        "errors": [],
    }


def step_document(step_id: ObjectId, funnel_id: ObjectId, title: str, path: str, html: str) -> Document:
    """A page; ``path`` is where it lay in the folder."""
    return {
        "_id": step_id,
        "funnel_id": funnel_id,
        "name": title,
        "path": path,
        "raw_html": html,
        "domain_id": None,
        "header_tracking_code": "",
        "footer_tracking_code": "",
        "pending": False,
        "in_progress": False,
    }


def funnel_document(
    funnel_id: ObjectId, name: str, account_id: Any, steps: Sequence[ObjectId], *, chat: bool
) -> Document:
    """The funnel itself: with it, and not before, the import can be seen."""
    return {
        "_id": funnel_id,
        "name": name,
        "account_id": account_id,
        "pending": False,
        "in_progress": False,
        "steps": list(steps),
        "live_chat_widget": chat,
    }
