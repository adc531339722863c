"""What tests of the engine stand on: settings of the test's own database and bucket, a store, work in process."""

import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings as examples

from engine.edges.mongo.client import Store, open_store
from engine.settings import ChatSettings, CopySettings, LocalSettings, MongoSettings, RaySettings, S3Settings, Settings
from tests.in_process import Workshop

# How long an example takes says nothing on a busy machine. The same examples in each run, so that a change is judged by
# what it does; `--hypothesis-profile=long` tries many more, and others each time.
examples.register_profile("usual", deadline=None, derandomize=True)
examples.register_profile("long", deadline=None, max_examples=5_000)
examples.load_profile("usual")

PREVIEW_DOMAIN = "preview.example.com"


def pytest_configure() -> None:
    """A shell's background job is born deaf to Ctrl-C, and hands that on to the commands that tests interrupt."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture
def settings(mongo_server: Any, s3_server: Any, database: Any, bucket: str, tmp_path: Path) -> Settings:
    """Settings of this test alone."""
    return Settings(
        mongo=MongoSettings(uri=mongo_server.uri, database=database.name),
        s3=S3Settings(
            endpoint_url=s3_server.endpoint_url,
            bucket=bucket,
            access_key_id=s3_server.access_key_id,
            secret_access_key=s3_server.secret_access_key,
            region=s3_server.region,
        ),
        ray=RaySettings(),
        local=LocalSettings(data_dir=str(tmp_path)),
        copy=CopySettings(deadline_seconds=30),
        chat=ChatSettings(preview_domain=PREVIEW_DOMAIN),
    )


@pytest.fixture
def store(settings: Settings) -> Iterator[Store]:
    """The engine's own connection to the test's database."""
    opened = open_store(settings.mongo)
    yield opened
    opened.close()


@pytest.fixture
def workshop(store: Store, settings: Settings) -> Workshop:
    """The whole way in this process."""
    return Workshop(store, settings)
