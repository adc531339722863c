"""Object keys that one replacement after another has spoiled (D17). Pure.

Where one key stands within another, or an id of the original within a key, the old system replaced the inner text and
left the rest: a key that no object has, and that leads neither to the original nor to the clone.
"""

from collections.abc import Collection, Mapping

from ahocorasick_rs import AhoCorasick


def spoiled_keys(
    keys: Collection[str], copies: Mapping[str, Collection[str]], funnel_id: tuple[str, str], ids: Mapping[str, str]
) -> dict[str, str]:
    """What keys of the original may have become -> the key; none of ``keys`` itself.

    Args:
        keys: The original's.
        copies: Key of the original -> the keys of its copies.
        funnel_id: The original's id and the clone's. On every page it was replaced, ids of steps on their own only.
        ids: All ids, the original's -> the clone's.
    """
    words = list(dict.fromkeys(word for word in (*keys, *ids) if word))
    if not words:
        return {}
    automaton = AhoCorasick(words)
    spoiled: dict[str, str] = {}
    for key in keys:
        within = dict.fromkeys(automaton.find_matches_as_strings(key, overlapping=True))
        texts = [key.replace(inner, copy) for inner in within if inner != key for copy in copies.get(inner, ())]
        texts.append(key.replace(*funnel_id))
        moved = key
        for inner in within:
            moved = moved.replace(inner, ids.get(inner, inner))
        for text in (*texts, moved):
            if text != key:
                spoiled.setdefault(text, key)
    return {text: key for text, key in spoiled.items() if text not in keys}
