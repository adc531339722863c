r"""How a reference may be spelled in HTML and JSON (D18). Pure.

A character beyond the plain ones may stand percent-encoded (``%20``, ``%2520``), HTML-escaped (``&amp;``, ``&#38;``)
or JSON-escaped (``\/``, ``\u00e9``), each character in its own way. The new spelling must be the old one's.
"""

import re
from html.entities import codepoint2name

_PLAIN = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.~")
_BACKSLASHED = frozenset("\"'/\\")
_CONTROL = {"\b": "b", "\f": "f", "\n": "n", "\r": "r", "\t": "t"}
_AMPERSAND = r"(?:&|\\+u0026)"


def spelled(text: str) -> str:
    """A regular expression that finds ``text`` in each of its spellings."""
    return "".join(re.escape(char) if char in _PLAIN else _char(char) for char in text)


def _char(char: str) -> str:
    code = ord(char)
    percent = "".join(f"%(?:25)*{_hex(f'{byte:02x}')}" for byte in char.encode("utf-8", "surrogatepass"))
    units = char.encode("utf-16-be", "surrogatepass").hex()
    unicode_escape = "".join(rf"\\+u{_hex(units[at : at + 4])}" for at in range(0, len(units), 4))
    entities = [f"#0*{code};", f"#[xX]0*{_hex(f'{code:x}')};"]
    if code in codepoint2name:
        entities.append(f"{codepoint2name[code]};")
    if char == "'":
        entities.append("apos;")
    if char in _CONTROL:
        unicode_escape += rf"|\\+{_CONTROL[char]}"
    literal = (r"\\*" if char in _BACKSLASHED else "") + re.escape(char)
    return f"(?:{_AMPERSAND}(?:{'|'.join(entities)})|{percent}|{unicode_escape}|{literal})"


def _hex(digits: str) -> str:
    return "".join(f"[{d.lower()}{d.upper()}]" if d.isalpha() else d for d in digits)


SLASH = spelled("/")
QUOTE = rf"(?:{spelled(chr(34))}|{spelled(chr(39))})"
UUID = r"[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}"

_EMBEDDED_FORM = re.compile(rf"{SLASH}userform{SLASH}([A-Za-z0-9][A-Za-z0-9_.~-]*)")
_OPEN = rf"(?:<|{_AMPERSAND}lt;|\\+u003[cC])"
_CLOSE = rf"(?:>|{_AMPERSAND}gt;|\\+u003[eE])"
_SCRIPT = re.compile(rf"{_OPEN}script\b(.*?){_CLOSE}", re.IGNORECASE | re.DOTALL)
_WIDGET = re.compile(rf"custom-chat-widget\s*=\s*(?:{QUOTE})?true(?:{QUOTE}|(?![\w-]))", re.IGNORECASE)
_API_KEY = re.compile(
    rf"(?<![\w-])api-key\s*=\s*(?:(?P<quote>{QUOTE})(?P<quoted>.*?)(?P=quote)|(?P<bare>[^\s\"'<>=`\\]+))",
    re.IGNORECASE | re.DOTALL,
)


def embedded_forms(text: str) -> list[str]:
    """Ids of the forms that a text embeds, each once, in its order."""
    return list(dict.fromkeys(found[1] for found in _EMBEDDED_FORM.finditer(text)))


def chat_keys(text: str) -> list[tuple[int, int]]:
    """Where the values of the chat widgets' ``api-key`` begin and end."""
    spans = []
    for script in _SCRIPT.finditer(text):
        if not _WIDGET.search(script[1]):
            continue
        key = _API_KEY.search(text, script.start(1), script.end(1))
        if key:
            spans.append(key.span("quoted" if key["quote"] else "bare"))
    return spans
