r"""Finds what a page refers to: ids, object keys, forms and chat keys, in every spelling of the table (B13-B16). Pure.

One scan per text for the anchors of all identities at once, and a second without needless escapes where it has such;
around each anchor the identity is read in whatever spelling it stands (``targets``, ``spellings``) and judged by what
surrounds it (``boundaries``). Of those that stand, the one that begins first counts, of two that begin together the
longer (D17). A longer one that does not stand hides no shorter.

- Ids (funnel and steps) and keys: strong ones wherever they stand, weak ones only behind ``funnel/`` or ``step/``, or
  in an object's URL. An empty one nowhere.
- Forms: the id behind ``/userform/`` runs to the first character that no id has: a quote, ``,``, ``&``, ``\``, ...
  (D11). A strong one is then found wherever it stands on the page, and one that another page embeds, too.
- Chat keys as ``chat`` finds them; nothing else is looked for within one.
- The payload of a ``data:`` URI is nobody's text.
"""

import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from operator import itemgetter

from ahocorasick_rs import BytesAhoCorasick, Implementation, MatchKind

from engine.core import needless
from engine.core.anchors import anchors_of
from engine.core.boundaries import stands_as_id
from engine.core.chat import find_chat_keys
from engine.core.identity import is_strong_id
from engine.core.needless import Bared
from engine.core.spellings import Reader, Reference, Spelling
from engine.core.targets import BehindSlash, Target, Whole, read_behind_slash, targets_of

__all__ = ["Reference", "ReferenceFinder"]

Span = tuple[int, int]

PAYLOAD_SIGN = ";base64,"
_PAYLOAD = re.compile(r";base64,[A-Za-z0-9+/=]*(?:\\++/[A-Za-z0-9+/=]*)*")
_WIDGET = "custom-chat-widget"
CHAT_SIGNS = frozenset(map("".join, product("oO", "mM", "-", "cC", "hH")))
"""What ``custom-chat-widget`` holds, in whatever case, and ordinary pages hardly ever do."""
_OTHER_SIGNS = CHAT_SIGNS | {PAYLOAD_SIGN}
_START, _END = itemgetter(0), itemgetter(1)


class References(tuple[Reference, ...]):  # noqa: SLOT001 - tuples cannot have slots
    """The references of one text, ordered and disjoint."""

    complete: bool = True
    """Whether the text was read to its end in every spelling (``Reader``)."""


class ReferenceFinder:
    """Finds the references of one funnel's pages. Built once a funnel; safe for several threads."""

    def __init__(
        self,
        ids: Iterable[str],
        image_keys: Iterable[str],
        buckets: Collection[str] = (),
        forms: Iterable[str] = (),
    ) -> None:
        """Take what is looked for.

        Args:
            ids: Texts of the funnel's and its steps' ids.
            image_keys: Keys of the funnel's images.
            buckets: Where these lie.
            forms: Ids of the forms that pages of the funnel embed; others are found where they are embedded.
        """
        self._forms = frozenset(forms)
        self._search = _Search(targets_of(ids, image_keys, [bucket for bucket in buckets if bucket], self._forms))

    def find(self, text: str) -> References:
        """All references in one text, ordered and disjoint."""
        return self.find_on_page((text,))[0]

    def find_on_page(self, texts: Sequence[str]) -> tuple[References, ...]:
        """All references in each text of a page: a strong form id behind its place in one counts in all of them."""
        scans = [self._search.scan(text) for text in texts]
        embedded = {found.identity for scan in scans for found in scan.found if found.identity.kind == "form"}
        new = [form for form in embedded if form.text not in self._forms and is_strong_id(form.text)]
        if new:
            # Embedded since the funnel was laid out: rare, and worth a search of its own.
            search = _Search([Whole(form, stands_as_id) for form in new])
            for scan in scans:
                more = search.scan(scan.text)
                scan.found += more.found
                scan.complete &= more.complete
        return tuple(_settled(scan) for scan in scans)


@dataclass(slots=True)
class _Scan:
    """What stands in a text, overlapping references among it, in no order."""

    text: str
    found: list[Reference]
    may_have_chat: bool
    may_have_payloads: bool
    complete: bool


class _Search:
    """Looks for targets in a text."""

    def __init__(self, targets: Iterable[Target]) -> None:
        anchors = anchors_of(targets)
        # The few anchors that are no ASCII are looked for by themselves.
        self._foreign = {anchor: found for anchor, found in anchors.items() if not anchor.isascii()}
        plain = {anchor: found for anchor, found in anchors.items() if anchor.isascii()}
        self._targets = list(plain.values())
        signs = (*needless.SIGNS, *CHAT_SIGNS, PAYLOAD_SIGN)
        self._words = [*plain, *(sign for sign in signs if sign not in plain)]
        # Leftmost-longest is faster than all matches, and tells one word where several overlap.
        self._first = BytesAhoCorasick(
            [word.encode() for word in self._words],
            matchkind=MatchKind.LeftmostLongest,
            implementation=Implementation.DFA,
        )
        self._all = BytesAhoCorasick([anchor.encode() for anchor in plain], implementation=Implementation.ContiguousNFA)
        self._hides_chat = any(map(_hides_chat, plain))
        self._hides_payloads = any(";" in anchor for anchor in plain)
        self._longest = max(map(len, plain), default=0)
        self._contested = {
            index
            for index, anchor in enumerate(plain)
            if len(self._all.find_matches_as_indexes(anchor.encode(), overlapping=True)) > 1
        }

    def scan(self, text: str) -> _Scan:
        """All targets that stand in a text, whatever their spelling."""
        words = self._first.find_matches_as_indexes(_in_bytes(text))
        signs = [(self._words[index], start) for index, start, _ in words if index >= len(self._targets)]
        others = {sign for sign, _ in signs if sign in _OTHER_SIGNS}
        chat = self._hides_chat or not CHAT_SIGNS.isdisjoint(others)
        payloads = self._hides_payloads or PAYLOAD_SIGN in others
        escapes = [start for sign, start in signs if sign not in _OTHER_SIGNS]
        bare = needless.bared(text, escapes) if escapes else None
        reader = Reader(text)
        if bare is None:
            return _Scan(text, self._standing(reader, words), chat, payloads, reader.complete)
        bare_reader = Reader(bare.text)
        standing = self._standing(bare_reader, self._first.find_matches_as_indexes(_in_bytes(bare.text)))
        places = (_in_place(reader, reference, bare) for reference in standing)
        found = [reference for reference in places if reference is not None]
        return _Scan(text, found, chat, payloads, bare_reader.complete and reader.complete)

    def _standing(self, reader: Reader, words: Iterable[tuple[int, int, int]]) -> list[Reference]:
        found = [*self._behind_foreign(reader)]
        for index, start, end in words:
            before = len(found)
            for target, offset in self._targets[index] if index < len(self._targets) else ():
                reference = target.around(reader, start, end, offset)
                if reference is not None:
                    found.append(reference)
            if len(found) == before or index in self._contested:
                # What overlaps the word may stand where it does not, or begin before it.
                found += self._overlapping(reader, start, end)
        return found

    def _overlapping(self, reader: Reader, start: int, end: int) -> Iterator[Reference]:
        window = _in_bytes(reader.text[start : end + self._longest])
        for index, begin, stop in self._all.find_matches_as_indexes(window, overlapping=True):
            if begin < end - start:
                yield from _around(self._targets[index], reader, start + begin, start + stop)

    def _behind_foreign(self, reader: Reader) -> Iterator[Reference]:
        for anchor, targets in self._foreign.items():
            start = reader.text.find(anchor)
            while start >= 0:
                yield from _around(targets, reader, start, start + len(anchor))
                start = reader.text.find(anchor, start + 1)


def _around(targets: Iterable[tuple[Target, int]], reader: Reader, start: int, end: int) -> Iterator[Reference]:
    for target, offset in targets:
        reference = target.around(reader, start, end, offset)
        if reference is not None:
            yield reference


def _hides_chat(anchor: str) -> bool:
    """Whether an anchor may begin in ``custom-chat-widget`` before its sign, and so be told in its place."""
    anchor = anchor.lower()
    sign = _WIDGET.index("om-ch")
    begins = (_WIDGET[start:] for start in range(sign + 1))
    return _WIDGET[: sign + 1] in anchor or any(rest.startswith(anchor) or anchor.startswith(rest) for rest in begins)


def _in_bytes(text: str) -> bytes:
    """One byte a character, so that offsets stay: what is looked for is ASCII. Most texts are just copied so."""
    return text.encode("latin-1", "replace")


def _in_place(reader: Reader, found: Reference, bare: Bared) -> Reference | None:
    """What was found in the bare text, as it stands in the text itself; None where it is spelled in no known way."""
    start, identity = bare.origin(found.start), found.identity
    if isinstance(found.spelling, BehindSlash):
        return read_behind_slash(reader, bare.origin(found.start - found.spelling.slash), identity)
    reading = reader.read(start, identity.text)
    if reading is None:
        return None
    end = reading.ends[-1]
    return Reference(start, end, identity, Spelling(identity.text, reader.text[start:end], reading.chain))


def _settled(scan: _Scan) -> References:
    """Of references that overlap the first, of equal beginnings the longest; chat keys before all others."""
    text, found = scan.text, scan.found
    chat = list(find_chat_keys(text)) if scan.may_have_chat else []
    closed = [(reference.start, reference.end) for reference in chat]
    if found and scan.may_have_payloads:
        closed += [payload.span() for payload in _PAYLOAD.finditer(text)]
    found.sort(key=_END, reverse=True)
    found.sort(key=_START)
    settled: list[Reference] = []
    free = 0
    for reference in _outside(found, sorted(closed)) if closed else found:
        if reference.start >= free:
            settled.append(reference)
            free = reference.end
        elif settled and reference[:2] == settled[-1][:2] and _layers(reference) < _layers(settled[-1]):
            settled[-1] = reference
    if chat:
        settled = sorted([*settled, *chat], key=itemgetter(0, 1))
    references = References(settled)
    references.complete = scan.complete
    return references


def _layers(reference: Reference) -> int:
    """How many escapings it stands in: of two readings of one place the plainer counts."""
    return len(reference.spelling.chain) if isinstance(reference.spelling, Spelling) else 0


def _outside(found: list[Reference], closed: list[Span]) -> Iterator[Reference]:
    """Those that overlap no closed span; both are ordered."""
    at = 0
    for reference in found:
        while at < len(closed) and closed[at][1] <= reference.start:
            at += 1
        if at == len(closed) or reference.end <= closed[at][0]:
            yield reference
