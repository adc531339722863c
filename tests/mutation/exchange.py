"""Puts a mutant in the place of its function.

mutmut writes each function with its mutants beside it, and a wrapper that asks at every call which one is meant. These
wrappers cost more than most of the functions, and a function that was called before a mutant is chosen (while tests
were collected, or kept by ``lru_cache``) would be tried in its right form. Here nothing is wrapped: a function gets the
code of its mutant, in a process that ends with the trial.
"""

from collections.abc import Callable
from importlib import import_module
from types import CodeType, FunctionType
from typing import Any

Mutants = dict[str, FunctionType]


def function_of(mutant: str) -> str:
    """``engine.core.chat.x__keys`` of ``engine.core.chat.x__keys__mutmut_7``."""
    return mutant.rpartition("__mutmut_")[0]


class Exchange:
    """The functions of the core, each with its mutants. To be made before the core is imported."""

    def __init__(self) -> None:
        """Take the place of mutmut's wrappers."""
        self._functions: list[tuple[FunctionType, Mutants]] = []
        trampoline: Any = import_module("mutmut.mutation.trampoline")
        trampoline.wrap_in_trampoline = self._kept

    def _kept(self, mutants: Mutants, **_: bool) -> Callable[[FunctionType], FunctionType]:
        def keep(function: FunctionType) -> FunctionType:
            self._functions.append((function, mutants))
            return function

        return keep

    def names(self) -> dict[CodeType, str]:
        """The code of each function -> its name, as in ``function_of``."""
        return {
            function.__code__: f"{function.__module__}.{function_of(mutants['_mutmut_orig'].__name__)}"
            for function, mutants in self._functions
        }

    def put(self, mutant: str) -> None:
        """Make a function its mutant, for good."""
        module, _, name = mutant.rpartition(".")
        for function, mutants in self._functions:
            if function.__module__ == module and name in mutants:
                function.__code__ = mutants[name].__code__
                function.__defaults__ = mutants[name].__defaults__
                function.__kwdefaults__ = mutants[name].__kwdefaults__
                return
        raise LookupError(mutant)
