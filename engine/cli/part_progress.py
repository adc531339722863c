"""Progress of a command that looks at one part after another: on stderr, so that stdout keeps its one document."""

from time import monotonic
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

LINE_EVERY_S = 5.0


class PartProgress:
    """Shows how far each part is: bars on a terminal, a line every few seconds elsewhere."""

    def __init__(self, console: Console) -> None:
        """Nothing is drawn yet."""
        self._console = console
        self._bars: dict[str, TaskID] = {}
        self._next_line = monotonic() + LINE_EVERY_S
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            console=console,
            transient=True,
            disable=not console.is_terminal,
        )

    def __enter__(self) -> Self:
        """Begin to draw."""
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Leave the terminal as it was."""
        self._progress.stop()

    def show(self, part: str, done: int, total: int) -> None:
        """Draw how far a part is."""
        if self._console.is_terminal:
            if part not in self._bars:
                self._bars[part] = self._progress.add_task(part)
            self._progress.update(self._bars[part], total=total, completed=done)
        elif monotonic() >= self._next_line:
            self._next_line = monotonic() + LINE_EVERY_S
            self._console.print(f"{done} of {total} {part} checked", highlight=False)
