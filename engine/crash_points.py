"""Named points behind every effect of a pass or an undo, where the fault kit ends or halts the process. Off: nothing.

What happens at a point is not the engine's business: the environment variable names a module of the kit, whose
``reached`` is called instead. It is looked up once, when this module is first imported (ADR 9).
"""

import os
from collections.abc import Callable
from importlib import import_module
from typing import Any, Literal, get_args

VARIABLE = "FUNNEL_CLONE_CRASH_POINTS"

Point = Literal[
    # The pass: lease, record, indexes, heartbeat.
    "index.made",
    "lease.made",
    "lease.acquired",
    "lease.renewed",
    "lease.turn_kept",
    "lease.released",
    "pass.begun",
    "pass.closed",
    "funnels.beaten",
    "steps.beaten",
    "progress.written",
    # A funnel: claim, layout.
    "funnel.claimed",
    "steps.taken_over",
    "components.taken_over",
    "images.taken_over",
    "layout.writing",
    "layout.written",
    # A step.
    "step.started",
    "image.copied",
    "parts.begun",
    "part.copied",
    "parts.joined",
    "parts.aborted",
    "images.copied",
    "images.recorded",
    "step.writing",
    "step.committed",
    # An end, or a wait.
    "rest.copied",
    "end.writing",
    "end.written",
    "wait.writing",
    "wait.written",
]
"""``*.writing`` lies within a transaction, behind its last write and before its commit; the others lie behind."""

POINTS: tuple[Point, ...] = get_args(Point)

UndoPoint = Literal[
    "undo.beginning",
    "undo.begun",
    "undo.held",
    "undo.buried",
    "objects.deleted",
    "undo.removing",
    "undo.removed",
    "undo.ending",
    "undo.ended",
]
"""Of an undo, which is a command's or a gateway's and no pass's; ``*ing`` lies within a transaction."""

UNDO_POINTS: tuple[UndoPoint, ...] = get_args(UndoPoint)


def _pass_by(_point: Point, _of: Any = None, /) -> None:
    """Nothing."""


def _bound() -> Callable[..., None]:
    module = os.environ.get(VARIABLE)
    if not module:
        return _pass_by
    reached_: Callable[..., None] = import_module(module).reached
    return reached_


reached = _bound()
"""Tell that the effect that ``_point`` names has taken place; ``_of``: the id, or the object's key, it was done to."""
