"""What the steps of one clone share in one process: made once a funnel, used by each of its steps."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from time import perf_counter

from engine.core.model import Failure, FunnelPlan, Identity, ImageWork
from engine.core.references import ReferenceFinder
from engine.edges.mongo.client import Store
from engine.flow.copier import Copier


@dataclass(frozen=True)
class FunnelContext:
    """A plan with what it takes to carry it out: the reference finder (some milliseconds to build) and the clients."""

    plan: FunnelPlan
    store: Store
    copier: Copier
    copy_deadline_s: float
    finder: ReferenceFinder
    ids: Mapping[Identity, str]
    """Identity of each id of the original funnel -> text of the clone's."""
    images: Mapping[str, ImageWork]
    """Object key of the original -> the image."""

    @classmethod
    def of(cls, plan: FunnelPlan, store: Store, copier: Copier, copy_deadline_s: float) -> "FunnelContext":
        """Build the finder over all ids, keys and forms of the plan."""
        images = {image.source_key: image for image in plan.images}
        return cls(
            plan=plan,
            store=store,
            copier=copier,
            copy_deadline_s=copy_deadline_s,
            finder=ReferenceFinder(plan.ids, images, {image.bucket for image in plan.images}, plan.forms),
            ids={Identity("id", old): new for old, new in plan.ids.items()},
            images=images,
        )


@dataclass(frozen=True, slots=True)
class Gathered:
    """What a part of a page comes to: new texts for its references, and what could not be had."""

    replacements: Mapping[Identity, str] = field(default_factory=dict)
    failures: tuple[Failure, ...] = ()


@dataclass
class Stopwatch:
    """Seconds by stage."""

    seconds: dict[str, float] = field(default_factory=dict)
    clock: Callable[[], float] = perf_counter

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Add the time of the block to ``name``."""
        begin = self.clock()
        try:
            yield
        finally:
            self.seconds[name] = self.seconds.get(name, 0.0) + self.clock() - begin
