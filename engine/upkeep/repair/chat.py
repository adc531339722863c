"""Tells which chat keys of a clone's pages are wrong there: compares what they say, however they are written."""

import json
from collections.abc import Callable, Iterable, Sequence
from html import unescape

from engine.core.model import ChatSetting
from engine.core.references import Reference

LONGEST_TOKEN = 4096
"""In characters; what is longer is nobody's token, and not asked for."""
_LAYERS = 3


class ChatKeys:
    """Knows wrong keys from right ones; what was asked for once is remembered."""

    def __init__(
        self, chat: ChatSetting, originals: Iterable[str], tokens_among: Callable[[Sequence[str]], set[str]]
    ) -> None:
        """Nothing is asked for yet.

        Args:
            chat: Whether the original has a widget, and the token that a clone gets.
            originals: Keys on the original's pages, as they stand there.
            tokens_among: Those of some texts that are tokens of any domain.
        """
        self._chat, self._tokens_among = chat, tokens_among
        self._originals = {reading for key in originals for reading in readings(key)}
        self._known: dict[str, bool] = {}

    def wrong(self, references: Sequence[Reference]) -> list[Reference]:
        """Those that a clone may not have: the original's, and what is nobody's token, as ``undefined`` (D12).

        Raises:
            StoreUnavailable: MongoDB is away; trying again may help.
        """
        if not self._chat.enabled:
            return []
        said = {text: readings(text) for text in dict.fromkeys(reference.identity.text for reference in references)}
        unsure = {
            text: read for text, read in said.items() if not self._is_clones(read) and not self._is_originals(read)
        }
        self._ask({reading for read in unsure.values() for reading in read})
        wrong = {
            text
            for text, read in said.items()
            if not self._is_clones(read) and not (text in unsure and any(map(self._known.get, read)))
        }
        return [reference for reference in references if reference.identity.text in wrong]

    def _is_clones(self, read: frozenset[str]) -> bool:
        return self._chat.token in read

    def _is_originals(self, read: frozenset[str]) -> bool:
        return not read.isdisjoint(self._originals)

    def _ask(self, texts: set[str]) -> None:
        new = sorted(text for text in texts if text not in self._known and 0 < len(text) <= LONGEST_TOKEN)
        if new:
            tokens = self._tokens_among(new)
            self._known.update((text, text in tokens) for text in new)


def readings(text: str) -> frozenset[str]:
    """What a key may say: as it stands, and with HTML and JSON escapes taken off, up to three layers in any order.

    A page does not tell for sure how deep a tag stands in strings and attributes; a right key has a reading that is a
    token.
    """
    read = {text}
    for _ in range(_LAYERS):
        read |= {unescape(known) for known in read} | {bare for known in read for bare in _without_json(known)}
    return frozenset(read)


def _without_json(text: str) -> list[str]:
    if "\\" not in text:
        return []
    try:
        bare = json.loads(f'"{text}"')
        bare.encode()  # half a pair of surrogates is no text that MongoDB could have
    except ValueError:
        return []
    return [bare]
