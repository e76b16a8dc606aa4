"""Failure modes of what was scored."""

from __future__ import annotations

from embedscope.data.collection import Collection
from embedscope.diagnose.failure_modes import FailureModes, classify_failures
from embedscope.diagnose.findings import measured_rows
from embedscope.diagnose.second_opinion import Scorer
from embedscope.models.embed import Embeddings
from embedscope.result import Scored


def failure_modes(scored: Scored, collection: Collection, *, base: Embeddings | None = None) -> FailureModes:
    """Why each failed query failed, by the opinion of ``base`` or of the n-grams."""
    opinion = None
    if base is not None:
        opinion = Scorer(base.facts.checkpoint, base.queries[measured_rows(scored, collection)], base.documents)
    return classify_failures(
        scored.queries,
        scored.documents,
        opinion=opinion,
        max_length=scored.model.max_length,
        tolerance=scored.tie_tolerance,
    )
