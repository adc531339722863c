"""docs/performance.md is what the results in benchmarks/results/ give; these do not tell where they were measured."""

import copy
import re
from pathlib import Path
from typing import Any

import pytest

from benchmarks.kept import MODULES, RESULTS, fingerprint, read
from benchmarks.report import DRAWN, IMAGES, PAGE, page, picture
from benchmarks.sections import SECTIONS
from benchmarks.surroundings import surroundings

ROOT = Path(__file__).parents[2]
KEPT = read(RESULTS)
SCAN: dict[str, Any] = {
    "benchmark": "scan",
    "size": "full",
    "rounds": 5,
    "at": "2024-02-29 12:34",
    "commit": "0123456789abcdef",
    "machine": {"cpu": "A processor", "cores": 2},
    "versions": {"python": "3.11.0"},
    "figures": {
        "cases": [
            {
                "funnels": 1000,
                "waiting": 3,
                "accounts": 1,
                "claims": 9,
                "p50_ms": 1.5,
                "p95_ms": 4.25,
                "most_keys_examined": 7,
                "most_documents_examined": 2,
            }
        ],
        "p95_of_most_to_least": {
            "most": 1_000_000,
            "least": 1_000,
            "ratios": [{"waiting": 3, "accounts": 1, "ratio": 1.75}],
        },
    },
}


def test_the_document_is_made_of_the_results() -> None:
    assert PAGE.read_text("utf-8") == page(KEPT), "python benchmarks/report.py makes it anew"


def test_there_is_a_plot_of_every_result_that_is_kept_and_it_was_drawn_of_that() -> None:
    drawn = {path.name: path.read_text("utf-8") for path in IMAGES.glob("bench-*.svg")}
    kept = {picture(name): fingerprint(KEPT[name]) for name in DRAWN & KEPT.keys()}
    assert drawn.keys() == kept.keys()
    assert [name for name, of in kept.items() if of not in drawn[name]] == [], "python benchmarks/report.py draws anew"


def test_every_benchmark_has_its_module_and_its_section() -> None:
    assert MODULES.keys() == SECTIONS.keys()
    assert [name for name in MODULES.values() if not (ROOT / "benchmarks" / f"{name}.py").is_file()] == []


def test_a_figure_that_changes_changes_the_document() -> None:
    changed = copy.deepcopy(SCAN)
    changed["figures"]["cases"][0]["p95_ms"] = 4.5
    before, after = page({"scan": SCAN}), page({"scan": changed})
    assert ("| 4.25 |" in before, "| 4.50 |" in before) == (True, False)
    assert ("| 4.25 |" in after, "| 4.50 |" in after) == (False, True)
    assert fingerprint(SCAN) != fingerprint(changed)


def test_what_was_asked_is_held_against_what_was_found() -> None:
    slow = copy.deepcopy(SCAN)
    slow["figures"]["p95_of_most_to_least"]["ratios"][0]["ratio"] = 2.5
    assert "at most 2 | 1.75 | yes |" in page({"scan": SCAN})
    assert "at most 2 | 2.50 | no |" in page({"scan": slow})


def test_what_is_not_measured_is_said() -> None:
    assert page({}).count("Not measured yet") == len(MODULES)


PATHS = re.compile(r'(?:^|[\s"=:(])/\w[\w.-]*[/"]')


def test_a_result_names_neither_host_nor_path() -> None:
    texts = {path.stem: path.read_text("utf-8") for path in RESULTS.glob("*.json")}
    assert texts.keys() == KEPT.keys()
    assert {name: PATHS.findall(text) for name, text in texts.items()} == {name: [] for name in KEPT}
    told = [surroundings()["machine"], *(result["machine"] for result in KEPT.values())]
    assert [sorted(machine) for machine in told] == [["cores", "cpu", "memory_gb", "system"]] * len(told)


@pytest.mark.parametrize("path", ['{"a": "/opt/x"}', '{"a": "/data"}', "ran in /tmp/x"])
def test_a_path_is_seen(path: str) -> None:
    assert PATHS.search(path)
