"""The plan as it is told: to people by the command, to machines as one document."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from engine.upkeep.plan.outside import OutsideReference
from engine.upkeep.plan.problems import Problem


@dataclass(frozen=True, slots=True)
class StepLine:
    """A page of the original; sizes are of its texts in UTF-8."""

    step_id: Any
    name: str
    html_bytes: int
    components_bytes: int


@dataclass(frozen=True, slots=True)
class ImagesTold:
    """Distinct object keys."""

    count: int
    bytes: int
    """As the objects' heads say."""
    bytes_recorded: int
    missing: int


@dataclass(frozen=True, slots=True)
class FormLine:
    """A form that pages embed."""

    form_secret_id: str
    name: str | None
    """None where there is no such form."""
    pages: int


@dataclass(frozen=True, slots=True)
class Expected:
    """What the clone will send, when all goes well: an upper bound."""

    copies: int
    not_copied: int
    """Objects that are missing, or that we may not look at."""
    requests: int
    """To S3: those in vain and those of copies in parts included."""
    bytes: int
    funnel_commands: int
    step_commands: int

    def document(self) -> dict[str, dict[str, int]]:
        """For ``--json``."""
        return {
            "s3": {
                "copies": self.copies,
                "not_copied": self.not_copied,
                "requests": self.requests,
                "bytes": self.bytes,
            },
            "mongodb": {
                "commands": self.funnel_commands + self.step_commands,
                "funnel": self.funnel_commands,
                "steps": self.step_commands,
            },
        }


@dataclass(frozen=True, slots=True)
class ClonePlan:
    """What a clone of a funnel would do; the kinds of problems are those of docs/plan.md."""

    funnel_id: Any
    name: str
    steps: tuple[StepLine, ...]
    images: ImagesTold
    forms: tuple[FormLine, ...]
    references: Mapping[str, Mapping[str, int]]
    """Kind -> spelling -> how many."""
    outside_references: tuple[OutsideReference, ...]
    problems: tuple[Problem, ...]
    expected: Expected

    def document(self) -> dict[str, Any]:
        """For ``--json``."""
        return {
            "funnel_id": str(self.funnel_id),
            "name": self.name,
            "steps": [{**asdict(step), "step_id": str(step.step_id)} for step in self.steps],
            "images": asdict(self.images),
            "forms": [asdict(form) for form in self.forms],
            "references": {kind: dict(found) for kind, found in self.references.items()},
            "outside_references": [reference.document() for reference in self.outside_references],
            "problems": [asdict(problem) for problem in self.problems],
            "expected": self.expected.document(),
        }
