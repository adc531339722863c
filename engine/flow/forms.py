"""Gather forms: one new form per original form per clone, shared by all its pages (B15); made by the commit."""

from typing import Any

from engine.core.identity import form_secret_id
from engine.core.model import Failure, Identity
from engine.edges.mongo import pages
from engine.edges.mongo.codec import derived_id
from engine.flow import documents
from engine.flow.context import FunnelContext, Gathered
from engine.flow.page import Page

Document = dict[str, Any]


def gather_forms(page: Page, context: FunnelContext) -> tuple[Gathered, list[Document]]:
    """New ids for the forms that the page embeds or mentions, and the form documents that do not exist yet.

    Writes nothing: the documents go into the step's own transaction, so that no form outlives a step that failed.
    A form that is missing is a Failure, and its reference stays.
    """
    wanted = page.identities("form")
    if not wanted:
        return Gathered(), []
    claim = context.plan.claim
    copy_ids = {secret: derived_id(claim.funnel_id, "form", secret) for secret in wanted}
    found, existing = pages.find_forms(context.store, wanted, list(copy_ids.values()))
    originals = {form["form_secret_id"]: form for form in reversed(found)}
    new_ids = {secret: form_secret_id(claim.funnel_id, secret) for secret in wanted if secret in originals}
    new_forms = [
        documents.new_form(originals[secret], claim, copy_ids[secret], new_id)
        for secret, new_id in new_ids.items()
        if copy_ids[secret] not in existing
    ]
    failures = tuple(Failure("form", secret, "no form has this id") for secret in wanted if secret not in originals)
    return Gathered({Identity("form", secret): new_id for secret, new_id in new_ids.items()}, failures), new_forms
