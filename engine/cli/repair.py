"""``repair``: mends a clone whose pages still lead to the original, as clones of the old system do."""

from typing import TYPE_CHECKING, Any

import click
from rich.markup import escape
from rich.table import Table

from engine.cli.command import (
    EPILOG,
    EXIT_DONE,
    EXIT_PROBLEMS,
    EXIT_UNREACHABLE,
    configured,
    print_json,
    standard_options,
    stderr_console,
    stdout_console,
)
from engine.cli.part_progress import PartProgress
from engine.cli.services import check_services
from engine.core.errors import TransientError
from engine.edges.mongo import requests
from engine.edges.mongo.client import Store, open_store

if TYPE_CHECKING:
    from engine.settings import Settings
    from engine.upkeep.repair import Repair


@click.command(epilog=EPILOG)
@click.argument("clone", metavar="CLONE")
@click.option("--dry-run", is_flag=True, help="Write nothing; say what would be done.")
@standard_options
def repair(clone: str, overrides: tuple[str, ...], *, dry_run: bool, as_json: bool, cfg: bool) -> int:
    """Mend what still leads to the original in CLONE (its id), as the old system left it; edits of its users stay.

    Ends with 0 where all that was wrong is mended, with 1 and a list where something is wrong still. A clone that is
    asked for or in work, or whose original is gone, is refused (1). Where a service fails meanwhile, what was
    done until then is told, and the failure (3). Safe to run again.
    """
    settings = configured(overrides, cfg=cfg).settings()
    check_services(settings)
    store = open_store(settings.mongo)
    try:
        done = _mended(store, settings, _clone_of(store, clone), dry_run=dry_run)
    finally:
        store.close()
    if as_json:
        print_json(done.document())
    else:
        _print(done)
    if done.broken_off is not None:
        click.echo(f"Error: broken off at {done.broken_off}. Run it again: that ends what was begun.", err=True)
    if done.broken_off is not None and isinstance(done.broken_off.error, TransientError):
        return EXIT_UNREACHABLE
    return EXIT_DONE if done.whole else EXIT_PROBLEMS


def _clone_of(store: Store, text: str) -> dict[str, Any]:
    funnel = requests.find_funnel(store, text)
    if funnel is None:
        raise click.BadParameter(f"no clone has the id {text}", param_hint="CLONE")
    if funnel.get("original_funnel_id") is None:
        raise click.BadParameter(f"funnel {text} is no clone: it has no original_funnel_id", param_hint="CLONE")
    return funnel


def _mended(store: Store, settings: "Settings", funnel: dict[str, Any], *, dry_run: bool) -> "Repair":
    # The servers' clients take a second to import: not for `--help`.
    from engine.edges.s3 import InProcessCopier, Objects  # noqa: PLC0415
    from engine.upkeep.repair import repair as mend  # noqa: PLC0415

    with PartProgress(stderr_console()) as progress:
        return mend(
            store,
            Objects(settings.s3),
            InProcessCopier(settings.s3, settings.copy),
            funnel,
            settings,
            dry_run=dry_run,
            watch=lambda pages, total: progress.show("pages", pages, total),
        )


def _print(done: "Repair") -> None:
    console = stdout_console()
    count = sum(move.count for page in done.pages for move in page.moves)
    size = sum(image.bytes for image in done.images)
    moved, copied = ("to move", "to copy") if done.dry_run else ("moved", "copied")
    what = (
        f"{count} references on {len(done.pages)} pages {moved}, "
        f"{len(done.images)} images ({size} bytes) and {len(done.forms)} forms {copied}"
    )
    console.print(f"Clone {done.clone_id}: {what}, {len(done.problems)} problems", highlight=False)
    if done.pages:
        table = Table("step", "kind", "from", "to", "spelling", "count")
        for page in done.pages:
            for move in page.moves:
                cells = (str(page.step_id), move.kind, move.source, move.target, move.spelling, str(move.count))
                table.add_row(*map(escape, cells))
        console.print(table)
    for problem in done.problems:
        console.print(f"[yellow]{escape(problem)}[/yellow]", highlight=False)
