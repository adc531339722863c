"""``demo``: embedded servers, sample funnels, a pass, the oracle; leaves nothing running."""

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

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
)
from engine.cli.progress import PassProgress
from engine.cli.run_pass import document_of, sentence_of
from engine.edges.mongo.client import open_store

if TYPE_CHECKING:
    from engine.upkeep.demo import DemoReport


@click.command(epilog=EPILOG)
@standard_options
def demo(overrides: tuple[str, ...], *, as_json: bool, cfg: bool) -> int:
    """Clone sample funnels on embedded MongoDB, S3 and Ray, and check the clones. Leaves nothing running."""
    configured(overrides, cfg=cfg)
    console = stderr_console()
    with tempfile.TemporaryDirectory(prefix="funnel-clone-demo-") as folder:
        report = _run(Path(folder), overrides, console)
    if as_json:
        print_json(_document(report))
    else:
        _print(report)
    return EXIT_DONE if report.sound else EXIT_PROBLEMS


def _run(folder: Path, overrides: tuple[str, ...], console: Console) -> "DemoReport":
    # Ray takes a second to import and the servers' clients another: not for `--help`.
    from engine.edges.s3 import Objects  # noqa: PLC0415
    from engine.local.ray_cluster import embedded_ray  # noqa: PLC0415
    from engine.local.servers import embedded_servers  # noqa: PLC0415
    from engine.upkeep.demo import clone_samples  # noqa: PLC0415
    from engine.upkeep.samples import PREVIEW_DOMAIN  # noqa: PLC0415

    def say(sentence: str) -> None:
        console.print(sentence, highlight=False)

    say("Starting MongoDB and S3 on this machine")
    with embedded_servers(folder) as servers:
        given = {
            "mongo.uri": servers.mongo.uri,
            "s3.endpoint_url": servers.s3.endpoint_url,
            "s3.region": servers.s3.region,
            "s3.bucket": servers.s3.bucket,
            "s3.access_key_id": servers.s3.access_key_id,
            "s3.secret_access_key": servers.s3.secret_access_key,
            "s3.addressing_style": "path",
            "chat.preview_domain": PREVIEW_DOMAIN,
        }
        settings = configured(overrides, cfg=False, given=given).settings()
        say("Starting Ray")
        store = open_store(settings.mongo)
        try:
            with embedded_ray(settings.ray, folder / "ray"), PassProgress(console) as progress:
                return clone_samples(store, Objects(settings.s3).client, settings, progress.show, say)
        finally:
            store.close()


def _document(report: "DemoReport") -> dict[str, object]:
    return {
        **document_of(report.report),
        "sound": report.sound,
        "clones": [
            {
                "name": cloned.sample.name,
                "original": str(cloned.sample.funnel_id),
                "clone": str(cloned.clone_id),
                "sound": not cloned.violations,
                "violations": [{"kind": v.kind, "where": v.where, "detail": v.detail} for v in cloned.violations],
            }
            for cloned in report.clones
        ],
    }


def _print(report: "DemoReport") -> None:
    console = Console()
    table = Table("funnel", "pages", "pictures", "forms", "clone", "checked")
    for cloned in report.clones:
        sample = cloned.sample
        verdict = "[red]unsound[/red]" if cloned.violations else "[green]sound[/green]"
        table.add_row(
            sample.name, str(sample.pages), str(sample.images), str(sample.forms), str(cloned.clone_id), verdict
        )
    console.print(table)
    console.print(sentence_of(report.report), highlight=False)
    for cloned in report.clones:
        for violation in cloned.violations:
            console.print(f"[red]{violation.kind}[/red] {violation.where}: {violation.detail}")
    console.print("Where to look next: engine/__init__.py is the map; README.md tells how to run it on a cluster.")
