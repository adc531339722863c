"""Every behaviour and defect that stands so far is held by a test that names its number."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

# What this stage holds, by the numbers of docs/behaviour.md; a later stage adds its own.
BEHAVIOURS = ("B1", *(f"B{number}" for number in range(3, 23)))
DEFECTS = tuple(f"D{number}" for number in range(1, 20))


def numbers_in(text: str) -> set[str]:
    """The numbers that a text names: as ``B14`` anywhere, or as ``b14`` between the words of a test's name."""
    written = re.findall(r"(?<![A-Za-z0-9%])[BD]\d{1,2}(?![A-Za-z0-9])", text)
    in_names = re.findall(r"(?<=_)[bd]\d{1,2}(?![a-z0-9])", " ".join(re.findall(r"def (test_\w+)", text)))
    return {number.upper() for number in (*written, *in_names)}


def files_by_number() -> dict[str, list[str]]:
    """Number -> the test files that name it. These structural tests hold no behaviour, whatever they name."""
    found: dict[str, list[str]] = {}
    for path in sorted((ROOT / "tests").rglob("test_*.py")):
        if path.parent != Path(__file__).parent:
            for number in numbers_in(path.read_text("utf-8")):
                found.setdefault(number, []).append(path.relative_to(ROOT).as_posix())
    return found


@pytest.mark.parametrize("number", [*BEHAVIOURS, *DEFECTS])
def test_a_test_names_it(number: str) -> None:
    assert files_by_number().get(number), f"no test names {number} of docs/behaviour.md"


def test_tests_name_only_numbers_that_exist() -> None:
    listed = numbers_in((ROOT / "docs" / "behaviour.md").read_text("utf-8"))
    assert {number: files for number, files in files_by_number().items() if number not in listed} == {}
    assert set(BEHAVIOURS) | set(DEFECTS) <= listed


def test_numbers_are_read_whole() -> None:
    assert numbers_in('"""B14, D9."""\ndef test_images_b7_twice(): ...') == {"B14", "D9", "B7"}
    assert numbers_in("B140 AB14 0xD9 d9 64b14 %C3%B6") == set()
