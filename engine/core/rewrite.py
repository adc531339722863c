"""Replaces references in one pass over the original text (B13). Pure."""

from collections.abc import Mapping, Sequence

from engine.core.model import Identity
from engine.core.spellings import Reference


def rewrite(text: str, references: Sequence[Reference], replacements: Mapping[Identity, str]) -> str:
    """The text with each reference that has a replacement moved to it, in the spelling that it was found in.

    ``references`` are ordered and disjoint, as the finder gives them. What is written is never read again, so no
    replacement can be hit by another (D17). All else stays byte for byte, references without a replacement too.
    """
    pieces: list[str] = []
    read = 0
    for start, end, identity, spelling in references:
        replacement = replacements.get(identity)
        if replacement is not None:
            pieces += (text[read:start], spelling.respell(replacement, text, start))
            read = end
    pieces.append(text[read:])
    return "".join(pieces)
