"""One funnel cloned in this process, each part tried again where the policy says so; and passes until it has ended."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar

from engine.core.errors import CloneError
from engine.core.model import Claim, Laid
from engine.core.policy import Decision, decide
from engine.edges.mongo import leases
from engine.edges.mongo.client import Store
from engine.edges.mongo.scan import claim_next
from engine.flow.complete import finish_funnel, park
from engine.flow.context import FunnelContext
from engine.flow.copier import Copier
from engine.flow.layout import lay_out
from engine.flow.step import clone_step
from engine.settings import Settings

Value = TypeVar("Value")
PASSES = 5


@dataclass
class Told:
    """What came of the passes, for the test and for the table."""

    errors: list[tuple[str, CloneError, Decision]] = field(default_factory=list)
    """(part, error, what the policy says to it)."""
    passes: int = 0
    parked: int = 0

    def outcome(self) -> str:
        """In words."""
        met = [f"{part}: {type(error).__name__} -> {decision.value}" for part, error, decision in self.errors]
        passes = "same pass" if self.passes == 1 else f"{self.passes} passes"
        return f"{', '.join(met) or 'unnoticed'}; {passes}"


class PolicyPasses:
    """Passes over one funnel, in one thread: the order of their commands is always the same."""

    def __init__(self, store: Store, onlooker: Store, settings: Settings, copier: Copier) -> None:
        """``store`` is the one that faults strike; ``onlooker`` looks on from beside it."""
        self.store, self.onlooker, self.settings, self.copier = store, onlooker, settings, copier
        self.told = Told()
        self.on_error: Callable[[], None] = lambda: None
        """Called when a part has failed, before it is tried again."""

    def run_until_ended(self) -> Told:
        """Passes until none finds anything to do; a clone that failed is asked for again."""
        while self._left():
            assert self.told.passes < PASSES, self.told.errors
            self.told.passes += 1
            self._pass()
        return self.told

    def _left(self) -> bool:
        self.onlooker.leases.delete_many({})  # one that could not be given back has run out
        self.onlooker.funnels.update_many({"clone.state": "failed"}, {"$set": {"pending": True}})
        return self.onlooker.funnels.count_documents({"$or": [{"pending": True}, {"in_progress": True}]}) > 0

    def _pass(self) -> None:
        pass_id = f"{self.told.passes:032x}"  # on which side of a dead pass's it lies decides over a query
        try:
            self._try("lease", lambda: leases.acquire(self.store, pass_id, "a test", 3600))
            self._clone(pass_id)
            self._try("release", lambda: leases.release(self.store, pass_id))
        except CloneError:
            return  # the pass is over; the next one goes on

    def _clone(self, pass_id: str) -> None:
        stale_minutes = self.settings.scan.funnel_stale_minutes
        taken = self._try("claim", lambda: claim_next(self.store, pass_id, stale_minutes, None))
        if taken is None:
            return  # a claim whose answer was lost: it stands as this pass's own, and the next one finds it
        try:
            self._work(taken.claim)
        except CloneError as error:
            if decide(error) is Decision.FAIL:
                self._try("park", lambda why=str(error): park(self.store, taken.claim, why))  # type: ignore[misc]
                self.told.parked += 1

    def _work(self, claim: Claim) -> None:
        outcome = self._try("layout", lambda: lay_out(self.store, claim, self.settings))
        assert isinstance(outcome, Laid), outcome
        context = FunnelContext.of(outcome.plan, self.store, self.copier, self.settings.copy.deadline_seconds)
        for work in outcome.plan.steps:
            self._try("step", lambda work=work: clone_step(work, context))  # type: ignore[misc]
        self._try("finish", lambda: finish_funnel(context))

    def _try(self, part: str, work: Callable[[], Value]) -> Value:
        """As the pass does: so many tries, while the policy says so."""
        for left in reversed(range(self.settings.steps.attempts)):
            try:
                return work()
            except CloneError as error:
                decision = decide(error)
                self.told.errors.append((part, error, decision))
                self.on_error()
                if decision is not Decision.RETRY or not left:
                    raise
        raise AssertionError


def end_of(store: Store, clone_id: Any) -> dict[str, Any]:
    """What the funnel says of its end."""
    clone: dict[str, Any] = (store.funnels.find_one({"_id": clone_id}) or {}).get("clone", {})
    return clone
