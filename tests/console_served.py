"""A gateway of its own process, as ``funnel-clone serve`` starts it, for the console's tests."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from engine.settings import Settings

OPERATOR_TOKEN = "operator-token-of-the-console"
RUN = [sys.executable, "-c", "from engine.cli import main; main()", "serve", "--json", "gateway.hooks=true"]
REPOSITORY = Path(__file__).parents[1]
END_WITHIN_S = 30


class Served:
    """Started and ended as often as a test wants, always at the same address."""

    def __init__(self, settings: Settings, folder: Path) -> None:
        self._settings, self._folder = settings, folder
        self._process: subprocess.Popen[str] | None = None
        self._port = 0
        self.url = ""

    def start(self) -> None:
        self._process = subprocess.Popen(
            [*RUN, f"gateway.port={self._port}"],
            env=self._environment(),
            cwd=self._folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        assert self._process.stdout is not None
        started = self._process.stdout.readline()
        assert started, "the gateway ended before it listened"
        self.url = json.loads(started)["url"]
        self._port = int(self.url.rpartition(":")[2])

    def stop(self) -> None:
        """Safe to repeat."""
        if self._process is None:
            return
        self._process.send_signal(signal.SIGTERM)
        self._process.communicate(timeout=END_WITHIN_S)
        assert self._process.returncode == 0
        self._process = None

    def _environment(self) -> dict[str, str]:
        foreign = ("RAY_", "AWS_", "MONGO_", "S3_", "GATEWAY_", "QM_")
        own = {name: value for name, value in os.environ.items() if not name.startswith(foreign)}
        return own | {
            "PYTHONPATH": str(REPOSITORY),
            "XDG_DATA_HOME": str(self._folder),
            "MONGO_URI": self._settings.mongo.uri,
            "MONGO_DATABASE": self._settings.mongo.database,
            "AWS_ENDPOINT_URL_S3": self._settings.s3.endpoint_url or "",
            "S3_BUCKET": self._settings.s3.bucket,
            "AWS_ACCESS_KEY_ID": self._settings.s3.access_key_id,
            "AWS_SECRET_ACCESS_KEY": self._settings.s3.secret_access_key,
            "GATEWAY_OPERATOR_TOKEN": OPERATOR_TOKEN,
            "GATEWAY_JWT_SECRET": "j" * 32,
        }


@contextmanager
def served(settings: Settings, folder: Path) -> Iterator[Served]:
    gateway = Served(settings, folder)
    gateway.start()
    try:
        yield gateway
    finally:
        gateway.stop()
