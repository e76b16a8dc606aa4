"""From a collection to what a step of training needs: (query, positive) pairs and the query's weighted negatives."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from embedscope.data.collection import Collection, Negatives
from embedscope.errors import TooFewPointsError
from embedscope.metrics.judgments import Cells
from embedscope.protocols import BoolArray, Float32Array, Float64Array, IntArray
from embedscope.settings import TrainSettings

MIN_WEIGHTED_SHARE = 0.05
"""Share of the queries with hard negatives that must have a weighted one, for a weight of 0 to be meant."""


@dataclass(frozen=True, slots=True, eq=False)
class TrainingData:
    """Pairs to train on, and the pooled base vectors of their texts.

    Pair p says that ``positives[p]`` is relevant to ``queries[p]``; a query with several relevant documents stands in
    several pairs. The hard negatives of query q are ``negatives[indptr[q]:indptr[q + 1]]`` with ``weights``.
    """

    query_vectors: Float32Array  # (Q, dim) pooled, not normalised
    document_vectors: Float32Array  # (N, dim)
    queries: IntArray  # (P,)
    positives: IntArray  # (P,)
    indptr: IntArray  # (Q + 1,)
    negatives: IntArray  # (E,)
    weights: Float64Array  # (E,)
    has_placeholders: bool = False  # weights of 0 were taken as 1.0
    own: Cells | None = None  # documents that are a query itself, and so no negatives of it

    def __len__(self) -> int:
        return len(self.queries)

    @property
    def dim(self) -> int:
        """Length of a base vector."""
        return int(self.query_vectors.shape[1])


@dataclass(frozen=True, slots=True, eq=False)
class Batch:
    """One step's rows: B pairs, each with its hard negatives padded to M; padding is document 0 of weight 0."""

    queries: IntArray  # (B,)
    positives: IntArray  # (B,)
    negatives: IntArray  # (B, M), M = 0 without hard negatives
    weights: Float64Array  # (B, M)
    is_false_negative: BoolArray  # (B, B) [i, j]: the positive of pair j is relevant to query i, or is it, i != j


def training_data(
    collection: Collection,
    query_vectors: Float32Array,
    document_vectors: Float32Array,
    *,
    use_hard_neg: bool = True,
    keep_zero_weights: bool = False,
) -> tuple[TrainingData, tuple[str, ...]]:
    """The pairs of ``collection`` over the pooled vectors of its texts, and what a person should know about them.

    Where fewer than 5 % of the queries that have hard negatives have one of a weight above 0, the zeros are
    placeholders of an unfinished file, under which the negatives would do nothing: they are taken as 1.0, unless
    ``keep_zero_weights``.

    Parameters
    ----------
    collection : Collection
    query_vectors : ndarray of shape (Q, dim), float32
        In the order of ``collection.queries``.
    document_vectors : ndarray of shape (N, dim), float32
    use_hard_neg : bool
        False leaves hard negatives out.
    keep_zero_weights : bool

    Raises
    ------
    TooFewPointsError
        If there are fewer than two pairs: a pair is trained against the others.
    """
    counts = np.diff(collection.indptr)
    n_pairs = int(counts.sum())
    if n_pairs < 2:
        raise TooFewPointsError(
            f"at least 2 (query, positive) pairs are needed to train a head, because each is trained against the "
            f"others; there {'is' if n_pairs == 1 else 'are'} {n_pairs}. Give more rows."
        )
    negatives = collection.negatives if use_hard_neg else Negatives.none()
    weights, notes = _checked_weights(negatives, keep_zero_weights=keep_zero_weights)
    if use_hard_neg and not negatives.queries.size:
        notes = ("The data has no hard negatives: a pair is trained against the other pairs of its batch alone.",)
    order = np.argsort(negatives.queries, kind="stable")
    sizes = np.bincount(negatives.queries, minlength=len(counts))
    data = TrainingData(
        query_vectors=query_vectors,
        document_vectors=document_vectors,
        queries=np.repeat(np.arange(len(counts)), counts),
        positives=collection.relevant,
        indptr=np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64),
        negatives=negatives.documents[order],
        weights=weights[order],
        has_placeholders=bool((weights != negatives.weights).any()),
        own=collection.own,
    )
    return data, notes


def _checked_weights(negatives: Negatives, *, keep_zero_weights: bool) -> tuple[Float64Array, tuple[str, ...]]:
    """The weights to train with; zeros become 1.0 where they are placeholders."""
    weights, is_zero = negatives.weights, negatives.weights == 0
    n_owners = len(np.unique(negatives.queries))
    n_weighted = len(np.unique(negatives.queries[~is_zero]))
    if not is_zero.any() or n_weighted >= MIN_WEIGHTED_SHARE * n_owners:
        return weights, ()
    facts = f"{int(is_zero.sum()):,} of {weights.size:,} hard negatives have the weight 0"
    if keep_zero_weights:
        return weights, (f"{facts} and are kept so: they have no effect on training.",)
    return np.where(is_zero, 1.0, weights), (
        f"{facts}, and only {n_weighted:,} of {n_owners:,} queries have any weight above it: that says 'not filled in' "
        f"rather than 'ignore'. They are trained with the weight 1.0. Fill the weights in, or pass "
        f"--keep-zero-weights to train without these negatives.",
    )


def n_batches(n_pairs: int, batch_size: int) -> int:
    """Steps of an epoch: a last batch of one pair joins the one before."""
    return max(1, -(-n_pairs // batch_size) - (n_pairs % batch_size == 1))


class Batches:
    """Batches of pairs in a given order, with the false negatives among them marked.

    A last batch of one pair would have nothing to be told apart from, so it joins the batch before.
    """

    def __init__(self, data: TrainingData, batch_size: int) -> None:
        self._data = data
        self._batch_size = batch_size
        n_documents = len(data.document_vectors)
        self._n_documents = n_documents
        cells = [data.queries * n_documents + data.positives]
        if data.own is not None:
            cells.append(data.own.query_of_pair * n_documents + data.own.documents)
        self._not_negative = np.sort(np.concatenate(cells))

    def __len__(self) -> int:
        return n_batches(len(self._data), self._batch_size)

    def of(self, order: IntArray) -> list[Batch]:
        """The batches of the pairs ``order``, a permutation of them."""
        starts = np.arange(len(self)) * self._batch_size
        return [self._batch(rows) for rows in np.split(order, starts[1:])]

    def _batch(self, rows: IntArray) -> Batch:
        data = self._data
        queries, positives = data.queries[rows], data.positives[rows]
        negatives, weights = self._padded_negatives(queries)
        return Batch(queries, positives, negatives, weights, self._false_negatives(queries, positives))

    def _padded_negatives(self, queries: IntArray) -> tuple[IntArray, Float64Array]:
        data = self._data
        sizes = data.indptr[queries + 1] - data.indptr[queries]  # (B,)
        columns = np.arange(int(sizes.max(initial=0)))
        is_real = columns < sizes[:, None]  # (B, M)
        entries = (data.indptr[queries][:, None] + columns)[is_real]
        negatives = np.zeros(is_real.shape, dtype=np.int64)
        weights = np.zeros(is_real.shape)
        negatives[is_real], weights[is_real] = data.negatives[entries], data.weights[entries]
        return negatives, weights

    def _false_negatives(self, queries: IntArray, positives: IntArray) -> BoolArray:
        """Documents of the batch that are relevant to another query, or that query; a text is one document."""
        asked = queries[:, None] * self._n_documents + positives  # (B, B)
        places = np.minimum(np.searchsorted(self._not_negative, asked), len(self._not_negative) - 1)
        is_no_negative: BoolArray = self._not_negative[places] == asked
        np.fill_diagonal(is_no_negative, val=False)
        return is_no_negative


def epoch_order(n: int, epoch: int, settings: TrainSettings) -> IntArray:
    """Order of ``n`` pairs in an epoch (1, 2, ...; 0: the validation batches), from a seed of its own."""
    return np.random.default_rng([settings.seed, 2, epoch]).permutation(n)
