"""Accounts for every byte of the texts of a clone: equal to the original's, or part of a span that differs."""

from dataclasses import dataclass, field
from typing import Literal

from engine.upkeep.invariants.references import ReferenceKind

SpanKind = ReferenceKind | Literal["unexplained"]


@dataclass(frozen=True, slots=True)
class Span:
    """Where a text of the clone differs from the original's."""

    where: str
    """The text, as violations name it."""
    kind: SpanKind
    """What was mapped; ``unexplained``: no reference, all the rest of the text up to an end that is equal."""
    original_at: int
    """Offset in characters."""
    clone_at: int
    original: str
    clone: str
    source: str = ""
    """The identity that the original's text spells; empty where it is unexplained."""
    target: str = ""
    """The identity that the clone's text spells; empty where that is none of the clone's."""

    def document(self) -> dict[str, str | int]:
        """The span for ``--json``."""
        return {
            "where": self.where,
            "kind": self.kind,
            "original_at": self.original_at,
            "clone_at": self.clone_at,
            "original": self.original,
            "clone": self.clone,
            "from": self.source,
            "to": self.target,
        }


@dataclass(slots=True)
class Account:
    """Sums over all texts that were compared; bytes are those of UTF-8.

    ``bytes_equal + bytes_replaced`` are all bytes of the original's texts, ``bytes_equal + bytes_differing`` all of
    the clone's.
    """

    keep: bool = False
    """Whether to keep each span in ``kept``; they are counted anyway."""
    texts: int = 0
    spans: int = 0
    unexplained: int = 0
    """How many of the spans no reference explains."""
    bytes_equal: int = 0
    bytes_replaced: int = 0
    """Of the original's texts, in spans."""
    bytes_differing: int = 0
    """Of the clone's texts, in spans."""
    kept: list[Span] = field(default_factory=list)

    def equal(self, text: str) -> None:
        """Add what stands in both texts."""
        self.bytes_equal += _bytes(text)

    def differing(self, span: Span) -> None:
        """Add a span; one whose two sides are equal differs in nothing."""
        if span.original == span.clone:
            self.equal(span.original)
            return
        self.spans += 1
        self.unexplained += span.kind == "unexplained"
        self.bytes_replaced += _bytes(span.original)
        self.bytes_differing += _bytes(span.clone)
        if self.keep:
            self.kept.append(span)

    def document(self) -> dict[str, int]:
        """The sums for ``--json``."""
        return {
            "texts": self.texts,
            "spans": self.spans,
            "unexplained": self.unexplained,
            "bytes_equal": self.bytes_equal,
            "bytes_replaced": self.bytes_replaced,
            "bytes_differing": self.bytes_differing,
        }


def _bytes(text: str) -> int:
    return len(text) if text.isascii() else len(text.encode("utf-8", "surrogatepass"))
