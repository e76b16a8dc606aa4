"""Numbers and names of runs as people read them.

Every text of the program writes its numbers here, and none writes a negative zero. The rated bands are those of a
margin, a separation and an MRR (conventions, section 6).
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable
from pathlib import PurePath
from typing import Protocol

from embedscope.protocols import Float64Array
from embedscope.result.comparisons import Comparison
from embedscope.result.estimate import Estimate
from embedscope.result.provenance import DataFacts, TensorAccount

ABSENT = "–"
"""Where there is no value."""

LEAST_P = 0.0001
"""The smallest p-value that is written as a number."""

BANDS: dict[str, tuple[tuple[float, str], ...]] = {
    "margin": ((0.40, "excellent"), (0.30, "good"), (0.20, "fair"), (0.10, "poor")),
    "separation": ((3.0, "excellent"), (2.0, "good"), (1.5, "fair"), (1.0, "poor")),
    "MRR": ((0.8, "excellent"), (0.6, "good"), (0.4, "fair")),
}
LOWEST = {"margin": "bad", "separation": "bad", "MRR": "poor"}


class Ends(Protocol):
    """Whatever has an interval, None where none was computed: an estimate, a check, a comparison, a finding."""

    @property
    def low(self) -> float | None: ...

    @property
    def high(self) -> float | None: ...


_NO_WORD = re.compile(r"[\s%]|^#")


def one_word(name: str) -> str:
    """``name`` as one column of a TREC file: blanks, percent signs and a ``#`` in front percent-encoded.

    >>> one_word("flat 3, 5 %"), one_word("MED-14")
    ('flat%203,%205%20%25', 'MED-14')
    """
    return _NO_WORD.sub(lambda found: "".join(f"%{byte:02X}" for byte in found[0].encode()), name)


def sentence(text: str) -> str:
    """``text`` with a capital letter in front, and the rest as it is.

    >>> sentence("better than old.pt on MRR")
    'Better than old.pt on MRR'
    """
    return text[:1].upper() + text[1:]


def number(value: float | None, decimals: int | None = None, *, sign: bool = False) -> str:
    """A value with as many digits as a reader needs: four decimals, or one where it is 10 or more.

    ``decimals`` sets their number; ``sign`` writes the plus of a difference. None and NaN are a dash.
    """
    if value is None or math.isnan(value):
        return ABSENT
    form = (",.1f" if abs(value) >= 10 else ".4f") if decimals is None else f".{decimals}f"
    rounded = round(value, int(form[-2])) + 0.0  # the sum takes the sign from a zero
    return f"{rounded:{'+' if sign else ''}{form}}"


def percent(share: float | None, decimals: int | None = None) -> str:
    """A share as a percentage, with a decimal where it is small: "31 %", "0.4 %"."""
    if share is None:
        return ABSENT
    shown = int(0 < abs(share) < 0.0995) if decimals is None else decimals
    return f"{number(100 * share, shown)} %"


def interval(found: Ends, decimals: int | None = None, *, scale: float = 1, sign: bool = False) -> str:
    """``[low, high]``, multiplied by ``scale`` (100 for percent), or nothing where there is no interval."""
    if found.low is None or found.high is None:
        return ""
    return f"[{', '.join(number(scale * end, decimals, sign=sign) for end in (found.low, found.high))}]"


def with_interval(text: str, found: Ends, decimals: int | None = None, *, scale: float = 1) -> str:
    """``text``, and after it the interval of ``found``."""
    return f"{text} {interval(found, decimals, scale=scale)}".rstrip()


def estimate(found: Estimate, decimals: int | None = None, *, sign: bool = False) -> str:
    """``0.31 [0.29, 0.33]``; a dash where there is no value."""
    return with_interval(number(found.value, decimals, sign=sign), found, decimals)


def difference(found: Comparison, decimals: int = 4) -> str:
    """``+0.0312 [-0.0104, 0.0728]``: a paired difference with its sign."""
    return with_interval(number(found.difference, decimals, sign=True), found, decimals)


def verdict_line(found: Comparison, score: float, baseline: float, *, is_fit: bool, has_lost: bool = False) -> str:
    """``VERDICT: WIN | score=0.3472 | baseline=0.2419 | delta=+0.1052 [+0.0437, +0.1743]``: one line for monitors.

    WIN where the difference is surely better, REGRESSION where it is surely worse, MARGINAL otherwise and on a test set
    that is not fit to tell. ``has_lost``: REGRESSION although the mean over several sets may be better.
    """
    has_lost = has_lost or found.is_surely(-1)
    word = "REGRESSION" if has_lost else "WIN" if found.is_surely(1) else "MARGINAL"
    parts = (
        f"VERDICT: {word if is_fit else 'MARGINAL'}",
        f"score={number(score, 4)}",
        f"baseline={number(baseline, 4)}",
        f"delta={number(found.difference, 4, sign=True)} {interval(found, 4, sign=True)}".rstrip(),
    )
    return " | ".join(parts)


def percent_estimate(found: Estimate) -> str:
    """``43.2 % [38.1, 48.3]``; a dash where there is no value."""
    return with_interval(percent(found.value, 1), found, 1, scale=100)


def p_value(p: float) -> str:
    """``0.0123``, or ``< 0.0001``."""
    return f"< {LEAST_P}" if p < LEAST_P else f"{p:.4f}"


def p_equals(p: float) -> str:
    """``p = 0.0123``, or ``p < 0.0001``."""
    return f"p < {LEAST_P}" if p < LEAST_P else f"p = {p:.4f}"


def decimals_of(grid: Float64Array) -> int:
    """Decimals of the values of an evenly spaced grid: 2, more where its steps are finer, none where they are whole."""
    step = float(grid[1] - grid[0]) if len(grid) > 1 else 0.01
    return 0 if step >= 1 - 1e-9 else max(2, -math.floor(math.log10(step) + 1e-9))


MAP_BY_DIRECTION = "neighbours are those by cosine, ranks are by dot product"
"""What is said of the map of a run whose ranks are by dot product."""


def similarity_name(similarity: str) -> str:
    """What the score of a query and a document is called."""
    return {"dot": "dot product", "score": "score"}.get(similarity, "cosine similarity")


def rank_name(rank: float) -> str:
    """``57``, ``57.5`` where ties leave the place between two ranks, ``not listed`` where a run did not return it."""
    if math.isinf(rank):
        return "not listed"
    return f"{rank:,.0f}" if rank == round(rank) else f"{rank:,.1f}"


def threshold_name(similarity: str) -> str:
    """What a threshold on that score is called."""
    return "dot product threshold" if similarity == "dot" else "cosine threshold"


def count(n: int, singular: str, plural: str | None = None) -> str:
    """``1,480 queries``."""
    return f"{n:,} {singular if n == 1 else plural or singular + 's'}"


def tensor_words(account: TensorAccount) -> str:
    """What became of a model's tensors: ``103 used, 2 ignored (pooler), 103 renamed (without '_orig_mod.')``."""
    parts = [f"{account.n_used:,} used"]
    for what, counts in (("ignored", account.ignored), ("renamed", account.renamed)):
        if counts:
            parts.append(f"{sum(counts.values()):,} {what} ({'; '.join(counts)})")
    return ", ".join(parts)


def queries_of(data: DataFacts) -> str:
    """``300 queries (76 effectively independent)``; a report of an older version does not say how many."""
    return queries_in_words(data.n_queries, data.n_effective)


def queries_in_words(n: int, n_effective: float | None) -> str:
    """The same of ``n`` queries."""
    queries = count(n, "query", "queries")
    return queries if n_effective is None else f"{queries} ({n_effective:,.0f} effectively independent)"


def band(name: str, value: float) -> str:
    """The band that ``value`` lies in."""
    return next((word for floor, word in BANDS[name] if value > floor), LOWEST[name])


def run_label(path: str) -> str:
    """A run by the last two parts of its path, which are what tells one epoch or folder from another."""
    parts = PurePath(path).parts
    return path if len(parts) <= 2 else str(PurePath(*parts[-2:]))


def run_labels(names: Iterable[str]) -> dict[str, str]:
    """Short labels of runs that stand beside one another: as `run_label`, longer where two would be the same."""
    distinct = list(dict.fromkeys(names))
    labels = {name: run_label(name) for name in distinct}
    for n_parts in range(3, 2 + max((len(PurePath(name).parts) for name in distinct), default=0)):
        taken = Counter(labels.values())
        labels |= {name: str(PurePath(*PurePath(name).parts[-n_parts:])) for name in labels if taken[labels[name]] > 1}
    taken = Counter(labels.values())
    return {name: label if taken[label] == 1 else name for name, label in labels.items()}
