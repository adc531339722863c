"""A folder of pages: its files, and which of them a reference means. Reads names only, never contents."""

import os
import posixpath
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit

_PAGE_ENDINGS = (".html", ".htm")
_INDEX = "index.html"
_SKIPPED_FOLDERS = frozenset({"node_modules", "__MACOSX"})
# The product's own paths: what stands there is embedded or linked already.
_PRODUCT_PATHS = ("/userform/", "/funnel/")


@dataclass(frozen=True, slots=True)
class Found:
    """Where a local reference leads."""

    path: str | None
    """Relative to the folder, with ``/``; None: there is no such file."""
    query: str
    """With its ``?``; empty where there is none."""
    fragment: str
    """With its ``#``; empty where there is none."""


class Folder:
    """A folder and the pages in it. Links that lead out of the folder are not followed."""

    def __init__(self, root: Path) -> None:
        """Look for pages: index.html first, then by name; hidden folders and packages are passed over."""
        self.root = root.resolve()
        self.pages = tuple(sorted(self._pages(), key=_order))

    def find(self, base: str, reference: str) -> Found | None:
        """What ``reference`` on the page or sheet ``base`` means; None where it leads elsewhere or nowhere."""
        text = reference.strip()
        try:
            parts = urlsplit(text)
        except ValueError:
            return None
        if parts.scheme or parts.netloc or not parts.path or parts.path.startswith(_PRODUCT_PATHS):
            return None
        query = f"?{parts.query}" if parts.query else ""
        fragment = f"#{parts.fragment}" if parts.fragment else ""
        path = unquote(parts.path).replace("\\", "/")
        joined = path.lstrip("/") if path.startswith("/") else posixpath.join(posixpath.dirname(base), path)
        return Found(self._file(posixpath.normpath(joined)), query, fragment)

    def absolute(self, path: str) -> Path:
        """Where a file that was found lies on disk."""
        return self.root / path

    def _file(self, path: str) -> str | None:
        for candidate in (path, f"{path}.html", posixpath.normpath(posixpath.join(path, _INDEX))):
            if self._is_inside(candidate):
                return candidate
        return None

    def _is_inside(self, path: str) -> bool:
        try:
            target = (self.root / path).resolve()
            return target.is_relative_to(self.root) and target.is_file()
        except (OSError, ValueError):
            # Names that no file can have: too long, or with a zero byte.
            return False

    def _pages(self) -> Iterator[str]:
        for parent, folders, files in os.walk(self.root):
            folders[:] = [name for name in folders if name not in _SKIPPED_FOLDERS and not name.startswith(".")]
            for name in files:
                path = (Path(parent) / name).relative_to(self.root).as_posix()
                if name.lower().endswith(_PAGE_ENDINGS) and not name.startswith(".") and self._is_inside(path):
                    yield path


def _order(path: str) -> tuple[bool, str]:
    return path.lower() not in (_INDEX, "index.htm"), path
