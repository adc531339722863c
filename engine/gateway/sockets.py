"""The Socket.IO server: who is let in, as whom; clients listen, and have nothing to say."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from concurrent.futures import Executor
from functools import partial
from itertools import islice
from typing import Any, TypeVar

import socketio
from engineio.packet import MESSAGE
from engineio.packet import Packet as Frame
from socketio.exceptions import ConnectionRefusedError as Refused
from socketio.packet import EVENT, Packet

from engine.core.errors import CloneError
from engine.edges.mongo import users
from engine.edges.mongo.client import Store, bounded
from engine.edges.mongo.outbox import Notification, mark_delivered
from engine.gateway.audience import Audience
from engine.gateway.auth import Unauthorized, is_operator, read_user_token
from engine.gateway.backlog import BadSince, Since, missed, read_since
from engine.gateway.deliveries import Deliveries
from engine.gateway.limits import CALL_S
from engine.gateway.listener import Client, Emit, Listener, TooSlow
from engine.gateway.receipts import Receipts
from engine.settings import GatewaySettings
from engine.telemetry import Event, events

OPERATORS = "/operator"
USERS = "/"
MOST_MESSAGE_BYTES = 16_384
PING_S = 25
PONG_WITHIN_S = 20
_BATCH = 100

Result = TypeVar("Result")
log = events(__name__)


class NoAttachments(Packet):  # type: ignore[misc]
    """A message with attachments would be kept until all of them came: there are none."""

    def decode(self, encoded_packet: Any) -> int:
        """As the protocol has it; raises ValueError where there are attachments."""
        if super().decode(encoded_packet):
            raise ValueError("attachments are not taken")
        return 0


class Server(socketio.AsyncServer):  # type: ignore[misc]
    """Takes connections and nothing else; who sends what is no message is put out."""

    async def _handle_eio_message(self, eio_sid: str, data: Any) -> None:
        try:
            await super()._handle_eio_message(eio_sid, data)
        except Exception as error:  # noqa: BLE001 - whatever a stranger's bytes may bring about
            log.emit(Event.CLIENT_DROPPED, why=f"no message: {type(error).__name__}")
            await self.eio.disconnect(eio_sid)

    async def _handle_event(self, *_: Any) -> None:
        """An event of a client: not even `connect` and `disconnect`, which the library would take for our own."""

    async def _handle_ack(self, *_: Any) -> None:
        """Nothing was asked."""


def server(origins: list[str]) -> Server:
    """Without ``origins`` only pages of our own may connect."""
    return Server(
        async_mode="asgi",
        async_handlers=False,
        serializer=NoAttachments,
        cors_allowed_origins=partial(_may_connect, origins) if origins else None,
        cors_credentials=False,
        max_http_buffer_size=MOST_MESSAGE_BYTES,
        ping_interval=PING_S,
        ping_timeout=PONG_WITHIN_S,
        http_compression=False,
    )


def _may_connect(origins: list[str], origin: str | None, environ: Mapping[str, Any]) -> bool:
    own = f"{environ.get('wsgi.url_scheme')}://{environ.get('HTTP_HOST')}"
    return origin is None or origin in origins or origin == own


class Doors:
    """Lets clients in and out. Belongs to the loop's thread; what waits for MongoDB runs in ``threads``."""

    def __init__(
        self, sio: Server, settings: GatewaySettings, store: Store, audience: Audience, threads: Executor
    ) -> None:
        self._sio, self._settings, self._store = sio, settings, store
        self._audience, self._threads = audience, threads
        self._listeners: dict[str, tuple[Listener, asyncio.Task[None]]] = {}
        self.deliveries = Deliveries(self._mark)
        sio.on("connect", self._user_connects, namespace=USERS)
        sio.on("connect", self._operator_connects, namespace=OPERATORS)
        for namespace in (USERS, OPERATORS):
            sio.on("disconnect", self._disconnects, namespace=namespace)

    async def in_thread(self, work: Callable[[], Result]) -> Result:
        """Run what waits for MongoDB, and not for ever; at most as many at once as there are threads."""

        def in_time() -> Result:
            with bounded(CALL_S):
                return work()

        return await asyncio.get_running_loop().run_in_executor(self._threads, in_time)

    async def put_out(self, listener: Listener) -> None:
        """It may hear no longer, and shall not come again by itself."""
        client = listener.client
        log.emit(Event.CLIENT_DROPPED, why="not allowed any more")
        await self._sio.disconnect(client.sid, namespace=OPERATORS if client.reader is None else USERS)

    async def cut_off(self, transport: str, why: str) -> None:
        """End the connection; a client of good will comes again, and catches up."""
        log.emit(Event.CLIENT_DROPPED, why=why)
        await self._sio.eio.disconnect(transport)

    def idle_transports(self) -> set[str]:
        """Connections on which nobody is let in."""
        busy = {listener.client.transport for listener, _ in self._listeners.values()}
        return set(self._sio.eio.sockets) - busy

    async def close(self) -> None:
        """Let all go; what they have had is written."""
        for listener, task in list(self._listeners.values()):
            task.cancel()
            self._audience.leave(listener)
        self._listeners.clear()
        await self.deliveries.write_now()

    async def _user_connects(self, sid: str, _environ: Any, auth: Any) -> None:
        given = auth if isinstance(auth, Mapping) else {}
        try:
            token = read_user_token(given.get("token"), self._settings.jwt_secret)
            since = read_since(given.get("since"))
            reader = await self.in_thread(lambda: users.active_user(self._store, token.user_id))
        except Unauthorized as error:
            raise Refused("unauthorized") from error
        except BadSince as error:
            raise Refused(str(error)) from error
        except CloneError as error:
            raise Refused("unavailable") from error
        if reader is None:
            raise Refused("unauthorized")
        self._let_in(Client(sid, self._transport(sid, USERS), reader, token.expires_at), USERS, since)

    async def _operator_connects(self, sid: str, _environ: Any, auth: Any) -> None:
        given = auth if isinstance(auth, Mapping) else {}
        if not is_operator(given.get("token"), self._settings):
            raise Refused("unauthorized")
        try:
            since = read_since(given.get("since"))
        except BadSince as error:
            raise Refused(str(error)) from error
        self._let_in(Client(sid, self._transport(sid, OPERATORS), None), OPERATORS, since)

    def _transport(self, sid: str, namespace: str) -> str:
        transport: str | None = self._sio.manager.eio_sid_from_sid(sid, namespace)
        if transport is None:
            raise Refused("gone")
        return transport

    def _crowd(self) -> int:
        return len(self._listeners)

    def _let_in(self, client: Client, namespace: str, since: Since | None) -> None:
        socket = self._sio.eio.sockets.get(client.transport)
        if socket is None:
            raise Refused("gone")
        emit = _emit(self._sio, client.transport, namespace)
        listener = Listener(
            client, emit, Receipts.of(socket), partial(self._missed, client, since), self.deliveries.had, self._crowd
        )
        # It hears before what it missed is read: nothing falls between.
        self._audience.join(listener)
        self._listeners[client.sid] = (listener, asyncio.create_task(self._serve(listener)))

    async def _serve(self, listener: Listener) -> None:
        # The answer to its connection goes first.
        await asyncio.sleep(0)
        try:
            await listener.run()
        except TooSlow:
            await self.cut_off(listener.client.transport, "too slow")
        except CloneError as error:
            await self.cut_off(listener.client.transport, str(error))
        except Exception as error:  # noqa: BLE001 - whatever it is: a client that hears nothing more must know
            await self.cut_off(listener.client.transport, repr(error))

    async def _disconnects(self, sid: str, _reason: Any = None) -> None:
        found = self._listeners.pop(sid, None)
        if found is None:
            return
        listener, task = found
        task.cancel()
        self._audience.leave(listener)

    async def _missed(self, client: Client, since: Since | None) -> AsyncIterator[Notification]:
        found: Iterator[Notification] = await self.in_thread(lambda: missed(self._store, client.reader, since))
        while batch := await self.in_thread(lambda: list(islice(found, _BATCH))):
            for notification in batch:
                yield notification

    async def _mark(self, delivered: Mapping[str, set[str]]) -> None:
        await self.in_thread(lambda: mark_delivered(self._store, delivered))


def _emit(sio: Server, transport: str, namespace: str) -> Emit:
    """Straight to the one transport: a room would be looked through for it, and a task be made for each message."""
    head = f"{EVENT}" if namespace == USERS else f"{EVENT}{namespace},"

    async def emit(event: str, payload: Mapping[str, Any]) -> None:
        # Whoever writes into the outbox may put dates and ids there.
        told = json.dumps([event, payload], default=str, separators=(",", ":"))
        await sio.eio.send_packet(transport, Frame(MESSAGE, head + told))

    return emit
