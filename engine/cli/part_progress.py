"""Progress of a command that looks at one part after another: on stderr, so that stdout keeps its one document."""

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TaskID, TextColumn, TimeElapsedColumn

from engine.cli.bars import LINE_EVERY_S, Bars


class PartProgress(Bars):
    """Shows how far each part is: a bar each on a terminal, lines elsewhere."""

    def __init__(self, console: Console, done: str = "checked") -> None:
        """Nothing is drawn yet; ``done``: what becomes of the parts."""
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
        super().__init__(console, *columns, first_line_s=LINE_EVERY_S)
        self._done = done
        self._bars: dict[str, TaskID] = {}

    def show(self, part: str, done: int, total: int) -> None:
        """Draw how far a part is."""
        if not self.drawn:
            self.line(f"{done} of {total} {part} {self._done}")
            return
        if part not in self._bars:
            self._bars[part] = self.progress.add_task(part)
        self.progress.update(self._bars[part], total=total, completed=done)
