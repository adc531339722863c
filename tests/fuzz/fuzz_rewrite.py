"""Fuzzes the core for a time: ``fuzz_rewrite.py [--seconds N]``, or one finding again with ``--replay FILE``.

A worker that atheris guides by coverage runs the properties on ever new documents. What breaks one is kept with its
message, a few inputs for each property and line, and the worker goes on. In the end: executions, references that were
moved, findings; status 1 where there are findings. What the fuzzer has learnt stays in the folder for the next run.
"""

import argparse
import hashlib
import json
import re
import subprocess
import sys
import traceback
from collections import Counter
from pathlib import Path
from time import monotonic

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / ".fuzz"
LEARNT, FINDINGS, COUNTS = FOLDER / "learnt", FOLDER / "findings", FOLDER / "counts.json"
_LONGEST = 1024
_COUNT_EVERY = 500
_MOST_ALIKE = 5


def work(arguments: list[str]) -> None:
    """Runs in the worker until libFuzzer ends the process."""
    import atheris  # noqa: PLC0415 - the optional dependency of the worker alone

    with atheris.instrument_imports(include=["engine.core"]):
        from tests.fuzz.documents import document  # noqa: PLC0415 - only what is imported here is guided
        from tests.fuzz.properties import check  # noqa: PLC0415
        from tests.fuzz.seeds import with_identity  # noqa: PLC0415

    counts = {"executions": 0, "references": 0}
    seen: Counter[str] = Counter()

    def once(data: bytes) -> None:
        counts["executions"] += 1
        try:
            counts["references"] += check(document(data))
        except Exception as error:  # noqa: BLE001 - whatever is raised is a finding
            keep(data, error, seen)
        if counts["executions"] % _COUNT_EVERY == 0:
            COUNTS.write_text(json.dumps(counts))

    def changed(data: bytes, most: int, seed: int) -> bytes:
        return with_identity(data, most, seed) if seed % 3 == 0 else bytes(atheris.Mutate(data, most))

    atheris.Setup([sys.argv[0], *arguments], once, custom_mutator=changed)
    atheris.Fuzz()


def keep(data: bytes, error: Exception, seen: Counter[str]) -> None:
    """Writes the input and its message, unless the same broke at the same line a few times before."""
    last = traceback.extract_tb(error.__traceback__)[-1]
    where = f"{type(error).__name__} {str(error).split(':')[0]} {last.filename}:{last.lineno}"
    seen[where] += 1
    if seen[where] > _MOST_ALIKE:
        return
    name = hashlib.sha1(data, usedforsecurity=False).hexdigest()[:12]
    (FINDINGS / name).write_bytes(data)
    (FINDINGS / f"{name}.txt").write_text("".join(traceback.format_exception(error)), "utf-8", "backslashreplace")


def replay(path: Path) -> int:
    """Runs one input; its message and 1 where a property is broken."""
    from tests.fuzz.documents import document  # noqa: PLC0415 - the worker imports it under its own instruments
    from tests.fuzz.properties import check  # noqa: PLC0415

    made = document(path.read_bytes())
    print(made)
    print(f"{check(made)} references, all properties hold")
    return 0


def fuzz(seconds: int) -> int:
    """Starts workers until the time is over: one that crashes, or hangs, is followed by another."""
    from tests.fuzz.seeds import write_seeds  # noqa: PLC0415 - the worker imports it under its own instruments

    FINDINGS.mkdir(parents=True, exist_ok=True)
    before = set(FINDINGS.iterdir())
    print(f"{write_seeds(LEARNT)} seeds; fuzzing for {seconds} s")
    end, executions, references = monotonic() + seconds, 0, 0
    while (left := int(end - monotonic())) > 0:
        options = [f"-max_total_time={left}", f"-max_len={_LONGEST}", "-timeout=20", "-print_final_stats=1"]
        command = [sys.executable, __file__, "--work", *options, f"-artifact_prefix={FINDINGS}/crash-", str(LEARNT)]
        COUNTS.write_text('{"executions": 0, "references": 0}')
        log = subprocess.run(command, cwd=ROOT, check=False, stderr=subprocess.PIPE, text=True, errors="replace").stderr
        told = re.search(r"stat::number_of_executed_units:\s*(\d+)", log)
        counted = json.loads(COUNTS.read_text())
        executions += int(told[1]) if told else counted["executions"]
        references += counted["references"]
        if not counted["executions"]:
            print(log[-2000:], file=sys.stderr)
            break
    findings = sorted(set(FINDINGS.iterdir()) - before)
    for path in findings:
        if path.suffix == ".txt":
            print(f"\n{path.relative_to(ROOT)}\n{path.read_text('utf-8').strip().splitlines()[-1][:600]}")
    count = sum(path.suffix != ".txt" for path in findings)
    print(f"\n{executions} executions, {references} references moved, {count} findings")
    return 1 if count or not executions else 0


def main() -> int:
    """The command."""
    sys.path.insert(0, str(ROOT))
    if sys.argv[1:2] == ["--work"]:
        work(sys.argv[2:])
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=int, default=600)
    parser.add_argument("--replay", type=Path, metavar="FILE")
    options = parser.parse_args()
    return replay(options.replay) if options.replay else fuzz(options.seconds)


if __name__ == "__main__":
    sys.exit(main())
