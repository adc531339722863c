"""Reads the pages as a step would, one at a time: what they refer to, what they embed, what is wrong with them."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from engine.core.errors import ComponentsInvalid, DocumentInvalid, OriginalStepMissing, PlanOutdated
from engine.core.model import Identity, StepWork
from engine.edges.mongo.form_places import FORM_WORD
from engine.flow.chat import gather_chat
from engine.flow.context import FunnelContext
from engine.flow.page import Page, Rewritten, load, rewrite_page
from engine.upkeep.invariants.decoding import Layer
from engine.upkeep.plan.costs import PageUse
from engine.upkeep.plan.forms import Forms
from engine.upkeep.plan.limits import Sizes, check_limits
from engine.upkeep.plan.outside import Outside
from engine.upkeep.plan.problems import Kind, Problems
from engine.upkeep.plan.staying import Staying

_FAILURES: Mapping[str, Kind] = {
    "components": "components_missing",
    "chat": "chat_token_missing",
    "references": "references_given_up",
}


@dataclass(slots=True)
class PagesSurvey:
    """What all pages come to; ``read`` adds one."""

    context: FunnelContext
    moved: dict[Identity, str]
    """What becomes of everything that is known so far: ids and images from the beginning, forms and chat keys as pages
    show them; what has no object, and what no form has, is left out."""
    forms: Forms
    sizes: Sizes
    outside: Outside
    staying: Staying
    problems: Problems
    references: dict[str, Counter[str]] = field(default_factory=dict)
    """Kind -> spelling -> how many."""
    uses: list[PageUse] = field(default_factory=list)
    shown: set[str] = field(default_factory=set)
    """Keys of the images that pages show."""
    form_places: int = 0
    """How often a form's place may begin on the pages: as often the layout reads what stands there."""

    def read(self, work: StepWork) -> None:
        """Read a page; one that cannot be read is a problem, and what it refers to is not counted."""
        where = f"funnel.step/{work.original_id}"
        page = self._load(work, where)
        if page is None:
            return
        for reference in (*page.html_references, *page.components_references):
            self.references.setdefault(reference.identity.kind, Counter())[str(reference.spelling)] += 1
        self._learn(self.forms.see(page.identities("form")))
        chat = gather_chat(page, self.context)
        for failure in (*page.failures, *chat.failures):
            # A token is missing for the funnel, however many pages have a widget.
            place = f"funnels/{self.context.plan.claim.original_id}" if failure.kind == "chat" else where
            self.problems.add(_FAILURES[failure.kind], place, failure.reason)
        self.moved.update(chat.replacements)
        rewritten = rewrite_page(page, self.moved)
        check_limits(work, rewritten, self.sizes, self.problems)
        self._look_for_others(work, rewritten)
        self._use(work, page, bool(page.failures or chat.failures))

    def _load(self, work: StepWork, where: str) -> Page | None:
        try:
            return load(self.context, work)
        except (PlanOutdated, OriginalStepMissing) as error:
            how = "edited" if isinstance(error, PlanOutdated) else "deleted"
            self.problems.add("page_changed", where, f"it was {how} while this was planned: plan again")
        except DocumentInvalid as error:
            self.problems.add("html_not_text", where, str(error))
        except ComponentsInvalid as error:
            self.problems.add("components_not_text", where, str(error))
        return None

    def _learn(self, forms: Mapping[str, str | None]) -> None:
        """What a page has shown of forms is the funnel's from here on: new ids by the old, None where there is none."""
        found = {secret: new for secret, new in forms.items() if new is not None}
        self.moved.update((Identity("form", secret), new) for secret, new in found.items())
        self.outside.know((*forms, *found.values()))
        self.staying.know(found)

    def _look_for_others(self, work: StepWork, rewritten: Rewritten) -> None:
        """What the clone's page will hold that is not its own: another funnel's, or still the original's."""
        for name, text in (("raw_html", rewritten.html), ("components", rewritten.components)):
            if text is not None:
                layers = Layer(text).stack
                self.outside.look_at(layers, work)
                self.staying.look_at(name, layers, work)

    def _use(self, work: StepWork, page: Page, failed: bool) -> None:  # noqa: FBT001
        images, forms = page.identities("image"), page.identities("form")
        self.shown.update(images)
        found = [secret for secret in forms if self.forms.names[secret] is not None]
        standing = [key for key in images if Identity("image", key) in self.moved]
        missing = len(forms) - len(found) + len(images) - len(standing)
        text_bytes = self.sizes.html(work).text_bytes + self.sizes.components(work).text_bytes
        self.form_places += sum(text.count(FORM_WORD) for text in (page.html or "", page.components))
        self.uses.append(PageUse(len(images), len(forms), len(found), text_bytes, failed + missing))
