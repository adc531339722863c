"""``request``: flag clones of a funnel, as anyone may by inserting a funnel that asks for it."""

import click

from engine.cli.command import EPILOG, EXIT_DONE, configured, print_json, standard_options
from engine.edges.mongo.client import open_store, require_transactions
from engine.upkeep import request as asking

_OPTION = {"funnel": "FUNNEL", "account": "--account"}


@click.command(epilog=EPILOG)
@click.argument("funnel")
@click.option("--name", help="Name of the clones [default: '<name> (Clone)'].")
@click.option("--account", help="Account that the clones belong to [default: the original's].")
@click.option("--count", type=click.IntRange(min=1), default=1, show_default=True, help="How many clones.")
@standard_options
def request(
    funnel: str,
    name: str | None,
    account: str | None,
    count: int,
    overrides: tuple[str, ...],
    *,
    as_json: bool,
    cfg: bool,
) -> int:
    """Ask for clones of FUNNEL (its id); the next pass makes them."""
    store = open_store(configured(overrides, cfg=cfg).mongo())
    try:
        require_transactions(store)
        outcome = asking.request(store, asking.Request(funnel, name, account), count=count)
    finally:
        store.close()
    if isinstance(outcome, asking.Refused):
        raise click.BadParameter(outcome.reason, param_hint=_OPTION[outcome.what])
    if as_json:
        print_json({"funnel_ids": [str(funnel_id) for funnel_id in outcome.funnel_ids]})
    else:
        for funnel_id in outcome.funnel_ids:
            click.echo(funnel_id)
    return EXIT_DONE
