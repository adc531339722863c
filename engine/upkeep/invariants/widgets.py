"""Finds the keys of the chat widgets in a page, however their scripts are written (B16, D12). Pure."""

import re

from engine.upkeep.invariants.spelling import QUOTE

_NAME = "custom-chat-widget"
_ESCAPED = r"(?:&|\\+u0026)(?:(?:amp|#0*38|#[xX]0*26);)*"
_OPEN = rf"(?:{_ESCAPED}(?:lt|LT|#0*60|#[xX]0*3[cC]);|\\+(?:u00|x)3[cC])"
_CLOSE = rf"(?:>|{_ESCAPED}(?:gt|GT|#0*62|#[xX]0*3[eE]);|\\+(?:u00|x)3[eE])"
_EQUALS = rf"\s*(?:=|{_ESCAPED}(?:equals|#0*61|#[xX]0*3[dD]);|\\+(?:u00|x)3[dD])\s*"
_SCRIPT = re.compile(rf"(?:<script\b(?P<raw>.*?)>|{_OPEN}script\b(?P<escaped>.*?){_CLOSE})", re.IGNORECASE | re.DOTALL)
_WIDGET = re.compile(rf"{_NAME}{_EQUALS}(?:{QUOTE})?true(?:{QUOTE}|(?![\w-]))", re.IGNORECASE)
_API_KEY = re.compile(
    rf"(?<![\w-])api-key{_EQUALS}(?:(?P<quote>{QUOTE})(?P<quoted>.*?)(?P=quote)|(?P<bare>[^\s\"'<>=`\\]+))",
    re.IGNORECASE | re.DOTALL,
)
NOTHING_QUOTED = re.compile(rf"(?P<quote>{QUOTE})(?P=quote)")
"""An empty value with its quotes."""


def chat_keys(text: str) -> list[tuple[int, int]]:
    """Where the values of the chat widgets' ``api-key`` begin and end, in their order."""
    spans: list[tuple[int, int]] = []
    if _NAME not in text.lower():
        return spans
    for script in _SCRIPT.finditer(text):
        inside = script.span("escaped" if script["raw"] is None else "raw")
        if not _WIDGET.search(text, *inside):
            continue
        key = _API_KEY.search(text, *inside)
        if key:
            spans.append(key.span("quoted" if key["quote"] else "bare"))
    return spans
