"""Whether anybody listens at an address: asked before Ray's own clients, which would wait for long. Without Ray."""

import socket
from urllib.parse import urlsplit
from urllib.request import getproxies


def probe(url: str, within_s: float) -> None:
    """Raise OSError where nothing listens at the URL; behind a proxy nothing can be told.

    ValueError: its port is none.
    """
    if not getproxies():
        connect(url, within_s)


def connect(address: str, within_s: float) -> None:
    """Connect to ``host:port`` or a URL, and hang up.

    Raises:
        OSError: Nothing listens there.
        ValueError: The port is none.
    """
    parts = urlsplit(address if "://" in address else f"//{address}")
    port = parts.port or (443 if parts.scheme == "https" else 80)
    socket.create_connection((parts.hostname or "", port), within_s).close()
