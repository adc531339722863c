"""The screen of ``up`` is drawn by one thread while others tell."""

import sys
from collections.abc import Iterator
from threading import Event as Flag
from threading import Thread

import pytest
from rich.console import Console

from engine.cli.up_screen import Screen

DRAWN = 300


@pytest.fixture(autouse=True)
def _threads_take_short_turns() -> Iterator[None]:
    usual = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(usual)


def test_it_is_drawn_while_the_scheduler_tells() -> None:
    screen = Screen([], {}, as_json=False, console=Console(force_terminal=True))
    ended = Flag()

    def tell() -> None:
        while not ended.is_set():
            screen.tell("ray back", {"address": "here"})

    teller = Thread(target=tell)
    teller.start()
    try:
        for _ in range(DRAWN):
            screen._whole()
    finally:
        ended.set()
        teller.join()
    assert screen.lines[-1].endswith("Ray is back")
