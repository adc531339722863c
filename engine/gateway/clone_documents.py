"""The shape of what calls are told and tell."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StrictBool

from engine.edges.mongo.reads import ListedState
from engine.gateway.audience import reported

MOST_LISTED = 500


class Clone(BaseModel):
    """A clone in short; ids as text, times in UTC."""

    funnel_id: str
    name: str
    account_id: str
    original_funnel_id: str
    state: ListedState
    """``waiting``: asked for and not begun, too."""
    steps_done: int
    steps_total: int
    images_done: int
    images_total: int
    errors: list[str]
    reason: str | None
    run: int
    attempts: int
    next_try_at: datetime | None
    started_at: datetime | None
    finished_at: datetime | None
    updated_at: datetime | None


class Step(BaseModel):
    """A page of a clone."""

    step_id: str
    original_step_id: str
    name: str
    state: Literal["pending", "cloning", "done"]
    errors: list[str]
    version: int | None


class Image(BaseModel):
    """An image record of a clone."""

    record_id: str
    file_name: str
    bytes: int | None
    uploaded: bool
    key: str | None
    location: str | None


class Form(BaseModel):
    """A form that was made for a clone."""

    form_id: str
    name: str


class ItemError(BaseModel):
    """Something that could not be cloned."""

    kind: str | None
    """None: not a part, but the clone."""
    item: str | None
    detail: str


class Timings(BaseModel):
    """In seconds; None where it is not over, or cannot be told."""

    waited_s: float | None
    cloned_s: float | None


class Proof(BaseModel):
    """Hashes of what was read and written stand in the database: `funnel-clone verify` goes by them."""

    digest: str


class CloneInFull(Clone):
    """All that is known of a clone."""

    steps: list[Step]
    images: list[Image]
    forms: list[Form]
    errors_by_item: list[ItemError]
    timings: Timings
    proof: Proof | None
    truncated: bool
    """A list was longer than 500."""


class Clones(BaseModel):
    """A page of clones, newest first."""

    clones: list[Clone]
    next_cursor: str | None
    counts: dict[ListedState, int]


class CloneRequest(BaseModel):
    """How the clone is to be called, and whose it is to be."""

    model_config = ConfigDict(extra="forbid")

    name: str | None = Field(None, max_length=1_000, description="None: '<name> (Clone)'.")
    account_id: str | None = Field(None, max_length=200, description="None: the original's account.")


class Requested(BaseModel):
    """The clone to be."""

    funnel_id: str


class Force(BaseModel):
    """Whether to go over what hinders."""

    model_config = ConfigDict(extra="forbid")

    force: StrictBool = False


class HowToUndo(Force):
    """And whether the funnel itself is to stay, as a cancelled clone."""

    keep_funnel: StrictBool = False


class Done(BaseModel):
    """What a call came to; more fields say more."""

    model_config = ConfigDict(extra="allow")

    funnel_id: str
    state: str


class Session(BaseModel):
    """What this gateway offers."""

    hooks: bool
    undo: bool
    version: str


class Triggered(BaseModel):
    """The job that runs the pass."""

    job_id: str


def clone_of(line: Mapping[str, Any]) -> Clone:
    """From what ``upkeep.status`` tells of one."""
    return Clone(**_short(line))


def clone_in_full(found: Mapping[str, Any], images: Sequence[Any], forms: Sequence[Any]) -> CloneInFull:
    """From what ``upkeep.status`` tells of one, its image records and its forms, one more than are listed."""
    lists = (found["steps"], images, forms, found["failures"])
    steps, images, forms, failures = ([*each][:MOST_LISTED] for each in lists)
    return CloneInFull(
        **_short(found),
        steps=[Step(**{**step, "version": _whole(step["version"])}) for step in steps],
        images=[_image(image) for image in images],
        forms=[Form(form_id=str(f.get("form_secret_id")), name=str(f.get("form_name", ""))) for f in forms],
        errors_by_item=[ItemError(kind=f["kind"], item=f["source"], detail=f["reason"]) for f in failures],
        timings=_timings(found),
        proof=Proof(digest=found["proof"]) if isinstance(found["proof"], str) else None,
        truncated=any(len(each) > MOST_LISTED for each in lists),
    )


def _short(line: Mapping[str, Any]) -> dict[str, Any]:
    times = {name: _time(line[name]) for name in ("next_try_at", "started_at", "finished_at", "updated_at")}
    figures = ("steps_done", "steps_total", "images_done", "images_total", "run", "attempts")
    texts = ("funnel_id", "name", "account_id", "original_funnel_id")
    return {
        **{name: line[name] for name in texts},
        **{name: _whole(line[name]) or 0 for name in figures},
        **times,
        "state": reported(line["state"]),
        "errors": line["errors"][:MOST_LISTED],
        "reason": None if line["reason"] is None else str(line["reason"]),
    }


def _image(record: Mapping[str, Any]) -> Image:
    more = record.get("additionalInfo")
    location = more.get("Location") if isinstance(more, Mapping) else None
    key = record.get("key")
    return Image(
        record_id=str(record["_id"]),
        file_name=str(record.get("fileName", "")),
        bytes=_whole(record.get("fileSize")),
        uploaded=record.get("uploaded") is True,
        key=None if key is None else str(key),
        location=location if isinstance(location, str) else None,
    )


def _timings(found: Mapping[str, Any]) -> Timings:
    asked, started, finished = (_time(found[name]) for name in ("asked_at", "started_at", "finished_at"))
    # A clone that was asked for again has waited since then, and when that was is not written anywhere.
    waited = (started - asked).total_seconds() if asked and started and found["run"] == 1 else None
    cloned = (finished - started).total_seconds() if started and finished else None
    return Timings(waited_s=waited, cloned_s=cloned)


def _time(value: object) -> datetime | None:
    return value if isinstance(value, datetime) else None


def _whole(value: object) -> int | None:
    return int(value) if isinstance(value, int | float) and value == value // 1 else None
