"""Hands work to Ray: the one place where tasks are made remote, with their resources."""

from contextlib import suppress
from typing import Any

import ray
from ray.exceptions import RayError

from engine.cluster import tasks
from engine.cluster.code_version import code_version
from engine.cluster.copiers import start_copy_actors
from engine.cluster.meter import ToMeter
from engine.cluster.tally import CopyCounts
from engine.core.model import Claim, StepWork
from engine.settings import Settings

COUNT_TIMEOUT_S = 10.0
# The lease is still held, and no longer renewed.
LAST_WORDS_S = 5.0

Ref = Any

# Ray's overloads know neither all of its options nor functions of several results.
_remote: Any = ray.remote


class Launcher:
    """Owns what all tasks of a pass share: settings and copy actors, put into Ray's memory once.

    Settings hold secrets; as task arguments they stay in Ray's memory, and stand in no runtime_env and on no
    command line, which the dashboard would show (ADR 8).
    """

    def __init__(self, settings: Settings, pass_id: str, to_meter: ToMeter | None) -> None:
        """Start the copy actors; they come up beside the first layouts."""
        self.copy_actors = tuple(start_copy_actors(settings, settings.copy.actors, to_meter, pass_id))
        shared = tasks.Shared(settings, self.copy_actors, pass_id)
        self._shared: tasks.SharedRef = (code_version(), ray.put(shared))
        small = {"num_cpus": settings.ray.task_cpus, "max_retries": 0}
        self._layout = _remote(**small, num_returns=2)(tasks.lay_out_funnel)
        self._step = _remote(**small)(tasks.clone_one_step)
        self._finish = _remote(**small)(tasks.finish_one_funnel)

    def layout(self, claim: Claim) -> tuple[Ref, Ref]:
        """Start a layout; returns references of its summary and its plan."""
        summary, plan = self._layout.remote(self._shared, claim)
        return summary, plan

    def step(self, plan: Ref, work: StepWork) -> Ref:
        """Start a step."""
        return self._step.remote(self._shared, [plan], work)

    def finish(self, plan: Ref, funnel_id: Any) -> Ref:
        """Start the end of a funnel."""
        return self._finish.remote(self._shared, [plan], funnel_id)

    def cancel(self, ref: Ref) -> None:
        """End a task by force; its worker goes with it."""
        ray.cancel(ref, force=True)

    def forget(self, scope: str) -> None:
        """Let the copy actors forget what they copied for a funnel that has ended, and drop what they would copy."""
        for actor in self.copy_actors:
            actor.forget.remote(scope)

    def copies_counted(self) -> list[CopyCounts]:
        """What each copy actor did in this pass; one that is gone tells nothing, and keeps no other from telling."""
        asked = [actor.counts.remote() for actor in self.copy_actors]
        answered, _ = ray.wait(asked, num_returns=len(asked), timeout=COUNT_TIMEOUT_S) if asked else ([], [])
        counts: list[CopyCounts] = []
        for answer in answered:
            with suppress(RayError):
                counts.append(ray.get(answer))
        return counts

    def last_words(self) -> None:
        """Let the copy actors have recorded what they measured: they may end then."""
        words = [actor.last_word.remote() for actor in self.copy_actors]
        ray.wait(words, num_returns=len(words), timeout=LAST_WORDS_S)

    def stop(self) -> None:
        """End the copy actors."""
        for actor in self.copy_actors:
            ray.kill(actor)
