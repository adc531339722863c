"""No module over 250 lines, no function over 40: beyond that something has two duties, or a written reason."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
MOST_MODULE_LINES = 250
MOST_FUNCTION_LINES = 40

# "engine/module.py" or "engine/module.py:function" -> why it is longer.
EXCEPTIONS: dict[str, str] = {}

MODULES = sorted(path for folder in ("engine", "jobs") for path in (ROOT / folder).rglob("*.py"))


def too_long(place: str, source: str) -> Iterator[tuple[str, int]]:
    """Yields what is too long: (its place, its lines)."""
    lines = len(source.splitlines())
    if lines > MOST_MODULE_LINES:
        yield place, lines
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            length = (node.end_lineno or node.lineno) - node.lineno + 1
            if length > MOST_FUNCTION_LINES:
                yield f"{place}:{node.name}", length


def test_there_are_modules_to_measure() -> None:
    assert len(MODULES) > 10


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_nothing_is_too_long(path: Path) -> None:
    found = dict(too_long(path.relative_to(ROOT).as_posix(), path.read_text(encoding="utf-8")))
    assert {place: lines for place, lines in found.items() if place not in EXCEPTIONS} == {}


def test_every_exception_is_needed_and_has_a_reason() -> None:
    found = {
        place for path in MODULES for place, _ in too_long(path.relative_to(ROOT).as_posix(), path.read_text("utf-8"))
    }
    assert set(EXCEPTIONS) <= found
    assert all(len(reason.split()) > 3 for reason in EXCEPTIONS.values())


def test_the_measure_counts_modules_functions_and_methods() -> None:
    method = "class A:\n    async def long(self):\n" + "        pass\n" * MOST_FUNCTION_LINES
    assert list(too_long("m.py", method)) == [("m.py:long", MOST_FUNCTION_LINES + 1)]
    assert list(too_long("m.py", "x = 1\n" * (MOST_MODULE_LINES + 1))) == [("m.py", MOST_MODULE_LINES + 1)]
    assert list(too_long("m.py", "x = 1\n" * MOST_MODULE_LINES)) == []
