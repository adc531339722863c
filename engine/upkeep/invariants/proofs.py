"""What ``clone.proof`` tells of a page's texts: hashes of what was read, and of what was written."""

from collections.abc import Mapping
from hashlib import sha256
from typing import Any

from engine.upkeep.invariants.records import sub_document


def fingerprint(text: Any) -> str:
    """The hash that a proof holds; empty for what is no text."""
    return sha256(text.encode("utf-8", "surrogatepass")).hexdigest() if isinstance(text, str) else ""


def proved(step: Mapping[str, Any], name: str) -> tuple[str | None, str | None]:
    """What a step's proof tells of one text: hashes of what was read, and of what was written."""
    proof = sub_document(sub_document(step, "clone"), "proof")
    return proof.get(f"{name}_read"), proof.get(f"{name}_written")
