"""What has passed through the object store of the Ray that this process is connected to."""

from typing import Any

import ray
from ray._private import internal_api as untyped


def created_bytes() -> int:
    """Of all objects ever made in it; small values travel inside messages, and are none."""
    internal_api: Any = untyped
    address = ray.get_runtime_context().gcs_address
    reply = internal_api.get_memory_info_reply(internal_api.get_state_from_address(address))
    return int(reply.store_stats.cumulative_created_bytes)
