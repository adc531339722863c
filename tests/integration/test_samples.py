"""The sample funnels stand in the database as the product would have them."""

import json
import re
from typing import Any

import pytest

from engine.upkeep.invariants import snapshot
from engine.upkeep.samples import PREVIEW_DOMAIN, Sample, bring_in

IMAGE_URL = re.compile(r"http://127\.0\.0\.1:\d+/[\w-]+/([0-9a-f-]{36})/")


@pytest.fixture
def samples(database: Any, s3: Any, bucket: str) -> list[Sample]:
    return bring_in(database, s3, bucket, s3.meta.endpoint_url)


def test_there_are_three_with_all_that_they_name(database: Any, samples: list[Sample]) -> None:
    assert [sample.forms for sample in samples] == [2, 0, 1]
    for sample in samples:
        funnel = database["funnels"].find_one({"_id": sample.funnel_id})
        assert 3 <= len(funnel["steps"]) == sample.pages <= 6
        assert database["funnel.step"].count_documents({"_id": {"$in": funnel["steps"]}}) == sample.pages
        assert database["funnel.step.components"].count_documents({"funnel_id": sample.funnel_id}) == sample.pages
        assert database["sites_images"].count_documents({"ref_id": sample.funnel_id}) == sample.images
        assert database["users"].count_documents({"account": sample.account_id, "active": True}) == 2
    chats = [database["funnels"].find_one({"_id": sample.funnel_id})["live_chat_widget"] for sample in samples]
    assert chats == [False, True, False]
    parents = [database["_accounts"].find_one({"_id": sample.account_id}).get("parent_account") for sample in samples]
    assert [parent is None for parent in parents] == [True, True, False]
    assert database["support_tokens"].find_one({"domain": PREVIEW_DOMAIN})["token"]


def test_every_picture_differs_and_is_what_its_record_says(
    database: Any, s3: Any, bucket: str, samples: list[Sample]
) -> None:
    tags = []
    for record in database["sites_images"].find():
        head = s3.head_object(Bucket=bucket, Key=record["key"])
        assert head["ContentLength"] == record["fileSize"]
        assert head["ContentType"] == record["additionalInfo"]["ContentType"]
        if head["ContentType"] == "image/png":
            assert 20_000 < record["fileSize"] < 120_000
        tags.append(head["ETag"])
    assert len(tags) == len(set(tags)) == sum(sample.images for sample in samples)


def test_pages_show_their_own_pictures_pages_and_forms(database: Any, samples: list[Sample]) -> None:
    keys = {record["key"].partition("/")[0]: record["ref_id"] for record in database["sites_images"].find()}
    forms = {form["form_secret_id"] for form in database["forms"].find()}
    embedded = []
    for step in database["funnel.step"].find():
        tree = database["funnel.step.components"].find_one({"step_id": step["_id"]})["components"]
        plain = json.dumps(json.loads(tree), ensure_ascii=False)
        for text in (step["raw_html"], plain):
            assert {keys[uuid] for uuid in IMAGE_URL.findall(text)} == {step["funnel_id"]}
            linked = re.findall(r"/funnel/([0-9a-f]{24})/step/([0-9a-f]{24})", text)
            assert linked
            for funnel_id, step_id in linked:
                target = database["funnel.step"].find_one({"$expr": {"$eq": [{"$toString": "$_id"}, step_id]}})
                assert str(target["funnel_id"]) == funnel_id == str(step["funnel_id"])
            found = re.findall(r"/userform/([0-9a-f-]{36})", text)
            assert set(found) <= forms
        embedded += found
    assert sorted(map(embedded.count, forms)) == [1, 1, 2]


def test_one_funnel_escapes_its_slashes(database: Any, samples: list[Sample]) -> None:
    escaped = [
        all("\\/" in tree["components"] for tree in database["funnel.step.components"].find({"funnel_id": s.funnel_id}))
        for s in samples
    ]
    assert escaped == [False, True, False]


def test_bringing_them_in_again_changes_nothing(database: Any, s3: Any, bucket: str, samples: list[Sample]) -> None:
    def documents() -> list[list[dict[str, Any]]]:
        return [list(database[name].find().sort("_id", 1)) for name in sorted(database.list_collection_names())]

    before = documents()
    assert bring_in(database, s3, bucket, s3.meta.endpoint_url) == samples
    assert documents() == before
    assert all(snapshot(database, s3, sample.funnel_id).fingerprints for sample in samples)
