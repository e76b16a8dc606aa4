"""Ranked lists of other systems."""

from __future__ import annotations

from embedscope.data.collection import Collection
from embedscope.metrics.ranked_lists import RankedLists


def is_run_file(name: str) -> bool:
    """Whether ``name`` is a file of ranked lists."""
    return False


def load_lists(name: str, collection: Collection) -> RankedLists:
    """The ranked lists of a file over ``collection``."""
    raise NotImplementedError(name)
