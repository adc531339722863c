"""Every way that we know to damage a clone: a name -> the kind as which the oracle must find it, and the damage."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from bson import Int64, ObjectId

from tests.funnel_pages import ORIGINAL_CHAT_KEY
from tests.funnels import TOKEN
from tests.scene import Scene

WITHOUT_MS = datetime(2024, 2, 29, 12, 34, 56, tzinfo=UTC)


def _copy_of(collection: str, **changes: Any) -> Callable[[Scene], None]:
    def damage(scene: Scene) -> None:
        scene.database[collection].insert_one({**scene.one(collection), "_id": ObjectId(), **changes})

    return damage


def _set(collection: str, name: str, value: Any) -> Callable[[Scene], None]:
    return lambda scene: scene.change(collection, {"$set": {name: value}})


def _unset(collection: str, name: str) -> Callable[[Scene], None]:
    return lambda scene: scene.change(collection, {"$unset": {name: ""}})


def _delete(collection: str) -> Callable[[Scene], None]:
    return lambda scene: scene.database[collection].delete_one({"_id": scene.one(collection)["_id"]})


def _original_set(collection: str, name: str, value: Any) -> Callable[[Scene], None]:
    return lambda scene: scene.change(collection, {"$set": {name: value}}, scene.original(collection))


def _event(update: Mapping[str, Any]) -> Callable[[Scene], None]:
    return lambda scene: scene.database["clone_outbox"].update_one({}, update)


def _reversed_steps(scene: Scene) -> None:
    scene.change("funnels", {"$set": {"steps": scene.one("funnels")["steps"][::-1]}})


def _double_step(scene: Scene) -> None:
    scene.change("funnels", {"$push": {"steps": scene.one("funnels")["steps"][0]}})


def _another_page(scene: Scene) -> None:
    one, other = scene.one("funnels")["steps"][:2]
    scene.replace_html(f"/step/{one}", f"/step/{other}")


def _another_image(scene: Scene) -> None:
    scene.replace_html(scene.one("sites_images")["key"], str(scene.one("sites_images", fileName="logo.svg")["key"]))


def _original_image(scene: Scene) -> None:
    record = scene.one("sites_images")
    scene.replace_html(record["key"], record["source_key"])


def _original_image_escaped(scene: Scene) -> None:
    # The second page's components escape their slashes: D18.
    records = {r["key"]: r for r in scene.database["sites_images"].find({"ref_id": scene.clone_id})}
    step = list(scene.database["funnel.step"].find({"funnel_id": scene.clone_id}).sort("original_step_id", 1))[1]
    text = scene.one("funnel.step.components", step_id=step["_id"])["components"]
    key = next(key for key in records if key.replace("/", "\\/") in text)
    scene.replace_components(key.replace("/", "\\/"), records[key]["source_key"].replace("/", "\\/"), place=1)


def _respelled_image(scene: Scene) -> None:
    key = scene.one("sites_images")["key"]
    scene.replace_html(key, key.replace("/", "%2F"))


def _original_form(scene: Scene) -> None:
    form = scene.one("forms")
    source = scene.database["forms"].find_one({"_id": form["clone"]["source_id"]})
    scene.replace_html(form["form_secret_id"], source["form_secret_id"])


def _second_form(scene: Scene) -> None:
    form = scene.one("forms")
    second = "00000000-0000-4000-8000-000000000001"
    scene.database["forms"].insert_one({**form, "_id": ObjectId(), "form_secret_id": second})
    scene.replace_html(form["form_secret_id"], second)


def _unembedded_form(scene: Scene) -> None:
    _copy_of("forms", form_secret_id="00000000-0000-4000-8000-000000000002")(scene)


def _no_object(scene: Scene) -> None:
    scene.s3.delete_object(Bucket=scene.bucket, Key=scene.one("sites_images")["key"])


def _another_object(body: bytes | None = None, **changes: Any) -> Callable[[Scene], None]:
    def damage(scene: Scene) -> None:
        key = scene.one("sites_images")["key"]
        stands = scene.s3.get_object(Bucket=scene.bucket, Key=key)
        known = {"ContentType": stands["ContentType"], "Metadata": stands["Metadata"], **changes}
        scene.s3.put_object(Bucket=scene.bucket, Key=key, Body=body or stands["Body"].read(), **known)

    return damage


def _original_object(scene: Scene) -> None:
    scene.s3.put_object(Bucket=scene.bucket, Key=scene.one("sites_images")["source_key"], Body=b"changed")


def _key_of_another_form(scene: Scene) -> None:
    # The object moves along: only the key's form is wrong.
    record = scene.one("sites_images")
    scene.s3.copy_object(
        Bucket=scene.bucket, Key="no-uuid/x.png", CopySource={"Bucket": scene.bucket, "Key": record["key"]}
    )
    location = f"{scene.s3.meta.endpoint_url}/{scene.bucket}/no-uuid/x.png"
    scene.change("sites_images", {"$set": {"key": "no-uuid/x.png", "additionalInfo.Location": location}}, record)


def _unclosed_json(scene: Scene) -> None:
    _set("funnel.step.components", "components", scene.one("funnel.step.components")["components"][:-1])(scene)


DAMAGES: dict[str, tuple[str, Callable[[Scene], Any]]] = {
    "funnel pending": ("funnel_flags", _set("funnels", "pending", value=True)),
    "funnel in progress": ("funnel_flags", _set("funnels", "in_progress", value=True)),
    "funnel state": ("funnel_flags", _set("funnels", "clone.state", "cloning")),
    "funnel end unknown": ("funnel_field", _unset("funnels", "clone.finished_at")),
    "chat setting lost": ("funnel_field", _unset("funnels", "live_chat_widget")),
    "error of no page": ("funnel_errors", _set("funnels", "clone.errors", ["form 1: no form has this id"])),
    "error not told": ("funnel_errors", _set("funnel.step.components", "errors", ["form 1: no form has this id"])),
    "steps reversed": ("funnel_steps", _reversed_steps),
    "steps with a double": ("funnel_steps", _double_step),
    "step lost": ("step_missing", _delete("funnel.step")),
    "step twice": ("step_twice", _copy_of("funnel.step")),
    "step pending": ("step_flags", _set("funnel.step", "pending", value=True)),
    "step in progress": ("step_flags", _set("funnel.step", "in_progress", value=True)),
    "domain kept": ("step_field", _set("funnel.step", "domain_id", ObjectId())),
    "tracking code kept": ("step_field", _set("funnel.step", "header_tracking_code", "<script></script>")),
    "version no number": ("step_field", _set("funnel.step", "version", "1")),
    "unknown field lost": ("step_field", _unset("funnel.step", "price")),
    "int64 became int32": ("step_field", _set("funnel.step", "visits", 7)),
    "int32 became double": ("step_field", _set("funnel.step", "small_number", 7.0)),
    "milliseconds lost": ("step_field", _set("funnel.step", "published_at", WITHOUT_MS)),
    "nested int64 became int32": ("step_field", _set("funnel.step", "settings.seo.words.3", 3)),
    "D14 part not called done": ("step_processed", _set("funnel.step", "processed.forms_processed", value=False)),
    "D14 failed part called done": (
        "step_processed",
        _set("funnel.step.components", "errors", ["image x/y: no such object"]),
    ),
    "D7 components lost": ("components_missing", _delete("funnel.step.components")),
    "components twice": ("components_twice", _copy_of("funnel.step.components")),
    "components of another account": ("components_field", _set("funnel.step.components", "account_id", ObjectId())),
    "components field lost": ("components_field", _unset("funnel.step.components", "layout")),
    "text inserted": ("text_changed", lambda scene: scene.replace_html("Ask for", "Ask  for")),
    "text appended": ("text_changed", lambda scene: scene.replace_html("</html>\n", "</html>\n\n")),
    "text cut off": ("text_changed", lambda scene: scene.replace_html("</html>\n", "</html>")),
    "D12 dollar eaten": ("text_changed", lambda scene: scene.replace_html("pay $1", "pay 1")),
    "components cut off": ("text_changed", _unclosed_json),
    "html lost": ("text_changed", _set("funnel.step", "raw_html", None)),
    "D8 link to the original's page": ("reference_left", lambda scene: scene.replace_html(
        str(scene.one("funnels")["steps"][0]), str(scene.original("funnels")["steps"][0]))),
    "original's funnel id": (
        "reference_left", lambda scene: scene.replace_html(str(scene.clone_id), str(scene.original_id))),
    "link to another page": ("reference_wrong", _another_page),
    "D9 original's image": ("reference_left", _original_image),
    "D18 original's image escaped": ("reference_left", _original_image_escaped),
    "another image": ("reference_wrong", _another_image),
    "image spelled otherwise": ("reference_spelling", _respelled_image),
    "original's form": ("reference_left", _original_form),
    "D12 original's chat key": ("chat_key", lambda scene: scene.replace_html(TOKEN, ORIGINAL_CHAT_KEY)),
    "D12 chat key undefined": ("chat_key", lambda scene: scene.replace_html(TOKEN, "undefined")),
    "chat key empty and not told": ("chat_key", lambda scene: scene.replace_html(TOKEN, "")),
    "chat key in components": ("chat_key", lambda scene: scene.replace_components(TOKEN, ORIGINAL_CHAT_KEY)),
    "form lost": ("form_missing", _delete("forms")),
    "D11 form twice": ("form_twice", _second_form),
    "form of another account": ("form_field", _set("forms", "account_id", ObjectId())),
    "form field changed": ("form_field", _set("forms", "whole_double", 7)),
    "D11 form that no page embeds": ("form_orphan", _unembedded_form),
    "D10 image without record": ("image_missing", _delete("sites_images")),
    "D9 image twice": ("image_twice", _copy_of("sites_images", key="00000000-0000-4000-8000-000000000003/hero.png")),
    "image of another account": ("image_field", _set("sites_images", "account_id", ObjectId())),
    "image parent account": ("image_field", _set("sites_images", "parent_account", ObjectId())),
    "image origin": ("image_field", _set("sites_images", "origin", "sites")),
    "image size": ("image_field", _set("sites_images", "fileSize", Int64(1))),
    "image name": ("image_field", _set("sites_images", "fileName", "other.png")),
    "image type": ("image_field", _set("sites_images", "additionalInfo.ContentType", "image/gif")),
    "image location": ("image_field", lambda scene: scene.change("sites_images", {"$set": {
        "additionalInfo.Location": scene.original("sites_images")["additionalInfo"]["Location"]}})),
    "image bucket": ("image_field", _set("sites_images", "additionalInfo.Bucket", "elsewhere")),
    "image unknown field": ("image_field", _unset("sites_images", "tags")),
    "image key": ("image_key", _key_of_another_form),
    "D14 image not uploaded and not told": ("failure_unrecorded", _set("sites_images", "uploaded", value=False)),
    "mark of another funnel": ("mark_wrong", _set("funnel.step", "clone.funnel_id", ObjectId())),
    "mark of another source": ("mark_wrong", _set("sites_images", "clone.source_id", ObjectId())),
    "D15 nobody told": ("event_missing", lambda scene: scene.database["clone_outbox"].delete_many({})),
    "D15 told twice": ("event_twice", lambda scene: scene.database["clone_outbox"].insert_one(
        {**scene.database["clone_outbox"].find_one({}), "_id": ObjectId()})),
    "told of two ends": ("event_twice", lambda scene: scene.database["clone_outbox"].insert_one(
        {**scene.database["clone_outbox"].find_one({}), "_id": f"{scene.clone_id}:1:failed"})),
    "told of another end": ("event_wrong", _event({"$set": {"event": "funnel_cloning_failed"}})),
    "a user not told": ("event_wrong", _event({"$pop": {"user_ids": 1}})),
    "told of errors that are none": ("event_wrong", _event({"$set": {"payload.errors": 1}})),
    "original's page changed": ("original_changed", _original_set("funnel.step", "name", "Changed")),
    "original's funnel changed": ("original_changed", _original_set("funnels", "clone", {"epoch": 1})),
    "original's components changed": ("original_changed", _original_set("funnel.step.components", "errors", ["x"])),
    "original's record changed": ("original_changed", _original_set("sites_images", "uploaded", value=False)),
    "original's form changed": ("original_changed", lambda scene: scene.database["forms"].update_one(
        {"clone": None}, {"$set": {"form_name": "Changed"}})),
    "original edited": ("original_edited", _set("funnel.step", "clone.proof", {"html_read": "0" * 64})),
    "original gone": ("original_missing", lambda scene: scene.database["funnels"].delete_one(
        {"_id": scene.original_id})),
    "clone gone": ("clone_missing", _delete("funnels")),
}  # fmt: skip

OBJECT_DAMAGES: dict[str, tuple[str, Callable[[Scene], Any]]] = {
    "object lost": ("object_missing", _no_object),
    "object of another size": ("object_differs", _another_object(b"short")),
    "object of other content": ("object_differs", _another_object(b"x" * 500)),
    "object of another type": ("object_differs", _another_object(ContentType="text/plain")),
    "object without metadata": ("object_differs", _another_object(Metadata={})),
    "original's object changed": ("original_changed", _original_object),
}
