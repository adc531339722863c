"""The command ``funnel-clone``: in this process, where its words and its exit status are the point, or in its own.

A process of its own takes one to three seconds to start on a small machine, and longer where others work beside it.
Each command is run as one at least once; what it says in each case is seen in this one.
"""

import io
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import chdir, contextmanager, redirect_stderr, redirect_stdout
from pathlib import Path

from engine.cli.main import main
from engine.settings import Settings

CHECKOUT = Path(__file__).parents[1]
RUN = (sys.executable, "-c", "from engine.cli import main; main()")
ENDS_WITHIN_S = 300
"""There to end a hang: no command of a test takes a tenth of it on a machine of its own."""
_FOREIGN = ("AWS_", "GATEWAY_", "MONGO_", "PREVIEW_", "QM_", "RAY_", "S3_")

Done = subprocess.CompletedProcess[str]


def without_servers() -> dict[str, str]:
    """This process's environment, without whatever names a server."""
    return {name: value for name, value in os.environ.items() if not name.startswith(_FOREIGN)}


def environment_without_servers(**more: str) -> dict[str, str]:
    """The same, for whoever runs the engine of this checkout."""
    return {**without_servers(), "PYTHONPATH": str(CHECKOUT), **more}


def environment_of(settings: Settings, **more: str) -> dict[str, str]:
    """This process's, with the servers of ``settings`` and no others."""
    return environment_without_servers(
        MONGO_URI=settings.mongo.uri,
        MONGO_DATABASE=settings.mongo.database,
        AWS_ENDPOINT_URL_S3=settings.s3.endpoint_url or "",
        S3_BUCKET=settings.s3.bucket,
        AWS_ACCESS_KEY_ID=settings.s3.access_key_id,
        AWS_SECRET_ACCESS_KEY=settings.s3.secret_access_key,
        PREVIEW_DOMAIN=settings.chat.preview_domain,
        **more,
    )


def run_as_process(*arguments: object, environment: Mapping[str, str], cwd: Path) -> Done:
    """As its users run it."""
    return subprocess.run(
        [*RUN, *map(str, arguments)],
        env=environment,
        cwd=cwd,
        capture_output=True,
        text=True,
        timeout=ENDS_WITHIN_S,
        check=False,
    )


def run_here(*arguments: object, environment: Mapping[str, str], cwd: Path) -> Done:
    """In this process, and in this thread alone: the environment and the folder are the process's for that time."""
    given, out, err = [str(argument) for argument in arguments], io.StringIO(), io.StringIO()
    code: object = None
    with _environment(environment), chdir(cwd), redirect_stdout(out), redirect_stderr(err):
        try:
            main(given)
        except SystemExit as ended:
            code = ended.code
    assert isinstance(code, int)
    return subprocess.CompletedProcess(given, code, out.getvalue(), err.getvalue())


@contextmanager
def _environment(wanted: Mapping[str, str]) -> Iterator[None]:
    before = dict(os.environ)
    os.environ.clear()
    os.environ.update(wanted)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)
