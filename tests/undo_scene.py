"""An original and a clone of it that is asked for: to be made, undone, and compared with what stood before."""

from dataclasses import dataclass, replace
from typing import Any, Self

from bson import ObjectId, encode

from engine.edges.mongo.client import Store
from engine.edges.s3 import Objects
from engine.settings import CopySettings, Settings
from engine.upkeep import undo as undoing
from engine.upkeep.undo import Begun, Edited, Found, Undone, Unknown, Watch, WrongState
from tests.funnels import build_funnel, request_clone
from tests.in_process import Workshop
from tests.listing import Listing, everything, listing
from tests.scene import of_clone

Document = dict[str, Any]

AWKWARD: Document = {"steps": 4, "images": 9, "forms": 2, "chat": True, "unlisted": 1, "null_html": True}
AWKWARD |= {"image_bytes": 1_000, "html_bytes": 3_000, "components_bytes": 3_000}
SMALL: Document = {"steps": 3, "images": 3, "forms": 1}
SMALL |= {"image_bytes": 500, "html_bytes": 900, "components_bytes": 900}


@dataclass(frozen=True)
class UndoScene:
    """Undoes its own clone where no other is given; ``replace`` gives it another store or other settings."""

    store: Store
    settings: Settings
    """Copies of a run that was cut off are waited for, for a moment."""
    database: Any
    s3: Any
    original: ObjectId
    before: Listing
    """What stood when the clone was not asked for yet."""
    clone_id: ObjectId
    workshop: Workshop
    """Its own copies have all the time they need."""

    @classmethod
    def of(cls, store: Store, given: Settings, database: Any, s3: Any, **size: Any) -> Self:
        settings = replace(given, copy=replace(given.copy, deadline_seconds=0.3))
        original = build_funnel(database, s3, settings.s3.bucket, **size)
        before = listing(database, s3, settings.s3.bucket)
        workshop = Workshop(store, replace(given, copy=CopySettings(deadline_seconds=60)))
        return cls(store, settings, database, s3, original, before, request_clone(database, original), workshop)

    @property
    def bucket(self) -> str:
        return self.settings.s3.bucket

    def clone(self) -> None:
        self.workshop.clone()

    def copies_end_within(self, seconds: float) -> Self:
        copies = replace(self.settings.copy, deadline_seconds=seconds)
        return replace(self, settings=replace(self.settings, copy=copies))

    def how(self, *, force: bool = False, keep: bool = False, deletes_s: float = 0.2) -> undoing.Asked:
        given = self.settings
        return undoing.asked(given.steps, given.copy, force=force, keep_funnel=keep, deletes_s=deletes_s)

    def look(self, clone: Any = None, **how: Any) -> Found | Edited | WrongState | Unknown:
        return undoing.look(self.store, str(clone or self.clone_id), self.how(**how))

    def begin(self, clone: Any = None, **how: Any) -> Begun | Edited | WrongState | Unknown:
        return undoing.begin(self.store, str(clone or self.clone_id), self.how(**how))

    def remove(self, begun: Begun, watch: Watch | None = None) -> Undone:
        return undoing.remove(self.store, Objects(self.settings.s3), self.settings.s3, begun, watch)

    def undo(self, clone: Any = None, *, watch: Watch | None = None, **how: Any) -> Undone:
        begun = self.begin(clone, **how)
        assert isinstance(begun, Begun), begun
        return self.remove(begun, watch)

    def refused(self, **how: Any) -> Any:
        """Why, by both that look and that begin; nothing is written."""
        stands = everything(self.store)
        seen, begun = self.look(**how), self.begin(**how)
        assert type(begun) is type(seen), begun
        stand = everything(self.store)
        assert stand == stands, stand
        return seen

    def listing(self, *, kept: bool = False) -> Listing:
        """What stands; ``kept``: but for the clone's funnel, which must stand."""
        found = listing(self.database, self.s3, self.bucket)
        if not kept:
            return found
        (funnel,) = (encode(funnel, codec_options=self.database.codec_options) for funnel in self.parts("funnels"))
        return {**found, "funnels": [document for document in found["funnels"] if document != funnel]}

    def parts(self, collection: str, **query: Any) -> list[Document]:
        """The clone's own, by their ids."""
        return list(self.database[collection].find({**of_clone(collection, self.clone_id), **query}).sort("_id", 1))

    def funnel(self) -> Document:
        return self.parts("funnels")[0]

    def change(self, collection: str, update: Any, **query: Any) -> None:
        """One document of the clone's."""
        self.database[collection].update_one({**of_clone(collection, self.clone_id), **query}, update)

    def change_page(self, collection: str, update: Any) -> None:
        """The same page each time: the first that has HTML."""
        page = self.parts("funnel.step", raw_html={"$ne": None})[0]["_id"]
        self.change(collection, update, **{"_id" if collection == "funnel.step" else "step_id": page})
