"""The one oracle: is this clone sound, and is its original untouched?

Used by ``verify`` and by the tests. It reads documents and objects itself and shares no map, query or pattern with
the engine that made the clone: what the engine gets wrong, it must not get wrong in the same way. Reads only.

- ``violations``  what can be wrong: each kind by name
- ``records``     documents, type for type
- ``references`` ``spelling``  what a page may refer to, and how that may be spelled
- ``texts``       a text against the original's, side by side
- ``pages`` ``forms`` ``images`` ``objects`` ``marks`` ``ends``  each part of a clone
- ``originals``   fingerprints of an original, to hold it still
"""

from typing import Any

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
    read_structure,
    sentences,
    sub_document,
)
from engine.upkeep.invariants.violations import Findings, Kind, Violation

__all__ = ["Kind", "Snapshot", "Violation", "check_clone", "snapshot"]


def check_clone(
    database: Any,
    s3_client: Any,
    clone_id: Any,
    *,
    original_before: Snapshot | None = None,
    preview_domain: str | None = None,
) -> list[Violation]:
    """Everything that is wrong with a completed clone; an empty list where it is sound. Writes nothing.

    Args:
        database: A pymongo ``Database``.
        s3_client: A boto3 S3 client.
        clone_id: ``_id`` of the clone's funnel.
        original_before: The original before it was cloned; without it, whether it was changed is not checked.
        preview_domain: Whose token the chat widgets must have; None: any that ``support_tokens`` holds.
    """
    findings = Findings()
    funnel = one(database, FUNNELS, {"_id": clone_id})
    if funnel is None:
        findings.add("clone_missing", f"{FUNNELS}/{clone_id}", "there is no such funnel")
        return list(findings.found)
    original = one(database, FUNNELS, {"_id": funnel.get("original_funnel_id")})
    if original is None:
        findings.add("original_missing", f"{FUNNELS}/{funnel.get('original_funnel_id')}", "there is no such funnel")
    else:
        _check(database, s3_client, original, funnel, preview_domain, findings)
    if original_before is not None:
        check_untouched(original_before, snapshot(database, s3_client, original_before.funnel_id), findings)
    return sorted(findings.found)


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
    check_forms(database, clone, pages.forms, findings)
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
