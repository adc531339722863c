"""``undo``: removes all that a clone made, and nothing else; whatever ends it, a second call goes on and ends it.

The clone is taken out of everybody's hands; copies that a run which was cut off may have on their way are waited for;
then objects go before their records, then forms, components and pages, and the funnel last. What is removed is told by
the clone's own records alone (``edges/mongo/undo_parts``), and a tombstone names every object that was deleted.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import groupby
from time import monotonic

from engine.core.state import State, WrongState
from engine.edges.mongo import undo as edge
from engine.edges.mongo import undo_look
from engine.edges.mongo import undo_removal as removal
from engine.edges.mongo.client import Store
from engine.edges.mongo.undo import Begun
from engine.edges.mongo.undo_look import Asked, Edited, Found
from engine.edges.mongo.undo_parts import Stranger
from engine.edges.mongo.undo_removal import ImageBatch, Removed
from engine.edges.s3 import Objects
from engine.edges.s3.objects import DELETE_WITHIN_S
from engine.edges.s3.tries import try_until
from engine.settings import CopySettings, S3Settings, StepSettings
from engine.telemetry import Event, emit
from engine.upkeep.clone_named import Unknown, clone_named, unknown

__all__ = [
    "Asked",
    "Begun",
    "Edited",
    "Found",
    "Undone",
    "Unknown",
    "Watch",
    "WrongState",
    "asked",
    "begin",
    "look",
    "remove",
]

TRIES_S = 60.0
HELD_EVERY_S = 5.0


@dataclass(frozen=True, slots=True)
class Undone:
    """What this call removed; of an undo that others had begun that is the rest."""

    begun: Begun
    images: int = 0
    objects: int = 0
    bytes: int = 0
    objects_kept: int = 0
    """Objects that somebody else's record names: they stay."""
    forms: int = 0
    components: int = 0
    steps: int = 0
    funnel_kept: bool = False
    strangers: tuple[Stranger, ...] = ()

    @property
    def state(self) -> State | str:
        """``undone``: the funnel is gone; ``cancelled``: it was kept."""
        return "cancelled" if self.funnel_kept else "undone"


@dataclass(frozen=True, slots=True)
class Watch:
    """Who looks on, and how time passes."""

    progress: Callable[[str, int, int], None] = lambda _what, _done, _total: None
    """Hears (what, how many are removed, of how many); whatever it raises breaks the undo off between two batches."""
    waiting: Callable[[float, str], None] = lambda _seconds, _why: None
    """Hears of a wait before it begins."""
    pause: Callable[[float], None] = time.sleep


def asked(
    steps: StepSettings, copy: CopySettings, *, force: bool, keep_funnel: bool, deletes_s: float | None = None
) -> Asked:
    """An undo as settings have it; ``deletes_s`` where a delete of an overtaken undo ends sooner than usual."""
    late_s = TRIES_S + DELETE_WITHIN_S if deletes_s is None else deletes_s
    return Asked(force, keep_funnel, steps.stale_minutes, copy.deadline_seconds, late_s)


def look(store: Store, clone: str, how: Asked) -> Found | Edited | WrongState | Unknown:
    """What an undo of the clone whose id reads ``clone`` would remove, or why there will be none. Writes nothing.

    Raises:
        StoreUnavailable: MongoDB is away; trying again may help.
    """
    named = clone_named(store, clone)
    return named if isinstance(named, Unknown) else undo_look.look(store, named.funnel_id, how) or unknown(clone)


def begin(store: Store, clone: str, how: Asked) -> Begun | Edited | WrongState | Unknown:
    """Take the clone out of everybody's hands, to be removed by ``remove``. Safe to repeat: a repeat takes over.

    Returns:
        Edited: Something was edited since it was cloned, and ``force`` is not given.
        WrongState: It has not ended, or another clone was made of it. In both cases nothing was written.

    Raises:
        StoreUnavailable: MongoDB is away; trying again may help.
    """
    named = clone_named(store, clone)
    if isinstance(named, Unknown):
        return named
    begun = edge.begin(store, named.funnel_id, how) or unknown(clone)
    if isinstance(begun, Begun):
        emit(Event.UNDO_BEGUN, funnel_id=begun.funnel_id, was=begun.was, resumed=begun.resumed)
    return begun


def remove(store: Store, objects: Objects, s3: S3Settings, begun: Begun, watch: Watch | None = None) -> Undone:
    """Remove what the clone made. Safe to break off anywhere: ``begin`` and this go on with what is left.

    Raises:
        ClaimLost: Another undo took over, and goes on.
        TransientError: A server is away; trying again may help.
        PermanentError: S3 does not let an object be deleted: its record stays, and all that comes after it.
    """
    watch = watch or Watch()
    _wait(store, begun, watch, 0, "copies of a run that was cut off may still arrive")
    undone = Undone(begun)
    ended = None
    while ended is None:
        undone = _remove_images(store, objects, s3, undone, watch)
        undone = _remove_documents(store, undone, watch)
        # A funnel that is kept may be cloned again, to the same keys: no delete may come after that.
        if begun.keep_funnel or begun.parts.strangers:
            _wait(store, begun, watch, 1, "an undo that was overtaken may still delete")
        ended = edge.end(store, begun)
    emit(Event.FUNNEL_UNDONE, funnel_id=begun.funnel_id, objects=undone.objects, steps=undone.steps)
    return replace(undone, funnel_kept=ended.funnel_kept, strangers=tuple(ended.strangers))


def _wait(store: Store, begun: Begun, watch: Watch, which: int, why: str) -> None:
    left_s = edge.waits_s(store, begun)[which]
    if left_s > 0:
        watch.waiting(left_s, why)
    while left_s > 0:
        watch.pause(min(left_s, HELD_EVERY_S))
        edge.hold(store, begun)
        left_s = edge.waits_s(store, begun)[which]


def _remove_images(store: Store, objects: Objects, s3: S3Settings, undone: Undone, watch: Watch) -> Undone:
    begun = undone.begun
    for batch in removal.image_batches(store, begun):
        removal.bury(store, begun, batch)
        _delete_objects(store, objects, s3, begun, batch)
        removed = removal.remove_images(store, begun, batch)
        undone = replace(
            undone,
            images=undone.images + removed,
            objects=undone.objects + len(batch.objects),
            bytes=undone.bytes + batch.bytes,
            objects_kept=undone.objects_kept + batch.kept,
        )
        watch.progress("images", undone.images, max(begun.parts.images, undone.images))
    return undone


def _delete_objects(store: Store, objects: Objects, s3: S3Settings, begun: Begun, batch: ImageBatch) -> None:
    ends_at = monotonic() + TRIES_S
    placed = sorted({(bucket or s3.bucket, key) for bucket, key in batch.objects})
    for bucket, pairs in groupby(placed, lambda pair: pair[0]):
        keys = [key for _, key in pairs]

        def delete(bucket: str = bucket, keys: list[str] = keys) -> None:
            # Before each try: whoever was overtaken meanwhile deletes nothing more.
            edge.hold(store, begun)
            objects.delete(bucket, keys)

        try_until(ends_at, delete)


def _remove_documents(store: Store, undone: Undone, watch: Watch) -> Undone:
    """Pages last: their ids tell whose a components document is."""
    order: tuple[Removed, ...] = ("forms", "components", "steps")
    for what in order:
        while removed := removal.remove_batch(store, undone.begun, what):
            done = getattr(undone, what) + removed
            undone = replace(undone, **{what: done})
            watch.progress("pages" if what == "steps" else what, done, max(getattr(undone.begun.parts, what), done))
    return undone
