"""What ``demo`` says in the end: to people, and to machines."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from math import ceil
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from engine.cli import run_pass
from engine.local.state import Kept

if TYPE_CHECKING:
    from engine.upkeep.demo import Cloned, DemoReport

BAR = 32
"""Characters of the longest bar."""


@dataclass(frozen=True, slots=True)
class Shown:
    """A demo that is over."""

    demo: "DemoReport"
    index: Path
    """The page that shows originals and clones."""
    kept: Kept | None
    """The servers, where they stay."""


def document_of(shown: Shown) -> dict[str, Any]:
    """For ``--json``; no secrets."""
    kept = shown.kept and {"pid": shown.kept.pid, **_addresses(shown.kept.settings)}
    return {
        **run_pass.document_of(shown.demo.report),
        "sound": shown.demo.sound,
        "clones": [_clone(cloned) for cloned in shown.demo.clones],
        "pages": str(shown.index),
        "kept": kept,
    }


def print_summary(shown: Shown, console: Console) -> None:
    """For people: what was cloned, how fast, where to look next."""
    demo = shown.demo
    console.print()
    console.print(_clones(demo))
    for cloned in demo.clones:
        for violation in cloned.violations:
            console.print(f"[red]{violation.kind}[/red] {escape(f'{violation.where}: {violation.detail}')}")
    for problem in demo.report.figures["problems"]:
        console.print(f"[red]{escape(problem)}[/red]")
    console.print(_speed(demo.report.figures), highlight=False)
    console.print("\nTime by stage, summed over pages that were cloned side by side", style="dim")
    console.print(_stages(demo.report.figures["stage_seconds"]))
    console.print(Text("\nLook next", style="bold"))
    for label, value in _next(shown):
        # Never broken over two lines: it is there to be copied.
        console.print(Text.assemble((f"  {label:<23} ", "cyan"), value), soft_wrap=True)


def _clone(cloned: "Cloned") -> dict[str, Any]:
    return {
        "name": cloned.sample.name,
        "original": str(cloned.sample.funnel_id),
        "clone": str(cloned.clone_id),
        "sound": not cloned.violations,
        "violations": [{"kind": v.kind, "where": v.where, "detail": v.detail} for v in cloned.violations],
    }


def _addresses(settings: Mapping[str, Any]) -> dict[str, Any]:
    return {key: settings[key] for key in ("mongo.uri", "s3.endpoint_url", "s3.bucket", "ray.address")}


def _clones(demo: "DemoReport") -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, header_style="bold")
    table.add_column("funnel", no_wrap=True)
    for name in ("pages", "images", "forms"):
        table.add_column(name, justify="right")
    table.add_column("clone", no_wrap=True)
    table.add_column("proof")
    for cloned in demo.clones:
        sample = cloned.sample
        verdict = Text("unsound", "red") if cloned.violations else Text("sound", "green")
        counts = (str(count) for count in (sample.pages, sample.images, sample.forms))
        table.add_row(sample.name, *counts, str(cloned.clone_id), verdict)
    return table


def _speed(figures: Mapping[str, Any]) -> str:
    seconds = figures["seconds"] or 1e-9
    size = figures["bytes"] / 1e6
    return (
        f"\n[bold]{figures['completed']} funnels cloned in {figures['seconds']:.1f} s[/bold]: "
        f"{figures['steps']} pages ({figures['steps'] / seconds:.1f}/s), "
        f"{figures['images']} images ({figures['images'] / seconds:.1f}/s), {size:.1f} MB, {figures['forms']} forms"
    )


def _stages(stages: Mapping[str, float]) -> Table:
    """Time by stage, summed over all pages: they are cloned side by side, so the sum may exceed the clock's."""
    table = Table.grid(padding=(0, 1))
    longest = max(stages.values(), default=0) or 1
    for stage, seconds in stages.items():
        bar = "━" * ceil(BAR * seconds / longest)
        table.add_row(f"  {stage}", Text(f"{seconds:.2f} s", justify="right"), Text(bar, style="blue"))
    return table


def _next(shown: Shown) -> Iterator[tuple[str, str]]:
    yield "originals and clones", shown.index.as_uri()
    if shown.kept is None:
        yield "servers that stay", "funnel-clone demo --keep"
    else:
        for key, value in _addresses(shown.kept.settings).items():
            yield key, str(value)
        first = shown.demo.clones[0]
        yield "states", f"funnel-clone status; funnel-clone status {first.clone_id}"
        yield "prove a clone again", f"funnel-clone verify {first.clone_id}"
        yield "ask for two more", f"funnel-clone request {first.sample.funnel_id} --count 2"
        yield "clone them", "funnel-clone pass --drain"
        yield "end the servers", "funnel-clone down"
    yield "how a page is cloned", "engine/flow/step.py"
