"""Faults of MongoDB: what the server, or the way to it, does to one command."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from pymongo import MongoClient, monitoring

from tests.fault.mongo_door import MongoDoor
from tests.fault.mongo_wire import Wire


@dataclass(frozen=True)
class Fault:
    """A fault of the server's own (``failCommand``), or an answer that is lost."""

    name: str
    data: Mapping[str, Any] = field(default_factory=dict)
    times: int = 1
    """Beyond 1 it outlasts the one try that pymongo makes of its own."""
    loses_answer: bool = False

    def __str__(self) -> str:
        return self.name


TRANSIENT = (
    Fault("shutting down", {"errorCode": 91}),
    Fault("interrupted at shutdown, twice", {"errorCode": 11600}, times=2),
    Fault("not primary, twice", {"errorCode": 10107}, times=2),
    Fault("write conflict", {"errorCode": 112}),
    Fault("connection closed, twice", {"closeConnection": True}, times=2),
    Fault("delayed", {"blockConnection": True, "blockTimeMS": 60}),
    Fault("done, but the answer is lost", loses_answer=True),
)
DENIED = Fault("denied", {"errorCode": 13})
REFUSED = Fault("refused for good", {"errorCode": 2})
FAULTS = (*TRANSIENT, DENIED, REFUSED)


def striker(
    fault: Fault, wire: Wire, admin: MongoClient[dict[str, Any]], door: MongoDoor
) -> Callable[[monitoring.CommandStartedEvent], None]:
    """What to call in the moment before the command is sent that shall meet ``fault``."""

    def strike(event: monitoring.CommandStartedEvent) -> None:
        if fault.loses_answer:
            door.lose_answer(event.request_id)
            return
        whom = {"failCommands": [event.command_name], "appName": wire.app_name}
        admin.admin.command(
            {"configureFailPoint": "failCommand", "mode": {"times": fault.times}, "data": {**whom, **fault.data}}
        )

    return strike


@contextmanager
def no_fault_left(admin: MongoClient[dict[str, Any]]) -> Iterator[None]:
    """Whatever happens in the block, the server does as it is told after it."""
    try:
        yield
    finally:
        admin.admin.command({"configureFailPoint": "failCommand", "mode": "off"})
