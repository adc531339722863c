"""The one oracle: is this clone sound, and is its original untouched?

Used by ``verify`` and by the tests. It reads documents and objects itself and shares no map, query or pattern with
the engine that made the clone: what the engine gets wrong, it must not get wrong in the same way. Reads only.

- ``violations``  what can be wrong, and what is worth a note: each kind by name
- ``records``     documents, type for type
- ``references`` ``spelling`` ``reading`` ``finding``  what a page may refer to, how that may be spelled, where it is
- ``embeds`` ``widgets``  which forms the pages embed, where the keys of chat widgets stand
- ``texts`` ``account``  a text against the original's, side by side, and what differs in all of them
- ``decoding`` ``remains``  what is left of the original behind any escapes
- ``pages`` ``content`` ``forms`` ``images`` ``objects`` ``marks`` ``ends``  each part of a clone
- ``proofs``      what a clone's own proof tells of its texts
- ``originals``   fingerprints of an original, to hold it still
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from engine.upkeep.invariants.account import Account, Span
from engine.upkeep.invariants.ends import check_events, check_funnel
from engine.upkeep.invariants.forms import check_forms
from engine.upkeep.invariants.images import check_images
from engine.upkeep.invariants.originals import Snapshot, check_untouched, snapshot
from engine.upkeep.invariants.pages import PagesCheck
from engine.upkeep.invariants.records import (
    ACCOUNTS,
    FUNNELS,
    TOKENS,
    Document,
    many,
    one,
    place,
    read_structure,
    sentences,
    sub_document,
)
from engine.upkeep.invariants.violations import Findings, Kind, Note, Part, Violation

__all__ = [
    "Account",
    "Examined",
    "Kind",
    "Note",
    "Part",
    "Snapshot",
    "Span",
    "Violation",
    "check_clone",
    "examine",
    "snapshot",
]

_PARKED = ("failed", "cancelled", "source_deleted")


@dataclass(frozen=True, slots=True)
class Examined:
    """What the oracle says of a clone."""

    violations: tuple[Violation, ...]
    notes: tuple[Note, ...]
    checked: Mapping[Part, int]
    """How many of each part were looked at; an object counts where there were two to compare."""
    account: Account
    """Of every byte of the texts that were compared; with the spans that differ, if those were asked for."""


def check_clone(
    database: Any,
    s3_client: Any,
    clone_id: Any,
    *,
    original_before: Snapshot | None = None,
    preview_domain: str | None = None,
) -> list[Violation]:
    """Everything that is wrong with a clone; an empty list where it is sound. Arguments and errors of ``examine``."""
    found = examine(database, s3_client, clone_id, original_before=original_before, preview_domain=preview_domain)
    return list(found.violations)


def examine(
    database: Any,
    s3_client: Any,
    clone_id: Any,
    *,
    original_before: Snapshot | None = None,
    preview_domain: str | None = None,
    watch: Callable[[Part, int, int], None] | None = None,
    keep_spans: bool = False,
) -> Examined:
    """Look at every part of a clone, one page at a time. Writes nothing.

    Args:
        database: A pymongo ``Database``.
        s3_client: A boto3 S3 client.
        clone_id: ``_id`` of the clone's funnel.
        original_before: The original before it was cloned; without it, whether it was changed is not checked.
        preview_domain: Whose token the chat widgets must have; None: any that ``support_tokens`` holds.
        watch: Hears (part, how many are done, how many there are).
        keep_spans: Whether to keep each span of the texts that differs; they are counted anyway.
    """
    findings = Findings() if watch is None else Findings(watch)
    findings.account.keep = keep_spans
    funnel = one(database, FUNNELS, {"_id": clone_id})
    if funnel is None:
        findings.add("clone_missing", f"{FUNNELS}/{clone_id}", "there is no such funnel")
    elif (state := _unfinished(funnel)) is not None:
        findings.add("not_completed", place(FUNNELS, funnel), f"the clone is {state}: there is nothing to prove yet")
    else:
        _examine_parts(database, s3_client, funnel, preview_domain, findings)
    if funnel is not None and original_before is not None:
        check_untouched(original_before, snapshot(database, s3_client, original_before.funnel_id), findings)
    violations, notes = tuple(sorted(findings.found)), tuple(sorted(findings.notes))
    return Examined(violations, notes, dict(findings.checked), findings.account)


def _unfinished(funnel: Document) -> str | None:
    """The state of a clone that has not come to its end; None of one that says that it has, rightly or not."""
    state = sub_document(funnel, "clone").get("state")
    if state == "completed":
        return None
    if state in _PARKED:
        return str(state)
    if funnel.get("in_progress") is True:
        return "cloning"
    if funnel.get("pending") is True:
        return "waiting" if state == "waiting" else "asked for"
    return None


def _examine_parts(
    database: Any, s3_client: Any, funnel: Document, preview_domain: str | None, findings: Findings
) -> None:
    original = one(database, FUNNELS, {"_id": funnel.get("original_funnel_id")})
    if original is None:
        where = f"{FUNNELS}/{funnel.get('original_funnel_id')}"
        findings.add("original_missing", where, "there is no such funnel: nothing to prove the clone against")
        return
    _check(database, s3_client, original, funnel, preview_domain, findings)
    for error in sentences(sub_document(funnel, "clone")):
        findings.note("failure_recorded", place(FUNNELS, funnel), error)


def _check(
    database: Any,
    s3_client: Any,
    original_funnel: Document,
    funnel: Document,
    preview_domain: str | None,
    findings: Findings,
) -> None:
    original, clone = read_structure(database, original_funnel), read_structure(database, funnel)
    pages = PagesCheck(database, original, clone, _tokens(database, preview_domain), findings)
    pages.run()
    check_forms(database, clone, pages.forms, pages.unproved, findings)
    errors = [*pages.errors, *sentences(sub_document(funnel, "clone"))]
    check_images(s3_client, original, clone, _parent_account(database, funnel), errors, findings)
    check_funnel(original, clone, list(pages.errors), findings)
    check_events(database, clone, findings)


def _tokens(database: Any, preview_domain: str | None) -> list[str]:
    """What a chat widget may have as its key, the longest first."""
    query = {} if preview_domain is None else {"domain": preview_domain}
    found = {str(entry["token"]) for entry in many(database, TOKENS, query) if entry.get("token")}
    return sorted(found, key=len, reverse=True)


def _parent_account(database: Any, funnel: Document) -> Any:
    account = one(database, ACCOUNTS, {"_id": funnel.get("account_id")})
    return None if account is None else account.get("parent_account")
