"""What a tick came to, as its job's report tells it. What became of a clone, its documents tell, and nothing else."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from engine.cluster.submit import JobEnd

FIGURES = ("funnels", "completed", "failed", "steps", "images", "bytes", "forms", "seconds", "refused", "error", "key")
"""Of a pass's document, what a line about its tick repeats."""

Result = Literal["done", "problems", "refused", "failed"]


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a tick ended."""

    tick: datetime
    job_id: str
    result: Result
    """problems: the pass told of some; refused: another pass ran; failed: there was no pass, or none that reported."""
    figures: Mapping[str, Any]
    """Of the pass; ``error`` where it failed."""

    def fields(self) -> dict[str, Any]:
        """For a line of JSON."""
        return {"tick": self.tick.isoformat(), "job_id": self.job_id, "result": self.result, **self.figures}


def reported(tick: datetime, job_id: str, end: JobEnd) -> Outcome:
    """The outcome that a job's report tells."""
    figures = {name: end.document[name] for name in FIGURES if name in end.document}
    return Outcome(tick, job_id, _result(end), figures)


def failed(tick: datetime, job_id: str, reason: str) -> Outcome:
    """Without a report: never submitted, killed, or lost with its head."""
    return Outcome(tick, job_id, "failed", {"error": reason})


def _result(end: JobEnd) -> Result:
    if "error" in end.document:
        return "failed"
    if end.document.get("refused"):
        return "refused"
    return "problems" if end.exit_code else "done"
