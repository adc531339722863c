"""Makes a race certain: something happens just before a command reaches the server, once, and is done by then."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from pymongo import monitoring

from engine.edges.mongo.client import Store, open_store
from engine.settings import Settings


class AtCommand(monitoring.CommandListener):
    """Calls ``action`` when the first such command on the collection is about to be sent."""

    def __init__(self, command: str, collection: str, action: Callable[[], object]) -> None:
        self.command, self.collection, self.action = command, collection, action
        self.happened = False

    def started(self, event: monitoring.CommandStartedEvent) -> None:
        if not self.happened and event.command.get(self.command) == self.collection:
            self.happened = True
            self.action()

    def succeeded(self, event: monitoring.CommandSucceededEvent) -> None:
        """It happened before."""

    def failed(self, event: monitoring.CommandFailedEvent) -> None:
        """It happened before."""


@contextmanager
def at_command(settings: Settings, command: str, collection: str, action: Callable[[], object]) -> Iterator[Store]:
    """A store of its own, in whose way ``action`` comes; fails where it never came to that."""
    listener = AtCommand(command, collection, action)
    store = open_store(settings.mongo, listeners=[listener])
    try:
        yield store
    finally:
        store.close()
    assert listener.happened, f"no {command} of {collection} was sent"
