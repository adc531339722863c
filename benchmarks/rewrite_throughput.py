"""How fast a funnel's pages are rewritten, beside replacing one key after another; and how much memory it takes.

The texts are real pages with references planted as densely as funnels have them. Ways are measured in turns in one
run, so that a busy machine slows all of them, and by the CPU time of one core. MB are 10**6 bytes of UTF-8.
``--quick`` measures less, ``--json`` prints one document.
"""

import argparse
import html
import json
import random
import statistics
import subprocess
import sys
import tempfile
import tracemalloc
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from time import process_time
from typing import Any
from urllib.parse import quote
from uuid import UUID

from benchmarks.surroundings import surroundings
from benchmarks.turns import spread
from engine.core.rewrite import rewrite
from tests.corpus.identities import Identities, clone_of, finder_of, replacements
from tests.corpus.pages import real_pages
from tests.writers import ROWS

HTML_BYTES, COMPONENTS_BYTES, STEPS = 60_000, 80_000, 10
DENSITIES = {"typical": 2_500, "dense": 1_000}
"""Bytes of page for one address: in 140 KB each of 9 images, a page's share, about four times, and half as many links;
or each of all 45 about twice."""
TURN_SECONDS = 0.05
ROUNDS = {"quick": 3, "full": 15}
LARGE_BYTES = 15_000_000
KINDS = {"ascii": "", "latin": "é", "emoji": "é😀"}
"""What a text holds decides how wide Python stores its characters: one byte, one, or four."""

Page = tuple[str, str]
Way = Callable[[Page], Page]
Escape = Callable[[str], str]
Spellings = list[tuple[Escape, int]]


def _browser(text: str) -> str:
    return quote(text, safe="/:[]@!$&'()*+,;=")


def _slashes(text: str) -> str:
    return text.replace("/", "\\/")


def _in_json(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)[1:-1]


def _component(text: str) -> str:
    return quote(text, safe="")


PLAIN: dict[str, Escape] = {"raw": str, "json": _slashes, "percent": _browser, "html": html.escape}
PLANTED: dict[str, Escape] = PLAIN | {"in a query": _component}
COMBINED: dict[str, Escape] = PLANTED | {
    "html in json": lambda text: _slashes(html.escape(text)),
    "percent in json": lambda text: _slashes(_browser(text)),
    "percent in html": lambda text: html.escape(_browser(text)),
    "percent in html in json": lambda text: _slashes(html.escape(_browser(text))),
}
# As they stand on pages, with how many of a hundred references are written so.
IN_HTML: Spellings = [(str, 70), (_browser, 20), (html.escape, 7), (_component, 3)]
IN_COMPONENTS: Spellings = [(str, 75), (_slashes, 10), (_browser, 12), (_component, 3)]


def _uuid(chosen: random.Random) -> str:
    return str(UUID(int=chosen.getrandbits(128), version=4))


def funnel() -> Identities:
    """45 images, ten steps and two forms, the same in every run."""
    chosen = random.Random(45)
    names = ["hero.jpg", "logo.png", "team-{}.webp", "photo ({}).jpg", "Screenshot 2024-05-{}.png", "über uns {}.png"]
    keys = [f"{_uuid(chosen)}/{names[at % len(names)].format(at)}" for at in range(45)]
    ids = [f"{chosen.getrandbits(96):024x}" for _ in range(STEPS + 1)]
    return Identities(tuple(ids), tuple(keys), (_uuid(chosen), _uuid(chosen)))


@dataclass(frozen=True)
class Planter:
    """Puts references between the tags of real pages."""

    identities: Identities
    chosen: random.Random
    between: int
    """Bytes of page between references."""

    def html(self, size: int, special: str) -> str:
        """A page of about ``size`` bytes."""
        return self._filled(size, IN_HTML, special, '<img src="{}" alt="{}">', '<a href="{}">{}</a>', str)

    def components(self, size: int, special: str) -> str:
        """The JSON of about ``size`` bytes that an editor keeps."""
        image = '","type":"image","src":"{}","alt":"{}","html":"'
        link = '","type":"link","to":"{}","text":"{}","html":"'
        body = self._filled(size, IN_COMPONENTS, special, image, link, _in_json)
        return f'[{{"html":"{body}"}}]'

    def _filled(self, size: int, spellings: Spellings, special: str, image: str, link: str, inside: Escape) -> str:
        pages = list(real_pages().values())
        self.chosen.shuffle(pages)
        source = "\n".join(pages).encode("ascii", "ignore").decode()
        pieces: list[str] = []
        filled = start = 0
        while filled < size:
            # Where a tag ends, as a writer would.
            end = source.find(">", start + self.between) + 1
            pieces += (inside(source[start:end]), self._reference(spellings, special, image, link))
            filled += len(pieces[-1]) + len(pieces[-2])
            start = end if 0 < end < len(source) - 2 * self.between else 0
        return "".join(pieces)

    def _reference(self, spellings: Spellings, special: str, image: str, link: str) -> str:
        known = self.identities
        ((escape, _),) = self.chosen.choices(spellings, [weight for _, weight in spellings])
        if self.chosen.random() < 0.6:  # noqa: PLR2004 - more images than links
            keys = [key for key in known.keys if special or key.isascii()]
            address = f"https://s3.eu-central-1.amazonaws.com/media/{escape(self.chosen.choice(keys))}"
            return image.format(address, special)
        address = f"https://app.example.com/funnel/{known.ids[0]}/step/{self.chosen.choice(known.ids)}"
        if self.chosen.random() < 0.1:  # noqa: PLR2004 - a form now and then
            address = f"https://app.example.com/userform/{self.chosen.choice(known.forms)}?embed=1"
        return link.format(_slashes(address) if escape is _slashes else address, special)


def engine_way(old: Identities) -> Way:
    """Find and replace as a step does; the finder is built beforehand, once a funnel."""
    finder, moves = finder_of(old), replacements(old, clone_of(old))

    def way(page: Page) -> Page:
        one, other = finder.find_on_page(page)
        return rewrite(page[0], one, moves), rewrite(page[1], other, moves)

    return way


def naive_way(old: Identities, spellings: Iterable[Escape]) -> Way:
    """One replacement after another, each over the whole text."""
    moves: dict[str, str] = {}
    for identity, new in replacements(old, clone_of(old)).items():
        for escape in spellings:
            moves.setdefault(escape(identity.text), escape(new))

    def way(page: Page) -> Page:
        one, other = page
        for found, new in moves.items():
            one, other = one.replace(found, new), other.replace(found, new)
        return one, other

    return way


def size_of(pages: list[Page]) -> int:
    """Bytes in UTF-8."""
    return sum(len(text.encode()) for page in pages for text in page)


def left(old: Identities, pages: list[Page]) -> int:
    """References that still stand, in any spelling that was planted."""
    spelled = {escape(text) for text in old.text() for escape in PLANTED.values()}
    return sum(text.count(one) for one in spelled for page in pages for text in page)


def seconds(work: Callable[[], object]) -> float:
    """CPU seconds that it takes once: others on the machine count less than on a clock."""
    began = process_time()
    work()
    return process_time() - began


def seconds_in_a_turn(work: Callable[[], object]) -> float:
    """The same, of as many times as fill a turn: a short one would pay for caches that the way before has filled."""
    taken: list[float] = []
    while sum(taken) < TURN_SECONDS:
        taken.append(seconds(work))
    return statistics.mean(taken)


def grow_heap() -> None:
    """Leave the heap as a worker's is, which has held larger texts before.

    Until a process has once freed a large block, the allocator gives each text's memory back to the system, and the
    next one is paid for page by page.
    """
    bytes(LARGE_BYTES)


def throughput(old: Identities, between: int, rounds: int) -> dict[str, Any]:
    """MB/s of every way over a funnel's pages, in turns, and how often it was faster than the naive ones."""
    planter = Planter(old, random.Random(1), between)
    pages = [(planter.html(HTML_BYTES, "é"), planter.components(COMPONENTS_BYTES, "é")) for _ in range(STEPS)]
    ways = {
        "engine": engine_way(old),
        "naive, all spellings": naive_way(old, ROWS.values()),
        "naive, 9 spellings": naive_way(old, COMBINED.values()),
        "naive, 4 spellings": naive_way(old, PLAIN.values()),
        "naive, raw alone": naive_way(old, [str]),
    }
    megabytes = size_of(pages) / 1e6
    rates: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(rounds):
        for name, way in ways.items():
            taken = seconds_in_a_turn(lambda way=way: [way(page) for page in pages])  # type: ignore[misc]
            rates[name].append(megabytes / taken)
    # Finding alone: the rest is writing.
    finder = finder_of(old)
    finding = [
        megabytes / seconds_in_a_turn(lambda: [finder.find_on_page(page) for page in pages]) for _ in range(rounds)
    ]
    medians = {name: statistics.median(values) for name, values in rates.items()}
    return {
        "pages": len(pages),
        "megabytes": megabytes,
        "references_planted": left(old, pages),
        "references_found": sum(len(found) for page in pages for found in finder.find_on_page(page)),
        "megabytes_per_second": {name: spread(values) for name, values in rates.items()} | {"finding": spread(finding)},
        "references_left": {name: left(old, [way(page) for page in pages]) for name, way in ways.items()},
        "times_as_fast": {name: medians["engine"] / medians[name] for name in ways if name != "engine"},
    }


def building(old: Identities, rounds: int) -> dict[str, float]:
    """Milliseconds for the patterns of one funnel."""
    return spread([1e3 * seconds(lambda: finder_of(old)) for _ in range(rounds)])


def memory(old: Identities, kind: str, size: int) -> dict[str, Any]:
    """A large page's rewrite: its time, and its peak over what stood before, each in a process of its own."""
    with tempfile.NamedTemporaryFile("w", encoding="utf-8", suffix=".html") as file:
        file.write(Planter(old, random.Random(2), DENSITIES["dense"]).html(size, KINDS[kind]))
        file.flush()
        answers = {}
        for way in ("time", "traced", "resident"):
            command = [sys.executable, __file__, "--measure", way, file.name]
            answers[way] = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    text = answers["time"]
    peaks = {f"{way}_peak": answers[way]["peak"] for way in ("traced", "resident")}
    # The text itself counts: it is held as long as its rewrite takes.
    ratios = {f"{name}_to_text": 1 + peak / text["stored"] for name, peak in peaks.items()}
    return {"kind": kind, **text, **peaks, **ratios}


def measure(way: str, path: Path) -> dict[str, float]:
    """In a fresh process: one rewrite of one text."""
    text, old = path.read_text("utf-8"), funnel()
    known = engine_way(old)
    known(("<p>", "{}"))  # what is only made once is no part of it
    size = {"bytes": path.stat().st_size, "stored": sys.getsizeof(text)}
    if way == "time":
        taken = min(seconds(lambda: known((text, "{}"))) for _ in range(3))
        return {**size, "seconds": taken, "megabytes_per_second": size["bytes"] / 1e6 / taken}
    if way == "traced":
        tracemalloc.start()
        known((text, "{}"))
        return {**size, "peak": tracemalloc.get_traced_memory()[1]}
    Path("/proc/self/clear_refs").write_text("5")  # the peak begins anew: reading the text had one of its own
    before = _resident("VmRSS")
    known((text, "{}"))
    return {**size, "peak": max(0, _resident("VmHWM") - before)}


def _resident(name: str) -> int:
    (line,) = (line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith(f"{name}:"))
    return int(line.split()[1]) * 1024


def measured(size: str, rounds: int) -> dict[str, Any]:
    """All figures of one run; ``size`` quick measures less of what takes long."""
    quick = size == "quick"
    grow_heap()
    old = funnel()
    return {
        "rewrite": {name: throughput(old, between, rounds) for name, between in DENSITIES.items()},
        "build_milliseconds": building(old, 5 if quick else 25),
        "large": [memory(old, kind, LARGE_BYTES // (10 if quick else 1)) for kind in KINDS],
    }


def table(found: dict[str, Any]) -> str:
    """The figures for a reader."""
    lines = [line for name, rate in found["rewrite"].items() for line in _rates(name, rate)]
    lines += [
        f"patterns of a funnel: {found['build_milliseconds']['median']:.2f} ms",
        *(
            f"{m['bytes'] / 1e6:.1f} MB of {m['kind']}: {m['seconds']:.2f} s, {m['megabytes_per_second']:.0f} MB/s; "
            f"peak {m['traced_peak_to_text']:.2f} times the text (traced), {m['resident_peak_to_text']:.2f} (resident)"
            for m in found["large"]
        ),
    ]
    return "\n".join(lines)


def _rates(name: str, rate: dict[str, Any]) -> list[str]:
    pages, planted = rate["pages"], rate["references_planted"]
    return [
        f"{name}: {pages} pages, {rate['megabytes']:.1f} MB, {planted / pages:.0f} references a page",
        *(
            f"  {way:22} {s['median']:8.1f} MB/s ({s['least']:.1f} to {s['most']:.1f}, {s['runs']} runs)"
            for way, s in rate["megabytes_per_second"].items()
        ),
        *(f"  {times:.1f} times as fast as {way}" for way, times in rate["times_as_fast"].items()),
        *(f"  {way} leaves {count} of {planted} references" for way, count in rate["references_left"].items()),
    ]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true", help="one JSON document")
    parser.add_argument("--quick", action="store_true", help="a few seconds, and figures that vary more")
    parser.add_argument("--measure", nargs=2, metavar=("WAY", "FILE"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.measure:
        print(json.dumps(measure(options.measure[0], Path(options.measure[1]))))
        return
    size = "quick" if options.quick else "full"
    found = {**surroundings(), **measured(size, ROUNDS[size])}
    print(json.dumps(found) if options.json else table(found))


if __name__ == "__main__":
    main()
