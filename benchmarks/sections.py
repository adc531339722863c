"""A result as the lines of a document: tables, and how what was asked for compares."""

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from benchmarks.kept import Result
from benchmarks.tables import table

Figures = dict[str, Any]
NOT_INSTALLED = "not installed"


def section(name: str, result: Result) -> str:
    """Headline, what it was measured on, tables."""
    title, tables = SECTIONS[name]
    parts = [f"## {title}", _stood_on(result), *tables(result["figures"])]
    return "\n\n".join(parts)


def _stood_on(result: Result) -> str:
    machine, versions = result["machine"], result["versions"]
    programs = {**versions, **result["figures"].get("programs", {})}
    memory = f", {machine['memory_gb']} GB" if "memory_gb" in machine else ""
    return (
        f"Measured {result['at']} UTC, {result['size']} set, rounds: {result['rounds']}, "
        f"commit `{result['commit'][:12]}`, on "
        f"{machine['cores']} cores ({machine['cpu']}{memory}). "
        f"{', '.join(f'{name} {told}' for name, told in programs.items())}."
    )


def number(value: float) -> str:
    """Three figures that tell something."""
    digits = next((digits for least, digits in ((100, 0), (10, 1), (1, 2)) if abs(value) >= least), 3)
    return f"{value:,.{digits}f}"


def ranged(found: dict[str, float] | str) -> str:
    """Median (least to most)."""
    if isinstance(found, str):
        return found
    if found["runs"] == 1:
        return f"{number(found['median'])} (one run)"
    return f"{number(found['median'])} ({number(found['least'])} to {number(found['most'])})"


def size_of(count: int) -> str:
    """Bytes, for people."""
    return f"{count // 1_000_000} MB" if count >= 1_000_000 else f"{count // 1_000} KB"  # noqa: PLR2004


def copy_throughput(figures: Figures) -> Iterator[str]:
    """A row a case, a column a way."""
    cases = figures["cases"]
    ways = [*cases[0]["copies_per_second"], *figures["not_installed"]]
    yield (
        "Copies a second inside the embedded S3, median (least to most), every way with as many requests in flight; "
        "at a delay every request takes so much longer."
    )
    yield table(
        ("objects of", "delay", "in flight", *ways),
        [
            (
                *(size_of(case["object_bytes"]), f"{case['delay_ms']} ms", case["in_flight"]),
                *(ranged(case["copies_per_second"].get(way, NOT_INSTALLED)) for way in ways),
            )
            for case in cases
        ],
    )
    others = [way for way in ways if way != "engine"]
    yield "How many times as fast as each the engine's pool is, pair by pair:"
    yield table(
        ("objects of", "delay", *others),
        [
            (
                *(size_of(case["object_bytes"]), f"{case['delay_ms']} ms"),
                *(ranged(case["engine_to"].get(way, NOT_INSTALLED)) for way in others),
            )
            for case in cases
        ],
    )
    yield "`copy.actors` and `copy.concurrency` (in flight for one actor), beside obstore with as many in flight:"
    yield table(
        ("objects of", "delay", "actors", "concurrency", "engine, copies/s", "obstore, copies/s", "engine to obstore"),
        [
            (
                *(size_of(point["object_bytes"]), f"{point['delay_ms']} ms", point["actors"], point["concurrency"]),
                *(ranged(point["copies_per_second"][way]) for way in ("engine", "obstore")),
                ranged(point["engine_to_obstore"]),
            )
            for point in figures["grid"]
        ],
    )


def whole_pass(figures: Figures) -> Iterator[str]:
    """Times, then what they consist of."""
    rows = [
        (load, window, found)
        for load in figures["loads"]
        for window, found in sorted(load["windows"].items(), key=_count)
    ]
    yield (
        f"A funnel has {figures['funnel']['steps']} pages of 140 KB, {figures['funnel']['images']} images and 2 forms. "
        f"Seconds of a pass in a warm Ray, beside s5cmd ({figures['s5cmd_workers']} workers) copying the same images "
        "and nothing else, in turns."
    )
    yield table(
        (
            *(
                "funnels",
                "images of",
                "`steps.concurrency`",
                "seconds",
                "with the driver's start",
                "s5cmd, images alone",
            ),
            *("times s5cmd", "seconds a funnel", "steps/s", "images/s"),
        ),
        [
            (
                *(load["funnels"], size_of(load["image_bytes"]), window, ranged(found["seconds"])),
                *(ranged(found["wall_seconds"]), ranged(load["s5cmd_seconds"]), ranged(found["to_s5cmd"])),
                *(ranged(found[name]) for name in ("seconds_a_funnel", "steps_per_second", "images_per_second")),
            )
            for load, window, found in rows
        ],
    )
    if figures["cost_of_many"]:
        many = figures["cost_of_many"]
        ratios = ", ".join(f"{number(ratio)} at a window of {window}" for window, ratio in many["ratio"].items())
        yield f"A funnel among {many['many']} costs, times one among {many['few']} (images of 1 KB): {ratios}."
    yield "Where a step's time goes, in its worker (`images`: waiting for its copies), and between workers:"
    stages = ("load", "images", "forms", "chat", "rewrite", "commit")
    yield table(
        ("funnels", "images of", "`steps.concurrency`", *stages),
        [(*_load(load, window), *_shares(found["stage_seconds"], stages)) for load, window, found in rows],
    )
    yield "Whose processor time it is, milliseconds a step, and what share of the processors' time is idle:"
    roles = sorted({role for _, _, found in rows for role in found["processor_seconds"]})
    steps = figures["funnel"]["steps"]
    yield table(
        ("funnels", "images of", "`steps.concurrency`", *roles, "idle"),
        [
            (
                *_load(load, window),
                *(number(found["processor_seconds"].get(r, 0) * 1e3 / load["funnels"] / steps) for r in roles),
                f"{found['idle_share']:.0%}",
            )
            for load, window, found in rows
        ],
    )


def _count(item: tuple[str, Any]) -> int:
    return int(item[0])


def _load(load: Figures, window: str) -> tuple[object, ...]:
    return load["funnels"], size_of(load["image_bytes"]), window


def _shares(seconds: dict[str, float], names: Iterable[str]) -> list[str]:
    whole = sum(seconds.values()) or 1.0
    return [f"{seconds.get(name, 0.0) / whole:.0%}" for name in names]


def scan(figures: Figures) -> Iterator[str]:
    """A row a case."""
    yield "One claim; examined: the most that all questions of one claim looked at, as `explain` says."
    yield table(
        ("funnels", "waiting", "in accounts", "p50 ms", "p95 ms", "claims", "keys examined", "documents examined"),
        [
            (
                *(f"{case['funnels']:,}", f"{case['waiting']:,}", f"{case['accounts']:,}"),
                *(number(case["p50_ms"]), number(case["p95_ms"]), case["claims"]),
                *(case["most_keys_examined"], case["most_documents_examined"]),
            )
            for case in figures["cases"]
        ],
    )
    grown = figures["p95_of_most_to_least"]
    told = ", ".join(f"{number(g['ratio'])} ({g['waiting']:,} in {g['accounts']:,})" for g in grown["ratios"])
    between = f"p95 at {grown['most']:,} funnels, times that at {grown['least']:,}"
    yield f"{between}, by those waiting and their accounts: {told}."


def rewrite(figures: Figures) -> Iterator[str]:
    """Rates by density of references, then large texts."""
    rates = figures["rewrite"]
    ways = list(next(iter(rates.values()))["megabytes_per_second"])
    yield "MB of page a second of one core's CPU time, beside replacing one key after another:"
    yield table(
        ("references", "on a page", *ways),
        [
            (
                *(density, f"{rate['references_planted'] / rate['pages']:.0f}"),
                *(ranged(rate["megabytes_per_second"][way]) for way in ways),
            )
            for density, rate in rates.items()
        ],
    )
    yield f"Patterns of a funnel are built in {ranged(figures['build_milliseconds'])} ms. Large texts:"
    yield table(
        ("text", "MB", "seconds", "MB/s", "peak memory, times the text"),
        [
            (
                *(one["kind"], number(one["bytes"] / 1e6), number(one["seconds"])),
                *(number(one["megabytes_per_second"]), number(one["resident_peak_to_text"])),
            )
            for one in figures["large"]
        ],
    )


def memory(figures: Figures) -> Iterator[str]:
    """A row a role."""
    most = figures["most_mb"]
    counts = list(next(iter(most.values())))
    grown = figures["most_to_few"]
    yield "The most resident MB of any process of a role, by funnels of a pass (one page, one image of 1 KB):"
    yield table(
        ("role", *(f"{int(count):,} funnels" for count in counts), f"{grown['most']:,} to {grown['few']}"),
        [(role, *(ranged(by[count]) for count in counts), ranged(grown["ratio"][role])) for role, by in most.items()],
    )


def start(figures: Figures) -> Iterator[str]:
    """Seconds, then phases, of each way."""
    yield "`submit`: a job on a Ray head that runs. `pass`: with a Ray of its own. From the command's first moment."
    yield table(
        ("command", "seconds to the first copy", "to its end"),
        [(f"`{n}`", *(ranged(one) for one in found["seconds"].values())) for n, found in figures.items()],
    )
    for name, found in figures.items():
        yield f"Where each second of `{name}` goes:"
        yield _phases(found["phases"])


def latency(figures: Figures) -> Iterator[str]:
    """Seconds, then phases, of each window."""
    yield "From the request to the event that a connected user hears; the pass begins when the request is written."
    yield table(
        ("`steps.concurrency`", "seconds"), [(window, ranged(found["seconds"])) for window, found in figures.items()]
    )
    window, found = next(iter(figures.items()))
    yield f"Where each second goes, at a window of {window}:"
    yield _phases(found["phases"])


def _phases(phases: dict[str, dict[str, float]]) -> str:
    return table(("from", "to", "seconds"), [(*name.split(" -> "), ranged(one)) for name, one in phases.items()])


SECTIONS: dict[str, tuple[str, Callable[[Figures], Iterator[str]]]] = {
    "whole_pass": ("Whole passes", whole_pass),
    "copy_throughput": ("Copies", copy_throughput),
    "scan": ("Finding the next funnel", scan),
    "rewrite": ("Rewriting pages", rewrite),
    "memory": ("Memory", memory),
    "start": ("From a cold command to the first copy", start),
    "latency": ("One funnel alone", latency),
}
