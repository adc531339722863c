"""What has arrived at a client, whatever client it is: told by the pong to a ping that was sent behind it.

A transport keeps the order, and every client answers a ping; an acknowledgement of Socket.IO would need clients that
send one. The server's own pings, which ask whether somebody is still there, are counted among them.
"""

import asyncio
from collections import deque
from typing import Any

from engineio import packet

_PING, _PONG = packet.PING, packet.PONG


class Receipts:
    """Of one transport; several namespaces on it share one."""

    def __init__(self, socket: Any) -> None:
        self._socket = socket
        self._send, self._receive = socket.send, socket.receive
        # One of the server's own that is under way already has no waiter.
        self._waiting: deque[asyncio.Future[None] | None] = deque([None] if socket.last_ping else [])
        socket.send, socket.receive = self._sending, self._receiving

    @classmethod
    def of(cls, socket: Any) -> "Receipts":
        """The transport's own; made by whoever asks first."""
        made = getattr(socket, "receipts", None)
        if made is None:
            made = socket.receipts = cls(socket)
        return made if isinstance(made, cls) else cls(socket)

    async def ask(self) -> asyncio.Future[None]:
        """Ask whether all that was sent so far has arrived; done when it has; never, where it is gone."""
        answer = asyncio.get_running_loop().create_future()
        self._waiting.append(answer)
        await self._send(packet.Packet(_PING))
        return answer

    async def _sending(self, pkt: Any) -> None:
        if pkt.packet_type == _PING:
            self._waiting.append(None)
        await self._send(pkt)

    async def _receiving(self, pkt: Any) -> None:
        if pkt.packet_type == _PONG and self._waiting:
            answer = self._waiting.popleft()
            if answer is not None and not answer.done():
                answer.set_result(None)
        await self._receive(pkt)
