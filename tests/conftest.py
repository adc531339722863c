"""What tests of the engine stand on: real servers, settings of the test's own database and bucket, a store.

One MongoDB, one S3 and one Ray a session; a database and a bucket of its own a test. A server that cannot be started
fails the run: a test that was not run would look like one that passed.
"""

import signal
import uuid
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from bson.codec_options import CodecOptions
from hypothesis import settings as examples
from pymongo import MongoClient
from pymongo.database import Database

from engine.edges.mongo.client import Store, open_store
from engine.local.folders import private_folder, write_private
from engine.local.mongod import MongoServer
from engine.local.ray_cluster import embedded_ray
from engine.local.seaweed import S3Server
from engine.local.servers import Servers, embedded_servers
from engine.settings import ChatSettings, CopySettings, LocalSettings, MongoSettings, RaySettings, S3Settings, Settings
from tests.fault.traps import Traps, armable
from tests.faulty_door import Door, faulty_door
from tests.in_process import Workshop
from tests.ray_head import TOKEN
from tests.s3_client import s3_client

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

# How long an example takes says nothing on a busy machine. The same examples in each run, so that a change is judged by
# what it does; `--hypothesis-profile=long` tries many more, and others each time.
examples.register_profile("usual", deadline=None, derandomize=True)
examples.register_profile("long", deadline=None, max_examples=5_000)
examples.load_profile("usual")

PREVIEW_DOMAIN = "preview.example.com"


def pytest_addoption(parser: pytest.Parser) -> None:
    """How much of the fault kit (tests/fault) is run; usually a sample, the same one unless another seed is given."""
    group = parser.getgroup("fault")
    group.addoption("--fault", choices=("sample", "all"), default="sample", help="a sample of the faults, or all")
    group.addoption("--fault-seed", type=int, default=1, help="what draws the sample")
    group.addoption("--fault-shard", default="1/1", metavar="I/N", help="of all, every Nth from the Ith on")
    spellings = parser.getgroup("spellings")
    spellings.addoption(
        "--spellings", choices=("half", "all"), default="half", help="of pages in components: all pairs"
    )


def pytest_configure(config: pytest.Config) -> None:
    """A shell's background job is born deaf to Ctrl-C, and hands that on to the commands that tests interrupt."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    config.addinivalue_line("markers", "fault_sample(n): so many of these are run where --fault=sample")
    config.addinivalue_line(
        "markers", "other_colour: of a product of which every other case is run: with --spellings=all"
    )


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """What is marked ``other_colour`` runs with ``--spellings=all`` alone."""
    if config.getoption("spellings") == "all":
        return
    left_out = [item for item in items if item.get_closest_marker("other_colour")]
    items[:] = [item for item in items if not item.get_closest_marker("other_colour")]
    config.hook.pytest_deselected(items=left_out)


def pytest_report_header(config: pytest.Config) -> str:
    """Both are needed to repeat a run."""
    return f"faults: --fault={config.getoption('fault')} --fault-seed={config.getoption('fault_seed')}"


@pytest.fixture(scope="session")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    with embedded_servers(tmp_path_factory.mktemp("servers"), test_commands=True) as running:
        yield running


@pytest.fixture(scope="session")
def mongo_server(servers: Servers) -> MongoServer:
    return servers.mongo


@pytest.fixture(scope="session")
def s3_server(servers: Servers) -> S3Server:
    return servers.s3


@pytest.fixture(scope="session")
def mongo_client(mongo_server: MongoServer) -> Iterator[MongoClient[dict[str, Any]]]:
    with MongoClient[dict[str, Any]](mongo_server.uri) as client:
        yield client


@pytest.fixture
def database(mongo_client: MongoClient[dict[str, Any]]) -> Iterator[Database[dict[str, Any]]]:
    """An empty database; dropped after the test."""
    aware: CodecOptions[dict[str, Any]] = CodecOptions(tz_aware=True, tzinfo=UTC)
    fresh = mongo_client.get_database(f"test-{uuid.uuid4().hex}", codec_options=aware)
    yield fresh
    mongo_client.drop_database(fresh.name)


@pytest.fixture(scope="session")
def s3(s3_server: S3Server) -> Iterator["S3Client"]:
    client = s3_client(s3_server)
    yield client
    client.close()


@pytest.fixture
def bucket(s3: "S3Client") -> Iterator[str]:
    """An empty bucket; removed after the test, with all that is in it, as the embedded S3 allows."""
    name = f"test-{uuid.uuid4().hex}"
    s3.create_bucket(Bucket=name)
    yield name
    s3.delete_bucket(Bucket=name)


@pytest.fixture(scope="session")
def armable_ray(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Traps]:
    """A Ray that the test's process is connected to, and the traps that its processes obey: none armed."""
    with ExitStack() as stack:
        # Whoever else is started by this process shall know nothing of traps.
        with armable(tmp_path_factory.mktemp("traps")) as traps:
            folder = private_folder(tmp_path_factory.mktemp("ray"))
            write_private(folder / "token", TOKEN)
            stack.enter_context(embedded_ray(RaySettings(num_cpus=2), folder))
        yield traps


@pytest.fixture(scope="session")
def ray_cluster(armable_ray: Traps) -> None:
    """The same, for tests that let it live; started by the first test that asks for it."""


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
        copy=CopySettings(deadline_seconds=60),
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


@pytest.fixture
def door(s3_server: S3Server) -> Iterator[Door]:
    """A door before the real S3, open and without faults."""
    with faulty_door(s3_server.endpoint_url) as opened:
        yield opened


@pytest.fixture
def behind_door(settings: Settings, door: Door) -> S3Settings:
    """Settings whose every request to S3 goes through the door."""
    return replace(settings.s3, endpoint_url=door.endpoint_url)
