"""Looks for what of the original is left in a clone's text in any encoding, and for what leads elsewhere. Pure."""

import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

from engine.upkeep.invariants.decoding import Layer
from engine.upkeep.invariants.finding import Finder, Occurrence
from engine.upkeep.invariants.spelling import UUID, embedded_forms

_SHOWN = 60
_LINK = re.compile(r"(?:funnel|step)/([0-9a-f]{24})(?![0-9A-Za-z_])")
_FORM = re.compile(r"/userform/([A-Za-z0-9](?:[A-Za-z0-9_.~-]*[A-Za-z0-9_~-])?)")
_KEY_END = r"""[^\s"'<>?#&)\\,]+"""


@dataclass(frozen=True, slots=True)
class Remain:
    """Something of the original's in a text of the clone."""

    occurrence: Occurrence
    at: int
    """Offset in the text as it is stored."""
    shown: str
    """The stored text from there on."""


def remains(stack: Sequence[Layer], finder: Finder, errors: Sequence[str], *, plain: bool) -> Iterator[Remain]:
    """References to the original in a text of the clone, each once.

    Args:
        stack: The text as it is stored, then with one layer of escapes less, and so on.
        finder: Looks for the original's references, and for the clone's own that may hold one within.
        errors: Recorded failures: they allow what they name to stay.
        plain: Also those that stand in the text in a known spelling.
    """
    ours = {target for reference in finder.references for target in reference.targets}
    known_there = finder.look(stack[0].text) if plain else finder.find(stack[0])
    spans = [(found.start, found.end) for found in known_there]
    seen: set[int] = set()
    for layer in stack if plain else stack[1:]:
        for found in finder.look(layer.text):
            reference = found.reference
            named = reference.kind != "id" and any(reference.text in error for error in errors)
            if found.optional or named or reference.kind == "own" or reference.text in ours:
                continue
            at = layer.origin(found.start)
            known = layer.source is not None and any(start <= at < end for start, end in spans)
            if at not in seen and not known:
                seen.add(at)
                yield Remain(found, at, stack[0].text[at : at + _SHOWN])


def encoded_forms(stack: Sequence[Layer]) -> list[str]:
    """Ids of the forms that a text embeds in an encoding that hides it from a plain look; each once."""
    plain = set(embedded_forms(stack[0].text))
    found = dict.fromkeys(secret for layer in stack[1:] for secret in _FORM.findall(layer.text))
    return [secret for secret in found if secret not in plain]


def elsewhere(text: str, known: Collection[str], buckets: Collection[str]) -> list[str]:
    """References of the product's own kind that lead to neither the clone nor its original; each once.

    Args:
        text: Without escapes.
        known: Ids, form ids, and the first parts of keys that are the clone's or the original's.
        buckets: Where the images of both lie.
    """
    found = [f"id {match[1]}" for match in _LINK.finditer(text) if match[1] not in known]
    found += [f"form {match[1]}" for match in _FORM.finditer(text) if match[1] not in known]
    for bucket in buckets:
        url = rf"(?<![\w.-]){re.escape(bucket)}(?:\.[\w.-]+(?::\d+)?)?/(({UUID})/{_KEY_END})"
        found += [f"image {match[1]}" for match in re.finditer(url, text) if match[2] not in known]
    return list(dict.fromkeys(found))
