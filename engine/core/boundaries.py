r"""Where an id or an object key may begin and end: what is part of something longer is something else. Pure.

A word is made of ``A-Za-z0-9_``; letters beyond ASCII are none of it, since neither ids nor the ends of keys are
made of them and prose without spaces may touch a link.

- An id stands by itself: no word goes on before or behind it. ``-`` and ``.`` may stand at both sides.
- A key begins where no word goes on before it, with or without a ``-`` between. Behind it no word goes on, not even
  over a ``.`` or ``-`` (``a/b.png`` in ``a/b.png.webp`` is another object) or a percent-encoded letter or space.
  ``/`` may stand at both sides.
- What ends an escape is no word: ``\n64a…`` in JSON is a line's end before an id, ``%2F64a…`` a slash. So with
  ``\b \f \n \r \t \uXXXX %XX``.
- A key too weak to be told by itself stands in an object's URL: behind ``<bucket>/``, or behind ``<bucket>.<host>/``.
"""

import re
from collections.abc import Collection
from string import ascii_letters, digits

_WORD = frozenset(ascii_letters + digits + "_")
_ALPHANUMERIC = frozenset(ascii_letters + digits)
_ESCAPE = re.compile(r"\\[bfnrt]|\\u[0-9a-fA-F]{4}|%[0-9a-fA-F]{2}")
_ESCAPE_LENGTHS = (2, 3, 6)
_GOES_ON = re.compile(r"[A-Za-z0-9_]|[.-][A-Za-z0-9]|%(?:20|3[0-9]|[46][1-9a-fA-F]|[57][0-9aA]|[89a-fA-F][0-9a-fA-F])")
_PERCENT_SLASH = re.compile(r"^(?:25)*2[fF]")
_HOST_CHARACTERS = ascii_letters + digits + ".:-_"
_LONGEST_HOST = 320


def stands_as_id(text: str, start: int, end: int) -> bool:
    """Whether ``text[start:end]`` is an id, and not a part of a longer word."""
    return not _word_before(text, start) and text[end : end + 1] not in _WORD


def stands_as_key(text: str, start: int, end: int) -> bool:
    """Whether ``text[start:end]`` is an object key, and not a part of a longer one."""
    if _word_before(text, start) or _GOES_ON.match(text, end):
        return False
    return not (start and text[start - 1] == "-" and _word_before(text, start - 1))


def stands_in_url(text: str, start: int, end: int, buckets: Collection[str]) -> bool:
    """Whether ``text[start:end]``, a slash and a key, are the end of the URL of an object in one of ``buckets``."""
    if _GOES_ON.match(text, end):
        return False
    before = text[max(0, start - _LONGEST_HOST) : start]
    rest = before.rstrip(_HOST_CHARACTERS)
    host = before[len(rest) :]
    if rest.endswith("%"):
        host = _PERCENT_SLASH.sub("", host)
    return any(host == bucket or host.startswith(f"{bucket}.") for bucket in buckets)


def _word_before(text: str, start: int) -> bool:
    if not start or text[start - 1] not in _WORD:
        return False
    return not any(
        length <= start and _ESCAPE.fullmatch(text, start - length, start) is not None for length in _ESCAPE_LENGTHS
    )
