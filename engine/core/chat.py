r"""Finds the keys of chat widgets: ``api-key`` of ``<script … custom-chat-widget="true" …>`` (B16, D12). Pure.

The tag may stand in HTML (comments and scripts that write it included), in HTML within a JSON string, where ``<`` may
be ``\u003c`` or ``\x3c``, and HTML-escaped, as in ``srcdoc``, where it may be ``&lt;``. A tag without ``api-key`` has
nothing to replace.

Each way of writing is one reading of the text from its beginning to its end. A tag that breaks off gives up there, and
the search for the next tag begins where it broke off, never before.
"""

import re
from collections.abc import Iterator
from html import unescape

from engine.core.attributes import AttributeSpelling
from engine.core.model import Identity
from engine.core.spellings import Reference, is_json
from engine.core.tags import EscapedTagReader, TagReader

_WIDGET = "custom-chat-widget"
_WIDGET_WORD = _WIDGET.encode()
_KEY = "api-key"
_TAG = b"script"
_TAG_BEGINS = (b"<", b"\\u003c", b"\\x3c")
_ESCAPED_BEGIN = re.compile(rb"(?:&|\\u0026)(?:lt|#0{0,5}60|#x0{0,4}3c);\Z")
_LONGEST_BEGIN = 15
_PLAIN_TAG = re.compile(rb"""(?:[^<>"'\\&]++|(?<==)(?P<quote>\\*+["'])(?:[^<>"'\\]|\\++/)*+(?P=quote))*+>""")
"""The rest of a tag that nobody can read in two ways; up to the next ``<``, so that no text is gone over twice."""


def find_chat_keys(text: str) -> Iterator[Reference]:
    """Where the values of the chat widgets' keys stand, in order; an empty value is an empty span.

    The spelling says what an attribute's value needs in its place: with its quotes or without, escaped once or twice.
    """
    # One byte a character, whatever it is, so that offsets stay; a regular expression without case is ten times slower.
    folded = text.encode("ascii", "replace").lower()
    if _WIDGET_WORD not in folded:
        return
    in_json = is_json(text)
    found = [*_keys(folded, TagReader(text, in_json)), *_keys(folded, EscapedTagReader(text, in_json))]
    read = (-1, -1)
    for key in sorted(found, key=lambda key: key.start):
        # What both take for a key is read plainly: that one comes first, and is the longer.
        if key.start > read[0] and key.start >= read[1]:
            read = (key.start, key.end)
            yield key


def _keys(folded: bytes, reader: TagReader) -> Iterator[Reference]:
    text = reader.text
    escaped = isinstance(reader, EscapedTagReader)
    widget_at = folded.find(_WIDGET_WORD)
    while (start := folded.find(_TAG, reader.at)) >= 0:
        reader.at = start + len(_TAG)
        begins_escaped = escaped and bool(_ESCAPED_BEGIN.search(folded, max(0, start - _LONGEST_BEGIN), start))
        if not begins_escaped and not folded.endswith(_TAG_BEGINS, 0, start):
            continue
        if widget_at < start:
            widget_at = folded.find(_WIDGET_WORD, start)
            if widget_at < 0:
                return
        if not begins_escaped and (tag := _PLAIN_TAG.match(folded, reader.at, widget_at)):
            reader.at = tag.end()  # read by a regular expression, tags of no widget cost next to nothing
            continue
        if isinstance(reader, EscapedTagReader):
            reader.raw_quotes = begins_escaped
        attributes = reader.tag() or {}
        widget, key = attributes.get(_WIDGET), attributes.get(_KEY)
        if widget is None or key is None or not _is_true(text[widget.start : widget.end], escaped=escaped):
            continue
        if key.quoted or key.end > key.start:
            spelling = AttributeSpelling(key.quoted, escaped)
            yield Reference(key.start, key.end, Identity("chat", text[key.start : key.end]), spelling)


def _is_true(value: str, *, escaped: bool) -> bool:
    value = unescape(value)
    return (unescape(value) if escaped else value).strip().lower() == "true"
