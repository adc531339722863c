"""``status``: what runs, what waits, what failed and why; or one clone in detail. Reads only."""

from typing import Any

import click
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from engine.cli.command import EPILOG, EXIT_DONE, configured, print_json, shared_options, stdout_console
from engine.edges.mongo.client import open_store, require_transactions
from engine.upkeep import status as reading

LISTED = 20


@click.command(epilog=EPILOG)
@click.argument("arguments", nargs=-1, metavar="[CLONE] [KEY=VALUE]...")
@shared_options
def status(arguments: tuple[str, ...], *, as_json: bool, cfg: bool) -> int:
    """Show the state of all clones, or of CLONE (its id)."""
    clone = arguments[0] if arguments and "=" not in arguments[0] else None
    store = open_store(configured(arguments[0 if clone is None else 1 :], cfg=cfg).mongo())
    try:
        require_transactions(store)
        if clone is None:
            document = reading.overview(store, LISTED)
        else:
            found = reading.one(store, clone)
            if found is None:
                raise click.BadParameter(f"no clone has the id {clone}", param_hint="CLONE")
            document = found
    finally:
        store.close()
    if as_json:
        print_json(document)
    elif clone is None:
        _print_overview(document)
    else:
        _print_one(document)
    return EXIT_DONE


def _print_overview(document: dict[str, Any]) -> None:
    console = stdout_console()
    console.print(", ".join(f"{count} {state}" for state, count in document["counts"].items() if count) or "No clones.")
    console.print(f"Pass: {document['pass'] or 'none runs'}")
    if not document["clones"]:
        return
    table = Table("clone", "name", "state", "steps", "images", "attempt", "why")
    for clone in document["clones"]:
        table.add_row(
            clone["funnel_id"],
            escape(clone["name"]),
            reading.told_state(clone),
            f"{clone['steps_done']}/{clone['steps_total']}",
            f"{clone['images_done']}/{clone['images_total']}",
            str(clone["attempts"]),
            escape((clone["errors"] or [clone["reason"] or ""])[0]),
        )
    console.print(table)


def _print_one(document: dict[str, Any]) -> None:
    console = stdout_console()
    console.print(f"[bold]{escape(document['name'])}[/bold]  {document['funnel_id']}: {reading.told_state(document)}")
    for label, key in (
        ("clone of", "original_funnel_id"),
        ("why", "reason"),
        ("next try", "next_try_at"),
        ("started", "started_at"),
        ("finished", "finished_at"),
    ):
        if document[key]:
            console.print(f"  {label}: {escape(str(document[key]))}")
    console.print(
        f"  steps {document['steps_done']}/{document['steps_total']}, "
        f"images {document['images_done']}/{document['images_total']}, "
        f"run {document['run']}, attempt {document['attempts']}"
    )
    _print_errors(console, document)
    table = Table("step", "name", "state", "tries", "errors")
    for step in document["steps"]:
        cells = (step["step_id"], step["name"], step["state"], str(step["attempts"]), str(len(step["errors"]) or ""))
        table.add_row(*map(escape, cells))
    console.print(table)


def _print_errors(console: Console, document: dict[str, Any]) -> None:
    """How many of each kind, then each with its reason."""
    counts = ", ".join(f"{count} {kind}" for kind, count in document["errors_by_kind"].items() if count)
    if counts:
        console.print(f"  could not be cloned: {counts}")
    for error in document["errors"]:
        console.print(f"  [yellow]{escape(error)}[/yellow]", highlight=False, soft_wrap=True)
    if document["with_errors"]:
        console.print("  `retry` tries again what failed, and nothing else.")
