"""One client: what it missed first, then what happens, in order, no faster than it takes it in."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any

from engine.core.errors import CloneError
from engine.edges.mongo.outbox import Notification, Reader
from engine.gateway.receipts import Receipts

WINDOW = 64
"""So much may be under way to a client; the rest waits here, and not in a transport's buffer."""
PATIENCE_S = 45.0
"""As long as a client may be silent to the server's own pings."""
MOST_WAITING = 10_000
MOST_HINTS = 1_000
_MOST_TOLD = 2_000
_AGAIN_S = 1.0

Emit = Callable[[str, Mapping[str, Any]], Awaitable[None]]
Missed = Callable[[], AsyncIterator[Notification]]


class TooSlow(Exception):
    """The client does not take in what it is sent; it may come again and ask for the rest."""


@dataclass(frozen=True, slots=True)
class Client:
    """Who is at the other end."""

    sid: str
    transport: str
    reader: Reader | None
    """None: an operator, who hears of all accounts."""
    expires_at: datetime | None = None
    """When the token ends; None: never."""


class Listener:
    """Sends to one client. Stored events are told once a connection; hints, which are not stored, only the latest."""

    def __init__(
        self, client: Client, emit: Emit, receipts: Receipts, missed: Missed, had: Callable[[str, str], None]
    ) -> None:
        self.client = client
        self._emit, self._receipts, self._missed, self._had = emit, receipts, missed, had
        self._waiting: list[Notification] = []
        self._hints: dict[tuple[str, str], Mapping[str, Any]] = {}
        self._told: dict[str, None] = {}
        self._under_way: list[str | None] = []
        """Ids of events, None for each hint."""
        self._answer: asyncio.Future[None] | None = None
        self._woken = asyncio.Event()
        self.caught_up = 0
        self.overrun = False

    def offer(self, notification: Notification) -> None:
        """To be told next, unless it was."""
        if notification.event_id in self._told:
            return
        if len(self._waiting) >= MOST_WAITING:
            self.overrun = True
        else:
            self._waiting.append(notification)
        self._woken.set()

    def hint(self, event: str, about: str, payload: Mapping[str, Any]) -> None:
        """To be told if there is time; what was said before ``about`` the same is forgotten."""
        if len(self._hints) >= MOST_HINTS:
            self._hints.pop(next(iter(self._hints)))
        self._hints.pop((event, about), None)
        self._hints[event, about] = payload
        self._woken.set()

    async def run(self) -> None:
        """Tell until cancelled.

        Raises:
            TooSlow: It does not take it in.
        """
        await self._catch_up()
        while True:
            await self._woken.wait()
            self._woken.clear()
            await self._tell_what_waits()

    async def _catch_up(self) -> None:
        while True:
            try:
                async for notification in self._missed():
                    await self._tell(notification)
                break
            except CloneError:  # MongoDB is away: from the start, without what was told
                await asyncio.sleep(_AGAIN_S)
        await self._ask()
        self.caught_up = len(self._told)
        if self.client.reader is None:
            await self._emit("caught_up", {"events": self.caught_up})

    async def _tell_what_waits(self) -> None:
        while self._waiting or self._hints:
            if self.overrun:
                raise TooSlow
            waiting, self._waiting = self._waiting, []
            for notification in waiting:
                await self._tell(notification)
            if self._hints:
                event, about = next(iter(self._hints))
                await self._send(event, self._hints.pop((event, about)), None)
        # Hints alone are worth a question only now and then.
        if any(self._under_way) or len(self._under_way) > WINDOW // 2:
            await self._ask()

    async def _tell(self, notification: Notification) -> None:
        if notification.event_id in self._told:
            return
        self._told[notification.event_id] = None
        if len(self._told) > _MOST_TOLD:
            self._told.pop(next(iter(self._told)))
        payload = {**notification.payload, "event_id": notification.event_id}
        if self.client.reader is None:
            payload["account_id"] = str(notification.account_id)
        await self._send(notification.event, payload, notification.event_id)

    async def _send(self, event: str, payload: Mapping[str, Any], event_id: str | None) -> None:
        while len(self._under_way) >= WINDOW:
            answer = await self._ask()
            done, _ = await asyncio.wait({answer}, timeout=PATIENCE_S)
            if not done:
                raise TooSlow
            await asyncio.sleep(0)  # its callback takes what arrived out of the window
        await self._emit(event, payload)
        self._under_way.append(event_id)

    async def _ask(self) -> asyncio.Future[None]:
        """Ask what has arrived, unless that is being asked."""
        if self._answer is None:
            covered = len(self._under_way)
            self._answer = await self._receipts.ask()
            self._answer.add_done_callback(partial(self._arrived, covered))
        return self._answer

    def _arrived(self, covered: int, _answer: asyncio.Future[None]) -> None:
        self._answer = None
        arrived, self._under_way = self._under_way[:covered], self._under_way[covered:]
        if self.client.reader is not None:
            for event_id in filter(None, arrived):
                self._had(event_id, self.client.reader.user_id)
        if self._under_way:
            self._woken.set()
