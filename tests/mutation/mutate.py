"""Mutates modules of the core and tells what the unit tests let live: ``mutate.py [--all-tests] [MODULE.py ...]``.

mutmut makes the mutants; ``trials`` tries them, one at a time, on a sample of the tests that call their function: a
second or two of it. With ``--all-tests`` what lived through that is tried on all of them, and all their examples. Cut
short, it goes on where it stood: a verdict stands until its function changes, and what lived is tried again only on
files of tests that have changed. What stands outside of functions (tables, regular expressions) is not mutated.
docs/mutation.md explains what lives.
"""

import argparse
import os
import shutil
import subprocess
import sys
from collections import Counter
from contextlib import chdir
from importlib import import_module
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
MUTANTS = ROOT / "mutants"
KILLED = {"killed", "timeout"}


def dotted(path: str) -> str:
    """``engine/core/chat.py`` as ``engine.core.chat``."""
    return path.removesuffix(".py").replace("/", ".")


def known_modules() -> list[str]:
    """Paths of the modules that can be mutated, as seen from the project's folder."""
    return sorted(path.relative_to(ROOT).as_posix() for path in (ROOT / "engine/core").glob("[!_]*.py"))


def generate() -> None:
    """Copy the project with all mutants of the core; those of functions that have not changed keep their verdicts."""
    mutmut: Any = import_module("mutmut.__main__")
    MUTANTS.mkdir(exist_ok=True)
    shutil.rmtree(MUTANTS / "tests", ignore_errors=True)
    with mutmut.CatchOutput():
        mutmut.copy_src_dir()
        mutmut.copy_also_copy_files()
        mutmut.create_mutants(1)


def verdicts(module: str) -> Any:
    """mutmut's record of a module's mutants: ``exit_code_by_key``, and ``save``."""
    record: Any = import_module("mutmut.mutation.data").SourceFileMutationData(path=Path(module))
    record.load()
    return record


def arguments_for_pytest() -> list[str]:
    """From [tool.mutmut] in pyproject.toml; the folder of tests comes last."""
    config: Any = import_module("mutmut.configuration").config()
    return ["--rootdir=.", "-s", "--tb=no", *config.pytest_add_cli_args, *config.pytest_add_cli_args_test_selection]


def try_all(modules: list[str], size: str) -> None:
    """Tries every mutant of ``modules`` of which it is not known whether these tests let it live."""
    import pytest  # noqa: PLC0415 - an optional dependency, as is all of this

    from tests.mutation.exchange import Exchange, function_of  # noqa: PLC0415
    from tests.mutation.records import Records  # noqa: PLC0415
    from tests.mutation.trials import LIVED, UNTESTED, Trials  # noqa: PLC0415

    records = Records(ROOT, MUTANTS, size)
    trials = Trials(Exchange(), records.calls, records.mark, size=size)

    def attempt(mutant: str, known: int | None) -> int:
        if known is None:
            records.forget(mutant)
        verdict, files = trials.trial(mutant, records.lived(mutant))
        if verdict in {LIVED, UNTESTED} and function_of(mutant) in trials.early:
            verdict = tried_from_the_start(mutant, trials.files_of(mutant.rpartition(".")[0]))
        if verdict == LIVED:
            records.add(mutant, files)
        return verdict

    def work() -> None:
        records.save()
        for module in modules if not trials.failure else ():
            with chdir(ROOT):
                record = verdicts(module)
            open_ones = [name for name, code in record.exit_code_by_key.items() if code in {None, LIVED, UNTESTED}]
            print(f"{module}: {len(open_ones)} of {len(record.exit_code_by_key)} to try", file=sys.stderr, flush=True)
            for mutant in open_ones:
                record.exit_code_by_key[mutant] = attempt(mutant, record.exit_code_by_key[mutant])
                with chdir(ROOT):
                    record.save()

    trials.work = work
    import_module("mutmut.__main__").setup_source_paths()
    with chdir(MUTANTS):
        trials.watch_imports()
        pytest.main([*arguments_for_pytest(), f"--hypothesis-profile={size}"], plugins=[trials])
    if trials.failure:
        sys.exit(trials.failure)


def tried_from_the_start(mutant: str, files: list[str]) -> int:
    """The verdict on a mutant of a function that is called while modules are imported."""
    command = [sys.executable, "-m", "pytest", "-x", *arguments_for_pytest()[:-1], *files]
    environment = os.environ | {"MUTANT_UNDER_TEST": mutant}
    return int(subprocess.run(command, cwd=MUTANTS, env=environment, check=False, capture_output=True).returncode != 0)


def report(modules: list[str]) -> None:
    """Prints each mutant that lives, and how many there were of which verdict."""
    mutmut: Any = import_module("mutmut.__main__")
    total: Counter[str] = Counter()
    for module in modules:
        counts: Counter[str] = Counter()
        for name, code in sorted(verdicts(module).exit_code_by_key.items()):
            verdict = mutmut.status_by_exit_code[code]
            counts[verdict] += 1
            if verdict not in KILLED:
                print(f"\n{name}: {verdict}\n{mutmut.get_diff_for_mutant(name, path=Path(module)).strip()}")
        print(f"\n{module}: {_told(counts)}")
        total += counts
    print(f"\nin all: {_told(total)}")


def _told(counts: Counter[str]) -> str:
    return f"{counts.total()} mutants: " + ", ".join(f"{count} {verdict}" for verdict, count in counts.items())


def main() -> int:
    """The command: 2 where a module is none of the core's. Mutants that live are no failure: some mean the same."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("modules", nargs="*", metavar="MODULE.py")
    parser.add_argument("--all-tests", action="store_true")
    options = parser.parse_args()
    known = known_modules()
    strange = [module for module in options.modules if module not in known]
    if strange:
        print(f"No such module: {', '.join(strange)}. There are {', '.join(known)}", file=sys.stderr)
        return 2
    sys.path.insert(0, str(ROOT))
    os.chdir(ROOT)
    modules = options.modules or known
    generate()
    try_all(modules, "all" if options.all_tests else "sample")
    report(modules)
    return 0


if __name__ == "__main__":
    sys.exit(main())
