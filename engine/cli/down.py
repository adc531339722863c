"""``down``: ends what `up` runs, or the servers that `demo --keep` left running."""

from pathlib import Path

import click

from engine.cli.command import EPILOG, EXIT_DONE, configured, print_json, standard_options


@click.command(epilog=EPILOG)
@standard_options
def down(overrides: tuple[str, ...], *, as_json: bool, cfg: bool) -> int:
    """End what `up` runs, or what `demo --keep` left running; what it holds stays in local.data_dir."""
    folder = Path(configured(overrides, cfg=cfg).local().data_dir)
    from engine.local.keeper import stop_keeper  # noqa: PLC0415 - not for `--help`

    pid = stop_keeper(folder)
    if as_json:
        print_json({"stopped": pid is not None, "pid": pid, "data_dir": str(folder)})
    elif pid is None:
        click.echo(f"Nothing runs in {folder}.")
    else:
        click.echo(f"Stopped (pid {pid}). The data stay in {folder}; `funnel-clone up` starts on them again.")
    return EXIT_DONE
