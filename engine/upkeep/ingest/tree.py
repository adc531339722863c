"""A page's blocks as its components tree: what the product's editor shows."""

import json
from typing import Any

from selectolax.lexbor import LexborNode

# Deeper content stays HTML in one block: neither Python's nor other readers' JSON takes any depth.
_DEEPEST = 40

_TYPES = {
    "a": "link",
    "button": "button",
    "iframe": "embed",
    "img": "image",
    "picture": "picture",
    "script": "script",
    "style": "style",
    "svg": "html",
    "template": "html",
    "noscript": "html",
    "pre": "html",
    "video": "video",
    **dict.fromkeys(("article", "aside", "footer", "header", "main", "nav", "section"), "section"),
    **dict.fromkeys(("h1", "h2", "h3", "h4", "h5", "h6"), "heading"),
    **dict.fromkeys(("ol", "ul"), "list"),
}
_VERBATIM = frozenset({"html", "script", "style"})


def components_tree(body: LexborNode | None, title: str, funnel_id: str, step_id: str) -> str:
    """The tree as JSON, made of the page after its references were rewritten."""
    blocks = [] if body is None else _blocks(body, 0)
    tree = {"type": "page", "title": title, "funnelId": funnel_id, "stepId": step_id, "blocks": blocks}
    return json.dumps(tree, ensure_ascii=False, separators=(",", ":"))


def _blocks(parent: LexborNode, depth: int) -> list[dict[str, Any]]:
    blocks: list[dict[str, Any]] = []
    for node in parent.iter(include_text=True):
        if node.is_text_node:
            text = " ".join((node.text_content or "").split())
            if text:
                blocks.append({"type": "text", "text": text})
        elif node.is_element_node:
            blocks.append(_block(node, depth))
    return blocks


def _block(node: LexborNode, depth: int) -> dict[str, Any]:
    tag = str(node.tag)
    kind = _TYPES.get(tag, "element")
    attributes = node.attributes
    if (attributes.get("src") or "").startswith("/userform/"):
        kind = "form"
    if kind in _VERBATIM or depth >= _DEEPEST:
        return {"type": kind if kind in _VERBATIM else "html", "html": node.html or ""}
    block: dict[str, Any] = {"type": kind, "tag": tag}
    if attributes:
        block["attributes"] = attributes
    children = _blocks(node, depth + 1)
    if children:
        block["blocks"] = children
    return block
