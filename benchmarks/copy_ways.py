"""The ways to copy objects inside a bucket that are compared: libraries in this process, and programs."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from engine.edges.s3.clients import open_client, open_store
from engine.settings import S3Settings

TIMEOUT_S = 60.0


@dataclass(frozen=True)
class Batch:
    """Objects ``<source>/0000 …`` that are to be copied to ``<target>/0000 …``, as many at once as ``in_flight``."""

    settings: S3Settings
    source: str
    target: str
    count: int
    in_flight: int

    def pairs(self) -> list[tuple[str, str]]:
        """(from, to)."""
        return [(f"{self.source}/{n:05}", f"{self.target}/{n:05}") for n in range(self.count)]


Way = Callable[[Batch, Path], Callable[[], None]]
"""Makes ready, in a folder of its own, and gives what is to be timed."""


def by_obstore(batch: Batch, _: Path) -> Callable[[], None]:
    """Raw, in threads: the limit of what this machine and its store can do. The client is made beforehand."""
    import obstore  # noqa: PLC0415

    store, pairs = open_store(batch.settings, batch.settings.bucket, TIMEOUT_S), batch.pairs()
    obstore.copy(store, pairs[0][0], pairs[0][1])

    def copy() -> None:
        with ThreadPoolExecutor(batch.in_flight) as threads:
            list(threads.map(lambda pair: obstore.copy(store, *pair), pairs))

    return copy


def by_boto3(batch: Batch, _: Path) -> Callable[[], None]:
    """In threads; the client is made beforehand."""
    bucket = batch.settings.bucket
    client = open_client(batch.settings, connections=batch.in_flight, attempts=1, timeout_s=TIMEOUT_S)

    def one(pair: tuple[str, str]) -> None:
        client.copy_object(Bucket=bucket, Key=pair[1], CopySource={"Bucket": bucket, "Key": pair[0]})

    one(batch.pairs()[0])

    def copy() -> None:
        with ThreadPoolExecutor(batch.in_flight) as threads:
            list(threads.map(one, batch.pairs()))

    return copy


def s5cmd_of(settings: S3Settings, pairs: list[tuple[str, str]], workers: int | None, folder: Path) -> list[str]:
    """Its command line for these copies; ``workers`` None: as many as it takes by itself."""
    file = folder / "commands"
    file.write_text("".join(f'cp "s3://{settings.bucket}/{a}" "s3://{settings.bucket}/{b}"\n' for a, b in pairs))
    many = [] if workers is None else ["--numworkers", str(workers)]
    return [program("s5cmd"), "--endpoint-url", str(settings.endpoint_url), *many, "--log", "error", "run", str(file)]


def by_s5cmd(batch: Batch, folder: Path) -> Callable[[], None]:
    """With a command file, and as many workers as the others have requests in flight."""
    return _run(s5cmd_of(batch.settings, batch.pairs(), batch.in_flight, folder), keys_of(batch.settings))


def by_s5cmd_itself(batch: Batch, folder: Path) -> Callable[[], None]:
    """With as many workers as it takes by itself, 256."""
    return _run(s5cmd_of(batch.settings, batch.pairs(), None, folder), keys_of(batch.settings))


def by_rclone(batch: Batch, _: Path) -> Callable[[], None]:
    """Spared all questions that a copy does not need: what is there, what the new object looks like."""
    settings, many = batch.settings, str(batch.in_flight)
    command = [
        *(program("rclone"), "copy", f"bench:{settings.bucket}/{batch.source}"),
        *(f"bench:{settings.bucket}/{batch.target}", "--transfers", many, "--checkers", many, "--config", ""),
        *("--no-check-dest", "--s3-no-head", "--s3-no-check-bucket", "--retries", "1", "--stats", "0"),
    ]
    remote = {
        "TYPE": "s3",
        "PROVIDER": "Other",
        "ENDPOINT": str(settings.endpoint_url),
        "REGION": settings.region,
        "ACCESS_KEY_ID": settings.access_key_id,
        "SECRET_ACCESS_KEY": settings.secret_access_key,
        "FORCE_PATH_STYLE": "true",
    }
    return _run(command, {f"RCLONE_CONFIG_BENCH_{name}": value for name, value in remote.items()})


def by_aws(batch: Batch, folder: Path) -> Callable[[], None]:
    """A recursive copy."""
    settings, config = batch.settings, folder / "config"
    config.write_text(
        f"[default]\ns3 =\n  max_concurrent_requests = {batch.in_flight}\n  max_queue_size = 10000\n"
        "  addressing_style = path\n"
    )
    command = [
        *(program("aws"), "s3", "cp", "--recursive", "--quiet", "--endpoint-url", str(settings.endpoint_url)),
        *(f"s3://{settings.bucket}/{batch.source}/", f"s3://{settings.bucket}/{batch.target}/"),
    ]
    spared = {"AWS_CONFIG_FILE": str(config), "AWS_REQUEST_CHECKSUM_CALCULATION": "when_required"}
    return _run(command, {**keys_of(settings), **spared, "AWS_RESPONSE_CHECKSUM_VALIDATION": "when_required"})


IN_PROCESS: dict[str, Way] = {"obstore": by_obstore, "boto3 threads": by_boto3}
PROGRAMS: dict[str, tuple[str, Way]] = {
    "s5cmd": ("s5cmd", by_s5cmd),
    "s5cmd, 256 workers": ("s5cmd", by_s5cmd_itself),
    "rclone": ("rclone", by_rclone),
    "aws cli": ("aws", by_aws),
}
NUMBERED = re.compile(r"\d+\.\d+[\w.+-]*")
VERSION = {"s5cmd": "version", "rclone": "version", "aws": "--version"}


def not_installed() -> list[str]:
    """Ways that cannot be measured here."""
    return [way for way, (name, _) in PROGRAMS.items() if find(name) is None]


def programs_versions() -> dict[str, str]:
    """As each tells."""
    told = {}
    for name, argument in VERSION.items():
        path = find(name)
        if path is None:
            told[name] = "not installed"
            continue
        ran = subprocess.run([path, argument], check=True, capture_output=True, text=True)
        told[name] = found.group() if (found := NUMBERED.search(ran.stdout)) else "unknown"
    return told


def find(name: str) -> str | None:
    """Its program: in its package, beside the interpreter, or on PATH."""
    package = find_spec(name)
    if package is not None and package.origin is not None:
        # What pip puts beside the interpreter starts a Python first, and that would be part of the time.
        program_itself = Path(package.origin).parent / "bin" / name
        if program_itself.is_file():
            return str(program_itself)
    return shutil.which(name, path=os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")]))


def program(name: str) -> str:
    """Its path; it is there."""
    path = find(name)
    assert path is not None, f"{name} is not installed"
    return path


def keys_of(settings: S3Settings) -> dict[str, str]:
    """As all of AWS's relatives read them."""
    return {
        "AWS_ACCESS_KEY_ID": settings.access_key_id,
        "AWS_SECRET_ACCESS_KEY": settings.secret_access_key,
        "AWS_REGION": settings.region,
        "AWS_EC2_METADATA_DISABLED": "true",
    }


def _run(command: list[str], more: Mapping[str, str]) -> Callable[[], None]:
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "RCLONE_"))}

    def run() -> None:
        ran = subprocess.run(command, env={**clean, **more}, check=False, capture_output=True, text=True)
        if ran.returncode:
            raise SystemExit(f"{Path(command[0]).name}: {ran.stderr[-2000:]}")

    return run
