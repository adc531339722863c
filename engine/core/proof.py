"""``clone.proof``: hashes of what was read and what was written, by which an edit of a cloned page is told."""

from collections.abc import Mapping
from hashlib import sha256
from typing import Any


def fingerprint(text: str | None) -> str:
    """SHA-256 of the text's UTF-8, in hex; empty for null."""
    return "" if text is None else sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def edited_texts(proof: object, html: object, components: object) -> tuple[str, ...]:
    """Which of a page's texts are not those that its clone wrote: ``html``, ``components``.

    A page without a proof is the old system's: whether it was edited cannot be told, so both are named.
    """
    written: Mapping[str, Any] = proof if isinstance(proof, Mapping) else {}
    texts = {"html": html, "components": components}
    return tuple(name for name, text in texts.items() if not _as_written(text, written.get(f"{name}_written")))


def _as_written(text: object, written: object) -> bool:
    return (text is None or isinstance(text, str)) and fingerprint(text) == written
