"""``pass``: one pass, or passes until nothing is pending."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import click

from engine.cli.command import EPILOG, EXIT_DONE, EXIT_PROBLEMS, configured, print_json, standard_options
from engine.cli.progress import PassProgress
from engine.cli.services import check_services, ray_session
from engine.cluster.report import PassReport

_SHOWN = ("funnels", "completed", "failed", "steps", "images", "bytes", "forms", "seconds")


@click.command("pass", epilog=EPILOG)
@click.option("--drain", is_flag=True, help="Go on until nothing is pending.")
@standard_options
def run_pass(overrides: tuple[str, ...], *, drain: bool, as_json: bool, cfg: bool) -> int:
    """Clone what is asked for: in the Ray given or running, else in one of its own."""
    configuration = configured(overrides, cfg=cfg)
    settings = configuration.settings()
    check_services(settings)
    with ray_session(settings) as joined, PassProgress() as progress:
        from engine.cluster.session import run_pass as run  # noqa: PLC0415 - ray is imported when it is needed

        with _ended_softly():
            report = run(settings, drain=drain, show=progress.show, measured=joined)
    if as_json:
        print_json(document_of(report))
    else:
        tell(report)
    return exit_code_of(report)


@contextmanager
def _ended_softly() -> Iterator[None]:
    """SIGTERM, as ``ray job stop`` sends it, stops the pass as Ctrl-C does; Ray's own handler would just exit."""
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def tell(report: PassReport) -> None:
    """The report and its problems, for people."""
    click.echo(sentence_of(report))
    for problem in report.figures["problems"]:
        click.echo(f"  {problem}", err=True)


def document_of(report: PassReport) -> dict[str, Any]:
    """The report as `--json` prints it."""
    document = {**report.figures, "state": report.state, "pass": report.pass_id}
    if report.refused:
        document["refused"] = report.refused
    if report.missing_indexes:
        document["missing_indexes"] = list(report.missing_indexes)
    return document


def report_of(document: dict[str, Any]) -> PassReport:
    """The report behind a document."""
    return PassReport(document["state"], document["pass"], document.get("refused"), figures=document)


def sentence_of(report: PassReport) -> str:
    """The report for people."""
    if report.refused:
        return f"Refused: {report.refused}"
    figures = report.figures
    if not figures["funnels"]:
        return "Nothing to do."
    return (
        f"{figures['completed']} of {figures['funnels']} funnels completed, {figures['failed']} failed, "
        f"{figures['waiting']} waiting: {figures['steps']} steps, {figures['images']} images "
        f"({figures['bytes'] / 1e6:.1f} MB), {figures['forms']} forms in {figures['seconds']:.1f} s"
    )


def exit_code_of(report: PassReport) -> int:
    """0 done or refused; 1 where a funnel failed, completed with errors, or must be tried again."""
    if report.refused:
        return EXIT_DONE
    found = report.figures["failed"] or report.figures["with_errors"] or report.figures["problems"]
    return EXIT_PROBLEMS if found or report.state != "done" else EXIT_DONE
