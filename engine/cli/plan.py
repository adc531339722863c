"""``plan``: what a clone of a funnel would do, and what is in its way. Writes nothing."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import click
from rich.filesize import decimal
from rich.markup import escape
from rich.table import Table

from engine.cli.command import (
    EPILOG,
    EXIT_DONE,
    EXIT_PROBLEMS,
    configured,
    print_json,
    standard_options,
    stderr_console,
    stdout_console,
)
from engine.cli.part_progress import PartProgress
from engine.cli.services import check_services
from engine.edges.mongo import requests
from engine.edges.mongo.client import open_store

if TYPE_CHECKING:
    from engine.settings import Settings
    from engine.upkeep.plan import ClonePlan

SHOWN = 20
"""Rows of a table; ``--json`` has all."""


@click.command(epilog=EPILOG)
@click.argument("funnel")
@standard_options
def plan(funnel: str, overrides: tuple[str, ...], *, as_json: bool, cfg: bool) -> int:
    """Tell what a clone of FUNNEL (its id) would do. Ends with 0 where nothing is in its way, else with 1."""
    settings = configured(overrides, cfg=cfg).settings()
    check_services(settings)
    planned = _planned(settings, funnel)
    if as_json:
        print_json(planned.document())
    else:
        _print(planned)
    return EXIT_PROBLEMS if planned.problems else EXIT_DONE


def _planned(settings: "Settings", text: str) -> "ClonePlan":
    # The servers' clients take a second to import: not for `--help`.
    from engine.edges.s3 import Objects  # noqa: PLC0415
    from engine.upkeep.plan import plan_clone  # noqa: PLC0415

    store = open_store(settings.mongo)
    try:
        found = requests.find_funnel(store, text)
        with PartProgress(stderr_console()) as progress:
            planned = found and plan_clone(store, Objects(settings.s3), settings, found["_id"], progress.show)
    finally:
        store.close()
    if not planned:
        raise click.BadParameter(f"no funnel has the id {text}", param_hint="FUNNEL")
    return planned


def _print(planned: "ClonePlan") -> None:
    console = stdout_console()
    count, expected = len(planned.problems), planned.expected
    verdict = f"[red]{_counted(count, 'problem')}[/red]" if count else "[green]nothing in the way[/green]"
    console.print(f"[bold]{escape(planned.name)}[/bold]  {planned.funnel_id}: {verdict}", highlight=False)
    text_bytes = sum(step.html_bytes + step.components_bytes for step in planned.steps)
    references = sum(sum(found.values()) for found in planned.references.values())
    console.print(
        f"  {_counted(len(planned.steps), 'step')} ({decimal(text_bytes)}), "
        f"{_counted(planned.images.count, 'image')} ({decimal(planned.images.bytes)}), "
        f"{_counted(len(planned.forms), 'form')}, {_counted(references, 'reference')}",
        highlight=False,
    )
    console.print(
        f"  a clone sends {_counted(expected.requests, 'request')} to S3 "
        f"and at most {_counted(expected.funnel_commands + expected.step_commands, 'command')} to MongoDB",
        highlight=False,
    )
    for table in _tables(planned):
        if table.row_count:
            console.print(table)


def _tables(planned: "ClonePlan") -> list[Table]:
    return [
        _table(("problem", "where", "detail"), [(p.kind, p.where, p.detail) for p in planned.problems]),
        _table(
            ("step", "name", "HTML", "components"),
            [(str(s.step_id), s.name, decimal(s.html_bytes), decimal(s.components_bytes)) for s in planned.steps],
        ),
        _table(
            ("form", "name", "pages"),
            [(f.form_secret_id, "(missing)" if f.name is None else f.name, str(f.pages)) for f in planned.forms],
        ),
        _table(
            ("reference", "spelling", "times"),
            [(kind, spelling, str(n)) for kind, found in planned.references.items() for spelling, n in found.items()],
        ),
        _table(
            ("left as it is", "of another funnel, or of none", "pages"),
            [(o.kind, o.text, str(len(o.steps))) for o in planned.outside_references],
        ),
    ]


def _table(titles: Sequence[str], rows: Sequence[Sequence[str]]) -> Table:
    """What there is to say, and how much is left out."""
    table = Table(*titles)
    for row in rows[:SHOWN]:
        table.add_row(*map(escape, row))
    if len(rows) > SHOWN:
        table.add_row(f"{len(rows) - SHOWN} more")
    return table


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"
