"""Tells which forms the pages of an original embed: each is then the funnel's, wherever its id stands on a page."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from engine.upkeep.invariants.decoding import Layer
from engine.upkeep.invariants.proofs import fingerprint, proved
from engine.upkeep.invariants.records import FORMS, Document, many, read_components, read_text
from engine.upkeep.invariants.references import Reference, form_references
from engine.upkeep.invariants.spelling import embedded_forms


@dataclass(frozen=True, slots=True)
class Embeds:
    """The forms of a funnel."""

    certain: dict[str, None] = field(default_factory=dict)
    """Ids of those on pages that are what they were when they were cloned."""
    possible: dict[str, None] = field(default_factory=dict)
    """Ids of those on texts that were edited since: they may not have been there."""

    def references(self, texts: Iterable[str]) -> list[Reference]:
        """What to look for on the page that has these texts: the forms that it embeds itself are certain."""
        certain = {**self.certain, **{secret: None for text in texts for secret in embedded_forms(text)}}
        return [
            *form_references(certain),
            *form_references((secret for secret in self.possible if secret not in certain), certain=False),
        ]


def read_embeds(database: Any, pairs: Iterable[tuple[Document, Document]]) -> Embeds:
    """Read the original's texts, one page at a time; ``pairs`` are its pages and their clones."""
    embeds, hidden = Embeds(), Embeds()
    for original, clone in pairs:
        for name, text in _texts(database, original):
            read = proved(clone, name)[0]
            edited = read is not None and read != fingerprint(text)
            plain, deeper = (embeds.possible, hidden.possible) if edited else (embeds.certain, hidden.certain)
            plain.update(dict.fromkeys(embedded_forms(text)))
            for layer in Layer(text).revealing():
                deeper.update(dict.fromkeys(embedded_forms(layer.text)))
    # What shows only when plain characters are read without their escapes need be no form at all.
    wanted = [*hidden.certain, *hidden.possible]
    for form in many(database, FORMS, {"form_secret_id": {"$in": wanted}}) if wanted else ():
        secret = form["form_secret_id"]
        (embeds.certain if secret in hidden.certain else embeds.possible)[secret] = None
    return embeds


def _texts(database: Any, original: Document) -> Iterator[tuple[str, str]]:
    """A page's texts by the names that proofs have for them; only what is text."""
    trees = read_components(database, original["_id"])
    found = (
        ("html", read_text(database, original["_id"])),
        ("components", trees[0].get("components") if trees else ""),
    )
    yield from ((name, text) for name, text in found if isinstance(text, str))
