"""``init``: make the indexes, the engine's own and those of the shared collections."""

import click

from engine.cli.command import EPILOG, EXIT_DONE, configured, print_json, standard_options
from engine.edges.mongo import indexes
from engine.edges.mongo.client import open_store, require_transactions


@click.command(epilog=EPILOG)
@standard_options
def init(overrides: tuple[str, ...], *, as_json: bool, cfg: bool) -> int:
    """Create the indexes that scans, layouts and steps use. Safe to run again."""
    store = open_store(configured(overrides, cfg=cfg).mongo())
    try:
        require_transactions(store)
        wanted = (*indexes.OWN, *indexes.GATEWAYS, *indexes.SHARED)
        made = indexes.ensure(store, wanted)
    finally:
        store.close()
    names = [f"{index.collection}.{index.name}" for index in wanted]
    if as_json:
        print_json({"indexes": names, "created": made})
    else:
        click.echo(f"{len(made)} indexes created, {len(names) - len(made)} were there already.")
    return EXIT_DONE
