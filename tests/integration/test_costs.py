"""What a clone costs, counted, not timed: commands of MongoDB, requests to S3, calls of copiers, bytes through Ray."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from bson import ObjectId

from engine.cluster.session import run_pass
from engine.core.model import CopyOrder, CopyOutcome
from engine.edges.mongo import indexes, leases
from engine.edges.mongo.client import Store, open_store
from engine.edges.mongo.scan import Turn, claim_next
from engine.flow.complete import finish_funnel
from engine.flow.copier import Copier
from engine.flow.step import clone_step
from engine.settings import S3Settings, Settings
from tests.command_count import Commands
from tests.faulty_door import Door
from tests.funnels import build_funnel, request_clone
from tests.in_process import PASS, Workshop
from tests.object_store import created_bytes
from tests.query_plans import Questions, examined

MOST_COMMANDS = 8
MOST_COMMANDS_OF_CLAIM = 1
MOST_COMMANDS_OF_LAYOUT = 15
MOST_COMMANDS_OF_END = 8
MOST_KEYS, MOST_DOCUMENTS = 50, 5
WAITING = 10_000


class Calls:
    """A copier that copies, and keeps how many orders each call had."""

    def __init__(self, copier: Copier) -> None:
        self._copier = copier
        self.orders: list[int] = []

    def copy(self, orders: Sequence[CopyOrder], deadline_s: float) -> list[CopyOutcome]:
        self.orders.append(len(orders))
        return self._copier.copy(orders, deadline_s)


@pytest.mark.parametrize("chat", [False, True])
def test_a_step_with_images_forms_and_chat_takes_eight_commands_at_most(
    settings: Settings, database: Any, s3: Any, bucket: str, *, chat: bool
) -> None:
    original = build_funnel(
        database, s3, bucket, steps=3, images=9, image_bytes=1_000, forms=2, html_bytes=4_000, chat=chat
    )
    request_clone(database, original)
    commands = Commands()
    store = open_store(settings.mongo, listeners=[commands])
    try:
        workshop = Workshop(store, settings)
        context = workshop.context(workshop.plan())
        of_steps = []
        for work in context.plan.steps:
            commands.names.clear()
            clone_step(work, context)
            of_steps.append(Counter(commands.names))
    finally:
        store.close()
    first = of_steps[0]
    assert first["commitTransaction"] == 1
    assert max(counted.total() for counted in of_steps) <= MOST_COMMANDS, of_steps
    assert first.total() >= 5, "the first step copies images and makes forms"


def test_a_layout_costs_the_same_for_three_pages_and_for_thirty(
    settings: Settings, database: Any, s3: Any, bucket: str
) -> None:
    counted = []
    for steps in (3, 30):
        original = build_funnel(
            database,
            s3,
            bucket,
            steps=steps,
            images=3,
            image_bytes=500,
            forms=0,
            html_bytes=1_000,
            components_bytes=500,
        )
        request_clone(database, original)
        commands = Commands()
        store = open_store(settings.mongo, listeners=[commands])
        try:
            workshop = Workshop(store, settings)
            workshop.clone_steps(workshop.context(workshop.plan()))
            commands.names.clear()
            request_clone(database, original)
            workshop.plan()
            counted.append(Counter(commands.names))
        finally:
            store.close()
    assert counted[0] == counted[1]


def test_what_a_funnel_takes_beside_its_steps_is_a_fixed_number_of_commands(
    settings: Settings, database: Any, s3: Any, bucket: str
) -> None:
    small: dict[str, Any] = {"image_bytes": 500, "html_bytes": 2_000, "components_bytes": 500}
    original = build_funnel(database, s3, bucket, steps=3, images=6, forms=1, chat=True, **small)
    commands = Commands()
    store = open_store(settings.mongo, listeners=[commands])
    try:
        workshop = Workshop(store, settings)
        request_clone(database, original)
        counted = {}
        commands.names.clear()
        claim = workshop.claim()
        counted["claim"] = Counter(commands.names)
        commands.names.clear()
        outcome: Any = workshop.lay_out(claim)
        counted["layout"] = Counter(commands.names)
        context = workshop.context(outcome.plan)
        workshop.clone_steps(context)
        commands.names.clear()
        assert finish_funnel(context).state == "completed"
        counted["end"] = Counter(commands.names)
    finally:
        store.close()
    assert counted["claim"].total() <= MOST_COMMANDS_OF_CLAIM, counted
    assert counted["layout"].total() <= MOST_COMMANDS_OF_LAYOUT, counted
    assert counted["end"].total() <= MOST_COMMANDS_OF_END, counted


def test_d9_an_image_costs_one_request_to_s3_and_a_page_one_call_of_the_copier(
    settings: Settings, behind_door: S3Settings, door: Door, store: Store, database: Any, s3: Any, bucket: str
) -> None:
    small: dict[str, Any] = {"image_bytes": 500, "html_bytes": 3_000, "components_bytes": 3_000}
    original = build_funnel(database, s3, bucket, steps=4, images=9, forms=1, **small)
    request_clone(database, original)
    workshop = Workshop(store, replace(settings, s3=behind_door))
    context = workshop.context(workshop.plan())
    calls = Calls(context.copier)
    context = replace(context, copier=calls)
    workshop.clone_steps(context)
    assert finish_funnel(context).state == "completed"
    assert Counter(seen.method for seen in door.seen) == {"PUT": 9}
    assert len(calls.orders) <= 4
    assert 0 not in calls.orders, "a page without an image to copy asks for nothing"


@pytest.mark.parametrize("accounts", [1, WAITING])
def test_d16_a_claim_looks_at_a_handful_of_documents_whatever_waits_and_for_how_many(
    settings: Settings, accounts: int
) -> None:
    questions = Questions()
    store = open_store(settings.mongo, listeners=[questions])
    try:
        indexes.ensure(store, indexes.SHARED)
        leases.acquire(store, PASS, "a test", 3600)
        owners = [ObjectId() for _ in range(accounts)]
        asked = {"original_funnel_id": 1, "pending": True, "in_progress": False}
        store.funnels.insert_many({**asked, "account_id": owners[n % accounts]} for n in range(WAITING))
        turn: Turn | None = None
        questions.asked.clear()
        for _ in range(4):
            taken = claim_next(store, PASS, settings.scan.funnel_stale_minutes, turn)
            assert taken is not None
            turn = taken.turn
            keys, documents = examined(questions.plans(store))
            assert 0 < keys <= MOST_KEYS
            assert 0 < documents <= MOST_DOCUMENTS
    finally:
        store.close()


def test_pages_do_not_pass_through_rays_object_store(
    ray_cluster: Any, settings: Settings, database: Any, s3: Any, bucket: str
) -> None:
    """What steps share is put there once a pass; a plan is small, and travels as a message."""
    steps, page_bytes = 4, 200_000
    texts: dict[str, Any] = {"html_bytes": page_bytes, "components_bytes": page_bytes}
    original = build_funnel(database, s3, bucket, steps=steps, images=4, image_bytes=500, forms=1, **texts)
    request_clone(database, original)
    before = created_bytes()
    report = run_pass(settings, drain=True, show=lambda _: None)
    through = created_bytes() - before
    assert report.figures["steps"] == steps
    assert 0 < through <= steps * page_bytes / 10, "less than a tenth of one text of each page"
