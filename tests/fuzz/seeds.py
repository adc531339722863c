"""What a fuzzer begins with, and how it goes on: every place in every spelling, and more identities planted."""

import hashlib
import random
from collections.abc import Iterator
from pathlib import Path

from tests.corpus.places import PLACES
from tests.fuzz.documents import ADDRESS_WRITERS, FUNNELS, JUNK, KINDS, LAYERS

_TEXT = KINDS.index("text")
_HEAD = 3
"""Bytes before a text: its kind, its funnel, where it is divided."""


def seeds() -> Iterator[bytes]:
    """Texts for each place and funnel, and instructions at random: the same in every run, and few, as all run first."""
    chosen = random.Random(4)
    for which, funnel in enumerate(FUNNELS):
        for place in PLACES.values():
            for address in chosen.sample(ADDRESS_WRITERS, 2):
                text = place.hold(address.write(chosen.choice(funnel.urls())))
                yield bytes([_TEXT, which, 0]) + text.encode("utf-8", "surrogateescape")
    for size in (16, 32, 64):
        for _ in range(40):
            yield bytes([chosen.randrange(_TEXT), chosen.randrange(len(FUNNELS))]) + chosen.randbytes(size)


def write_seeds(folder: Path) -> int:
    """Put them into ``folder``, each under the name that a fuzzer would give it, and count them."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = {folder / hashlib.sha1(seed, usedforsecurity=False).hexdigest(): seed for seed in seeds()}
    for path, seed in paths.items():
        path.write_bytes(seed)
    return len(paths)


def with_identity(data: bytes, most: int, seed: int) -> bytes:
    """The document with one thing more in it: in a text an identity in some spelling, in instructions some bytes."""
    chosen = random.Random(seed)
    if len(data) < _HEAD or data[0] % len(KINDS) != _TEXT:
        at = chosen.randint(min(_HEAD, len(data)), len(data))
        return (data[:at] + chosen.randbytes(chosen.randint(1, 8)) + data[at:])[:most]
    funnel = FUNNELS[data[1] % len(FUNNELS)]
    planted = chosen.choice(ADDRESS_WRITERS).write(chosen.choice(funnel.urls()))
    for layer in chosen.sample(LAYERS, chosen.randint(0, 3)):
        planted = layer(planted)
    planted = (
        chosen.choice(["", '"', " ", chosen.choice(JUNK)]) + planted + chosen.choice(["", '"', chosen.choice(JUNK)])
    )
    at = chosen.randint(_HEAD, len(data))
    return (data[:at] + planted.encode("utf-8", "surrogatepass") + data[at:])[:most]
