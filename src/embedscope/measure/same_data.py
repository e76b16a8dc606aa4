"""Whether two runs were measured alike: a paired difference of others would mix data or depth with the model."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from embedscope.errors import IncomparableRunsError
from embedscope.metrics.ranked_lists import LISTED, RankedLists
from embedscope.models.embed import Embeddings
from embedscope.result import DataFacts, QueryTable, Scored, run_label


def require_same_data(
    names: tuple[str, str], queries: tuple[QueryTable, QueryTable], data: tuple[DataFacts, DataFacts]
) -> None:
    """Raise IncomparableRunsError if queries, judgments, negatives or pool of the reference and another run differ."""
    ours, theirs = queries
    # The digest knows no order, and queries and their negatives are paired by position.
    is_aligned = ours.texts == theirs.texts and ours.negative_types == theirs.negative_types
    if is_aligned and data[0].digest == data[1].digest:
        return
    raise IncomparableRunsError(
        f"'{names[1]}' and '{names[0]}' were measured on different {_difference(queries, data)}, so that a difference "
        f"would mix the data with the model. Evaluate both on the same --data with the same --max-samples and --seed."
    )


def _difference(queries: tuple[QueryTable, QueryTable], data: tuple[DataFacts, DataFacts]) -> str:
    """What differs, in words; a run read from its folder knows its data by the digest only."""
    ours, theirs = (set(table.texts) for table in queries)
    if ours != theirs:
        return f"queries ({len(theirs):,} and {len(ours):,}, {len(ours & theirs):,} in common)"
    if data[0].n_documents != data[1].n_documents:
        return f"pools ({data[1].n_documents:,} and {data[0].n_documents:,} documents)"
    if data[0].digest == data[1].digest:
        return "orders of the same queries or negatives"
    return "documents, judgments or hard negatives for the same queries"


def unequal_depths(found: Mapping[str, Embeddings | RankedLists | Scored]) -> str | None:
    """What to say where one run is cut off at a rank that others go beyond; None where that makes no difference.

    What stands behind the end of a list counts as not found, so that the shorter run loses MRR by its length alone.
    From `LISTED` documents on this is less than the thousandth part of a query. Of an old run the last rank is known.
    """
    depths = {name: _depth(one) for name, one in found.items()}
    short, deep = min(depths, key=depths.__getitem__), max(depths, key=depths.__getitem__)
    if depths[short] >= min(depths[deep], LISTED) or not isinstance(found[short], RankedLists):
        return None
    return (
        f"{run_label(short)} lists up to {depths[short]:,} documents a query and {run_label(deep)} ranks more: what "
        f"stands behind them counts in the MRR of one of them only. Compare runs of one depth, or by metrics up to "
        f"rank {depths[short]:,}."
    )


def _depth(found: Embeddings | RankedLists | Scored) -> int:
    """Number of documents that are ranked for a query, at most; of an old run, the last rank that it found."""
    if isinstance(found, Embeddings):
        return len(found.documents)
    if isinstance(found, RankedLists):
        return int(np.diff(found.indptr).max(initial=0))
    ranks = found.queries.rank
    return int(ranks[np.isfinite(ranks)].max(initial=0))
