"""``verify`` by mutation: a clone that the engine made is sound, and each way to damage it is found as what it is."""

import json
import re
from collections.abc import Callable, Iterable, Iterator
from datetime import timedelta
from html import escape
from pathlib import Path
from tempfile import gettempdir
from typing import Any, get_args
from urllib.parse import quote
from uuid import uuid4

import pytest
from bson import ObjectId

from engine.edges.mongo.client import open_store
from engine.settings import ChatSettings, CopySettings, LocalSettings, MongoSettings, RaySettings, S3Settings, Settings
from engine.upkeep.invariants.violations import Kind, NoteKind
from engine.upkeep.verify import Verification, verify
from tests.command_line import CHECKOUT, Done, environment_without_servers, run_as_process, run_here
from tests.damages import DAMAGES, OBJECT_DAMAGES
from tests.funnels import PREVIEW_DOMAIN, build_funnel, request_clone
from tests.in_process import Workshop
from tests.scene import Scene

# The page says where; the escape says what a browser makes of it.
ENCODINGS: dict[str, Callable[[str], str]] = {
    "percent, every character": lambda text: "".join(f"%{ord(c):02x}" for c in text),
    "percent twice": lambda text: quote("".join(f"%{ord(c):02x}" for c in text)),
    "percent, three times": lambda text: quote(quote("".join(f"%{ord(c):02X}" for c in text))),
    "entities, decimal": lambda text: "".join(f"&#{ord(c)};" for c in text),
    "entities, hex": lambda text: "".join(f"&#x{ord(c):X};" for c in text),
    "one entity": lambda text: f"&#{ord(text[0])};{text[1:]}",
    "json": lambda text: "".join(f"\\u{ord(c):04x}" for c in text),
    "json in json": lambda text: json.dumps("".join(f"\\u{ord(c):04X}" for c in text))[1:-1],
    "script": lambda text: "".join(f"\\x{ord(c):02x}" for c in text),
    "css": lambda text: "".join(f"\\{ord(c):x} " for c in text),
    "css, six digits": lambda text: "".join(f"\\{ord(c):06x}" for c in text),
    "css in json": lambda text: json.dumps("".join(f"\\{ord(c):x} " for c in text))[1:-1],
    "entities in json": lambda text: "".join(f"\\u0026#{ord(c)};" for c in text),
    "percent in html in json": lambda text: "".join(f"\\u0026#37;{ord(c):02x}" for c in text),
}


class EngineScene(Scene):
    """As Scene, with the engine for its cloner."""

    def __init__(self, settings: Settings, s3: Any, **options: Any) -> None:
        self.settings, self.store = settings, open_store(settings.mongo)
        super().__init__(self.store.db, s3, settings.s3.bucket, **options)

    def _clone(self) -> Any:
        request_clone(self.database, self.original_id)
        plan, finished = Workshop(self.store, self.settings).clone()
        assert finished.state == "completed"
        return plan.claim.funnel_id

    def verify(self) -> Verification:
        return verify(self.store, self.s3, self.clone_id, original_before=self.before, preview_domain=PREVIEW_DOMAIN)

    def kinds(self) -> set[str]:
        found = self.verify()
        return {violation.kind for violation in found.violations} | {note.kind for note in found.notes}


def engine_settings(mongo_server: Any, s3_server: Any, database: str, bucket: str) -> Settings:
    return Settings(
        mongo=MongoSettings(uri=mongo_server.uri, database=database),
        s3=S3Settings(
            endpoint_url=s3_server.endpoint_url,
            bucket=bucket,
            access_key_id=s3_server.access_key_id,
            secret_access_key=s3_server.secret_access_key,
            region=s3_server.region,
        ),
        ray=RaySettings(),
        local=LocalSettings(data_dir=gettempdir()),
        copy=CopySettings(deadline_seconds=60),
        chat=ChatSettings(preview_domain=PREVIEW_DOMAIN),
    )


@pytest.fixture(scope="module")
def standing_scene(mongo_server: Any, mongo_client: Any, s3: Any, s3_server: Any) -> Iterator[EngineScene]:
    """One for all damages to documents; each test restores them."""
    name = f"verify-{uuid4().hex}"
    scene = EngineScene(engine_settings(mongo_server, s3_server, name, s3_server.bucket), s3)
    yield scene
    scene.store.close()
    mongo_client.drop_database(name)


@pytest.fixture
def scene(standing_scene: EngineScene) -> EngineScene:
    # Before a test, not after it: one that broke off spoils no other.
    standing_scene.restore()
    return standing_scene


@pytest.fixture
def own_scene(mongo_server: Any, s3_server: Any, database: Any, s3: Any, bucket: str) -> Iterator[EngineScene]:
    """For damage to objects, which cannot be undone."""
    scene = EngineScene(engine_settings(mongo_server, s3_server, database.name, bucket), s3)
    yield scene
    scene.store.close()


def test_a_clone_of_the_engine_is_sound_and_everything_was_looked_at(scene: EngineScene) -> None:
    stages: list[tuple[str, int, int]] = []
    found = verify(scene.store, scene.s3, scene.clone_id, watch=lambda *stage: stages.append(stage))
    assert (found.violations, found.notes, found.sound) == ((), (), True)
    assert found.checked == {"steps": 4, "texts": 8, "forms": 2, "images": 8, "objects": 8}
    assert ("objects", 8, 8) in stages
    assert ("texts", 1, 8) in stages


@pytest.mark.parametrize(("kind", "damage"), DAMAGES.values(), ids=DAMAGES.keys())
def test_a_damage_is_found_as_its_kind(scene: EngineScene, kind: str, damage: Callable[[Scene], Any]) -> None:
    damage(scene)
    assert kind in scene.kinds()


@pytest.mark.parametrize(("kind", "damage"), OBJECT_DAMAGES.values(), ids=OBJECT_DAMAGES.keys())
def test_a_damaged_object_is_found_as_its_kind(
    own_scene: EngineScene, kind: str, damage: Callable[[Scene], Any]
) -> None:
    damage(own_scene)
    assert kind in own_scene.kinds()


def identities(scene: EngineScene) -> dict[str, tuple[str, str]]:
    """Of each kind one: the original's and the clone's."""
    record, form = scene.one("sites_images"), scene.one("forms")
    source = scene.database["forms"].find_one({"_id": form["clone"]["source_id"]})
    return {
        "step": (str(scene.original("funnel.step")["_id"]), str(scene.one("funnel.step")["_id"])),
        "funnel": (str(scene.original_id), str(scene.clone_id)),
        "image": (record["source_key"], record["key"]),
        "form": (source["form_secret_id"], form["form_secret_id"]),
    }


def mention(scene: EngineScene, encode: Callable[[str], str], before: Iterable[str], after: Iterable[str]) -> None:
    """On the first page of the original, and of the clone, each in a paragraph of its own."""
    for step, named in ((scene.original("funnel.step"), before), (scene.one("funnel.step"), after)):
        paragraphs = "".join(f"<p>{encode(identity)};" for identity in named)
        html = step["raw_html"].replace("<p>", f"{paragraphs}<p>", 1)
        scene.change("funnel.step", {"$set": {"raw_html": html}, "$unset": {"clone.proof": ""}}, step)


# One proof for all kinds of identities: they stand in paragraphs of their own.
@pytest.mark.parametrize("encode", ENCODINGS.values(), ids=ENCODINGS.keys())
def test_an_old_identity_of_each_kind_is_found_in_any_encoding(
    scene: EngineScene, encode: Callable[[str], str]
) -> None:
    # As the engine would leave it: the same escapes in the original and in the clone.
    olds = [old for old, _ in identities(scene).values()]
    mention(scene, encode, olds, olds)
    left = verify(scene.store, scene.s3, scene.clone_id).violations
    assert [violation.kind for violation in left] == ["reference_left"] * len(olds)
    assert [old for old in olds if sum(old in violation.detail for violation in left) != 1] == []
    assert {violation.where for violation in left} == {f"funnel.step/{scene.one('funnel.step')['_id']} raw_html"}


@pytest.mark.parametrize("encode", ENCODINGS.values(), ids=ENCODINGS.keys())
def test_d18_an_identity_of_each_kind_that_was_moved_in_any_encoding_is_sound(
    scene: EngineScene, encode: Callable[[str], str]
) -> None:
    both = identities(scene).values()
    mention(scene, encode, [old for old, _ in both], [new for _, new in both])
    found = verify(scene.store, scene.s3, scene.clone_id)
    assert (found.violations, found.account.unexplained) == ((), 0)


def test_a_form_that_is_embedded_in_an_encoding_alone_is_found(scene: EngineScene) -> None:
    secret = str(uuid4())
    scene.database["forms"].insert_one({"form_secret_id": secret, "account_id": ObjectId()})
    for step in (scene.original("funnel.step"), scene.one("funnel.step")):
        html = step["raw_html"].replace("<p>", f"<p>&#x2f;&#117;serform&#47;{secret};", 1)
        scene.change("funnel.step", {"$set": {"raw_html": html}, "$unset": {"clone.proof": ""}}, step)
    found = verify(scene.store, scene.s3, scene.clone_id)
    assert [(violation.kind, secret in violation.detail) for violation in found.violations] == [
        ("reference_left", True)
    ]


def bare_mention(scene: EngineScene) -> tuple[str, str]:
    """Ids of a form and of its copy, of which one page embeds the form and another comes to name it."""
    pages = scene.database["funnel.step"]
    copies = scene.database["forms"].find({"clone.funnel_id": scene.clone_id})
    pairs = [(scene.database["forms"].find_one({"_id": c["clone"]["source_id"]})["form_secret_id"], c) for c in copies]
    for secret, copy in pairs:
        for step in pages.find({"funnel_id": scene.original_id}):
            tree = scene.database["funnel.step.components"].find_one({"step_id": step["_id"]})
            if step["raw_html"] and secret not in step["raw_html"] + tree["components"]:
                clone = pages.find_one({"original_step_id": step["_id"]})
                for page, mentioned in ((step, secret), (clone, copy["form_secret_id"])):
                    html = page["raw_html"].replace("<p>", f"<p>{mentioned} ", 1)
                    scene.change("funnel.step", {"$set": {"raw_html": html}, "$unset": {"clone.proof": ""}}, page)
                return secret, copy["form_secret_id"]
    raise AssertionError


def test_b15_a_form_that_another_page_embeds_is_moved_where_it_is_only_named(scene: EngineScene) -> None:
    secret, copy = bare_mention(scene)
    assert verify(scene.store, scene.s3, scene.clone_id).violations == ()
    step = scene.database["funnel.step"].find_one({"funnel_id": scene.clone_id, "raw_html": {"$regex": f"<p>{copy}"}})
    html = step["raw_html"].replace(f"<p>{copy}", f"<p>{secret}")
    scene.change("funnel.step", {"$set": {"raw_html": html}}, step)
    found = verify(scene.store, scene.s3, scene.clone_id)
    assert [(v.kind, secret in v.detail) for v in found.violations] == [("reference_left", True)]


def test_b15_a_form_that_may_have_been_embedded_since_may_be_named(scene: EngineScene) -> None:
    secret = str(uuid4())
    scene.database["forms"].insert_one({"form_secret_id": secret, "account_id": ObjectId()})
    texts = list(scene.database["funnel.step"].find({"funnel_id": scene.original_id, "raw_html": {"$ne": None}}))
    clone = scene.database["funnel.step"].find_one({"original_step_id": texts[0]["_id"]})
    for step in (texts[0], clone):
        html = step["raw_html"].replace("<p>", f"<p>{secret} ", 1)
        scene.change("funnel.step", {"$set": {"raw_html": html}, "$unset": {"clone.proof": ""}}, step)
    edited = texts[1]["raw_html"].replace("<p>", f"<p>/userform/{secret} ", 1)
    scene.change("funnel.step", {"$set": {"raw_html": edited}}, texts[1])
    found = verify(scene.store, scene.s3, scene.clone_id)
    assert found.violations == ()
    assert {note.kind for note in found.notes} == {"original_edited"}


def test_references_of_other_funnels_are_notes(scene: EngineScene) -> None:
    other = build_funnel(
        scene.database, scene.s3, scene.bucket, steps=1, images=1, image_bytes=10, forms=1, html_bytes=500
    )
    record = scene.database["sites_images"].find_one({"ref_id": other})
    outside = f"{record['additionalInfo']['Location']} /funnel/{other}/ /userform/{uuid4()}"
    for step in (scene.original("funnel.step"), scene.one("funnel.step")):
        html = step["raw_html"].replace("<p>", f"<p>{outside} {escape(outside)} ", 1)
        scene.change("funnel.step", {"$set": {"raw_html": html}, "$unset": {"clone.proof": ""}}, step)
    found = verify(scene.store, scene.s3, scene.clone_id)
    shown = {note.detail.partition(" ")[0] for note in found.notes if note.kind == "outside_reference"}
    assert {"image", "id"} <= shown


def test_an_original_that_was_edited_since_is_a_note(scene: EngineScene) -> None:
    edited, ended = scene.original("funnel.step"), scene.one("funnels")["clone"]["finished_at"]
    html = edited["raw_html"].replace("<p>", "<p>edited since", 1)
    change = {"raw_html": html, "name": "Another name", "updatedAt": ended + timedelta(minutes=1)}
    scene.change("funnel.step", {"$set": change}, edited)
    scene.change(
        "sites_images", {"$set": {"tags": [], "updatedAt": change["updatedAt"]}}, scene.original("sites_images")
    )
    found = verify(scene.store, scene.s3, scene.clone_id)
    assert found.violations == ()
    assert {note.kind for note in found.notes} == {"original_edited"}
    assert [note.where.partition("/")[0] for note in found.notes] == ["funnel.step", "funnel.step", "sites_images"]


def test_what_was_added_to_the_original_since_is_a_note(scene: EngineScene) -> None:
    later = scene.one("funnels")["clone"]["finished_at"] + timedelta(minutes=1)
    step, record = scene.original("funnel.step"), scene.original("sites_images")
    scene.database["funnel.step"].insert_one({**step, "_id": ObjectId(), "createdAt": later})
    scene.database["sites_images"].insert_one(
        {**record, "_id": ObjectId(), "key": f"{uuid4()}/n.png", "createdAt": later}
    )
    found = verify(scene.store, scene.s3, scene.clone_id)
    assert found.violations == ()
    assert [note.kind for note in found.notes] == ["original_edited", "original_edited"]


def test_a_damage_to_the_clone_of_an_edited_page_is_none_of_the_original(scene: EngineScene) -> None:
    scene.change("funnel.step", {"$set": {"raw_html": "<p>edited since"}}, scene.original("funnel.step"))
    scene.change("funnel.step", {"$set": {"raw_html": f"<p>{scene.original_id}"}})
    found = verify(scene.store, scene.s3, scene.clone_id)
    assert {violation.kind for violation in found.violations} >= {"text_changed", "reference_left"}
    assert [note.kind for note in found.notes] == ["original_edited"]


@pytest.mark.parametrize(
    ("change", "state"),
    [
        ({"pending": True, "clone": {"state": "waiting"}}, "waiting"),
        ({"in_progress": True, "clone": {"state": "cloning"}}, "cloning"),
        ({"clone": {"state": "failed"}}, "failed"),
        ({"clone": {"state": "source_deleted"}}, "source_deleted"),
        ({"pending": True, "clone": None}, "asked for"),
    ],
)
def test_a_clone_that_is_not_completed_says_its_state(scene: EngineScene, change: dict[str, Any], state: str) -> None:
    scene.change("funnels", {"$set": change})
    found = verify(scene.store, scene.s3, scene.clone_id)
    assert [violation.kind for violation in found.violations] == ["not_completed"]
    assert f"the clone is {state}:" in found.violations[0].detail


def test_a_recorded_failure_is_a_note(own_scene: EngineScene) -> None:
    lost = own_scene.original("sites_images")["key"]
    own_scene.s3.delete_object(Bucket=own_scene.bucket, Key=lost)
    own_scene.clone_id = own_scene._clone()
    found = verify(own_scene.store, own_scene.s3, own_scene.clone_id)
    assert found.violations == ()
    assert [(note.kind, lost in note.detail) for note in found.notes] == [("failure_recorded", True)]


def test_an_object_that_was_uploaded_in_parts_is_compared_by_its_bytes(own_scene: EngineScene) -> None:
    record = own_scene.one("sites_images")
    place = {"Bucket": own_scene.bucket, "Key": record["key"]}
    stands = own_scene.s3.get_object(**place)
    known = {"ContentType": stands["ContentType"], "Metadata": stands["Metadata"]}
    body = stands["Body"].read()
    for content, kinds in ((body, set()), (bytes(len(body)), {"object_differs"})):
        upload = own_scene.s3.create_multipart_upload(**place, **known)["UploadId"]
        part = own_scene.s3.upload_part(**place, UploadId=upload, PartNumber=1, Body=content)
        own_scene.s3.complete_multipart_upload(
            **place, UploadId=upload, MultipartUpload={"Parts": [{"PartNumber": 1, "ETag": part["ETag"]}]}
        )
        assert own_scene.kinds() == kinds


def test_the_document_names_every_kind_that_there_is() -> None:
    page = (Path(__file__).parents[2] / "docs/verify.md").read_text("utf-8")
    rows = [line.split("|")[1] for line in page.splitlines() if line.startswith("| `")]
    assert {name for row in rows for name in re.findall(r"`(\w+)`", row)} == {*get_args(Kind), *get_args(NoteKind)}


def test_there_is_a_damage_of_every_kind() -> None:
    damaged = {kind for kind, _ in (*DAMAGES.values(), *OBJECT_DAMAGES.values())}
    assert set(get_args(Kind)) - damaged == {"not_completed"}


def test_verify_writes_nothing(scene: EngineScene) -> None:
    def documents() -> dict[str, Any]:
        return {n: list(scene.database[n].find().sort("_id", 1)) for n in scene.database.list_collection_names()}

    before = documents()
    scene.verify()
    assert documents() == before


def stored_bytes(scene: EngineScene, funnel_id: Any) -> int:
    """Of the texts of a funnel's pages."""
    pages = scene.database["funnel.step"].find({"funnel_id": funnel_id})
    trees = scene.database["funnel.step.components"].find({"funnel_id": funnel_id})
    texts = [page["raw_html"] for page in pages] + [tree["components"] for tree in trees]
    return sum(len(text.encode()) for text in texts if text)


def texts_of(scene: EngineScene) -> Iterator[tuple[str, str, str]]:
    """Each text of the clone: where it is, the original's, the clone's."""
    pages, trees = scene.database["funnel.step"], scene.database["funnel.step.components"]
    for page in pages.find({"funnel_id": scene.clone_id}):
        where, original_id = f"funnel.step/{page['_id']}", page["original_step_id"]
        yield f"{where} raw_html", pages.find_one({"_id": original_id})["raw_html"] or "", page["raw_html"] or ""
        old, new = (trees.find_one({"step_id": step_id})["components"] for step_id in (original_id, page["_id"]))
        yield f"{where} components", old, new


def applied(spans: list[dict[str, Any]], text: str) -> str:
    """The text with each span of the diff put in its place."""
    new, read = "", 0
    for span in spans:
        new += text[read : span["original_at"]]
        assert (len(new), text[span["original_at"] :].startswith(span["original"])) == (span["clone_at"], True)
        new, read = new + span["clone"], span["original_at"] + len(span["original"])
    return new + text[read:]


def test_the_account_holds_every_byte_of_the_clone_and_of_its_original(scene: EngineScene) -> None:
    account = verify(scene.store, scene.s3, scene.clone_id).account
    assert account.bytes_equal + account.bytes_replaced == stored_bytes(scene, scene.original_id)
    assert account.bytes_equal + account.bytes_differing == stored_bytes(scene, scene.clone_id)
    assert (account.unexplained, account.kept) == (0, [])
    assert account.spans > 100


@pytest.mark.parametrize("damaged", [False, True], ids=["sound", "damaged"])
def test_the_diff_makes_the_clone_of_the_original(scene: EngineScene, damaged: bool) -> None:  # noqa: FBT001
    if damaged:
        scene.replace_html("<p>", "<p>more")
    answer = verify(scene.store, scene.s3, scene.clone_id, keep_spans=True).document()
    made = 0
    for where, old, new in texts_of(scene):
        spans = [span for span in answer["diff"] if span["where"] == where]
        assert applied(spans, old) == new
        made += len(spans)
    assert made == answer["account"]["spans"] == len(answer["diff"])
    kinds = {span["kind"] for span in answer["diff"]}
    assert kinds == {"id", "image", "form", "chat"} | ({"unexplained"} if damaged else set())


def test_the_answer_is_the_contracts(scene: EngineScene) -> None:
    found = verify(scene.store, scene.s3, scene.clone_id)
    assert found.document() == {
        "clone": str(scene.clone_id),
        "sound": True,
        "checked": {"steps": 4, "texts": 8, "forms": 2, "images": 8, "objects": 8},
        "violations": [],
        "notes": [],
        "account": found.account.document(),
    }
    scene.change("funnels", {"$set": {"pending": True}})
    (entry,) = verify(scene.store, scene.s3, scene.clone_id).document()["violations"]
    assert entry == {"kind": "funnel_flags", "where": f"funnels/{scene.clone_id}", "detail": "pending is True"}


def test_the_command_ends_with_0_1_or_2(scene: EngineScene, tmp_path: Path) -> None:
    s3, chat = scene.settings.s3, scene.settings.chat
    given = {
        "mongo.uri": scene.settings.mongo.uri,
        "mongo.database": scene.settings.mongo.database,
        "s3.endpoint_url": s3.endpoint_url,
        "s3.region": s3.region,
        "s3.bucket": s3.bucket,
        "s3.access_key_id": s3.access_key_id,
        "s3.secret_access_key": s3.secret_access_key,
        "chat.preview_domain": chat.preview_domain,
        "local.data_dir": tmp_path,
    }

    overrides = [f"{key}='{value}'" for key, value in given.items()]

    def run(clone: Any, *options: str, run: Callable[..., Done] = run_here) -> tuple[int, str]:
        done = run("verify", clone, *options, *overrides, environment=environment_without_servers(), cwd=CHECKOUT)
        return done.returncode, done.stdout

    code, out = run(scene.clone_id, "--json", run=run_as_process)
    assert (code, json.loads(out)["sound"], "diff" in json.loads(out)) == (0, True, False)
    code, out = run(scene.clone_id, "--diff", "--json")
    answer = json.loads(out)
    assert (code, len(answer["diff"])) == (0, answer["account"]["spans"])
    assert {*answer["diff"][0]} >= {"where", "kind", "original_at", "clone_at", "original", "clone"}
    code, out = run(scene.clone_id, "--diff")
    funnel_id = ("id", str(scene.original_id), str(scene.clone_id))
    where = answer["diff"][0]["where"]
    times = [(s["kind"], s["original"], s["clone"]) for s in answer["diff"] if s["where"] == where].count(funnel_id)
    assert (code, f"id, {times} times\n- {scene.original_id}\n+ {scene.clone_id}\n" in out) == (0, True)
    assert f"{answer['account']['spans']} spans differ" in " ".join(out.split())
    scene.change("funnel.step", {"$set": {"pending": True}})
    code, out = run(scene.clone_id, "--json")
    assert (code, [entry["kind"] for entry in json.loads(out)["violations"]]) == (1, ["step_flags"])
    code, out = run(scene.clone_id)
    assert (code, "step_flags" in out, "1 violation" in out) == (1, True, True)
    assert run(ObjectId())[0] == run(scene.original_id)[0] == 2
