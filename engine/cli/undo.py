"""``undo``: removes all that a clone made, and nothing else."""

import sys
from typing import TYPE_CHECKING

import click
from rich.console import Console
from rich.filesize import decimal

from engine.cli.command import (
    EPILOG,
    EXIT_DONE,
    EXIT_PROBLEMS,
    configured,
    print_json,
    standard_options,
    stderr_console,
)
from engine.cli.part_progress import PartProgress
from engine.cli.services import check_services
from engine.edges.mongo.client import Store, open_store

if TYPE_CHECKING:
    from engine.settings import Settings
    from engine.upkeep.undo import Asked, Edited, Found, Undone

FORCE = "--force undoes it all the same"
SHOWN = 20
"""Of what was edited; ``--json`` has all."""


@click.command(epilog=EPILOG)
@click.argument("clone", metavar="CLONE")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option("--force", is_flag=True, help="Even if something was edited since it was cloned.")
@click.option("--keep-funnel", is_flag=True, help="Leave the empty funnel, as a cancelled clone.")
@standard_options
def undo(
    clone: str, overrides: tuple[str, ...], *, yes: bool, force: bool, keep_funnel: bool, as_json: bool, cfg: bool
) -> int:
    """Remove all that CLONE (its id) made: pages, images with their objects, forms, the funnel. This is for good.

    Says first what will go, and asks. What users brought into the funnel stays, and the funnel with it. Ends with 1,
    and removes nothing, where something was edited since it was cloned. A clone that is asked for or in work, or of
    which another clone was made, is refused (2). Where it is ended in the middle, run it again: it goes on.
    """
    settings = configured(overrides, cfg=cfg).settings()
    check_services(settings)
    from engine.upkeep import undo as undoing  # noqa: PLC0415 - the servers' clients take a second to import
    from engine.upkeep import undo_told as told  # noqa: PLC0415

    how = undoing.asked(settings.steps, settings.copy, force=force, keep_funnel=keep_funnel)
    store = open_store(settings.mongo)
    try:
        found = undoing.look(store, clone, how)
        if isinstance(found, undoing.Edited):
            return _refuse(found, as_json=as_json)
        if not isinstance(found, undoing.Found):
            raise click.BadParameter(found.reason, param_hint="CLONE")
        warnings = told.warnings(found, settings.s3)
        _show(found, warnings, keep_funnel=keep_funnel)
        if not yes and not _agreed():
            click.echo("Nothing was removed.", err=True)
            return EXIT_PROBLEMS
        outcome = _undone(store, settings, clone, how)
    finally:
        store.close()
    if isinstance(outcome, undoing.Edited):
        return _refuse(outcome, as_json=as_json)
    if as_json:
        print_json({**told.told(outcome), "warnings": warnings})
    else:
        _print(outcome)
    return EXIT_DONE


def _agreed() -> bool:
    if not sys.stdin.isatty():
        raise click.UsageError(
            "nobody can be asked here, for there is no terminal: --yes removes it without a question"
        )
    return click.confirm("Remove all this?", err=True)


def _undone(store: Store, settings: "Settings", clone: str, how: "Asked") -> "Undone | Edited":
    from engine.edges.s3 import Objects  # noqa: PLC0415
    from engine.upkeep import undo as undoing  # noqa: PLC0415

    begun = undoing.begin(store, clone, how)
    if isinstance(begun, undoing.Edited):
        return begun
    if not isinstance(begun, undoing.Begun):
        raise click.BadParameter(begun.reason, param_hint="CLONE")
    console = stderr_console()
    with PartProgress(console, "removed") as progress:
        watch = undoing.Watch(progress.show, lambda left_s, why: _tell_wait(console, left_s, why))
        return undoing.remove(store, Objects(settings.s3), settings.s3, begun, watch)


def _tell_wait(console: Console, left_s: float, why: str) -> None:
    console.print(f"Waits {left_s:.0f} s: {why}.", highlight=False)


def _show(found: "Found", warnings: list[str], *, keep_funnel: bool) -> None:
    parts = found.parts
    verb = "Goes on with the undo of" if found.was == "undoing" else "Will undo"
    name = f" ({found.name})" if found.name else ""
    kept = keep_funnel or parts.strangers
    funnel = "the funnel stays" if kept else "the funnel itself"
    click.echo(
        f"{verb} clone {found.funnel_id}{name}, it is {found.was}: {parts.steps} pages, {parts.images} images "
        f"({decimal(parts.image_bytes)}) with their objects, {parts.forms} forms; {funnel}.",
        err=True,
    )
    for stranger in parts.strangers[:SHOWN]:
        click.echo(f"  stays: {stranger.kind} {stranger.id} ({stranger.name})", err=True)
    for warning in warnings:
        click.echo(f"Warning: {warning}.", err=True)


def _print(done: "Undone") -> None:
    click.echo(
        f"Clone {done.begun.funnel_id}: undone, it was {done.begun.was}. Removed: {done.steps} pages, {done.images} "
        f"images, {done.objects} objects ({decimal(done.bytes)}), {done.forms} forms."
    )
    if done.objects_kept:
        click.echo(f"{done.objects_kept} objects stay: records that are not this clone's name them, too.")
    if done.funnel_kept:
        click.echo("The funnel stays, as a cancelled clone.")


def _refuse(outcome: "Edited", *, as_json: bool) -> int:
    from engine.upkeep.undo_told import refusal, told_edited  # noqa: PLC0415

    count = len(outcome.parts)
    told = f"{refusal(outcome)} ({FORCE})"
    click.echo(f"Error: {told}", err=True)
    for part in outcome.parts[:SHOWN]:
        click.echo(f"  {part.kind} {part.id} ({part.name}): {part.reason}", err=True)
    if count > SHOWN:
        click.echo(f"  and {count - SHOWN} more", err=True)
    if as_json:
        print_json({"error": told, "funnel_id": str(outcome.funnel_id), "edited": told_edited(outcome)})
    return EXIT_PROBLEMS
