"""``plan`` tells what a clone would do: against the clone that is then made, and against each problem, provoked."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, get_args
from uuid import uuid4

import pytest
from bson import ObjectId

from engine.core import spellings
from engine.core.model import ImageWork
from engine.edges.mongo.client import MOST_DOCUMENT_BYTES, Store, open_store
from engine.edges.s3 import Objects
from engine.settings import ChatSettings, CopySettings, Settings, StepSettings
from engine.upkeep.invariants import examine
from engine.upkeep.plan import ClonePlan, Kind, plan_clone
from engine.upkeep.plan.costs import FunnelUse, PageUse, copy_requests, funnel_commands, page_commands
from engine.upkeep.plan.limits import NEAR_BYTES, OWN_BYTES
from engine.upkeep.plan.objects import Seen
from tests.command_count import Commands
from tests.command_line import Done, environment_of, run_as_process, run_here
from tests.funnels import build_funnel, request_clone
from tests.in_process import Workshop

ROOT = Path(__file__).parents[2]
FULL: dict[str, Any] = {
    "steps": 8,
    "images": 20,
    "image_bytes": 700,
    "forms": 2,
    "html_bytes": 9_000,
    "components_bytes": 9_000,
    "chat": True,
    "unlisted": 1,
    "null_html": True,
}
SMALL: dict[str, Any] = {
    "steps": 2,
    "images": 3,
    "image_bytes": 100,
    "forms": 1,
    "html_bytes": 2_500,
    "components_bytes": 2_500,
    "chat": True,
}


class Original:
    """A funnel to plan a clone of, and ways to spoil it."""

    def __init__(self, store: Store, s3: Any, settings: Settings, **size: Any) -> None:
        self.store, self.db, self.s3, self.settings = store, store.db, s3, settings
        self.id: Any = build_funnel(store.db, s3, settings.s3.bucket, **size)
        self.meanwhile: Callable[[], object] | None = None
        """Happens once objects were looked at, and no page was read yet."""

    def plan(self) -> ClonePlan:
        def watch(part: str, done: int, total: int) -> None:
            if self.meanwhile is not None and (part, done) == ("objects", total):
                self.meanwhile()

        planned = plan_clone(self.store, Objects(self.settings.s3), self.settings, self.id, watch)
        assert planned is not None
        return planned

    def problems(self) -> list[tuple[str, str]]:
        return [(problem.kind, problem.where) for problem in self.plan().problems]

    def step(self) -> dict[str, Any]:
        return self.one("funnel.step", funnel_id=self.id)

    def one(self, collection: str, **query: Any) -> dict[str, Any]:
        found = self.db[collection].find_one(query, sort=[("_id", 1)])
        assert found is not None
        return found

    def image(self) -> dict[str, Any]:
        return self.one("sites_images", ref_id=self.id)

    def change(self, collection: str, document: dict[str, Any], **fields: Any) -> None:
        self.db[collection].update_one({"_id": document["_id"]}, {"$set": fields})

    def add_to_page(self, text: str) -> str:
        """Put text into the first page; where it is."""
        step = self.step()
        self.change("funnel.step", step, raw_html=step["raw_html"].replace("<p>", f"<p>{text} ", 1))
        return f"funnel.step/{step['_id']}"


@pytest.fixture
def full(store: Store, s3: Any, settings: Settings) -> Original:
    return Original(store, s3, settings, **FULL)


@pytest.fixture
def small(store: Store, s3: Any, settings: Settings) -> Original:
    return Original(store, s3, settings, **SMALL)


# -- what it tells ----------------------------------------------------------------------------------------------------


def test_a_sound_funnel_has_no_problems_and_is_told_whole(full: Original) -> None:
    planned = full.plan()
    assert planned.problems == ()
    assert (planned.funnel_id, planned.name) == (full.id, "An original")
    assert (planned.images.count, planned.images.bytes, planned.images.bytes_recorded) == (20, 14_000, 14_000)
    assert planned.images.missing == 0
    assert [(form.name, form.pages) for form in planned.forms] == [("Sign-up", 8), ("Sign-up", 4)]
    assert planned.outside_references == ()


def test_steps_come_in_the_clones_order_with_the_bytes_of_their_texts(full: Original) -> None:
    step, tree = full.step(), full.one("funnel.step.components", funnel_id=full.id)
    lines = {line.step_id: line for line in full.plan().steps}
    listed = full.one("funnels", _id=full.id)["steps"]
    assert list(lines)[: len(listed)] == listed
    assert len(lines) == 8
    line = lines[step["_id"]]
    assert (line.name, line.html_bytes) == ("Page 0", len(step["raw_html"].encode()))
    assert line.components_bytes == len(tree["components"].encode()) > len(tree["components"])
    (without_html,) = (line for line in lines.values() if not line.html_bytes)
    assert without_html.components_bytes > 0


def test_references_are_counted_by_kind_and_spelling(small: Original) -> None:
    small.db["funnel.step"].update_many({}, {"$set": {"raw_html": ""}})
    small.db["funnel.step.components"].update_many({}, {"$set": {"components": "{}"}})
    before = small.plan().references
    small.change("funnel.step", small.step(), raw_html=f"<p>{small.id} {small.id} {small.step()['_id']}</p>")
    tree = small.one("funnel.step.components", funnel_id=small.id)
    key = small.image()["key"]
    small.change("funnel.step.components", tree, components=json.dumps({"src": key}).replace("/", "\\/"))
    after = small.plan().references
    assert before == {}
    assert after["id"] == {"raw": 3}
    assert sum(after["image"].values()) == 1
    assert "raw" not in after["image"]
    assert set(after) == {"id", "image"}


def test_the_size_of_an_object_is_what_its_head_says(small: Original) -> None:
    small.change("sites_images", small.image(), fileSize=5_000_000)
    images = small.plan().images
    assert (images.bytes, images.bytes_recorded) == (300, 5_000_200)


def test_two_records_of_one_key_are_one_image(small: Original) -> None:
    record = small.image()
    del record["_id"]
    small.db["sites_images"].insert_one(record)
    assert (small.plan().images.count, small.plan().expected.copies) == (3, 3)


def test_of_two_forms_with_one_id_and_two_components_documents_the_oldest_counts_as_in_a_clone(small: Original) -> None:
    form, tree = small.one("forms"), small.one("funnel.step.components", funnel_id=small.id)
    before = small.plan()
    small.db["forms"].insert_one({**form, "_id": ObjectId(), "form_name": "A later one"})
    small.db["funnel.step.components"].insert_one({**tree, "_id": ObjectId(), "components": "[]"})
    assert small.plan() == before


def test_references_of_other_funnels_and_of_none_are_told_with_their_pages(small: Original) -> None:
    other = Original(small.store, small.s3, small.settings, **SMALL)
    record = other.image()
    page = small.add_to_page(f"{record['additionalInfo']['Location']} /funnel/{other.id}/")
    nobody = "64a1f0c2e4b0a1b2c3d4e5f6"
    small.add_to_page(f"\\u002fstep%2F{nobody} {without_semicolons(f'/userform/{nobody}')}")
    planned = small.plan()
    found = {(reference.kind, reference.text) for reference in planned.outside_references}
    assert {("id", str(other.id)), ("id", nobody), ("form", nobody)} <= found
    assert any(kind == "image" and record["key"].startswith(text[:36]) for kind, text in found)
    assert {reference.steps for reference in planned.outside_references} == {(page.partition("/")[2],)}
    assert planned.problems == (), "what leads elsewhere is in nobody's way"


def test_a_page_that_only_mentions_a_form_refers_to_it(small: Original) -> None:
    secret = str(uuid4())
    small.db["forms"].insert_one({"form_secret_id": secret, "form_name": "Embedded once"})
    first, second = small.db["funnel.step"].find({"funnel_id": small.id}).sort("_id", 1)
    small.change("funnel.step", first, raw_html=f"<p data-form='{secret}'>")
    small.change("funnel.step", second, raw_html=f"<iframe src='/userform/{secret}'>")
    planned = small.plan()
    (line,) = (form for form in planned.forms if form.form_secret_id == secret)
    assert (line.name, line.pages) == ("Embedded once", 2)
    assert planned.references["form"]["raw"] >= 2
    assert (planned.problems, planned.outside_references) == ((), ())


def test_a_form_whose_place_is_spelled_out_is_one_of_its_page_alone_as_in_a_clone(small: Original) -> None:
    secret = str(uuid4())
    small.db["forms"].insert_one({"form_secret_id": secret, "form_name": "Spelled out"})
    first, second = small.db["funnel.step"].find({"funnel_id": small.id}).sort("_id", 1)
    small.change("funnel.step", first, raw_html="".join(f"&#{ord(char)};" for char in f"/userform/{secret}?"))
    small.change("funnel.step", second, raw_html=f"<p data-form='{secret}'>")
    planned = small.plan()
    (line,) = (form for form in planned.forms if form.form_secret_id == secret)
    assert (line.name, line.pages) == ("Spelled out", 1)


def test_an_unknown_funnel_has_no_plan(store: Store, settings: Settings) -> None:
    assert plan_clone(store, Objects(settings.s3), settings, ObjectId()) is None


def test_a_funnel_without_pages_and_images_has_a_plan(store: Store, s3: Any, settings: Settings) -> None:
    planned = Original(store, s3, settings, **{**SMALL, "steps": 0, "images": 0, "forms": 0}).plan()
    assert (planned.steps, planned.images.count, planned.references, planned.problems) == ((), 0, {}, ())


def test_whoever_watches_hears_of_every_part(small: Original) -> None:
    stages: list[tuple[str, int, int]] = []
    plan_clone(small.store, Objects(small.settings.s3), small.settings, small.id, lambda *stage: stages.append(stage))
    assert stages == [*(("objects", n, 3) for n in (1, 2, 3)), *(("pages", n, 2) for n in (1, 2))]


@pytest.mark.parametrize("how", ["edited", "deleted"])
def test_a_page_that_changes_meanwhile_is_told_and_the_others_are_planned(small: Original, how: str) -> None:
    second = small.db["funnel.step"].find({"funnel_id": small.id}).sort("_id", 1)[1]["_id"]
    small.change("funnel.step.components", small.one("funnel.step.components", step_id=second), components="{}")
    small.change("funnel.step", {"_id": second}, raw_html=f"/funnel/{small.id}")
    (_page_edited_meanwhile if how == "edited" else _page_deleted_meanwhile)(small)
    planned = small.plan()
    (problem,) = planned.problems
    assert problem.detail == f"it was {how} while this was planned: plan again"
    assert planned.references == {"id": {"raw": 1}}
    assert len(planned.steps) == 2


def test_a_plan_writes_nothing(full: Original) -> None:
    full.s3.delete_object(Bucket=full.settings.s3.bucket, Key=full.image()["key"])
    full.add_to_page("/userform/nobody-has-this-form")

    def everything() -> tuple[dict[str, Any], list[Any]]:
        documents = {name: list(full.db[name].find().sort("_id", 1)) for name in full.db.list_collection_names()}
        listed = full.s3.list_objects_v2(Bucket=full.settings.s3.bucket)["Contents"]
        return documents, [(found["Key"], found["ETag"], found["LastModified"]) for found in listed]

    before = everything()
    assert full.plan().problems
    assert everything() == before


def test_a_plan_sends_reads_alone(full: Original) -> None:
    commands = Commands()
    store = open_store(full.settings.mongo, listeners=[commands])
    try:
        plan_clone(store, Objects(full.settings.s3), full.settings, full.id)
    finally:
        store.close()
    assert set(commands.names) - {"endSessions"} == {"find", "aggregate"}


# -- problems ahead ---------------------------------------------------------------------------------------------------


def _image_missing(original: Original) -> str:
    record = original.image()
    original.s3.delete_object(Bucket=original.settings.s3.bucket, Key=record["key"])
    return f"{original.settings.s3.bucket}/{record['key']}"


def _image_unreadable(original: Original) -> str:
    record = original.image()
    original.change("sites_images", record, **{"additionalInfo.Bucket": "no bucket has such a name!"})
    return f"no bucket has such a name!/{record['key']}"


def _image_without_key(original: Original) -> str:
    inserted = original.db["sites_images"].insert_one({"ref_id": original.id, "key": ""})
    return f"sites_images/{inserted.inserted_id}"


def _form_missing(original: Original) -> str:
    secret = original.one("forms")["form_secret_id"]
    original.db["forms"].delete_many({})
    return f"forms/{secret}"


def _token_missing(original: Original) -> str:
    original.db["support_tokens"].delete_many({})
    return f"funnels/{original.id}"


def _components_missing(original: Original) -> str:
    tree = original.one("funnel.step.components", funnel_id=original.id)
    original.db["funnel.step.components"].delete_one({"_id": tree["_id"]})
    return f"funnel.step/{tree['step_id']}"


def _components_not_text(original: Original) -> str:
    tree = original.one("funnel.step.components", funnel_id=original.id)
    original.change("funnel.step.components", tree, components={"a": 1})
    return f"funnel.step/{tree['step_id']}"


def _html_not_text(original: Original) -> str:
    original.change("funnel.step", original.step(), raw_html=5)
    return f"funnel.step/{original.step()['_id']}"


def _page_near_limit(original: Original) -> str:
    return f"{original.add_to_page('x' * NEAR_BYTES)} raw_html"


def _components_near_limit(original: Original) -> str:
    tree = original.one("funnel.step.components", funnel_id=original.id)
    original.change("funnel.step.components", tree, components=json.dumps(["x" * NEAR_BYTES]))
    return f"funnel.step/{tree['step_id']} components"


def _page_too_large(original: Original) -> str:
    """It fits, and its clone would not: the keys of copies are longer."""
    record = original.image()
    key = f"k/{'0123456789abcdef'}"
    original.s3.put_object(Bucket=original.settings.s3.bucket, Key=key, Body=b"x")
    original.change("sites_images", record, key=key, fileName="n" * 200)
    references = f"{key} " * 4_000
    return f"{original.add_to_page(references + 'x' * (MOST_DOCUMENT_BYTES - len(references) - 50_000))} raw_html"


def _page_edited_meanwhile(original: Original) -> str:
    step = original.step()
    original.meanwhile = lambda: original.change("funnel.step", step, version=1)
    return f"funnel.step/{step['_id']}"


def _page_deleted_meanwhile(original: Original) -> str:
    step = original.step()
    original.meanwhile = lambda: original.db["funnel.step"].delete_one({"_id": step["_id"]})
    return f"funnel.step/{step['_id']}"


def _made_of_escapes(original: Original) -> str:
    """Of what might be a key, were it not followed by escapes that lead nowhere; the test lowers the limit."""
    piece = original.image()["key"][:36] + "%\\&+" * 10 + " "
    return original.add_to_page(piece * 30).partition(" ")[0]


def _unfinished(original: Original) -> str:
    original.change("funnels", original.one("funnels"), in_progress=True)
    return f"funnels/{original.id}"


def _parked(original: Original) -> str:
    original.change("funnels", original.one("funnels"), clone={"state": "failed"})
    return f"funnels/{original.id}"


def _step_missing(original: Original) -> str:
    stray = ObjectId()
    original.db["funnels"].update_one({"_id": original.id}, {"$push": {"steps": stray}})
    return f"funnel.step/{stray}"


def without_semicolons(text: str) -> str:
    """As browsers read it, too, and nothing writes it: docs/spellings.md leaves it out."""
    return "".join(f"&#{ord(char)}" for char in text) + " "


def _spelled_in_no_known_way(original: Original) -> str:
    return f"{original.add_to_page(without_semicolons(f'/funnel/{original.id}'))} raw_html"


def _image_spelled_in_no_known_way(original: Original) -> str:
    tree = original.one("funnel.step.components", funnel_id=original.id)
    key = original.image()["key"].replace("/", "&#47")
    original.change("funnel.step.components", tree, components=json.dumps({"src": f"a b/{key}"}))
    return f"funnel.step/{tree['step_id']} components"


def _form_spelled_in_no_known_way(original: Original) -> str:
    secret = original.one("forms")["form_secret_id"]
    return f"{original.add_to_page(without_semicolons(secret))} raw_html"


def _weak_key(original: Original) -> str:
    original.s3.put_object(Bucket=original.settings.s3.bucket, Key="a.png", Body=b"x")
    original.change("sites_images", original.image(), key="a.png")
    return f"{original.settings.s3.bucket}/a.png"


def _weak_step(original: Original) -> str:
    original.db["funnel.step"].insert_one({"_id": 7, "funnel_id": original.id, "raw_html": None})
    original.db["funnel.step.components"].insert_one({"step_id": 7, "funnel_id": original.id, "components": "{}"})
    return "funnel.step/7"


def _weak_form(original: Original) -> str:
    original.db["forms"].insert_one({"form_secret_id": "1", "form_name": "One"})
    original.add_to_page("/userform/1?")
    return "forms/1"


PROBLEMS: dict[str, tuple[Kind, Callable[[Original], str]]] = {
    "object gone": ("image_missing", _image_missing),
    "bucket that can be none": ("image_unreadable", _image_unreadable),
    "record without key": ("image_without_key", _image_without_key),
    "form gone": ("form_missing", _form_missing),
    "no token": ("chat_token_missing", _token_missing),
    "no components": ("components_missing", _components_missing),
    "components no text": ("components_not_text", _components_not_text),
    "html no text": ("html_not_text", _html_not_text),
    "page edited meanwhile": ("page_changed", _page_edited_meanwhile),
    "page deleted meanwhile": ("page_changed", _page_deleted_meanwhile),
    "page of escapes": ("references_given_up", _made_of_escapes),
    "page near the limit": ("page_near_limit", _page_near_limit),
    "components near the limit": ("page_near_limit", _components_near_limit),
    "page over the limit": ("page_too_large", _page_too_large),
    "original in work": ("original_unfinished", _unfinished),
    "original failed": ("original_parked", _parked),
    "page gone": ("step_missing", _step_missing),
    "id spelled in no known way": ("reference_stays", _spelled_in_no_known_way),
    "key spelled in no known way": ("reference_stays", _image_spelled_in_no_known_way),
    "form id spelled in no known way": ("reference_stays", _form_spelled_in_no_known_way),
    "short key": ("weak_identity", _weak_key),
    "short id": ("weak_identity", _weak_step),
    "short form id": ("weak_identity", _weak_form),
}


@pytest.mark.parametrize(("kind", "spoil"), PROBLEMS.values(), ids=PROBLEMS.keys())
def test_a_problem_ahead_is_told_once_and_nothing_else(
    small: Original, kind: str, spoil: Callable[[Original], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(spellings, "_MOST_FAILURES", 100)
    monkeypatch.setattr(spellings, "_CHARACTERS_PER_FAILURE", 100)
    where = spoil(small)
    assert small.problems() == [(kind, where)]


def test_there_is_a_way_to_every_problem() -> None:
    assert {kind for kind, _ in PROBLEMS.values()} == set(get_args(Kind))


def test_the_document_names_every_kind_that_there_is() -> None:
    page = (ROOT / "docs/plan.md").read_text("utf-8")
    rows = [line.split("|")[1] for line in page.partition("## Kinds")[2].splitlines() if line.startswith("| `")]
    assert {name for row in rows for name in re.findall(r"`(\w+)`", row)} == set(get_args(Kind))


def test_a_page_near_the_limit_says_how_near(small: Original) -> None:
    _page_near_limit(small)
    (problem,) = small.plan().problems
    told = re.search(r"will have (\d+) at most: ([\d.]+)% of the 16777216", problem.detail)
    assert told is not None
    assert NEAR_BYTES < int(told[1]) < MOST_DOCUMENT_BYTES
    assert float(told[2]) == pytest.approx(100 * int(told[1]) / MOST_DOCUMENT_BYTES, abs=0.1)


def test_what_a_clone_does_not_take_over_counts_for_no_limit(small: Original) -> None:
    step, filler = small.step(), "x" * (NEAR_BYTES - 200_000)
    tree = small.one("funnel.step.components", step_id=step["_id"])
    small.change("funnel.step", step, raw_html=filler, header_tracking_code="h" * 400_000, clone={"proof": filler[:9]})
    small.change("funnel.step.components", tree, components=f'"{filler}"', errors=["e" * 400_000])
    assert small.problems() == []


def test_what_is_told_of_a_page_near_the_limit_is_what_its_clone_has_at_most(small: Original) -> None:
    step = small.step()
    small.change("funnel.step", step, raw_html="x" * NEAR_BYTES)
    (problem,) = small.plan().problems
    (told,) = re.findall(r"will have (\d+) at most", problem.detail)
    request_clone(small.db, small.id)
    workshop = Workshop(small.store, small.settings)
    clone_id = workshop.clone()[0].claim.funnel_id
    query = {"funnel_id": clone_id, "original_step_id": step["_id"]}
    sizes = [{"$match": query}, {"$project": {"bytes": {"$bsonSize": "$$ROOT"}}}]
    (made,) = small.db["funnel.step"].aggregate(sizes)
    assert 0 <= int(told) - made["bytes"] < OWN_BYTES


@pytest.mark.parametrize("chat", [{"chat": False}, {"domain": ""}])
def test_a_token_is_missed_only_where_a_widget_needs_it(
    store: Store, s3: Any, settings: Settings, chat: dict[str, Any]
) -> None:
    domain = chat.pop("domain", settings.chat.preview_domain)
    own = Settings(settings.mongo, settings.s3, settings.ray, settings.local, chat=ChatSettings(domain))
    original = Original(store, s3, own, **{**SMALL, **chat})
    original.db["support_tokens"].delete_many({})
    missed = [problem.detail for problem in original.plan().problems]
    assert missed == ([] if chat else ["chat.preview_domain is not set"])


def test_what_is_missing_is_what_a_clone_then_records(small: Original) -> None:
    for spoil in (_image_missing, _form_missing, _token_missing, _components_missing, _image_without_key):
        spoil(small)
    planned = small.plan()
    request_clone(small.db, small.id)
    _, finished = Workshop(small.store, small.settings).clone()
    recorded = sorted(error.partition(":")[0].partition(" ")[0] for error in finished.errors)
    told = sorted({"chat_token_missing": "chat"}.get(p.kind, p.kind.partition("_")[0]) for p in planned.problems)
    assert recorded == told


def test_a_reference_that_is_told_to_stay_is_one_that_verify_finds(small: Original) -> None:
    spoils = (_spelled_in_no_known_way, _image_spelled_in_no_known_way, _form_spelled_in_no_known_way)
    for spoil in spoils:
        spoil(small)
    stays = [problem.detail.partition(" is ")[0] for problem in small.plan().problems]
    clone_id = request_clone(small.db, small.id)
    Workshop(small.store, small.settings).clone()
    found = examine(small.db, small.s3, clone_id, preview_domain=small.settings.chat.preview_domain).violations
    assert {violation.kind for violation in found} == {"reference_left"}
    left = [violation.detail.partition(" of the original")[0] for violation in found]
    assert sorted(left) == sorted(stays)
    assert len(stays) == len(spoils)


def test_a_page_that_is_told_too_large_cannot_be_cloned(small: Original) -> None:
    _page_too_large(small)
    request_clone(small.db, small.id)
    workshop = Workshop(small.store, small.settings)
    with pytest.raises(Exception, match="16 MB"):
        workshop.clone_steps(workshop.context(workshop.plan()))


# -- what it costs ----------------------------------------------------------------------------------------------------


def _lose_an_image_and_a_form(original: Original) -> None:
    _image_missing(original)
    original.db["forms"].delete_one({"_id": original.one("forms")["_id"]})


def _hide_images(original: Original) -> None:
    """Pages show none: the end copies them all."""
    original.db["funnel.step"].update_many({}, {"$set": {"raw_html": "<p>nothing"}})
    original.db["funnel.step.components"].update_many({}, {"$set": {"components": "{}"}})


@pytest.mark.parametrize(
    ("size", "spoil"),
    [
        (FULL, None),
        (SMALL, None),
        ({**FULL, "chat": False, "forms": 0}, None),
        ({**SMALL, "images": 0, "forms": 0, "chat": False}, None),
        (FULL, _lose_an_image_and_a_form),
        (FULL, _hide_images),
        ({**SMALL, "steps": 110, "images": 120, "image_bytes": 10}, None),
    ],
    ids=["full", "small", "without forms", "bare", "with losses", "images that no page shows", "large"],
)
def test_a_clone_sends_no_more_than_planned_and_little_less(
    store: Store, s3: Any, settings: Settings, size: dict[str, Any], spoil: Callable[[Original], None] | None
) -> None:
    # One page at a time: pages that make one form at once send commands again, and those no plan can tell.
    own = Settings(
        settings.mongo, settings.s3, settings.ray, settings.local, steps=StepSettings(concurrency=1),
        copy=settings.copy, chat=settings.chat,
    )  # fmt: skip
    original = Original(store, s3, own, **size)
    if spoil is not None:
        spoil(original)
    expected = original.plan().expected
    request_clone(original.db, original.id)
    commands = Commands()
    listening = open_store(own.mongo, listeners=[commands])
    try:
        workshop = Workshop(listening, own)
        commands.names.clear()
        workshop.clone()
        sent = commands.names.total()
    finally:
        listening.close()
    planned = expected.funnel_commands + expected.step_commands
    assert sent <= planned <= 1.2 * sent, commands.names
    assert size["forms"] or planned == sent, "but for forms, which the first of several pages makes, it is exact"
    assert expected.requests == workshop.copier.issued() == expected.copies + expected.not_copied


@pytest.mark.parametrize(
    ("recorded_mb", "true_mb", "requests"),
    [
        (9, 9, 1),
        (None, 9, 1),
        (9, None, 1),
        (11, None, 1),
        (11, 9, 2),  # a head, and one copy after all
        (11, 11, 1 + 2 + 3),  # a head, begin and end, three parts
        (9, 11, 1 + 1 + 2 + 3),  # one copy in vain before
    ],
)
def test_an_object_above_the_limit_of_one_copy_takes_more_requests(
    recorded_mb: int | None, true_mb: int | None, requests: int
) -> None:
    size_bytes = None if true_mb is None else true_mb * 1024**2
    image = ImageWork(None, "a", "b", "bucket", recorded_mb and recorded_mb * 1024**2, uploaded=False)
    copy = CopySettings(multipart_threshold_bytes=10 * 1024**2, multipart_part_bytes=5 * 1024**2)
    assert copy_requests(Seen(image, size_bytes), copy) == requests


def test_a_funnel_of_more_than_one_transaction_costs_more() -> None:
    nothing = FunnelUse(image_records=0, images=0, images_left=0, images_failed=0, form_places=0, chat=False)
    page = PageUse(images=0, forms=0, forms_found=0, text_bytes=10, failures=0)
    one, two = funnel_commands(nothing, [page] * 500), funnel_commands(nothing, [page] * 501)
    assert two - one == 4, "funnel, components, steps, commit"
    assert page_commands(page) == 5


def test_places_beyond_those_that_a_layout_reads_cost_nothing() -> None:
    page = PageUse(images=0, forms=0, forms_found=0, text_bytes=10, failures=0)
    none, few, most, beyond = (
        funnel_commands(
            FunnelUse(image_records=0, images=0, images_left=0, images_failed=0, form_places=places, chat=False), [page]
        )
        for places in (0, 1, 10_000, 800_000)
    )
    assert few - none == 1, "which of their forms there are"
    assert most - few == 3 + 1, "batches of 16 MB, and a second one of the forms"
    assert beyond == most


# -- the command ------------------------------------------------------------------------------------------------------


def _run(original: Original, folder: Path, *arguments: str, run: Callable[..., Done] = run_here) -> Done:
    environment = environment_of(original.settings, XDG_DATA_HOME=str(folder), COLUMNS="200")
    return run("plan", *arguments, environment=environment, cwd=folder)


def test_the_command_writes_one_document_and_ends_with_0(small: Original, tmp_path: Path) -> None:
    done = _run(small, tmp_path, str(small.id), "--json", run=run_as_process)
    assert (done.returncode, done.stderr) == (0, "")
    document = json.loads(done.stdout)
    assert document == json.loads(json.dumps(small.plan().document()))
    assert set(document) == {
        "funnel_id", "name", "steps", "images", "forms", "references", "outside_references", "problems", "expected",
    }  # fmt: skip
    assert set(document["steps"][0]) == {"step_id", "name", "html_bytes", "components_bytes"}
    assert document["images"] == {"count": 3, "bytes": 300, "bytes_recorded": 300, "missing": 0}
    assert document["forms"] == [
        {"form_secret_id": small.one("forms")["form_secret_id"], "name": "Sign-up", "pages": 2}
    ]
    assert document["expected"]["s3"] == {"copies": 3, "not_copied": 0, "requests": 3, "bytes": 300}
    assert document["expected"]["mongodb"].keys() == {"commands", "funnel", "steps"}
    assert document["problems"] == []


def test_the_command_ends_with_1_where_there_are_problems(small: Original, tmp_path: Path) -> None:
    where = _image_missing(small)
    done = _run(small, tmp_path, str(small.id), "--json")
    assert done.returncode == 1, done.stderr
    (problem,) = json.loads(done.stdout)["problems"]
    assert set(problem) == {"kind", "where", "detail"}
    assert (problem["kind"], problem["where"]) == ("image_missing", where)


def test_people_are_told_in_tables_where_there_is_something_to_say(small: Original, tmp_path: Path) -> None:
    done = _run(small, tmp_path, str(small.id))
    assert done.returncode == 0, done.stderr
    assert "nothing in the way" in done.stdout
    assert "2 steps" in done.stdout
    assert "problem" not in done.stdout
    assert "left as it is" not in done.stdout
    small.change("funnels", small.one("funnels"), name="[red]An original[/red]")
    _weak_form(small)
    small.add_to_page(f"/funnel/{ObjectId()}/")
    done = _run(small, tmp_path, str(small.id))
    assert done.returncode == 1, done.stderr
    for words in ("[red]An original[/red]", "1 problem", "weak_identity", "forms/1", "left as it is"):
        assert words in done.stdout


def test_an_unknown_id_ends_with_2_and_says_so(small: Original, tmp_path: Path) -> None:
    done = _run(small, tmp_path, "64a1f0c2e4b0a1b2c3d4e5f6", "--json")
    assert done.returncode == 2
    assert "no funnel has the id 64a1f0c2e4b0a1b2c3d4e5f6" in json.loads(done.stdout)["error"]


def test_an_s3_that_does_not_answer_ends_with_3_and_is_named(small: Original, tmp_path: Path) -> None:
    done = _run(small, tmp_path, str(small.id), "s3.endpoint_url=http://127.0.0.1:9")
    assert done.returncode == 3, done.stderr
    assert "s3.endpoint_url" in done.stderr
