r"""Finds what a page refers to: ids, object keys, forms and chat keys, in every spelling of the table (B13-B16). Pure.

One scan per text for all ids and keys in all their spellings at once. Every match is looked at, overlapping ones too,
and judged by what surrounds it (``boundaries``); of those that stand, the one that begins first counts, of two that
begin together the longer (D17). A longer match that does not stand thus never hides a shorter one that does.

- Ids (funnel and steps) and keys: strong ones wherever they stand, weak ones only behind ``funnel/`` or ``step/``, or
  in an object's URL. An empty one nowhere.
- Forms: the id behind ``/userform/`` runs to the first character that no id has: a quote, ``,``, ``&``, ``\``, ...
  (D11). A strong one is then found wherever it stands on the page.
- Chat keys as ``chat`` finds them; nothing else is looked for within one.
- The payload of a ``data:`` URI is nobody's text.
"""

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass

from ahocorasick_rs import AhoCorasick

from engine.core.boundaries import stands_as_id, stands_as_key, stands_in_url
from engine.core.chat import find_chat_keys
from engine.core.identity import is_strong_id, is_strong_key
from engine.core.model import Identity
from engine.core.spellings import RAW, Reference, is_json, spelled

__all__ = ["Reference", "ReferenceFinder"]

Stands = Callable[[str, int, int], bool]
Span = tuple[int, int]

_FORM_PLACE = "/userform/"
_ID_PLACES = ("funnel/", "step/")
_FORM_ID = re.compile(r"""[^?/"'&\\<>)(#,;\s`%{}\[\]|^]+""")
_PAYLOAD = re.compile(r";base64,[A-Za-z0-9+/=]*(?:\\++/[A-Za-z0-9+/=]*)*")


@dataclass(slots=True)
class _Pattern:
    """What a match of one pattern may mean: how it reads in plain text, and how in JSON, where that differs."""

    identity: Identity
    spelling: str
    offset: int
    """Where the identity begins within the pattern, behind its place."""
    stands: Stands
    json_identity: Identity | None = None
    json_spelling: str = ""


class ReferenceFinder:
    """Finds the references of one funnel's pages. Built once a funnel; safe for several threads."""

    def __init__(self, ids: Iterable[str], image_keys: Iterable[str], buckets: Iterable[str] = ()) -> None:
        """Take the texts of the funnel's and its steps' ids, the keys of its images, and the buckets they lie in."""
        self._patterns: dict[str, _Pattern] = {}
        for text in ids:
            self._add_id(text)
        known_buckets = frozenset(bucket for bucket in buckets if bucket)
        for key in image_keys:
            self._add_key(key, known_buckets)
        self._add(Identity("form", ""), _FORM_PLACE, "", _stands_anywhere)
        self._by_index = list(self._patterns.values())
        self._automaton = AhoCorasick(self._patterns)

    def find(self, text: str) -> tuple[Reference, ...]:
        """All references in one text, ordered and disjoint."""
        return self.find_on_page((text,))[0]

    def find_on_page(self, texts: Sequence[str]) -> tuple[tuple[Reference, ...], ...]:
        """All references in each text of a page: a strong form id behind its place in one counts in all of them."""
        scans = [list(self._scan(text)) for text in texts]
        embedded = dict.fromkeys(found.identity for scan in scans for found in scan if found.identity.kind == "form")
        forms = [form for form in embedded if is_strong_id(form.text)]
        return tuple(_settled(text, [*scan, *_elsewhere(text, forms)]) for text, scan in zip(texts, scans, strict=True))

    def _add_id(self, text: str) -> None:
        identity = Identity("id", text)
        if is_strong_id(text):
            self._add(identity, "", text, stands_as_id)
        elif text:
            for place in _ID_PLACES:
                self._add(identity, place, text, stands_as_id)

    def _add_key(self, key: str, buckets: Collection[str]) -> None:
        identity = Identity("image", key)
        if is_strong_key(key):
            self._add(identity, "", key, stands_as_key)
        elif key and buckets:
            self._add(identity, "/", key, lambda text, start, end: stands_in_url(text, start, end, buckets))

    def _add(self, identity: Identity, place: str, text: str, stands: Stands) -> None:
        for row, encoded in spelled(place + text):
            if not _storable(encoded):
                continue
            known = self._patterns.get(encoded)
            if known is None:
                self._patterns[encoded] = _Pattern(identity, row.name, len(row.encode(place)), stands)
            elif known.json_identity is None and row.name != RAW:
                known.json_identity, known.json_spelling = identity, row.name

    def _scan(self, text: str) -> Iterator[Reference]:
        in_json = is_json(text)
        for index, start, end in self._automaton.find_matches_as_indexes(_storable_text(text), overlapping=True):
            pattern = self._by_index[index]
            if not pattern.stands(text, start, end):
                continue
            if pattern.identity.kind == "form":
                form = _FORM_ID.match(text, end)
                if form:
                    yield Reference(end, form.end(), Identity("form", form[0]), RAW)
            elif in_json and pattern.json_identity is not None:
                yield Reference(start + pattern.offset, end, pattern.json_identity, pattern.json_spelling)
            else:
                yield Reference(start + pattern.offset, end, pattern.identity, pattern.spelling)


def _elsewhere(text: str, forms: Iterable[Identity]) -> Iterator[Reference]:
    for form in forms:
        start = text.find(form.text)
        while start >= 0:
            end = start + len(form.text)
            if stands_as_id(text, start, end):
                yield Reference(start, end, form, RAW)
            start = text.find(form.text, end)


def _settled(text: str, found: list[Reference]) -> tuple[Reference, ...]:
    """Of references that overlap the first, of equal beginnings the longest; chat keys before all others."""
    chat = list(find_chat_keys(text))
    closed = [(reference.start, reference.end) for reference in chat]
    if found and ";base64," in text:
        closed += [payload.span() for payload in _PAYLOAD.finditer(text)]
    settled: list[Reference] = []
    read = 0
    for reference in sorted(_outside(found, sorted(closed)), key=lambda r: (r.start, -r.end)):
        if reference.start >= read:
            settled.append(reference)
            read = reference.end
    return tuple(sorted([*settled, *chat], key=lambda r: (r.start, r.end)))


def _outside(found: list[Reference], closed: list[Span]) -> Iterator[Reference]:
    """Those that overlap no closed span; ``closed`` is ordered."""
    at = 0
    for reference in sorted(found, key=lambda r: r.start):
        while at < len(closed) and closed[at][1] <= reference.start:
            at += 1
        if at == len(closed) or reference.end <= closed[at][0]:
            yield reference


def _stands_anywhere(_text: str, _start: int, _end: int) -> bool:
    return True


def _storable(text: str) -> bool:
    """Whether UTF-8 can hold it, as the automaton must; half a pair of surrogates it cannot."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _storable_text(text: str) -> str:
    """The text with each lone surrogate as one other character: offsets stay."""
    return text if _storable(text) else text.encode("utf-8", "replace").decode()
