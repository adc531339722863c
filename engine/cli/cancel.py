"""``cancel``: ends a clone that is asked for, waits or is in work."""

import click

from engine.cli.command import EPILOG, EXIT_DONE, configured, print_json, standard_options
from engine.edges.mongo.client import open_store, require_transactions
from engine.upkeep import cancel as cancelling


@click.command(epilog=EPILOG)
@click.argument("clone", metavar="CLONE")
@standard_options
def cancel(clone: str, overrides: tuple[str, ...], *, as_json: bool, cfg: bool) -> int:
    """Stop CLONE (its id), whoever works on it; what was made stays, and `retry` goes on from there.

    A pass that works on it lets go within 5 seconds. A clone that has ended is refused (2), and so is one that the
    old system has in work, until it is stale. Needs MongoDB alone.
    """
    configuration = configured(overrides, cfg=cfg)
    store = open_store(configuration.mongo())
    try:
        require_transactions(store)
        outcome = cancelling.cancel(store, clone, configuration.scan(), configuration.steps())
    finally:
        store.close()
    if not isinstance(outcome, cancelling.Cancelled):
        raise click.BadParameter(outcome.reason, param_hint="CLONE")
    if as_json:
        print_json(cancelling.told(outcome))
    else:
        click.echo(f"Clone {outcome.funnel_id}: cancelled, it was {outcome.was}.")
        click.echo(f"{outcome.steps_done} pages are done and stay, {outcome.steps_left} are left; retry goes on there.")
    return EXIT_DONE
