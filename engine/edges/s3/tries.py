"""Again and again until a deadline, as the policy says."""

import random
from collections.abc import Callable
from time import monotonic, sleep
from typing import TypeVar

from engine.core.errors import TransientError
from engine.core.policy import backoff_s

Value = TypeVar("Value")

BACKOFF_S = 0.1
BACKOFF_LIMIT_S = 20.0


def try_until(ends_at: float, work: Callable[[], Value], unless: tuple[type[TransientError], ...] = ()) -> Value:
    """The first value that ``work`` gives; it must be safe to repeat. At least one try.

    The wait blocks its thread: for the parts of one object, which wait for each other anyway.

    Args:
        ends_at: On the monotonic clock; no try begins after it.
        work: What to try.
        unless: Errors that pass, but not for this work: raised at once.

    Raises:
        TransientError: The last try's; no further one would have begun in time.
    """
    attempt = 0
    while True:
        attempt += 1
        try:
            return work()
        except unless:
            raise
        except TransientError:
            wait_s = backoff_s(attempt, BACKOFF_S, BACKOFF_LIMIT_S, random.random())  # noqa: S311 - no secret
            if monotonic() + wait_s >= ends_at:
                raise
        sleep(wait_s)
