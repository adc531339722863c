"""``<form>`` elements: what they ask for, and the embed that takes their place."""

from collections.abc import Iterator
from dataclasses import dataclass
from html import escape
from typing import Any
from uuid import uuid4

from selectolax.lexbor import LexborNode

_ASKS_NOTHING = frozenset({"button", "hidden", "image", "reset", "submit"})


@dataclass(frozen=True, slots=True)
class Form:
    """A form that pages embed."""

    secret: str
    name: str
    fields: tuple[dict[str, Any], ...]


def form_of(node: LexborNode, page_title: str) -> Form:
    """What a form asks for, under a new secret id."""
    attributes = node.attributes
    named = (attributes.get(attribute) for attribute in ("aria-label", "title", "name", "id"))
    name = next((text.strip() for text in named if text and text.strip()), f"Form on {page_title}")
    return Form(str(uuid4()), name, tuple(_fields(node)))


def embed(form: Form) -> str:
    """The element that shows the form on its page."""
    return (
        f'<iframe class="userform" src="/userform/{form.secret}?embed=1" title="{escape(form.name)}" '
        'style="width:100%;min-height:24rem;border:0"></iframe>'
    )


def _fields(form: LexborNode) -> Iterator[dict[str, Any]]:
    labels = {label.attributes.get("for"): label.text(strip=True) for label in form.css("label[for]")}
    for number, node in enumerate(form.css("input, select, textarea"), 1):
        attributes = node.attributes
        kind = (attributes.get("type") or "text").lower() if node.tag == "input" else str(node.tag)
        if kind in _ASKS_NOTHING:
            continue
        name = attributes.get("name") or attributes.get("id") or f"field{number}"
        label = labels.get(attributes.get("id")) or attributes.get("aria-label") or attributes.get("placeholder")
        field: dict[str, Any] = {
            "name": name,
            "label": label or name,
            "type": kind,
            "required": "required" in attributes,
        }
        if node.tag == "select":
            field["options"] = [option.text(strip=True) for option in node.css("option")]
        yield field
