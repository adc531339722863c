"""Put a machine's clock wrong: Python imports this by itself where its folder stands on PYTHONPATH."""

import datetime as dt
import os
import time
from typing import Any

SHIFT_S = float(os.environ["FUNNEL_CLONE_TEST_CLOCK_SHIFT_S"])
_time, _time_ns = time.time, time.time_ns
_Real: Any = dt.datetime


class _AnyDatetime(type):
    def __instancecheck__(cls, value: object) -> bool:
        return isinstance(value, _Real)


class _Shifted(dt.datetime, metaclass=_AnyDatetime):
    @classmethod
    def now(cls, tz: Any = None) -> Any:
        return _Real.now(tz) + dt.timedelta(seconds=SHIFT_S)

    @classmethod
    def utcnow(cls) -> Any:
        return _Real.now(dt.UTC).replace(tzinfo=None) + dt.timedelta(seconds=SHIFT_S)

    @classmethod
    def today(cls) -> Any:
        return cls.now()


_Shifted.__name__ = _Shifted.__qualname__ = "datetime"
_Shifted.__module__ = "datetime"
time.time = lambda: _time() + SHIFT_S
time.time_ns = lambda: _time_ns() + round(SHIFT_S * 1e9)
dt.datetime = _Shifted  # type: ignore[misc]
