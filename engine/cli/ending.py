"""How a command that goes on is ended: by Ctrl-C or SIGTERM, both alike, and once."""

import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

POLL_S = 0.5


@contextmanager
def sigterm_as_ctrl_c() -> Iterator[None]:
    """In the block SIGTERM raises KeyboardInterrupt, too; whatever was set comes back."""
    before = {number: signal.signal(number, signal.default_int_handler) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def run_until_told(begin: Callable[[], None], watch: Callable[[], None] = lambda: None) -> None:
    """Return at Ctrl-C or SIGTERM; from then on both are deaf, for what is cleared up must not be cut short.

    ``watch`` is called twice a second after ``begin``; what either raises ends the waiting.
    """
    try:
        begin()
        while True:
            watch()
            time.sleep(POLL_S)
    except KeyboardInterrupt:
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, signal.SIG_IGN)
