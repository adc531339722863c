"""The driver actor: one a database in a cluster, owned by the job that made it. Runs a pass and tells its progress."""

import os
import socket
from collections.abc import Callable
from contextlib import suppress
from hashlib import sha256
from time import monotonic, sleep, time
from typing import Any
from uuid import uuid4

import ray
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from engine import telemetry
from engine.cluster import metrics
from engine.cluster.code_version import check_nodes, code_version
from engine.cluster.heartbeat import Heartbeat, Pulse
from engine.cluster.launch import Launcher
from engine.cluster.lookout import Lookout
from engine.cluster.measures import Measures
from engine.cluster.meter import ToMeter, running_meter, start_meter
from engine.cluster.metrics import DATABASE
from engine.cluster.pass_run import PassRun
from engine.cluster.report import FunnelSnapshot, PassReport, Snapshot
from engine.cluster.tally import Tally
from engine.core.errors import CloneError, OtherCode
from engine.edges.mongo import indexes, leases, passes
from engine.edges.mongo.client import Store
from engine.settings import MongoSettings, Settings
from engine.telemetry import Event, emit
from engine.wiring import store_for

NAMESPACE = "funnel-clone"
NAME_FREE_S = 10.0


class Driver:
    """The pass of one database. As a Ray actor it has a few threads: ``snapshot`` and ``stop`` answer while it runs."""

    def __init__(self, settings: Settings, *, drain: bool, measured: bool = True) -> None:
        """Nothing is connected yet; ``measured``: what the pass counts is told to the cluster's meter."""
        self._settings = settings
        self._drain = drain
        self._measured = measured
        self._pass: PassRun | None = None
        self._stopping = False
        self._to_meter: ToMeter | None = None
        self._measures = Measures()

    def run(self) -> PassReport:
        """Run the pass.

        Raises:
            CloneError: MongoDB is away or refuses.
            OtherCode: A node of the cluster runs another version of the engine; nothing is claimed.
        """
        settings = self._settings
        telemetry.configure(json=settings.log.json)
        # Which code the head runs is not known yet: a meter that is there may hear of a refusal, none is made for it.
        self._tell_to(running_meter)
        try:
            return self._take_lease(store_for(settings.mongo))
        finally:
            if self._to_meter is not None:
                self._to_meter.last_word(self._measures)

    def _tell_to(self, meter: Callable[[str], ToMeter | None]) -> None:
        self._to_meter = meter(NAMESPACE) if self._measured else None
        self._measures = Measures(self._to_meter, {DATABASE: self._settings.mongo.database})

    def _take_lease(self, store: Store) -> PassReport:
        settings = self._settings
        pass_id, owner = uuid4().hex, f"{socket.gethostname()} pid {os.getpid()}"
        telemetry.bind(pass_id=pass_id)
        indexes.ensure(store, indexes.OWN)
        missing = tuple(f"{i.collection}.{i.name}" for i in indexes.missing(store, indexes.SHARED))
        for name in missing:
            emit(Event.INDEX_MISSING, index=name, remedy="funnel-clone init")
        lease = leases.acquire(store, pass_id, owner, settings.lease.ttl_seconds)
        if isinstance(lease, leases.Holder):
            emit(Event.LEASE_REFUSED, owner=lease.owner)
            self._measures.count(metrics.PASSES, outcome="refused")
            return PassReport("refused", refused=f"another pass runs: {lease.owner}", missing_indexes=missing)
        emit(Event.LEASE_ACQUIRED, pass_id=pass_id, owner=owner, taken_from=lease.taken_from)
        state, figures = self._use_lease(store, pass_id, owner, lease)
        return PassReport(state, pass_id, figures=figures, missing_indexes=missing)

    def _use_lease(self, store: Store, pass_id: str, owner: str, lease: leases.Lease) -> tuple[str, dict[str, Any]]:
        """All that is done under the lease: however it ends, the record is closed and the lease given back."""
        heartbeat = Heartbeat(store, self._settings, pass_id)
        state, tally = "broken", Tally()
        try:
            # Before anything that may take longer than the lease lasts: a node that is busy answers late.
            heartbeat.start()
            passes.begin(store, pass_id, owner, drain=self._drain, code=code_version())
            check_nodes(code_version())
            self._tell_to(start_meter)
            self._measures.count(metrics.LEASE_TAKEOVERS, int(lease.taken_from is not None))
            state = self._run_pass(store, pass_id, lease, heartbeat)
        except OtherCode as error:
            emit(Event.CODE_DIFFERS, pass_id=pass_id, reason=str(error))
            state = "refused"
            tally.add_problem(str(error))
            raise
        finally:
            tally = self._pass.state.tally if self._pass is not None else tally
            figures = tally.as_document()
            self._measure_end(state, tally.seconds)
            heartbeat.stop()
            self._close(store, pass_id, state, figures)
        return state, figures

    def _run_pass(self, store: Store, pass_id: str, lease: leases.Lease, heartbeat: Heartbeat) -> str:
        launcher = Launcher(self._settings, pass_id, self._to_meter)
        lookout = Lookout(store, heartbeat, launcher.cancel)
        run = PassRun(store, self._settings, launcher, heartbeat, pass_id, drain=self._drain)
        self._pass = run
        run.stopping = self._stopping
        run.state.measures = self._measures
        self._measures.show(metrics.LEASE_HELD, 1)
        self._measures.show(metrics.PASS_STARTED_AT, time())
        emit(Event.PASS_STARTED, pass_id=pass_id, drain=self._drain)
        try:
            lookout.start()
            return run.run(lease.turn)
        finally:
            lookout.stop()
            # The lease is kept until all of it is told; of what was in work nothing is ours any more.
            heartbeat.pulse = Pulse()
            run.state.tally.see_actors(launcher.copies_counted())
            launcher.last_words()
            launcher.stop()

    def _measure_end(self, state: str, seconds: float) -> None:
        self._measures.count(metrics.PASSES, outcome=state)
        if state == "refused":
            return
        self._measures.observe(metrics.PASS_SECONDS, seconds)
        self._measures.show(metrics.PASS_ENDED_AT, time())
        for shown in (metrics.LEASE_HELD, metrics.FUNNELS_IN_HAND, metrics.TASKS_RUNNING):
            self._measures.show(shown, 0)

    def _close(self, store: Store, pass_id: str, state: str, figures: dict[str, Any]) -> None:
        """The record before the lease: the next pass must not begin before this one is written down."""
        with suppress(CloneError):  # the record is lost where MongoDB is away; the lease runs out by itself
            passes.finish(store, pass_id, state, figures)
        with suppress(CloneError):
            leases.release(store, pass_id)
        if state == "done" and not figures["funnels"]:
            emit(Event.NOTHING_TO_DO)
        done = {name: figures[name] for name in ("funnels", "completed", "failed")}
        emit(Event.PASS_ENDED, pass_id=pass_id, state=state, **done)

    def snapshot(self) -> Snapshot | None:
        """How far the pass is; None before it has begun."""
        run = self._pass
        if run is None:
            return None
        funnels = tuple(
            FunnelSnapshot(str(funnel.claim.funnel_id), funnel.phase, funnel.progress())
            for funnel in list(run.state.in_hand.values())
        )
        return Snapshot(run.state.tally.as_document(), funnels)

    def stop(self) -> None:
        """End the pass soon: what is in hand is given back, for the next pass to go on with. Safe to repeat."""
        self._stopping = True
        if self._pass is not None:
            self._pass.stopping = True


def driver_name(settings: MongoSettings) -> str:
    """Names the driver after its database: a second one in the cluster cannot start, one of another database can."""
    hosts = settings.uri.split("://", 1)[-1].rsplit("@", 1)[-1].split("/", 1)[0]
    return f"driver-{settings.database}-{sha256(hosts.encode()).hexdigest()[:12]}"


def start_driver(settings: Settings, *, drain: bool, measured: bool = True) -> Any | None:
    """Make the driver actor; None where one of this database lives in the cluster already.

    It stays on the node of the job that owns it: of two machines that a pass would die with, one is enough.
    """
    remote: Any = ray.remote  # its overloads do not know max_concurrency
    here = NodeAffinitySchedulingStrategy(ray.get_runtime_context().get_node_id(), soft=True)
    actor = remote(num_cpus=settings.ray.actor_cpus, max_concurrency=4, max_restarts=0, scheduling_strategy=here)(
        Driver
    )
    try:
        named = actor.options(name=driver_name(settings.mongo), namespace=NAMESPACE)
        return named.remote(settings, drain=drain, measured=measured)
    except ValueError:  # ActorAlreadyExistsError in newer versions is one, too
        return None


def end_driver(driver: Any, settings: MongoSettings) -> None:
    """End the actor and wait until its name is free: a pass right behind this one must not be refused."""
    ray.kill(driver)
    until = monotonic() + NAME_FREE_S
    while monotonic() < until:
        try:
            ray.get_actor(driver_name(settings), namespace=NAMESPACE)
        except ValueError:
            return
        sleep(0.02)
