"""Where benchmarks work: embedded servers, a database and a bucket of their own, typical funnels, clones of them."""

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bson import ObjectId

from engine.edges.mongo import indexes
from engine.edges.mongo.client import Store, open_store
from engine.edges.s3 import Objects
from engine.local.servers import Servers, embedded_servers
from engine.settings import Settings
from tests.funnels import build_funnel, request_clone
from tests.server_settings import settings_of

DELETED_AT_ONCE = 1000
CLONED = ("funnel.step", "funnel.step.components", "forms")


@dataclass(frozen=True)
class Stand:
    """Servers and what leads to them."""

    servers: Servers
    settings: Settings
    store: Store
    folder: Path

    @property
    def s3(self) -> Any:
        """A boto3 client."""
        return Objects(self.settings.s3).client

    def original(self, **options: Any) -> ObjectId:
        """A typical funnel, unless ``options`` say otherwise: 8 pages, 35 images of 100 KB, 2 forms."""
        return build_funnel(self.store.db, self.s3, self.settings.s3.bucket, **options)

    def plain_images(self, original: ObjectId) -> list[str]:
        """Keys of copies of its images, of letters alone: s5cmd finds none whose key has a blank in it."""
        client, bucket, plain = self.s3, self.settings.s3.bucket, list[str]()
        for n, record in enumerate(self.store.images.find({"ref_id": original}, {"key": 1})):
            plain.append(f"plain/{original}/{n}")
            client.copy_object(Bucket=bucket, Key=plain[-1], CopySource={"Bucket": bucket, "Key": record["key"]})
        return plain

    def ask(self, original: ObjectId, count: int) -> list[ObjectId]:
        """So many clones of it."""
        return [request_clone(self.store.db, original) for _ in range(count)]

    def forget(self, clones: Sequence[ObjectId]) -> None:
        """Remove clones with their objects: what was measured before is to weigh on nothing."""
        of_clones = {"ref_id": {"$in": clones}}
        self.remove([record["key"] for record in self.store.images.find(of_clones, {"key": 1})])
        self.store.images.delete_many(of_clones)
        for name in CLONED:
            self.store.db[name].delete_many({"clone.funnel_id": {"$in": clones}})
        self.store.funnels.delete_many({"_id": {"$in": clones}})

    def remove(self, keys: Sequence[str]) -> None:
        """Delete objects."""
        client = self.s3
        for start in range(0, len(keys), DELETED_AT_ONCE):
            some = [{"Key": key} for key in keys[start : start + DELETED_AT_ONCE]]
            client.delete_objects(Bucket=self.settings.s3.bucket, Delete={"Objects": some, "Quiet": True})


@contextmanager
def stand(name: str) -> Iterator[Stand]:
    """For the length of the block; ``name`` is the database's."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-")))
        servers = stack.enter_context(embedded_servers(folder))
        settings = settings_of(servers, str(folder), name)
        store = open_store(settings.mongo)
        stack.callback(store.close)
        indexes.ensure(store, (*indexes.OWN, *indexes.SHARED))
        yield Stand(servers, settings, store, folder)
