"""Short names of runs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from pathlib import PurePath


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
