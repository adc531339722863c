"""The demo's work: sample funnels brought into embedded servers, cloned by a pass, each clone checked by the oracle."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from engine.cluster.report import PassReport, Snapshot
from engine.cluster.session import run_pass
from engine.edges.mongo import indexes, requests
from engine.edges.mongo.client import Store
from engine.settings import Settings
from engine.upkeep.invariants import Violation, snapshot
from engine.upkeep.samples import Sample, bring_in
from engine.upkeep.verify import verify


@dataclass(frozen=True)
class Cloned:
    """A sample, its clone, and what the oracle says of it."""

    sample: Sample
    clone_id: Any
    violations: tuple[Violation, ...]


@dataclass(frozen=True)
class DemoReport:
    """What the demo did."""

    report: PassReport
    clones: tuple[Cloned, ...]

    @property
    def sound(self) -> bool:
        """Every clone is what it should be."""
        return self.report.state == "done" and not any(cloned.violations for cloned in self.clones)


def clone_samples(
    store: Store, s3_client: Any, settings: Settings, show: Callable[[Snapshot], None], say: Callable[[str], None]
) -> DemoReport:
    """Bring in the samples, ask for a clone of each, run a pass to its end, check each clone against its original."""
    indexes.ensure(store, (*indexes.OWN, *indexes.SHARED))
    endpoint_url = settings.s3.endpoint_url or ""
    samples = bring_in(store.db, s3_client, settings.s3.bucket, endpoint_url)
    pages, pictures = sum(sample.pages for sample in samples), sum(sample.images for sample in samples)
    say(f"{len(samples)} sample funnels brought in: {pages} pages, {pictures} pictures")
    before = [snapshot(store.db, s3_client, sample.funnel_id) for sample in samples]
    clone_ids = [
        requests.insert_requests(store, sample.funnel_id, f"{sample.name} (Clone)", sample.account_id, 1)[0]
        for sample in samples
    ]
    names = {str(clone_id): sample.name for sample, clone_id in zip(samples, clone_ids, strict=True)}
    report = run_pass(settings, drain=True, show=lambda now: show(_named(now, names)))
    say("Checking every clone against its original")
    clones = tuple(
        Cloned(sample, clone_id, verify(store, s3_client, clone_id, original_before=seen).violations)
        for sample, clone_id, seen in zip(samples, clone_ids, before, strict=True)
    )
    return DemoReport(report, clones)


def _named(snapshot: Snapshot, names: Mapping[str, str]) -> Snapshot:
    """With names, for people to read, in the place of ids."""
    funnels = (replace(funnel, funnel_id=names.get(funnel.funnel_id, funnel.funnel_id)) for funnel in snapshot.funnels)
    return replace(snapshot, funnels=tuple(funnels))
