"""A tick's pass as a Ray job: one job a tick, whoever submits it; what ended long ago is forgotten.

The job's id is derived from the database and the tick, so of two schedulers the second finds the job there. Whether
two passes run at once is decided by the lease alone: this only saves the second job.
"""

import os
import re
import socket
from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime
from hashlib import sha256
from typing import Any

from engine.cluster.submit import JobServer

PREFIX = "funnel-clone"
TICK_FORMAT = "%Y%m%dT%H%M%SZ"
SUBMITTER = "submitted_by"
ILLEGAL = re.compile(r"[^A-Za-z0-9_-]")


def tick_id(database: str, tick: datetime) -> str:
    """The id of the job of a tick (UTC): ``funnel-clone-funnels-20261126T020500Z``."""
    return f"{_stem(database)}-{tick.strftime(TICK_FORMAT)}"


class TickJobs(JobServer):
    """The job server, for jobs that are known by their tick."""

    def __init__(self, address: str | None) -> None:
        """Connect; raises as ``JobServer`` does."""
        super().__init__(address)
        self._me = f"{socket.gethostname()} pid {os.getpid()}"

    def submit_tick(self, job_id: str, overrides: Sequence[str], *, drain: bool, wheel: str | None = None) -> bool:
        """Submit a tick's pass where nobody has yet; whether the job is ours. Safe to repeat.

        Raises:
            ServiceUnreachable: The job server does not answer.
        """
        with self._answering():
            try:
                self._submit(job_id, overrides, drain=drain, wheel=wheel, metadata={SUBMITTER: self._me})
            except RuntimeError:
                details = self._details(job_id)
                if details is None:
                    raise
                # An answer of the job server that was lost leaves a job of our own there.
                return (details.metadata or {}).get(SUBMITTER) == self._me
            return True

    def has_ended(self, job_id: str) -> bool | None:
        """Whether the job has ended; None where the job server knows of none, because its head was started anew.

        Raises:
            ServiceUnreachable: The job server does not answer.
        """
        with self._answering():
            details = self._details(job_id)
            return None if details is None else bool(details.status.is_terminal())

    def ask_to_stop(self, job_id: str) -> None:
        """Let the job give back what it has in hand, and end. Safe to repeat.

        Raises:
            ServiceUnreachable: The job server does not answer.
        """
        with self._answering():
            self._client.stop_job(job_id)

    def forget_ended(self, database: str, keep: int, before: datetime) -> int:
        """Delete the records of ticks of the database that ended before a moment, but for the last; how many.

        Ray has no way to delete a job's log: it goes with the head's session.

        Raises:
            ServiceUnreachable: The job server does not answer.
        """
        ours = re.compile(rf"{re.escape(_stem(database))}-\d{{8}}T\d{{6}}Z")
        with self._answering():
            found = [job for job in self._client.list_jobs() if ours.fullmatch(job.submission_id or "")]
            ended = sorted((job for job in found if job.status.is_terminal()), key=_ended_at, reverse=True)
            old = [job for job in ended[keep:] if _ended_at(job) < before.timestamp()]
            for job in old:
                with suppress(RuntimeError):  # another scheduler was faster
                    self._client.delete_job(job.submission_id or "")
        return len(old)

    def _details(self, job_id: str) -> Any | None:
        try:
            return self._client.get_job_info(job_id)
        except RuntimeError as error:
            if "status code 404" in str(error):
                return None
            raise


def _ended_at(job: Any) -> float:
    return (job.end_time or 0) / 1000


def _stem(database: str) -> str:
    """A database's name may hold what an id may not; what was replaced is told apart by the end of a digest."""
    legal = ILLEGAL.sub("_", database)
    if legal != database:
        legal += "-" + sha256(database.encode()).hexdigest()[:8]
    return f"{PREFIX}-{legal}"
