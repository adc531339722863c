"""The marks of what users have had, written together: one command for all that arrived within a moment."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping

from engine.core.errors import CloneError

GATHER_S = 0.1
AGAIN_S = 2.0

Write = Callable[[Mapping[str, set[str]]], Awaitable[None]]


class Deliveries:
    """Marks that could not be written are kept, and written later; those that are lost with us are told twice."""

    def __init__(self, write: Write) -> None:
        self._write = write
        self._marks: dict[str, set[str]] = {}
        self._some = asyncio.Event()
        self.arrived = 0

    def had(self, event_id: str, user_id: str) -> None:
        """The user has had the event."""
        self._marks.setdefault(event_id, set()).add(user_id)
        self.arrived += 1
        self._some.set()

    async def run(self) -> None:
        """Write until cancelled."""
        while True:
            await self._some.wait()
            await asyncio.sleep(GATHER_S)
            try:
                await self.write_now()
            except CloneError:
                await asyncio.sleep(AGAIN_S)

    async def write_now(self) -> None:
        """Write what there is. Safe to repeat, after being cancelled too: the marks are kept.

        Raises:
            CloneError: MongoDB is away; the marks are kept.
        """
        marks, self._marks = self._marks, {}
        self._some.clear()
        try:
            await self._write(marks)
        except BaseException:
            for event_id, users in marks.items():
                self._marks.setdefault(event_id, set()).update(users)
            self._some.set()
            raise
