"""Every event that is logged, by name (B23), and the two ways to write one: for people, for machines.

No secret is handed in, so none is filtered out; settings, which hold them, are refused.
"""

import json
import logging
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, TextIO, get_type_hints

from engine.settings import Settings

ROOT = "funnel_clone"

_SETTINGS = (Settings, *get_type_hints(Settings).values())


class Event(StrEnum):
    """What is told; the value is what stands in the log."""

    PASS_STARTED = "pass started"  # noqa: S105 - a pass, not a password
    """The lease is held; scanning begins."""
    PASS_ENDED = "pass ended"  # noqa: S105
    """Nothing is left in hand; the pass's record is written."""
    NOTHING_TO_DO = "nothing to do"
    """The scan found no candidate."""
    LEASE_ACQUIRED = "lease acquired"
    """This pass is the one of its database."""
    LEASE_REFUSED = "lease refused"
    """Another pass runs."""
    CODE_DIFFERS = "code differs"
    """A node of the cluster runs another version of the engine: the pass is refused."""
    LEASE_LOST = "lease lost"
    """It could not be renewed: all work of the pass is cancelled."""
    HEARTBEAT_MISSED = "heartbeat missed"
    """Lease and claims were not renewed this time."""
    LOOK_MISSED = "look missed"
    """Whether somebody took a claim could not be asked this time; it is soon asked again."""
    INDEX_MISSING = "index missing"
    """A shared collection lacks an index: scans are slow."""
    FUNNEL_CLAIMED = "funnel claimed"
    """A funnel is in our hands."""
    STALE_REQUEUED = "stale re-queued"
    """A funnel or step whose worker is gone was taken over."""
    LAID_OUT = "laid out"
    """The clone's steps are made; the old system's 'steps made'."""
    ALREADY_COMPLETE = "already complete"
    """Every step was there and done."""
    STEP_REQUEUED = "step re-queued"
    """A step, or its funnel's layout or end, goes back for its next attempt."""
    IMAGES_DONE = "images done"
    """A step's images stand at their destination."""
    FORMS_DONE = "forms done"
    """A step's forms are copied."""
    CHAT_REPLACED = "chat replaced"
    """A step's chat key is the clone's."""
    COPIES_SLOWED = "copies slowed"
    """The store asks for fewer copies at once; told now and then, however often it does."""
    STEP_DONE = "step done"
    """A step is committed."""
    STEP_KEPT = "step kept"
    """A page that was to be done again was edited meanwhile: it stays as it is."""
    TASK_FAILED = "task failed"
    """A layout, a step or an end came to nothing this time."""
    TASK_ERROR = "task error"
    """The same, told by the worker it happened in; with the traceback where the error is permanent."""
    WRITE_DELAYED = "write delayed"
    """An end could not be written yet; it is tried again."""
    CLAIM_LOST = "claim lost"
    """Somebody else holds the funnel now."""
    FUNNEL_WAITS = "funnel waits"
    """It is due again later."""
    FUNNEL_COMPLETED = "funnel completed"
    """Flags cleared and the users' event written; the old system's 'emitted'."""
    FUNNEL_FAILED = "funnel failed"
    """Parked, with its reason."""
    SOURCE_DELETED = "source deleted"
    """Parked: its original is gone; the old system's 'original missing'."""
    FUNNEL_CANCELLED = "funnel cancelled"
    """Parked, because somebody said so."""
    FUNNEL_ASKED_AGAIN = "funnel asked again"
    """An ended clone is to be tried again, from where it stands."""
    UNDO_BEGUN = "undo begun"
    """Nobody else may work on the clone any more; what it made is being removed."""
    UNDO_BROKEN_OFF = "undo broken off"
    """A gateway's: a server is away, or another undo has taken over; the next undo goes on with what is left."""
    FUNNEL_UNDONE = "funnel undone"
    """What the clone made is removed."""
    SCHEDULE_STARTED = "schedule started"
    """Ticks are waited for; this and the events below are what ``schedule`` and ``up`` print."""
    TICK_SUBMITTED = "tick submitted"
    """The tick's pass is a Ray job now."""
    TICK_FOUND = "tick found"
    """Another scheduler had submitted it: that job is followed."""
    TICK_ENDED = "tick ended"
    """The job has ended, with its pass's report or without."""
    TICK_SKIPPED = "tick skipped"
    """The job of an earlier tick is still at work."""
    TICK_MISSED = "tick missed"
    """It was too late for it: the machine slept."""
    RAY_AWAY = "ray away"
    """The job server does not answer; told once, however long it lasts."""
    RAY_BACK = "ray back"
    """It answers again."""
    PROGRESS = "progress"
    """How far a pass is, now and then; told by the command, in place of its lines or bars for people."""
    COMMAND_FAILED = "command failed"
    """A command ended with an error, told in place of its sentence for people."""
    GATEWAY_STARTED = "gateway started"
    """It listens."""
    GATEWAY_ENDED = "gateway ended"
    """Its clients are let go."""
    STREAM_BROKEN = "stream broken"
    """The change stream is opened again; nothing is skipped."""
    CLIENT_DROPPED = "client dropped"
    """It did not take in what it was sent, sent what is no message, or may hear no longer."""
    CALL_FAILED = "call failed"
    """A call could not be answered, and the fault is not the caller's; with the traceback."""
    PASS_TRIGGERED = "pass triggered"  # noqa: S105
    """Somebody started a pass over HTTP."""


_LEVELS: Mapping[Event, int] = {
    Event.CLAIM_LOST: logging.DEBUG,
    **dict.fromkeys((Event.LEASE_LOST, Event.FUNNEL_FAILED), logging.ERROR),
    **dict.fromkeys((Event.COMMAND_FAILED, Event.CALL_FAILED), logging.ERROR),
    **dict.fromkeys((Event.HEARTBEAT_MISSED, Event.LOOK_MISSED, Event.WRITE_DELAYED), logging.WARNING),
    **dict.fromkeys((Event.STALE_REQUEUED, Event.STEP_REQUEUED, Event.INDEX_MISSING), logging.WARNING),
    **dict.fromkeys((Event.TASK_FAILED, Event.TASK_ERROR), logging.WARNING),
    **dict.fromkeys((Event.SOURCE_DELETED, Event.COPIES_SLOWED, Event.STREAM_BROKEN), logging.WARNING),
    Event.UNDO_BROKEN_OFF: logging.WARNING,
}
"""What is told above or below INFO."""


class Events:
    """Tells events of one part of the engine."""

    def __init__(self, name: str) -> None:
        self._log = logging.getLogger(name)

    def emit(self, event: Event, *, level: int | None = None, traceback: bool = False, **fields: Any) -> None:
        """Log an event with its fields; ``level`` where the event's own does not fit.

        ``traceback``: of the exception that is being handled.

        Raises:
            TypeError: A field is or holds settings, and with them secrets.
        """
        for name, value in fields.items():
            _refuse_settings(name, value)
        own = _LEVELS.get(event, logging.INFO)
        about = {"event": event, "fields": fields}
        self._log.log(own if level is None else level, "%s", event, extra=about, exc_info=traceback)


def events(name: str) -> Events:
    """The events of a module, as in ``events("engine.flow.step")``."""
    return Events(f"{ROOT}.{name.removeprefix('engine.')}")


emit = Events(ROOT).emit
"""For parts that need no name of their own in the log."""


def configure(*, json: bool = False, level: int | str = logging.INFO) -> None:
    """Write this process's events to stderr, as JSON lines or for people. Safe to repeat: the last call holds."""
    handler = _Stderr()
    handler.setFormatter(JsonLines() if json else PlainLines())
    log = logging.getLogger(ROOT)
    log.setLevel(level)
    log.handlers[:] = [handler]
    # What others set up on the root logger would tell each event a second time.
    log.propagate = False


def as_json() -> bool:
    """Whether this process's events are written for machines: then nothing else should stand on stderr."""
    return any(isinstance(handler.formatter, JsonLines) for handler in logging.getLogger(ROOT).handlers)


def bind(**fields: Any) -> None:
    """What every JSON line of this process says from now on, unless an event says it itself; None says it no more.

    It spares each event the pass's id. Lines for people go without: they stand in the log of one pass.
    """
    for name, value in fields.items():
        _refuse_settings(name, value)
    _bound.update(fields)


_bound: dict[str, Any] = {}


class _Stderr(logging.StreamHandler[TextIO]):
    """Writes to what is stderr when it writes: whoever exchanged it meanwhile gets the line."""

    def __init__(self) -> None:
        logging.Handler.__init__(self)

    @property
    def stream(self) -> TextIO:  # type: ignore[override]
        return sys.stderr


class PlainLines(logging.Formatter):
    """``time level event key=value``: a line an event, whatever the values hold; a traceback follows on its own."""

    def format(self, record: logging.LogRecord) -> str:
        """One record."""
        fields = "".join(f" {name}={_plain(value)}" for name, value in getattr(record, "fields", {}).items())
        text = f"{_time(record)} {record.levelname:7} {_plain(record.getMessage(), spaces=True)}{fields}"
        return f"{text}\n{self.formatException(record.exc_info)}" if record.exc_info else text


class JsonLines(logging.Formatter):
    """One JSON object a line: time, level, logger, event, and the event's fields by their names."""

    def format(self, record: logging.LogRecord) -> str:
        """One record; what is no event has a ``message`` in place of ``event``."""
        told = {"event": record.getMessage()} if hasattr(record, "event") else {"message": record.getMessage()}
        if record.exc_info:
            told["traceback"] = self.formatException(record.exc_info)
        own = {"time": _time(record), "level": record.levelname.lower(), "logger": record.name, **told}
        bound = {name: value for name, value in _bound.items() if value is not None}
        return json.dumps({**own, **bound, **getattr(record, "fields", {}), **own}, default=str)


def _time(record: logging.LogRecord) -> str:
    return datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")


def _plain(value: Any, *, spaces: bool = False) -> str:
    text = str(value)
    bare = text.isprintable() and (spaces or (bool(text) and not set(text) & set(' "=')))
    return text if bare else json.dumps(text)


def _refuse_settings(name: str, value: Any) -> None:
    if isinstance(value, _SETTINGS):
        raise TypeError(f"{name} is {type(value).__name__}: settings hold secrets and are never logged")
    within = value.values() if isinstance(value, Mapping) else value if isinstance(value, list | tuple | set) else ()
    for inner in within:
        _refuse_settings(name, inner)
