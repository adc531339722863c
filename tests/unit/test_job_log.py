"""A job's log, cut into lines, and what is said of a job that ended without its pass's document."""

import json
from typing import Any

import pytest
from ray.job_submission import JobDetails, JobStatus

from engine.cluster.submit import _last_document, _Lines, _without_document

DOCUMENT = '{"funnels": 0, "state": "done"}'


def shown(*tellings: str) -> list[str]:
    seen: list[str] = []
    lines = _Lines(seen.append)
    for log in tellings:
        lines.up_to(log)
    lines.end()
    return seen


def test_a_growing_log_is_shown_in_whole_lines_once() -> None:
    assert shown("a\nb", "a\nbc\nd") == ["a", "bc", "d"]


def test_a_log_that_is_told_again_from_its_beginning_is_not_shown_again() -> None:
    assert shown("a\nb\n", "a\n", "a\nb\nc\n") == ["a", "b", "c"]


def test_the_document_is_left_out_and_other_braces_are_not() -> None:
    assert shown(f"a\n{{b\n[1]\n{{}}\n{DOCUMENT}\n") == ["a", "{b", "[1]", "{}"]


def test_the_last_document_counts_whatever_stands_behind_it() -> None:
    later = '{"funnels": 1, "problems": ["a name with a\u2028line separator"]}'
    assert _last_document(f"a\n{DOCUMENT}\n{later}\nb\n{{}}\n") == json.loads(later)
    assert _last_document("a\n{}\n") is None


@pytest.mark.parametrize(
    ("exit_code", "log", "says"),
    [
        (127, "sh: 1: python: not found\n", "need the wheel"),
        (1, "python: No module named engine\n", "need the wheel"),
        (-9, "", "exit status -9"),
        (None, "", "STOPPED"),
    ],
)
def test_a_job_without_a_document_says_why(exit_code: int | None, log: str, says: str) -> None:
    known: dict[str, Any] = {"type": "SUBMISSION", "entrypoint": "e", "status": JobStatus.STOPPED}
    details = JobDetails(**known, driver_exit_code=exit_code)
    assert says in str(_without_document("job-1", details, log))
