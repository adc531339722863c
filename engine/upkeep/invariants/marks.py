"""The ``clone`` sub-document of everything that the engine makes: whose it is, and what it was made of."""

from collections.abc import Iterable, Mapping
from typing import Any

from engine.upkeep.invariants.records import same
from engine.upkeep.invariants.violations import Findings


def check_mark(
    document: Mapping[str, Any], clone_id: Any, sources: Iterable[Any], where: str, findings: Findings
) -> None:
    """A mark names this clone and one of ``sources`` (ids); documents that the old system made have none."""
    mark = document.get("clone")
    if mark is None:
        return
    known = mark if isinstance(mark, Mapping) else {}
    findings.unless(same(known.get("funnel_id"), clone_id), "mark_wrong", where, "clone.funnel_id is another funnel's")
    from_source = any(same(known.get("source_id"), source) for source in sources)
    findings.unless(from_source, "mark_wrong", where, "clone.source_id is not its source")
