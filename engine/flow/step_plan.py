"""The steps of a clone: one for each page of the original, taken up where it exists, made where it is missing (B8)."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from engine.core.model import Claim, DocId
from engine.edges.mongo import standing
from engine.edges.mongo.codec import derived_id

Document = dict[str, Any]


@dataclass(frozen=True, slots=True)
class PlannedStep:
    """A page of the original and what is there of its clone."""

    original: Document
    step_id: DocId
    components_id: DocId
    done: bool
    again: bool
    """It was done in a run before this one, and a part of it failed."""
    make_step: bool
    make_components: bool


def in_order(original: Document, steps: Sequence[Document]) -> list[Document]:
    """The order of the original's ``steps``, then its unlisted steps by ``_id`` (they come in that order)."""
    listed = original.get("steps")
    rank = {repr(step_id): n for n, step_id in reversed(list(enumerate(listed if isinstance(listed, list) else [])))}
    return sorted(steps, key=lambda step: rank.get(repr(step["_id"]), len(rank)))


def plan_steps(claim: Claim, originals: Sequence[Document], made: standing.Made) -> list[PlannedStep]:
    """A step for each of ``originals``; of two that exist the done one, then the older."""
    existing: dict[str, standing.StepState] = {}
    for state in made.steps:
        known = existing.get(repr(state.original_step_id))
        if known is None or (state.done and not known.done):
            existing[repr(state.original_step_id)] = state
    planned = []
    for original in originals:
        state_ = existing.get(repr(original["_id"]))
        step_id = derived_id(claim.funnel_id, "step", original["_id"]) if state_ is None else state_.step_id
        components_id = made.components.get(repr(step_id))
        again = state_ is not None and state_.failed_before
        planned.append(
            PlannedStep(
                original=original,
                step_id=step_id,
                components_id=components_id or derived_id(claim.funnel_id, "components", original["_id"]),
                done=state_ is not None and state_.done and not again,
                again=again,
                make_step=state_ is None,
                make_components=components_id is None,
            )
        )
    return planned


def gone_for_good(steps: Sequence[PlannedStep], made: standing.Made) -> standing.StepState | None:
    """A step of the clone that can never be finished: its original was deleted meanwhile."""
    planned = {repr(step.original["_id"]) for step in steps}
    unfinished = (s for s in made.steps if s.original_step_id is not None and not s.done)
    return next((s for s in unfinished if repr(s.original_step_id) not in planned), None)
