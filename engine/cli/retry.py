"""``retry``: asks for an ended clone again, from where it stands."""

import click

from engine.cli.command import EPILOG, EXIT_DONE, EXIT_PROBLEMS, configured, print_json, standard_options
from engine.edges.mongo.client import open_store, require_transactions
from engine.upkeep import retry as retrying
from engine.upkeep.retry import Edited, Revived

FORCE = "--force overwrites them"


@click.command(epilog=EPILOG)
@click.argument("clone", metavar="CLONE")
@click.option("--force", is_flag=True, help="Overwrite pages that were edited since they were cloned, too.")
@standard_options
def retry(clone: str, overrides: tuple[str, ...], *, force: bool, as_json: bool, cfg: bool) -> int:
    """Ask for CLONE (its id) again, from where it stands; the next pass does the work.

    A clone that failed, was cancelled or lost its original goes on with the pages that are left. Of one that
    completed with errors the pages that hold errors are cloned again, and the images that failed copied; all else
    stays. Ends with 1, and writes nothing, where such a page was edited since it was cloned. A clone that is asked
    for or in work, or has nothing to retry, is refused (2). Needs MongoDB alone.
    """
    store = open_store(configured(overrides, cfg=cfg).mongo())
    try:
        require_transactions(store)
        outcome = retrying.retry(store, clone, force=force)
    finally:
        store.close()
    if isinstance(outcome, Edited):
        return _refuse(outcome, as_json=as_json)
    if not isinstance(outcome, Revived):
        raise click.BadParameter(outcome.reason, param_hint="CLONE")
    if as_json:
        print_json(retrying.told(outcome))
    else:
        _print(outcome)
    return EXIT_DONE


def _print(done: Revived) -> None:
    click.echo(f"Clone {done.funnel_id}: asked for again, it was {done.was}. The next pass does the work:")
    what = "pages with errors to be cloned again" if done.was == "completed" else "pages left"
    click.echo(f"{len(done.steps)} {what}, {done.images} images to be tried again.")
    for step_id in done.gone:
        click.echo(f"Page {step_id} stays as it is: the original's page is gone.")


def _refuse(outcome: Edited, *, as_json: bool) -> int:
    told = f"clone {outcome.funnel_id}: {len(outcome.pages)} pages would be overwritten; nothing was written ({FORCE})"
    click.echo(f"Error: {told}", err=True)
    for page in outcome.pages:
        click.echo(f"  page {page.step_id} ({page.name}): {retrying.why(page)}", err=True)
    if as_json:
        print_json({"error": told, "funnel_id": str(outcome.funnel_id), "edited": retrying.told_edited(outcome)})
    return EXIT_PROBLEMS
