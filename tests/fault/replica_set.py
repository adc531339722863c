"""MongoDB servers that die: one alone, or three that elect."""

import os
import signal
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from pymongo import MongoClient
from pymongo.errors import PyMongoError

from engine.local import mongod
from engine.local.folders import private_folder
from engine.local.launch import Command, Leashed
from engine.local.ports import LOOPBACK, free_ports, listens
from tests.processes import wait_for

Client = MongoClient[dict[str, Any]]
READY_WITHIN_S = 90.0
# Elections in a second or two, not in ten.
ELECTION_MS = 1_500
HEARTBEAT_MS = 500
# A primary that is told to end waits for another one to take over: for 15 s, unless told otherwise.
WITHOUT_FAREWELL = ("--setParameter", "shutdownTimeoutMillisForSignaledShutdown=100")


class Member:
    """A mongod on its folder and port; its data stay when it is killed."""

    def __init__(self, folder: Path, port: int) -> None:
        self.folder, self.port = private_folder(folder), port
        self._process: Leashed | None = None
        self.start()

    @property
    def host(self) -> str:
        return f"{LOOPBACK}:{self.port}"

    def client(self) -> Client:
        """Of this member alone, whatever the set thinks of it."""
        return MongoClient(LOOPBACK, self.port, directConnection=True, timeoutMS=5_000)

    def start(self) -> None:
        """Start it and wait until it listens. It may be no primary yet."""
        arguments = mongod._arguments(private_folder(self.folder / "data"), self.port, test_commands=True)
        command = Command(mongod.GUIDE, mongod.find_mongod(), (*arguments, *WITHOUT_FAREWELL), self.folder)
        self._process = Leashed(command)
        self._process.wait_ready(lambda: None if listens(self.port) else "no connection", READY_WITHIN_S)

    def kill(self) -> None:
        """As an out-of-memory killer does; returns when it is gone."""
        with self.client() as client:
            pid = int(client.admin.command("serverStatus")["pid"])
        os.kill(pid, signal.SIGKILL)
        self.stop()

    def stop(self) -> None:
        assert self._process is not None
        self._process.stop()


class ReplicaSet:
    """One member or several, initiated, with a primary."""

    def __init__(self, members: list[Member]) -> None:
        self.members = members
        hosts = [{"_id": n, "host": member.host} for n, member in enumerate(members)]
        settings = {"electionTimeoutMillis": ELECTION_MS, "heartbeatIntervalMillis": HEARTBEAT_MS}
        config = {"_id": mongod.REPLICA_SET, "members": hosts, "settings": settings}
        with members[0].client() as client:
            client.admin.command("replSetInitiate", config)
        self.primary()

    @property
    def uri(self) -> str:
        hosts = ",".join(member.host for member in self.members)
        return f"mongodb://{hosts}/?replicaSet={mongod.REPLICA_SET}"

    def primary(self) -> Member:
        """Once there is one."""
        wait_for(lambda: any(map(_is_primary, self.members)), READY_WITHIN_S)
        return next(member for member in self.members if _is_primary(member))

    def step_down(self) -> Member:
        """Make the primary step down; returns who it was."""
        former = self.primary()
        with former.client() as client:
            client.admin.command("replSetStepDown", 10, secondaryCatchUpPeriodSecs=5, force=True)
        return former


def _is_primary(member: Member) -> bool:
    try:
        with member.client() as client:
            return bool(client.admin.command("hello").get("isWritablePrimary"))
    except PyMongoError:
        return False


@contextmanager
def replica_set(folder: Path, size: int) -> Iterator[ReplicaSet]:
    """``size`` members on free ports of 127.0.0.1, for the length of the block."""
    with ExitStack() as started:
        members = []
        for n, port in enumerate(free_ports(size)):
            members.append(Member(private_folder(folder) / str(n), port))
            started.callback(members[-1].stop)
        yield ReplicaSet(members)
