"""The command `pass`, run in a process of its own: its line, and all that it is told by its environment."""

import os
import sys
from collections.abc import Mapping

from engine.settings import Settings
from tests.nodes import CHECKOUT

DRAIN = (sys.executable, "-c", "from engine.cli import main; main()", "pass", "--drain", "--json")
# What died is taken over within seconds, and tried until it is done.
QUICK_RECOVERY = ("lease.ttl_seconds=5", "funnels.attempts=9", "funnels.backoff_seconds=0.2", "steps.attempts=9")


def pass_environment(settings: Settings, cluster: Mapping[str, str]) -> dict[str, str]:
    """Of this process's own nothing that names a server; ``cluster`` is what a client of the Ray needs."""
    kept = {n: v for n, v in os.environ.items() if not n.startswith(("RAY_", "AWS_", "MONGO_", "S3_"))}
    s3 = settings.s3
    return {
        **kept,
        **cluster,
        "PYTHONPATH": str(CHECKOUT),
        "XDG_DATA_HOME": settings.local.data_dir,
        "MONGO_URI": settings.mongo.uri,
        "MONGO_DATABASE": settings.mongo.database,
        "AWS_ENDPOINT_URL_S3": s3.endpoint_url or "",
        "S3_BUCKET": s3.bucket,
        "AWS_ACCESS_KEY_ID": s3.access_key_id,
        "AWS_SECRET_ACCESS_KEY": s3.secret_access_key,
        "PREVIEW_DOMAIN": settings.chat.preview_domain,
    }
