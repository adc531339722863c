"""What the pages of a made-up funnel refer to, and what its clone's refer to instead."""

import inspect
from dataclasses import dataclass
from uuid import UUID, uuid5

from engine.core.model import Identity
from engine.core.references import ReferenceFinder

NAMESPACE = UUID("0f9b1c52-6a0e-4a5d-9a3e-7c1d2e3f4a5b")
BUCKET = "media"

Url = tuple[str, ...]
"""Literal text and identities in turns: the second, the fourth, ... are identities."""


@dataclass(frozen=True)
class Identities:
    """Those of one funnel: its own id first, then its steps'."""

    ids: tuple[str, ...]
    keys: tuple[str, ...]
    forms: tuple[str, ...]

    def urls(self) -> list[Url]:
        """An address for every identity, as pages hold them."""
        objects: list[Url] = [(f"https://s3.example.com/{BUCKET}/", key, "") for key in self.keys]
        funnel, *steps = self.ids
        links: list[Url] = [
            ("https://app.example.com/funnel/", funnel, "/step/", step, "?back=", steps[0], "&x=1#top")
            for step in steps
        ]
        forms: list[Url] = [("https://forms.example.com/userform/", form, "?embed=1&b") for form in self.forms]
        return [*objects, *links, *forms]

    def text(self) -> set[str]:
        """All of them."""
        return {*self.ids, *self.keys, *self.forms}


KEYS = (
    "0a6c1b1e-3c0b-4f3a-9d3e-0d6f6f1f2a10/photo.png",
    "0a6c1b1e-3c0b-4f3a-9d3e-0d6f6f1f2a10/photo.png.webp",  # the one above begins it
    "1b6c1b1e-3c0b-4f3a-9d3e-0d6f6f1f2a11/soil & é.png",
    '2c6c1b1e-3c0b-4f3a-9d3e-0d6f6f1f2a12/say "hi", it\'s me.jpg',
    "folder-of-images/2024/100% (a+b) [1].png",
    "3d6c1b1e-3c0b-4f3a-9d3e-0d6f6f1f2a13/😀 <x>; ü=1.webp",
    "folder-of-images/看板.svg",
)
OLD = Identities(
    ids=("64a1b2c3d4e5f60718293a4b", "64a1b2c3d4e5f60718293a4c", "64a1b2c3d4e5f60718293a4d"),
    keys=KEYS,
    forms=("5e0c3c57-0c6a-4f3b-8a55-6a1f2d0c9b11", "6f0c3c57-0c6a-4f3b-8a55-6a1f2d0c9b12"),
)


def clone_of(old: Identities) -> Identities:
    """New identities in the product's forms: a key is ``<uuid>/<the same file name>``; one that is no name has none."""
    return Identities(
        ids=tuple(uuid5(NAMESPACE, text).hex[:24] for text in old.ids),
        keys=tuple(f"{uuid5(NAMESPACE, key)}/{key.rpartition('/')[2] if '.' in key else 'file'}" for key in old.keys),
        forms=tuple(str(uuid5(NAMESPACE, form)) for form in old.forms),
    )


NEW = clone_of(OLD)


def replacements(old: Identities, new: Identities) -> dict[Identity, str]:
    """What the rewrite is given."""
    moved = {Identity("id", one): other for one, other in zip(old.ids, new.ids, strict=True)}
    moved |= {Identity("image", one): other for one, other in zip(old.keys, new.keys, strict=True)}
    moved |= {Identity("form", one): other for one, other in zip(old.forms, new.forms, strict=True)}
    return moved


def finder_of(identities: Identities) -> ReferenceFinder:
    """The finder of that funnel's pages."""
    # A finder that is not told the forms finds them by their place alone.
    takes_forms = "forms" in inspect.signature(ReferenceFinder).parameters
    known = {"forms": identities.forms} if takes_forms else {}
    return ReferenceFinder(identities.ids, identities.keys, (BUCKET,), **known)
