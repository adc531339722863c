"""Local style sheets as text for the page, with all that they import. The last few are kept: pages share them."""

from collections import OrderedDict
from functools import partial
from typing import Protocol

from engine.upkeep.ingest import stylesheet
from engine.upkeep.ingest.folder import Folder

_KEPT = 8
_DEEPEST_IMPORT = 16


class Address(Protocol):
    """What to write for a reference on ``base``; None leaves it."""

    def __call__(self, base: str, reference: str) -> str | None:
        """Look it up."""


class Sheets:
    """The style sheets of one folder."""

    def __init__(self, folder: Folder, address: Address) -> None:
        """``address`` is asked for every reference in a sheet, relative to the sheet's own path."""
        self._folder = folder
        self._address = address
        self._read: OrderedDict[str, str] = OrderedDict()

    def text(self, base: str, reference: str, above: tuple[str, ...] = ()) -> str | None:
        """The sheet that ``reference`` means, rewritten; None where it is not a file of the folder.

        ``above``: the sheets that import it; one that imports itself, by whatever way, is empty there.
        """
        found = self._folder.find(base, reference)
        if found is None or found.path is None:
            return None
        path = found.path
        if path in above or len(above) >= _DEEPEST_IMPORT:
            return ""
        if path not in self._read:
            css = _decoded(self._folder.absolute(path).read_bytes())
            # A sheet read below another may lack what was cut off there: it is kept only when read for itself.
            text = self.rewritten(path, css, (*above, path))
            if above:
                return text
            self._read[path] = text
        self._read.move_to_end(path)
        while len(self._read) > _KEPT:
            self._read.popitem(last=False)
        return self._read[path]

    def rewritten(self, base: str, css: str, above: tuple[str, ...] = ()) -> str:
        """CSS that stands at ``base``, with its references replaced."""
        return stylesheet.rewritten(css, partial(self._address, base), lambda sheet: self._import(base, sheet, above))

    def _import(self, base: str, reference: str, above: tuple[str, ...]) -> str | None:
        text = self.text(base, reference, above)
        if text is None:
            # Only to be told of as missing.
            self._address(base, reference)
        return text


def _decoded(content: bytes) -> str:
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return content.decode("cp1252", "replace")
