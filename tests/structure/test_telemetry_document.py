"""docs/telemetry.md holds every event and every metric, as the code has them: its two tables are made here."""

import ast
import logging
from pathlib import Path

from engine import telemetry
from engine.cluster.metrics import METRICS
from engine.telemetry import Event

ROOT = Path(__file__).parents[2]
DOCUMENT = ROOT / "docs" / "telemetry.md"


def meanings() -> dict[str, str]:
    """Member of Event -> what the source says under it."""
    tree = ast.parse(Path(telemetry.__file__).read_text("utf-8"))
    (events,) = (node for node in tree.body if isinstance(node, ast.ClassDef) and node.name == "Event")
    found: dict[str, str] = {}
    for member, said in zip(events.body, events.body[1:], strict=False):
        match member, said:
            case ast.Assign(targets=[ast.Name(id=name)]), ast.Expr(value=ast.Constant(value=str(text))):
                found[name] = " ".join(text.split())
    return found


def events_table() -> str:
    said = meanings()
    rows = [f"| `{event}` | {level_of(event)} | {said[event.name]} |" for event in Event]
    return "\n".join(["| event | level | meaning |", "|---|---|---|", *rows])


def level_of(event: Event) -> str:
    return logging.getLevelName(telemetry._LEVELS.get(event, logging.INFO)).lower()


def metrics_table() -> str:
    rows = [
        f"| `{metric.exported()[0].removesuffix('_bucket')}` | {metric.kind.replace('stamp', 'gauge')} "
        f"| {', '.join(f'`{label}`' for label in metric.labels)} | {metric.meaning} |"
        for metric in METRICS.values()
    ]
    return "\n".join(["| metric | kind | labels | meaning |", "|---|---|---|---|", *rows])


def test_every_event_says_what_it_means() -> None:
    assert set(meanings()) == {event.name for event in Event}


def test_b23_the_document_holds_every_event() -> None:
    assert events_table() in DOCUMENT.read_text("utf-8"), f"its table should be:\n{events_table()}"


def test_the_document_holds_every_metric() -> None:
    assert metrics_table() in DOCUMENT.read_text("utf-8"), f"its table should be:\n{metrics_table()}"
