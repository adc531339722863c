"""The command `pass`, run in a process of its own: its line, and all that it is told by its environment."""

from collections.abc import Mapping

from engine.settings import Settings
from tests.command_line import RUN, environment_of

DRAIN = (*RUN, "pass", "--drain", "--json")
# What died is taken over within seconds, and tried until it is done.
QUICK_RECOVERY = ("lease.ttl_seconds=5", "funnels.attempts=9", "funnels.backoff_seconds=0.2", "steps.attempts=9")


def pass_environment(settings: Settings, cluster: Mapping[str, str]) -> dict[str, str]:
    """Of this process's own nothing that names a server; ``cluster`` is what a client of the Ray needs."""
    return environment_of(settings, XDG_DATA_HOME=settings.local.data_dir, **cluster)
