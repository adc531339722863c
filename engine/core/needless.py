r"""Takes off escapes that nothing needs: ``%36``, ``&#54;``, ``\u0036`` or ``\36 `` for a plain ``6``. Pure.

Identities are looked for by their plain characters, which stand bare on all but odd pages: where a selector of CSS
begins with a digit, or a writer escapes every character. On those they are searched in the text without such escapes.
The search for identities looks for ``SIGNS``, too: so it costs nothing to know that a text has none.
"""

import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

_HEX = "(?:2[dDeE]|3[0-9]|[46][1-9a-fA-F]|5[0-9aAfF]|7[0-9aAeE])"
_DECIMAL = "(?:4[5689]|5[0-7]|6[5-9]|[78][0-9]|90|95|9[7-9]|1[01][0-9]|12[0126])"
_PERCENT = f"%(?:25)*(?P<percent>{_HEX})"
_HTML = (
    r"(?:&|\\++u0026|%26)(?:amp;)*"
    rf"(?:(?:#|%23)(?:0*(?P<decimal>{_DECIMAL})|[xX]0*(?P<hex>{_HEX}))|(?P<name>period|lowbar|UnderBar))(?:;|%3[bB])"
)
_JSON = rf"\\++(?:u00|x)(?P<json>{_HEX})"
_CSS = rf"\\++(?:0000(?P<six>{_HEX})[ \t\n]?|0{{0,3}}(?P<css>{_HEX})(?:[ \t\n]|(?![0-9a-fA-F])))"
_ESCAPE = re.compile(f"{_PERCENT}|{_HTML}|{_JSON}|{_CSS}")
_NAMES = {"period": ".", "lowbar": "_", "UnderBar": "_"}

# What every such escape holds, and ordinary pages hardly ever do.
SIGNS = (
    *(f"%{digits}" for digits in ("2d", "2D", "2e", "2E", "4", "5", "6", "7", "25")),
    *(f"%3{digit}" for digit in range(10)),
    *(f"&#{digit}" for digit in "0145679xX"),
    *(f"{ampersand}{number}" for ampersand in ("amp;", "u0026", "%26") for number in ("#", "%23")),
    *(f"{ampersand}{name}" for ampersand in ("&", "amp;", "u0026", "%26") for name in ("period", "lowbar", "UnderBar")),
    *(f"u00{digits}" for digits in ("2d", "2D", "2e", "2E", "4", "5", "6", "7")),
    *(f"u003{digit}" for digit in range(10)),
    "\\x",
    *(
        f"\\{digits}"
        for digits in ("2d", "2D", "2e", "2E", "3", "4", "5", "6", "7", "02", "03", "04", "05", "06", "07", "00")
    ),
)


@dataclass(frozen=True, slots=True)
class Bared:
    """A text without needless escapes."""

    text: str
    _here: list[int]
    _there: list[int]
    """Where each stretch between escapes begins: in ``text``, and in the text that it was read from."""

    def origin(self, at: int) -> int:
        """Where in the text itself the character begins that stands at ``at`` here."""
        place = bisect_right(self._here, at) - 1
        return self._there[place] + (at - self._here[place])


def bared(text: str, signs: Iterable[int]) -> Bared | None:
    """The text without needless escapes; None where it has none. ``signs``: the offsets of its signs, in order."""
    pieces: list[str] = []
    here, there = [0], [0]
    read = written = 0
    for start, end, char in _needless(text, signs):
        pieces += (text[read:start], char)
        # A stretch for the character itself: what stands behind it begins behind its escape.
        here += (written + start - read, written + start - read + 1)
        there += (start, end)
        written += start - read + 1
        read = end
    return Bared("".join([*pieces, text[read:]]), here, there) if pieces else None


def _needless(text: str, signs: Iterable[int]) -> Iterator[tuple[int, int, str]]:
    """Where such an escape begins and ends, and what it stands for."""
    read = 0
    for sign in signs:
        begin = _begin(text, sign)
        found = _ESCAPE.match(text, begin) if begin >= read else None
        if found is not None:
            read = found.end()
            yield begin, read, _character(found)


def _begin(text: str, sign: int) -> int:
    r"""Where the escape begins that holds a sign: before its ampersand, and before its backslashes.

    Of these each writer doubles those of the one within, so an escape's are a power of two, and those of a backslash
    before it twice as many: of three in ``\\\u002e`` one is the escape's, of six two are.
    """
    at = sign
    if text.startswith("amp;", at):
        while text.endswith("amp;", 0, at):
            at -= len("amp;")
        at -= next((len(sign) for sign in ("&", "u0026", "%26") if text.endswith(sign, 0, at)), 0)
    if text[at] in "\\u":
        behind = at + (text[at] == "\\")
        first = behind
        while text.endswith("\\", 0, first):
            first -= 1
        backslashes = behind - first
        at = behind - (backslashes & -backslashes)
    return at


def _character(found: re.Match[str]) -> str:
    kind, digits = found.lastgroup or "", found[found.lastgroup or 0]
    if kind == "name":
        return _NAMES[digits]
    return chr(int(digits, 10 if kind == "decimal" else 16))
