"""The state of a clone, read from its flags: they are the truth, ``clone.state`` only names them (contract)."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, cast

from engine.core.model import DocId

Ended = Literal["completed", "failed", "cancelled", "source_deleted"]
State = Literal["asked", "waiting", "cloning", "completed", "failed", "cancelled", "source_deleted", "undoing"]


@dataclass(frozen=True, slots=True)
class WrongState:
    """What was asked cannot be done to a clone in this state; nothing was written."""

    funnel_id: DocId
    state: State
    reason: str
    """A sentence that names the clone."""


ENDED: tuple[Ended, ...] = ("completed", "failed", "cancelled", "source_deleted")


def state_of(funnel: Mapping[str, Any]) -> State:
    """The contract's table; an ended clone of the old system, which names no state, is told by its flags alone.

    One that is being undone is told by its name, whatever flags somebody sets: nobody may work on it any more.
    """
    clone = funnel.get("clone")
    state = clone.get("state") if isinstance(clone, Mapping) else None
    if state == "undoing":
        return "undoing"
    if funnel.get("in_progress") is True:
        return "cloning"
    if funnel.get("pending") is True:
        return "waiting" if state == "waiting" else "asked"
    if state in ENDED:
        return cast("Ended", state)
    return "source_deleted" if funnel.get("original_funnel_deleted") is True else "completed"


def being_undone(funnel_id: DocId) -> WrongState:
    """Nothing else can be done to it."""
    reason = f"clone {funnel_id} is being undone: `undo` alone goes on with it"
    return WrongState(funnel_id, "undoing", reason)


def in_other_hands(funnel: Mapping[str, Any]) -> bool:
    """In work, but by no claim of ours: the old system took it, which knows flags and no epochs."""
    clone = funnel.get("clone")
    ours = isinstance(clone, Mapping) and clone.get("state") == "cloning"
    return funnel.get("in_progress") is True and not ours
