"""``up``: everything on this machine, until it is ended: MongoDB, S3, a Ray head, the gateway, the scheduler."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from engine.cli.command import EPILOG, EXIT_DONE, configured, standard_options, stderr_console
from engine.cli.ending import run_until_told, sigterm_as_ctrl_c
from engine.cli.schedule_lines import print_line, summary_of
from engine.cli.submit import passed_on
from engine.cli.up_screen import Screen
from engine.configuration import Configuration
from engine.core.errors import ConfigError
from engine.edges.mongo import indexes
from engine.edges.mongo.client import open_store
from engine.settings import MongoSettings
from engine.telemetry import Event

if TYPE_CHECKING:
    from engine.cluster.schedule import Schedule
    from engine.local.stack import Stack

JOB_END_S = 20.0
"""A job that runs gives back what it has in hand by then; the next `up` goes on with it."""


@click.command(epilog=EPILOG)
@standard_options
def up(overrides: tuple[str, ...], *, as_json: bool, cfg: bool) -> int:
    """Run MongoDB, S3, a Ray head, the gateway and the scheduler here; what is requested is cloned at the next tick.

    All of it listens on 127.0.0.1 alone, keeps its data in local.data_dir, and ends with Ctrl-C or `funnel-clone down`.
    The next `up` goes on with the data. Other commands find the servers by themselves.

    Ends with 2 where something runs on the folder already, with 3 where a server dies. --json: a line an event, the
    last the summary.
    """
    from engine.local.stack import OWN_KEYS, embedded_stack  # noqa: PLC0415 - loads the servers' clients

    configuration = configured(overrides, cfg=cfg, given={"schedule.enabled": True})
    for override in overrides:
        key = override.partition("=")[0]
        if key in OWN_KEYS:
            raise ConfigError(key, "is set by `up` itself, which starts its own servers")
    folder = Path(configuration.local().data_dir)
    passed = tuple(each for each in passed_on(overrides) if not each.startswith(("schedule.", "local.", "gateway.")))
    gateway = tuple(each for each in overrides if each.startswith("gateway."))
    with sigterm_as_ctrl_c():
        if not as_json:
            stderr_console().print(f"Starting MongoDB, S3 and Ray on {folder}", highlight=False, style="dim")
        with embedded_stack(folder, configuration.ray(), _of_the_jobs(configuration), gateway) as stack:
            schedule = _run(stack, configuration, passed, as_json=as_json)
    print_line("summary", {**summary_of(schedule), "data_dir": str(folder)}, as_json=as_json)
    return EXIT_DONE


def _run(stack: "Stack", configuration: Configuration, passed: tuple[str, ...], *, as_json: bool) -> "Schedule":
    """Run the scheduler on the stack until we are told to end."""
    from engine.cluster.schedule import Schedule, Work  # noqa: PLC0415 - ray is imported when it is needed
    from engine.cluster.schedule_health import health_server  # noqa: PLC0415
    from engine.local.ray_cluster import token_of  # noqa: PLC0415

    settings, folder = configuration.schedule(), Path(configuration.local().data_dir)
    _make_indexes(stack.settings, configuration)
    work = Work(settings, stack.head.job_address, configuration.database(), passed)
    with token_of(stack.head.token):
        screen = Screen(stack.parts(), {}, as_json)
        schedule = Schedule(work, screen.tell)
        with health_server(settings, schedule.health) as health:
            screen.schedule, screen.places = schedule, _places(stack, folder, health)
            told = {"cron": settings.cron, "timezone": settings.timezone, "health": health}

            def begin() -> None:
                screen.tell(Event.SCHEDULE_STARTED, {**told, "next_tick": schedule.next_tick().isoformat()})
                schedule.start()

            def watch() -> None:
                stack.require()
                screen.draw()

            with screen.shown():
                try:
                    run_until_told(begin, watch)
                    schedule.end_job(JOB_END_S)
                finally:
                    schedule.stop()
    return schedule


def _places(stack: "Stack", folder: Path, health: str) -> Mapping[str, str]:
    return {
        "dashboard": stack.head.job_address,
        "health": health,
        "data_dir": str(folder),
        "ray_token": str(stack.head.token),
        "gateway_secrets": str(stack.gateway.secrets),
    }


def _make_indexes(settings: Mapping[str, Any], configuration: Configuration) -> None:
    """The database is our own: no `init` is asked for."""
    store = open_store(MongoSettings(uri=settings["mongo.uri"], database=configuration.database()))
    try:
        indexes.ensure(store, (*indexes.OWN, *indexes.SHARED))
    finally:
        store.close()


def _of_the_jobs(configuration: Configuration) -> Mapping[str, str]:
    """What jobs are to know by their environment; of ours they know nothing."""
    domain = configuration.values["chat"]["preview_domain"] or ""
    return {"MONGO_DATABASE": configuration.database(), "PREVIEW_DOMAIN": domain}
