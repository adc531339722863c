"""Every effect of a pass, and of an undo, has a named crash point right behind it, as far as its source tells."""

import ast
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import pytest

from engine.crash_points import POINTS, UNDO_POINTS

ROOT = Path(__file__).parents[2]
ENGINE = ROOT / "engine"

# What changes something outside of the process. Calls with a session are part of a transaction, which is one effect.
EFFECTS = frozenset(
    {
        *("insert_one", "insert_many", "update_one", "update_many", "replace_one", "delete_one", "delete_many"),
        *("bulk_write", "find_one_and_update", "find_one_and_replace", "find_one_and_delete"),
        *("transaction", "create_indexes"),
        *("copy_object", "put_object", "delete_object", "delete_objects"),
        *("create_multipart_upload", "upload_part_copy", "complete_multipart_upload", "abort_multipart_upload"),
    }
)
COPIES = frozenset({"obstore.copy", "context.copier.copy"})

# Module -> why its effects have no crash point.
EXCEPTIONS = {
    "edges/mongo/cancels.py": "a command's own write: one transaction, whole or not there",
    "edges/mongo/ingest.py": "a command's own writes: no pass makes them, and none takes up what they leave",
    "edges/mongo/repair.py": "a command's own writes, each a compare and set of one document that a second run repeats",
    "edges/mongo/once.py": "a call's own write: one transaction, whole or not there",
    "edges/mongo/outbox.py": "a gateway's own mark of what was had: lost with it, it is told again, and then marked",
    "edges/mongo/requests.py": "a command's own write: each request is one document, whole or not there",
    "edges/mongo/retries.py": "a command's own write: one transaction, whole or not there",
    "edges/mongo/undo_look.py": "its transaction is a snapshot that is read, and nothing is written in it",
    "edges/s3/objects.py": "for the commands: a pass copies objects, and writes none; deletions have their point",
}

MODULES = sorted(path for part in ("edges", "flow") for path in (ENGINE / part).rglob("*.py"))


class Called(NamedTuple):
    """A call of interest: an effect, or the point that is reached."""

    line: int
    name: str
    is_point: bool


def calls(function: ast.AST) -> Iterator[Called]:
    """In the order of the source; what stands in a function within belongs to that one."""
    for node in ast.iter_child_nodes(function):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            continue
        yield from calls(node)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            written, name = ast.unparse(node.func), node.func.attr
            if written == "crash_points.reached" and isinstance(node.args[0], ast.Constant):
                yield Called(node.lineno, str(node.args[0].value), is_point=True)
            elif (name in EFFECTS or written in COPIES) and not any(k.arg == "session" for k in node.keywords):
                yield Called(node.lineno, written, is_point=False)


def functions(path: Path) -> Iterator[ast.AST]:
    tree = ast.parse(path.read_text("utf-8"))
    yield from (node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))


def without_point(function: ast.AST) -> list[Called]:
    """Effects that no point follows before the next effect, or before the function's end."""
    found = list(calls(function))
    followed = {before for before, after in pairwise(found) if after.is_point}
    return [called for called in found if not called.is_point and called not in followed]


def place(path: Path) -> str:
    return path.relative_to(ENGINE).as_posix()


@pytest.mark.parametrize("path", MODULES, ids=place)
def test_a_point_stands_behind_every_effect(path: Path) -> None:
    found = [called for function in functions(path) for called in without_point(function)]
    assert bool(found) == (place(path) in EXCEPTIONS), found


def test_every_point_is_reached_and_every_point_that_is_reached_has_a_name() -> None:
    reached = {c.name for path in MODULES for function in functions(path) for c in calls(function) if c.is_point}
    assert reached == {*POINTS, *UNDO_POINTS}


def test_an_exception_has_a_reason() -> None:
    assert {place(path) for path in MODULES} >= EXCEPTIONS.keys()
    assert all(len(reason.split()) > 5 for reason in EXCEPTIONS.values())


@pytest.mark.parametrize(
    ("source", "lacking"),
    [
        ("store.steps.update_one(a, b)\ncrash_points.reached('x')", 0),
        ("crash_points.reached('x')\nstore.steps.update_one(a, b)", 1),
        ("store.steps.update_one(a, b)\nstore.steps.insert_one(a)\ncrash_points.reached('x')", 1),
        ("store.steps.update_one(a, b, session=session)", 0),
        ("with translated(w):\n  if store.funnels.find_one_and_update(a, b):\n    crash_points.reached('x')", 0),
        ("def body():\n  crash_points.reached('x')\nstore.transaction(body)", 1),
        ("obstore.copy(a, b, c)", 1),
        ("dict.copy(a)", 0),
    ],
)
def test_the_measure_sees_what_is_missing(source: str, lacking: int) -> None:
    assert len(without_point(ast.parse(source))) == lacking
