"""The client that web pages use, npm's socket.io-client, in a process of its own; fetched once, kept in a cache."""

import json
import os
import shutil
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.processes import wait_for
from tests.templates import CACHE

PACKAGE = "socket.io-client@4.8.1"
PROGRAM = Path(__file__).with_name("listener.mjs")
WITHIN_S = 60


def client_folder() -> Path:
    """Where the package and what it needs lie."""
    folder = CACHE / PACKAGE.replace("@", "-")
    if not folder.is_dir():
        CACHE.mkdir(parents=True, exist_ok=True)
        fresh = CACHE / f"{folder.name}.{os.getpid()}"
        npm = shutil.which("npm")
        assert npm, "npm is not on PATH: .ci/run installs it"
        done = subprocess.run(
            [npm, "install", "--prefix", fresh, "--no-audit", "--no-fund", "--ignore-scripts", PACKAGE],
            capture_output=True,
            text=True,
            timeout=240,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        # Another run may have been first; a folder is only ever whole.
        try:
            fresh.rename(folder)
        except OSError:
            assert folder.is_dir()
    return folder


class JsClient:
    """What happened at it so far, in order."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        self.happened: list[dict[str, Any]] = []
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self.happened.append(json.loads(line))

    def events(self, name: str | None = None) -> list[dict[str, Any]]:
        """Payloads of the events, or of those of one name."""
        found = [each for each in self.happened if each["happened"] == "event"]
        return [each["payloads"][0] for each in found if name in (None, each["event"])]

    def event_ids(self) -> list[str]:
        """Of the stored events, repeats too."""
        return [payload["event_id"] for payload in self.events() if "event_id" in payload]

    def count(self, happened: str) -> int:
        return sum(each["happened"] == happened for each in self.happened)

    def await_count(self, happened: str, count: int = 1) -> None:
        wait_for(lambda: self.count(happened) >= count, WITHIN_S)

    def await_events(self, count: int) -> None:
        wait_for(lambda: len(self.events()) >= count, WITHIN_S)

    def tell(self, what: str) -> None:
        """``close`` or ``open``."""
        assert self._process.stdin is not None
        self._process.stdin.write(f"{what}\n")
        self._process.stdin.flush()

    def end(self) -> None:
        self._process.terminate()
        self._process.wait(30)
        self._reader.join(30)


@contextmanager
def js_client(
    url: str, auth: dict[str, Any], namespace: str = "/", *, connected: bool = True, **options: Any
) -> Iterator[JsClient]:
    """Connected, unless it is to be refused."""
    node = shutil.which("node")
    assert node, "node is not on PATH: .ci/run installs it"
    path = "" if namespace == "/" else namespace
    given = {"module": f"{client_folder()}/", "url": url + path, "auth": auth, "options": options}
    process = subprocess.Popen(
        [node, PROGRAM, json.dumps(given)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    client = JsClient(process)
    try:
        if connected:
            client.await_count("connect")
        yield client
    finally:
        client.end()
