"""``serve``: the gateway, until it is ended."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from engine.cli.command import EPILOG, EXIT_DONE, configured, print_json, standard_options
from engine.configuration import Configuration
from engine.configuration.schema import secret_keys
from engine.core.errors import ConfigError
from engine.settings import GatewaySettings, S3Settings
from engine.telemetry import configure

SECRETS = "gateway.json"
"""In local.data_dir: what `up` makes for its gateway."""


@click.command(epilog=EPILOG)
@standard_options
def serve(overrides: tuple[str, ...], *, as_json: bool, cfg: bool) -> int:
    """Serve users and operators on gateway.host and gateway.port: Socket.IO, the clone API, the console at /.

    Needs MongoDB, GATEWAY_JWT_SECRET (at least 32 bytes) and GATEWAY_OPERATOR_TOKEN; where `up` runs, these are known.
    Several may run beside each other. Ends with Ctrl-C or SIGTERM. --json: a line an event, the last the summary.
    """
    configuration = configured(overrides, cfg=cfg)
    from engine.gateway import serving  # noqa: PLC0415 - loads the web framework

    configure(json=as_json)
    needs = serving.Needs(
        gateway=_with_kept_secrets(configuration),
        mongo=configuration.mongo(),
        s3=_s3(configuration),
        ray=configuration.ray(),
        scan=configuration.scan(),
        steps=configuration.steps(),
        submit=_submit(configuration, overrides),
    )

    def started(url: str) -> None:
        if as_json:
            print_json({"event": "gateway started", "url": url})
        else:
            click.echo(f"Gateway: {url}")

    summary = serving.serve(needs, started)
    if as_json:
        print_json({"event": "summary", **summary})
    else:
        click.echo(f"Ended after {summary['seconds']} s; {summary['events']} events were told.")
    return EXIT_DONE


def _with_kept_secrets(configuration: Configuration) -> GatewaySettings:
    """The settings; of `up`'s own gateway where neither secret is given."""
    settings = configuration.gateway()
    kept = Path(configuration.local().data_dir) / SECRETS
    if settings.jwt_secret or settings.operator_token or not kept.is_file():
        return settings
    try:
        found: Mapping[str, Any] = json.loads(kept.read_text("utf-8"))
        return replace(settings, jwt_secret=str(found["jwt_secret"]), operator_token=str(found["operator_token"]))
    except (OSError, ValueError, LookupError, TypeError):
        raise ConfigError("gateway.jwt_secret", f"is not set, and {kept} cannot be read") from None


def _s3(configuration: Configuration) -> S3Settings | None:
    """None where nothing is given of it: only its health and its objects need it."""
    values = configuration.values["s3"]
    given = any(values[name] for name in ("bucket", "access_key_id", "secret_access_key"))
    return configuration.s3() if given else None


def _submit(configuration: Configuration, overrides: Sequence[str]) -> Callable[[], str]:
    """Starts a pass on this gateway's database; what else the nodes need is in their environment."""

    def passed_on(override: str) -> bool:
        key = override.partition("=")[0]
        return key.partition(".")[0] not in ("gateway", "local", "ray", "s3", "mongo") and key not in secret_keys()

    passed = [*filter(passed_on, overrides), f"mongo.database={configuration.mongo().database}"]

    def submit() -> str:
        from engine.cluster.submit import JobServer  # noqa: PLC0415 - ray is imported when it is needed

        return JobServer(configuration.ray().job_address).submit_pass(passed, drain=False)

    return submit
