"""The pool of copy actors in a real Ray: shared images, dead actors, deadlines."""

import asyncio
import os
import signal
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest
import ray

from engine.cluster.copiers import ActorPoolCopier, CopyActor, start_copy_actors
from engine.cluster.launch import Launcher
from engine.core.copying import actor_of
from engine.core.errors import AccessDenied
from engine.core.model import CopyOrder
from engine.settings import S3Settings, Settings
from tests.faulty_door import MORE_THAN_BORNE, Door, Fault
from tests.processes import wait_for

DEADLINE_S = 60.0


@pytest.fixture
def actors(ray_cluster: Any, settings: Settings, behind_door: S3Settings) -> Iterator[list[Any]]:
    pool = start_copy_actors(replace(settings, s3=behind_door), 2)
    yield pool
    for actor in pool:
        ray.kill(actor)


@pytest.fixture
def orders(s3: Any, bucket: str) -> list[CopyOrder]:
    """Copies of thirty objects, of which both actors get some."""
    made = [CopyOrder(bucket, f"from/{n}.png", bucket, f"to/{n}.png", 4, "funnel:1") for n in range(30)]
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(lambda o: s3.put_object(Bucket=bucket, Key=o.source_key, Body=o.source_key.encode()), made))
    assert {actor_of(order.bucket, order.key, 2) for order in made} == {0, 1}
    return made


def issued(actors: list[Any]) -> int:
    return sum(ray.get([actor.issued.remote() for actor in actors]))


def missing(s3: Any, orders: list[CopyOrder]) -> list[str]:
    found = {o["Key"]: o["Size"] for o in s3.list_objects_v2(Bucket=orders[0].bucket, Prefix="to/").get("Contents", [])}
    return [order.key for order in orders if found.get(order.key) != len(order.source_key)]


def test_d9_five_pages_that_share_images_copy_each_once(s3: Any, actors: list[Any], orders: list[CopyOrder]) -> None:
    turns = [orders[turn:] + orders[:turn] for turn in range(5)]
    # A copier of its own for each page, as each worker of a pass has one.
    with ThreadPoolExecutor(5) as pages:
        batches = list(pages.map(lambda turn: ActorPoolCopier(actors).copy(turn, DEADLINE_S), turns))
    for turn, batch in zip(turns, batches, strict=True):
        assert [(outcome.key, outcome.failure) for outcome in batch] == [(order.key, None) for order in turn]
    assert missing(s3, orders) == []
    assert issued(actors) == 30


def test_forgotten_scopes_are_copied_again(actors: list[Any], orders: list[CopyOrder]) -> None:
    copier = ActorPoolCopier(actors)
    copier.copy(orders[:4], DEADLINE_S)
    ray.get([actor.forget.remote("funnel:1") for actor in actors])
    copier.copy(orders[:4], DEADLINE_S)
    assert issued(actors) == 8


def end_by_ray(actor: Any) -> None:
    ray.kill(actor, no_restart=False)


def end_by_sigkill(actor: Any) -> None:
    os.kill(ray.get(actor.__ray_call__.remote(lambda _: os.getpid())), signal.SIGKILL)


@pytest.mark.parametrize("end", [end_by_ray, end_by_sigkill])
def test_what_a_killed_actor_had_in_hand_is_copied_all_the_same(
    s3: Any, actors: list[Any], orders: list[CopyOrder], door: Door, end: Callable[[Any], None]
) -> None:
    door.is_open.clear()
    with ThreadPoolExecutor(1) as page:
        batch = page.submit(ActorPoolCopier(actors).copy, orders, DEADLINE_S)
        wait_for(lambda: len(door.puts()) >= 20)
        end(actors[0])
        door.is_open.set()
        outcomes = batch.result()
    assert [(outcome.key, outcome.failure) for outcome in outcomes] == [(order.key, None) for order in orders]
    assert missing(s3, orders) == []
    assert len(door.puts()) > 30, "nothing was in hand when the actor died"
    assert ActorPoolCopier(actors).copy(orders, DEADLINE_S) == outcomes, "the actor is back"


def test_an_actor_counts_what_it_was_told_to_slow_down(actors: list[Any], orders: list[CopyOrder], door: Door) -> None:
    of_one = [order for order in orders if actor_of(order.bucket, order.key, 2) == 0][:5]
    door.faults.extend([Fault(503, "SlowDown")] * MORE_THAN_BORNE)
    ActorPoolCopier(actors).copy(of_one, DEADLINE_S)
    ActorPoolCopier(actors).copy(orders, DEADLINE_S)
    counts = ray.get([actor.counts.remote() for actor in actors])
    assert sorted((actor.lowest_limit, actor.cuts) for actor in counts) == [(8, 1), (16, 0)], "each has its own share"
    assert sum(actor.issued for actor in counts) == 30 + MORE_THAN_BORNE


def test_what_the_living_actors_counted_is_told_although_one_is_gone(
    ray_cluster: Any, settings: Settings, orders: list[CopyOrder]
) -> None:
    launcher = Launcher(replace(settings, copy=replace(settings.copy, actors=2)), "a pass", None)
    actors = launcher.copy_actors
    try:
        ActorPoolCopier(actors).copy(orders, DEADLINE_S)
        all_counts = launcher.copies_counted()
        assert sum(counts.issued for counts in all_counts) == 30
        ray.kill(actors[0])
        wait_for(lambda: len(launcher.copies_counted()) == 1)  # Ray kills in its own time
        assert list(launcher.copies_counted()) == [all_counts[1]]
    finally:
        launcher.stop()


def test_an_actor_that_never_comes_back_makes_its_copies_transient(actors: list[Any], orders: list[CopyOrder]) -> None:
    # What the living one is asked again it knows: of the deadline nothing is spent on copies.
    ActorPoolCopier(actors).copy(orders, DEADLINE_S)
    ray.kill(actors[1])
    outcomes = ActorPoolCopier(actors).copy(orders, 5)
    for order, outcome in zip(orders, outcomes, strict=True):
        lost = actor_of(order.bucket, order.key, 2) == 1
        assert (outcome.key, outcome.transient) == (order.key, lost)
        assert outcome.failure == ("its copy actor is gone" if lost else None)


def test_failures_and_refusals_cross_the_border_as_what_they_are(
    ray_cluster: Any, settings: Settings, actors: list[Any], orders: list[CopyOrder]
) -> None:
    gone = replace(orders[0], source_key="gone.png")
    outcomes = ActorPoolCopier(actors).copy([orders[1], gone], DEADLINE_S)
    assert [(outcome.failure, outcome.transient) for outcome in outcomes] == [(None, False), ("object is gone", False)]
    assert ActorPoolCopier(actors).copy([], DEADLINE_S) == []
    denied = start_copy_actors(replace(settings, s3=replace(settings.s3, secret_access_key="WRONG-AND-SECRET")), 1)
    with pytest.raises(AccessDenied, match="SignatureDoesNotMatch") as caught:
        ActorPoolCopier(denied).copy(orders, DEADLINE_S)
    assert type(caught.value) is AccessDenied
    assert "WRONG-AND-SECRET" not in str(caught.value)
    ray.kill(denied[0])


def test_copies_that_are_late_come_back_transient(actors: list[Any], orders: list[CopyOrder], door: Door) -> None:
    ray.get([actor.issued.remote() for actor in actors])
    door.is_open.clear()
    outcomes = ActorPoolCopier(actors).copy(orders, 0.5)
    assert {(outcome.transient, outcome.failure) for outcome in outcomes} == {(True, "not copied before the deadline")}


def test_a_cancelled_batch_takes_no_copy_from_one_that_joined_it(
    settings: Settings, behind_door: S3Settings, orders: list[CopyOrder], door: Door
) -> None:
    door.is_open.clear()

    async def both() -> list[str | None]:
        # One thread: the second order waits its turn, where a cancel would reach it.
        actor = CopyActor(behind_door, replace(settings.copy, concurrency=1))
        first = asyncio.create_task(actor.copy(orders[:2], DEADLINE_S))
        second = asyncio.create_task(actor.copy(orders[:2], DEADLINE_S))
        await asyncio.to_thread(wait_for, lambda: len(door.puts()) == 1)
        first.cancel()
        await asyncio.wait([first])
        door.is_open.set()
        assert first.cancelled()
        return [outcome.failure for outcome in await second]

    assert asyncio.run(both()) == [None, None]
    assert len(door.puts()) == 2


def test_b14_a_copy_through_the_pool_is_the_original(s3: Any, actors: list[Any], orders: list[CopyOrder]) -> None:
    body = os.urandom(100_000)
    order = replace(orders[0], size_bytes=len(body))
    s3.put_object(Bucket=order.bucket, Key=order.source_key, Body=body, ContentType="image/webp")
    (outcome,) = ActorPoolCopier(actors).copy([order], DEADLINE_S)
    assert outcome.size_bytes == len(body)
    copied = s3.get_object(Bucket=order.bucket, Key=order.key)
    assert (copied["Body"].read(), copied["ContentType"]) == (body, "image/webp")
