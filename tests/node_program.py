"""Starts one node that joins a head, as ``ray.cluster_utils`` does, in a process of its own: ADDRESS is given.

`ray start` refuses to join where all shall listen on the loopback address alone.
"""

import signal
import sys
from typing import Any


def join(address: str) -> Any:
    """A node of one CPU that listens on 127.0.0.1; it ends with this process."""
    from ray._private.node import Node  # noqa: PLC0415 - after the environment is read
    from ray._private.parameter import RayParams  # noqa: PLC0415

    of_a_node: Any = RayParams  # it says that include_log_monitor is a text
    parameters = of_a_node(
        gcs_address=address,
        redis_address=address,
        node_ip_address="127.0.0.1",
        num_cpus=1,
        num_gpus=0,
        object_store_memory=100 * 1024**2,
        min_worker_port=0,
        max_worker_port=0,
        node_manager_port=0,
        dashboard_agent_listen_port=None,
        include_log_monitor=False,
    )
    return Node(parameters, head=False, shutdown_at_exit=True, spawn_reaper=False)


if __name__ == "__main__":
    node = join(sys.argv[1])
    print("joined", flush=True)  # noqa: T201 - to whoever started it
    signal.pause()
