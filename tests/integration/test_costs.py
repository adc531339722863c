"""What a step costs, counted: MongoDB commands by pymongo's own monitoring, S3 requests by the copier."""

from collections import Counter
from typing import Any

import pytest

from engine.edges.mongo.client import open_store
from engine.flow.step import clone_step
from engine.settings import Settings
from tests.command_count import Commands
from tests.funnels import build_funnel, request_clone
from tests.in_process import Workshop

MOST_COMMANDS = 8


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
