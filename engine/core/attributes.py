"""How a value is written into an attribute of a tag. Pure."""

import html
import re
from dataclasses import dataclass

_BEYOND_HTML = re.compile(r"[\\\x00-\x1f]")
_BARE_BREAKS = re.compile(r"[ =`]")


@dataclass(frozen=True, slots=True)
class Attribute:
    """A value's place in a tag."""

    quoted: bool

    def respell(self, new: str, text: str, start: int) -> str:  # noqa: ARG002 - the same anywhere
        """Write a value.

        What JSON or HTML would have to escape stands as a character reference, and those JSON leaves alone: how deep
        the attribute lies, which cannot always be told, then makes no difference. An empty value gets quotes, where it
        has none: the next attribute would be taken for it.
        """
        written = _BEYOND_HTML.sub(_character_reference, html.escape(new, quote=True))
        if self.quoted:
            return written
        return _BARE_BREAKS.sub(_character_reference, written) if new else "''"

    def __str__(self) -> str:
        return "attribute" if self.quoted else "bare attribute"


def _character_reference(found: re.Match[str]) -> str:
    return f"&#{ord(found[0])};"


ATTRIBUTE, BARE_ATTRIBUTE = Attribute(quoted=True), Attribute(quoted=False)
