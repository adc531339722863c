"""Checks how a clone ended: flags, state, errors, and that its users were told exactly once (B20, D14, D15)."""

from collections.abc import Sequence
from typing import Any

from bson.datetime_ms import DatetimeMS

from engine.upkeep.invariants.records import (
    FUNNELS,
    OUTBOX,
    USERS,
    Document,
    Structure,
    many,
    place,
    same,
    sentences,
    sub_document,
)
from engine.upkeep.invariants.violations import Findings

COMPLETED = "funnel_cloning_completed"
_TERMINAL = (COMPLETED, "funnel_cloning_failed")


def check_funnel(original: Structure, clone: Structure, page_errors: Sequence[str], findings: Findings) -> None:
    """Check the funnel's own document; ``page_errors`` are those that its pages record."""
    funnel, where = clone.funnel, place(FUNNELS, clone.funnel)
    for flag in ("pending", "in_progress"):
        findings.unless(funnel.get(flag) is False, "funnel_flags", where, f"{flag} is {funnel.get(flag)!r}")
    state = sub_document(funnel, "clone")
    completed = state.get("state") == "completed"
    findings.unless(completed, "funnel_flags", where, f"clone.state is {state.get('state')!r}")
    run = state.get("run")
    findings.unless(isinstance(run, int) and run > 0, "funnel_field", where, f"clone.run is {run!r}")
    ended = isinstance(state.get("finished_at"), DatetimeMS)
    findings.unless(ended, "funnel_field", where, f"clone.finished_at is {state.get('finished_at')!r}")
    told = "live_chat_widget" in funnel or "live_chat_widget" not in original.funnel
    findings.unless(told, "funnel_field", where, "live_chat_widget is missing")
    _check_errors(original, sentences(state), page_errors, where, findings)


def check_events(database: Any, clone: Structure, findings: Findings) -> None:
    """Check that the outbox holds exactly one end of this run, for the right users."""
    where, state = place(FUNNELS, clone.funnel), sub_document(clone.funnel, "clone")
    told = many(database, OUTBOX, {"payload.funnel_id": str(clone.id), "event": {"$in": list(_TERMINAL)}})
    ours = [event for event in told if str(event["_id"]).startswith(f"{clone.id}:{state.get('run')}:")]
    strangers = [event for event in told if not str(event["_id"]).startswith(f"{clone.id}:")]
    for event in strangers:
        findings.add("event_twice", place(OUTBOX, event), "its _id is derived from no run of this clone")
    findings.unless(ours or strangers, "event_missing", where, f"run {state.get('run')} has no end in the outbox")
    findings.unless(len(ours) <= 1, "event_twice", where, f"run {state.get('run')} has {len(ours)} ends")
    for event in ours or strangers:
        _check_event(database, clone, event, findings)


def _check_event(database: Any, clone: Structure, event: Document, findings: Findings) -> None:
    where, account_id = place(OUTBOX, event), clone.funnel.get("account_id")
    findings.unless(event.get("event") == COMPLETED, "event_wrong", where, f"event is {event.get('event')!r}")
    findings.unless(same(event.get("account_id"), account_id), "event_wrong", where, "account_id is not the clone's")
    active = sorted(str(user["_id"]) for user in many(database, USERS, {"account": account_id, "active": True}))
    users = event.get("user_ids")
    right = isinstance(users, list) and sorted(map(str, users)) == active and all(isinstance(u, str) for u in users)
    findings.unless(right, "event_wrong", where, f"user_ids is {users!r}, the active users are {active}")
    errors = len(sentences(sub_document(clone.funnel, "clone")))
    payload = {"funnel_id": str(clone.id), "status": "completed", **({"errors": errors} if errors else {})}
    findings.unless(event.get("payload") == payload, "event_wrong", where, f"payload is {event.get('payload')!r}")


def _check_errors(
    original: Structure, errors: Sequence[str], page_errors: Sequence[str], where: str, findings: Findings
) -> None:
    for error in sorted(set(page_errors) - set(errors)):
        findings.add("funnel_errors", where, f"clone.errors lacks what a page records: {error}")
    findings.unless(len(set(errors)) == len(errors), "funnel_errors", where, "clone.errors has doubles")
    images = [str(record.get("key") or record["_id"]) for record in original.images]
    for error in sorted(set(errors) - set(page_errors)):
        # What no page shows can fail, too: images that are only on record.
        known = any(image in error for image in images)
        findings.unless(known, "funnel_errors", where, f"clone.errors has what no page records: {error}")
