"""What earlier runs found out, kept beside the mutants, so that none has to be tried twice on the same tests."""

import json
from collections.abc import Iterable
from hashlib import sha256
from pathlib import Path
from typing import Any


class Records:
    """Which tests call which function, and which files of tests a mutant has lived through. Verdicts are mutmut's."""

    def __init__(self, root: Path, folder: Path, size: str) -> None:
        """``size``: ``sample`` or ``all`` of the tests, of which the second holds for the first, too."""
        self._root, self._folder, self._sizes = root, folder, ("all",) if size == "all" else ("all", size)
        self._size = size
        self._beside = _digest((root / "tests").glob("*.py"))
        self._core = _digest((root / "engine/core").glob("*.py"))
        # A test may call other functions when the core has changed.
        self.calls: dict[str, Any] = self._read("calls.json").get(self._core, {})
        self._lived: dict[str, dict[str, str]] = self._read("lived.json")

    def mark(self, file: str) -> str:
        """Another one for a file of tests that has changed, or when what lies beside the folders of tests has."""
        return sha256((self._root / file).read_bytes() + self._beside.encode()).hexdigest()[:16]

    def lived(self, mutant: str) -> set[str]:
        """Files of tests that a mutant has lived through as they are."""
        marks = self._lived.get(mutant, {})
        return {file for file, mark in marks.items() if mark in {f"{self.mark(file)} {size}" for size in self._sizes}}

    def add(self, mutant: str, files: Iterable[str]) -> None:
        """A mutant has lived through these files."""
        known = self.lived(mutant)
        marks = self._lived.setdefault(mutant, {})
        marks |= {file: f"{self.mark(file)} {self._size}" for file in files if file not in known}
        self.save()

    def forget(self, mutant: str) -> None:
        """The mutant is another one now."""
        self._lived.pop(mutant, None)

    def save(self) -> None:
        """Safe to cut short: what is written replaces what was there at once."""
        for name, content in (("calls.json", {self._core: self.calls}), ("lived.json", self._lived)):
            written = self._folder / f"{name}.new"
            written.write_text(json.dumps(content), "utf-8")
            written.replace(self._folder / name)

    def _read(self, name: str) -> dict[str, Any]:
        path = self._folder / name
        read: dict[str, Any] = json.loads(path.read_text("utf-8")) if path.exists() else {}
        return read


def _digest(paths: Iterable[Path]) -> str:
    return sha256(b"".join(path.read_bytes() for path in sorted(paths))).hexdigest()[:16]
