"""Documents made of a fuzzer's bytes: pages that refer to a made-up funnel in spellings that the bytes choose.

Three kinds, told by the first byte. ``written``: what a writer would write, so that the rewritten text is known to the
byte. ``mixed``: identities in any spelling, between anything. ``text``: the bytes as they are.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeVar

from tests.corpus.identities import OLD, Identities, clone_of
from tests.corpus.places import PLACES
from tests.corpus.writers import ADDRESSES, ATTRIBUTES, JSON_WRITERS, STYLES, Layer

Kind = Literal["written", "mixed", "text"]
KINDS: tuple[Kind, ...] = ("written", "mixed", "text")
MOST_LAYERS = 4
_MOST_PIECES = 5

# No file name holds another identity, and no folder a character that a writer escapes: the first could not be moved
# (a key's file name stays), nor the second moved back (what its spelling was is then nowhere to be seen).
STRANGE = Identities(
    ids=("64a1b2c3d4e5f60718293a4b", "00000000000000000000000a", "5e0c3c57-0c6a-4f3b-8a55-6a1f2d0c9b11", "7"),
    keys=(
        "folder-of-images/a.png",
        "folder-of-images/a.png/thumb",
        "folder-of-images/a.png.webp",
        "folder-of-images/%20.png",
        "folder-of-images/a+b c.png",
        "folder-of-images/\\u00e9 \\/ \\\\.png",
        "folder-of-images/&amp;&quot;.png",
        "folder-of-images/😀\u2028\x7f.png",
        "folder-of-images/\t\n.png",
        "9e0c3c57-0c6a-4f3b-8a55-6a1f2d0c9b19",
        "a",
    ),
    forms=("7f0c3c57-0c6a-4f3b-8a55-6a1f2d0c9b13", "12"),
)
FUNNELS: tuple[Identities, ...] = (OLD, STRANGE)
CLONES = tuple(clone_of(funnel) for funnel in FUNNELS)

JUNK = (
    *('"', "'", "<", ">", "&", "\\", "/", "%", " ", "-", ".", ",", ";", "a", "0", "é", "😀", "\ud800", "\x00", "\n"),
    *("\\n", "\\u00e9", "\\\\", "%2F", "%25", "&amp;", "&quot;", "&#x2f;", "\\2f ", "/userform/", "\\/userform\\/"),
    *("media/", "funnel/", "/step/", ";base64,", "data:image/png;base64,", "{", "}", "[", "]", "url(", ")", "https://"),
    *('<script custom-chat-widget="true" api-key="', '"></script>', "<script ", "==", "64a1b2c3d4e5f607", "folder-of"),
)
PLACE_LIST = tuple(PLACES.values())
ADDRESS_WRITERS = tuple(ADDRESSES.values())
JSON_LAYERS = tuple(JSON_WRITERS.values())
LAYERS: tuple[Layer, ...] = (*ATTRIBUTES.values(), *STYLES.values(), *JSON_LAYERS)
Item = TypeVar("Item")


class Choices:
    """Decisions, read off bytes; after the last byte, always the first choice."""

    def __init__(self, data: bytes) -> None:
        """Begin with the first byte."""
        self._data, self._at = data, 0

    def below(self, most: int) -> int:
        """A number of 0 to ``most`` - 1."""
        if self._at >= len(self._data):
            return 0
        self._at += 1
        return self._data[self._at - 1] % most

    def of(self, items: Sequence[Item]) -> Item:
        """One of them."""
        return items[self.below(len(items))]

    def rest(self) -> bytes:
        """All bytes that are left."""
        return self._data[self._at :]


@dataclass(frozen=True)
class Document:
    """Two texts of one page, what they refer to, and, where it is known, what they are to become."""

    kind: Kind
    texts: tuple[str, str]
    old: Identities
    new: Identities
    expected: tuple[str, str] | None = None


def document(data: bytes) -> Document:
    """The document that these bytes stand for; any bytes stand for one."""
    choices = Choices(data)
    kind = choices.of(KINDS)
    at = choices.below(len(FUNNELS))
    old, new = FUNNELS[at], CLONES[at]
    if kind == "text":
        half, rest = choices.below(256), choices.rest().decode("utf-8", "surrogateescape")
        return Document(kind, (rest[half:], rest[:half]), old, new)
    if kind == "mixed":
        return Document(kind, (_mixed(choices, old), _mixed(choices, old)), old, new)
    pairs = [_written(choices), _written(choices)]
    return Document(kind, (pairs[0][0], pairs[1][0]), OLD, CLONES[0], (pairs[0][1], pairs[1][1]))


def _written(choices: Choices) -> tuple[str, str]:
    """A text, and the same text as its writer would have written it of the clone."""
    olds, news = OLD.urls(), CLONES[0].urls()
    levels = choices.below(3)
    one, other = "<p>", "<p>"
    for _ in range(choices.below(_MOST_PIECES)):
        place, address, at = choices.of(PLACE_LIST), choices.of(ADDRESS_WRITERS), choices.below(len(olds))
        if address.layers + len(place.writer) + levels > MOST_LAYERS or (place.encoded and not address.layers):
            continue
        one += place.hold(address.write(olds[at])) + "\n"
        other += place.hold(address.write(news[at])) + "\n"
    for _ in range(levels):
        write = choices.of(JSON_LAYERS)
        one, other = (f'{{"html":"{write(text)}"}}' for text in (one, other))
    return one, other


def _mixed(choices: Choices, funnel: Identities) -> str:
    identities = sorted(funnel.text())
    pieces: list[str] = []
    for _ in range(choices.below(2 * _MOST_PIECES)):
        if choices.below(2):
            pieces.append(choices.of(JUNK))
            continue
        text = choices.of(ADDRESS_WRITERS).write(("", choices.of(identities), ""))
        for _ in range(choices.below(MOST_LAYERS)):
            text = choices.of(LAYERS)(text)
        pieces.append(_spoiled(choices, text))
    text = "".join(pieces)
    for _ in range(choices.below(3)):
        text = json.dumps({"html": text}, ensure_ascii=bool(choices.below(2)))
    return text


def _spoiled(choices: Choices, text: str) -> str:
    """Now and then a character of it another one, encoded, or gone."""
    if not text or choices.below(4):
        return text
    at = choices.below(256) % len(text)
    changed = choices.of(["", choices.of(JUNK), text[at].swapcase(), "".join(f"%{b:02x}" for b in text[at].encode())])
    return text[:at] + changed + text[at + 1 :]
