"""A drill: funnels are asked for, passes run and are struck, and go on until nothing is left to do."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from time import monotonic
from typing import Any

from bson import ObjectId

from engine.cluster.session import run_pass
from engine.core.errors import ServiceUnreachable
from engine.core.model import Claim
from engine.edges.mongo import leases, reads
from engine.edges.mongo.client import Store
from engine.edges.mongo.scan import claim_next
from engine.settings import CopySettings, FunnelSettings, LeaseSettings, Settings, StepSettings
from engine.upkeep.invariants import Snapshot, snapshot
from tests.fault.audit import Audit, audit
from tests.fault.traps import Traps
from tests.fault.whole_funnel import LARGE_BYTES, build_whole_funnel
from tests.funnels import request_clone
from tests.processes import wait_for

TTL_S = 40.0
DONE_WITHIN_S = 400.0
LEASE_FREE_WITHIN_S = 2 * TTL_S
DIED = "its driver died"


def fast_recovery(settings: Settings) -> Settings:
    """Waits so short that a test need not wait, and attempts that no number of strikes spends.

    The lease is not short: on a busy machine a driver that lives might lose it.
    """
    return replace(
        settings,
        lease=LeaseSettings(ttl_seconds=TTL_S),
        funnels=FunnelSettings(attempts=1_000, backoff_seconds=0.1, backoff_limit_seconds=0.2),
        steps=StepSettings(concurrency=2, attempts=50),
        copy=CopySettings(actors=1, concurrency=4, deadline_seconds=60, multipart_threshold_bytes=LARGE_BYTES - 1),
    )


@dataclass
class Drill:
    """One database, one bucket, one cluster."""

    database: Any
    s3: Any
    bucket: str
    store: Store
    settings: Settings
    traps: Traps
    clones: dict[Any, Snapshot] = field(default_factory=dict)
    parked: dict[Any, str] = field(default_factory=dict)
    died: bool = False
    """Whether the last pass's driver was killed."""

    def original(self, **options: Any) -> Snapshot:
        """A new one that has everything."""
        return snapshot(self.database, self.s3, build_whole_funnel(self.database, self.s3, self.bucket, **options))

    def ask(self, original: Snapshot, account_id: Any = None) -> ObjectId:
        """For a clone; for the original's account unless another is given."""
        clone_id = request_clone(self.database, original.funnel_id, account_id)
        self.clones[clone_id] = original
        return clone_id

    def ask_for_nothing(self) -> None:
        """For a clone of an original that does not exist."""
        self.parked[request_clone(self.database, ObjectId(), ObjectId())] = "source_deleted"

    def claim_as_dead_pass(self) -> Claim:
        """A funnel that a pass had in hand when it died, with the lease given back."""
        pass_id = "d" * 32
        leases.acquire(self.store, pass_id, "a pass that died", 3600)
        taken = claim_next(self.store, pass_id, 10, None)
        leases.release(self.store, pass_id)
        assert taken is not None
        return taken.claim

    def run_pass(self) -> str:
        """One that drains, once the lease is free; how it ended."""
        self.wait_for_lease()
        self.died = False
        try:
            return run_pass(self.settings, drain=True, show=lambda _: None).state
        except ServiceUnreachable:
            self.died = True
            return DIED

    def wait_for_lease(self) -> None:
        """Until a pass may begin: the lease was given back, or ran out."""
        wait_for(self._lease_is_free, LEASE_FREE_WITHIN_S)

    def _lease_is_free(self) -> bool:
        """A dead pass's lease ends as if its time were over; its last renewal may reach the server after its death."""
        if self.died:
            self.store.leases.update_one({"_id": "pass"}, [{"$set": {"expires_at": "$$NOW"}}])
        return not (reads.lease(self.store) or {}).get("live")

    def run_until_done(self) -> list[str]:
        """Passes until one comes to its end; how each of them ended."""
        give_up_at = monotonic() + DONE_WITHIN_S
        ends = [self.run_pass()]
        while ends[-1] != "done":
            assert monotonic() < give_up_at, ends
            ends.append(self.run_pass())
        return ends

    def audit(self) -> Audit:
        """What the faults did."""
        return audit(self.database, self.s3, self.bucket, self.clones, parked=self.parked)

    def ended_at(self) -> Mapping[Any, float]:
        """Funnel -> when it ended, in seconds since the epoch."""
        ended = self.store.funnels.find({"clone.finished_at": {"$exists": True}}, {"clone.finished_at": 1})
        return {funnel["_id"]: funnel["clone"]["finished_at"].timestamp() for funnel in ended}
