"""What the documents and the map point at exists."""

import re
import subprocess
from pathlib import Path

import pytest

import engine
from engine.cli.main import cli

ROOT = Path(__file__).parents[2]
DOCUMENTS = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
MAP = engine.__doc__ or ""


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_links_within_the_project_lead_somewhere(path: Path) -> None:
    targets = re.findall(r"\]\(([^)#]+)[^)]*\)", path.read_text("utf-8"))
    inside = [target for target in targets if not target.startswith(("https://", "http://"))]
    assert [target for target in inside if not (path.parent / target).exists()] == []


def test_the_map_names_modules_that_exist() -> None:
    named = re.findall(r"``([a-z0-9_]+(?:/[a-z0-9_]+)+)/?``", MAP)
    assert len(named) > 5
    base = ROOT / "engine"
    assert [n for n in named if not ((base / n).is_dir() or (base / f"{n}.py").is_file())] == []


def test_the_map_names_every_part_of_the_engine() -> None:
    parts = {p.stem for p in (ROOT / "engine").iterdir() if p.suffix == ".py" or (p / "__init__.py").is_file()}
    assert {part for part in parts - {"__init__"} if not re.search(rf"``{part}\b", MAP)} == set()


def test_the_readme_promises_the_commands_that_exist() -> None:
    promised = re.findall(r"^\| `funnel-clone ([a-z]+)[` ]", (ROOT / "README.md").read_text("utf-8"), re.MULTILINE)
    assert sorted(promised) == sorted(cli.commands)


def test_make_alone_lists_every_target() -> None:
    listed = subprocess.run(["make", "--no-print-directory"], cwd=ROOT, capture_output=True, text=True, check=True)
    (phony,) = re.findall(r"^\.PHONY: (.+)$", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE)
    assert {line.split()[1] for line in listed.stdout.splitlines()} == set(phony.split())


def test_the_tests_that_documents_name_exist() -> None:
    named = {name for path in DOCUMENTS for name in re.findall(r"`(test_\w+)`", path.read_text("utf-8"))}
    sources = "".join(path.read_text("utf-8") for path in (ROOT / "tests").rglob("test_*.py"))
    assert len(named) > 10
    assert named - set(re.findall(r"def (test_\w+)", sources)) == set()
