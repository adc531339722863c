"""A pass as a Ray job: submitted to the cluster's job server, followed, and read back from the job's log.

The nodes have the wheel, or the job brings one along (``ray.wheel``); nothing else is uploaded. A job's command line
and its runtime_env show in the dashboard, so neither may hold a secret; what is secret comes from the environment of
the nodes.
"""

import asyncio
import json
import os
import secrets
import shlex
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from time import monotonic
from typing import Any

from ray.exceptions import RayError
from ray.job_submission import JobDetails, JobSubmissionClient

from engine.cluster.probe import probe
from engine.cluster.wheel import runtime_env_of
from engine.core.errors import CloneError, ConfigError, ServiceUnreachable

KEY = "ray.job_address"
VARIABLE = "RAY_API_SERVER_ADDRESS"
ENTRYPOINT = ("python", "-m", "engine.cli", "pass", "--json")
PROBE_S = 5.0
ANSWER_S = 60.0
AGAIN_S = 1.0
PATIENCE_S = 30.0
NOT_RUN = (126, 127)
"""A shell's exit codes that say that the command itself could not be run or was not found; above them stand signals."""


@dataclass(frozen=True)
class JobEnd:
    """How a job that ran a pass ended."""

    exit_code: int
    document: dict[str, Any]
    """What the pass printed with ``--json``: its figures, or ``error`` and perhaps ``key``."""


class JobServer:
    """The job server of one cluster. With token authentication the token comes from RAY_AUTH_TOKEN or _PATH."""

    def __init__(self, address: str | None) -> None:
        """Connect.

        Raises:
            ConfigError: There is no address, or it is none of a job server.
            ServiceUnreachable: It does not answer, or refuses the token.
        """
        self.address = checked_address(address)
        with self._answering():
            probe(self.address, PROBE_S)
            with _no_other_address(self.address):
                self._client: JobSubmissionClient = _Patient(self.address)

    def submit_pass(self, overrides: Sequence[str], *, drain: bool, wheel: str | None = None) -> str:
        """Submit a pass; returns the job's id. Not safe to repeat, but the second of two passes is refused by itself.

        Args:
            overrides: ``key=value``; they must hold no secret.
            drain: Go on until nothing is pending.
            wheel: The engine that the job is to run; None: the one that the nodes have.

        Raises:
            ConfigError: The wheel is none of the engine.
            ServiceUnreachable: The job server does not answer.
        """
        with self._answering():
            return self._submit(f"funnel-clone-{secrets.token_hex(6)}", overrides, drain=drain, wheel=wheel)

    def follow(self, job_id: str, show: Callable[[str], None]) -> None:
        """Show the log line by line until the job has ended; the line of the pass's document is left out.

        Raises:
            ServiceUnreachable: The job server does not answer any more; the job may go on.
        """
        lines = _Lines(show)
        with self._answering(job_id):
            asyncio.run(self._tail(job_id, lines))
            lines.up_to(self._client.get_job_logs(job_id))
        lines.end()

    def end(self, job_id: str) -> JobEnd:
        """What an ended job came to.

        Raises:
            CloneError: It ended without a word from the pass: it was killed, or the nodes lack the engine.
            ServiceUnreachable: The job server does not answer.
        """
        with self._answering(job_id):
            details = self._client.get_job_info(job_id)
            log = self._client.get_job_logs(job_id)
        document = _last_document(log)
        if document is None:
            raise _without_document(job_id, details, log)
        code = details.driver_exit_code
        return JobEnd(1 if code is None else code, document)

    def stop_command(self, job_id: str) -> str:
        """The command line that stops a job."""
        return f"ray job stop --address {self.address} {job_id}"

    def _submit(self, job_id: str, overrides: Sequence[str], *, drain: bool, wheel: str | None, **more: Any) -> str:
        entrypoint = shlex.join([*ENTRYPOINT, *(["--drain"] if drain else []), *overrides])
        with runtime_env_of(wheel) as runtime_env:
            given = {"entrypoint": entrypoint, "submission_id": job_id, "runtime_env": runtime_env, **more}
            return str(self._client.submit_job(**given))

    async def _tail(self, job_id: str, lines: "_Lines") -> None:
        while not await self._ended(job_id):
            told = ""
            try:
                async for chunk in self._client.tail_job_logs(job_id):
                    told += chunk
                    lines.up_to(told)
            except Exception:  # noqa: BLE001 - no websocket, or one that broke: the log is asked for instead
                with suppress(OSError, RuntimeError):
                    lines.up_to(await asyncio.to_thread(self._client.get_job_logs, job_id))
            await asyncio.sleep(AGAIN_S)

    async def _ended(self, job_id: str) -> bool:
        """Whether the job has ended; a job server that is away for a moment is waited for."""
        give_up_at = monotonic() + PATIENCE_S
        while True:
            try:
                return bool((await asyncio.to_thread(self._client.get_job_info, job_id)).status.is_terminal())
            except (OSError, RuntimeError):
                if monotonic() > give_up_at:
                    raise
            await asyncio.sleep(AGAIN_S)

    @contextmanager
    def _answering(self, job_id: str | None = None) -> Iterator[None]:
        """Errors of requests and aiohttp are OSErrors; what the server refuses is a RuntimeError."""
        try:
            yield
        except (OSError, RuntimeError, RayError) as error:
            on = f"; job {job_id} may go on, this stops it: {self.stop_command(job_id)}" if job_id else ""
            raise ServiceUnreachable(
                f"Ray's job server ({KEY}={self.address}) cannot be used: {error}{on}. "
                f"Another one is named with {KEY}=… or {VARIABLE}"
            ) from error


class _Patient(JobSubmissionClient):
    """Ray's client would wait for ever for a server that takes a request and then says nothing."""

    def _do_request(self, *arguments: Any, **options: Any) -> Any:
        return super()._do_request(*arguments, **{"timeout": ANSWER_S, **options})


class _Lines:
    """Cuts a growing log into lines, whichever part of it is told again."""

    def __init__(self, show: Callable[[str], None]) -> None:
        self._show = show
        self._log = ""
        self._shown = 0

    def up_to(self, log: str) -> None:
        """The log from its beginning; shows what is new in whole lines."""
        if len(log) <= len(self._log):
            return
        self._log = log
        while (end := log.find("\n", self._shown)) >= 0:
            self._line(log[self._shown : end])
            self._shown = end + 1

    def end(self) -> None:
        """Show what is left."""
        if rest := self._log[self._shown :]:
            self._line(rest)
        self._shown = len(self._log)

    def _line(self, line: str) -> None:
        if _document(line) is None:
            self._show(line)


def _last_document(log: str) -> dict[str, Any] | None:
    # Not splitlines: JSON may hold what that takes for the end of a line.
    return next(filter(None, map(_document, reversed(log.split("\n")))), None)


def _document(line: str) -> dict[str, Any] | None:
    if not line.startswith("{"):
        return None
    try:
        found = json.loads(line)
    except ValueError:
        return None
    return found if isinstance(found, dict) and ("funnels" in found or "error" in found) else None


def _without_document(job_id: str, details: JobDetails, log: str) -> CloneError:
    code = details.driver_exit_code
    if code in NOT_RUN or "No module named" in log:
        return CloneError(
            f"job {job_id}: the nodes cannot run `{shlex.join(ENTRYPOINT)}`: they need the wheel, "
            "in the Python that comes first on their PATH"
        )
    ended = f"{details.status}" + ("" if code is None else f" with exit status {code}")
    return CloneError(f"job {job_id} ended as {ended} before its pass could report; the next pass goes on there")


def checked_address(address: str | None) -> str:
    """An address that may be a job server's, without a slash at its end; raises ConfigError for any other."""
    if not address:
        raise ConfigError(KEY, f"is not set; set it on the command line ({KEY}=http://…:8265) or through {VARIABLE}")
    if not address.startswith(("http://", "https://")):
        raise ConfigError(
            KEY, "must begin with http:// or https://: it is the dashboard's address, port 8265 as a rule"
        )
    if "@" in address:
        raise ConfigError(KEY, "must hold no credentials: a token comes from RAY_AUTH_TOKEN or RAY_AUTH_TOKEN_PATH")
    return address.rstrip("/")


@contextmanager
def _no_other_address(address: str) -> Iterator[None]:
    """Ray's client takes RAY_API_SERVER_ADDRESS, and even RAY_ADDRESS, for better than the address it is given."""
    before = os.environ.get(VARIABLE)
    os.environ[VARIABLE] = address
    try:
        yield
    finally:
        if before is None:
            del os.environ[VARIABLE]
        else:
            os.environ[VARIABLE] = before
