"""Counts MongoDB commands by pymongo's own monitoring."""

from collections import Counter

from pymongo import monitoring


class Commands(monitoring.CommandListener):
    """Counts commands by name."""

    def __init__(self) -> None:
        self.names: Counter[str] = Counter()

    def started(self, event: monitoring.CommandStartedEvent) -> None:
        self.names[event.command_name] += 1

    def succeeded(self, event: monitoring.CommandSucceededEvent) -> None:
        """Counted at its start."""

    def failed(self, event: monitoring.CommandFailedEvent) -> None:
        """Counted at its start."""
