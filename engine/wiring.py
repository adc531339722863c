"""Settings -> live clients, once a process: a worker that clones a hundred steps connects once."""

from functools import lru_cache

from engine.edges.mongo.client import Store, open_store
from engine.settings import MongoSettings


@lru_cache(maxsize=4)
def store_for(settings: MongoSettings) -> Store:
    """The process's one connection pool for these settings."""
    return open_store(settings)
