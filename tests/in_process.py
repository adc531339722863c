"""The whole way in one process, without Ray: the same functions that the tasks run."""

from concurrent.futures import ThreadPoolExecutor

from engine.core.model import Claim, FinishResult, FunnelPlan, Laid, LayoutOutcome, StepResult
from engine.edges.mongo import leases
from engine.edges.mongo.client import Store
from engine.edges.mongo.scan import claim_next
from engine.edges.s3 import InProcessCopier
from engine.flow.complete import finish_funnel
from engine.flow.context import FunnelContext
from engine.flow.layout import lay_out
from engine.flow.step import clone_step
from engine.settings import Settings

PASS = "5" * 32


class Workshop:
    """Claims, lays out, clones and finishes funnels of one test."""

    def __init__(self, store: Store, settings: Settings) -> None:
        self.store = store
        self.settings = settings
        self.copier = InProcessCopier(settings.s3, settings.copy)
        leases.acquire(store, PASS, "a test", 3600)

    def claim(self) -> Claim:
        taken = claim_next(self.store, PASS, self.settings.scan.funnel_stale_minutes, None)
        assert taken is not None, "nothing to claim"
        return taken.claim

    def lay_out(self, claim: Claim) -> LayoutOutcome:
        return lay_out(self.store, claim, self.settings)

    def plan(self) -> FunnelPlan:
        outcome = self.lay_out(self.claim())
        assert isinstance(outcome, Laid), outcome
        return outcome.plan

    def context(self, plan: FunnelPlan) -> FunnelContext:
        return FunnelContext.of(plan, self.store, self.copier, self.settings.copy.deadline_seconds)

    def clone_steps(self, context: FunnelContext) -> list[StepResult]:
        with ThreadPoolExecutor(self.settings.steps.concurrency) as pool:
            return list(pool.map(lambda work: clone_step(work, context), context.plan.steps))

    def clone(self) -> tuple[FunnelPlan, FinishResult]:
        """Everything, for the one funnel that asks."""
        context = self.context(self.plan())
        self.clone_steps(context)
        return context.plan, finish_funnel(context)
