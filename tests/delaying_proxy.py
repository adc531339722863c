"""A TCP proxy that lets bytes arrive later, as a distance does: what is on its way does not hold up what follows.

``python tests/delaying_proxy.py HOST:PORT BEHIND_HOST:PORT SECONDS`` serves until it is ended; port 0 takes a free one.
It prints where it listens. A process of its own, so that it shares no lock with what is measured.
"""

import asyncio
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

CHUNK = 65536
# As much as is on its way at once, a connection and direction.
ON_THE_WAY = 1024


async def serve(host: str, port: int, behind: tuple[str, int], delay_s: float) -> None:
    """Serve for good. The delay is that of a round trip: it is spent on the way there."""

    async def connected(near: asyncio.StreamReader, to_near: asyncio.StreamWriter) -> None:
        try:
            far, to_far = await asyncio.open_connection(*behind)
        except OSError:
            to_near.close()
            return
        await asyncio.gather(_carry(near, to_far, delay_s), _carry(far, to_near, 0.0))

    server = await asyncio.start_server(connected, host, port, backlog=1024)
    print(*server.sockets[0].getsockname()[:2], flush=True)  # noqa: T201 - to whoever started it
    await server.serve_forever()


async def _carry(source: asyncio.StreamReader, target: asyncio.StreamWriter, delay_s: float) -> None:
    loop = asyncio.get_running_loop()
    way: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue(ON_THE_WAY)

    async def deliver() -> None:
        while True:
            due, data = await way.get()
            await asyncio.sleep(max(0.0, due - loop.time()))
            if not data:
                target.close()
                return
            target.write(data)
            await target.drain()

    delivery = asyncio.create_task(deliver())
    data = b"-"
    with suppress(OSError):
        while data:
            data = await source.read(CHUNK)
            await way.put((loop.time() + delay_s, data))
    if data:  # cut, not ended
        delivery.cancel()
        target.close()
    with suppress(OSError, asyncio.CancelledError):
        await delivery


@contextmanager
def delaying_proxy(behind: str, delay_s: float, host: str = "127.0.0.1", prefix: Sequence[str] = ()) -> Iterator[str]:
    """A proxy before ``host:port`` for the length of the block; gives its own ``host:port``."""
    command = [*prefix, sys.executable, str(Path(__file__)), f"{host}:0", behind, str(delay_s)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        yield ":".join(process.stdout.readline().split())
    finally:
        process.kill()
        process.wait()


def _place(text: str) -> tuple[str, int]:
    host, _, port = text.rpartition(":")
    return host, int(port)


if __name__ == "__main__":
    asyncio.run(serve(*_place(sys.argv[1]), _place(sys.argv[2]), float(sys.argv[3])))
