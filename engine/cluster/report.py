"""What a pass tells: its report at the end, its snapshot on the way. Free of Ray, so that a command's help is quick."""

from dataclasses import dataclass, field
from typing import Any

from engine.cluster.tally import Tally


@dataclass(frozen=True)
class PassReport:
    """What a pass came to."""

    state: str
    """done, stopped, lease lost or refused."""
    pass_id: str = ""
    refused: str | None = None
    """Who holds the lease, where it was refused."""
    figures: dict[str, Any] = field(default_factory=lambda: Tally().as_document())
    missing_indexes: tuple[str, ...] = ()


@dataclass(frozen=True)
class FunnelSnapshot:
    """How far one funnel in hand is."""

    funnel_id: str
    phase: str
    progress: dict[str, int]


@dataclass(frozen=True)
class Snapshot:
    """How far a pass is."""

    figures: dict[str, Any]
    funnels: tuple[FunnelSnapshot, ...]
