"""An original and a sound clone of it, for the oracle's own tests to damage."""

from collections.abc import Iterable, Mapping
from typing import Any

from bson import encode

from engine.upkeep.invariants import Snapshot, examine, snapshot
from tests.funnels import build_funnel, request_clone
from tests.naive_cloner import NaiveCloner

Document = dict[str, Any]


def of_clone(collection: str, clone_id: Any) -> Document:
    """The query that finds a clone's own documents in a collection."""
    reference = {"funnels": "_id", "sites_images": "ref_id", "forms": "clone.funnel_id"}.get(collection, "funnel_id")
    return {reference: clone_id}


class Scene:
    """An original of awkward pages, and a sound clone of it, to be damaged."""

    def __init__(self, database: Any, s3: Any, bucket: str, **options: Any) -> None:
        size = {"steps": 4, "images": 8, "image_bytes": 500, "html_bytes": 6_000, "components_bytes": 6_000}
        self.database, self.s3, self.bucket = database, s3, bucket
        self.original_id = build_funnel(
            database, s3, bucket, **{**size, "chat": True, "unlisted": 1, "null_html": True, **options}
        )
        self.before: Snapshot = snapshot(database, s3, self.original_id)
        self.clone_id = self._clone()
        self._sound = {name: list(database[name].find()) for name in database.list_collection_names()}

    def _clone(self) -> Any:
        return NaiveCloner(self.database, self.s3, request_clone(self.database, self.original_id)).clone()

    def restore(self) -> None:
        """Undo all damage to documents, whatever became of the test that did it. Safe to repeat."""
        for name in {*self.database.list_collection_names(), *self._sound}:
            sound = self._sound.get(name, [])
            if self._bytes(self.database[name].find()) != self._bytes(sound):
                self.database[name].delete_many({})
                if sound:
                    self.database[name].insert_many(sound)

    def _bytes(self, documents: Iterable[Document]) -> list[bytes]:
        """In no order of theirs; to Python an Int64 equals an int."""
        return sorted(encode(document, codec_options=self.database.codec_options) for document in documents)

    def kinds(self) -> set[str]:
        found = examine(self.database, self.s3, self.clone_id, original_before=self.before)
        return {violation.kind for violation in found.violations} | {note.kind for note in found.notes}

    def one(self, collection: str, **query: Any) -> Document:
        """The clone's first document in a collection: of what comes first in the original, whoever cloned it."""
        order = [("clone.source_id", 1), ("_id", 1)]
        own = of_clone(collection, self.clone_id)
        found: Document = self.database[collection].find_one({**own, **query}, sort=order)
        return found

    def original(self, collection: str) -> Document:
        reference = {"funnels": "_id", "sites_images": "ref_id"}.get(collection, "funnel_id")
        found: Document = self.database[collection].find_one({reference: self.original_id}, sort=[("_id", 1)])
        return found

    def change(self, collection: str, update: Mapping[str, Any], document: Document | None = None) -> None:
        changed = document or self.one(collection)
        self.database[collection].update_one({"_id": changed["_id"]}, update)

    def replace_html(self, old: str, new: str, *, times: int = 1) -> None:
        step = self.one("funnel.step")
        assert old in step["raw_html"]
        self.change("funnel.step", {"$set": {"raw_html": step["raw_html"].replace(old, new, times)}}, step)

    def replace_components(self, old: str, new: str, *, place: int = 0) -> None:
        steps = list(self.database["funnel.step"].find({"funnel_id": self.clone_id}).sort("original_step_id", 1))
        tree = self.one("funnel.step.components", step_id=steps[place]["_id"])
        assert old in tree["components"]
        text = tree["components"].replace(old, new, 1)
        self.change("funnel.step.components", {"$set": {"components": text}}, tree)
