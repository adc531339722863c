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
            await self.look(datetime.now(UTC))

    async def look(self, now: datetime) -> None:
        """Once; ``now`` is what tokens are measured by.

        While MongoDB is away nobody is put out for it: nothing is told meanwhile, either.
        """
        await self._cut_off_strangers()
        listeners = [(each, each.client.reader) for each in self._audience if each.client.reader is not None]
        try:
            ids = {reader.user_id for _, reader in listeners}
            active = await self._doors.in_thread(lambda: users.active_among(self._store, ids))
        except CloneError:
            active = None
        for listener, reader in listeners:
            end = listener.client.expires_at
            if (end is not None and end + timedelta(seconds=LEEWAY_S) < now) or (
                active is not None and reader.user_id not in active
            ):
                await self._doors.put_out(listener)
            elif active is not None and active[reader.user_id] != reader:
                # To come again, as a user of the other account.
                await self._doors.cut_off(listener.client.transport, "account changed")

    async def _cut_off_strangers(self) -> None:
        now = monotonic()
        idle = self._doors.idle_transports()
        self._idle_since = {transport: self._idle_since.get(transport, now) for transport in idle}
        for transport, since in self._idle_since.items():
            if now - since >= IDLE_S:
                await self._doors.cut_off(transport, "nobody was let in")
