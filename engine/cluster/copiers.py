"""S3 copies in a pool of actors: a destination always goes to the same one, which copies it once (ADR 5)."""

import random
from collections.abc import Sequence
from time import monotonic, sleep
from typing import Any

import ray
from ray.exceptions import GetTimeoutError, RayActorError, RayTaskError

from engine import telemetry
from engine.cluster.copy_measures import CopyMeasures
from engine.cluster.copy_wait import all_done
from engine.cluster.meter import ToMeter
from engine.cluster.metrics import DATABASE
from engine.cluster.tally import CopyCounts
from engine.core.backpressure import Limit
from engine.core.copying import actor_of
from engine.core.errors import CloneError
from engine.core.model import CopyOrder, CopyOutcome
from engine.core.policy import backoff_s
from engine.edges.s3 import JoiningCopier, ObjectCopier
from engine.edges.s3.turns import LATE
from engine.settings import CopySettings, LogSettings, S3Settings, Settings

BACKOFF_S = 0.1
BACKOFF_LIMIT_S = 2.0
# An actor answers at the deadline; this is for the way back.
GRACE_S = 5.0
# Ray gives an actor that needs nothing to a node drawn by lot, which begins a round of its own: they may all meet on
# the same one. Those with a need, however small (bytes), are spread by the node of their owner, in one round.
_ANY_NEED = 1024**2

Placed = tuple[int, CopyOrder]
"""An order and its place in the batch."""


class CopyActor:
    """A copier for every task of a pass. As a Ray actor it is asyncio: many batches wait, few threads copy.

    Its limit of requests in flight is its own share of the store: what one actor hears, another one soon hears, too.
    """

    def __init__(
        self,
        settings: S3Settings,
        copy: CopySettings,
        log: LogSettings | None = None,
        to_meter: ToMeter | None = None,
        pass_id: str | None = None,
        **labels: str,
    ) -> None:
        """Nothing is connected yet; ``labels`` go with what is measured."""
        telemetry.configure(json=log is not None and log.json)
        telemetry.bind(pass_id=pass_id)
        self._joining = JoiningCopier(ObjectCopier(settings, copy), Limit.full(copy.concurrency))
        self._measures = CopyMeasures(self._joining, to_meter, labels)
        self._calls = 0

    async def copy(self, orders: Sequence[CopyOrder], deadline_s: float) -> list[CopyOutcome]:
        """As ``engine.flow.copier.Copier`` says."""
        self._calls += 1
        ends_at = monotonic() + deadline_s
        copies = [self._joining.submit(order, ends_at) for order in orders]
        self._measures.begin()
        self._measures.time(copies)
        await all_done(copies, deadline_s)
        # The one that raised may come after one that is still under way.
        for copy in copies:
            if copy.done():
                copy.result()
        return [
            copy.result() if copy.done() else CopyOutcome(order.key, 0, LATE, transient=True)
            for order, copy in zip(orders, copies, strict=True)
        ]

    async def begin(self, orders: Sequence[CopyOrder], deadline_s: float) -> None:
        """Copy these when there is room that no page waits for; pages that order them later join what was begun."""
        self._calls += 1
        ends_at = monotonic() + deadline_s
        self._measures.begin()
        self._measures.time([self._joining.begin(order, ends_at) for order in orders])

    async def forget(self, scope: str) -> None:
        """Free the memory of a scope, which has ended: what of it waits is not copied. Safe to repeat."""
        self._joining.forget(scope)

    async def issued(self) -> int:
        """Copies sent to S3 since this actor last started, each try counted."""
        return self._joining.issued()

    async def last_word(self) -> None:
        """Have what was measured recorded, or try to for a while: the actor may end then."""
        await self._measures.last_word()

    async def counts(self) -> CopyCounts:
        """What this actor did since it last started."""
        limit = self._joining.limit
        return CopyCounts(self._joining.issued(), self._calls, limit.lowest, limit.allowed, limit.cuts)


class ActorPoolCopier:
    """Implements ``engine.flow.copier.Copier`` over handles that any number of tasks may share."""

    def __init__(self, actors: Sequence[Any]) -> None:
        """Every holder must be given the same actors in the same order: their places are what is hashed."""
        self._actors = tuple(actors)

    def copy(self, orders: Sequence[CopyOrder], deadline_s: float) -> list[CopyOutcome]:
        """As the seam says: one call for each actor, and again for what an actor had when it died."""
        ends_at = monotonic() + deadline_s
        outcomes: dict[int, CopyOutcome] = {}
        left: list[Placed] = list(enumerate(orders))
        attempt = 0
        while left:
            attempt += 1
            left = self._send(left, ends_at, outcomes)
            wait_s = backoff_s(attempt, BACKOFF_S, BACKOFF_LIMIT_S, random.random())  # noqa: S311 - no secret
            if left and monotonic() + wait_s >= ends_at:
                break
            if left:
                sleep(wait_s)
        late = {place: CopyOutcome(order.key, 0, "its copy actor is gone", transient=True) for place, order in left}
        return [outcomes[place] if place in outcomes else late[place] for place in range(len(orders))]

    def begin(self, orders: Sequence[CopyOrder], deadline_s: float) -> None:
        """Have these copied when there is room, and do not wait; what is lost with an actor, pages order anew."""
        for actor, share in self._shares(list(enumerate(orders))).items():
            self._actors[actor].begin.remote([order for _, order in share], deadline_s)

    def _send(self, placed: Sequence[Placed], ends_at: float, outcomes: dict[int, CopyOutcome]) -> list[Placed]:
        """One round; returns what was lost with an actor."""
        shares = self._shares(placed)
        left_s = ends_at - monotonic()
        # All calls before the first wait: the actors work side by side.
        calls = [
            (self._actors[actor].copy.remote([order for _, order in share], left_s), share)
            for actor, share in shares.items()
        ]
        lost: list[Placed] = []
        for call, share in calls:
            answers = self._answers(call, share, ends_at)
            if answers is None:
                lost.extend(share)
            else:
                outcomes.update(zip((place for place, _ in share), answers, strict=True))
        return lost

    def _shares(self, placed: Sequence[Placed]) -> dict[int, list[Placed]]:
        """By the actor that they go to."""
        shares: dict[int, list[Placed]] = {}
        for place, order in placed:
            shares.setdefault(actor_of(order.bucket, order.key, len(self._actors)), []).append((place, order))
        return shares

    @staticmethod
    def _answers(call: Any, share: Sequence[Placed], ends_at: float) -> list[CopyOutcome] | None:
        """Outcomes of one call; None where its actor died."""
        try:
            answers: list[CopyOutcome] = ray.get(call, timeout=max(0.0, ends_at - monotonic()) + GRACE_S)
        except RayActorError:
            return None
        except GetTimeoutError:
            return [CopyOutcome(order.key, 0, LATE, transient=True) for _, order in share]
        except RayTaskError as error:
            if isinstance(error.cause, CloneError):
                raise error.cause from None
            raise
        return answers


def start_copy_actors(
    settings: Settings, count: int, to_meter: ToMeter | None = None, pass_id: str | None = None
) -> list[Any]:
    """Start the pool; it ends with the process that owns it.

    A dead actor comes back by itself, with nothing remembered; its calls are not repeated by Ray but by
    ``ActorPoolCopier``, which knows the deadline.
    """
    remote: Any = ray.remote  # its overloads do not know all of its options
    options = {"num_cpus": settings.ray.actor_cpus, "memory": _ANY_NEED, "scheduling_strategy": "SPREAD"}
    actor = remote(max_restarts=-1, max_task_retries=0, **options)(CopyActor)
    labels = {DATABASE: settings.mongo.database}
    return [actor.remote(settings.s3, settings.copy, settings.log, to_meter, pass_id, **labels) for _ in range(count)]
