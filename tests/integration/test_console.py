"""The console before a real gateway, MongoDB and S3: clones are asked for, watched, mended and stopped in a browser."""

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from selenium.webdriver import Chrome

from engine.core.model import StepWork
from engine.edges.mongo import leases
from engine.edges.mongo.client import Store
from engine.flow.complete import finish_funnel
from engine.flow.context import FunnelContext
from engine.flow.step import clone_step
from engine.settings import Settings
from engine.upkeep.samples import Sample, bring_in
from tests.browser import chromium, shown
from tests.console_page import DESKTOP, PHONE, ConsolePage
from tests.gateway import OPERATOR, Running, gateway_here, gateway_process
from tests.in_process import Workshop


@pytest.fixture(scope="module")
def driver(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chrome]:
    with chromium(tmp_path_factory.mktemp("profile")) as started:
        yield started


@pytest.fixture
def gateway(settings: Settings) -> Iterator[Running]:
    with gateway_here(settings, hooks=True) as running:
        yield running


@pytest.fixture
def page(driver: Chrome, gateway: Running) -> Iterator[ConsolePage]:
    yield signed_in(driver, gateway)
    driver.get("about:blank")


def signed_in(driver: Chrome, gateway: Running) -> ConsolePage:
    page = ConsolePage(driver, gateway.url)
    page.sized(DESKTOP)
    page.complaints()
    page.open(token=OPERATOR)
    page.reads("Live")
    return page


@pytest.fixture
def samples(database: Any, s3: Any, bucket: str) -> Iterator[list[Sample]]:
    """Their pictures are for everybody, as a product's are."""
    with shown(database, s3, bucket) as public_url:
        yield bring_in(database, s3, bucket, public_url)


def ask_for(page: ConsolePage, sample: Sample, name: str) -> None:
    page.button("Request a clone").click()
    page.one("#field-funnel").send_keys(str(sample.funnel_id))
    page.one("#field-name").send_keys(name)
    page.button("Request clone", "dialog").click()
    page.wait(lambda: name in page.names(), name)


def clone_pages(store: Store, context: FunnelContext, steps: Sequence[StepWork]) -> None:
    """These pages, and then how far the clone is, as a pass tells it."""
    for work in steps:
        clone_step(work, context)
    claim = context.plan.claim
    done = store.steps.count_documents({"funnel_id": claim.funnel_id, "pending": False})
    copied = store.images.count_documents({"ref_id": claim.funnel_id, "uploaded": True})
    totals = {"steps_total": context.plan.steps_total, "images_total": len(context.plan.images)}
    leases.write_progress(store, [(claim, {"steps_done": done, "images_done": copied, **totals})])


def keep_looks(page: ConsolePage, name: str) -> None:
    """Leave pictures for docs/img where ``SCREENSHOTS`` names a folder."""
    folder = os.environ.get("SCREENSHOTS")
    if not folder:
        return
    for device, size in (("desktop", DESKTOP), ("phone", PHONE)):
        for dark in (False, True):
            page.sized(size, dark=dark)
            page.settle()
            theme = "dark" if dark else "light"
            page.driver.save_screenshot(str(Path(folder) / f"console-{name}-{device}-{theme}.png"))
    page.sized(DESKTOP)


def test_a_clone_from_request_to_completion_then_retried(
    page: ConsolePage, samples: list[Sample], workshop: Workshop, database: Any, s3: Any, bucket: str
) -> None:
    page.reads("No clones yet")
    original = samples[0]
    record = database["sites_images"].find_one({"ref_id": original.funnel_id})
    kept = s3.get_object(Bucket=bucket, Key=record["key"])["Body"].read()
    s3.delete_object(Bucket=bucket, Key=record["key"])

    ask_for(page, original, "Spring sale")
    page.reads("Not begun", "Clone requested.")
    page.shows("Spring sale", "Waiting")
    context = workshop.context(workshop.plan())
    page.shows("Spring sale", "Cloning")
    half = len(context.plan.steps) // 2
    clone_pages(workshop.store, context, context.plan.steps[:half])
    page.reads(f"{half} of {original.pages} steps")
    clone_pages(workshop.store, context, context.plan.steps[half:])
    finish_funnel(context)
    page.shows("Spring sale", "Completed with errors")
    page.reads(f"image {record['key']}", "Spring sale: completed, 1 part could not be cloned.")

    s3.put_object(Bucket=bucket, Key=record["key"], Body=kept, ContentType="image/png")
    page.one(".rows .name").click()
    page.reads("What could not be cloned", "Put the object back in the bucket")
    page.button("Retry").click()
    page.reads("1 part could not be cloned. The next pass tries these again")
    page.button("Retry", "dialog").click()
    page.reads("Waiting", "Spring sale is asked for again.")
    workshop.clone()
    page.reads("Spring sale: completed.", f"{original.images} / {original.images}", "Digest")
    page.wait(lambda: "What could not be cloned" not in page.text(), "no errors any more")
    shown_pictures = "return [...document.querySelectorAll('.thumbnail img')].filter(p => p.naturalWidth > 0).length"
    page.wait(lambda: page.driver.execute_script(shown_pictures) > 2, "thumbnails")
    assert page.complaints() == []


def test_a_clone_is_cancelled_and_taken_up_again(page: ConsolePage, samples: list[Sample], workshop: Workshop) -> None:
    ask_for(page, samples[0], "Stopped")
    workshop.plan()
    page.shows("Stopped", "Cloning")
    page.button("Cancel Stopped").click()
    page.button("Cancel clone", "dialog").click()
    page.reads("Stopped is cancelled.")
    page.shows("Stopped", "Cancelled")
    assert page.all(".rows .reason") == [], "that it was cancelled stands there once"
    page.button("Retry Stopped").click()
    page.button("Retry", "dialog").click()
    page.shows("Stopped", "Waiting")
    workshop.clone()
    page.reads("Stopped: completed.")
    page.shows("Stopped", "Completed")


def test_a_clone_is_undone_after_a_question_and_by_force_where_it_was_edited(
    page: ConsolePage, samples: list[Sample], workshop: Workshop, database: Any
) -> None:
    ask_for(page, samples[0], "Mistaken")
    workshop.clone()
    page.shows("Mistaken", "Completed")
    clone = database["funnels"].find_one({"name": "Mistaken"})
    database["funnel.step"].update_one({"funnel_id": clone["_id"]}, {"$set": {"raw_html": "edited"}})
    page.one(".rows .name").click()
    page.button("Undo").click()
    page.reads("Removes all that the clone made, and nothing else", "This cannot be taken back.")
    page.button("Undo clone", "dialog").click()
    page.reads("edited since; nothing was removed", "edited since it was cloned: html")
    page.button("Undo all the same", "dialog").click()
    page.reads("Mistaken is undone: what it made is removed.", "No clones yet")
    assert database["funnel.step"].count_documents({"funnel_id": clone["_id"]}) == 0
    # The refusal, and the page of the clone that is gone: both are logged by the browser itself.
    path = f"/api/clones/{clone['_id']}"
    assert [message for message in page.complaints() if path not in message] == []


def test_b22_a_pass_that_runs_already_is_told_in_the_dialog(page: ConsolePage, workshop: Workshop) -> None:
    page.button("Run a pass").click()
    page.button("Run a pass", "dialog").click()
    page.reads("a pass runs already")


def test_a_request_that_cannot_be_met_is_told_in_the_dialog(page: ConsolePage) -> None:
    page.button("Request a clone").click()
    page.one("#field-funnel").send_keys("nothing")
    page.button("Request clone", "dialog").click()
    page.reads("no funnel has the id nothing")


def test_what_a_dead_gateway_missed_is_caught_up(
    driver: Chrome, settings: Settings, samples: list[Sample], workshop: Workshop
) -> None:
    with gateway_process(settings) as first:
        page = signed_in(driver, first)
        ask_for(page, samples[0], "Meanwhile")
        assert first.process is not None
        first.process.kill()
    page.reads("Connection lost.")
    workshop.clone()
    with gateway_process(settings, port=int(first.url.rpartition(":")[2])):
        page.reads("Live", "Meanwhile: completed.")
        page.shows("Meanwhile", "Completed")
        driver.get("about:blank")


COUNTED = [["All", "6"], ["Waiting", "1"], ["Cloning", "1"]]


def test_what_docs_show(
    page: ConsolePage, samples: list[Sample], workshop: Workshop, database: Any, s3: Any, bucket: str
) -> None:
    """Clones in every state at once, each on screen as what it is."""
    first, second, third = samples
    lost = database["sites_images"].find_one({"ref_id": third.funnel_id})
    for sample, name in ((first, "Spring sale"), (second, "Dental practice, Oslo")):
        ask_for(page, sample, name)
        workshop.clone()
    s3.delete_object(Bucket=bucket, Key=lost["key"])
    ask_for(page, third, "Webinar, autumn edition")
    workshop.clone()
    ask_for(page, second, "Coaching application")
    page.button("Cancel Coaching application").click()
    page.button("Cancel clone", "dialog").click()
    page.shows("Coaching application", "Cancelled")
    ask_for(page, first, "Black Friday")
    context = workshop.context(workshop.plan())
    ask_for(page, second, "Book launch")
    clone_pages(workshop.store, context, context.plan.steps[:2])
    page.reads(f"2 of {first.pages} steps")
    page.shows("Webinar, autumn edition", "Completed with errors")
    page.shows("Book launch", "Waiting")
    page.wait(lambda: [tab.text.split() for tab in page.all(".tab")][:3] == COUNTED, "the tabs' counts")
    page.dismiss_toasts()
    keep_looks(page, "list")
    page.open("#/clones", token=OPERATOR)
    page.reads("Black Friday")
    page.driver.find_element("link text", "Black Friday").click()
    page.reads("Cloning", "Steps", "Proof")
    keep_looks(page, "clone")
    clone_pages(workshop.store, context, context.plan.steps[2:])
    finish_funnel(context)
    page.reads("Digest")
    page.dismiss_toasts()
    keep_looks(page, "rest")
