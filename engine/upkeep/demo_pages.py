"""The demo's pages as files to open in a browser: each original and its clone, with the pictures inside."""

import re
from base64 import b64encode
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any
from urllib.parse import quote

from engine.edges.mongo.client import Store
from engine.local.folders import private_folder
from engine.upkeep.demo_index import index_of

Fetch = Callable[[str, str], bytes]
"""Bucket and key -> an object's content."""


@dataclass(frozen=True, slots=True)
class Pair:
    """A funnel and its clone."""

    name: str
    original_id: Any
    clone_id: Any


@dataclass(frozen=True, slots=True)
class PagePair:
    """One page and its clone, as files beside the index."""

    title: str
    original: str
    clone: str


def write_pages(folder: Path, store: Store, fetch: Fetch, endpoint_url: str, pairs: Sequence[Pair]) -> Path:
    """Write every page of every pair into ``folder`` (private, made if need be), and an index. Overwrites.

    Args:
        folder: Where the pages of the last demo may lie.
        store: The database of both.
        fetch: Reads a picture by its bucket and key.
        endpoint_url: What the pictures' addresses on the pages begin with.
        pairs: What was cloned.

    Returns:
        The index, which shows original and clone side by side.
    """
    sections = []
    for number, pair in enumerate(pairs, 1):
        sub_folder = private_folder(folder / str(number))
        originals = _written(sub_folder, "original", store, fetch, endpoint_url, pair.original_id)
        clones = _written(sub_folder, "clone", store, fetch, endpoint_url, pair.clone_id)
        pages = [
            PagePair(title, f"{number}/{original}", f"{number}/{clone}")
            for (title, original), (_, clone) in zip(originals, clones, strict=False)
        ]
        sections.append((pair.name, str(pair.original_id), str(pair.clone_id), pages))
    index = folder / "index.html"
    index.write_text(index_of(sections), "utf-8")
    return index


def _written(
    folder: Path, prefix: str, store: Store, fetch: Fetch, endpoint_url: str, funnel_id: Any
) -> list[tuple[str, str]]:
    """Title and file name of each page of the funnel, in its order."""
    funnel = store.funnels.find_one({"_id": funnel_id}) or {}
    steps = {step["_id"]: step for step in store.steps.find({"funnel_id": funnel_id})}
    ordered = [steps[step_id] for step_id in funnel.get("steps", ()) if step_id in steps]
    files = {str(step["_id"]): f"{prefix}-{number}.html" for number, step in enumerate(ordered, 1)}
    pictures = _pictures(store, fetch, endpoint_url, funnel_id)
    links = {f"/funnel/{funnel_id}/step/{step_id}": file for step_id, file in files.items()}
    for step in ordered:
        path = folder / files[str(step["_id"])]
        path.write_text(self_contained(step["raw_html"] or "", {**pictures, **links}), "utf-8")
    return [(str(step.get("name", "")), files[str(step["_id"])]) for step in ordered]


def _pictures(store: Store, fetch: Fetch, endpoint_url: str, funnel_id: Any) -> dict[str, str]:
    """Address as it stands on a page -> the picture itself, as a ``data:`` URI."""
    found = {}
    for record in store.images.find({"ref_id": funnel_id, "uploaded": True}):
        more = record["additionalInfo"]
        content = b64encode(fetch(more["Bucket"], record["key"])).decode("ascii")
        base = f"{endpoint_url.rstrip('/')}/{more['Bucket']}/"
        address = base + quote(record["key"], safe=":/?#[]@!$&'()*+,;=~")
        found[escape(address)] = f"data:{more['ContentType']};base64,{content}"
    return found


def self_contained(html: str, replacements: dict[str, str]) -> str:
    """The page with each address replaced, none twice. Pure.

    A ``srcset`` goes: its commas part pictures, and a ``data:`` URI holds one. A form, which its product would serve,
    tells its id.
    """
    html = re.sub(r' srcset="[^"]*"', "", html)
    html = re.sub(r' src="/userform/([^"?]+)[^"]*"', _form, html)
    if not replacements:
        return html
    longest_first = sorted(replacements, key=len, reverse=True)
    return re.sub("|".join(map(re.escape, longest_first)), lambda found: replacements[found[0]], html)


def _form(found: re.Match[str]) -> str:
    said = f"<p style='font:15px system-ui;color:#667;text-align:center'>The form <code>{found[1]}</code></p>"
    return f' srcdoc="{escape(said)}"'
