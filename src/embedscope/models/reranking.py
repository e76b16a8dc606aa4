"""Reranking: a cross-encoder reads a query and a document together, and orders the first documents of a list again."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from embedscope.data.collection import Collection
from embedscope.errors import CheckpointError
from embedscope.log import SILENT, Log
from embedscope.metrics.fusion import places, reordered
from embedscope.metrics.listing import tolerance_of
from embedscope.metrics.ranked_lists import RankedLists
from embedscope.models.scorer_folders import cross_encoder_folder
from embedscope.models.scorers import Scorer, as_encoded, load_scorer, scoring
from embedscope.protocols import Float64Array
from embedscope.settings import ModelSettings

_PAIRS_AT_ONCE = 4096
"""Pairs handed over together: they are sorted by length, and what is done is told after them."""

_SATURATING = ("Sigmoid", "Tanh")
"""Activations that keep the order of the logits, and round the largest and least of them to one number."""


def reranked(lists: RankedLists, collection: Collection, settings: ModelSettings, log: Log = SILENT) -> RankedLists:
    """``lists`` with the first ``rerank_depth`` documents of each in the order of the cross-encoder of the settings.

    Documents behind them keep their order. The score is the logit of the cross-encoder, where its own score is the
    sigmoid or the hyperbolic tangent of it: the order is the same, without ties where those are 1 to the last bit.

    Raises
    ------
    CheckpointError
        If the settings name no cross-encoder, it has several labels, or it cannot be loaded.
    """
    name, depth = str(settings.rerank), settings.rerank_depth
    scorer = load_scorer(cross_encoder_folder(name), settings)
    if scorer.model.num_labels != 1:
        raise CheckpointError(
            f"--rerank '{name}' is a classifier of {scorer.model.num_labels} labels; a reranker has one score a pair."
        )
    lists = _with_texts(lists)
    queries = lists.query_of_entry
    is_first = places(queries) < depth
    pairs = list(zip(queries[is_first].tolist(), lists.documents[is_first].tolist(), strict=True))
    log.step(f"Reranking the first {depth:,} documents of each query by {name}: {len(pairs):,} pairs")
    scores = _scores(scorer, pairs, collection, log)
    facts = replace(
        lists.facts,
        checkpoint=f"{lists.facts.checkpoint}, reranked by {name}",
        layout=f"{lists.facts.layout}, reranked",
        notes=(*lists.facts.notes, f"The first {depth:,} documents of each query are ordered by the cross-encoder."),
        fingerprint=None,
    )
    return reordered(lists, scores, depth, facts, tolerance=tolerance_of(scores))


def _with_texts(lists: RankedLists) -> RankedLists:
    """``lists`` without documents that the collection does not have, which cannot be read."""
    known = lists.documents >= 0
    if known.all():
        return lists
    note = f"{np.count_nonzero(~known):,} listed documents are not of the collection, and were not reranked."
    return replace(lists.kept(known), notes=(*lists.notes, note))


def _scores(scorer: Scorer, pairs: list[tuple[int, int]], collection: Collection, log: Log) -> Float64Array:
    """The score of each pair of rows of a query and a document, shape (len(pairs),)."""
    queries, documents = as_encoded(collection.queries), as_encoded(collection.documents)
    options: dict[str, Any] = {"batch_size": scorer.batch_size, "show_progress_bar": False}
    if type(scorer.model.activation_fn).__name__ in _SATURATING:
        import torch

        options["activation_fn"] = torch.nn.Identity()
    parts = [np.zeros(0)]
    with log.progress("Reranking", unit="pairs") as progress:
        progress(0, len(pairs))
        for start in range(0, len(pairs), _PAIRS_AT_ONCE):
            texts = [(queries[q], documents[d]) for q, d in pairs[start : start + _PAIRS_AT_ONCE]]
            with scoring(scorer.folder.reference, texts):
                parts.append(np.asarray(scorer.model.predict(texts, **options), dtype=np.float64))
            progress(start + len(texts), len(pairs))
    scores = np.concatenate(parts)
    if not np.isfinite(scores).all():
        raise CheckpointError(
            f"'{scorer.folder.reference}' gives scores that are not finite. Pass --precision float32, and check the "
            f"checkpoint for NaN."
        )
    return scores
