"""Servers that ``up`` or ``demo --keep`` keep running stand in for those that nobody named."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from engine.configuration import Configuration, load
from engine.local import state
from engine.settings import Settings


def filled_in(configuration: Configuration, overrides: Sequence[str]) -> Configuration:
    """The configuration, with kept servers for MongoDB, S3 and Ray where each of them is not given."""
    kept = state.read(Path(configuration.local().data_dir))
    if kept is None:
        return configuration
    taken = _not_given(configuration.values, kept.settings)
    return load(overrides, given=taken) if taken else configuration


def _not_given(values: Mapping[str, Mapping[str, Any]], kept: Mapping[str, Any]) -> dict[str, Any]:
    """The kept settings to take: all of a server's or none, so that no key is sent to somebody else's server."""
    mongo = not values["mongo"]["uri"]
    wanted = {
        "mongo": mongo,
        "s3": not values["s3"]["endpoint_url"] and not values["s3"]["bucket"],
        "ray": not values["ray"]["address"],
        "chat": mongo and not values["chat"]["preview_domain"],
    }
    return {key: value for key, value in kept.items() if wanted[key.partition(".")[0]]}


@contextmanager
def token_for(settings: Settings) -> Iterator[None]:
    """With the kept Ray's token, where it is the one that ``settings`` names."""
    with _token("ray.address", settings.ray.address, settings.local.data_dir):
        yield


@contextmanager
def job_token_for(configuration: Configuration) -> Iterator[None]:
    """With the kept Ray's token, where the job server that is named is its own."""
    with _token("ray.job_address", configuration.ray().job_address, configuration.local().data_dir):
        yield


@contextmanager
def _token(key: str, address: str | None, folder: str) -> Iterator[None]:
    kept = state.read(Path(folder))
    if kept is None or kept.settings.get(key) != address:
        yield
        return
    from engine.local.ray_cluster import token_of  # noqa: PLC0415 - takes Ray's second

    with token_of(Path(kept.ray_token_path)):
        yield
