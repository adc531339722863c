"""Results as they are kept: a JSON document each, in benchmarks/results/."""

import hashlib
import json
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).with_name("results")
QUICK_RESULTS = RESULTS / "quick"
# Name of a benchmark -> its module; in the order of the document.
MODULES = {
    "whole_pass": "whole_pass",
    "copy_throughput": "copy_throughput",
    "scan": "scan_cost",
    "rewrite": "rewrite_throughput",
    "memory": "pass_memory",
    "start": "start_up",
    "latency": "one_funnel",
}

Result = dict[str, Any]


def write(folder: Path, name: str, result: Result) -> None:
    """Put it in the place of the last one."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}.json").write_text(json.dumps(result, indent=1) + "\n", "utf-8")


def read(folder: Path) -> dict[str, Result]:
    """Name -> result, of those that there are."""
    paths = {name: folder / f"{name}.json" for name in MODULES}
    return {name: json.loads(path.read_text("utf-8")) for name, path in paths.items() if path.is_file()}


def fingerprint(result: Result) -> str:
    """Stands in what was drawn of it."""
    return hashlib.sha256(json.dumps(result, sort_keys=True).encode()).hexdigest()
