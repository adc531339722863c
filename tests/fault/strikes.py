"""Strikes drawn by a seed: where, whom, and how. Each is made while funnels are in hand, and waited for."""

import random
from collections.abc import Callable
from contextlib import suppress
from threading import Event
from time import monotonic
from typing import TYPE_CHECKING, Any

import ray

from engine.cluster.driver import NAMESPACE, driver_name
from tests.fault.cases import CASES
from tests.fault.drill import Drill
from tests.fault.traps import Role, Trap

if TYPE_CHECKING:
    from tests.fault.trap import Sprung

IN_HAND = 3
FUTILE_CLONES = 3
"""A trap that so many clones have passed by will not spring, most likely: another one is drawn."""
_GIVE_UP_S = 1_500.0
_TICK_S = 0.05
# Where a strike needs no special circumstances.
_NAMED = [c for c in CASES if not (c.large or c.behind) and c.point != "index.made"]
_ROLES: tuple[Role, ...] = ("worker", "copier", "driver")
_FARTHEST = {"worker": 30, "copier": 10, "driver": 25}


class Striker:
    """Kills processes, one after another, while passes run elsewhere; asks for clones as others come to their end."""

    def __init__(self, drill: Drill, draw: random.Random) -> None:
        self.drill, self.draw = drill, draw
        self.originals = [drill.original(seed=n) for n in (1, 2)]
        self.caught: list[Sprung] = []
        self.done = Event()

    def strike(self, times: int) -> None:
        """Until so many were killed; ``done`` is set then, or when it fails."""
        give_up_at = monotonic() + _GIVE_UP_S
        try:
            while len(self.caught) < times:
                assert monotonic() < give_up_at, self.caught
                strike = self.draw.choices((self._anywhere, self._at_a_point, self._by_ray), (6, 2, 2))[0]
                strike()
        finally:
            self.done.set()
            self.drill.traps.disarm()

    def keep_in_hand(self) -> int:
        """See that funnels are in work; how many were asked for until now."""
        unfinished = self.drill.store.funnels.count_documents({"pending": True})
        for _ in range(IN_HAND - unfinished):
            self.drill.ask(self.draw.choice(self.originals))
        return len(self.drill.clones)

    def _role(self) -> Role:
        return self.draw.choices(_ROLES, (5, 2, 3))[0]

    def _anywhere(self) -> None:
        role = self._role()
        trap = self.drill.traps.arm(role=role, after=self.draw.randrange(_FARTHEST[role]))
        self._await(trap)

    def _at_a_point(self) -> None:
        case = self.draw.choice(_NAMED)
        self._await(self.drill.traps.arm(case.point, case.role))

    def _by_ray(self) -> None:
        """As anybody may who can reach the cluster; a copy actor comes back, a driver does not."""
        role: Role = self.draw.choice(("driver", "copier"))
        moment = self.drill.traps.arm(role=role, after=self.draw.randrange(_FARTHEST[role]), send=0)
        kill = self._kill_driver if role == "driver" else self._kill_copier
        self._await(moment, kill)

    def _await(self, trap: Trap, then: Callable[[], bool] = lambda: True) -> None:
        futile_at = self.keep_in_hand() + FUTILE_CLONES
        give_up_at = monotonic() + _GIVE_UP_S
        while not trap.sprung() and self.keep_in_hand() < futile_at:
            assert monotonic() < give_up_at, trap
            self.done.wait(_TICK_S)
        trap.disarm()
        if (caught := trap.sprung()) and then():
            self.caught += caught

    def _kill_driver(self) -> bool:
        driver = self._driver()
        if driver is not None:
            ray.kill(driver)
        return driver is not None

    def _kill_copier(self) -> bool:
        driver = self._driver()
        if driver is None:
            return False
        copiers: list[Any] = []
        with suppress(ray.exceptions.RayError):
            copiers += ray.get(driver.__ray_call__.remote(lambda self: self._pass.state.launcher._actors), timeout=20)
        for copier in copiers:
            ray.kill(copier, no_restart=False)
        return bool(copiers)

    def _driver(self) -> Any | None:
        try:
            return ray.get_actor(driver_name(self.drill.settings.mongo), namespace=NAMESPACE)
        except ValueError:
            return None  # its pass has come to its end meanwhile
