"""One number with its interval."""

from __future__ import annotations

from dataclasses import dataclass, field

from embedscope.result.codec import IF_ANY


@dataclass(frozen=True, slots=True)
class Estimate:
    """One number with its 95 % interval, or the reason why there is none.

    Where ``value`` is None ``reason`` says why, else how an uncommon interval came about; ``low`` and ``high`` are None
    where no interval was computed. ``n`` is the number of observations behind it, None where nobody counted them.
    """

    value: float | None
    low: float | None = None
    high: float | None = None
    n: int | None = field(default=None, metadata=IF_ANY)
    reason: str | None = field(default=None, metadata=IF_ANY)

    @classmethod
    def absent(cls, reason: str) -> Estimate:
        """The estimate that could not be made, and why."""
        return cls(None, reason=reason)

    @property
    def at_least(self) -> float:
        """The lower end; 0 where there is none, because a single cluster is no evidence."""
        return 0.0 if self.low is None else self.low
