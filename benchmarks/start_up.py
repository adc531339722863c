"""How long it takes from a cold command to the first copy, and where each second goes.

``submit`` puts a job on a Ray head that runs and has no worker of it; ``pass`` starts a Ray of its own. Both clone one
funnel, in turns. The first copy is seen by a door before the store; the rest is read from the documents.
"""

import json
import subprocess
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from bson import ObjectId

from benchmarks.moments import of_clone, phases, spreads
from benchmarks.stand import Stand, stand
from benchmarks.turns import in_turns
from engine.settings import Settings
from tests.command_line import CHECKOUT, RUN, environment_of
from tests.faulty_door import Door, Seen, faulty_door
from tests.ray_head import Head, ray_head

ROUNDS = {"quick": 2, "full": 5}
SMALL: dict[str, Any] = {"image_bytes": 100_000}
FIRST_COPY, BEGINS, ENDS = "first copy", "command", "command ends"
JOB = "job accepted"
LATER = ("pass begins", "funnel claimed", "first step begins", FIRST_COPY, "last step ends", "event written", ENDS)
ORDERS = {"submit": (BEGINS, JOB, *LATER), "pass": (BEGINS, *LATER)}


@dataclass(frozen=True)
class Cold:
    """What a command needs."""

    place: Stand
    settings: Settings
    door: Door
    head: Head
    original: ObjectId


def measured(size: str, rounds: int) -> dict[str, Any]:
    """Seconds to the first copy, by way, and of each phase."""
    with _cold() as cold:
        ways = {name: partial(_run, cold, name) for name in ORDERS}
        found = in_turns(ways, rounds)
    del size
    return {
        name: {
            "seconds": spreads([{"to the first copy": ran[FIRST_COPY] - ran[BEGINS]} for ran in runs])
            | spreads([{"to the end": ran[ENDS] - ran[BEGINS]} for ran in runs]),
            "phases": spreads([phases(ran, ORDERS[name]) for ran in runs]),
        }
        for name, runs in found.items()
    }


@contextmanager
def _cold() -> Iterator[Cold]:
    with ExitStack() as stack:
        place = stack.enter_context(stand("start-up"))
        original = place.original(**SMALL)
        door = stack.enter_context(faulty_door(str(place.settings.s3.endpoint_url)))
        settings = replace(place.settings, s3=replace(place.settings.s3, endpoint_url=door.endpoint_url))
        # A job runs with what the head knows.
        head = stack.enter_context(ray_head(cwd=CHECKOUT, **known_to_jobs(settings)))
        yield Cold(place, settings, door, head, original)


def known_to_jobs(settings: Settings) -> Any:
    """What the nodes' environment says of the servers."""
    return {name: value for name, value in environment_of(settings).items() if name.startswith(("MONGO", "AWS", "S3"))}


def _run(cold: Cold, name: str) -> dict[str, float]:
    """The moments of one command."""
    (clone,) = cold.place.ask(cold.original, 1)
    moments: dict[str, float] = {}

    def seen(request: Seen) -> None:
        if request.method == "PUT":
            moments.setdefault(FIRST_COPY, time.time())

    cold.door.before = seen
    moments[BEGINS] = time.time()
    told = _told([*RUN, name, "--json"], environment_of(cold.settings, **_of_ray(cold, name)), moments)
    moments[ENDS] = time.time()
    cold.door.before = None
    if told["completed"] != 1:
        raise SystemExit(f"{name}: {told}")
    found = {**of_clone(cold.place.store, clone), **moments}
    cold.place.forget([clone])
    return found


def _of_ray(cold: Cold, name: str) -> dict[str, str]:
    # `pass` is to find no Ray that runs.
    data = {"XDG_DATA_HOME": str(cold.place.folder / name)}
    return {**cold.head.environment, **data} if name == "submit" else {"RAY_TMPDIR": str(cold.place.folder), **data}


def _told(command: Sequence[str], environment: dict[str, str], moments: dict[str, float]) -> dict[str, Any]:
    """The document; of ``submit`` the moment as well when the job server has taken the job."""
    running = subprocess.Popen(
        command, env=environment, cwd=CHECKOUT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert running.stdout is not None
    assert running.stderr is not None
    said: list[str] = []

    def listen(lines: Any) -> None:
        for line in lines:
            if line.startswith("Job "):
                moments.setdefault(JOB, time.time())
            said.append(line)

    listener = threading.Thread(target=listen, args=(running.stderr,))
    listener.start()
    out = running.stdout.read()
    running.wait()
    listener.join()
    if running.returncode:
        raise SystemExit(f"{command[-2]} ended with {running.returncode}: {''.join(said)[-2000:]}")
    document: dict[str, Any] = json.loads(out)
    return document
