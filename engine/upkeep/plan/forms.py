"""The forms that pages refer to: what each is named, on how many pages it stands, and what it becomes."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from engine.core.identity import form_secret_id, is_strong_id
from engine.core.model import FunnelPlan
from engine.edges.mongo import planning
from engine.edges.mongo.client import Store
from engine.upkeep.plan.problems import Problems
from engine.upkeep.plan.told import FormLine


@dataclass(slots=True)
class Forms:
    """What is known of forms so far; ``see`` adds those of a page."""

    store: Store
    plan: FunnelPlan
    problems: Problems
    pages: Counter[str] = field(default_factory=Counter)
    """``form_secret_id`` -> number of pages that refer to it, in the order of the pages."""
    names: dict[str, str | None] = field(default_factory=dict)
    """None where there is no such form."""

    def see(self, secrets: Iterable[str]) -> dict[str, str | None]:
        """Count what a page refers to, each once, and look up what no page before has.

        Returns:
            What is new: ids in the original -> in the clone; None where there is no such form.
        """
        seen = list(dict.fromkeys(secrets))
        self.pages.update(seen)
        new = [secret for secret in seen if secret not in self.names]
        names = planning.form_names(self.store, new)
        for secret in new:
            self.names[secret] = names.get(secret)
            if secret not in names:
                self.problems.add("form_missing", f"forms/{secret}", "no form has this id: its reference stays")
            elif not is_strong_id(secret):
                detail = "the id is short: only behind userform/ it is replaced"
                self.problems.add("weak_identity", f"forms/{secret}", detail)
        funnel_id = self.plan.claim.funnel_id
        return {secret: form_secret_id(funnel_id, secret) if secret in names else None for secret in new}

    def lines(self) -> tuple[FormLine, ...]:
        """In the order of the pages."""
        return tuple(FormLine(secret, self.names[secret], count) for secret, count in self.pages.items())
