"""No drawers: a module or class whose name says nothing takes in everything."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
MODULES = sorted(path for folder in ("engine", "jobs", "tests") for path in (ROOT / folder).rglob("*.py"))

DRAWER_MODULE = re.compile(r"(?:^|_)(?:utils?|helpers?|managers?|common|misc)(?:_|$)")
DRAWER_CLASS = re.compile(r"(?:Utils?|Helpers?|Manager|Common|Misc)(?![a-z])")


def names_of(path: Path) -> list[str]:
    """The module's own name and those of the folders above it, up to the project's."""
    return list(path.relative_to(ROOT).with_suffix("").parts)


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_no_drawers(path: Path) -> None:
    classes = [node.name for node in ast.walk(ast.parse(path.read_text("utf-8"))) if isinstance(node, ast.ClassDef)]
    assert [name for name in names_of(path) if DRAWER_MODULE.search(name)] == []
    assert [name for name in classes if DRAWER_CLASS.search(name)] == []


@pytest.mark.parametrize("name", ["utils", "test_helpers", "common", "lease_manager", "util_text", "misc"])
def test_a_drawer_is_seen(name: str) -> None:
    assert DRAWER_MODULE.search(name)


@pytest.mark.parametrize("name", ["utilisation", "commons_licence", "management"])
def test_a_word_that_only_begins_alike_is_none(name: str) -> None:
    assert not DRAWER_MODULE.search(name)


def test_class_drawers_are_told_by_whole_words() -> None:
    assert DRAWER_CLASS.search("LeaseManager")
    assert DRAWER_CLASS.search("HelperSet")
    assert not DRAWER_CLASS.search("Commonwealth")
