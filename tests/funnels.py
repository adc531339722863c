"""Builds originals for tests and benchmarks: as awkward as the product's own, and of any size.

What makes them awkward by default: images that share file names, a key that is the beginning of another, keys with
spaces and letters beyond ASCII, references in every spelling, forms on several pages, text full of ``$1`` and
backslashes, and unknown fields of every BSON type.
"""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from random import Random
from typing import Any
from urllib.parse import quote
from uuid import UUID

from bson import Binary, Decimal128, Int64, ObjectId, Regex, Timestamp

from tests.funnel_pages import Image, Parts, components, html

PREVIEW_DOMAIN = "preview.example.com"
TOKEN = "support-token-of-the-preview-domain"

_MADE_AT = datetime(2024, 2, 29, 12, 34, 56, 789000, tzinfo=UTC)
_UPLOADS = 8


def unknown_fields() -> dict[str, Any]:
    """Fields that the engine does not know: one of each BSON type that products use."""
    return {
        "price": Decimal128("19.90"),
        "fingerprint": Binary(b"\x00\x01\xff", 0),
        "legacy_uuid": Binary(UUID(int=77).bytes, 4),
        "published_at": _MADE_AT,
        "visits": Int64(7),
        "small_number": 7,
        "whole_double": 7.0,
        "route": Regex("^/a.*$", "i"),
        "operation_time": Timestamp(1_700_000_000, 3),
        "nothing": None,
        "settings": {"seo": {"title": "T", "words": ["a", 1, 2.0, Int64(3), None]}, "empty": {}, "list": []},
    }


def build_funnel(
    database: Any,
    s3: Any,
    bucket: str,
    *,
    steps: int = 8,
    images: int = 35,
    image_bytes: int = 100_000,
    forms: int = 2,
    html_bytes: int = 60_000,
    components_bytes: int = 80_000,
    account: Any = None,
    sub_account: bool = False,
    chat: bool = False,
    shared_images: bool = True,
    unlisted: int = 0,
    null_html: bool = False,
    seed: int = 1,
) -> ObjectId:
    """Put an original into the database and its images into the bucket; its ``_id``.

    ``account``: an existing account's id, else a new account with users is made (``sub_account``: with a parent).
    ``unlisted``: so many steps that the funnel's ``steps`` does not name. ``null_html``: the last page has none.
    """
    draw = Random(seed)
    account_id = _account(database, sub_account=sub_account) if account is None else account
    base = f"{s3.meta.endpoint_url.rstrip('/')}/{bucket}"
    parts = Parts(
        funnel_id=ObjectId(),
        account_id=account_id,
        step_ids=[ObjectId() for _ in range(steps)],
        images=_images(images, base),
        forms=[str(_uuid()) for _ in range(forms)],
        chat=chat,
        shared_images=shared_images,
    )
    _upload(s3, bucket, parts.images, [draw.randbytes(image_bytes) for _ in parts.images])
    _insert(database, "sites_images", [_image_record(image, parts, bucket, image_bytes) for image in parts.images])
    _insert(database, "forms", [_form(secret, parts) for secret in parts.forms])
    for place, step_id in enumerate(parts.step_ids):
        page = html(parts, place, html_bytes)
        empty = null_html and place == steps - 1
        database["funnel.step"].insert_one(_step(parts, step_id, place, None if empty else page))
        database["funnel.step.components"].insert_one(_components(parts, step_id, place, components_bytes))
    if chat:
        database["support_tokens"].replace_one(
            {"domain": PREVIEW_DOMAIN}, {"domain": PREVIEW_DOMAIN, "token": TOKEN}, upsert=True
        )
    listed = parts.step_ids[: steps - unlisted]
    # The second page first: the funnel's order is not that of the ids.
    database["funnels"].insert_one(_funnel(parts, [*listed[1:], *listed[:1]]))
    return parts.funnel_id


def request_clone(database: Any, original_id: Any, account_id: Any = None) -> ObjectId:
    """Ask for a clone as the product does; for the original's account unless another is given."""
    original = database["funnels"].find_one({"_id": original_id}) or {}
    request = {
        "name": f"{original.get('name')} (Clone)",
        "account_id": original.get("account_id") if account_id is None else account_id,
        "original_funnel_id": original_id,
        "pending": True,
    }
    inserted: ObjectId = database["funnels"].insert_one(request).inserted_id
    return inserted


def _uuid() -> UUID:
    # Made of ObjectIds, which never repeat: tests that build several funnels share no key.
    return UUID(bytes=ObjectId().binary + b"\x40\x00\x80\x00")


def _account(database: Any, *, sub_account: bool) -> ObjectId:
    account: dict[str, Any] = {"_id": ObjectId(), "name": "An account"}
    if sub_account:
        account["parent_account"] = ObjectId()
        database["_accounts"].insert_one({"_id": account["parent_account"], "name": "Its parent"})
    database["_accounts"].insert_one(account)
    database["users"].insert_many(
        [{"account": account["_id"], "active": active, "name": str(n)} for n, active in enumerate((True, True, False))]
    )
    return ObjectId(account["_id"])


def _images(count: int, base: str) -> list[Image]:
    # File names repeat from 7 images on (D10).
    names = ["hero.png", "team photo.png", "café.png", "a&b.png", "logo.svg", "plain.jpg"]
    made: list[Image] = []
    for n in range(count):
        if n == 2:
            # A key that another one begins with (D17).
            file_name, key = made[0].file_name + ".webp", made[0].key + ".webp"
        else:
            file_name = names[n % len(names)]
            key = f"{_uuid()}/{file_name}"
        made.append(Image(key, file_name, f"{base}/{key}"))
    return made


def _upload(s3: Any, bucket: str, images: Sequence[Image], contents: Sequence[bytes]) -> None:
    def put(image: Image, content: bytes) -> None:
        s3.put_object(
            Bucket=bucket, Key=image.key, Body=content, ContentType="image/png", Metadata={"made-by": "a test"}
        )

    with ThreadPoolExecutor(_UPLOADS) as threads:
        for _ in threads.map(put, images, contents):
            pass


def _insert(database: Any, collection: str, documents: Sequence[dict[str, Any]]) -> None:
    if documents:
        database[collection].insert_many(documents)


def _image_record(image: Image, parts: Parts, bucket: str, size: int) -> dict[str, Any]:
    return {
        "ref_id": parts.funnel_id,
        "account_id": parts.account_id,
        "parent_account": None,
        "fileName": image.file_name,
        "fileSize": Int64(size),
        "uploaded": True,
        "key": image.key,
        "origin": "funnels",
        "additionalInfo": {
            "Bucket": bucket,
            "ContentType": "image/png",
            "Location": image.url.removesuffix(image.key) + quote(image.key),
            "ETagAtUpload": Decimal128("1.0"),
        },
        "tags": ["a", Int64(1)],
    }


def _form(secret: str, parts: Parts) -> dict[str, Any]:
    return {
        "form_secret_id": secret,
        "account_id": parts.account_id,
        "form_name": "Sign-up",
        **unknown_fields(),
        "createdAt": _MADE_AT,
        "updatedAt": _MADE_AT,
    }


def _components(parts: Parts, step_id: ObjectId, place: int, size: int) -> dict[str, Any]:
    return {
        "account_id": parts.account_id,
        "funnel_id": parts.funnel_id,
        "step_id": step_id,
        "components": components(parts, place, size),
        "errors": [],
        "layout": {"columns": Int64(2)},
    }


def _step(parts: Parts, step_id: ObjectId, place: int, page: str | None) -> dict[str, Any]:
    return {
        "_id": step_id,
        "funnel_id": parts.funnel_id,
        "name": f"Page {place}",
        "raw_html": page,
        "domain_id": ObjectId(),
        "header_tracking_code": "<script>track('head')</script>",
        "footer_tracking_code": "<script>track('foot')</script>",
        "version": Int64(1_709_210_096_789 + place),
        "pending": False,
        "in_progress": False,
        **unknown_fields(),
        "createdAt": _MADE_AT,
        "updatedAt": _MADE_AT,
    }


def _funnel(parts: Parts, listed: Sequence[ObjectId]) -> dict[str, Any]:
    return {
        "_id": parts.funnel_id,
        "name": "An original",
        "account_id": parts.account_id,
        "pending": False,
        "in_progress": False,
        "steps": list(listed),
        "live_chat_widget": parts.chat,
        **unknown_fields(),
        "createdAt": _MADE_AT,
        "updatedAt": _MADE_AT,
    }
