"""Checks the forms of a clone: one copy for each form that its pages embed, the same fields (B15, D11)."""

from collections.abc import Collection, Mapping
from typing import Any

from engine.upkeep.invariants.marks import check_mark
from engine.upkeep.invariants.records import (
    FORMS,
    Structure,
    changed_fields,
    edited_since,
    many,
    place,
    same,
    sub_document,
)
from engine.upkeep.invariants.violations import Findings

_OWN = frozenset({"_id", "form_secret_id", "account_id", "createdAt", "updatedAt", "clone"})


def check_forms(
    database: Any, clone: Structure, forms: Mapping[str, set[str]], unproved: Collection[str], findings: Findings
) -> None:
    """Check the copies.

    Args:
        database: Where both sides' forms are.
        clone: Its account is the copies'.
        forms: Original form id -> ids that stand in its places on the clone's pages.
        unproved: Ids on pages whose originals were edited since: what they were copied from is not known.
        findings: Gains what is wrong.
    """
    for secret, copies in forms.items():
        detail = f"has {len(copies)} copies in this clone: {sorted(copies)}"
        findings.unless(len(copies) == 1, "form_twice", f"{FORMS}/{secret}", detail)
        originals = many(database, FORMS, {"form_secret_id": secret})
        for copy in copies:
            _check_copy(database, clone, originals, copy, findings)
    embedded = {copy for copies in forms.values() for copy in copies} | set(unproved)
    for form in many(database, FORMS, {"clone.funnel_id": clone.id}):
        findings.unless(form.get("form_secret_id") in embedded, "form_orphan", place(FORMS, form), "no page embeds it")


def _check_copy(
    database: Any, clone: Structure, originals: list[dict[str, Any]], secret: str, findings: Findings
) -> None:
    found = many(database, FORMS, {"form_secret_id": secret})
    if not found:
        findings.add("form_missing", f"{FORMS}/{secret}", "a page of the clone embeds it, and it does not exist")
        return
    findings.count("forms")
    findings.unless(len(found) == 1, "form_twice", f"{FORMS}/{secret}", f"{len(found)} forms have this id")
    form = found[0]
    where = place(FORMS, form)
    theirs = clone.funnel.get("account_id")
    findings.unless(same(form.get("account_id"), theirs), "form_field", where, "account_id is not the clone's")
    if not originals:
        findings.add("form_field", where, "it is the copy of no form")
        return
    # Several forms may have the original's id in older data: whichever was copied was copied whole.
    changed = min((changed_fields(original, form, _OWN) for original in originals), key=len)
    ended = sub_document(clone.funnel, "clone").get("finished_at")
    edited = all(edited_since(original, ended) for original in originals)
    for name in changed:
        findings.unless(None, "form_field", where, f"{name} is not the original's", edited=edited)
    check_mark(form, clone.id, [original["_id"] for original in originals], where, findings)
