"""docs/performance.md and its plots, made of the results in benchmarks/results/ alone: no figure is typed by hand.

``python benchmarks/report.py`` makes them anew without measuring. ``--page`` leaves the plots as they are.
"""

import argparse
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
if __name__ == "__main__":
    sys.path[0] = str(ROOT)

from benchmarks.asked import asked  # noqa: E402
from benchmarks.kept import MODULES, RESULTS, Result, read  # noqa: E402
from benchmarks.sections import SECTIONS, section  # noqa: E402

PAGE = ROOT / "docs" / "performance.md"
IMAGES = ROOT / "docs" / "img"
HEAD = """# Performance: what was measured, on what, and beside what

`benchmarks/report.py` makes this page of the results in `benchmarks/results/`; no figure is typed by hand.
`make bench` measures a quick set within ten minutes, `benchmarks/run.py --full` all of it, `--only NAME` a part.
Ways that are compared take turns in one run, on embedded servers that share the machine with them: compare ratios,
not figures. A figure is the median, with the least and the most beside it."""
DRAWN = {"whole_pass", "copy_throughput", "scan", "memory", "start", "latency"}
"""Benchmarks of which there is a plot."""


def picture(name: str) -> str:
    """The file's name, in docs/img."""
    return f"bench-{name.replace('_', '-')}.svg"


def page(results: dict[str, Result]) -> str:
    """The whole page."""
    parts = [HEAD, asked(results)]
    for name in MODULES:
        title = SECTIONS[name][0]
        if name not in results:
            parts.append(f"## {title}\n\nNot measured yet: `python benchmarks/run.py --full --only {name}`.")
            continue
        parts.append(section(name, results[name]))
        if name in DRAWN:
            parts.append(f"![{title}](img/{picture(name)})")
    return "\n\n".join(parts) + "\n"


def make(folder: Path = RESULTS, *, plots: bool = True) -> None:
    """Write page and plots."""
    results = read(folder)
    if plots:
        from benchmarks.plots import draw  # noqa: PLC0415 - the page needs no library for them

        for name in DRAWN & results.keys():
            draw(name, results[name], IMAGES / picture(name))
    PAGE.write_text(page(results), "utf-8")


def main() -> None:
    """Make them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--results", type=Path, default=RESULTS, help="another folder of results")
    parser.add_argument("--page", action="store_true", help="without the plots, and without matplotlib")
    options = parser.parse_args()
    make(options.results, plots=not options.page)


if __name__ == "__main__":
    main()
