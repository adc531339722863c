"""The one screen of ``up``: what runs where, when the next tick is, what came of the last, and what was told since."""

from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.text import Text

from engine.cli.command import stdout_console
from engine.cli.schedule_lines import outcome_of, print_line, sentence_of

if TYPE_CHECKING:
    from engine.cluster.schedule import Schedule
    from engine.local.stack import Part

KEPT_LINES = 8
LABEL = 15


@dataclass
class Screen:
    """Drawn anew on a terminal; places and then lines elsewhere; JSON lines for machines."""

    parts: Sequence["Part"]
    places: Mapping[str, str]
    """Label -> address or path: what is worth knowing beside the servers."""
    as_json: bool
    schedule: "Schedule | None" = None
    console: Console = field(default_factory=stdout_console)
    lines: deque[str] = field(default_factory=lambda: deque(maxlen=KEPT_LINES))
    draw: Callable[[], None] = lambda: None

    @contextmanager
    def shown(self) -> Iterator[None]:
        """Show it for the length of the block."""
        if self.as_json:
            print_line("up", {"parts": [asdict(part) for part in self.parts], **self.places}, as_json=True)
            yield
        elif not self.console.is_terminal:
            for line in self._places():
                self.console.print(line, soft_wrap=True)
            yield
        else:
            with Live(self._whole(), console=self.console, auto_refresh=False) as live:
                self.draw = lambda: live.update(self._whole(), refresh=True)
                yield

    def tell(self, event: str, fields: Mapping[str, Any]) -> None:
        """One event. Safe to call from any thread."""
        if self.as_json or not self.console.is_terminal:
            print_line(event, fields, as_json=self.as_json)
        else:
            self.lines.append(f"{datetime.now(UTC):%H:%M:%S} {sentence_of(event, fields)}")

    def _whole(self) -> RenderableType:
        told = tuple(self.lines)  # at once: the scheduler's threads go on telling
        return Group(*self._places(), Text(), *self._times(), Text(), *(Text(line, "dim") for line in told))

    def _places(self) -> Iterator[Text]:
        """A line each, never cut: they are there to be copied."""
        for part in self.parts:
            yield Text.assemble((f"{part.name:<{LABEL}} ", "bold"), f"{part.address}  pid {part.pid}  log {part.log}")
        for label, value in self.places.items():
            yield Text.assemble((f"{label:<{LABEL}} ", "cyan"), value)

    def _times(self) -> Iterator[Text]:
        if self.schedule is not None:
            last = self.schedule.last
            yield Text(f"next tick  {self.schedule.next_tick():%H:%M:%S} UTC", "bold")
            yield Text(f"last pass  {outcome_of(last.fields()) if last else 'none yet'}", "bold")
