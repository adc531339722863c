"""``import``: make a funnel of a folder of HTML pages."""

from dataclasses import asdict
from pathlib import Path

import click
from bson import ObjectId
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn

from engine.cli.bars import LINE_EVERY_S, Bars
from engine.cli.command import EPILOG, EXIT_DONE, configured, print_json, standard_options, stderr_console
from engine.cli.services import check_services
from engine.edges.mongo import requests
from engine.edges.mongo.client import Store, open_store
from engine.edges.s3 import Objects
from engine.upkeep.ingest import Folder, Imported, ImportTarget, Owner, import_folder

_MISSING_SHOWN = 20


@click.command(name="import", epilog=EPILOG)
@click.argument("folder", metavar="DIR", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--name", required=True, help="Name of the funnel.")
@click.option("--account", help="Account that it belongs to [default: a new one, named as the funnel].")
@click.option("--chat", is_flag=True, help="Put a chat widget on every page.")
@standard_options
def import_funnel(
    folder: Path,
    name: str,
    account: str | None,
    overrides: tuple[str, ...],
    *,
    chat: bool,
    as_json: bool,
    cfg: bool,
) -> int:
    """Make a funnel of DIR: each HTML page a step, index.html first, with its images and forms.

    References to files that are not there stay as they are; they are listed, and the exit status is 0. A DIR without
    pages is refused (2). Every import makes a new funnel.
    """
    settings = configured(overrides, cfg=cfg).settings()
    pages = Folder(folder)
    if not pages.pages:
        raise click.BadParameter(f"{folder} holds no HTML page", param_hint="DIR")
    check_services(settings)
    store = open_store(settings.mongo)
    try:
        owner = _owner(store, account, name)
        target = ImportTarget(store, Objects(settings.s3), settings.s3)
        with _Shown() as shown:
            imported = import_folder(pages, name, owner, target, shown.told, chat=chat)
    finally:
        store.close()
    _tell(imported, name, as_json=as_json)
    return EXIT_DONE


def _owner(store: Store, account: str | None, name: str) -> Owner:
    if account is None:
        return Owner({"_id": ObjectId(), "name": name}, is_new=True)
    found = requests.find_account(store, account)
    if found is None:
        raise click.BadParameter(f"no account has the id {account}", param_hint="--account")
    return Owner(found, is_new=False)


def _tell(imported: Imported, name: str, *, as_json: bool) -> None:
    for missing in imported.missing[:_MISSING_SHOWN]:
        click.echo(f"Missing: {missing}", err=True)
    if len(imported.missing) > _MISSING_SHOWN:
        click.echo(f"Missing: {len(imported.missing) - _MISSING_SHOWN} more; --json lists all", err=True)
    if as_json:
        print_json(asdict(imported))
    else:
        click.echo(
            f"{imported.funnel_id}  {name}: {imported.steps} pages, {imported.images} images, {imported.forms} forms, "
            f"{len(imported.missing)} missing"
        )


class _Shown(Bars):
    """Shows how far an import is."""

    def __init__(self) -> None:
        columns = (TextColumn("import"), BarColumn(), MofNCompleteColumn())
        images = TextColumn("pages, {task.fields[images]} images")
        super().__init__(stderr_console(), *columns, images, TimeElapsedColumn(), first_line_s=LINE_EVERY_S)
        self._bar = self.progress.add_task("import", total=None, images=0)

    def told(self, done: int, total: int, images: int) -> None:
        """Show how far it is."""
        self.progress.update(self._bar, completed=done, total=total, images=images)
        if not self.drawn:
            self.line(f"{done} of {total} pages, {images} images", at_once=done == total)
