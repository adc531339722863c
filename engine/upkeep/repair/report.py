"""What a repair did, or would do."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from engine.core.errors import CloneError
from engine.core.model import ReferenceKind


@dataclass(frozen=True, slots=True, order=True)
class Move:
    """One reference of a page, moved wherever it stands in one spelling."""

    kind: ReferenceKind
    source: str
    """As the page told it, without its spelling: an id, a key, a form's id, a chat key."""
    target: str
    spelling: str
    count: int

    def document(self) -> dict[str, Any]:
        """As the command prints it."""
        return {
            "kind": self.kind,
            "from": self.source,
            "to": self.target,
            "spelling": self.spelling,
            "count": self.count,
        }


@dataclass(frozen=True, slots=True)
class PageReport:
    """One page whose references were moved."""

    step_id: Any
    moves: Sequence[Move]


@dataclass(frozen=True, slots=True)
class CopiedImage:
    """An object that was copied into the clone."""

    source: str
    target: str
    bytes: int


@dataclass(frozen=True, slots=True)
class CopiedForm:
    """A form that was copied into the clone."""

    source: str
    target: str


@dataclass(frozen=True, slots=True)
class BrokenOff:
    """The page that was in hand when a server failed, and how it failed."""

    step_id: Any
    error: CloneError

    def __str__(self) -> str:
        return f"step {self.step_id}: {self.error}"


@dataclass(frozen=True, slots=True)
class Repair:
    """Everything; of a dry run, everything that would be done."""

    clone_id: Any
    dry_run: bool
    pages: Sequence[PageReport]
    images: Sequence[CopiedImage]
    forms: Sequence[CopiedForm]
    problems: Sequence[str]
    """What is wrong still, a sentence each."""
    broken_off: BrokenOff | None = None
    """What ended it before its end: all else tells what was done until then."""

    @property
    def whole(self) -> bool:
        """All that was wrong is mended, or would be."""
        return not self.problems and self.broken_off is None

    def document(self) -> dict[str, Any]:
        """One JSON document; the same keys whether it is a dry run or not, and ``error`` where it broke off."""
        return {
            "clone": str(self.clone_id),
            "dry_run": self.dry_run,
            "pages": [
                {"step_id": str(page.step_id), "references": [move.document() for move in page.moves]}
                for page in self.pages
            ],
            "images_copied": len(self.images),
            "bytes": sum(image.bytes for image in self.images),
            "forms_copied": len(self.forms),
            "images": [{"from": image.source, "to": image.target, "bytes": image.bytes} for image in self.images],
            "forms": [{"from": form.source, "to": form.target} for form in self.forms],
            "problems": list(self.problems),
            **({} if self.broken_off is None else {"error": str(self.broken_off)}),
        }
