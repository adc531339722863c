"""A cloner of plain dict copies and ``str.replace``: makes the sound clone that the oracle's own tests damage.

It shares no code with the engine, and can do only what it needs to: one run, no failures but those asked for.
"""

import json
from collections.abc import Iterable
from datetime import UTC, datetime
from html import escape
from typing import Any
from urllib.parse import quote
from uuid import uuid4

from bson import ObjectId

from tests.funnel_pages import ORIGINAL_CHAT_KEY
from tests.funnels import TOKEN

Document = dict[str, Any]


class NaiveCloner:
    """Clones one funnel in one go."""

    def __init__(self, database: Any, s3: Any, clone_id: Any) -> None:
        self.database = database
        self.s3 = s3
        self.funnel: Document = database["funnels"].find_one({"_id": clone_id})
        self.original: Document = database["funnels"].find_one({"_id": self.funnel["original_funnel_id"]})
        self.now = datetime.now(UTC)
        self.replacements: dict[str, str] = {str(self.original["_id"]): str(clone_id)}
        if self.original["live_chat_widget"]:
            self.replacements[ORIGINAL_CHAT_KEY] = TOKEN

    def clone(self) -> Any:
        """Everything, in the order of what refers to what; the clone's ``_id``."""
        steps = list(self.database["funnel.step"].find({"funnel_id": self.original["_id"]}).sort("_id", 1))
        ids = {step["_id"]: ObjectId() for step in steps}
        self.replacements.update({str(old): str(new) for old, new in ids.items()})
        self._images()
        self._forms()
        for step in steps:
            self._page(step, ids[step["_id"]])
        listed = [step_id for step_id in self.original["steps"] if step_id in ids]
        unlisted = [step_id for step_id in ids if step_id not in listed]
        self._end([ids[step_id] for step_id in (*listed, *unlisted)])
        return self.funnel["_id"]

    def _mark(self, source_id: Any) -> Document:
        return {"funnel_id": self.funnel["_id"], "source_id": source_id, "epoch": 1}

    def _images(self) -> None:
        account = self.database["_accounts"].find_one({"_id": self.funnel["account_id"]}) or {}
        for record in self.database["sites_images"].find({"ref_id": self.original["_id"]}):
            key = f"{uuid4()}/{record['fileName']}"
            known = record["additionalInfo"]
            self.s3.copy_object(
                Bucket=known["Bucket"], Key=key, CopySource={"Bucket": known["Bucket"], "Key": record["key"]}
            )
            location = known["Location"].removesuffix(quote(record["key"])) + quote(key)
            copy = {
                **record,
                "_id": ObjectId(),
                "ref_id": self.funnel["_id"],
                "account_id": self.funnel["account_id"],
                "parent_account": account.get("parent_account"),
                "source_key": record["key"],
                "key": key,
                "additionalInfo": {**known, "Location": location},
                "clone": self._mark(record["_id"]),
            }
            self.database["sites_images"].insert_one(copy)
            self.replacements[record["key"]] = key

    def _forms(self) -> None:
        for form in list(self.database["forms"].find()):
            secret = str(uuid4())
            self.replacements[form["form_secret_id"]] = secret
            own = {"_id": ObjectId(), "form_secret_id": secret, "account_id": self.funnel["account_id"]}
            self.database["forms"].insert_one({**form, **own, "clone": self._mark(form["_id"])})

    def _page(self, step: Document, step_id: ObjectId) -> None:
        html = step["raw_html"]
        own = {
            "_id": step_id,
            "funnel_id": self.funnel["_id"],
            "original_step_id": step["_id"],
            "raw_html": None if html is None else self._replaced(html),
            "domain_id": None,
            "header_tracking_code": None,
            "footer_tracking_code": None,
            "version": int(self.now.timestamp() * 1000),
            "processed": {"images_processed": True, "forms_processed": True, "chat_plugin_processed": True},
            "createdAt": self.now,
            "updatedAt": self.now,
            "clone": self._mark(step["_id"]),
        }
        self.database["funnel.step"].insert_one({**step, **own})
        components = self.database["funnel.step.components"].find_one({"step_id": step["_id"]})
        self.database["funnel.step.components"].insert_one(
            {
                **components,
                "_id": ObjectId(),
                "account_id": self.funnel["account_id"],
                "funnel_id": self.funnel["_id"],
                "step_id": step_id,
                "components": self._replaced(components["components"]),
                "clone": self._mark(components["_id"]),
            }
        )

    def _replaced(self, text: str) -> str:
        # The longest first: one key is the beginning of another.
        for old in sorted(self.replacements, key=len, reverse=True):
            new = self.replacements[old]
            for old_spelling, new_spelling in zip(_spellings(old), _spellings(new), strict=True):
                text = text.replace(old_spelling, new_spelling)
        return text

    def _end(self, steps: list[ObjectId]) -> None:
        clone_id, account_id = self.funnel["_id"], self.funnel["account_id"]
        self.database["funnels"].update_one(
            {"_id": clone_id},
            {
                "$set": {
                    "steps": steps,
                    "live_chat_widget": self.original["live_chat_widget"],
                    "pending": False,
                    "in_progress": False,
                    "updatedAt": self.now,
                    "clone": {"run": 1, "epoch": 1, "state": "completed", "errors": [], "finished_at": self.now},
                }
            },
        )
        users = self.database["users"].find({"account": account_id, "active": True})
        self.database["clone_outbox"].insert_one(
            {
                "_id": f"{clone_id}:1:completed",
                "event": "funnel_cloning_completed",
                "user_ids": [str(user["_id"]) for user in users],
                "account_id": account_id,
                "payload": {"funnel_id": str(clone_id), "status": "completed"},
                "created_at": self.now,
                "delivered_at": None,
            }
        )


def _spellings(text: str) -> Iterable[str]:
    json_spelled = json.dumps(text)[1:-1]
    return (text, quote(text), escape(text), text.replace("/", "\\/"), json_spelled, json_spelled.replace("/", "\\/"))
