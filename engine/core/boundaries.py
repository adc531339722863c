r"""Where an id or an object key may begin and end: what is part of something longer is something else. Pure.

A word is made of ``A-Za-z0-9_``; letters beyond ASCII are none of it, since neither ids nor the ends of keys are
made of them and prose without spaces may touch a link.

- An id stands by itself: no word goes on before or behind it. ``-`` and ``.`` may stand at both sides; but one of
  twelve characters is not taken for the end of a UUID. One too weak to be told by itself is a whole part of an
  address: no word goes on behind it over a ``-`` or ``.`` either.
- A key begins where no word goes on before it, with or without a ``-`` between. Behind it no word goes on, not even
  over a ``.`` or ``-`` (``a/b.png`` in ``a/b.png.webp`` is another object) or a percent-encoded letter or space.
  ``/`` may stand at both sides.
- What stands before is told without its escape: ``\n64a…`` in JSON is a line's end before an id, ``%2F64a…`` a slash,
  ``\u006164a…`` a letter. So with ``\b \f \n \r \t \uXXXX \xXX %XX %25XX`` and the six digits of CSS.
- A key too weak to be told by itself stands in an object's URL: behind ``<bucket>/``, or behind ``<bucket>.<host>/``.
"""

import re
from string import ascii_letters, digits

_WORD = frozenset(ascii_letters + digits + "_")
_ESCAPE = re.compile(r"\\[bfnrt]|(?:\\u|\\00)(?P<unit>[0-9a-fA-F]{4})|(?:\\x|%(?:25)*)(?P<byte>[0-9a-fA-F]{2})")
_ESCAPE_LENGTHS = (2, 3, 4, 5, 6, 7, 9)
"""The longest in four escapings: ``%2525252F``."""
_WORD_ESCAPED = re.compile(r"%(?:25)*(?:3[0-9]|[46][1-9a-fA-F]|[57][0-9aA]|5[fF])")
_GOES_ON = re.compile(
    r"[A-Za-z0-9_]|[.-][A-Za-z0-9]|%(?:25)*(?:20|3[0-9]|[46][1-9a-fA-F]|[57][0-9aA]|[89a-fA-F][0-9a-fA-F])"
)
_MAY_GO_ON = _WORD | {".", "-", "%"}
_UUID_BEGINS = re.compile(r"[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}")
_UUID_END = 12
_HOST = re.compile(r"(?:\.[A-Za-z0-9_-]+)*(?:(?::|%3[aA])[0-9]+)?")
_IN_HOST = frozenset(ascii_letters + digits + ".:-_")


def stands_as_id(text: str, start: int, end: int) -> bool:
    """Whether ``text[start:end]`` is an id, and not a part of a longer word."""
    behind = text[end : end + 1]
    if behind in _WORD or (behind == "%" and _WORD_ESCAPED.match(text, end)):
        return False
    before = text[start - 1 : start]
    if before == "-" and end - start == _UUID_END:
        return not _UUID_BEGINS.fullmatch(text, max(0, start - 2 * _UUID_END), start)
    return before not in _WORD or not _word_before(text, start)


def stands_as_part(text: str, start: int, end: int) -> bool:
    """Whether ``text[start:end]`` is an id, and a whole part of an address."""
    return ends_as_key(text, end) and stands_as_id(text, start, end)


def stands_as_key(text: str, start: int, end: int) -> bool:
    """Whether ``text[start:end]`` is an object key, and not a part of a longer one."""
    if text[end : end + 1] in _MAY_GO_ON and _GOES_ON.match(text, end):
        return False
    before = text[start - 1 : start]
    if before == "-":
        return not _word_before(text, start - 1)
    return before not in _WORD or not _word_before(text, start)


def ends_as_key(text: str, end: int) -> bool:
    """Whether no longer key goes on behind ``end``."""
    return _GOES_ON.match(text, end) is None


def host_end(text: str, start: int, end: int) -> int | None:
    """Where the host ends of which ``text[start:end]`` is the bucket, by itself or in a host's name.

    None where it is a part of another name.
    """
    if start and text[start - 1] in _IN_HOST and not _escape_before(text, start):
        return None
    host = _HOST.match(text, end)
    return host.end() if host else end


def _word_before(text: str, start: int) -> bool:
    if not start or text[start - 1] not in _WORD:
        return False
    escape = _escape_before(text, start)
    if escape is None:
        return True
    code = escape["unit"] or escape["byte"]
    return code is not None and chr(int(code, 16)) in _WORD


def _escape_before(text: str, start: int) -> re.Match[str] | None:
    for length in _ESCAPE_LENGTHS:
        found = _ESCAPE.fullmatch(text, start - length, start) if length <= start else None
        if found is not None:
            return found
    return None
