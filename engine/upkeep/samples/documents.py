"""The documents of a sample funnel, in the product's shapes (docs/contract.md, section 1). Pure.

Ids are derived from names: bringing the samples in again writes the same documents.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any
from urllib.parse import quote
from uuid import NAMESPACE_URL, uuid5

from bson import Int64, ObjectId

from engine.upkeep.samples import pictures
from engine.upkeep.samples.blocks import html, resolved
from engine.upkeep.samples.content import Funnel, Page

Document = dict[str, Any]

_MADE_AT = datetime(2024, 3, 4, 9, 30, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Image:
    """An object to be stored."""

    key: str
    file_name: str
    content_type: str
    content: bytes


@dataclass(frozen=True, slots=True)
class Written:
    """All documents of a sample by collection, and its objects."""

    funnel_id: ObjectId
    account_id: ObjectId
    images: tuple[Image, ...]
    documents: Mapping[str, list[Document]] = field(repr=False)


def derived_id(*names: str) -> ObjectId:
    """An id made of names, the same each time."""
    return ObjectId(sha256("/".join(("sample", *names)).encode()).digest()[:12])


def written(funnel: Funnel, bucket: str, endpoint_url: str, preview_domain: str) -> Written:
    """Draw the pictures, write the pages, and describe both in documents."""
    funnel_id = derived_id(funnel.name)
    account_id = derived_id("account", funnel.account)
    images = _images(funnel)
    base = f"{endpoint_url.rstrip('/')}/{bucket}"
    addresses = {
        **{f"image:{name}": f"{base}/{image.key}" for name, image in images.items()},
        **{f"page:{page.name}": f"/funnel/{funnel_id}/step/{_step_id(funnel, page)}" for page in funnel.pages},
        **{f"form:{name}": f"/userform/{_form_secret(funnel, name)}" for name in funnel.forms},
    }
    return Written(
        funnel_id,
        account_id,
        tuple(images.values()),
        {
            "_accounts": _accounts(funnel, account_id),
            "users": _users(funnel, account_id),
            "support_tokens": [_support_token(preview_domain)],
            "forms": [_form(funnel, name, title, account_id) for name, title in funnel.forms.items()],
            "sites_images": [_image_record(funnel, image, account_id, bucket, base) for image in images.values()],
            "funnel.step": [_step(funnel, page, addresses) for page in funnel.pages],
            "funnel.step.components": [_components(funnel, page, account_id, addresses) for page in funnel.pages],
            "funnels": [_funnel(funnel, account_id)],
        },
    )


def _images(funnel: Funnel) -> dict[str, Image]:
    drawn = {
        name: (picture.file_name, "image/png", picture.draw(picture.seed, *picture.colours))
        for name, picture in funnel.pictures.items()
    }
    mark = pictures.logo(funnel.account[0], *funnel.brand_colours)
    return {
        name: Image(f"{uuid5(NAMESPACE_URL, f'{funnel.name}/{name}')}/{file_name}", file_name, kind, content)
        for name, (file_name, kind, content) in {**drawn, "logo": ("logo.svg", "image/svg+xml", mark)}.items()
    }


def _step_id(funnel: Funnel, page: Page) -> ObjectId:
    return derived_id(funnel.name, "step", page.name)


def _form_secret(funnel: Funnel, name: str) -> str:
    return str(uuid5(NAMESPACE_URL, f"{funnel.name}/form/{name}"))


def _accounts(funnel: Funnel, account_id: ObjectId) -> list[Document]:
    if funnel.parent_account is None:
        return [{"_id": account_id, "name": funnel.account}]
    parent_id = derived_id("account", funnel.parent_account)
    return [
        {"_id": parent_id, "name": funnel.parent_account},
        {"_id": account_id, "name": funnel.account, "parent_account": parent_id},
    ]


def _users(funnel: Funnel, account_id: ObjectId) -> list[Document]:
    return [
        {"_id": derived_id("user", funnel.account, name), "name": name, "account": account_id, "active": active}
        for name, active in (("owner", True), ("editor", True), ("former editor", False))
    ]


def _support_token(preview_domain: str) -> Document:
    token = str(uuid5(NAMESPACE_URL, f"token/{preview_domain}"))
    return {"_id": derived_id("token", preview_domain), "domain": preview_domain, "token": token}


def _form(funnel: Funnel, name: str, title: str, account_id: ObjectId) -> Document:
    return {
        "_id": derived_id(funnel.name, "form", name),
        "form_secret_id": _form_secret(funnel, name),
        "account_id": account_id,
        "form_name": title,
        "fields": [
            {"name": "email", "label": "E-mail", "required": True},
            {"name": "message", "label": "Message", "required": False},
        ],
        "submissions_limit": Int64(10_000),
        "createdAt": _MADE_AT,
        "updatedAt": _MADE_AT,
    }


def _image_record(funnel: Funnel, image: Image, account_id: ObjectId, bucket: str, base: str) -> Document:
    return {
        "_id": derived_id(funnel.name, "image", image.key),
        "ref_id": derived_id(funnel.name),
        "account_id": account_id,
        "parent_account": derived_id("account", funnel.parent_account) if funnel.parent_account else None,
        "fileName": image.file_name,
        "fileSize": len(image.content),
        "uploaded": True,
        "key": image.key,
        "origin": "funnels",
        "additionalInfo": {
            "Bucket": bucket,
            "ContentType": image.content_type,
            "Location": f"{base}/{quote(image.key)}",
        },
        "createdAt": _MADE_AT,
        "updatedAt": _MADE_AT,
    }


def _step(funnel: Funnel, page: Page, addresses: Mapping[str, str]) -> Document:
    funnel_id = derived_id(funnel.name)
    return {
        "_id": _step_id(funnel, page),
        "funnel_id": funnel_id,
        "name": page.title,
        "raw_html": html(page.title, str(funnel_id), resolved(page.blocks, addresses), funnel.colours),
        "domain_id": derived_id(funnel.name, "domain"),
        "header_tracking_code": "<!-- header tracking of the original -->",
        "footer_tracking_code": "<!-- footer tracking of the original -->",
        "version": Int64(_MADE_AT.timestamp() * 1000),
        "pending": False,
        "in_progress": False,
        "settings": {"seo": {"title": page.title, "index": True}, "published_at": _MADE_AT, "visits": Int64(0)},
        "createdAt": _MADE_AT,
        "updatedAt": _MADE_AT,
    }


def _components(funnel: Funnel, page: Page, account_id: ObjectId, addresses: Mapping[str, str]) -> Document:
    tree = {
        "type": "page",
        "funnelId": str(derived_id(funnel.name)),
        "stepId": str(_step_id(funnel, page)),
        "blocks": resolved(page.blocks, addresses),
    }
    text = json.dumps(tree, ensure_ascii=False, separators=(",", ":"))
    return {
        "_id": derived_id(funnel.name, "components", page.name),
        "account_id": account_id,
        "funnel_id": derived_id(funnel.name),
        "step_id": _step_id(funnel, page),
        "components": text.replace("/", "\\/") if funnel.slashes_escaped else text,
        "errors": [],
    }


def _funnel(funnel: Funnel, account_id: ObjectId) -> Document:
    return {
        "_id": derived_id(funnel.name),
        "name": funnel.name,
        "account_id": account_id,
        "pending": False,
        "in_progress": False,
        "steps": [_step_id(funnel, page) for page in funnel.pages],
        "live_chat_widget": funnel.chat,
        "settings": {"currency": "EUR", "launched_at": _MADE_AT, "favicon": None},
        "createdAt": _MADE_AT,
        "updatedAt": _MADE_AT,
    }
