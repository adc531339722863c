"""Waiting in an event loop for copies that threads make: the loop is woken once a batch, not once a copy."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from itertools import count
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from concurrent.futures import Future


async def all_done(copies: Sequence["Future[Any]"], timeout_s: float) -> None:
    """Wait until all are done, one has raised, or the time is over. Who waits may be cancelled: no copy is with it."""
    waited_for = [copy for copy in copies if not copy.done()]
    if not waited_for or any(copy.done() and copy.exception() is not None for copy in copies):
        return
    loop = asyncio.get_running_loop()
    news = asyncio.Event()
    came = count(1)

    def done(copy: "Future[Any]") -> None:
        # In a thread of the copies; `next` is one step of the interpreter, so that one of them is the last.
        if next(came) == len(waited_for) or copy.exception() is not None:
            with suppress(RuntimeError):  # the loop is closed: nobody waits any more
                loop.call_soon_threadsafe(news.set)

    for copy in waited_for:
        copy.add_done_callback(done)
    with suppress(TimeoutError):
        async with asyncio.timeout(timeout_s):
            await news.wait()
