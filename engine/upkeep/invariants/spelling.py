r"""How a reference may be spelled in HTML, JSON and CSS (D18). Pure.

A character beyond the plain ones may stand percent-encoded (``%20``, ``%2520``), HTML-escaped (``&amp;``, ``&#38;``,
``&amp;amp;``), JSON-escaped (``\/``, ``\u00e9``) or CSS-escaped (``\2f ``), each character in its own way. The new
spelling must be the old one's. Plain characters that are escaped, and rarer mixtures, are ``reading``'s.
"""

import re
from html.entities import html5

from engine.upkeep.invariants.decoding import PLAIN

_CONTROL = {"\b": "b", "\f": "f", "\n": "n", "\r": "r", "\t": "t"}
_NAMES: dict[str, list[str]] = {}
for _name, _char_named in html5.items():
    if _name.endswith(";"):
        _NAMES.setdefault(_char_named, []).append(_name)
_AMPERSAND = r"(?:&|\\+u0026|%(?:25)*26)(?:(?:amp|AMP|#0*38|#[xX]0*26);)*"
_PERCENT = r"(?:%|\\+u0025|&(?:amp;)*(?:percnt|#0*37|#[xX]0*25);)(?:25)*"
_BACKSLASH = r"(?:\\|%(?:25)*5[cC])+"
_LAST_BYTE = 0xFF
_CSS_DIGITS = 6
_CSS_BLANK = r"(?:\r\n|[ \t\r\n\f])?"


def spelled(text: str) -> str:
    """A regular expression that finds ``text`` in the spellings in which its plain characters are not escaped."""
    return "".join(re.escape(char) if char in PLAIN else _char(char) for char in text)


def _char(char: str) -> str:
    code = ord(char)
    percent = "".join(f"{_PERCENT}{_hex(f'{byte:02x}')}" for byte in char.encode("utf-8", "surrogatepass"))
    units = char.encode("utf-16-be", "surrogatepass").hex()
    codes = [_hex(units[at : at + 4]) for at in range(0, len(units), 4)]
    unicode_escape = "".join(f"(?:{_BACKSLASH}|{_PERCENT})u{digits}" for digits in codes)
    entities = [f"#0*{code};", f"#[xX]0*{_hex(f'{code:x}')};", *_NAMES.get(char, ())]
    if code <= _LAST_BYTE:
        unicode_escape += f"|{_BACKSLASH}x{_hex(f'{code:02x}')}"
    if char in _CONTROL:
        unicode_escape += f"|{_BACKSLASH}{_CONTROL[char]}"
    literal = re.escape(char) + (r"|\+" if char == " " else "")
    backslashed = f"(?:{_BACKSLASH})?" if char.isascii() and char.isprintable() else ""
    written = f"{backslashed}(?:{_AMPERSAND}(?:{'|'.join(entities)})|{percent}|{literal})"
    return f"(?:{unicode_escape}|{_css(code)}|{written})"


def _css(code: int) -> str:
    digits = f"{code:x}"
    zeros = _CSS_DIGITS - len(digits)
    fewer = f"|0{{0,{zeros - 1}}}{_hex(digits)}(?![0-9a-fA-F])" if zeros else ""
    return f"{_BACKSLASH}(?:0{{{zeros}}}{_hex(digits)}{fewer}){_CSS_BLANK}"


def _hex(digits: str) -> str:
    return "".join(f"[{d.lower()}{d.upper()}]" if d.isalpha() else d for d in digits)


SLASH = spelled("/")
QUOTE = rf"(?:{spelled(chr(34))}|{spelled(chr(39))})"
UUID = r"[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}"

_EMBEDDED_FORM = re.compile(rf"{SLASH}userform{SLASH}([A-Za-z0-9](?:[A-Za-z0-9_.~-]*[A-Za-z0-9_~-])?)")


def embedded_forms(text: str) -> list[str]:
    """Ids of the forms that a text embeds, each once, in its order."""
    return list(dict.fromkeys(found[1] for found in _EMBEDDED_FORM.finditer(text)))
