"""Dashboard and alert rules ask for metrics and labels that are exported, in expressions that Prometheus reads."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import promql_parser
import pytest
import yaml

from engine.cluster.metrics import DATABASE, METRICS

ROOT = Path(__file__).parents[2]
RULES: list[dict[str, Any]] = [
    rule
    for path in sorted((ROOT / "deploy" / "alerts").glob("*.yaml"))
    for group in yaml.safe_load(path.read_text("utf-8"))["groups"]
    for rule in group["rules"]
]
DASHBOARD: dict[str, Any] = json.loads((ROOT / "deploy" / "grafana" / "funnel-clone.json").read_text("utf-8"))
# What an alert on each of these would be about.
WATCHED = {
    "passes": "outcome",
    "funnels": "outcome",
    "copies_refused": None,
    "lease_takeovers": None,
    "pass_ended_timestamp_seconds": None,
}


def expressions() -> Iterator[tuple[str, str]]:
    for rule in RULES:
        yield rule["alert"], rule["expr"]
    for panel in DASHBOARD["panels"]:
        for target in panel["targets"]:
            yield f"{panel['title']} {target['refId']}", target["expr"].replace("$__rate_interval", "5m")


EXPRESSIONS = dict(expressions())


def asked(expression: str) -> Iterator[tuple[str, set[str]]]:
    """(metric, labels that are matched) of each selector."""
    found: list[Any] = []

    class Selectors:
        def visit(self, node: Any) -> None:
            if isinstance(node, promql_parser.VectorSelector):
                found.append(node)

    walk(promql_parser.parse(expression), Selectors())
    for selector in found:
        yield selector.name, {matcher.name for matcher in selector.matchers.matchers}


def walk(node: Any, visitor: Any) -> None:
    visitor.visit(node)
    for name in ("expr", "lhs", "rhs", "vector_selector", "param", "args"):
        below = getattr(node, name, None)
        for each in below if isinstance(below, list) else [below]:
            if each is not None and not isinstance(each, str | float):
                walk(each, visitor)


@pytest.mark.parametrize("expression", EXPRESSIONS.values(), ids=EXPRESSIONS.keys())
def test_an_expression_asks_for_what_is_exported(expression: str) -> None:
    told = list(asked(expression))
    assert told, "it asks for nothing"
    for name, labels in told:
        (metric,) = (metric for metric in METRICS.values() if name in metric.exported())
        assert labels <= {*metric.labels, DATABASE}
    grouped = set(re.findall(r"\w+", " ".join(re.findall(r"(?:by|on) \(([^)]*)\)", expression))))
    assert grouped <= {DATABASE, "le", *(label for metric in METRICS.values() for label in metric.labels)}


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule["alert"])
def test_an_alert_says_what_to_do(rule: dict[str, Any]) -> None:
    assert set(rule) <= {"alert", "expr", "for", "labels", "annotations"}
    assert rule["labels"]["severity"] in ("warning", "critical")
    assert set(rule["annotations"]) == {"summary", "runbook"}
    assert len(rule["annotations"]["runbook"].split()) > 8


@pytest.mark.parametrize("watched", WATCHED)
def test_what_goes_wrong_has_an_alert(watched: str) -> None:
    names = {name for rule in RULES for name, _ in asked(rule["expr"])}
    assert names & set(METRICS[f"funnel_clone_{watched}"].exported())


def test_every_metric_stands_on_the_dashboard_or_in_an_alert() -> None:
    names = {name for expression in EXPRESSIONS.values() for name, _ in asked(expression)}
    assert [metric.name for metric in METRICS.values() if not names & set(metric.exported())] == []


def test_panels_do_not_lie_upon_each_other() -> None:
    taken: set[tuple[int, int]] = set()
    for panel in DASHBOARD["panels"]:
        at = panel["gridPos"]
        cells = {(x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])}
        assert not cells & taken
        assert max(x for x, _ in cells) < 24
        taken |= cells
    assert len({panel["id"] for panel in DASHBOARD["panels"]}) == len(DASHBOARD["panels"])
