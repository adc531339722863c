"""Copies a second: the engine's pool of actors beside raw obstore, s5cmd, rclone, boto3 and the aws command.

Objects are copied inside the embedded S3, each way to fresh keys; whether all arrived is looked at outside the time.
Programs are timed with their start, libraries with their client made and warm: the engine's actors live as long as a
pass. ``delay``: what each request takes longer, through a proxy; it is what a store has that is not on this machine.
"""

import os
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from itertools import count
from pathlib import Path
from time import perf_counter
from typing import Any
from urllib.parse import urlsplit

import ray

from benchmarks.copy_ways import IN_PROCESS, PROGRAMS, Batch, Way, not_installed, programs_versions
from benchmarks.stand import Stand, stand
from benchmarks.turns import in_turns, of_pairs, spread
from engine.cluster.copiers import ActorPoolCopier, start_copy_actors
from engine.core.model import CopyOrder
from engine.local.ray_cluster import embedded_ray
from engine.settings import CopySettings, S3Settings, Settings
from tests.delaying_proxy import delaying_proxy

ROUNDS = {"quick": 2, "full": 5}
DEADLINE_S = 600.0
ENGINE, LIMIT = "engine", "obstore"
AS_IT_COMES = CopySettings()


@dataclass(frozen=True)
class Extent:
    """What is measured."""

    objects: Mapping[int, int]
    """Object's bytes -> how many."""
    delays_ms: tuple[int, ...]
    grid_bytes: int
    grid_delays_ms: tuple[int, ...]
    actors: tuple[int, ...]
    concurrency: tuple[int, ...]


QUICK = Extent({1_000: 200, 100_000: 200, 5_000_000: 8}, (0, 20), 100_000, (0,), (1, 2), (16,))
FULL = Extent({1_000: 2_000, 100_000: 1_500, 5_000_000: 60}, (0, 20, 80), 100_000, (0, 20, 80), (1, 2, 4), (4, 16, 64))

_fresh = count()


class Pool:
    """The engine's copy actors, warm; ends with ``close``."""

    def __init__(self, settings: Settings, actors: int) -> None:
        """They are up when the first copy is through."""
        self._actors = start_copy_actors(settings, actors)
        self._copier = ActorPoolCopier(self._actors)
        ray.get([actor.issued.remote() for actor in self._actors])

    def way(self, batch: Batch, _: Path) -> Callable[[], None]:
        """All orders in one call, as of one page."""
        bucket = batch.settings.bucket
        orders = [CopyOrder(bucket, old, bucket, new, None, batch.target) for old, new in batch.pairs()]
        # Each actor's client is made at its first copy.
        self._copy([replace(order, scope=f"warm {batch.target}") for order in orders[: 8 * len(self._actors)]])
        return partial(self._copy, orders)

    def _copy(self, orders: list[CopyOrder]) -> None:
        failures = [copied.failure for copied in self._copier.copy(orders, DEADLINE_S) if copied.failure]
        if failures:
            raise SystemExit(f"engine: {len(failures)} of {len(orders)} copies failed: {failures[0]}")

    def close(self) -> None:
        """End the actors."""
        for actor in self._actors:
            ray.kill(actor)


def measured(size: str, rounds: int) -> dict[str, Any]:
    """Cases of all ways, then the engine's grid beside obstore with as many requests in flight."""
    extent = QUICK if size == "quick" else FULL
    with stand("copy-throughput") as place, embedded_ray(place.settings.ray, place.folder / "ray"):
        for object_bytes, objects in extent.objects.items():
            _put(place, object_bytes, objects)
        cases = [case for delay_ms in extent.delays_ms for case in _cases(place, extent, delay_ms, rounds)]
        grid = [point for delay_ms in extent.grid_delays_ms for point in _grid(place, extent, delay_ms, rounds)]
    return {"programs": programs_versions(), "not_installed": not_installed(), "cases": cases, "grid": grid}


def _put(place: Stand, object_bytes: int, objects: int) -> None:
    client, bucket = place.s3, place.settings.s3.bucket
    for n in range(objects):
        client.put_object(Bucket=bucket, Key=f"from/{object_bytes}/{n:05}", Body=os.urandom(object_bytes))


def _cases(place: Stand, extent: Extent, delay_ms: int, rounds: int) -> Iterator[dict[str, Any]]:
    with _far(place, delay_ms) as settings:
        pool = Pool(settings, AS_IT_COMES.actors)
        programs = {way: run for way, (_, run) in PROGRAMS.items() if way not in not_installed()}
        ways: dict[str, Way] = {ENGINE: pool.way, **IN_PROCESS, **programs}
        in_flight = AS_IT_COMES.actors * AS_IT_COMES.concurrency
        for object_bytes, objects in extent.objects.items():
            rates = _rates(place, settings.s3, ways, (object_bytes, objects, in_flight), rounds)
            yield {
                "object_bytes": object_bytes,
                "objects": objects,
                "delay_ms": delay_ms,
                "in_flight": in_flight,
                "copies_per_second": {way: spread(values) for way, values in rates.items()},
                "engine_to": {way: of_pairs(rates[ENGINE], rates[way]) for way in ways if way != ENGINE},
            }
        pool.close()


def _grid(place: Stand, extent: Extent, delay_ms: int, rounds: int) -> Iterator[dict[str, Any]]:
    objects = extent.objects[extent.grid_bytes]
    with _far(place, delay_ms) as settings:
        for actors in extent.actors:
            for concurrency in extent.concurrency:
                pool = Pool(replace(settings, copy=replace(AS_IT_COMES, concurrency=concurrency)), actors)
                ways: dict[str, Way] = {ENGINE: pool.way, LIMIT: IN_PROCESS[LIMIT]}
                batch = (extent.grid_bytes, objects, actors * concurrency)
                rates = _rates(place, settings.s3, ways, batch, rounds)
                pool.close()
                yield {
                    "object_bytes": extent.grid_bytes,
                    "delay_ms": delay_ms,
                    "actors": actors,
                    "concurrency": concurrency,
                    "copies_per_second": {way: spread(values) for way, values in rates.items()},
                    "engine_to_obstore": of_pairs(rates[ENGINE], rates[LIMIT]),
                }


@contextmanager
def _far(place: Stand, delay_ms: int) -> Iterator[Settings]:
    """The store as far away as that; at no delay without a proxy."""
    settings = place.settings
    if not delay_ms:
        yield settings
        return
    with delaying_proxy(urlsplit(str(settings.s3.endpoint_url)).netloc, delay_ms / 1000) as far:
        yield replace(settings, s3=replace(settings.s3, endpoint_url=f"http://{far}"))


def _rates(
    place: Stand, settings: S3Settings, ways: Mapping[str, Way], extent: tuple[int, int, int], rounds: int
) -> dict[str, list[float]]:
    """Copies a second of every way, in turns; ``extent``: bytes of an object, objects, requests in flight."""
    object_bytes, objects, in_flight = extent

    def once(way: Way) -> float:
        batch = Batch(settings, f"from/{object_bytes}", f"to/{next(_fresh)}", objects, in_flight)
        with tempfile.TemporaryDirectory() as folder:
            run = way(batch, Path(folder))
            began = perf_counter()
            run()
            taken = perf_counter() - began
        _judge(place, batch, object_bytes)
        return objects / taken

    what = f"{objects} objects of {object_bytes} bytes, {in_flight} in flight:"
    return in_turns({name: partial(once, way) for name, way in ways.items()}, rounds, what)


def _judge(place: Stand, batch: Batch, object_bytes: int) -> None:
    """All of them must have come, whole; they go again."""
    pages = place.s3.get_paginator("list_objects_v2").paginate(Bucket=batch.settings.bucket, Prefix=f"{batch.target}/")
    sizes = {found["Key"]: found["Size"] for page in pages for found in page.get("Contents", [])}
    if sizes != {new: object_bytes for _, new in batch.pairs()}:
        raise SystemExit(f"{len(sizes)} of {batch.count} objects of {object_bytes} bytes arrived")
    place.remove(list(sizes))
