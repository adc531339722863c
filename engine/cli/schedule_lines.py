"""What a scheduler tells, line by line: sentences for people, JSON for machines."""

from collections.abc import Mapping
from datetime import UTC, datetime
from threading import Lock
from typing import TYPE_CHECKING, Any

import click

from engine.cli.command import EXIT_DONE, EXIT_PROBLEMS, EXIT_UNREACHABLE, print_json
from engine.telemetry import Event

if TYPE_CHECKING:
    from engine.cluster.schedule import Schedule

SENTENCES: Mapping[str, str] = {
    Event.SCHEDULE_STARTED: "Passes are submitted at {cron} ({timezone}), the next at {next_tick}; health: {health}",
    Event.TICK_SUBMITTED: "Tick {tick}: submitted as job {job_id}",
    Event.TICK_FOUND: "Tick {tick}: another scheduler submitted job {job_id}; following it",
    Event.TICK_SKIPPED: "Tick {tick}: skipped, job {job_id} still runs",
    Event.TICK_MISSED: "Tick {tick}: missed, this machine was not awake for it",
    Event.RAY_AWAY: "Ray is away, and asked again until it answers: {reason}",
    Event.RAY_BACK: "Ray is back",
}
_lock = Lock()


def print_line(event: str, fields: Mapping[str, Any], *, as_json: bool) -> None:
    """One event on stdout, whichever thread it comes from."""
    now = datetime.now(UTC)
    with _lock:
        if as_json:
            print_json({"time": now.isoformat(timespec="milliseconds"), "event": event, **fields})
        else:
            click.echo(f"{now:%Y-%m-%d %H:%M:%S} {sentence_of(event, fields)}")


def sentence_of(event: str, fields: Mapping[str, Any]) -> str:
    """An event for people."""
    if event in SENTENCES:
        return SENTENCES[event].format_map(fields)
    if event == Event.TICK_ENDED:
        return f"Tick {fields['tick']}: {outcome_of(fields)}"
    return f"{event}: " + ", ".join(f"{name} {value}" for name, value in fields.items() if name not in ("last", "ray"))


def outcome_of(fields: Mapping[str, Any]) -> str:
    """What a tick came to, for people; also of a pass that had nothing to do."""
    if fields["result"] == "failed":
        return f"failed: {fields['error']}"
    if fields["result"] == "refused":
        return f"refused: {fields['refused']}"
    if not fields.get("funnels"):
        return "nothing to do"
    return (
        f"{fields['completed']} of {fields['funnels']} funnels completed, {fields['failed']} failed: "
        f"{fields['steps']} steps, {fields['images']} images in {fields['seconds']:.1f} s"
    )


def summary_of(schedule: "Schedule") -> dict[str, Any]:
    """The last line: how many ticks came to what, the last of them, and whether Ray was there."""
    last = schedule.last.fields() if schedule.last else None
    return {**schedule.counts, "last": last, "ray": "away" if schedule.away else "ok"}


def exit_code_of(schedule: "Schedule") -> int:
    """How it stood when it was ended: 3 with Ray away, 1 where the last tick failed or found problems, else 0."""
    if schedule.away:
        return EXIT_UNREACHABLE
    last = schedule.last
    return EXIT_PROBLEMS if last is not None and last.result in ("problems", "failed") else EXIT_DONE
