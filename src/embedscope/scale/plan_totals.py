"""Encoding, writing and evaluating a corpus as a whole: machines, hours, bytes and what they cost."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from embedscope.scale.planning import Corpus, Cost, Rates, several_nodes
from embedscope.scale.ray_encoder import PARTS_A_CALL
from embedscope.units import format_bytes

BILLION = 10**9

_GB = 1e9

_MOST_MACHINES = 1 << 20


@dataclass(frozen=True, slots=True)
class Prices:
    """What is paid, in any one currency; None where it was not said."""

    machine_hour: float | None = None
    gb_month: float | None = None  # of 10^9 bytes stored
    gb_moved: float | None = None

    def of(self, machine_hours: float | None, bytes_stored: float, bytes_moved: float) -> dict[str, float]:
        """The cost of each thing that has a price."""
        counted = {
            "machines": (self.machine_hour, machine_hours),
            "storage, a month": (self.gb_month, bytes_stored / _GB),
            "moved": (self.gb_moved, bytes_moved / _GB),
        }
        return {
            name: price * amount
            for name, (price, amount) in counted.items()
            if price is not None and amount is not None
        }


@dataclass(frozen=True, slots=True)
class Total:
    """What the whole of a corpus takes on some machines.

    ``n_machines`` are machines like this one, 0 where the work is done by something else, of which no price is known.
    """

    name: str
    n_machines: int
    hours: float
    bytes_stored: float
    bytes_moved: float
    cost: Mapping[str, float]

    @property
    def machine_hours(self) -> float | None:
        """Hours of all machines together."""
        return self.hours * self.n_machines if self.n_machines else None

    def figures(self, n_documents: int) -> dict[str, Any]:
        """As plain values, also for each 10^9 documents."""
        whole: dict[str, Any] = {
            "machine_hours": self.machine_hours,
            "bytes_stored": self.bytes_stored,
            "bytes_moved": self.bytes_moved,
            "cost": dict(self.cost),
        }
        scale = BILLION / n_documents
        a_billion = {
            name: {part: amount * scale for part, amount in value.items()}
            if isinstance(value, dict)
            else value and value * scale
            for name, value in whole.items()
        }
        own = {"name": self.name, "n_machines": self.n_machines or None, "hours": self.hours}
        return {**own, **whole, "per_billion_documents": a_billion}

    def lines(self, n_documents: int, steps: str) -> list[str]:
        """One line of the whole, which are these ``steps``, and one of each 10^9 documents."""
        figures = self.figures(n_documents)
        machines = f"{self.n_machines:,} x {_hours(self.hours)} h" if self.n_machines else f"{_hours(self.hours)} h"
        return [
            f"  {self.name}, {steps}: {machines}, {_said(figures)}",
            f"    per 10^9 documents: {_said(figures['per_billion_documents'])}",
        ]


def _hours(value: float) -> str:
    """In three digits at least."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def _said(figures: Mapping[str, Any]) -> str:
    hours, cost = figures["machine_hours"], figures["cost"]
    parts = [] if hours is None else [f"{_hours(hours)} machine hours"]
    parts += [f"{format_bytes(figures['bytes_stored'])} stored", f"{format_bytes(figures['bytes_moved'])} moved"]
    if cost:
        parts.append(f"cost {sum(cost.values()):,.2f} ({', '.join(f'{name} {x:,.2f}' for name, x in cost.items())})")
    return ", ".join(parts)


def encoding_seconds(corpus: Corpus, rate: float, n_machines: int = 1) -> float:
    """Seconds to encode every text on so many machines that encode ``rate`` texts a second each.

    More than ``PARTS_A_CALL`` of them have nothing to do.
    """
    return (corpus.n_documents + corpus.n_queries) / rate / min(n_machines, PARTS_A_CALL)


def writing_seconds(corpus: Corpus, rates: Rates) -> float:
    """Seconds in which one process writes the shards, which it does while no text is encoded."""
    return corpus.n_bytes / rates.write_bytes


def total(
    corpus: Corpus, evaluation: Cost, encoding_s: float | None, rates: Rates, prices: Prices, n_machines: int
) -> Total:
    """Encoding, writing and evaluation, one after the other; evaluation alone where no rate of encoding is known.

    Moved are what evaluation moves, the vectors in float32 from what encodes them to what writes them, and what is
    written; not the texts, whose length nobody has said.
    """
    stored = float((corpus.n_documents + corpus.n_queries) * corpus.dim * corpus.itemsize)
    seconds, moved = evaluation.total_s, sum(evaluation.bytes_moved.values())
    if encoding_s is not None:
        seconds += encoding_s + writing_seconds(corpus, rates)
        moved += (corpus.n_documents + corpus.n_queries) * corpus.dim * 4.0 + stored
    hours = seconds / 3600
    cost = prices.of(hours * n_machines if n_machines else None, stored, moved)
    return Total(evaluation.name, n_machines, hours, stored, moved, cost)


def machines_within(
    corpus: Corpus, rates: Rates, hours: float, encode_rate: float | None, memory: int | None = None
) -> int | None:
    """The smallest number of machines like this one that take at most ``hours``; None if no number does.

    Time falls with the machines until the network's part of it outweighs what another one saves.
    """

    def is_enough(n_machines: int) -> bool:
        seconds = several_nodes(corpus, rates, n_machines, memory).total_s
        if encode_rate is not None:
            seconds += encoding_seconds(corpus, encode_rate, n_machines) + writing_seconds(corpus, rates)
        return seconds <= hours * 3600

    enough = 1
    while not is_enough(enough):
        enough *= 2
        if enough > _MOST_MACHINES:
            return None
    too_few = enough // 2
    while enough - too_few > 1:
        middle = (enough + too_few) // 2
        enough, too_few = (middle, too_few) if is_enough(middle) else (enough, middle)
    return enough
