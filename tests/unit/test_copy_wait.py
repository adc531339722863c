"""One wake-up of the event loop for a batch of copies, however many they are."""

import asyncio
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import Context
from typing import TypeVarTuple

import pytest

from engine.cluster.copy_wait import all_done

COPIES = 40
FOR_EVER_S = 60.0

Arguments = TypeVarTuple("Arguments")


class CountingLoop(asyncio.SelectorEventLoop):
    """Counts how often threads wake it."""

    wakes = 0

    def call_soon_threadsafe(
        self, callback: Callable[[*Arguments], object], *args: *Arguments, context: Context | None = None
    ) -> asyncio.Handle:
        self.wakes += 1
        return super().call_soon_threadsafe(callback, *args, context=context)


def wakes_of(
    copies: list["Future[None]"], meanwhile: Callable[[], None], timeout_s: float = FOR_EVER_S
) -> tuple[int, bool]:
    """How often waiting for ``copies`` woke the loop, and whether all were done then."""
    loop = CountingLoop()

    async def wait() -> None:
        waiting = asyncio.ensure_future(all_done(copies, timeout_s))
        await asyncio.sleep(0)  # it waits
        with ThreadPoolExecutor(1) as thread:
            thread.submit(meanwhile)
        await waiting

    try:
        loop.run_until_complete(wait())
    finally:
        loop.close()
    return loop.wakes, all(copy.done() for copy in copies)


def nothing() -> None:
    pass


def finish(copies: list["Future[None]"]) -> None:
    for copy in copies:
        copy.set_result(None)


@pytest.fixture
def copies() -> list["Future[None]"]:
    return [Future() for _ in range(COPIES)]


def test_a_batch_wakes_the_loop_once(copies: list["Future[None]"]) -> None:
    assert wakes_of(copies, lambda: finish(copies)) == (1, True)


def test_what_is_done_already_wakes_nobody(copies: list["Future[None]"]) -> None:
    finish(copies)
    assert wakes_of(copies, nothing) == (0, True)
    assert wakes_of([], nothing) == (0, True)


@pytest.mark.parametrize("raised_before", [True, False])
def test_one_that_raises_ends_the_wait_for_the_others(copies: list["Future[None]"], *, raised_before: bool) -> None:
    def fail() -> None:
        copies[-1].set_exception(PermissionError())

    if raised_before:
        fail()
    assert wakes_of(copies, nothing if raised_before else fail) == (0 if raised_before else 1, False)


def test_the_wait_ends_with_its_time_and_late_copies_find_nobody(
    copies: list["Future[None]"], caplog: pytest.LogCaptureFixture
) -> None:
    assert wakes_of(copies, nothing, timeout_s=0.01) == (0, False)
    finish(copies)
    assert not caplog.records
