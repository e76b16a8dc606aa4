"""What a test set can still find, and how many more queries a check lacks.

Both are stated for the test that decides, at 80 % power, and rest on the effective number of independent queries.
"""

from __future__ import annotations

import math

from embedscope.result import Check, Comparison, DataFacts, Outcome
from embedscope.result.formatting import count, number
from embedscope.stats.power import detectable, error_of_interval

MOST_TIMES = 100.0
"""A check that lacks more than this many times the queries there are is too close to its threshold to be decided."""


def n_independent(data: DataFacts) -> float:
    """Effective number of independent queries; that of their groups where a report of an older version has no other."""
    return float(data.n_clusters) if data.n_effective is None else data.n_effective


def finds(smallest: float | None) -> str:
    """What else a reason says: the smallest difference that such a test set finds; "" where it is not known."""
    if smallest is None:
        return ""
    return f"; a test set like this one finds MRR differences of {number(smallest)} and more with 80 % power"


def smallest_difference(comparison: Comparison, data: DataFacts, *, n_tests: int) -> float | None:
    """What this comparison finds with 80 % power as one of ``n_tests``; None where the difference has no spread."""
    if comparison.low is None or comparison.high is None or comparison.high <= comparison.low:
        return None
    freedom = max(n_independent(data) - 1, 1.0)
    return detectable(error_of_interval((comparison.high - comparison.low) / 2, freedom), freedom, n_tests=n_tests)


def more_queries(check: Check, data: DataFacts, *, least: int) -> str:
    """How many more independent queries would decide an open check 4 times in 5, were its value the true one.

    The standard error shrinks with the root of their number. Nothing is said of fewer than ``least``, whose spread says
    too little.
    """
    n = n_independent(data)
    if check.outcome is not Outcome.UNDECIDED or check.value is None or check.low is None or check.high is None:
        return ""
    distance = abs(check.value - check.threshold)
    reach = check.value - check.low if check.value > check.threshold else check.high - check.value
    if n < least or reach <= distance:
        return ""
    freedom = n - 1
    needed = detectable(error_of_interval(reach, freedom), freedom)
    if needed**2 > MOST_TIMES * distance**2:
        return "; the value is too close to the threshold for more queries to decide it"
    more = math.ceil(n * (needed / distance) ** 2 - n)
    return (
        f"; about {count(more, 'more independent query', 'more independent queries')} would decide it with 80 % power, "
        f"were this the true value"
    )
