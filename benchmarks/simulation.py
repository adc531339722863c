"""A pass as a simulation: who waits for what, with costs that were measured.

Pages go through the window, each does its reading, waits for its copies, and does its writing; copies go through the
copy actors, each of which has so many in flight. They begin with the clone's layout, behind those that a page waits for
(ADR 14). Processors, window, actors and the driver are the resources that anything can wait for; what only takes time
(a store's distance) holds none of them but its place in an actor.
"""

from collections.abc import Generator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import simpy

Process = Generator[simpy.Event, Any, None]


@dataclass(frozen=True)
class Costs:
    """What a piece of work takes of a processor, in seconds; and how far the servers are."""

    funnel: float
    """Layout and end of a funnel, on a node and in MongoDB."""
    step: float
    """Reading, rewriting and writing one page, on a node and in MongoDB."""
    copy: float
    """One copy, in its actor and in the object store."""
    task: float = 0.002
    """Handing one task out and taking its result in: the driver does one at a time."""
    lag: float = 0.0
    """What a task takes beyond its work: its way to a worker and back."""
    s3_s: float = 0.0
    """A round trip to the object store."""
    mongo_s: float = 0.0
    """A round trip to MongoDB."""
    trips_a_step: int = 8
    trips_a_funnel: int = 14


@dataclass(frozen=True)
class Site:
    """What there is to do it with."""

    processors: int
    """That all of it shares: one machine, or as many as the nodes have where servers have their own."""
    window: int = 5
    """steps.concurrency."""
    room: int = 1_000
    """Pages for which the nodes have CPU shares, at once."""
    actors: int = 2
    in_flight: int = 16
    """copy.concurrency, of one actor."""


@dataclass(frozen=True)
class Load:
    """What is asked for."""

    funnels: int
    steps: int = 8
    images: int = 35


_WAITED_FOR, _EARLY = 0, 1
"""The lower goes first."""


class _Copy:
    """One image of one clone: copied once, by whichever order comes to its turn first."""

    def __init__(self, time: simpy.Environment, actor: simpy.PriorityResource) -> None:
        self.actor = actor
        self.begun = False
        self.done = simpy.Event(time)


class _Pass:
    """One run of the simulation."""

    def __init__(self, costs: Costs, site: Site, load: Load) -> None:
        self.time = simpy.Environment()
        self._costs, self._load = costs, load
        self._processors = simpy.Resource(self.time, site.processors)
        self._window = simpy.Resource(self.time, min(site.window, site.room))
        self._driver = simpy.Resource(self.time, 1)
        self._actors = [simpy.PriorityResource(self.time, site.in_flight) for _ in range(site.actors)]
        self._layouts = simpy.Resource(self.time, 3)
        self.done = 0

    def funnel(self) -> Process:
        costs, load = self._costs, self._load
        with self._layouts.request() as turn:
            yield turn
            yield from self._task(costs.funnel / 2, costs.trips_a_funnel / 2)
        copies = [_Copy(self.time, self._actors[at % len(self._actors)]) for at in range(load.images)]
        for copy in copies:
            self.time.process(self._copied(copy, _EARLY))
        # Shared as evenly as pages share their images.
        shares = [copies[at :: load.steps] for at in range(load.steps)]
        yield self.time.all_of([self.time.process(self._step(share)) for share in shares])
        yield from self._task(costs.funnel / 2, costs.trips_a_funnel / 2)
        self.done += 1

    def _step(self, copies: Sequence[_Copy]) -> Process:
        costs = self._costs
        with self._window.request() as place:
            yield place
            yield from self._task(costs.step / 2, costs.trips_a_step / 2)
            for copy in copies:
                if not copy.begun:
                    self.time.process(self._copied(copy, _WAITED_FOR))
            yield self.time.all_of([copy.done for copy in copies])
            yield self.time.timeout(costs.mongo_s * costs.trips_a_step / 2)
            yield from self._computed(costs.step / 2)

    def _copied(self, copy: _Copy, priority: int) -> Process:
        with copy.actor.request(priority) as place:
            yield place
            if copy.begun:
                return
            copy.begun = True
            yield self.time.timeout(self._costs.s3_s)
            yield from self._computed(self._costs.copy)
        copy.done.succeed()

    def _task(self, computed: float, trips: float) -> Process:
        with self._driver.request() as turn:
            yield turn
            yield self.time.timeout(self._costs.task)
        yield self.time.timeout(self._costs.lag + self._costs.mongo_s * trips)
        yield from self._computed(computed)

    def _computed(self, seconds: float) -> Process:
        """In slices: those who compute at once take turns."""
        slices = max(1, round(seconds / 0.005))
        for _ in range(slices):
            with self._processors.request() as turn:
                yield turn
                yield self.time.timeout(seconds / slices)


def simulated_seconds(costs: Costs, site: Site, load: Load) -> float:
    """How long a pass over so many funnels takes."""
    run = _Pass(costs, site, load)
    run.time.run(run.time.all_of([run.time.process(run.funnel()) for _ in range(load.funnels)]))
    return float(run.time.now)


def fitted_lag(costs: Costs, site: Site, load: Load, seconds: float) -> Costs:
    """The costs whose lag makes the simulation take as long as was measured."""
    low, high = 0.0, 1.0
    for _ in range(20):
        middle = (low + high) / 2
        if simulated_seconds(replace(costs, lag=middle), site, load) < seconds:
            low = middle
        else:
            high = middle
    return replace(costs, lag=low)
