"""Runs the benchmarks: a quick set within ten minutes, ``--full`` all of them, ``--only NAME...`` a part.

Each benchmark's result is a document of its own in benchmarks/results/: figures, machine, versions and commit. Quick
ones go to benchmarks/results/quick/, which nobody keeps. After ``--full`` docs/performance.md and its plots are made
anew (benchmarks/report.py does the same without measuring). ``--json`` prints the results as one document.
"""

import argparse
import json
import sys
import traceback
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path
from time import monotonic
from typing import Any

ROOT = Path(__file__).parents[1]
sys.path[0] = str(ROOT)  # instead of this folder, whose modules are `benchmarks.…`

from benchmarks.kept import MODULES, QUICK_RESULTS, RESULTS, write  # noqa: E402
from benchmarks.sections import section  # noqa: E402
from benchmarks.surroundings import surroundings  # noqa: E402
from benchmarks.turns import told  # noqa: E402


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, write and print; 1 where a benchmark came to nothing."""
    options = _options(arguments)
    size = "full" if options.full else "quick"
    folder = options.results or (RESULTS if options.full else QUICK_RESULTS)
    found: dict[str, Any] = {}
    for name in options.only or MODULES:
        began = monotonic()
        told(f"{name}: begins")
        try:
            found[name] = _measured(name, size, options.rounds)
        except (Exception, SystemExit):  # noqa: BLE001 - the others are to be measured all the same
            traceback.print_exc()
            continue
        write(folder, name, found[name])
        told(f"{name}: {monotonic() - began:.0f} s")
        if not options.json:
            print(section(name, found[name]), end="\n\n", flush=True)
    if options.json:
        print(json.dumps(found))
    if options.full:
        from benchmarks.report import make  # noqa: PLC0415 - the plots' library is not needed to measure

        make(folder)
    return int(len(found) < len(options.only or MODULES))


def _measured(name: str, size: str, rounds: int | None) -> dict[str, Any]:
    module = import_module(f"benchmarks.{MODULES[name]}")
    many = rounds or module.ROUNDS[size]
    head = {"benchmark": name, "size": size, "rounds": many, "at": f"{datetime.now(UTC):%Y-%m-%d %H:%M}"}
    return {**head, **surroundings(), "figures": module.measured(size, many)}


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--full", action="store_true", help="as much as the document's figures stand on: hours")
    parser.add_argument("--only", nargs="+", metavar="NAME", choices=MODULES, help=", ".join(MODULES))
    parser.add_argument("--rounds", type=int, help="turns of each way, instead of each benchmark's own number")
    parser.add_argument("--results", type=Path, help="another folder for the results")
    parser.add_argument("--json", action="store_true", help="one document on stdout")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    raise SystemExit(main())
