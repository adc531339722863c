"""What came of each strike, as a table at the end of a run."""

from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any

import pytest


@dataclass
class Outcomes:
    """Noted by tests, printed once."""

    title: str
    noted: dict[str, dict[str, list[str]]] = field(default_factory=lambda: defaultdict(lambda: defaultdict(list)))
    """Point -> outcome -> faults."""

    def note(self, point: object, fault: object, outcome: str) -> None:
        """One strike and what came of it."""
        self.noted[str(point)][outcome].append(str(fault))

    def print(self, config: pytest.Config) -> None:
        """To the terminal, whatever is captured."""
        reporter: Any = config.pluginmanager.get_plugin("terminalreporter")
        capture: Any = config.pluginmanager.get_plugin("capturemanager")
        if reporter is not None and self.noted:
            with capture.global_and_fixture_disabled():
                self._write(reporter)

    def _write(self, reporter: Any) -> None:
        reporter.write_line("")
        reporter.write_line(f"{self.title}: {sum(len(f) for o in self.noted.values() for f in o.values())} strikes")
        for point, by_outcome in self.noted.items():
            reporter.write_line(f"  {point}")
            for outcome, faults in by_outcome.items():
                reporter.write_line(f"    {outcome}  <-  {', '.join(faults)}")
