"""Real templates, imported and cloned: sound by the oracle, in a browser the same to the pixel; and undone."""

import os
import re
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import ImageChops
from selenium.webdriver import Chrome

from engine.edges.mongo.client import Store
from engine.edges.s3 import Objects
from engine.settings import Settings
from engine.upkeep.ingest import Folder, ImportTarget, Owner, import_folder
from engine.upkeep.undo import Begun, asked, begin, remove
from tests.browser import background_urls, chromium, pictures_of, screenshot, shown
from tests.funnels import request_clone
from tests.in_process import Workshop
from tests.invariants import assert_sound
from tests.listing import listing
from tests.templates import TEMPLATES, template


@pytest.fixture(scope="module")
def driver(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chrome]:
    with chromium(tmp_path_factory.mktemp("profile")) as started:
        yield started


@pytest.mark.parametrize("name", TEMPLATES)
def test_a_template_and_its_clone_look_the_same(
    name: str,
    store: Store,
    settings: Settings,
    database: Any,
    s3: Any,
    bucket: str,
    workshop: Workshop,
    driver: Chrome,
) -> None:
    owner = Owner({"_id": name, "name": "An account"}, is_new=True)
    target = ImportTarget(store, Objects(settings.s3), settings.s3)
    made = import_folder(Folder(template(name)), name, owner, target, lambda *_: None, chat=False)
    assert (made.steps, made.forms, made.missing) == (*TEMPLATES[name][1:], ())
    before = listing(database, s3, bucket)
    clone_id = request_clone(database, made.funnel_id)
    workshop.clone()
    assert_sound(database, s3, clone_id, None)
    originals = database["funnels"].find_one({"_id": made.funnel_id})["steps"]
    clones = database["funnels"].find_one({"_id": clone_id})["steps"]
    with shown(database, s3, bucket) as base:
        for original, clone in zip(originals, clones, strict=True):
            urls = [
                f"{base}/funnel/{made.funnel_id}/step/{original}",
                f"{base}/funnel/{clone_id}/step/{clone}",
            ]
            assert_alike(driver, urls, name)
    begun = begin(store, str(clone_id), asked(settings.steps, settings.copy, force=False, keep_funnel=False))
    assert isinstance(begun, Begun), begun
    remove(store, Objects(settings.s3), settings.s3, begun)
    assert listing(database, s3, bucket) == before, "it was undone"


def assert_alike(driver: Chrome, urls: list[str], name: str) -> None:
    """Every picture of both pages loads, none of the clone's is the original's, and both look the same."""
    looks, addresses = [], []
    for side, url in zip(("original", "clone"), urls, strict=True):
        pictures = pictures_of(driver, url)
        assert [address for address, width in pictures if width == 0] == []
        behind = background_urls(driver)
        for address in behind:
            with urllib.request.urlopen(address) as answer:
                assert answer.headers["Content-Type"].startswith("image/")
        looks.append(screenshot(driver))
        addresses.append({address for address, _ in pictures} | set(behind))
        keep(looks[-1], name, side)
    original, clone = looks
    assert original.size == clone.size
    assert ImageChops.difference(original, clone).getbbox() is None
    assert len({pixel for _, pixel in original.getcolors(1 << 24) or []}) > 100, "it is not an empty window"
    assert addresses[0]
    assert addresses[0].isdisjoint(addresses[1])


def keep(look: Any, name: str, side: str) -> None:
    """Leave the pair for docs/img where ``SCREENSHOTS`` names a folder."""
    folder = os.environ.get("SCREENSHOTS")
    if folder:
        look.save(Path(folder) / f"{re.sub(r'^startbootstrap-', '', name)}-{side}.png")
