"""Chooses by which word each target is looked for. Pure.

An *anchor* is a run of plain characters in a target, which no writer has to escape: one automaton looks for the anchors
of all targets, and what stands around one is read by those that have it.
"""

from collections import Counter
from collections.abc import Iterable

from engine.core.escapes import HTML, JSON, PERCENT
from engine.core.targets import Target, Whole

_TELLING = 4
"""Characters: a shorter run stands everywhere."""


def anchors_of(targets: Iterable[Target]) -> dict[str, list[tuple[Target, int]]]:
    """Anchor -> the targets that have it, each with its offset in them.

    Of the runs of a target the one that the fewest others have, then the longest: keys in one folder are told apart by
    what is their own. A target without a telling run is looked for by a letter beyond ASCII, in each of its escapes.
    """
    words = [(target, target.words()) for target in targets]
    shared = Counter(word for _, found in words for word in dict.fromkeys(text for text, _ in found))
    anchors: dict[str, list[tuple[Target, int]]] = {}
    for target, found in words:
        telling = [word for word in found if len(word[0]) >= _TELLING]
        best = min(telling, key=lambda word: (shared[word[0]], -len(word[0])), default=None)
        longest = sorted(found, key=lambda word: (-len(word[0]), word[1]))[:1]
        for anchor, offset in [best] if best else _foreign(target) or longest:
            anchors.setdefault(anchor, []).append((target, offset))
    return anchors


def _foreign(target: Target) -> list[tuple[str, int]]:
    """The first letter beyond ASCII, raw and in each escape: without what introduces it, so however deep."""
    text = target.text if isinstance(target, Whole) else ""
    letter = next((char for char in text if not char.isascii()), None)
    if letter is None:
        return []
    percent = [PERCENT.write(letter, like)[1:] for like in ("", "%aa")]
    spelled = [
        *(letter, *percent, *(encoded.replace("%", "%25") for encoded in percent)),
        *(JSON.write(letter, like)[1:] for like in ("\\uaaaa", "\\uAAAA")),
        # Behind the zeros that a number may begin with.
        *(HTML.write(letter, like).lstrip("&#x") for like in ("", "&#1;", "&#xa;", "&#xA;")),
    ]
    return [(anchor, text.index(letter)) for anchor in dict.fromkeys(spelled)]
