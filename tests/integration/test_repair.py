"""``repair``: clones that the old system made, with its defects, are mended; what is right, or edited, stays."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from html import escape
from threading import Barrier
from typing import Any
from uuid import uuid4

import pytest
from bson import ObjectId
from pymongo import monitoring

from engine.core.errors import ClaimLost, PermanentError
from engine.core.identity import form_secret_id, object_key
from engine.core.proof import fingerprint
from engine.edges.mongo.client import Store, open_store
from engine.edges.mongo.repair import Change, PageChange, commit
from engine.edges.mongo.repair_reads import tokens_among
from engine.edges.s3 import InProcessCopier, Objects
from engine.settings import ChatSettings, Settings
from engine.upkeep.invariants import examine
from engine.upkeep.repair import Repair, repair
from engine.upkeep.repair.spoiled import spoiled_keys
from tests.command_count import Commands
from tests.funnel_pages import ORIGINAL_CHAT_KEY
from tests.funnels import PREVIEW_DOMAIN, TOKEN, build_funnel, request_clone
from tests.in_process import Workshop
from tests.old_scene import EditingCopier, OldScene

MENDED = {
    *("reference_left", "reference_wrong", "text_changed", "chat_key"),
    *("form_missing", "image_missing", "object_missing"),
}


@pytest.fixture
def scene(store: Store, s3: Any, settings: Settings) -> OldScene:
    return OldScene(store, s3, settings)


@pytest.mark.parametrize("forgetful", [False, True], ids=["all its replacements", "d13 replacements lost"])
@pytest.mark.parametrize("old_domain", [PREVIEW_DOMAIN, "no.example.com"], ids=["with a token", "d12 undefined"])
def test_a_clone_of_the_old_system_is_mended(
    store: Store, s3: Any, settings: Settings, *, forgetful: bool, old_domain: str
) -> None:
    scene = OldScene(store, s3, settings, old_domain, forgetful=forgetful)
    assert ('api-key="undefined"' in scene.texts()) is (old_domain != PREVIEW_DOMAIN)
    assert {"reference_left", "chat_key"} <= scene.kinds()
    done = scene.repair()
    assert (done.problems, done.whole) == ([], True)
    assert scene.kinds() & MENDED == set()
    assert str(scene.original_id) not in scene.texts()
    again = scene.repair()
    assert (again.pages, again.images, again.forms, again.problems) == ([], [], [], [])


def test_d8_links_to_other_pages_lead_to_the_clones(scene: OldScene) -> None:
    others = [str(scene.original_step(place)["_id"]) for place in range(1, 4)]
    assert all(other in scene.step(0)["raw_html"] for other in others)
    scene.repair()
    html = scene.step(0)["raw_html"]
    assert [other for other in others if other in html] == []
    assert all(f"/funnel/{scene.clone_id}/step/{scene.step(place)['_id']}" in html for place in range(4))


def test_of_two_pages_for_one_of_the_originals_links_lead_to_the_done_one_then_the_older(scene: OldScene) -> None:
    step = scene.step(1)
    older, younger = ObjectId("0" * 24), ObjectId()
    scene.db["funnel.step"].insert_many(
        [{**step, "_id": older, "pending": True}, {**step, "_id": younger, "raw_html": ""}]
    )
    scene.write(0, f"/step/{step['original_step_id']}")
    scene.repair()
    assert scene.step(0)["raw_html"] == f"/step/{step['_id']}"


def test_d10_images_that_were_never_copied_are_copied_as_the_engine_would(scene: OldScene) -> None:
    lacking = scene.one("sites_images", ref_id=scene.original_id, fileName="logo.svg")
    assert scene.db["sites_images"].find_one({"ref_id": scene.clone_id, "source_key": lacking["key"]}) is None
    done = scene.repair()
    record = scene.one("sites_images", ref_id=scene.clone_id, source_key=lacking["key"])
    assert record["key"] == object_key(scene.clone_id, lacking["key"], "logo.svg")
    assert (record["uploaded"], record["account_id"]) == (True, scene.account)
    assert record["clone"] == {"funnel_id": scene.clone_id, "source_id": lacking["_id"], "epoch": 0}
    assert [(image.source, image.target, image.bytes) for image in done.images] == [
        (lacking["key"], record["key"], 500)
    ]
    assert scene.s3.head_object(Bucket=scene.settings.s3.bucket, Key=record["key"])["ContentLength"] == 500


def test_d9_of_two_copies_the_older_whose_object_stands_is_taken(scene: OldScene) -> None:
    original = scene.one("sites_images", ref_id=scene.original_id, fileName="plain.jpg")
    query = {"ref_id": scene.clone_id, "source_key": original["key"]}
    older, younger = scene.db["sites_images"].find(query).sort("_id", 1)
    for page, lost in ((0, None), (1, older["key"])):
        if lost:
            scene.s3.delete_object(Bucket=scene.settings.s3.bucket, Key=lost)
        scene.write(page, f"<img src='/{original['key']}'>")
    done = scene.repair()
    assert done.problems == []
    assert [scene.step(page)["raw_html"] for page in (0, 1)] == [f"<img src='/{younger['key']}'>"] * 2


def test_a_lost_object_that_the_clones_pages_show_is_copied_again(scene: OldScene) -> None:
    scene.repair()
    record = scene.one("sites_images", ref_id=scene.clone_id, fileName="plain.jpg")
    scene.write(0, record["key"])
    scene.s3.delete_object(Bucket=scene.settings.s3.bucket, Key=record["key"])
    done = scene.repair()
    assert [image.target for image in done.images] == [record["key"]]
    assert (done.pages, done.problems) == ([], [])
    assert scene.s3.head_object(Bucket=scene.settings.s3.bucket, Key=record["key"])["ContentLength"] == 500


@pytest.mark.parametrize("change", [{"$unset": {"uploaded": ""}}, {"$set": {"uploaded": False}}])
def test_an_object_that_stands_is_not_copied_over_whatever_its_record_says(
    scene: OldScene, change: dict[str, Any]
) -> None:
    scene.repair()
    record = scene.one("sites_images", ref_id=scene.clone_id, fileName="plain.jpg")
    scene.write(0, record["key"])
    scene.s3.put_object(Bucket=scene.settings.s3.bucket, Key=record["key"], Body=b"edited by its users")
    scene.db["sites_images"].update_one({"_id": record["_id"]}, change)
    done = scene.repair()
    assert (done.images, done.problems) == ([], [])
    stands = scene.s3.get_object(Bucket=scene.settings.s3.bucket, Key=record["key"])["Body"].read()
    assert stands == b"edited by its users"
    assert scene.one("sites_images", _id=record["_id"])["uploaded"] is True


def test_a_clone_that_names_itself_as_its_original_is_refused(scene: OldScene) -> None:
    scene.db["funnels"].update_one({"_id": scene.clone_id}, {"$set": {"original_funnel_id": scene.clone_id}})
    with pytest.raises(PermanentError, match="names itself"):
        scene.repair()


def test_d11_forms_are_copied_once_and_replaced_wherever_they_stand(scene: OldScene) -> None:
    secret = scene.one("forms")["form_secret_id"]
    new = form_secret_id(scene.clone_id, secret)
    for place in (1, 2):
        scene.append(place, f"<iframe src='/userform/{secret}'></iframe><i data-form='{secret}'>")
    done = scene.repair()
    assert secret in {form.source for form in done.forms}
    assert secret not in scene.texts()
    assert scene.step(1)["raw_html"].endswith(f"<iframe src='/userform/{new}'></iframe><i data-form='{new}'>")
    (made,) = scene.db["forms"].find({"form_secret_id": new})
    assert made["account_id"] == scene.account
    assert scene.db["forms"].count_documents({"clone.funnel_id": scene.clone_id}) == len(done.forms)


def test_b15_a_form_that_a_page_of_the_clone_only_mentions_is_moved_there_too(scene: OldScene) -> None:
    secret = str(uuid4())
    new = form_secret_id(scene.clone_id, secret)
    scene.db["forms"].insert_one({"form_secret_id": secret, "form_name": "Embedded once"})
    embeds = f"<iframe src='/userform/{secret}'></iframe>"
    scene.db["funnel.step"].update_one({"_id": scene.original_step(0)["_id"]}, {"$set": {"raw_html": embeds}})
    scene.append(2, f"<i data-form='{secret}'>")
    tree = scene.one("funnel.step.components", step_id=scene.step(3)["_id"])
    scene.db["funnel.step.components"].update_one({"_id": tree["_id"]}, {"$set": {"components": f'{{"f":"{secret}"}}'}})
    scene.repair()
    assert scene.step(2)["raw_html"].endswith(f"<i data-form='{new}'>")
    assert scene.one("funnel.step.components", _id=tree["_id"])["components"] == f'{{"f":"{new}"}}'
    assert scene.db["forms"].count_documents({"form_secret_id": new}) == 1


_EMBEDS = "<iframe src='/userform/{}'></iframe>"


@pytest.mark.parametrize(
    ("original", "clone"),
    [
        (_EMBEDS, "<i data-form='{}'>"),
        ("<p>theirs</p>" + _EMBEDS, "<p>ours</p>" + _EMBEDS),
        (_EMBEDS, "<p>ours</p><i data-form='%7B{}%7D'>"),
    ],
    ids=["only mentioned", "embedded behind an edit", "mentioned behind an edit, encoded"],
)
@pytest.mark.parametrize("added", [False, True], ids=["on a page of the original", "on a page of its users"])
def test_b15_a_form_that_a_repair_copies_is_no_orphan(
    scene: OldScene, original: str, clone: str, *, added: bool
) -> None:
    secret = str(uuid4())
    new = form_secret_id(scene.clone_id, secret)
    scene.db["forms"].insert_one({"form_secret_id": secret, "form_name": "Embedded by the original"})
    page = {"_id": scene.original_step(0)["_id"]}
    scene.db["funnel.step"].update_one(page, {"$set": {"raw_html": original.format(secret)}})
    scene.write(0, "" if added else clone.format(secret))
    if added:
        scene.db["funnel.step"].insert_one({"funnel_id": scene.clone_id, "raw_html": clone.format(secret)})
    scene.repair()
    assert clone.format(new) in scene.texts()
    assert "form_orphan" not in scene.kinds()
    assert "reference_left" not in scene.kinds()
    scene.write(0, "")
    scene.db["funnel.step"].delete_many({"funnel_id": scene.clone_id, "original_step_id": None})
    assert "form_orphan" in scene.kinds()


def test_a_form_of_the_clone_that_the_original_embeds_too_is_the_clones(scene: OldScene) -> None:
    secret = str(uuid4())
    scene.db["forms"].insert_one({"form_secret_id": secret, "clone": {"funnel_id": scene.clone_id}})
    page = f"<iframe src='/userform/{secret}'></iframe>"
    scene.db["funnel.step"].update_one({"_id": scene.original_step(0)["_id"]}, {"$set": {"raw_html": page}})
    scene.write(0, page)
    scene.write(1, secret)
    scene.repair()
    assert (scene.step(0)["raw_html"], scene.step(1)["raw_html"]) == (page, secret)


def test_d12_an_unknown_chat_key_becomes_the_token_and_a_known_one_stays(scene: OldScene) -> None:
    scene.db["support_tokens"].insert_one({"domain": "shop.example.com", "token": "its-own-token"})
    widget = '<script api-key="{}" custom-chat-widget="true"></script>'
    keys = ["undefined", "", "its-own-token", TOKEN, ORIGINAL_CHAT_KEY, "nobody's"]
    scene.write(0, "".join(map(widget.format, keys)))
    scene.repair()
    wanted = [TOKEN, TOKEN, "its-own-token", TOKEN, TOKEN, TOKEN]
    assert scene.step(0)["raw_html"] == "".join(map(widget.format, wanted))


@pytest.mark.parametrize(
    ("token", "page"),
    [
        ("t/q", r'{"h":"<script api-key=\"t\/q\" custom-chat-widget=\"true\">"}'),
        ('a/b"c', r'{"h":"<script api-key=\"a\/b&quot;c\" custom-chat-widget=\"true\">"}'),
        ("tök", r'{"h":"<script api-key=\"t\u00f6k\" custom-chat-widget=\"true\">"}'),
        ("tok&en", '<p srcdoc="<script api-key=&quot;tok&amp;amp;en&quot; custom-chat-widget=&quot;true&quot;>">'),
        ("tok&amp;en", '<script api-key="tok&amp;en" custom-chat-widget="true"></script>'),
    ],
)
def test_d12_a_right_key_stays_and_the_originals_does_not_however_they_are_written(
    scene: OldScene, token: str, page: str
) -> None:
    scene.db["support_tokens"].insert_one({"domain": "shop.example.com", "token": token})
    scene.write(0, page)
    scene.repair()
    assert scene.step(0)["raw_html"] == page
    plain = f'<script api-key="{escape(token)}" custom-chat-widget="true"></script>'
    scene.db["funnel.step"].update_one({"_id": scene.original_step(0)["_id"]}, {"$set": {"raw_html": plain}})
    scene.repair()
    assert TOKEN in scene.step(0)["raw_html"]


def test_d12_a_key_that_is_no_text_of_a_database_is_wrong_like_any_other(scene: OldScene) -> None:
    widget = '<script api-key="{}" custom-chat-widget="true"></script>'
    keys = [r"\ud800", r"\u0000", "&#xd800;", "\\", "x" * 3_000_000]
    scene.write(0, "".join(map(widget.format, keys)))
    scene.repair()
    assert scene.step(0)["raw_html"] == widget.format(TOKEN) * len(keys)


def test_the_chat_keys_of_a_page_are_asked_for_at_once_and_not_again(scene: OldScene) -> None:
    widget = '<script api-key="{}" custom-chat-widget="true"></script>'
    page = "".join(widget.format(f"key-{number}") for number in range(300))
    queries: list[str] = []

    class Queries(Commands):
        def started(self, event: monitoring.CommandStartedEvent) -> None:
            if event.command_name == "find" and event.command["find"] == "support_tokens":
                queries.append("one" if "token" not in event.command["filter"] else "keys")

    scene.db["funnel.step.components"].delete_many({"funnel_id": scene.clone_id})
    for place in range(4):
        scene.write(place, page)
    watched = open_store(scene.settings.mongo, listeners=[Queries()])
    try:
        clone, given = scene.one("funnels", _id=scene.clone_id), scene.settings
        repair(watched, Objects(given.s3), InProcessCopier(given.s3, given.copy), clone, given, dry_run=True)
    finally:
        watched.close()
    assert queries.count("keys") == 1


def test_more_keys_than_a_query_holds_are_asked_for_all(scene: OldScene) -> None:
    keys = [f"{number}{'ö' * 4_000}" for number in range(2_500)]
    scene.db["support_tokens"].insert_many([{"domain": key[:9], "token": key} for key in (keys[0], keys[-1])])
    assert tokens_among(scene.store, scene.clone_id, keys) == {keys[0], keys[-1]}


def test_d12_a_token_of_awkward_characters_is_written_once(scene: OldScene) -> None:
    scene.db["support_tokens"].update_one({"domain": PREVIEW_DOMAIN}, {"$set": {"token": "a$1\"b'<&\\1"}})
    assert scene.repair().whole
    assert 'api-key="a$1&quot;b&#x27;&lt;&amp;&#92;1"' in scene.step(0)["raw_html"]
    assert scene.repair().pages == []


@pytest.mark.parametrize("domain", ["", "unknown.example.com"])
def test_without_a_token_the_key_becomes_empty_and_is_told(scene: OldScene, domain: str) -> None:
    settings = replace(scene.settings, chat=ChatSettings(preview_domain=domain))
    for _ in range(2):
        done = scene.repair(settings=settings)
        assert ORIGINAL_CHAT_KEY not in scene.texts()
        assert len(done.problems) > 0
        assert all("chat: " in problem for problem in done.problems)
    assert done.pages == []


def test_chat_keys_stay_where_the_original_has_no_widget(scene: OldScene) -> None:
    scene.db["funnels"].update_one({"_id": scene.original_id}, {"$set": {"live_chat_widget": False}})
    scene.repair()
    assert ORIGINAL_CHAT_KEY in scene.texts()


def test_d17_a_key_that_was_spoiled_by_a_shorter_one_is_set_right(scene: OldScene) -> None:
    short, long = (scene.db["sites_images"].find({"ref_id": scene.original_id}).sort("_id", 1)[n] for n in (0, 2))
    assert long["key"] == short["key"] + ".webp"
    copies = list(scene.db["sites_images"].find({"ref_id": scene.clone_id, "source_key": short["key"]}))
    spoiled = [copy["key"] + ".webp" for copy in copies]
    assert any(key in scene.texts() for key in spoiled)
    scene.repair()
    assert [key for key in spoiled if key in scene.texts()] == []


def test_a_key_that_only_looks_spoiled_stays(scene: OldScene) -> None:
    short = scene.one("sites_images", ref_id=scene.original_id, fileName="hero.png")
    copy = scene.one("sites_images", ref_id=scene.clone_id, source_key=short["key"])
    scene.s3.put_object(Bucket=scene.settings.s3.bucket, Key=copy["key"] + ".webp", Body=b"somebody's")
    scene.write(0, f"/{copy['key']}.webp")
    scene.repair()
    assert scene.step(0)["raw_html"] == f"/{copy['key']}.webp"


def test_d18_each_spelling_is_told_and_kept(scene: OldScene) -> None:
    image = scene.one("sites_images", ref_id=scene.original_id, fileName="team photo.png")
    copy = scene.one("sites_images", ref_id=scene.clone_id, source_key=image["key"])
    scene.write(0, f"<img src='/{image['key'].replace(' ', '%20')}'><img alt='{image['key']}'>")
    done = scene.repair()
    assert scene.step(0)["raw_html"] == f"<img src='/{copy['key'].replace(' ', '%20')}'><img alt='{copy['key']}'>"
    (page,) = [page for page in done.pages if page.step_id == scene.step(0)["_id"]]
    moves = [move for move in page.moves if move.source == image["key"]]
    assert [(move.kind, move.target, move.count) for move in moves] == [("image", copy["key"], 1)] * 2
    assert len({move.spelling for move in moves}) == 2


def test_a_dry_run_writes_nothing_and_tells_what_a_run_does(scene: OldScene) -> None:
    before = scene.everything()
    told = scene.repair(dry_run=True)
    assert scene.everything() == before
    done = scene.repair()
    assert scene.everything() != before
    assert told.document() == {**done.document(), "dry_run": True}
    assert told.pages
    assert told.images
    assert told.forms


def test_what_a_repair_writes_is_dated_by_the_server_and_nothing_else_changes(scene: OldScene) -> None:
    before, _ = scene.everything()
    scene.repair()
    after, _ = scene.everything()
    texts = {"raw_html", "components", "updatedAt", "version"}
    for name in ("funnels", "funnel.step", "funnel.step.components"):
        for old, new in zip(before[name], after[name], strict=True):
            assert {field for field in new if old.get(field) != new[field]} <= texts, name
            assert old.keys() <= new.keys()
    changed = [
        (old, new)
        for old, new in zip(before["funnel.step"], after["funnel.step"], strict=True)
        if old["raw_html"] != new["raw_html"]
    ]
    assert len(changed) == 4
    assert all(new["updatedAt"] > old["updatedAt"] for old, new in changed)
    # A clone of this clone, laid out before, is planned anew.
    assert all(new["version"] > old["version"] for old, new in changed)
    for name in ("sites_images", "forms"):
        known = {document["_id"] for document in before[name]}
        assert [document for document in after[name] if document["_id"] in known] == before[name]


def test_edits_of_users_are_kept(scene: OldScene) -> None:
    extra = ObjectId()
    uploaded = f"{uuid4()}/{scene.original_id}-mine.png"
    form = str(uuid4())
    scene.db["sites_images"].insert_one({"ref_id": scene.clone_id, "fileName": "mine.png", "key": uploaded})
    added = f"<p>Ours: $1 &amp; <img src='/{uploaded}'><iframe src='/userform/{form}'></iframe>"
    scene.append(0, added)
    scene.db["funnel.step"].insert_one(
        {"_id": extra, "funnel_id": scene.clone_id, "raw_html": f"<a href='/funnel/{scene.original_id}'>{added}"}
    )
    assert scene.repair().problems == []
    assert scene.step(0)["raw_html"].endswith(added)
    assert scene.one("funnel.step", _id=extra)["raw_html"] == f"<a href='/funnel/{scene.clone_id}'>{added}"


@pytest.mark.parametrize("text", ["raw_html", "components"])
def test_an_edit_in_between_is_not_overwritten(scene: OldScene, text: str) -> None:
    collection = {"raw_html": "funnel.step", "components": "funnel.step.components"}[text]
    edited: dict[Any, str] = {}

    def edit() -> None:
        for document in scene.db[collection].find({"funnel_id": scene.clone_id}):
            edited[document["_id"]] = document[text] + " "
            scene.db[collection].update_one({"_id": document["_id"]}, {"$set": {text: edited[document["_id"]]}})

    before = {tree["_id"]: tree["components"] for tree in scene.db["funnel.step.components"].find()}
    done = scene.repair(copier=EditingCopier(scene.settings, edit))
    assert edited
    assert any("edited meanwhile" in problem for problem in done.problems)
    told = {problem.split(":")[0].removeprefix("step ") for problem in done.problems}
    for document in scene.db[collection].find({"funnel_id": scene.clone_id}):
        step_id = document.get("step_id", document["_id"])
        if str(step_id) in told:
            assert document[text] == edited[document["_id"]]
            tree = scene.one("funnel.step.components", step_id=step_id)
            assert text == "components" or tree["components"] == before[tree["_id"]], "all of a page or nothing"
    assert scene.repair().problems == []
    assert scene.kinds() & (MENDED - {"text_changed"}) == set()


def test_of_two_repairs_that_have_read_the_same_page_one_mends_it_and_nothing_is_made_twice(scene: OldScene) -> None:
    both_have_read = Barrier(2, timeout=60)

    def run(_: int) -> Repair:
        waits = iter([both_have_read.wait])

        def meet() -> None:
            for wait in waits:  # at its first copy alone: only there both are sure to come by
                wait()

        return scene.repair(copier=EditingCopier(scene.settings, meet))

    with ThreadPoolExecutor(2) as threads:
        done = list(threads.map(run, range(2)))
    told = [problem for repaired in done for problem in repaired.problems]
    assert told, "one of the two has read what the other has written over"
    assert [problem for problem in told if "edited meanwhile" not in problem] == []
    mended = [page.step_id for repaired in done for page in repaired.pages]
    assert sorted(mended) == sorted(scene.step(place)["_id"] for place in range(4))
    assert scene.repair().problems == []
    assert scene.kinds() & MENDED == set()
    for collection, name in (("forms", "form_secret_id"), ("sites_images", "key")):
        made = [document[name] for document in scene.db[collection].find({"clone.funnel_id": scene.clone_id})]
        assert made
        assert len(made) == len(set(made))


def test_a_page_near_the_limit_is_mended_and_an_edit_of_it_seen(scene: OldScene) -> None:
    link, filler = f"<a href='/funnel/{scene.original_id}'>", "x" * 15 * 1024**2
    scene.write(0, link + filler)
    assert scene.repair().problems == []
    assert scene.step(0)["raw_html"] == f"<a href='/funnel/{scene.clone_id}'>{filler}"
    step_id = scene.step(0)["_id"]
    late = PageChange(step_id, Change(step_id, link + filler, filler), (), {}, ())
    assert commit(scene.store, scene.clone_id, late) == "edited"


def test_every_components_document_of_a_page_is_mended_and_a_strange_one_told(scene: OldScene) -> None:
    step_id = scene.step(0)["_id"]
    second = {"step_id": step_id, "funnel_id": scene.clone_id, "components": f'{{"id":"{scene.original_id}"}}'}
    mended = scene.db["funnel.step.components"].insert_one(second).inserted_id
    strange = scene.db["funnel.step.components"].insert_one({**second, "_id": 7, "components": ["x"]}).inserted_id
    done = scene.repair()
    assert done.problems == [f"step {step_id}: components {strange}: components is list, not text"]
    assert scene.one("funnel.step.components", _id=mended)["components"] == f'{{"id":"{scene.clone_id}"}}'


@pytest.mark.parametrize("flag", ["pending", "in_progress"])
def test_a_clone_that_is_asked_for_meanwhile_is_left_to_the_pass(scene: OldScene, flag: str) -> None:
    def ask() -> None:
        scene.db["funnels"].update_one({"_id": scene.clone_id}, {"$set": {flag: True}})

    before, _ = scene.everything()
    done = scene.repair(copier=EditingCopier(scene.settings, ask))
    after, _ = scene.everything()
    assert [problem for problem in done.problems if "asked for again" in problem]
    made = [page.step_id for page in done.pages]
    untouched = [step for step in before["funnel.step"] if step["_id"] not in made]
    assert [step for step in after["funnel.step"] if step["_id"] not in made] == untouched
    assert after["sites_images"] == before["sites_images"]


def _change_of(scene: OldScene) -> PageChange:
    step = scene.step(0)
    return PageChange(step["_id"], Change(step["_id"], step["raw_html"], "late"), (), {}, ({"_id": "late"},))


@pytest.mark.parametrize("flag", ["pending", "in_progress"])
@pytest.mark.parametrize("edited", [False, True])
def test_a_page_in_other_hands_is_told_from_an_edited_one(scene: OldScene, flag: str, *, edited: bool) -> None:
    change = _change_of(scene)
    taken = {flag: True, **({"raw_html": "edited"} if edited else {})}
    scene.db["funnel.step"].update_one({"_id": change.step_id}, {"$set": taken})
    before = scene.everything()
    assert commit(scene.store, scene.clone_id, change) == "taken"
    scene.db["funnel.step"].delete_one({"_id": change.step_id})
    assert commit(scene.store, scene.clone_id, change) == "gone"
    scene.db["funnel.step"].insert_one(next(step for step in before[0]["funnel.step"] if step["_id"] == change.step_id))
    assert scene.everything() == before


@pytest.mark.parametrize("flag", ["pending", "in_progress"])
def test_a_funnel_in_other_hands_is_told_whatever_its_pages_say(scene: OldScene, flag: str) -> None:
    change = _change_of(scene)
    scene.db["funnel.step"].update_one({"_id": change.step_id}, {"$set": {flag: True, "raw_html": "by a pass"}})
    scene.db["funnels"].update_one({"_id": scene.clone_id}, {"$set": {flag: True}})
    before = scene.everything()
    with pytest.raises(ClaimLost, match="asked for again"):
        commit(scene.store, scene.clone_id, change)
    scene.db["funnels"].delete_one({"_id": scene.clone_id})
    with pytest.raises(ClaimLost, match="is gone"):
        commit(scene.store, scene.clone_id, change)
    assert scene.everything()[0]["funnel.step"] == before[0]["funnel.step"]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"$set": {"in_progress": True}}, "asked for or in work by now"),
        ({"$set": {"raw_html": "edited"}}, "edited meanwhile"),
        (None, "deleted meanwhile"),
    ],
)
def test_why_a_page_was_not_written_is_told(scene: OldScene, change: dict[str, Any] | None, reason: str) -> None:
    def meddle() -> None:
        for place in range(4):
            query = {"funnel_id": scene.clone_id, "original_step_id": scene.original_step(place)["_id"]}
            if change is None:
                scene.db["funnel.step"].delete_one(query)
            else:
                scene.db["funnel.step"].update_one(query, change)

    first = scene.step(0)["_id"]
    logo = scene.one("sites_images", ref_id=scene.original_id, fileName="logo.svg")["key"]
    scene.write(0, f"<img src='/{logo}'>")
    done = scene.repair(copier=EditingCopier(scene.settings, meddle))
    assert [problem for problem in done.problems if problem.startswith(f"step {first}: {reason}")]
    assert first not in [page.step_id for page in done.pages]


def test_a_page_that_is_not_finished_is_told_and_left(scene: OldScene) -> None:
    unfinished = scene.step(0)["_id"]
    scene.db["funnel.step"].update_one({"_id": unfinished}, {"$set": {"pending": True}})
    before = scene.one("funnel.step", _id=unfinished)
    done = scene.repair()
    assert [problem for problem in done.problems if f"step {unfinished}: not finished" in problem]
    assert scene.one("funnel.step", _id=unfinished) == before


def _lose_object(scene: OldScene) -> str:
    record = scene.one("sites_images", ref_id=scene.original_id, fileName="logo.svg")
    scene.s3.delete_object(Bucket=scene.settings.s3.bucket, Key=record["key"])
    return str(record["key"])


def _lose_form(scene: OldScene) -> str:
    secret = scene.one("forms")["form_secret_id"]
    scene.append(0, f"<iframe src='/userform/{secret}'></iframe>")
    scene.db["forms"].delete_one({"form_secret_id": secret})
    return str(secret)


def _lose_step(scene: OldScene) -> str:
    step = scene.step(3)
    scene.db["funnel.step"].delete_one({"_id": step["_id"]})
    return str(step["original_step_id"])


@pytest.mark.parametrize("lose", [_lose_object, _lose_form, _lose_step])
def test_a_reference_without_a_target_stays_and_is_told(scene: OldScene, lose: Callable[[OldScene], str]) -> None:
    lost = lose(scene)
    told = scene.repair(dry_run=True)
    done = scene.repair()
    assert done.problems
    assert told.problems == done.problems
    assert all(lost in problem for problem in done.problems)
    assert lost in scene.texts()
    again = scene.repair()
    assert (again.pages, again.problems) == ([], done.problems)


def test_an_original_page_that_is_gone_since_leads_to_the_clones(scene: OldScene) -> None:
    gone = scene.original_step(3)["_id"]
    clone = scene.step(3)["_id"]
    scene.db["funnel.step"].delete_one({"_id": gone})
    assert scene.repair().problems == []
    assert str(gone) not in scene.texts()
    assert str(clone) in scene.texts()


def test_pages_of_other_funnels_stay(scene: OldScene) -> None:
    other = build_funnel(
        scene.db, scene.s3, scene.settings.s3.bucket, steps=1, images=0, forms=0, html_bytes=9, components_bytes=9
    )
    foreign = scene.one("funnel.step", funnel_id=other)["_id"]
    scene.db["funnel.step"].insert_one({"funnel_id": scene.clone_id, "original_step_id": foreign, "raw_html": "x"})
    scene.append(0, f"<a href='/funnel/{other}/step/{foreign}'>")
    scene.repair()
    assert scene.step(0)["raw_html"].endswith(f"<a href='/funnel/{other}/step/{foreign}'>")


def test_a_clone_of_the_engine_needs_nothing_and_damage_is_mended(
    store: Store, s3: Any, settings: Settings, workshop: Workshop
) -> None:
    original = build_funnel(store.db, s3, settings.s3.bucket, steps=3, images=8, image_bytes=100, chat=True)
    request_clone(store.db, original)
    clone_id = workshop.clone()[0].claim.funnel_id

    def mend() -> Repair:
        clone = store.db["funnels"].find_one({"_id": clone_id})
        assert clone is not None
        return repair(store, Objects(settings.s3), workshop.copier, clone, settings)

    before = {name: list(store.db[name].find()) for name in store.db.list_collection_names()}
    done = mend()
    assert (done.pages, done.images, done.forms, done.problems) == ([], [], [], [])
    assert {name: list(store.db[name].find()) for name in store.db.list_collection_names()} == before
    step = store.db["funnel.step"].find_one({"funnel_id": clone_id}) or {}
    damaged = step["raw_html"].replace(str(clone_id), str(original))
    store.db["funnel.step"].update_one({"_id": step["_id"]}, {"$set": {"raw_html": damaged}})
    assert len(mend().pages) == 1
    assert examine(store.db, s3, clone_id, preview_domain=PREVIEW_DOMAIN).violations == ()


@pytest.mark.parametrize("edited", [False, True])
def test_the_proof_of_a_page_moves_along_unless_a_user_has_edited_it(scene: OldScene, *, edited: bool) -> None:
    text, step_id = f"<p>{scene.original_id}", scene.step(0)["_id"]
    proof = {"html_read": "r", "html_written": fingerprint("as written" if edited else text)}
    scene.db["funnel.step"].update_one({"_id": step_id}, {"$set": {"raw_html": text, "clone": {"proof": proof}}})
    scene.repair()
    wanted = proof["html_written"] if edited else fingerprint(f"<p>{scene.clone_id}")
    assert scene.one("funnel.step", _id=step_id)["clone"] == {"proof": {"html_read": "r", "html_written": wanted}}


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"pending": True}, "is pending"),
        ({"in_progress": True}, "is in_progress"),
        ({"original_funnel_id": ObjectId()}, "is gone"),
    ],
)
def test_a_clone_that_cannot_be_repaired_is_refused(scene: OldScene, change: dict[str, Any], reason: str) -> None:
    scene.db["funnels"].update_one({"_id": scene.clone_id}, {"$set": change})
    before = scene.everything()
    with pytest.raises(PermanentError, match=reason):
        scene.repair()
    assert scene.everything() == before


def test_d17_spoiled_keys_are_told_from_what_is_replaced_within() -> None:
    keys = ["a/x.png", "a/x.png.webp", "f00d/s1/y.png"]
    ids = {"f00d": "beef", "s1": "s2"}
    assert spoiled_keys(keys, {"a/x.png": ["b/x.png", "c/x.png"]}, ("f00d", "beef"), ids) == {
        "b/x.png.webp": "a/x.png.webp",
        "c/x.png.webp": "a/x.png.webp",
        "beef/s1/y.png": "f00d/s1/y.png",
        "beef/s2/y.png": "f00d/s1/y.png",
    }
    assert spoiled_keys([], {}, ("f00d", "beef"), {}) == {}


def test_the_command_ends_with_0_1_or_2(scene: OldScene) -> None:
    def run(clone: Any, *options: str, **how: Any) -> tuple[int, dict[str, Any]]:
        return scene.command(clone, "--json", *options, **how)[:2]

    before = scene.everything()
    code, told = run(scene.clone_id, "--dry-run", as_process=True)
    assert (code, told["dry_run"], scene.everything() == before) == (0, True, True)
    assert told.keys() >= {"clone", "pages", "images_copied", "bytes", "forms_copied", "problems"}
    assert told["pages"][0]["references"][0].keys() == {"kind", "from", "to", "spelling", "count"}
    assert run(scene.clone_id) == (0, {**told, "dry_run": False})
    code, done = run(scene.clone_id)
    assert (code, done["pages"], done["images_copied"], done["forms_copied"]) == (0, [], 0, 0)
    assert run(ObjectId())[0] == 2
    code, refused = run(scene.original_id)
    assert (code, "is no clone" in refused["error"]) == (2, True)
    scene.db["funnels"].update_one({"_id": scene.clone_id}, {"$set": {"pending": True}})
    code, refused = run(scene.clone_id)
    assert (code, "pending" in refused["error"]) == (1, True)
    itself = {"$set": {"pending": False, "original_funnel_id": scene.clone_id}}
    scene.db["funnels"].update_one({"_id": scene.clone_id}, itself)
    code, refused = run(scene.clone_id)
    assert (code, f"clone {scene.clone_id} names itself" in refused["error"]) == (1, True)
