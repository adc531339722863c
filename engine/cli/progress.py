"""Progress of a pass on stderr: bars on a terminal, a line every few seconds elsewhere."""

from time import monotonic
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from engine.cluster.report import Snapshot

LINE_EVERY_S = 5.0


class PassProgress:
    """Shows snapshots; a funnel's bar stands while it is in hand."""

    def __init__(self, console: Console | None = None) -> None:
        """On stderr unless told otherwise, so that stdout keeps its one document."""
        self._console = console or Console(stderr=True)
        self._bars: dict[str, TaskID] = {}
        self._next_line = 0.0
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("steps, images {task.fields[images]}"),
            TimeElapsedColumn(),
            console=self._console,
            transient=True,
            disable=not self._console.is_terminal,
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

    def show(self, snapshot: Snapshot) -> None:
        """Draw one snapshot."""
        if not self._console.is_terminal:
            self._line(snapshot)
            return
        in_hand = {funnel.funnel_id for funnel in snapshot.funnels}
        for funnel_id in self._bars.keys() - in_hand:
            self._progress.remove_task(self._bars.pop(funnel_id))
        for funnel in snapshot.funnels:
            done = funnel.progress
            if funnel.funnel_id not in self._bars:
                self._bars[funnel.funnel_id] = self._progress.add_task(funnel.funnel_id, total=None, images="")
            self._progress.update(
                self._bars[funnel.funnel_id],
                description=f"{funnel.funnel_id} {funnel.phase}",
                total=done["steps_total"] or None,
                completed=done["steps_done"],
                images=f"{done['images_done']}/{done['images_total']}",
            )

    def _line(self, snapshot: Snapshot) -> None:
        if monotonic() < self._next_line:
            return
        self._next_line = monotonic() + LINE_EVERY_S
        figures = snapshot.figures
        self._console.print(
            f"{figures['completed']} completed, {figures['failed']} failed, {len(snapshot.funnels)} in work: "
            f"{figures['steps']} steps, {figures['images']} images",
            highlight=False,
        )
