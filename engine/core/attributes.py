r"""How the value of an HTML attribute is written, wherever its tag stands: in a page, a script, a JSON string. Pure.

These are never looked for: what surrounds a chat key tells which one it takes.
"""

import html
import re
from dataclasses import dataclass

_BEYOND_HTML = re.compile(r"[\\\x00-\x1f]")
_BARE_BREAKS = re.compile(r"[ =`]")


@dataclass(frozen=True, slots=True)
class AttributeSpelling:
    """One way of writing a value."""

    quoted: bool
    """It stands between quotes, whichever they are."""
    escaped: bool
    """Its tag stands HTML-escaped, as in ``srcdoc``: the value is decoded twice."""

    def respell(self, new: str, text: str, start: int) -> str:  # noqa: ARG002 - it is the same in any text
        """The value as it must stand to arrive as ``new``, in however many JSON strings.

        What JSON or HTML would have to escape stands as a character reference, and those JSON leaves alone: how deep
        the attribute lies, which cannot always be told, then makes no difference.
        """
        written = _BEYOND_HTML.sub(_character_reference, html.escape(new, quote=True))
        if not self.quoted:
            # Empty, it needs quotes: the next attribute would be taken for the value.
            written = _BARE_BREAKS.sub(_character_reference, written) if new else "''"
        return html.escape(written, quote=True) if self.escaped else written

    def __str__(self) -> str:
        """As in ``bare attribute in html``."""
        return "bare " * (not self.quoted) + "attribute" + " in html" * self.escaped


def _character_reference(found: re.Match[str]) -> str:
    return f"&#{ord(found[0])};"
