"""Which code runs. All nodes of a pass run the same, or there is no pass (ADR 11).

Tasks cross between nodes as names and values: another version of the engine would run them with another meaning, and
write what the rest of the pass does not expect.
"""

import socket
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any

import ray
from ray.exceptions import RayError, RayTaskError
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from engine import __version__
from engine.core.errors import OtherCode

PACKAGE = Path(__file__).parents[1]
PROBE_S = 60.0
"""A node that is busy starting answers late; one that never does is dying, and its work comes back by itself."""
_DIGITS = 12

# Ray's types do not know all options of the one, nor the other at all.
_remote: Any = ray.remote
_nodes: Any = ray.nodes


@cache
def code_version() -> str:
    """Version and digest of the modules that this process imports, as in ``0.1.0+5f0c1d2e3a4b``.

    Two checkouts of one version differ as much as two versions do.
    """
    digest = sha256()
    for module in sorted(PACKAGE.rglob("*.py")):
        digest.update(f"{module.relative_to(PACKAGE).as_posix()}\0".encode())
        digest.update(module.read_bytes())
        digest.update(b"\0")
    return f"{__version__}+{digest.hexdigest()[:_DIGITS]}"


def check_code(expected: str) -> None:
    """Refuse to work for a pass of other code.

    Raises:
        OtherCode: This process runs another version than the pass.
    """
    if expected != code_version():
        raise _other([f"{socket.gethostname()} has {code_version()}"], expected)


def check_nodes(expected: str) -> None:
    """Ask every other node of the cluster which code it runs, all at once.

    The worker that answers is the node's first for the steps to come, so that no start is lost.

    Raises:
        OtherCode: A node runs another version, or lacks the engine; names all of them.
    """
    here = ray.get_runtime_context().get_node_id()
    others = {node["NodeID"]: _name(node) for node in _nodes() if node["Alive"] and node["NodeID"] != here}
    asked = {_asked(node_id): name for node_id, name in others.items()}
    if not asked:
        return
    answered, late = ray.wait(list(asked), num_returns=len(asked), timeout=PROBE_S)
    for ref in late:
        ray.cancel(ref, force=True)
    found = [f"{asked[ref]} {answer}" for ref in answered if (answer := _answer(ref, expected))]
    if found:
        raise _other(found, expected)


def _asked(node_id: str) -> Any:
    there = NodeAffinitySchedulingStrategy(node_id, soft=False)
    return _remote(num_cpus=0, max_retries=0, scheduling_strategy=there)(_tell).remote()


def _tell() -> str:
    # Ray takes functions alone, and what is cached is none.
    return code_version()


def _answer(ref: Any, expected: str) -> str | None:
    """What is wrong with a node's answer; nothing where the node went away meanwhile."""
    try:
        found = ray.get(ref)
    except RayTaskError as error:
        return f"cannot run it ({type(error.cause).__name__}: {error.cause})"
    except RayError:
        return None
    return None if found == expected else f"has {found}"


def _name(node: dict[str, Any]) -> str:
    return f"{node['NodeManagerHostname']} ({node['NodeManagerAddress']})"


def _other(found: list[str], expected: str) -> OtherCode:
    return OtherCode(
        "ray.address",
        f"a node runs other code than this pass ({expected}): {'; '.join(found)}. "
        "Give all nodes one wheel: in their image, or with ray.wheel=…",
    )
