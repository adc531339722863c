"""Reads the pages as a step would, one at a time: what they refer to, what they embed, what is wrong with them."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from engine.core.errors import ComponentsInvalid, DocumentInvalid
from engine.core.model import Identity, StepWork
from engine.core.references import ReferenceFinder
from engine.edges.mongo import pages
from engine.edges.mongo.client import Store
from engine.flow.chat import gather_chat
from engine.flow.context import FunnelContext
from engine.flow.page import Page, load, rewrite_page
from engine.upkeep.plan.costs import PageUse
from engine.upkeep.plan.limits import Sizes, check_limits
from engine.upkeep.plan.outside import Outside
from engine.upkeep.plan.problems import Kind, Problems

Watch = Callable[[int, int], None]

_FAILURES: Mapping[str, Kind] = {"components": "components_missing", "chat": "chat_token_missing"}


def embedded_forms(store: Store, works: Sequence[StepWork], watch: Watch) -> dict[str, int]:
    """``form_secret_id`` -> number of pages that embed it, in the order of the pages.

    A pass of its own, since a form that one page embeds may be named on all others.
    """
    finder = ReferenceFinder((), ())
    embedding: Counter[str] = Counter()
    for done, work in enumerate(works, start=1):
        original = pages.load(store, work)
        texts = (original.raw_html, (original.components or {}).get("components"))
        found = finder.find_on_page([text for text in texts if isinstance(text, str)])
        embedding.update({r.identity.text: 1 for of_text in found for r in of_text if r.identity.kind == "form"})
        watch(done, len(works))
    return dict(embedding)


@dataclass(slots=True)
class PagesSurvey:
    """What all pages come to; ``read`` adds one."""

    context: FunnelContext
    replacements: Mapping[Identity, str]
    """All but those of chat keys."""
    sizes: Sizes
    outside: Outside
    problems: Problems
    references: dict[str, Counter[str]] = field(default_factory=dict)
    """Kind -> spelling -> how many."""
    uses: list[PageUse] = field(default_factory=list)
    shown: set[str] = field(default_factory=set)
    """Keys of the images that pages show."""

    def read(self, work: StepWork) -> None:
        """Read a page; one that could not be cloned is a problem, and what it refers to is not counted.

        Raises:
            PlanOutdated: It was edited since the plan was begun.
            OriginalStepMissing: It was deleted since.
        """
        where = f"funnel.step/{work.original_id}"
        try:
            page = load(self.context, work)
        except DocumentInvalid as error:
            self.problems.add("html_not_text", where, str(error))
            return
        except ComponentsInvalid as error:
            self.problems.add("components_not_text", where, str(error))
            return
        for reference in (*page.html_references, *page.components_references):
            self.references.setdefault(reference.identity.kind, Counter())[str(reference.spelling)] += 1
        for text in (page.html, page.components):
            if text is not None:
                self.outside.look_at(text, work)
        chat = gather_chat(page, self.context)
        for failure in (*page.failures, *chat.failures):
            # A token is missing for the funnel, however many pages have a widget.
            place = f"funnels/{self.context.plan.claim.original_id}" if failure.kind == "chat" else where
            self.problems.add(_FAILURES[failure.kind], place, failure.reason)
        rewritten = rewrite_page(page, {**self.replacements, **chat.replacements})
        check_limits(work, page, rewritten, self.sizes, self.problems)
        self._use(work, page, bool(page.failures or chat.failures))

    def _use(self, work: StepWork, page: Page, failed: bool) -> None:  # noqa: FBT001
        images, forms = page.identities("image"), page.identities("form")
        self.shown.update(images)
        found = [secret for secret in forms if Identity("form", secret) in self.replacements]
        standing = [key for key in images if Identity("image", key) in self.replacements]
        missing = len(forms) - len(found) + len(images) - len(standing)
        text_bytes = self.sizes.html(work).text_bytes + self.sizes.components(work).text_bytes
        self.uses.append(PageUse(len(images), len(forms), len(found), text_bytes, failed + missing))
