"""The servers that a command needs: checked before anything starts, so that an error names the setting."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from pathlib import Path

from engine.cli.kept import token_for
from engine.edges.mongo.client import open_store, require_transactions
from engine.edges.s3 import Objects
from engine.settings import Settings


def check_services(settings: Settings) -> None:
    """MongoDB does transactions, and the bucket is there.

    Raises:
        ConfigError: One of them refuses what is configured.
        ServiceUnreachable: One of them does not answer.
    """
    store = open_store(settings.mongo)
    try:
        require_transactions(store)
    finally:
        store.close()
    Objects(settings.s3).check(settings.s3.bucket)


OWN = "local"
"""As ``ray.address``: a Ray of our own, even where another one runs on this machine."""


@contextmanager
def ray_session(settings: Settings) -> Iterator[bool]:
    """A Ray to work in: the one named, else the one that runs, else one of our own that ends with us.

    Yields:
        Whether it was joined: others look after it, and may read its figures.

    What Ray itself says, of a node that died as of a worker without memory, goes to stderr: Ray prints it to stdout,
    whatever it is told of logs, and there it would stand before the one document.
    """
    from engine.cluster.session import join, leave, running_address  # noqa: PLC0415 - importing ray takes a second

    address = settings.ray.address or running_address()
    with redirect_stdout(sys.stderr):
        if address is not None and address != OWN:
            with token_for(settings):
                join(address)
                try:
                    yield True
                finally:
                    leave()
            return
        from engine.local.ray_cluster import embedded_ray  # noqa: PLC0415

        with embedded_ray(settings.ray, Path(settings.local.data_dir) / "ray"):
            yield False
