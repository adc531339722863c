"""Each class of settings refuses what cannot be, by the key's name, and keeps its secrets out of ``repr``."""

import pickle
from collections.abc import Callable
from dataclasses import fields, replace
from typing import Any, get_type_hints

import pytest

from engine.core.errors import ConfigError
from engine.settings import LocalSettings, MongoSettings, RaySettings, S3Settings, Settings

SECRET = "mArKeR"
SETTINGS = Settings(
    mongo=MongoSettings(uri=f"mongodb://u:{SECRET}@h"),
    s3=S3Settings(endpoint_url=None, bucket="b", access_key_id=SECRET, secret_access_key=SECRET),
    ray=RaySettings(),
    local=LocalSettings(data_dir="/d"),
)
NUMBERS = [
    f"{section.name}.{found.name}"
    for section in fields(Settings)
    for found in fields(get_type_hints(Settings)[section.name])
    if isinstance(found.default, int | float) and not isinstance(found.default, bool)
]


def changed(key: str, value: Any) -> Settings:
    section, name = key.split(".")
    return replace(SETTINGS, **{section: replace(getattr(SETTINGS, section), **{name: value})})


def refusal(make: Callable[[], object]) -> ConfigError:
    with pytest.raises(ConfigError) as caught:
        make()
    assert SECRET not in str(caught.value)
    assert SECRET not in repr(caught.value)
    return caught.value


def test_there_are_numbers_to_try() -> None:
    assert {"steps.concurrency", "scan.batch_limit", "ray.task_cpus", "copy.actors"} <= set(NUMBERS)


@pytest.mark.parametrize("value", [-1, float("nan"), float("inf"), float("-inf")])
@pytest.mark.parametrize("key", NUMBERS)
def test_no_number_is_negative_or_without_end(key: str, value: float) -> None:
    error = refusal(lambda: changed(key, value))
    assert error.key == key
    assert key in str(error)


@pytest.mark.parametrize(
    "key",
    sorted({*NUMBERS, "ray.num_cpus"} - {"ray.actor_cpus", "s3.min_storage_days", "schedule.port", "gateway.port"}),
)
def test_no_number_is_zero_where_nothing_would_be_done(key: str) -> None:
    assert refusal(lambda: changed(key, 0)).key == key


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("mongo.uri", ""),
        ("mongo.uri", SECRET),
        ("mongo.database", ""),
        ("s3.bucket", ""),
        ("s3.access_key_id", ""),
        ("s3.secret_access_key", ""),
        ("s3.region", ""),
        ("s3.endpoint_url", SECRET),
        ("s3.endpoint_url", f"https://u:{SECRET}@h"),
        ("s3.addressing_style", SECRET),
        ("local.data_dir", ""),
        ("local.data_dir", f"a/{SECRET}"),
        ("copy.multipart_part_bytes", 5 * 1024**2 - 1),
        ("copy.multipart_threshold_bytes", 5 * 1024**3 + 1),
        ("ray.object_store_mb", 79),
        ("schedule.port", 65_536),
        ("schedule.cron", " "),
        ("schedule.timezone", ""),
        ("schedule.host", ""),
        ("gateway.port", 65_536),
        ("gateway.host", " "),
        ("gateway.retention_days", 25_000),
        ("gateway.cors_origins", "https://a.example.com, *"),
        ("gateway.cors_origins", "https://a.example.com/path"),
    ],
)
def test_what_cannot_be_is_refused_by_its_key(key: str, value: Any) -> None:
    assert refusal(lambda: changed(key, value)).key == key


@pytest.mark.parametrize(
    ("key", "variable"),
    [
        ("mongo.uri", "MONGO_URI"),
        ("s3.bucket", "S3_BUCKET"),
        ("s3.access_key_id", "AWS_ACCESS_KEY_ID"),
        ("s3.secret_access_key", "AWS_SECRET_ACCESS_KEY"),
    ],
)
def test_what_is_missing_says_where_to_set_it(key: str, variable: str) -> None:
    error = refusal(lambda: changed(key, ""))
    assert "is not set" in error.reason
    assert variable in error.reason


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("scan.funnel_stale_minutes", 0.01),
        ("ray.actor_cpus", 0),
        ("ray.num_cpus", 1),
        ("mongo.uri", "mongodb+srv://h"),
        ("s3.endpoint_url", "http://127.0.0.1:1"),
        ("copy.multipart_threshold_bytes", 5 * 1024**3),
    ],
)
def test_what_can_be_is_taken(key: str, value: Any) -> None:
    section, name = key.split(".")
    assert getattr(getattr(changed(key, value), section), name) == value


def test_an_error_keeps_its_key_across_processes() -> None:
    error = pickle.loads(pickle.dumps(refusal(lambda: changed("steps.attempts", 0))))
    assert (error.key, str(error)) == ("steps.attempts", "steps.attempts: must be at least 1, not 0")


def test_secrets_are_in_no_repr() -> None:
    assert SECRET not in repr(SETTINGS)
    assert SETTINGS.mongo.uri == f"mongodb://u:{SECRET}@h"


def test_equal_settings_are_one_key() -> None:
    assert hash(changed("steps.attempts", 4)) == hash(changed("steps.attempts", 4))
    assert changed("steps.attempts", 4) != SETTINGS
