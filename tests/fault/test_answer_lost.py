"""An end that was written while its worker died before it could say so: done again, it is the same end."""

from collections.abc import Callable

import pytest

from engine.core.errors import ClaimLost
from engine.core.model import Claim
from engine.edges.mongo.client import Store
from engine.flow.complete import end_source_gone, finish_funnel, park
from tests.fault.audit import Audit
from tests.fault.drill import Drill
from tests.fault.everything import everything
from tests.in_process import Workshop


def test_a_funnel_that_is_finished_twice_under_one_claim_is_completed_once_and_both_say_so(
    dry_drill: Drill, workshop: Workshop
) -> None:
    dry_drill.ask(dry_drill.original())
    context = workshop.context(workshop.plan())
    workshop.clone_steps(context)
    first = finish_funnel(context)
    finished = everything(dry_drill.database, dry_drill.s3, dry_drill.bucket)
    again = finish_funnel(context)
    assert (first.state, again.state, again.errors) == ("completed", "completed", first.errors)
    assert everything(dry_drill.database, dry_drill.s3, dry_drill.bucket) == finished
    assert dry_drill.audit() == Audit()


@pytest.mark.parametrize(
    ("end", "other"),
    [
        (end_source_gone, lambda store, claim: park(store, claim, "spent")),
        (lambda store, claim: park(store, claim, "spent"), end_source_gone),
    ],
    ids=["source gone", "parked"],
)
def test_an_end_repeats_itself_and_no_other(
    dry_drill: Drill, workshop: Workshop, end: Callable[[Store, Claim], None], other: Callable[[Store, Claim], None]
) -> None:
    dry_drill.ask_for_nothing()
    claim = workshop.claim()
    for _ in range(2):
        end(workshop.store, claim)
    with pytest.raises(ClaimLost):
        other(workshop.store, claim)
    assert workshop.store.outbox.count_documents({}) == 1
