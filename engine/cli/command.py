"""What all commands share: their options, exit codes, and the one JSON document on stdout."""

import json
import logging
import sys
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import click
from rich.console import Console

from engine import telemetry
from engine.cli.kept import filled_in
from engine.configuration import Configuration, load, settings_help
from engine.telemetry import Event

EXIT_DONE = 0
EXIT_PROBLEMS = 1
EXIT_USAGE = 2
EXIT_UNREACHABLE = 3

Function = TypeVar("Function", bound=Callable[..., Any])

EPILOG = "Settings: KEY=VALUE after the command; --settings lists them all."


def standard_options(function: Function) -> Function:
    """``[overrides]``, ``--json``, ``--cfg`` and ``--settings``, the same for every command."""
    return shared_options(click.argument("overrides", nargs=-1, metavar="[KEY=VALUE]...")(function))


def shared_options(function: Function) -> Function:
    """``standard_options`` without the overrides, for a command whose own arguments are optional."""
    function = click.option("--json", "as_json", is_flag=True, help="One JSON document on stdout; the rest on stderr.")(
        function
    )
    function = click.option("--cfg", is_flag=True, help="Print the configuration, secrets masked, and do nothing.")(
        function
    )
    return click.option(
        "--settings",
        is_flag=True,
        is_eager=True,
        expose_value=False,
        callback=_list_settings,
        help="List all settings.",
    )(function)


def _list_settings(context: click.Context, _parameter: click.Parameter, value: bool) -> None:  # noqa: FBT001
    if value:
        click.echo(settings_help())
        context.exit(EXIT_DONE)


def configured(overrides: tuple[str, ...], *, cfg: bool, given: Mapping[str, Any] | None = None) -> Configuration:
    """The configuration of a command; with ``--cfg`` it is printed instead, and the command ends.

    Servers that were left running stand in for those that are not set, unless ``given`` names the servers. From here
    on the process's events are written as ``log.format`` says; of those for people only what is wrong, since a command
    tells the rest in its own words.
    """
    configuration = filled_in(load(overrides), overrides) if given is None else load(overrides, given=given)
    as_json = configuration.log().json
    telemetry.configure(json=as_json, level=logging.INFO if as_json else logging.WARNING)
    if cfg:
        click.echo(configuration.masked_yaml())
        raise click.exceptions.Exit(EXIT_DONE)
    return configuration


def print_json(document: Mapping[str, Any]) -> None:
    """The one document; ids and dates as text. Half a pair of surrogates, which UTF-8 cannot hold, is escaped."""
    text = json.dumps(document, default=str, ensure_ascii=False)
    sys.stdout.write(text.encode("utf-8", "backslashreplace").decode() + "\n")
    sys.stdout.flush()


def print_error(message: str, code: int, *, as_json: bool, key: str | None = None, shown: bool = False) -> int:
    """Tell an error on stderr, and on stdout for machines; returns ``code``."""
    if not shown and telemetry.as_json():
        telemetry.emit(Event.COMMAND_FAILED, reason=message, exit_status=code)
    elif not shown:
        click.echo(f"Error: {message}", err=True)
    if as_json:
        print_json({"error": message, **({"key": key} if key else {})})
    return code


def stderr_console() -> Console:
    """For progress and tables beside the document on stdout."""
    return Console(stderr=True)


def stdout_console() -> Console:
    """For people."""
    return Console()
