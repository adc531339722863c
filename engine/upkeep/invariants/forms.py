"""Checks the forms of a clone: one copy for each form that its pages embed, the same fields (B15, D11)."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from engine.upkeep.invariants.decoding import Layer
from engine.upkeep.invariants.finding import Finder
from engine.upkeep.invariants.marks import check_mark
from engine.upkeep.invariants.records import (
    FORMS,
    Structure,
    changed_fields,
    edited_since,
    many,
    place,
    read_components,
    read_text,
    same,
    sub_document,
)
from engine.upkeep.invariants.references import form_references
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
    known = {copy for copies in forms.values() for copy in copies} | set(unproved)
    made = many(database, FORMS, {"clone.funnel_id": clone.id})
    unknown = [form for form in made if form.get("form_secret_id") not in known]
    # What a user has edited is compared no further: what stands behind it is looked for here.
    standing = _standing(database, clone, [str(form.get("form_secret_id")) for form in unknown])
    for form in unknown:
        used = form.get("form_secret_id") in standing
        findings.unless(used, "form_orphan", place(FORMS, form), "no page embeds or mentions it")


def _standing(database: Any, clone: Structure, secret_ids: Sequence[str]) -> set[str]:
    """Those of the forms that stand on any page of the clone, in any encoding, those of its users included."""
    standing: set[str] = set()
    finder = Finder(form_references(secret_ids))
    for step in clone.steps if secret_ids else ():
        trees = read_components(database, step["_id"])
        for text in (read_text(database, step["_id"]), *(tree.get("components") for tree in trees)):
            for layer in Layer(text).stack if isinstance(text, str) else ():
                standing.update(found.reference.text for found in finder.look(layer.text) if not found.optional)
    return standing


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
