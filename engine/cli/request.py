"""``request``: flag clones of a funnel, as anyone may by inserting a funnel that asks for it."""

import click

from engine.cli.command import EPILOG, EXIT_DONE, configured, print_json, standard_options
from engine.edges.mongo import requests
from engine.edges.mongo.client import Store, open_store, require_transactions


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
        ids = _insert(store, funnel, name, account, count)
    finally:
        store.close()
    if as_json:
        print_json({"funnel_ids": [str(funnel_id) for funnel_id in ids]})
    else:
        for funnel_id in ids:
            click.echo(funnel_id)
    return EXIT_DONE


def _insert(store: Store, funnel: str, name: str | None, account: str | None, count: int) -> list[object]:
    original = requests.find_funnel(store, funnel)
    if original is None:
        raise click.BadParameter(f"no funnel has the id {funnel}", param_hint="FUNNEL")
    account_id = original.get("account_id")
    if account is not None:
        found = requests.find_account(store, account)
        if found is None:
            raise click.BadParameter(f"no account has the id {account}", param_hint="--account")
        account_id = found["_id"]
    clone_name = name if name is not None else f"{original.get('name', '')} (Clone)"
    return requests.insert_requests(store, original["_id"], clone_name, account_id, count)
