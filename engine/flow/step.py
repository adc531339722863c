"""Clone a step: load, gather, gather, gather, rewrite, commit.

In: one step's work and what its funnel shares. Out: a StepResult. Images, forms and chat each gather replacements
and failures and never touch the text; then one pass rewrites the originals, and one transaction writes the page.
Whatever dies in between leaves a step that is still pending, and the same code begins it anew.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from engine.core.model import Failure, FailureKind, StepResult, StepWork
from engine.edges.mongo import pages
from engine.flow import documents
from engine.flow.chat import gather_chat
from engine.flow.context import FunnelContext, Stopwatch
from engine.flow.forms import gather_forms
from engine.flow.images import gather_images
from engine.flow.page import Page, Rewritten, load, rewrite_page


def clone_step(work: StepWork, context: FunnelContext) -> StepResult:
    """Clone one page. Safe to repeat: derived identities make a second try write what the first would have.

    Raises:
        ClaimLost: Somebody else holds the step; nothing was written.
        TransientError: Trying again may help.
        PermanentError: The page cannot be cloned; the message names the document.
    """
    watch = Stopwatch()
    begun = pages.start(context.store, context.plan.claim, work)
    if begun is None:
        return StepResult(work.step_id)
    with watch.stage("load"):
        page = load(context, work)
    with watch.stage("images"):
        images, copied = gather_images(page, context)
    with watch.stage("forms"):
        forms, new_forms = gather_forms(page, context)
    with watch.stage("chat"):
        chat = gather_chat(page, context)
    with watch.stage("rewrite"):
        rewritten = rewrite_page(
            page, {**context.ids, **images.replacements, **forms.replacements, **chat.replacements}
        )
    failures = tuple(dict.fromkeys((*page.failures, *images.failures, *forms.failures, *chat.failures)))
    with watch.stage("commit"):
        whole = _page_commit(work, context, page, rewritten, failures, new_forms, begun.standing)
        forms_made = pages.commit(context.store, context.plan.claim, work, whole)
    return StepResult(
        step_id=work.step_id,
        failures=failures,
        images_done=copied.done_ids,
        copied=copied.copied,
        forms=forms_made or 0,
        kept=forms_made is None,
        chat_keys=len(chat.replacements),
        seconds=watch.seconds,
    )


def _page_commit(
    work: StepWork,
    context: FunnelContext,
    page: Page,
    rewritten: Rewritten,
    failures: Sequence[Failure],
    new_forms: Sequence[dict[str, Any]],
    standing: Mapping[str, Any] | None,
) -> pages.PageCommit:
    return pages.PageCommit(
        raw_html=rewritten.html,
        components=documents.finished_components(
            page.components_document,
            context.plan.claim,
            (work.components_id, work.step_id),
            rewritten.components,
            [str(failure) for failure in failures],
        ),
        processed={
            "images_processed": _whole("image", failures),
            "forms_processed": _whole("form", failures),
            "chat_plugin_processed": _whole("chat", failures),
        },
        proof=rewritten.proof,
        new_forms=new_forms,
        standing=standing,
    )


def _whole(kind: FailureKind, failures: Sequence[Failure]) -> bool:
    """A part is done when no item of it failed; with nothing to do it is done, too (B17)."""
    return all(failure.kind != kind for failure in failures)
