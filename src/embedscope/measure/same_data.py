"""Whether two runs were measured on the same data: a paired difference of others would mix data and model."""

from __future__ import annotations

from embedscope.errors import IncomparableRunsError
from embedscope.result import DataFacts, QueryTable


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
