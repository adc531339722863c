"""Events: their names, the two formats, one handler, no settings."""

import io
import json
import logging
import sys
from collections.abc import Iterator
from dataclasses import fields
from typing import Any

import pytest

from engine import telemetry
from engine.settings import LocalSettings, MongoSettings, RaySettings, S3Settings, Settings
from engine.telemetry import Event, emit, events

SECRET = "mArKeR"
SETTINGS = Settings(
    mongo=MongoSettings(uri=f"mongodb://u:{SECRET}@h"),
    s3=S3Settings(endpoint_url=None, bucket="b", access_key_id=SECRET, secret_access_key=SECRET),
    ray=RaySettings(),
    local=LocalSettings(data_dir="/d"),
)


@pytest.fixture(autouse=True)
def _as_before(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    # A pass that ran in this process has told its id.
    monkeypatch.setattr(telemetry, "_bound", {})
    log = logging.getLogger(telemetry.ROOT)
    before = log.handlers[:], log.level, log.propagate
    yield
    log.handlers[:], log.level, log.propagate = before


def lines(capsys: pytest.CaptureFixture[str]) -> list[str]:
    said = capsys.readouterr()
    assert said.out == ""
    return said.err.splitlines()


def test_b23_each_outcome_has_a_name_of_its_own() -> None:
    outcomes = {
        *("nothing to do", "funnel claimed", "stale re-queued", "already complete", "laid out"),
        *("step re-queued", "images done", "forms done", "chat replaced", "step done", "funnel waits"),
        *("funnel completed", "funnel failed", "source deleted", "lease acquired", "lease refused", "lease lost"),
        *("claim lost", "index missing", "pass started", "pass ended", "task failed"),
    }
    assert outcomes <= {str(event) for event in Event}


def test_b23_an_event_is_one_plain_line(capsys: pytest.CaptureFixture[str]) -> None:
    telemetry.configure()
    emit(Event.FUNNEL_CLAIMED, funnel_id=12, reason='a "b"\n=\u2028', name="", drain=True)
    (line,) = lines(capsys)
    time, level, told = line.split(maxsplit=2)
    assert time.endswith("+00:00")
    assert level == "INFO"
    assert told == r'funnel claimed funnel_id=12 reason="a \"b\"\n=\u2028" name="" drain=True'


def test_no_value_breaks_a_plain_line(capsys: pytest.CaptureFixture[str]) -> None:
    telemetry.configure()
    emit(Event.LAID_OUT, reason="a\u2028b\n")
    logging.getLogger("funnel_clone.tasks").warning("step\n%s", "7\u2028")
    event, message = lines(capsys)
    assert event.endswith(r'reason="a\u2028b\n"')
    assert message.endswith(r'"step\n7\u2028"')


def test_b23_an_event_is_one_json_line(capsys: pytest.CaptureFixture[str]) -> None:
    telemetry.configure(json=True)
    events("engine.flow.step").emit(Event.STEP_DONE, step_id=7, reason="ä\n\u2028", odd=Exception("x"))
    (line,) = lines(capsys)
    told = json.loads(line)
    assert told.pop("time").endswith("+00:00")
    assert told == {
        "level": "info",
        "logger": "funnel_clone.flow.step",
        "event": "step done",
        "step_id": 7,
        "reason": "ä\n\u2028",
        "odd": "x",
    }


def test_b23_what_is_bound_goes_with_every_json_line_until_it_is_unbound(capsys: pytest.CaptureFixture[str]) -> None:
    telemetry.configure(json=True)
    telemetry.bind(pass_id="p", step_id=1)
    emit(Event.STEP_DONE, step_id=2)
    telemetry.bind(step_id=None)
    logging.getLogger("funnel_clone.tasks").warning("odd")
    telemetry.bind(pass_id=None)
    emit(Event.LAID_OUT)
    told = [json.loads(line) for line in lines(capsys)]
    assert [(line.get("pass_id"), line.get("step_id")) for line in told] == [("p", 2), ("p", None), (None, None)]


def test_bound_settings_are_refused_as_told_ones_are() -> None:
    with pytest.raises(TypeError, match="settings hold secrets"):
        telemetry.bind(all_of_it=SETTINGS)


def test_an_event_is_written_to_what_is_stderr_then(capsys: pytest.CaptureFixture[str]) -> None:
    telemetry.configure()
    before, sys.stderr = sys.stderr, io.StringIO()
    try:
        emit(Event.LAID_OUT)
        told = sys.stderr.getvalue()
    finally:
        sys.stderr = before
    assert told.endswith("laid out\n")
    assert lines(capsys) == []


def test_an_event_has_a_traceback_where_it_is_asked_for(capsys: pytest.CaptureFixture[str]) -> None:
    telemetry.configure(json=True)
    try:
        int("broken")
    except ValueError:
        emit(Event.TASK_ERROR, traceback=True, step_id=7)
        emit(Event.TASK_ERROR, step_id=8)
    broken, ours = (json.loads(line) for line in lines(capsys))
    assert (broken["event"], broken["step_id"]) == ("task error", 7)
    assert "ValueError: invalid literal" in broken["traceback"]
    assert "traceback" not in ours


def test_no_field_takes_the_place_of_the_event(capsys: pytest.CaptureFixture[str]) -> None:
    telemetry.configure(json=True)
    fields_: dict[str, Any] = {"time": "then", "logger": "other"}
    emit(Event.LAID_OUT, **fields_)
    (line,) = lines(capsys)
    assert json.loads(line)["logger"] == "funnel_clone"
    assert json.loads(line)["time"] != "then"


@pytest.mark.parametrize("as_json", [True, False])
def test_what_is_no_event_is_told_too_with_its_traceback(capsys: pytest.CaptureFixture[str], *, as_json: bool) -> None:
    telemetry.configure(json=as_json)
    try:
        int("broken")
    except ValueError:
        logging.getLogger("funnel_clone.tasks").exception("step %s", 7)
    said = lines(capsys)
    if as_json:
        told = json.loads(said[0])
        assert told["message"] == "step 7"
        assert "event" not in told
        assert "ValueError: invalid literal" in told["traceback"]
    else:
        assert said[0].endswith("ERROR   step 7")
        assert said[-1].startswith("ValueError: invalid literal")


def test_configuring_again_tells_nothing_twice(capsys: pytest.CaptureFixture[str]) -> None:
    root = logging.getLogger()
    root.addHandler(other := logging.StreamHandler())
    try:
        telemetry.configure()
        telemetry.configure(json=True)
        telemetry.configure(level="WARNING")
        emit(Event.LAID_OUT)
        emit(Event.LEASE_LOST)
    finally:
        root.removeHandler(other)
    (line,) = lines(capsys)
    assert line.endswith("ERROR   lease lost")


def test_an_event_has_its_level_and_the_caller_may_choose_another(capsys: pytest.CaptureFixture[str]) -> None:
    telemetry.configure(level="DEBUG")
    emit(Event.CLAIM_LOST)
    emit(Event.INDEX_MISSING)
    emit(Event.STEP_DONE)
    emit(Event.STEP_DONE, level=logging.ERROR)
    assert [line.split()[1] for line in lines(capsys)] == ["DEBUG", "WARNING", "INFO", "ERROR"]


@pytest.mark.parametrize("part", ["all", *(found.name for found in fields(Settings))])
@pytest.mark.parametrize("wrap", ["bare", "list", "mapping"])
def test_settings_are_refused(capsys: pytest.CaptureFixture[str], part: str, wrap: str) -> None:
    telemetry.configure()
    value = SETTINGS if part == "all" else getattr(SETTINGS, part)
    wrapped = {"bare": value, "list": [1, (value,)], "mapping": {"x": value}}[wrap]
    with pytest.raises(TypeError, match="settings hold secrets") as caught:
        emit(Event.PASS_STARTED, all_of_it=wrapped)
    assert SECRET not in str(caught.value)
    assert lines(capsys) == []
