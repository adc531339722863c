"""``submit``: a pass as a Ray job, followed to its end."""

import re
from typing import TYPE_CHECKING

import click

from engine.cli.command import EPILOG, configured, print_json, standard_options
from engine.cli.kept import job_token_for
from engine.cli.run_pass import report_of, tell
from engine.configuration.schema import secret_keys
from engine.core.errors import ConfigError

if TYPE_CHECKING:
    from engine.cluster.submit import JobServer

_USERINFO = re.compile(r"://[^/]*@")
_INTERRUPTED = 130
_OF_THE_SUBMITTER = ("ray.job_address", "ray.wheel")


@click.command("submit", epilog=EPILOG)
@click.option("--drain", is_flag=True, help="Go on until nothing is pending.")
@standard_options
def submit(overrides: tuple[str, ...], *, drain: bool, as_json: bool, cfg: bool) -> int:
    """Run `pass` as a Ray job on ray.job_address, and follow its log.

    The nodes of the cluster need the wheel, or what it stands on and ray.wheel=…, which the job brings along; and
    MONGO_URI, AWS_ACCESS_KEY_ID and their like in their environment: of the settings here, only those on the command
    line go with the job, and there they show in Ray's dashboard.

    Ctrl-C ends the following, not the job; the command that stops the job is printed.
    """
    configuration = configured(overrides, cfg=cfg)
    passed = passed_on(overrides)
    from engine.cluster.submit import JobServer  # noqa: PLC0415 - ray is imported when it is needed

    ray = configuration.ray()
    with job_token_for(configuration):
        server = JobServer(ray.job_address)
        return _followed(server, server.submit_pass(passed, drain=drain, wheel=ray.wheel), as_json=as_json)


def _followed(server: "JobServer", job_id: str, *, as_json: bool) -> int:
    """Follow the job to its end, and tell its report."""
    click.echo(f"Job {job_id} on {server.address}", err=True)
    try:
        server.follow(job_id, lambda line: click.echo(line, err=True))
        end = server.end(job_id)
    except KeyboardInterrupt:
        click.echo(f"\nJob {job_id} goes on. This stops it: {server.stop_command(job_id)}", err=True)
        if as_json:
            print_json({"error": "interrupted: the job goes on", "job_id": job_id})
        raise click.exceptions.Exit(_INTERRUPTED) from None
    if as_json:
        print_json({**end.document, "job_id": job_id})
    elif "error" not in end.document:
        tell(report_of(end.document))
    return end.exit_code


def passed_on(overrides: tuple[str, ...]) -> list[str]:
    """The overrides that go with the job.

    Raises:
        ConfigError: One is secret, or names another cluster.
    """
    passed = []
    for override in overrides:
        key, _, value = override.partition("=")
        if key in secret_keys() or (key != "ray.job_address" and _USERINFO.search(value)):
            raise ConfigError(
                key, "is secret, and a job's command line shows in Ray's dashboard: put it into the nodes' environment"
            )
        if key == "ray.address":
            raise ConfigError(key, "is the cluster that the job is in: name its job server with ray.job_address")
        if key not in _OF_THE_SUBMITTER:
            passed.append(override)
    return passed
