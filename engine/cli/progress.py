"""Progress of a pass on stderr: bars on a terminal, a line every few seconds elsewhere."""

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TaskID, TextColumn, TimeElapsedColumn

from engine.cli.bars import Bars
from engine.cluster.report import Snapshot


class PassProgress(Bars):
    """Shows snapshots; a funnel's bar stands while it is in hand."""

    def __init__(self, console: Console | None = None) -> None:
        """On stderr unless told otherwise, so that stdout keeps its one document."""
        super().__init__(
            console or Console(stderr=True),
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("steps, images {task.fields[images]}"),
            TimeElapsedColumn(),
        )
        self._bars: dict[str, TaskID] = {}

    def show(self, snapshot: Snapshot) -> None:
        """Draw one snapshot."""
        if not self.drawn:
            self._line(snapshot)
            return
        in_hand = {funnel.funnel_id for funnel in snapshot.funnels}
        for funnel_id in self._bars.keys() - in_hand:
            self.progress.remove_task(self._bars.pop(funnel_id))
        for funnel in snapshot.funnels:
            done = funnel.progress
            if funnel.funnel_id not in self._bars:
                self._bars[funnel.funnel_id] = self.progress.add_task(funnel.funnel_id, total=None, images="")
            self.progress.update(
                self._bars[funnel.funnel_id],
                description=f"{funnel.funnel_id} {funnel.phase}",
                total=done["steps_total"] or None,
                completed=done["steps_done"],
                images=f"{done['images_done']}/{done['images_total']}",
            )

    def _line(self, snapshot: Snapshot) -> None:
        figures = snapshot.figures
        self.line(
            f"{figures['completed']} completed, {figures['failed']} failed, {len(snapshot.funnels)} in work: "
            f"{figures['steps']} steps, {figures['images']} images"
        )
