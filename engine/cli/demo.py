"""``demo``: embedded servers, sample funnels, a pass, the proof, and pages to look at."""

import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, redirect_stdout
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from rich.console import Console

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
from engine.cli.demo_summary import Shown, document_of, print_summary
from engine.cli.progress import PassProgress
from engine.cli.services import ray_session
from engine.configuration import Configuration
from engine.edges.mongo.client import open_store

if TYPE_CHECKING:
    from engine.local.state import Kept

PAGES = "demo"
"""The folder in ``local.data_dir`` that the pages are written into."""


@click.command(epilog=EPILOG)
@click.option("--keep", is_flag=True, help="Leave the servers running; `funnel-clone down` ends them.")
@standard_options
def demo(overrides: tuple[str, ...], *, keep: bool, as_json: bool, cfg: bool) -> int:
    """Clone sample funnels on embedded MongoDB, S3 and Ray, and check the clones. Leaves nothing running.

    With --keep the servers stay, and the other commands use them.
    """
    folder = Path(configured(overrides, cfg=cfg).local().data_dir)
    console = stderr_console()
    if keep:
        kept = _keeper(overrides, folder, console)
        configuration = configured(overrides, cfg=False, given=kept.settings)
        with ray_session(configuration.settings()):
            shown = _clone(configuration, folder, console, kept)
    else:
        with _servers_of_our_own(overrides, console) as configuration:
            shown = _clone(configuration, folder, console, None)
    if as_json:
        print_json(document_of(shown))
    else:
        print_summary(shown, stdout_console())
    return EXIT_DONE if shown.demo.sound else EXIT_PROBLEMS


def _keeper(overrides: tuple[str, ...], folder: Path, console: Console) -> "Kept":
    from engine.local import keeper, state  # noqa: PLC0415 - loads the servers' clients: not for `--help`

    running = state.read(folder)
    if running is not None:
        _say(console, f"Servers run already (pid {running.pid}): the demo uses them")
        return running
    _say(console, "Starting MongoDB, S3 and Ray on this machine; they will stay")
    return keeper.start_keeper(folder, configured(overrides, cfg=False).ray(), _of_the_samples())


@contextmanager
def _servers_of_our_own(overrides: tuple[str, ...], console: Console) -> Iterator[Configuration]:
    """Servers that end with the block, on a folder that ends with them."""
    from engine.local.keeper import settings_of  # noqa: PLC0415 - loads the servers' clients: not for `--help`
    from engine.local.ray_cluster import embedded_ray  # noqa: PLC0415
    from engine.local.servers import embedded_servers  # noqa: PLC0415

    with tempfile.TemporaryDirectory(prefix="funnel-clone-demo-") as folder:
        _say(console, "Starting MongoDB and S3 on this machine")
        with embedded_servers(Path(folder)) as servers:
            given = {**_of_the_samples(), **settings_of(servers)}
            configuration = configured(overrides, cfg=False, given=given)
            _say(console, "Starting Ray")
            with redirect_stdout(sys.stderr), embedded_ray(configuration.ray(), Path(folder, "ray")):
                yield configuration


def _of_the_samples() -> Mapping[str, Any]:
    from engine.upkeep.samples import PREVIEW_DOMAIN  # noqa: PLC0415

    return {"chat.preview_domain": PREVIEW_DOMAIN}


def _clone(configuration: Configuration, folder: Path, console: Console, kept: "Kept | None") -> Shown:
    """The demo itself, in the Ray that this process is connected to."""
    from engine.edges.s3 import Objects  # noqa: PLC0415 - importing Ray takes a second: not for `--help`
    from engine.upkeep.demo import clone_samples  # noqa: PLC0415
    from engine.upkeep.demo_pages import Pair, write_pages  # noqa: PLC0415

    settings = configuration.settings()
    store, objects = open_store(settings.mongo), Objects(settings.s3)
    try:
        with PassProgress(console) as progress:
            report = clone_samples(store, objects.client, settings, progress.show, lambda said: _say(console, said))
        pairs = [Pair(cloned.sample.name, cloned.sample.funnel_id, cloned.clone_id) for cloned in report.clones]
        index = write_pages(folder / PAGES, store, objects.read, settings.s3.endpoint_url or "", pairs)
    finally:
        store.close()
    return Shown(report, index, kept)


def _say(console: Console, sentence: str) -> None:
    console.print(sentence, highlight=False, style="dim")
