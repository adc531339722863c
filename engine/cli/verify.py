"""``verify``: proves a clone against its original, or lists what is wrong. Writes nothing."""

from typing import TYPE_CHECKING, Any

import click
from rich.console import Console
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
from engine.cli.verify_account import print_account
from engine.edges.mongo import reads
from engine.edges.mongo.client import open_store

if TYPE_CHECKING:
    from engine.settings import Settings
    from engine.upkeep.verify import Verification


@click.command(epilog=EPILOG)
@click.argument("clone", metavar="CLONE")
@click.option("--diff", is_flag=True, help="List every span of the clone's pages that differs from the original's.")
@standard_options
def verify(clone: str, overrides: tuple[str, ...], *, diff: bool, as_json: bool, cfg: bool) -> int:
    """Prove CLONE (its id) against its original. Ends with 0 where it is sound, with 1 and a list where it is not."""
    settings = configured(overrides, cfg=cfg).settings()
    check_services(settings)
    found = _verified(settings, clone, keep_spans=diff)
    if as_json:
        print_json(found.document())
    else:
        _print(found)
    return EXIT_DONE if found.sound else EXIT_PROBLEMS


def _verified(settings: "Settings", text: str, *, keep_spans: bool) -> "Verification":
    # The servers' clients take a second to import: not for `--help`.
    from engine.edges.s3 import Objects  # noqa: PLC0415
    from engine.upkeep.verify import verify as prove  # noqa: PLC0415

    store = open_store(settings.mongo)
    try:
        funnel = reads.find_clone(store, text)
        if funnel is None:
            raise click.BadParameter(f"no clone has the id {text}", param_hint="CLONE")
        client, domain = Objects(settings.s3).client, settings.chat.preview_domain
        with PartProgress(stderr_console()) as progress:
            return prove(
                store, client, funnel["_id"], preview_domain=domain, watch=progress.show, keep_spans=keep_spans
            )
    finally:
        store.close()


def _print(found: "Verification") -> None:
    console = stdout_console()
    looked = ", ".join(f"{done} {part}" for part, done in found.checked.items())
    count = len(found.violations)
    wrong = f"[red]{count} violation{'s' if count > 1 else ''}[/red]"
    verdict = "[green]sound[/green]" if found.sound else wrong
    console.print(f"Clone {found.clone_id}: {verdict} ({looked})", highlight=False)
    print_account(console, found.account)
    for title, entries in (("violation", found.violations), ("note", found.notes)):
        _print_entries(console, title, entries)


def _print_entries(console: Console, title: str, entries: Any) -> None:
    if not entries:
        return
    table = Table(title, "where", "detail")
    for entry in entries:
        table.add_row(entry.kind, _plain(entry.where), _plain(entry.detail))
    console.print(table)


def _plain(text: str) -> str:
    r"""Keys and pages may hold what rich takes for markup."""
    return text.replace("[", r"\[")
