"""How many requests may be in flight: additive increase, multiplicative decrease. Values in, values out.

A store that refuses one request in twenty, whatever is asked of it, is not asked for too much: fewer at once would be
slower and refused as often. So answers earn patience, which refusals use up; what is refused beyond it cuts.
"""

from dataclasses import dataclass, replace

LEAST = 1
# One refusal in nine requests is borne for ever, and so many in a row.
EARNED_BY_AN_ANSWER = 1 / 8
MOST_PATIENCE = 4.0


@dataclass(frozen=True, slots=True)
class Limit:
    """Follows what the store takes: one more for each window of requests that it answered, half when it is too much.

    Times are seconds on one clock, which never goes back.
    """

    most: int
    """Never above."""
    window: float
    """Requests that are allowed, and what is earned so far of the next one."""
    lowest: int
    """The least that ``allowed`` ever was."""
    cuts: int = 0
    cut_at: float = float("-inf")
    patience: float = MOST_PATIENCE
    """Refusals that are borne before the next cut."""

    @classmethod
    def full(cls, most: int) -> "Limit":
        """At its most: a store that has not complained is asked for all that it is worth."""
        return cls(most, float(most), most)

    @property
    def allowed(self) -> int:
        """Requests that may be in flight."""
        return int(self.window)

    def answered(self, sent_at: float, in_flight: int) -> "Limit":
        """After a request that the store answered.

        Args:
            sent_at: Of one from before the last cut nothing is learned.
            in_flight: When it was answered, itself among them. A limit that is not reached is not tried: it stays.
        """
        if sent_at <= self.cut_at:
            return self
        more = 1 / self.allowed if in_flight >= self.allowed else 0.0
        window = min(float(self.most), self.window + more)
        patience = min(MOST_PATIENCE, self.patience + EARNED_BY_AN_ANSWER)
        if (window, patience) == (self.window, self.patience):
            return self
        return replace(self, window=window, patience=patience)

    def refused(self, sent_at: float, now: float) -> "Limit":
        """After a request that was too much for the store; however many of one flight are, they cut once."""
        if sent_at <= self.cut_at:
            return self
        if self.patience >= 1:
            return replace(self, patience=self.patience - 1)
        if self.allowed == LEAST:
            return self
        window = max(float(LEAST), self.window / 2)
        return replace(self, window=window, lowest=min(self.lowest, int(window)), cuts=self.cuts + 1, cut_at=now)
