"""Mutates modules of the core and tells what the unit tests let live: ``mutate.py [MODULE.py ...]``, else all of it.

Runs two processes at most. Cut short, it goes on where it stood; where code or tests have changed, what is no longer
known is measured anew. What stands outside of functions (tables, regular expressions) is not mutated.
"""

import json
import subprocess
import sys
from collections import Counter
from importlib import import_module
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
PROCESSES = 2
KILLED = {"killed", "timeout"}
_WATCHED = ("engine/core", "tests/unit")


def dotted(path: str) -> str:
    """``engine/core/chat.py`` as ``engine.core.chat``."""
    return path.removesuffix(".py").replace("/", ".")


def known_modules() -> list[str]:
    """Paths of the modules that can be mutated, as seen from the project's folder."""
    return sorted(path.relative_to(ROOT).as_posix() for path in (ROOT / "engine/core").glob("[!_]*.py"))


def forget_what_is_outdated(known: Path) -> None:
    """mutmut keeps which test covers which function, and does not see that a known test now calls other functions.

    Where a test has changed, what survived is tried again.
    """
    if not known.exists():
        return
    changed = [
        p for folder in _WATCHED for p in (ROOT / folder).rglob("*.py") if p.stat().st_mtime > known.stat().st_mtime
    ]
    if changed:
        known.unlink()
    if any("tests" in path.parts for path in changed):
        for path in known.parent.rglob("*.py.meta"):
            meta = json.loads(path.read_text())
            codes = meta["exit_code_by_key"]
            meta["exit_code_by_key"] = {name: code if code == 1 else None for name, code in codes.items()}
            path.write_text(json.dumps(meta))


def run(modules: list[str]) -> None:
    """Tries every mutant of ``modules`` that has not been tried."""
    mutmut: Any = import_module("mutmut.__main__")
    prefixes = tuple(f"{dotted(module)}." for module in modules)
    collect = mutmut.collect_source_file_mutation_data

    def of_modules(*, mutant_names: tuple[str, ...] | list[str]) -> object:
        mutants, by_path = collect(mutant_names=mutant_names)
        return [mutant for mutant in mutants if mutant[1].startswith(prefixes)], by_path

    # Mutants named to mutmut are tried again whatever is known of them; that would be no going on.
    mutmut.collect_source_file_mutation_data = of_modules
    mutmut._run((), PROCESSES)


def report(modules: list[str]) -> None:
    """Prints each mutant that lives, and how many there were of which verdict."""
    mutmut: Any = import_module("mutmut.__main__")
    counts: Counter[str] = Counter()
    for module in modules:
        meta = json.loads((ROOT / "mutants" / f"{module}.meta").read_text())
        for name, code in sorted(meta["exit_code_by_key"].items()):
            verdict = mutmut.status_by_exit_code[code]
            counts[verdict] += 1
            if verdict not in KILLED:
                command = [sys.executable, "-m", "mutmut", "show", name]
                shown = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout
                print(f"\n{name}: {verdict}\n{shown.strip()}")
    print(f"\n{sum(counts.values())} mutants: " + ", ".join(f"{count} {verdict}" for verdict, count in counts.items()))


def main(arguments: list[str]) -> int:
    """The command: 2 where a module is none of the core's. Mutants that live are no failure: some mean the same."""
    known = known_modules()
    strange = [argument for argument in arguments if argument not in known]
    if strange:
        print(f"No such module: {', '.join(strange)}. There are {', '.join(known)}", file=sys.stderr)
        return 2
    modules = arguments or known
    forget_what_is_outdated(ROOT / "mutants/mutmut-stats.json")
    run(modules)
    report(modules)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
