"""Who may be here no longer: users deactivated or moved, tokens that ended, transports on which nobody is let in."""

import asyncio
from datetime import UTC, datetime, timedelta
from time import monotonic

from engine.core.errors import CloneError
from engine.edges.mongo import users
from engine.edges.mongo.client import Store
from engine.gateway.audience import Audience
from engine.gateway.auth import LEEWAY_S
from engine.gateway.sockets import Doors

EVERY_S = 20.0
"""A user who is deactivated hears nothing after this."""
IDLE_S = 30.0


class Presence:
    """Looks again and again at who is connected."""

    def __init__(self, store: Store, audience: Audience, doors: Doors) -> None:
        self._store, self._audience, self._doors = store, audience, doors
        self._idle_since: dict[str, float] = {}

    async def run(self) -> None:
        """Look until cancelled."""
        while True:
            await asyncio.sleep(EVERY_S)
            await self.look()

    async def look(self) -> None:
        """Once. While MongoDB is away nobody is put out for it: nothing is told meanwhile, either."""
        await self._cut_off_strangers()
        listeners = [listener for listener in self._audience if listener.client.reader is not None]
        now = datetime.now(UTC) - timedelta(seconds=LEEWAY_S)
        try:
            ids = {listener.client.reader.user_id for listener in listeners}
            active = await self._doors.in_thread(lambda: users.active_among(self._store, ids))
        except CloneError:
            active = None
        for listener in listeners:
            client = listener.client
            known = active is None or client.reader.user_id in active
            if not known or (client.expires_at is not None and client.expires_at < now):
                await self._doors.put_out(listener)
            elif active is not None and active[client.reader.user_id] != client.reader:
                # To come again, as a user of the other account.
                await self._doors.cut_off(client.transport, "account changed")

    async def _cut_off_strangers(self) -> None:
        now = monotonic()
        idle = self._doors.idle_transports()
        self._idle_since = {transport: self._idle_since.get(transport, now) for transport in idle}
        for transport, since in self._idle_since.items():
            if now - since >= IDLE_S:
                await self._doors.cut_off(transport, "nobody was let in")
