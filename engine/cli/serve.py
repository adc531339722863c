"""``serve``: the gateway, until it is ended."""

from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from threading import Lock

import click

from engine.cli.command import EPILOG, EXIT_DONE, configured, print_json, standard_options
from engine.cli.kept import job_token_for
from engine.cli.submit import passed_on
from engine.configuration import Configuration
from engine.local.gateway_secrets import kept_secrets
from engine.settings import GatewaySettings, S3Settings
from engine.telemetry import configure

_NOT_OF_A_PASS = ("gateway", "local", "schedule")


@click.command(epilog=EPILOG)
@standard_options
def serve(overrides: tuple[str, ...], *, as_json: bool, cfg: bool) -> int:
    """Serve users and operators on gateway.host and gateway.port: Socket.IO, the clone API, the console at /.

    Needs MongoDB, GATEWAY_JWT_SECRET (at least 32 bytes) and GATEWAY_OPERATOR_TOKEN; where `up` runs, these are known.
    Several may run beside each other. Ends with Ctrl-C or SIGTERM. --json: a line an event, the last the summary.
    """
    configuration = configured(overrides, cfg=cfg)
    from engine.gateway import serving  # noqa: PLC0415 - loads the web framework
    from engine.gateway.needs import Needs  # noqa: PLC0415 - the same

    # What clients do is told here alone, to people too.
    configure(json=configuration.log().json)
    gateway = _with_kept_secrets(configuration)
    needs = Needs(
        gateway=gateway,
        mongo=configuration.mongo(),
        s3=_s3(configuration),
        ray=configuration.ray(),
        scan=configuration.scan(),
        steps=configuration.steps(),
        copy=configuration.copies(),
        submit=_submit(configuration, overrides) if gateway.hooks else _no_hooks,
    )

    def started(url: str) -> None:
        if as_json:
            print_json({"event": "gateway started", "url": url})
        else:
            click.echo(f"Gateway: {url}")

    # Around all of it: a token is put into the environment, which belongs to every thread.
    with job_token_for(configuration) if gateway.hooks else nullcontext():
        summary = serving.serve(needs, started)
    if as_json:
        print_json({"event": "summary", **summary})
    else:
        click.echo(f"Ended after {summary['seconds']} s; {summary['events']} events were told.")
    return EXIT_DONE


def _with_kept_secrets(configuration: Configuration) -> GatewaySettings:
    """The settings; of `up`'s own gateway where neither secret is given."""
    settings = configuration.gateway()
    if settings.jwt_secret or settings.operator_token:
        return settings
    found = kept_secrets(Path(configuration.local().data_dir))
    if found is None:
        return settings
    return replace(settings, jwt_secret=found["jwt_secret"], operator_token=found["operator_token"])


def _s3(configuration: Configuration) -> S3Settings | None:
    """None where nothing is given of it: only its health and its objects need it."""
    values = configuration.values["s3"]
    given = any(values[name] for name in ("bucket", "access_key_id", "secret_access_key"))
    return configuration.s3() if given else None


def _no_hooks() -> str:
    raise AssertionError("hooks are off")


def _submit(configuration: Configuration, overrides: tuple[str, ...]) -> Callable[[], str]:
    """Starts a pass on this gateway's database; what else the nodes need is in their environment.

    Raises:
        ConfigError: At once, where an override cannot go with a job.
    """
    of_passes = tuple(each for each in overrides if each.partition(".")[0] not in _NOT_OF_A_PASS)
    passed = [*passed_on(of_passes), f"mongo.database={configuration.mongo().database}"]
    ray, one_at_a_time = configuration.ray(), Lock()

    def submit() -> str:
        from engine.cluster.submit import JobServer  # noqa: PLC0415 - ray is imported when it is needed

        # While it connects it changes the environment.
        with one_at_a_time:
            return JobServer(ray.job_address).submit_pass(passed, drain=False, wheel=ray.wheel)

    return submit
