"""What is looked for in a page, and how each is told where a word of it stands. Pure.

A *target* is one identity in one of its places. It reads what stands around its anchor (``anchors``), in whatever
spelling, and judges its boundaries.
"""

import re
from collections.abc import Callable, Collection, Iterable, Iterator
from typing import NamedTuple, Protocol

from engine.core.around import RUN, read_around
from engine.core.boundaries import ends_as_key, host_end, stands_as_id, stands_as_key, stands_as_part
from engine.core.escapes import CSS
from engine.core.identity import is_strong_id, is_strong_key
from engine.core.model import Identity
from engine.core.spellings import Chain, Reader, Reference, Spelling, source

Stands = Callable[[str, int, int], bool]

_FORM_PLACE = "/userform/"
_ID_PLACES = ("funnel/", "step/")
_IN_FORM_ID = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")
_LONGEST_FORM_ID = 128
_FORM_ID = re.compile(r"[A-Za-z0-9._~-]{0,127}[A-Za-z0-9_~-](?!\.*+[A-Za-z0-9_~%&\\-])")
"""A dot at its end is the sentence's."""
_MOST_KNOWN = 16


class Target(Protocol):
    """What is looked for."""

    def words(self) -> list[tuple[str, int]]:
        """What may be its anchors, each with its offset in it: the finder takes the most telling one."""
        ...

    def around(self, reader: Reader, start: int, end: int, offset: int) -> Reference | None:
        """The target whose anchor, which begins at ``offset`` in it, stands from ``start`` to ``end``; or None."""
        ...


class _Known(NamedTuple):
    """An identity in a spelling, place and all, that was read before."""

    before: int
    """Offset of the anchor in it."""
    written: str
    own: int
    """Offset of the identity in it, behind its place."""
    spelling: Spelling


class Whole:
    """An identity wherever it stands, or, where it is too weak for that, behind its place."""

    def __init__(self, identity: Identity, stands: Stands, place: str = "") -> None:
        """``stands`` judges what surrounds it, place and all."""
        self.text = place + identity.text
        self._identity, self._stands, self._own, self._length = identity, stands, len(place), len(self.text)
        self._raw = Spelling(identity.text, identity.text)
        # A page, and those beside it, spell an identity in few ways: what was read once is known again at a glance.
        self._known: tuple[_Known, ...] = ()

    def words(self) -> list[tuple[str, int]]:
        """Its runs of plain characters."""
        return [(run[0], run.start()) for run in RUN.finditer(self.text)]

    def around(self, reader: Reader, start: int, end: int, offset: int) -> Reference | None:
        """As it is, in a known spelling, or in any other."""
        text = reader.text
        begin = start - offset
        if begin >= 0 and text.startswith(self.text, begin):
            stop = begin + self._length
            stands = self._stands(text, begin, stop)
            return Reference(begin + self._own, stop, self._identity, self._raw) if stands else None
        for known in self._known:
            begin = start - known.before
            if begin >= 0 and text.startswith(known.written, begin):
                return self._judged(text, begin, known)
        read_off = self._read(reader, start, end, offset)
        return None if read_off is None else self._judged(text, start - read_off.before, read_off)

    def _judged(self, text: str, begin: int, known: _Known) -> Reference | None:
        stop = begin + len(known.written)
        if not self._stands(text, begin, stop):
            return None
        return Reference(begin + known.own, stop, self._identity, known.spelling)

    def _read(self, reader: Reader, start: int, end: int, offset: int) -> _Known | None:
        text = reader.text
        found = read_around(reader, start, end, offset, self.text)
        if found is None:
            return None
        begin, ends, chain = found
        own, stop = ends[self._own - 1] if self._own else begin, ends[-1]
        spelling = Spelling(self._identity.text, text[own:stop], chain)
        known = _Known(start - begin, text[begin:stop], own - begin, spelling)
        # The digits of CSS end where no other goes on: what was read there may be less than what stands here.
        if CSS not in chain and len(self._known) < _MOST_KNOWN:
            self._known = (*self._known, known)
        return known


class BehindSlash(NamedTuple):
    """How a key without a slash stands in an address: what is before it tells how those of another are written."""

    whole: Spelling
    """Of slash and key."""
    slash: int
    """Characters that the slash takes."""

    def respell(self, new: str, text: str, start: int) -> str:
        """As ``Spelling`` does."""
        return self.whole.respell("/" + new, text, start)[self.slash :]

    def __str__(self) -> str:
        return str(self.whole)


class InBucket:
    """A key that is too weak to be told by itself, in the URL of an object in a bucket."""

    def __init__(self, identity: Identity, bucket: str) -> None:
        """The bucket is its only anchor."""
        self._identity, self._bucket = identity, bucket

    def words(self) -> list[tuple[str, int]]:
        """The bucket, whatever its name is made of."""
        return [(self._bucket, 0)]

    def around(self, reader: Reader, start: int, end: int, offset: int) -> Reference | None:  # noqa: ARG002
        """Behind the bucket and, where that is the first part of a host's name, behind the host."""
        text = reader.text
        behind = host_end(text, start, end)
        if behind is None:
            return None
        found = read_behind_slash(reader, behind, self._identity)
        return found if found and ends_as_key(text, found.end) else None


def read_behind_slash(reader: Reader, at: int, identity: Identity) -> Reference | None:
    """A key that stands behind a slash, in whatever spelling; the slash stands at ``at``."""
    reading = reader.read(at, "/" + identity.text)
    if reading is None:
        return None
    own, stop = reading.ends[0], reading.ends[-1]
    whole = Spelling("/" + identity.text, reader.text[at:stop], reading.chain)
    return Reference(own, stop, identity, BehindSlash(whole, own - at))


class EmbeddedForm:
    """The id of any form, behind the place where forms are embedded."""

    def words(self) -> list[tuple[str, int]]:
        """The one word of the place."""
        return [("userform", 1)]

    def around(self, reader: Reader, start: int, end: int, offset: int) -> Reference | None:
        """From behind the place to the first character that no id has."""
        text = reader.text
        if start and text.startswith(_FORM_PLACE, start - 1):
            form = _FORM_ID.match(text, end + 1)
            if form is not None:
                return Reference(*form.span(), Identity("form", form[0]), Spelling(form[0], form[0]))
        found = read_around(reader, start, end, offset, _FORM_PLACE)
        return None if found is None else _form_behind(text, found[1][-1], found[2])


def _form_behind(text: str, start: int, chain: Chain) -> Reference | None:
    characters = source(text, chain)
    end, read = start, ""
    char, behind = characters(start)
    secret = ""
    while char in _IN_FORM_ID and len(read) <= _LONGEST_FORM_ID:
        read += char
        if char != ".":
            end, secret = behind, read
        char, behind = characters(behind)
    if not secret or len(secret) > _LONGEST_FORM_ID:
        return None
    return Reference(start, end, Identity("form", secret), Spelling(secret, text[start:end], chain))


def targets_of(
    ids: Iterable[str], image_keys: Iterable[str], buckets: Collection[str], forms: Iterable[str]
) -> Iterator[Target]:
    """All that the pages of a funnel are searched for; an empty identity nowhere."""
    yield EmbeddedForm()
    for secret in forms:
        if is_strong_id(secret):
            yield Whole(Identity("form", secret), stands_as_id)
    for text in ids:
        if text:
            identity = Identity("id", text)
            if is_strong_id(text):
                yield Whole(identity, stands_as_id)
            else:
                yield from (Whole(identity, stands_as_part, place) for place in _ID_PLACES)
    for key in image_keys:
        if is_strong_key(key):
            yield Whole(Identity("image", key), stands_as_key)
        elif key:
            for bucket in buckets:
                yield InBucket(Identity("image", key), bucket)
