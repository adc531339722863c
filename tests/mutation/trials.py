"""Tries mutants on tests: a plugin of pytest, which collects them once and tries each mutant in a fork of its own.

A fork runs the tests that call the mutated function, those first that told earlier mutants of it, and ends with the
first that fails.
"""

import gc
import os
import random
import resource
import signal
import sys
from bisect import bisect_right
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from itertools import accumulate
from json import dumps, loads
from time import process_time
from types import CodeType, FrameType
from typing import Any

import pytest

from tests.mutation.exchange import Exchange, function_of

KILLED, LIVED, UNTESTED, ENDLESS = 1, 0, 33, 36
"""As mutmut writes them down."""
EXAMPLES = {"sample": 10, "all": 100}
"""Of each property."""
_MOST_CASES, _MEASURED_CASES = 400, 8
_BUDGET = 1.5
"""Seconds that a sample may take: its tests are those that cost least, some cases of each before many of one."""
_SECONDS, _TIMES_AS_LONG = 1.0, 5
_MOST_BYTES = 4 << 30


Calls = dict[str, dict[str, tuple[float, list[str]]]]
"""File and its mark -> test -> the seconds that it took, and the functions that it called."""


class Trials:
    """The loop in the place of pytest's own. A file counts as known by its name and digest, ``mark`` of a file."""

    def __init__(self, exchange: Exchange, calls: Calls, mark: Callable[[str], str], size: str) -> None:
        """``calls`` are added to. ``size``: a key of ``EXAMPLES``, and ``--hypothesis-profile``."""
        self._exchange, self._calls, self._mark, self._size = exchange, calls, mark, size
        self._seconds: dict[str, dict[str, float]] = defaultdict(dict)
        """Function -> name of each test that calls it -> how long a case of it takes."""
        self._kills: dict[str, Counter[str]] = defaultdict(Counter)
        self._all_kills: Counter[str] = Counter()
        self._items: list[pytest.Item] = []
        self._imported: set[CodeType] = set()
        self.early: set[str] = set()
        """Functions that are called while modules are imported: a fork comes too late for these."""
        self.failure = ""
        """Why nothing was tried."""
        self.work: Callable[[], None] = lambda: None

    def watch_imports(self) -> None:
        """Note what is called until the tests are collected."""

        def note(frame: FrameType, *_: Any) -> None:
            if "/engine/core/" in frame.f_code.co_filename:
                self._imported.add(frame.f_code)

        sys.settrace(note)

    @pytest.hookimpl(tryfirst=True)
    def pytest_configure(self) -> None:
        """Before Hypothesis looks for its profile. Of the examples that fail the first will do."""
        from hypothesis import Phase, settings  # noqa: PLC0415 - not before pytest does

        phases, most = (Phase.explicit, Phase.generate), EXAMPLES[self._size]
        settings.register_profile(
            self._size, deadline=None, derandomize=True, database=None, max_examples=most, phases=phases
        )

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        """Try what there is to try."""
        sys.settrace(None)
        names = self._exchange.names()
        self.early = {names[code] for code in self._imported & set(names)}
        session.config.pluginmanager.unregister(name="terminalreporter")
        self._items = session.items if self._size == "all" else list(_sample(session.items, _MOST_CASES))
        self._measure()
        gc.collect()
        gc.freeze()
        self.work()
        return True

    def pytest_internalerror(self, excrepr: object) -> None:
        """Without its reporter pytest would say nothing."""
        self.failure = str(excrepr)

    def files_of(self, module: str) -> list[str]:
        """Files with tests that call anything of a module."""
        functions = [name for name in self._seconds if name.startswith(f"{module}.x")]
        return sorted({file_of(test) for name in functions for test in self._seconds[name]})

    def trial(self, mutant: str, known: set[str]) -> tuple[int, set[str]]:
        """The verdict on a mutant by tests of all files that are not ``known``, and these files.

        UNTESTED where no test calls its function.
        """
        seconds, kills = self._seconds[function_of(mutant)], self._kills[function_of(mutant)]
        calling = [item for item in self._items if _name(item.nodeid) in seconds]
        if not calling:
            return UNTESTED, set()
        items = [item for item in calling if file_of(item.nodeid) not in known]
        if not items:
            return LIVED, set()
        items = self._in_order(items, seconds, kills)
        told, verdict = _forked(lambda: self._run(mutant, items, seconds))
        kills.update(told)
        self._all_kills.update(map(_name, told))
        return verdict, {file_of(item.nodeid) for item in items}

    def _in_order(self, items: list[pytest.Item], seconds: dict[str, float], kills: Counter[str]) -> list[pytest.Item]:
        """Those first that told earlier mutants of the function, then the cheapest, a case of each before a second."""
        place: Counter[str] = Counter()
        costs: dict[str, float] = {}
        for item in items:
            name = _name(item.nodeid)
            place[name] += 1
            costs[item.nodeid] = seconds[name] * place[name] / (1 + self._all_kills[name])
        ordered = sorted(items, key=lambda item: (-kills[item.nodeid], costs[item.nodeid]))
        spent = list(accumulate(seconds[_name(item.nodeid)] for item in ordered))
        return ordered[: max(1, bisect_right(spent, _BUDGET))] if self._size == "sample" else ordered

    def _measure(self) -> None:
        def known(test: str) -> dict[str, tuple[float, list[str]]]:
            file = file_of(test)
            return self._calls.setdefault(f"{file} {self._mark(file)}", {})

        few = list(_sample(self._items, _MEASURED_CASES))
        items = [item for item in few if item.nodeid not in known(item.nodeid)]
        told, _ = _forked(lambda: self._measured(items)) if items else ([], LIVED)
        for line in told:
            test, seconds, functions = loads(line)
            known(test)[test] = (seconds, functions)
        if len(told) < len(items):
            self.failure = f"{items[len(told)].nodeid} fails without any mutant"
        for item in few:
            seconds, functions = known(item.nodeid).get(item.nodeid, (0, ()))
            for function in functions:
                costs = self._seconds[function]
                costs[_name(item.nodeid)] = max(seconds, costs.get(_name(item.nodeid), 0))

    def _measured(self, items: list[pytest.Item]) -> Iterator[str]:
        names = self._exchange.names()
        called: set[str] = set()

        def note(frame: FrameType, *_: Any) -> None:
            if frame.f_code in names:
                called.add(names[frame.f_code])

        for item, run in _runs(items):
            called.clear()
            begun = process_time()
            sys.settrace(note)
            failed = run()
            sys.settrace(None)
            if failed:
                os._exit(KILLED)
            yield dumps((item.nodeid, process_time() - begun, sorted(called)))

    def _run(self, mutant: str, items: list[pytest.Item], seconds: dict[str, float]) -> Iterator[str]:
        self._exchange.put(mutant)
        resource.setrlimit(resource.RLIMIT_DATA, (_MOST_BYTES, _MOST_BYTES))
        for item, run in _runs(items):
            # Time of the processor: a machine that is busy with other things kills no mutant.
            signal.setitimer(signal.ITIMER_VIRTUAL, _SECONDS + _TIMES_AS_LONG * seconds[_name(item.nodeid)])
            if run():
                yield item.nodeid
                os._exit(KILLED)


def _runs(items: list[pytest.Item]) -> Iterator[tuple[pytest.Item, Callable[[], bool]]]:
    """Each test with what runs it, and tells whether it failed."""
    failed: list[str] = []

    class Failures:
        def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
            if report.failed:
                failed.append(report.nodeid)

    items[0].config.pluginmanager.register(Failures())
    for item, following in zip(items, [*items[1:], None], strict=True):

        def run(item: pytest.Item = item, following: pytest.Item | None = following) -> bool:
            item.ihook.pytest_runtest_protocol(item=item, nextitem=following)
            return bool(failed)

        yield item, run


def file_of(test: str) -> str:
    """``tests/unit/test_chat.py`` of one of its tests."""
    return test.partition("::")[0]


def _name(test: str) -> str:
    return test.partition("[")[0]


def _sample(items: list[pytest.Item], most: int) -> Iterator[pytest.Item]:
    """At most so many cases of each test, always the same."""
    cases: dict[str, list[pytest.Item]] = defaultdict(list)
    for item in items:
        cases[_name(item.nodeid)].append(item)
    for tests in cases.values():
        yield from random.Random(0).sample(tests, min(len(tests), most))


def _forked(work: Callable[[], Iterator[str]]) -> tuple[list[str], int]:
    """What ``work`` yields in a fork, line for line, and the verdict on how that ended."""
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        try:
            nowhere = os.open(os.devnull, os.O_RDWR)
            for standard in range(3):
                os.dup2(nowhere, standard)
            for line in work():
                os.write(writing, line.encode() + b"\n")
            os._exit(LIVED)
        finally:
            os._exit(KILLED)
    os.close(writing)
    with os.fdopen(reading, encoding="utf-8") as lines:
        told = lines.read().splitlines()
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    return told, ENDLESS if code == -signal.SIGVTALRM else LIVED if code == LIVED else KILLED
