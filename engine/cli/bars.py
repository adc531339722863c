"""What all progress on stderr has in common: bars on a terminal, a line or an event every few seconds elsewhere."""

from time import monotonic
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import Progress, ProgressColumn

from engine import telemetry
from engine.telemetry import Event

LINE_EVERY_S = 5.0


class Bars:
    """Draws ``progress`` while it is entered, on a terminal only; the terminal is left as it was."""

    def __init__(self, console: Console, *columns: ProgressColumn, first_line_s: float = 0.0) -> None:
        """Nothing is drawn yet; ``first_line_s``: how long the first line is held back where there is no terminal."""
        self.console = console
        self.drawn = console.is_terminal and not telemetry.as_json()
        self.progress = Progress(*columns, console=console, transient=True, disable=not self.drawn)
        self._next_line = monotonic() + first_line_s

    def __enter__(self) -> Self:
        """Begin to draw."""
        self.progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Leave the terminal as it was."""
        self.progress.stop()

    def line(self, text: str, *, at_once: bool = False) -> None:
        """Print a line, unless one was printed a moment ago; ``at_once``: even so."""
        if at_once or monotonic() >= self._next_line:
            self._next_line = monotonic() + LINE_EVERY_S
            if telemetry.as_json():
                telemetry.emit(Event.PROGRESS, said=text)
            else:
                self.console.print(text, highlight=False)
