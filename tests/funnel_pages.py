"""The texts of test funnels' pages: every reference in every spelling, between text that looks like more of them."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import Any
from urllib.parse import quote
from uuid import UUID

from bson import ObjectId

ORIGINAL_CHAT_KEY = "chat-key-of-the-original"

_FILLER = (
    "Grüße aus Köln: we pay $1 and $& back \\1, 100% «fair» 🙂 even at 50 % off. "
    "Ask for user forms, images and steps; nothing here is a reference. "
)


@dataclass(frozen=True)
class Image:
    key: str
    file_name: str
    url: str


@dataclass(frozen=True)
class Parts:
    """What pages refer to."""

    funnel_id: ObjectId
    account_id: Any
    step_ids: Sequence[ObjectId]
    images: Sequence[Image]
    forms: Sequence[str]
    chat: bool
    shared_images: bool


def components(parts: Parts, place: int, size: int) -> str:
    """The page's components tree as a JSON string of about ``size`` characters."""
    tree = {
        "type": "page",
        "stepId": str(parts.step_ids[place]),
        "funnelId": str(parts.funnel_id),
        "blocks": [{"type": "image", "src": image.url, "srcset": f"{image.url} 2x"} for image in _used(parts, place)],
        "forms": [{"type": "form", "url": f"/userform/{secret}?embed=1"} for secret in _embedded(parts, place)],
        "links": [{"type": "link", "href": _link(parts, other)} for other in parts.step_ids],
        "html": f"<div data-funnel-id='{parts.funnel_id}'>{_chat(parts)}</div>",
    }
    tree["filler"] = _filler(size - len(json.dumps(tree, ensure_ascii=False)))
    # JSON as three writers spell it: JSON.stringify, one that escapes slashes, one that escapes all but ASCII.
    text = json.dumps(tree, ensure_ascii=place % 3 == 2, separators=(",", ":"))
    if place % 3 == 1:
        text = text.replace("/", "\\/")
    return text


def html(parts: Parts, place: int, size: int) -> str:
    """The page as published, of about ``size`` characters."""
    pictures = []
    for n, image in enumerate(_used(parts, place)):
        url = [image.url, quote(image.url, safe=":/"), escape(image.url)][n % 3]
        pictures.append(f'<img src="{url}" srcset="{url} 1x, {url} 2x"><i style="background:url(\'{url}\')"></i>')
    links = [f'<a href="{_link(parts, step_id)}">go</a>' for step_id in parts.step_ids]
    forms = [f'<iframe src="/userform/{secret}?embed=1"></iframe>' for secret in _embedded(parts, place)]
    head = f'<!DOCTYPE html>\n<html><body data-funnel-id="{parts.funnel_id}">\n'
    foreign = f'<img src="{_foreign_url(parts)}">'
    body = "\n".join([head, *pictures, *links, *forms, foreign, _chat(parts)])
    return f"{body}\n<p>{_filler(size - len(body))}</p>\n</body></html>\n"


def _used(parts: Parts, place: int) -> list[Image]:
    """Each image is on one page, or on two neighbouring ones."""
    pages = len(parts.step_ids)
    wanted = {place, (place + 1) % pages} if parts.shared_images else {place}
    return [image for n, image in enumerate(parts.images) if n % pages in wanted]


def _embedded(parts: Parts, place: int) -> list[str]:
    """The first form is on each page, the others on one page in two."""
    return [secret for n, secret in enumerate(parts.forms) if n == 0 or (place + n) % 2]


def _link(parts: Parts, step_id: ObjectId) -> str:
    return f"/funnel/{parts.funnel_id}/step/{step_id}"


def _foreign_url(parts: Parts) -> str:
    """An image of no funnel of ours: its reference stays."""
    return f"https://cdn.example.com/{UUID(int=5)}/{len(parts.images)}.png"


def _chat(parts: Parts) -> str:
    source = 'src="https://chat.example.com/w.js"'
    return f'<script {source} api-key="{ORIGINAL_CHAT_KEY}" custom-chat-widget="true"></script>' if parts.chat else ""


def _filler(size: int) -> str:
    return (_FILLER * (size // len(_FILLER) + 1))[: max(0, size)]
