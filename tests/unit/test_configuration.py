"""Files, environment and overrides -> settings; every refusal names its key and tells no value."""

import logging
import os
import re
import subprocess
import sys
import traceback
from concurrent.futures import ThreadPoolExecutor
from dataclasses import MISSING, fields
from pathlib import Path
from typing import Any, get_type_hints

import pytest
from hydra import initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from hypothesis import example, given, settings
from hypothesis import strategies as st

from engine.configuration import composition, files, load, settings_help
from engine.configuration.schema import keys
from engine.core.errors import ConfigError
from engine.settings import Settings

ROOT = Path(__file__).parents[2]
MARKER = "mArKeR"
ENVIRONMENT = {
    "MONGO_URI": "mongo.uri",
    "MONGO_DATABASE": "mongo.database",
    "AWS_ENDPOINT_URL_S3": "s3.endpoint_url",
    "AWS_REGION": "s3.region",
    "S3_BUCKET": "s3.bucket",
    "AWS_ACCESS_KEY_ID": "s3.access_key_id",
    "AWS_SECRET_ACCESS_KEY": "s3.secret_access_key",
    "RAY_ADDRESS": "ray.address",
    "RAY_API_SERVER_ADDRESS": "ray.job_address",
    "PREVIEW_DOMAIN": "chat.preview_domain",
    "FUNNEL_CLONE_LOG_FORMAT": "log.format",
    "GATEWAY_JWT_SECRET": "gateway.jwt_secret",
    "GATEWAY_OPERATOR_TOKEN": "gateway.operator_token",
}
GIVEN = {
    "mongo.uri": "mongodb://h",
    "s3.bucket": "b",
    "s3.access_key_id": "i",
    "s3.secret_access_key": "k",
    "local.data_dir": "/d",
}
NASTY = [
    "mongodb://u:p@h:1,h:2/?replicaSet=rs0&a=b",
    "a,b",
    "{a: 1}",
    "[1]",
    "${oc.env:HOME}",
    "${",
    r"\${x}\\${y}",
    "$a b",
    "it's",
    "'",
    '"',
    "\\",
    r"\'",
    r"a\\",
    "choice(1,2)",
    "true",
    "1",
    " a ",
    "ä=ö#%",
    "a\nb",
    "???",
    "nullify",
]


@pytest.fixture(autouse=True)
def _no_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in (*ENVIRONMENT, "XDG_DATA_HOME"):
        monkeypatch.delenv(variable, raising=False)


def value_of(configuration: Any, key: str) -> Any:
    section, name = key.split(".")
    return configuration.values[section][name]


def setting(made: Settings, key: str) -> Any:
    section, name = key.split(".")
    return getattr(getattr(made, section), name)


def refusal(*overrides: str) -> ConfigError:
    with pytest.raises(ConfigError) as caught:
        load(overrides)
    return caught.value


# Files


def test_the_files_say_what_the_settings_default_to() -> None:
    made = load([], given=GIVEN).settings()
    for section in fields(Settings):
        for found in fields(get_type_hints(Settings)[section.name]):
            if found.default is not MISSING:
                assert getattr(getattr(made, section.name), found.name) == found.default, found.name


def test_the_files_name_every_setting() -> None:
    named = load([]).values
    assert {f"{section}.{name}" for section, values in named.items() for name in values} == set(keys())
    for key in keys():
        section, name = key.split(".")
        texts = [p.read_text("utf-8") for p in (ROOT / "conf" / "config.yaml", *(ROOT / "conf" / section).glob("*"))]
        assert any(re.search(rf"^\s*{name}:", text, re.MULTILINE) for text in texts), key


def test_a_profile_overrides_the_groups_and_the_command_line_overrides_a_profile() -> None:
    assert load(["profile=dev"]).values == load([]).values
    cluster = load(["copy.concurrency=7", "profile=cluster"])
    assert cluster.ray().address == "auto"
    assert value_of(cluster, "copy.actors") > value_of(load([]), "copy.actors")
    assert value_of(cluster, "copy.concurrency") == 7


def test_a_profile_knows_its_object_store(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_ENDPOINT_URL_S3", raising=False)
    monkeypatch.setenv("AWS_REGION", "eu-central-2")
    wasabi, aws = load(["profile=wasabi"]), load(["profile=aws"])
    assert value_of(wasabi, "s3.endpoint_url") == "https://s3.eu-central-2.wasabisys.com"
    assert (value_of(aws, "s3.endpoint_url"), value_of(aws, "s3.addressing_style")) == (None, "virtual")
    assert wasabi.ray().address == aws.ray().address == "auto", "both are clusters"


@pytest.fixture
def broken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for path in (ROOT / "conf").rglob("*.yaml"):
        copy = tmp_path / path.relative_to(ROOT / "conf")
        copy.parent.mkdir(exist_ok=True)
        copy.write_text(path.read_text("utf-8"))
    monkeypatch.setattr(composition, "folder", lambda: tmp_path)
    return tmp_path / "profile" / "dev.yaml"


@pytest.mark.parametrize(
    ("text", "key"),
    [
        (f"steps: {{attempts: {MARKER}}}", "steps.attempts"),
        (f"steps: {{atempts: {MARKER}}}", "steps.atempts"),
        (f"stairs: {{attempts: {MARKER}}}", "stairs"),
        (f"steps: {{attempts: '${{no.such.{MARKER}}}'}}", "steps.attempts"),
        (f"steps: [{MARKER}", "conf"),
    ],
)
def test_a_file_is_checked_as_an_override_is(broken: Path, text: str, key: str) -> None:
    broken.write_text(f"# @package _global_\n{text}\n")
    error = refusal()
    assert error.key == key
    assert MARKER not in "".join(traceback.format_exception(error))


def test_an_installed_engine_has_its_files_within(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "_ENGINE", tmp_path / "engine")
    (tmp_path / "conf").mkdir()
    assert files.folder.__wrapped__() == tmp_path / "conf"
    (tmp_path / "engine" / "conf").mkdir(parents=True)
    assert files.folder.__wrapped__() == tmp_path / "engine" / "conf"


# Environment


@pytest.mark.parametrize(("variable", "key"), [of for of in ENVIRONMENT.items() if of[1] != "log.format"])
def test_a_variable_sets_its_key(monkeypatch: pytest.MonkeyPatch, variable: str, key: str) -> None:
    monkeypatch.setenv(variable, "mongodb://from ${the},environment")
    assert value_of(load([]), key) == "mongodb://from ${the},environment"
    assert value_of(load([f"{key}=other"]), key) == "other"
    assert value_of(load([f"{key}=other"], given={key: "given"}), key) == "given"


def test_a_variable_that_is_empty_is_not_set(monkeypatch: pytest.MonkeyPatch) -> None:
    unset = load([]).values
    for variable in (*ENVIRONMENT, "XDG_DATA_HOME"):
        monkeypatch.setenv(variable, "")
    made = load([], given=GIVEN).settings()
    assert (made.mongo.database, made.s3.region) == ("funnels", "us-east-1")
    assert (made.s3.endpoint_url, made.ray.address, made.ray.job_address) == (None, None, None)
    assert {key: None if value == "" else value for key, value in load([]).values["s3"].items()} == unset["s3"]
    monkeypatch.setenv("RAY_ADDRESS", "")
    assert load(["profile=cluster"]).ray().address == "auto"


def test_the_values_are_those_of_the_moment_of_loading(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MONGO_URI", "mongodb://before")
    configuration = load([])
    monkeypatch.setenv("MONGO_URI", "mongodb://after")
    assert configuration.mongo().uri == "mongodb://before"


def test_data_lies_in_a_folder_of_the_users(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", "/home/u")
    assert load([]).local().data_dir == "/home/u/.local/share/funnel-clone"
    monkeypatch.setenv("XDG_DATA_HOME", "not/absolute")
    assert load([]).local().data_dir == "/home/u/.local/share/funnel-clone"
    monkeypatch.setenv("XDG_DATA_HOME", "/xdg")
    assert load([]).local().data_dir == "/xdg/funnel-clone"
    assert load(["local.data_dir=~/x"]).local().data_dir == "/home/u/x"
    monkeypatch.chdir(tmp_path)
    assert load(["local.data_dir=x"]).local().data_dir == str(tmp_path / "x")
    assert refusal("local.data_dir=").key == "local.data_dir"
    assert refusal("local.data_dir=~no-such-user/x").key == "local.data_dir"


# Overrides


@settings(max_examples=25, deadline=None)
@given(st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1) | st.text("\\'\"${}", min_size=1))
@example("$")
def test_any_text_arrives_as_it_was_given(text: str) -> None:
    configuration = load([f"mongo.database=x{text}"], given={"s3.bucket": text})
    assert value_of(configuration, "mongo.database") == f"x{text}"
    assert value_of(configuration, "s3.bucket") == text


@pytest.mark.parametrize("text", NASTY)
def test_what_hydra_would_read_otherwise_is_a_plain_text(text: str) -> None:
    assert value_of(load([f"s3.secret_access_key={text}"]), "s3.secret_access_key") == text


@pytest.mark.parametrize(
    ("written", "meant"),
    [("'a b'", "a b"), ('"a,b"', "a,b"), (r"'it\'s'", "it's"), ("'${x}'", "${x}"), ("'null'", "null"), ("''", "")],
)
def test_quotes_around_a_whole_value_are_hydras(written: str, meant: str) -> None:
    assert value_of(load([f"mongo.database={written}"]), "mongo.database") == meant


def test_null_and_nothing_mean_not_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", "http://h")
    for nothing in ("", "null"):
        assert value_of(load([f"s3.endpoint_url={nothing}"]), "s3.endpoint_url") is None
        assert load([f"ray.num_cpus={nothing}"]).ray().num_cpus is None
        with pytest.raises(ConfigError, match=r"mongo\.database: is not set"):
            load([f"mongo.database={nothing}"], given={"mongo.uri": "mongodb://h"}).mongo()


def test_the_last_of_equal_keys_wins() -> None:
    configuration = load(["steps.attempts=2", "profile=cluster", "steps.attempts=4", "profile=dev"])
    assert (value_of(configuration, "steps.attempts"), configuration.ray().address) == (4, None)


def test_numbers_are_numbers() -> None:
    configuration = load(["steps.concurrency=8", "scan.funnel_stale_minutes=0.5", "lease.ttl_seconds=1e2"])
    assert value_of(configuration, "steps.concurrency") == 8
    assert value_of(configuration, "scan.funnel_stale_minutes") == 0.5
    assert value_of(configuration, "lease.ttl_seconds") == 100


@pytest.mark.parametrize(
    ("override", "key"),
    [
        *((f"steps.concurrency={value}", "steps.concurrency") for value in ("0", "-1", "2.5", "abc", "", "null")),
        *((f"steps.concurrency={value}", "steps.concurrency") for value in ("1,2", "[1]", "true", "{a: 1}", "nan")),
        ("steps.concurrency='${oc.env:HOME}'", "steps.concurrency"),
        *((f"lease.ttl_seconds={value}", "lease.ttl_seconds") for value in ("nan", "inf", "-inf", "x", "0", "null")),
        ("ray.num_cpus=x", "ray.num_cpus"),
        ("s3.addressing_style=other", "s3.addressing_style"),
        ("foo=1", "foo"),
        ("steps.x=1", "steps.x"),
        ("steps.attempts.x=1", "steps.attempts.x"),
        ("steps=1", "steps"),
        ("+steps.x=1", "steps.x"),
        ("+steps.attempts=1", "steps.attempts"),
        ("++steps.attempts=1", "steps.attempts"),
        ("++steps.x=1", "steps.x"),
        ("~steps.attempts", "steps.attempts"),
        ("~steps.attempts=1", "steps.attempts"),
        ("steps.attempts", "steps.attempts"),
        ("profile=prod", "profile"),
        ("profile=dev,cluster", "profile"),
        ("~profile=dev", "profile"),
        ("mongo=mongodb://h", "mongo"),
        ("hydra.run.dir=x", "hydra.run.dir"),
        ("hydra.searchpath=[x]", "hydra.searchpath"),
    ],
)
def test_a_refusal_names_the_key(override: str, key: str) -> None:
    error = refusal(override)
    assert error.key == key
    assert str(error).startswith(f"{key}: ")


@pytest.mark.parametrize("argument", ["", "=", "=x", "x", "a.b.c", "a b=c", "mongo@s3=default", "--x=1", "hydra/job=x"])
def test_what_is_no_override_is_refused_by_its_place(argument: str) -> None:
    assert refusal("steps.attempts=1", argument).key == "argument 2"


@pytest.mark.parametrize(
    ("key", "meant"),
    [
        ("steps.concurency", "steps.concurrency?"),
        ("Steps.Attempts", "steps.attempts?"),
        ("MONGO_URI", "mongo.uri?"),
        ("concurrency", "steps.concurrency or copy.concurrency?"),
        ("s3.secret_key", "s3.secret_access_key?"),
        ("profil", "profile?"),
    ],
)
def test_a_typo_gets_a_suggestion(key: str, meant: str) -> None:
    assert refusal(f"{key}=1").reason.endswith(f"did you mean {meant}")


def test_given_values_are_checked_as_overrides_are() -> None:
    with pytest.raises(ConfigError) as unknown:
        load([], given={"mongo.url": "mongodb://h"})
    assert unknown.value.key == "mongo.url"
    with pytest.raises(ConfigError) as wrong:
        load([], given={"steps.attempts": "x"})
    assert wrong.value.key == "steps.attempts"
    assert load(["ray.num_cpus=1"], given={"ray.num_cpus": None}).ray().num_cpus is None


# What a command asks for


def test_a_command_asks_for_what_it_needs_alone() -> None:
    configuration = load(["mongo.uri=mongodb://h", "s3.endpoint_url=h"])
    assert configuration.mongo().uri == "mongodb://h"
    assert configuration.ray().address is None
    with pytest.raises(ConfigError, match=r"s3\.bucket"):
        configuration.s3()


@pytest.mark.parametrize("missing", [key for key in GIVEN if key != "local.data_dir"])
def test_all_of_it_names_what_is_missing_first(missing: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load([], given={**GIVEN, missing: None}).settings()
    assert caught.value.key == missing
    with pytest.raises(ConfigError) as first:
        load([]).settings()
    assert first.value.key == "mongo.uri"


def test_all_of_it_is_there() -> None:
    made = load(["s3.addressing_style=virtual"], given=GIVEN).settings()
    assert {key: setting(made, key) for key in GIVEN} == GIVEN
    assert made.s3.addressing_style == "virtual"
    assert type(made.s3.addressing_style) is str


# Secrets, help, side effects


def test_shown_values_are_resolved_and_secrets_masked(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "secret_access_key: null\n" in load([]).masked_yaml()
    monkeypatch.setenv("AWS_REGION", "eu-1")
    shown = load(["s3.bucket=${x}", f"s3.endpoint_url=http://u:{MARKER}/@h"], given={"mongo.uri": MARKER}).masked_yaml()
    assert "  uri: '***'\n" in shown
    assert "  region: eu-1\n" in shown
    assert "  bucket: ${x}\n" in shown
    assert "  endpoint_url: http://***@h\n" in shown
    assert MARKER not in shown


REFUSED = [
    *("steps.concurrency=x", "steps.concurrency=0", "s3.addressing_style=x", "foo=1", "profile=x", "hydra.run.dir=x"),
    *("lease.ttl_seconds=nan", "+steps.x=1", "s3.endpoint_url=h", "mongo.database="),
    *(f"{wrong}={MARKER}" for wrong in ("mongo.url", "MONGO_URI", "steps.attempts", "lease.ttl_seconds", "mongo")),
    *(f"{wrong}='{MARKER}" for wrong in ("profile", "s3.addressing_style", "ray.num_cpus", "+s3.secret_access_key")),
    *(MARKER, f"mongodb://u:{MARKER}@h/?a=b", f"--{MARKER}=", f"a.{MARKER}.c", f"mongo.uri={MARKER}"),
    "steps.attempts='${oc.env:AWS_SECRET_ACCESS_KEY}'",
    "steps.attempts=${s3.secret_access_key}",
]


@pytest.mark.parametrize("override", REFUSED)
def test_no_refusal_tells_a_secret(
    override: str, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    for variable in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "S3_BUCKET"):
        monkeypatch.setenv(variable, MARKER if "KEY" in variable else "b")
    monkeypatch.setenv("MONGO_URI", f"mongodb://u:{MARKER}@h")
    caplog.set_level(logging.DEBUG)
    with pytest.raises(ConfigError) as caught:
        load([override]).settings()
    error = caught.value
    assert error.__cause__ is None
    assert error.__context__ is None
    told = "".join(traceback.format_exception(error)) + repr(error) + str(error.key) + str(capfd.readouterr())
    assert MARKER not in told + caplog.text


def test_nothing_shown_tells_a_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in ("MONGO_URI", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(variable, f"mongodb://{MARKER}")
    monkeypatch.setenv("S3_BUCKET", "b")
    configuration = load([])
    shown = [repr(configuration), configuration.masked_yaml(), repr(configuration.settings()), settings_help()]
    assert configuration.s3().secret_access_key == f"mongodb://{MARKER}"
    assert [text for text in shown if MARKER in text] == []


def test_the_list_names_every_key_its_default_and_its_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_REGION", "from-the-environment")
    monkeypatch.setenv("HOME", "/home/somebody")
    listed = {line.split()[0]: line.split()[1:] for line in settings_help().splitlines()}
    assert set(listed) == {"KEY", "profile", *keys()}
    switches = {"schedule.enabled": "QM_FUNNELS_CLONE", "gateway.hooks": "QM_HOOKS"}
    assert {**{key: variable for variable, key in ENVIRONMENT.items()}, **switches} == {
        key: told[1] for key, told in listed.items() if len(told) == 2 and key != "KEY"
    }
    assert listed["steps.concurrency"] == ["5"]
    assert listed["profile"][:1] == ["dev"]
    assert "somebody" not in settings_help()


def test_nothing_is_written_and_nothing_moved(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    root, level = logging.getLogger().handlers[:], logging.getLogger().level
    before = sorted((ROOT / "conf").rglob("*"))
    load(["profile=cluster", "local.data_dir=x"])
    refusal("steps.attempts=x")
    assert list(tmp_path.iterdir()) == []
    assert sorted((ROOT / "conf").rglob("*")) == before
    assert Path.cwd() == tmp_path
    assert (logging.getLogger().handlers, logging.getLogger().level) == (root, level)


def test_loads_in_threads_do_not_mix() -> None:
    with ThreadPoolExecutor(4) as threads:
        loaded = list(threads.map(lambda n: value_of(load([f"steps.attempts={n}"]), "steps.attempts"), range(1, 9)))
    assert loaded == list(range(1, 9))


def test_a_hydra_that_runs_around_it_goes_on() -> None:
    with initialize_config_dir(str(ROOT / "conf"), version_base=None):
        outer = GlobalHydra.instance().hydra
        load([])
        refusal("steps.attempts=x")
        assert GlobalHydra.instance().hydra is outer
    assert not GlobalHydra.instance().is_initialized()


def test_hydra_is_imported_when_something_is_loaded() -> None:
    code = "import sys, engine.configuration; sys.exit(bool({'hydra', 'omegaconf'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, env={**os.environ}, check=False).returncode == 0


def test_a_variable_that_takes_one_of_a_few_words_sets_its_key_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FUNNEL_CLONE_LOG_FORMAT", "json")
    assert value_of(load([]), "log.format") == "json"
    assert value_of(load(["log.format=text"]), "log.format") == "text"
    monkeypatch.setenv("FUNNEL_CLONE_LOG_FORMAT", "yaml")
    with pytest.raises(ConfigError, match=r"log\.format"):
        load([])
