"""``schedule``: a pass as a Ray job on every tick, until it is ended."""

import click

from engine.cli.command import EPILOG, configured, standard_options
from engine.cli.ending import run_until_told, sigterm_as_ctrl_c
from engine.cli.kept import job_token_for
from engine.cli.schedule_lines import exit_code_of, print_line, summary_of
from engine.cli.submit import passed_on
from engine.core.errors import ConfigError
from engine.telemetry import Event


@click.command(epilog=EPILOG)
@standard_options
def schedule(overrides: tuple[str, ...], *, as_json: bool, cfg: bool) -> int:
    """Submit a pass on ray.job_address on every tick of schedule.cron, and follow it.

    Runs only where schedule.enabled is true (QM_FUNNELS_CLONE). Two schedulers make one job of a tick. With Ray away it
    waits. GET /healthz on schedule.host and schedule.port tells how it is.

    Ctrl-C and SIGTERM end it, not the job that runs. It ends with 3 where Ray was away then, with 1 where the last tick
    failed or found problems. --json: a line an event, the last the summary.
    """
    configuration = configured(overrides, cfg=cfg)
    settings = configuration.schedule()
    if not settings.enabled:
        raise ConfigError(
            "schedule.enabled", "is not true, so nothing is scheduled here: QM_FUNNELS_CLONE=true turns it on"
        )
    passed = tuple(each for each in passed_on(overrides) if not each.startswith("schedule."))
    from engine.cluster.schedule import Schedule, Work  # noqa: PLC0415 - ray is imported when it is needed
    from engine.cluster.schedule_health import health_server  # noqa: PLC0415

    ray = configuration.ray()
    work = Work(settings, ray.job_address, configuration.database(), passed, ray.wheel)
    running = Schedule(work, lambda event, fields: print_line(event, fields, as_json=as_json))
    with sigterm_as_ctrl_c(), job_token_for(configuration), health_server(settings, running.health) as health:
        told = {"cron": settings.cron, "timezone": settings.timezone, "health": health}

        def begin() -> None:
            next_tick = running.next_tick().isoformat()
            print_line(Event.SCHEDULE_STARTED, {**told, "next_tick": next_tick}, as_json=as_json)
            running.start()

        run_until_told(begin)
        running.stop()
    print_line("summary", summary_of(running), as_json=as_json)
    return exit_code_of(running)
