"""``serve`` before it serves: which settings go with a pass that it starts, whose secrets it takes, how it logs."""

from pathlib import Path
from typing import Any

import pytest

from engine import telemetry
from engine.cli.serve import _submit
from engine.configuration import load
from engine.core.errors import ConfigError
from engine.gateway import serving
from engine.local.gateway_secrets import FILE, gateway_secrets, kept_secrets
from tests.command_line import environment_without_servers, run_here
from tests.gateway import OPERATOR, SECRET


@pytest.mark.parametrize("override", ["mongo.uri=mongodb://h:9/", "s3.secret_access_key=x", "ray.address=h:6379"])
def test_b22_what_cannot_go_with_a_job_is_refused_at_the_start(override: str) -> None:
    with pytest.raises(ConfigError) as caught:
        _submit(load((override,)), (override,))
    assert caught.value.key == override.partition("=")[0]


def test_b22_the_gateways_own_settings_do_not_hinder_a_job(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MONGO_URI", "mongodb://h/")
    own = ("gateway.jwt_secret=x", "gateway.hooks=true", "local.data_dir=x", "schedule.port=0")
    assert callable(_submit(load(own), own))


def test_both_secrets_of_a_folder_are_taken_or_none(tmp_path: Path) -> None:
    assert kept_secrets(tmp_path) is None
    gateway_secrets(tmp_path)
    assert set(kept_secrets(tmp_path) or {}) == {"jwt_secret", "operator_token"}


@pytest.mark.parametrize("content", ["", "[]", "7", '{"jwt_secret": "x"}', "\udcff"])
def test_a_file_that_is_none_of_ours_is_named(tmp_path: Path, content: str) -> None:
    (tmp_path / FILE).write_text(content, "utf-8", "surrogateescape")
    with pytest.raises(ConfigError, match=FILE):
        kept_secrets(tmp_path)


@pytest.mark.parametrize("log_format", ["text", "json"])
@pytest.mark.parametrize("more", [[], ["--json"]], ids=str)
def test_the_log_has_the_form_that_is_configured_whatever_stdout_has(
    log_format: str, more: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    forms: list[bool] = []

    def served(*_: Any) -> dict[str, Any]:
        forms.append(telemetry.as_json())
        return {"seconds": 0, "events": 0}

    monkeypatch.setattr(serving, "serve", served)
    environment = environment_without_servers(
        MONGO_URI="mongodb://h/", GATEWAY_JWT_SECRET=SECRET, GATEWAY_OPERATOR_TOKEN=OPERATOR
    )
    given = ["serve", *more, f"log.format={log_format}", f"local.data_dir={tmp_path}"]
    done = run_here(*given, environment=environment, cwd=tmp_path)
    assert (done.returncode, forms) == (0, [log_format == "json"]), done.stdout + done.stderr
