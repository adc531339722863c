"""The store is full in the middle of a clone: copies fail, nothing is lost, and with room again they are done.

SeaweedFS is full by its own limits, so that no file system has to be: few volumes, each small.
"""

import os
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
from botocore.exceptions import ClientError

from engine.core.errors import ObjectStoreUnavailable
from engine.edges.mongo.client import Store
from engine.edges.s3 import InProcessCopier
from engine.local import seaweed
from engine.local.launch import Running
from engine.local.seaweed import S3Server
from engine.settings import CopySettings, S3Settings, Settings
from engine.upkeep.invariants import snapshot
from tests.fault.audit import Audit, audit
from tests.fault.by_policy import PolicyPasses, end_of
from tests.funnels import build_funnel, request_clone
from tests.s3_client import s3_client

BALLAST_BYTES = 400_000
_MORE_THAN_FITS = 100


def start(folder: Path, *limits: str, port: int | None = None) -> Running[S3Server]:
    usual: Callable[..., tuple[str, ...]] = seaweed._arguments
    with patch.object(seaweed, "_arguments", lambda *given: (*usual(*given), *limits)):
        return seaweed.start_s3(folder, port=port)


class SmallStore:
    """An S3 of its own that has room for a few megabytes."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.running = start(folder, "-volume.max=4", "-master.volumeSizeLimitMB=1")
        server = self.running.server
        self.settings = S3Settings(
            server.endpoint_url, server.bucket, server.access_key_id, server.secret_access_key, server.region
        )
        self.client = s3_client(server, attempts=1)

    def fill(self) -> None:
        """Until it takes no more; then nothing of that is left but the full volumes."""
        bucket = self.settings.bucket
        with pytest.raises(ClientError, match="InternalError"):
            self._put_ballast()
        for found in self.client.list_objects_v2(Bucket=bucket, Prefix="ballast/")["Contents"]:
            self.client.delete_object(Bucket=bucket, Key=found["Key"])

    def _put_ballast(self) -> None:
        ballast = os.urandom(BALLAST_BYTES)
        for n in range(_MORE_THAN_FITS):
            self.client.put_object(Bucket=self.settings.bucket, Key=f"ballast/{n}", Body=ballast)

    def give_room(self) -> None:
        """As after a larger disk was put in."""
        port = int(self.running.server.endpoint_url.rpartition(":")[2])
        self.running.stop()
        self.running = start(self.folder, port=port)

    def close(self) -> None:
        self.client.close()
        self.running.stop()


@pytest.fixture
def small_store(tmp_path: Path) -> Iterator[SmallStore]:
    made = SmallStore(tmp_path / "small-s3")
    yield made
    made.close()


def test_b21_a_full_store_loses_nothing_and_with_room_again_the_clone_is_done(
    small_store: SmallStore, store: Store, database: Any, settings: Settings
) -> None:
    s3, bucket = small_store.client, small_store.settings.bucket
    original_id = build_funnel(
        database, s3, bucket, steps=2, images=4, image_bytes=30_000, forms=1, html_bytes=2_500, components_bytes=2_500
    )
    before, clone_id = snapshot(database, s3, original_id), request_clone(database, original_id)
    small_store.fill()
    full = replace(settings, s3=small_store.settings, copy=CopySettings(concurrency=2, deadline_seconds=1))
    passes = PolicyPasses(store, store, full, InProcessCopier(full.s3, full.copy))

    def give_room_after_the_attempt() -> None:
        if len(passes.told.errors) == full.steps.attempts:
            small_store.give_room()

    passes.on_error = give_room_after_the_attempt
    told = passes.run_until_ended()
    assert {type(error) for _, error, _ in told.errors} == {ObjectStoreUnavailable}
    assert (told.passes, told.parked, end_of(store, clone_id)["attempts"]) == (2, 0, 2)
    assert audit(database, s3, bucket, {clone_id: before}) == Audit()
    assert end_of(store, clone_id)["errors"] == []
