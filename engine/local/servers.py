"""The embedded MongoDB and S3, side by side."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from engine.local.launch import Leashed
from engine.local.mongod import MongoServer, start_mongod
from engine.local.seaweed import S3Server, start_s3


@dataclass(frozen=True, slots=True)
class Servers:
    """Both, ready."""

    mongo: MongoServer
    s3: S3Server
    mongo_process: Leashed
    s3_process: Leashed


@contextmanager
def embedded_servers(folder: Path, *, bucket: str = "funnels", test_commands: bool = False) -> Iterator[Servers]:
    """MongoDB in ``folder/mongo`` and S3 in ``folder/s3``, started together, ended together.

    Raises:
        ServiceUnreachable: One of them cannot be started; the other is ended.
    """
    with ThreadPoolExecutor(2, "embedded") as threads, ExitStack() as started:
        mongo = threads.submit(start_mongod, folder / "mongo", test_commands=test_commands)
        s3 = threads.submit(start_s3, folder / "s3", bucket)
        # Both are waited for before either may fail: what was started is then known, and ended.
        for starting in (mongo, s3):
            if starting.exception() is None:
                started.callback(starting.result().stop)
        servers = Servers(mongo.result().server, s3.result().server, mongo.result().process, s3.result().process)
        yield servers
