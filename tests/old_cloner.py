"""The system that this one replaces, small: it makes clones with its defects (docs/behaviour.md), for `repair` to mend.

Ids: the funnel's and the page's own only (D8). Images by their file names over the whole account (D10); pages that
begin together each copy what both lack (D9). Forms where the pattern finds them in the components (D11), a new one a
page. The chat key in one order of attributes, ``undefined`` without a token (D12). One replacement after another
(D17), of plain spellings only (D18). Nothing of it is marked.
"""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

from bson import ObjectId

Document = dict[str, Any]

_AT_ONCE = 2
_FORM = re.compile(r"/userform/([^?/]+)")
_CHAT = re.compile(r'(<script[^>]*?custom-chat-widget="true"[^>]*?api-key=")[^"]*?(")')


class OldCloner:
    """Clones one funnel in one go. ``forgetful``: each part begins with the original's text again, as after D13."""

    def __init__(self, database: Any, s3: Any, clone_id: Any, preview_domain: str, *, forgetful: bool = False) -> None:
        self.database, self.s3, self.forgetful = database, s3, forgetful
        self.preview_domain = preview_domain
        self.funnel: Document = database["funnels"].find_one({"_id": clone_id})
        self.original: Document = database["funnels"].find_one({"_id": self.funnel["original_funnel_id"]})

    def clone(self) -> Any:
        """Everything; the clone's ``_id``."""
        originals = list(self.database["funnel.step"].find({"funnel_id": self.original["_id"]}))
        step_ids = [self._placeholder(step) for step in originals]
        self.database["funnels"].update_one({"_id": self.funnel["_id"]}, {"$set": {"steps": step_ids}})
        pairs = list(zip(originals, step_ids, strict=True))
        for first in range(0, len(pairs), _AT_ONCE):
            together = pairs[first : first + _AT_ONCE]
            lacking = [self._lacking() for _ in together]
            for (step, step_id), images in zip(together, lacking, strict=True):
                self._page(step, step_id, images)
        self.database["funnels"].update_one(
            {"_id": self.funnel["_id"]}, {"$set": {"pending": False, "in_progress": False}}
        )
        return self.funnel["_id"]

    def _placeholder(self, step: Document) -> ObjectId:
        step_id = ObjectId()
        emptied = dict.fromkeys(("raw_html", "domain_id", "header_tracking_code", "footer_tracking_code"))
        own = {"_id": step_id, "funnel_id": self.funnel["_id"], "original_step_id": step["_id"]}
        version = int(datetime.now(UTC).timestamp() * 1000)
        self.database["funnel.step"].insert_one({**step, **emptied, **own, "version": version, "pending": True})
        self.database["funnel.step.components"].insert_one(
            {
                "account_id": self.funnel["account_id"],
                "funnel_id": self.funnel["_id"],
                "step_id": step_id,
                "components": "{}",
            }
        )
        return step_id

    def _page(self, step: Document, step_id: ObjectId, lacking: list[Document]) -> None:
        found = self.database["funnel.step.components"].find_one({"step_id": step["_id"]})
        ids = {str(self.original["_id"]): str(self.funnel["_id"]), str(step["_id"]): str(step_id)}
        original_html, original_tree = step["raw_html"] or "", found["components"]
        html, tree = _replaced(ids, original_html), _replaced(ids, original_tree)
        images = self._images(lacking)
        if self.forgetful:
            html, tree = original_html, original_tree
        html, tree = _replaced(images, html), _replaced(images, tree)
        forms = self._forms(tree)
        html, tree = _replaced(forms, html), _replaced(forms, tree)
        html = self._chat(original_html if self.forgetful else html) or html
        self.database["funnel.step.components"].update_one({"step_id": step_id}, {"$set": {"components": tree}})
        done = {"images_processed": True, "forms_processed": True, "chat_plugin_processed": True}
        self.database["funnel.step"].update_one(
            {"_id": step_id},
            {"$set": {"raw_html": html, "pending": False, "in_progress": False, "processed": done}},
        )

    def _lacking(self) -> list[Document]:
        """The original's images whose file name neither the clone nor its account has."""
        of_ours = {"$or": [{"ref_id": self.funnel["_id"]}, {"account_id": self.funnel["account_id"]}]}
        names = [record["fileName"] for record in self.database["sites_images"].find(of_ours)]
        query = {"ref_id": self.original["_id"], "fileName": {"$nin": names}}
        return list(self.database["sites_images"].find(query))

    def _images(self, lacking: list[Document]) -> dict[str, str]:
        for record in lacking:
            key, bucket = f"{uuid4()}/{record['fileName']}", record["additionalInfo"]["Bucket"]
            self.s3.copy_object(Bucket=bucket, Key=key, CopySource={"Bucket": bucket, "Key": record["key"]})
            self.database["sites_images"].insert_one(
                {
                    "uploaded": True,
                    "fileName": record["fileName"],
                    "fileSize": record["fileSize"],
                    "account_id": self.funnel["account_id"],
                    "parent_account": None,
                    "source_key": record["key"],
                    "origin": "funnels",
                    "key": key,
                    "additionalInfo": {
                        "Bucket": bucket,
                        "ContentType": record["additionalInfo"]["ContentType"],
                        "Location": f"{self.s3.meta.endpoint_url}/{bucket}/{key}",
                    },
                    "ref_id": self.funnel["_id"],
                }
            )
        ours = self.database["sites_images"].find({"ref_id": self.funnel["_id"]}).sort("_id", 1)
        return {record["source_key"]: record["key"] for record in ours if "source_key" in record}

    def _forms(self, tree: str) -> dict[str, str]:
        replaced: dict[str, str] = {}
        for secret in dict.fromkeys(_FORM.findall(tree)):
            form = self.database["forms"].find_one({"form_secret_id": secret})
            if form is not None:
                replaced[secret] = str(uuid4())
                copy = {**form, "_id": ObjectId(), "form_secret_id": replaced[secret]}
                self.database["forms"].insert_one(copy)
        return replaced

    def _chat(self, html: str) -> str | None:
        if self.original.get("live_chat_widget") is not True:
            return None
        token = (self.database["support_tokens"].find_one({"domain": self.preview_domain}) or {}).get("token")
        shown = "undefined" if token is None else token
        return _CHAT.sub(lambda found: f"{found[1]}{shown}{found[2]}", html)


def _replaced(replacements: Mapping[str, str], text: str) -> str:
    for old, new in replacements.items():
        text = text.replace(old, new)
    return text
