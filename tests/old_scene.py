"""A clone as the old system left it, for tests of `repair`, and a copier that lets somebody act meanwhile."""

import json
from collections.abc import Callable, Sequence
from typing import Any

from bson import ObjectId

from engine.core.model import CopyOrder, CopyOutcome
from engine.edges.mongo.client import Store
from engine.edges.s3 import InProcessCopier, Objects
from engine.settings import Settings
from engine.upkeep.invariants import examine
from engine.upkeep.repair import Repair, repair
from tests.command_line import CHECKOUT, environment_without_servers, run_as_process, run_here
from tests.funnel_pages import ORIGINAL_CHAT_KEY
from tests.funnels import PREVIEW_DOMAIN, build_funnel, request_clone
from tests.old_cloner import OldCloner

CHAT_BEFORE = f'api-key="{ORIGINAL_CHAT_KEY}" custom-chat-widget="true"'
CHAT_IN_THE_OLD_ORDER = f'custom-chat-widget="true" api-key="{ORIGINAL_CHAT_KEY}"'


class OldScene:
    """An original of awkward pages, and a clone of it as the old system left it, in another account."""

    def __init__(
        self, store: Store, s3: Any, settings: Settings, old_domain: str = PREVIEW_DOMAIN, *, forgetful: bool = False
    ) -> None:
        self.store, self.db, self.s3, self.settings = store, store.db, s3, settings
        self.original_id = build_funnel(
            self.db,
            s3,
            settings.s3.bucket,
            steps=4,
            images=9,
            image_bytes=500,
            html_bytes=6_000,
            components_bytes=6_000,
            chat=True,
        )
        self.account = ObjectId()
        self.db["_accounts"].insert_one({"_id": self.account})
        # The account has a logo already: by its name the original's counts as copied (D10).
        self.db["sites_images"].insert_one({"account_id": self.account, "fileName": "logo.svg", "key": "own/logo.svg"})
        first = self.original_step(0)
        html = first["raw_html"].replace(CHAT_BEFORE, CHAT_IN_THE_OLD_ORDER)
        self.db["funnel.step"].update_one({"_id": first["_id"]}, {"$set": {"raw_html": html}})
        self.clone_id = request_clone(self.db, self.original_id, self.account)
        OldCloner(self.db, s3, self.clone_id, old_domain, forgetful=forgetful).clone()

    def original_step(self, place: int) -> dict[str, Any]:
        return list(self.db["funnel.step"].find({"funnel_id": self.original_id}).sort("_id", 1))[place]

    def step(self, place: int) -> dict[str, Any]:
        return self.one("funnel.step", funnel_id=self.clone_id, original_step_id=self.original_step(place)["_id"])

    def one(self, collection: str, **query: Any) -> dict[str, Any]:
        found = self.db[collection].find_one(query, sort=[("_id", 1)])
        assert found is not None
        return found

    def write(self, place: int, html: str) -> None:
        self.db["funnel.step"].update_one({"_id": self.step(place)["_id"]}, {"$set": {"raw_html": html}})

    def append(self, place: int, html: str) -> None:
        self.write(place, self.step(place)["raw_html"] + html)

    def repair(self, *, dry_run: bool = False, copier: Any = None, settings: Settings | None = None) -> Repair:
        given = settings or self.settings
        clone = self.one("funnels", _id=self.clone_id)
        copier = copier or InProcessCopier(given.s3, given.copy)
        return repair(self.store, Objects(given.s3), copier, clone, given, dry_run=dry_run)

    def command(
        self, clone: Any, *options: str, as_process: bool = False, **changed: Any
    ) -> tuple[int, dict[str, Any], str]:
        """The command: its exit code, its document, all that it told. ``changed``: settings."""
        s3 = self.settings.s3
        given = {
            "mongo.uri": self.settings.mongo.uri,
            "mongo.database": self.settings.mongo.database,
            "s3.endpoint_url": s3.endpoint_url,
            "s3.region": s3.region,
            "s3.bucket": s3.bucket,
            "s3.access_key_id": s3.access_key_id,
            "s3.secret_access_key": s3.secret_access_key,
            "chat.preview_domain": PREVIEW_DOMAIN,
            "local.data_dir": self.settings.local.data_dir,
            **{name.replace("__", "."): value for name, value in changed.items()},
        }
        run = run_as_process if as_process else run_here
        overrides = [f"{key}='{value}'" for key, value in given.items()]
        done = run("repair", clone, *options, *overrides, environment=environment_without_servers(), cwd=CHECKOUT)
        return done.returncode, json.loads(done.stdout) if "--json" in options else {}, done.stdout + done.stderr

    def kinds(self) -> set[str]:
        found = examine(self.db, self.s3, self.clone_id, preview_domain=PREVIEW_DOMAIN)
        return {violation.kind for violation in found.violations}

    def everything(self) -> tuple[dict[str, Any], list[tuple[str, str]]]:
        documents = {name: list(self.db[name].find().sort("_id", 1)) for name in self.db.list_collection_names()}
        listed = self.s3.list_objects_v2(Bucket=self.settings.s3.bucket).get("Contents", [])
        return documents, [(entry["Key"], str(entry["LastModified"])) for entry in listed]

    def texts(self) -> str:
        steps = self.db["funnel.step"].find({"funnel_id": self.clone_id})
        trees = self.db["funnel.step.components"].find({"funnel_id": self.clone_id})
        return "\n".join([*(step["raw_html"] or "" for step in steps), *(tree["components"] for tree in trees)])


class EditingCopier:
    """Copies, and lets somebody edit meanwhile."""

    def __init__(self, settings: Settings, edit: Callable[[], object]) -> None:
        self.copier, self.edit = InProcessCopier(settings.s3, settings.copy), edit

    def copy(self, orders: Sequence[CopyOrder], deadline_s: float) -> list[CopyOutcome]:
        outcomes = self.copier.copy(orders, deadline_s)
        self.edit()
        return outcomes
