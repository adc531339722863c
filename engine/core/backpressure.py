"""How many requests may be in flight: additive increase, multiplicative decrease. Values in, values out."""

from dataclasses import dataclass, replace

LEAST = 1


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
        if self.window >= self.most or in_flight < self.allowed or sent_at <= self.cut_at:
            return self
        return replace(self, window=min(float(self.most), self.window + 1 / self.allowed))

    def refused(self, sent_at: float, now: float) -> "Limit":
        """After a request that was too much for the store; however many of one flight are, they cut once."""
        if self.allowed == LEAST or sent_at <= self.cut_at:
            return self
        window = max(float(LEAST), self.window / 2)
        return replace(self, window=window, lowest=min(self.lowest, int(window)), cuts=self.cuts + 1, cut_at=now)
