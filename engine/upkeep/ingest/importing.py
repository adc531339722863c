"""The import as a whole: page by page, so that what is held is one page, however many the folder has.

Objects come first, then the documents that name them, the funnel's own document last: an import that dies on the way
leaves no funnel that is half there. Repeated, it makes another funnel.
"""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from bson import ObjectId

from engine.core.errors import PermanentError
from engine.core.location import object_url
from engine.edges.mongo import ingest
from engine.edges.mongo.client import Store
from engine.edges.s3 import Objects
from engine.settings import S3Settings
from engine.upkeep.ingest import documents
from engine.upkeep.ingest.assets import Asset, Assets
from engine.upkeep.ingest.folder import Folder
from engine.upkeep.ingest.page import Page, PageWriter
from engine.upkeep.ingest.tree import components_tree

_UPLOADS = 8
_WIDGET_SOURCE = "https://chat.example.com/widget.js"


@dataclass(frozen=True, slots=True)
class Owner:
    """Whose the funnel becomes."""

    account: dict[str, Any]
    """The account's document: ``_id`` and, of a sub-account, ``parent_account``."""
    is_new: bool
    """It is not in the database yet."""


@dataclass(frozen=True, slots=True)
class ImportTarget:
    """Where an import writes."""

    store: Store
    objects: Objects
    s3: S3Settings


@dataclass(frozen=True, slots=True)
class Imported:
    """What an import made."""

    funnel_id: ObjectId
    account_id: Any
    steps: int
    images: int
    """Objects and their records: images, and the fonts and scripts that do not stand in the pages."""
    forms: int
    missing: tuple[str, ...]
    """``page: reference`` of each file that is not in the folder; such a reference was left as it was."""


Told = Callable[[int, int, int], None]
"""Called after each page: pages done, pages in all, objects so far."""


def import_folder(folder: Folder, name: str, owner: Owner, target: ImportTarget, told: Told, *, chat: bool) -> Imported:
    """Make a funnel of a folder's pages. Not safe to repeat: each call makes a funnel.

    Raises:
        PermanentError: The folder has no pages, or a file cannot be read.
        CloneError: As the database and the object store answer.
    """
    if not folder.pages:
        raise PermanentError(f"{folder.root} holds no HTML page")
    return _Import(folder, owner, target, chat=chat).run(name, told)


class _Import:
    """One import under way."""

    def __init__(self, folder: Folder, owner: Owner, target: ImportTarget, *, chat: bool) -> None:
        self._folder = folder
        self._owner = owner
        self._target = target
        self._chat = chat
        self._funnel_id = ObjectId()
        self._step_ids = {path: ObjectId() for path in folder.pages}
        self._assets = Assets(self._url)
        links = {path: f"/funnel/{self._funnel_id}/step/{step_id}" for path, step_id in self._step_ids.items()}
        self._writer = PageWriter(folder, self._assets, links, _widget() if chat else "")
        self._images = self._forms = 0

    def run(self, name: str, told: Told) -> Imported:
        account_id = self._owner.account["_id"]
        store, total = self._target.store, len(self._folder.pages)
        if self._owner.is_new:
            ingest.insert_account(store, self._owner.account)
        with ThreadPoolExecutor(_UPLOADS) as pool:
            for done, path in enumerate(self._folder.pages, 1):
                self._page(path, pool)
                told(done, total, self._images)
        steps = [self._step_ids[path] for path in self._folder.pages]
        ingest.insert_funnel(
            store, documents.funnel_document(self._funnel_id, name, account_id, steps, chat=self._chat)
        )
        missing = tuple(self._writer.missing)
        return Imported(self._funnel_id, account_id, total, self._images, self._forms, missing)

    def _page(self, path: str, pool: ThreadPoolExecutor) -> None:
        try:
            page = self._writer.write(path, self._folder.absolute(path).read_bytes())
            waiting = self._assets.take_waiting()
            records = list(pool.map(self._upload, waiting))
        except OSError as error:
            raise PermanentError(f"{path}: {error.filename or 'a file'} cannot be read: {error.strerror}") from error
        ingest.insert_images(self._target.store, records)
        self._images += len(records)
        self._insert(path, page)

    def _upload(self, asset: Asset) -> dict[str, Any]:
        bucket = self._target.s3.bucket
        size_bytes = self._target.objects.put_file(
            bucket, asset.key, self._folder.absolute(asset.path), asset.content_type
        )
        return documents.image_record(asset, size_bytes, self._funnel_id, self._owner.account, bucket)

    def _insert(self, path: str, page: Page) -> None:
        account_id, step_id = self._owner.account["_id"], self._step_ids[path]
        # A file's name may be bytes that are no text; a document holds text alone.
        title, shown = (text.encode(errors="replace").decode() for text in (page.title, path))
        tree = components_tree(page.body, title, str(self._funnel_id), str(step_id))
        ingest.insert_page(
            self._target.store,
            [documents.form_document(form, account_id) for form in page.forms],
            documents.components_document(tree, step_id, self._funnel_id, account_id),
            documents.step_document(step_id, self._funnel_id, title, shown, page.html),
        )
        self._forms += len(page.forms)

    def _url(self, quoted_key: str) -> str:
        s3 = self._target.s3
        virtual = s3.addressing_style == "virtual"
        return object_url(s3.endpoint_url, s3.region, s3.bucket, quoted_key, virtual=virtual)


def _widget() -> str:
    return f'<script src="{_WIDGET_SOURCE}" api-key="{uuid4()}" custom-chat-widget="true"></script>'
