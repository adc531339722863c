"""A whole pass over typical funnels in a Ray that is warm, beside s5cmd copying the same images and nothing else.

A funnel has 8 pages of 140 KB, 35 images and 2 forms; s5cmd copies these images under plain keys. Passes and s5cmd
take turns; what they made is removed between, outside the time. Seconds are the pass's own, from its first claim to
its last end; ``wall`` has the start of the driver as well. Besides: how long steps were in each of their stages, and
which processes used the processors.
"""

import os
import statistics
import tempfile
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from subprocess import run
from time import perf_counter
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from bson import ObjectId

from benchmarks.copy_ways import find, keys_of, programs_versions, s5cmd_of
from benchmarks.processors import Processors
from benchmarks.stand import Stand, stand
from benchmarks.turns import in_turns, of_pairs, spread
from engine.cluster.session import run_pass
from engine.local.ray_cluster import embedded_ray
from engine.settings import CopySettings

if TYPE_CHECKING:
    from collections.abc import Callable

ROUNDS = {"quick": 2, "full": 5}
STEPS, IMAGES = 8, 35
WINDOWS = (5, 20)
WORKERS = CopySettings().actors * CopySettings().concurrency
S5CMD = "s5cmd"
CPUS = os.cpu_count() or 1


@dataclass(frozen=True)
class Load:
    """So many funnels whose images have that many bytes."""

    funnels: int
    image_bytes: int


TYPICAL, SMALL = 100_000, 1_000
LOADS = {
    "quick": (Load(1, TYPICAL), Load(5, TYPICAL), Load(20, TYPICAL)),
    "full": (
        *(Load(funnels, TYPICAL) for funnels in (1, 5, 20, 100)),
        # What a funnel costs when there are many: of small images, so that the disk is no part of it.
        *(Load(funnels, SMALL) for funnels in (20, 100, 500)),
    ),
}
FEW = 20


@dataclass(frozen=True)
class Ran:
    """One turn of a pass."""

    seconds: float
    wall_seconds: float
    stage_seconds: dict[str, float]
    processor_seconds: dict[str, float]


def measured(size: str, rounds: int) -> dict[str, Any]:
    """Every load, with both windows and s5cmd in turns; the many beside the few in the same turns."""
    with stand("whole-pass") as place, embedded_ray(place.settings.ray, place.folder / "ray"):
        originals = {n: place.original(image_bytes=n) for n in sorted({load.image_bytes for load in LOADS[size]})}
        for window in WINDOWS:
            _pass(place, originals[TYPICAL], 2, window)  # Ray is warm then, and all code has been read once
        loads = [_load(place, originals[load.image_bytes], load, rounds) for load in LOADS[size]]
    return {
        "funnel": {"steps": STEPS, "images": IMAGES},
        "programs": {S5CMD: programs_versions()[S5CMD]},
        "s5cmd_workers": WORKERS,
        "loads": loads,
        "cost_of_many": _cost_of_many(loads),
    }


def _load(place: Stand, original: ObjectId, load: Load, rounds: int) -> dict[str, Any]:
    keys = place.plain_images(original)
    ways: dict[str, Callable[[], Any]] = {
        str(window): partial(_pass, place, original, load.funnels, window) for window in WINDOWS
    }
    if find(S5CMD):
        ways[S5CMD] = partial(_images_alone, place, keys, load.funnels)
    found = in_turns(ways, rounds, f"{load.funnels} funnels, images of {load.image_bytes} bytes:")
    images_alone = found.pop(S5CMD, None)
    return {
        **asdict(load),
        "s5cmd_seconds": spread(images_alone) if images_alone else "not installed",
        "windows": {window: _told(ran, load, images_alone) for window, ran in found.items()},
    }


def _told(ran: list[Ran], load: Load, images_alone: list[float] | None) -> dict[str, Any]:
    seconds = [one.seconds for one in ran]
    return {
        "seconds": spread(seconds),
        "wall_seconds": spread([one.wall_seconds for one in ran]),
        "seconds_a_funnel": spread([one / load.funnels for one in seconds]),
        "steps_per_second": spread([load.funnels * STEPS / one for one in seconds]),
        "images_per_second": spread([load.funnels * IMAGES / one for one in seconds]),
        "to_s5cmd": of_pairs(seconds, images_alone) if images_alone else "not installed",
        "stage_seconds": _medians([one.stage_seconds for one in ran]),
        "processor_seconds": _medians([one.processor_seconds for one in ran]),
        "idle_share": max(
            0.0,
            statistics.median(1 - sum(one.processor_seconds.values()) / one.wall_seconds / CPUS for one in ran),
        ),
    }


def _medians(found: list[dict[str, float]]) -> dict[str, float]:
    names = sorted({name for one in found for name in one})
    return {name: round(statistics.median(one.get(name, 0.0) for one in found), 3) for name in names}


def _pass(place: Stand, original: ObjectId, funnels: int, window: int) -> Ran:
    settings = replace(place.settings, steps=replace(place.settings.steps, concurrency=window))
    clones = place.ask(original, funnels)
    with Processors() as processors:
        began = perf_counter()
        report = run_pass(settings, drain=True, show=lambda _: None)
        wall = perf_counter() - began
    figures = report.figures
    if (figures["completed"], figures["with_errors"]) != (funnels, 0):
        raise SystemExit(f"{figures['completed']} of {funnels} funnels completed: {figures['problems'][:3]}")
    place.forget(clones)
    return Ran(figures["seconds"], wall, figures["stage_seconds"], processors.seconds())


def _images_alone(place: Stand, keys: list[str], funnels: int) -> float:
    """Seconds that s5cmd takes, with its start."""
    settings, mark = place.settings.s3, uuid4().hex
    pairs = [(key, f"{mark}/{funnel}/{n}") for funnel in range(funnels) for n, key in enumerate(keys)]
    with tempfile.TemporaryDirectory() as folder:
        command = s5cmd_of(settings, pairs, WORKERS, Path(folder))
        began = perf_counter()
        ran = run(command, env=keys_of(settings), check=False, capture_output=True, text=True)
        taken = perf_counter() - began
    if ran.returncode:
        raise SystemExit(f"s5cmd: {ran.stderr[-2000:]}")
    place.remove([new for _, new in pairs])
    return taken


def _cost_of_many(loads: list[dict[str, Any]]) -> dict[str, Any] | None:
    """Cost of a funnel where there are most of them, to that where there are twenty; of small images."""
    small = {load["funnels"]: load["windows"] for load in loads if load["image_bytes"] == SMALL}
    if FEW not in small or len(small) == 1:
        return None
    most = max(small)
    medians = {n: {w: of_window["seconds_a_funnel"]["median"] for w, of_window in small[n].items()} for n in small}
    return {"few": FEW, "many": most, "ratio": {w: medians[most][w] / medians[FEW][w] for w in medians[FEW]}}
