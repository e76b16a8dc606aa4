"""What an audit looks at: the rows as the file states them, their merged collection, and a second opinion."""

from __future__ import annotations

import math
from array import array
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import count
from typing import NamedTuple, TypeAlias, overload

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from embedscope.audit.groups import Groups
from embedscope.audit.label_scores import BlockedGrams, n_compared
from embedscope.audit.preferences import Preferences, preferences
from embedscope.audit.raw_rows import RawRows, without_collector
from embedscope.data.collection import Collection, Negative, Row, build_collection, identity, identity_order
from embedscope.diagnose.leakage import EXHAUSTIVE
from embedscope.diagnose.near_duplicates import folded, near_duplicates
from embedscope.diagnose.second_opinion import Scorer, lexical_scorer, telling_positives
from embedscope.errors import InputError
from embedscope.kept import NOTHING_KEPT, KeptResults
from embedscope.measure.ngrams import SplitTexts
from embedscope.models.token_lengths import TokenLengths
from embedscope.protocols import NO_ATTRIBUTES, AttributeReader, Float32Array, IntArray
from embedscope.stats.resampler import Resampler

N_DRAWS = 10_000


@dataclass(frozen=True, slots=True)
class SecondOpinion:
    """Unit vectors of the collection's queries and documents under the base model, never under the audited one."""

    name: str
    queries: Float32Array  # (Q, dim)
    documents: Float32Array  # (N, dim)


class Stated(NamedTuple):
    """A hard negative with its row (place) in the file."""

    row: int
    negative: Negative
    place: int  # among all hard negatives of the file


Texts: TypeAlias = "tuple[str, ...] | dict[str, None]"
"""Distinct texts in their order; of several a dict, in which one is found at once."""


class _EveryNegative(Sequence[Stated]):
    """The hard negatives of rows, in file order; made when they are asked for, since a million rows state millions."""

    def __init__(self, rows: Sequence[Row]) -> None:
        self._rows = rows
        self._ends = np.cumsum([0, *(len(row.negatives) for row in rows)])  # (R + 1,)

    def __len__(self) -> int:
        return int(self._ends[-1])

    def __iter__(self) -> Iterator[Stated]:
        places = count()
        return (
            Stated(place, negative, next(places)) for place, row in enumerate(self._rows) for negative in row.negatives
        )

    @overload
    def __getitem__(self, place: int) -> Stated: ...
    @overload
    def __getitem__(self, place: slice) -> list[Stated]: ...
    def __getitem__(self, place: int | slice) -> Stated | list[Stated]:
        if isinstance(place, slice):
            return [self[one] for one in range(*place.indices(len(self)))]
        row = int(np.searchsorted(self._ends, place, side="right")) - 1
        return Stated(row, self._rows[row].negatives[place - int(self._ends[row])], place)


@dataclass(frozen=True)
class Subject:
    """The rows under audit, with what several checks need of them, computed once."""

    raw: RawRows
    opinion: SecondOpinion | None = None
    lengths: TokenLengths | None = None
    attributes: AttributeReader = NO_ATTRIBUTES
    seed: int = 0
    n_draws: int = N_DRAWS
    n_compared: int | None = None  # queries whose labels are compared with all documents; 0: all, None: by their number
    kept: KeptResults = NOTHING_KEPT

    @property
    def rows(self) -> tuple[Row, ...]:
        """Rows in file order."""
        return self.raw.rows

    def rest_of(self, place: int) -> str:
        """What the row at ``place`` states beside its texts, types, weights and ids."""
        return self.raw.rest[place] if self.raw.rest else repr((self.rows[place].group, self.rows[place].metadata))

    @cached_property
    def relevant(self) -> Groups:
        """Relevant documents of each query of the collection."""
        collection = self.collection
        if collection is None:
            return Groups.none()
        return Groups(collection.relevant, collection.indptr)

    @cached_property
    def relevant_to(self) -> Groups:
        """The queries of the collection that each document is relevant to."""
        collection = self.collection
        if collection is None:
            return Groups.none()
        queries = np.repeat(np.arange(len(collection.queries)), np.diff(collection.indptr))
        return Groups.by(collection.relevant, queries, len(collection.documents))

    def refused(self, query: int) -> list[int]:
        """Hard negatives of a query of the collection."""
        if self.collection is None:
            return []
        negatives = self.collection.negatives  # by query
        start, end = np.searchsorted(negatives.queries, [query, query + 1])
        return list(map(int, negatives.documents[start:end]))

    @cached_property
    def refusing(self) -> Groups:
        """The queries of the collection that each document is a hard negative of."""
        if self.collection is None:
            return Groups.none()
        negatives = self.collection.negatives
        return Groups.by(negatives.documents, negatives.queries, len(self.collection.documents))

    @cached_property
    def own(self) -> Mapping[int, set[int]]:
        """Documents that are the query itself, of each query of the collection."""
        found: dict[int, set[int]] = defaultdict(set)
        own = None if self.collection is None else self.collection.own
        if own is not None:
            for q, d in zip(own.query_of_pair.tolist(), own.documents.tolist(), strict=True):
                found[q].add(d)
        return found

    def near_duplicates(self, texts: tuple[str, ...]) -> Iterable[tuple[int, int]]:
        """Places of two of ``texts`` that nearly agree, as `near_duplicates` finds them, or found them earlier."""
        if len(texts) > EXHAUSTIVE:  # found quickly, and too many to be held at once
            return near_duplicates(texts)
        kind = list[tuple[int, int]]
        return self.kept.value("near duplicates", kind, (texts,), lambda: list(near_duplicates(texts)))

    def differ_in_values(self, first: str, second: str) -> bool:
        """Whether two texts state other values of a kind that is read."""
        keeps_value = self.attributes.keeps_value
        return any(keeps_value(kind.name, first, second) is False for kind in self.attributes.kinds)

    @cached_property
    def stated(self) -> Sequence[Stated]:
        """Every hard negative, in file order."""
        return _EveryNegative(self.rows)

    @cached_property
    def relevant_texts(self) -> Mapping[str, Texts]:
        """Texts that any row calls relevant, by query text, each once."""
        found: dict[str, Texts] = {}
        for row in self.rows:
            query = identity(row.query)
            known = found.get(query)
            own = tuple(map(identity, row.positives))
            if known is None and len(own) < 2:  # as of most queries: a tenth of the memory of a set
                found[query] = row.positives if own == row.positives else own
                continue
            if not isinstance(known, dict):
                known = found[query] = dict.fromkeys(known or ())
            known.update(dict.fromkeys(own))
        return found

    def positives_of(self, row: Row) -> Iterable[str]:
        """The positives of a row; those of its query where the row states none, as one under the label 0 does."""
        return row.positives or self.relevant_texts[identity(row.query)]

    def telling_positives(self, row: Row) -> tuple[str, ...]:
        """Of :meth:`positives_of` one for all that ask the same of a negative.

        A query may have as many positives as rows under the label 0, each of which would be compared with all of them.
        """
        if row.positives:
            return row.positives
        query = identity(row.query)
        if query not in self._telling:
            self._telling[query] = telling_positives(query, self.relevant_texts[query], self.attributes)
        return self._telling[query]

    @cached_property
    def _telling(self) -> dict[str, tuple[str, ...]]:
        return {}

    def same_as_positive(self, row: Row, text: str) -> str | None:
        """How ``text`` is a positive of the query: "" as it stands, else words for what differs; None if it is none."""
        query = identity(row.query)
        relevant = self.relevant_texts[query]
        if identity(text) in relevant:
            return ""
        if isinstance(relevant, dict):
            if query not in self._folded:
                self._folded[query] = set(map(folded, relevant))
            is_same = folded(text) in self._folded[query]
        else:
            is_same = folded(text) in map(folded, relevant)
        if is_same:
            return " but for case, punctuation, white space or Unicode form"
        return None

    @cached_property
    def _folded(self) -> dict[str, set[str]]:
        """The folded texts that rows call relevant to a query, where these are several and were asked for."""
        return {}

    @cached_property
    def same_as_positives(self) -> tuple[str | None, ...]:
        """How each hard negative of :attr:`stated` is a positive of its query."""
        return tuple(self.same_as_positive(self.rows[one.row], one.negative.text) for one in self.stated)

    @cached_property
    def numbers(self) -> IntArray:
        """The number of each row as a person counts it, shape (R,)."""
        return np.array([row.number or place for place, row in enumerate(self.rows, start=1)], dtype=np.int64)

    @cached_property
    def clusters(self) -> IntArray:
        """Cluster of each row, shape (R,): rows that share a query or a positive are one observation."""
        return _components((identity(row.query), {identity(text) for text in row.positives}) for row in self.rows)

    @cached_property
    def resampler(self) -> Resampler:
        """Of the rows: every interval of the audit."""
        return Resampler(self.clusters, self.n_draws, self.seed)

    @cached_property
    def negative_resampler(self) -> Resampler:
        """Of the hard negatives: each belongs to the cluster of its row."""
        return self.resampler.among(np.repeat(np.arange(len(self.rows)), [len(row.negatives) for row in self.rows]))

    @cached_property
    def collection(self) -> Collection | None:
        """The merged collection of the rows that can be merged; None where too few can."""
        try:
            return merged(self.raw)
        except InputError:
            return None

    @cached_property
    def compared(self) -> IntArray:
        """The queries of the collection that are compared with all documents, ascending: all, or a sample."""
        if self.collection is None:
            return np.zeros(0, dtype=np.int64)
        queries = self.collection.queries
        n = n_compared(len(queries), len(self.collection.documents), self.n_compared)
        if n == len(queries):
            return np.arange(n)
        return np.sort(identity_order(queries)[self.resampler.sample(len(queries), n)])

    @property
    def is_sampled(self) -> bool:
        """Whether only some queries are compared with all documents."""
        return self.collection is not None and len(self.compared) < len(self.collection.queries)

    @cached_property
    def compared_resampler(self) -> Resampler:
        """Of the rows; of the compared queries where these are a sample."""
        return self.resampler.among(self.units[self.compared]) if self.is_sampled else self.resampler

    @cached_property
    def scorer(self) -> Scorer | BlockedGrams | None:
        """Of the queries that are compared: the base model where there is one, else character n-grams."""
        if self.collection is None:
            return None
        if self.opinion is not None:
            return Scorer(self.opinion.name, self.opinion.queries[self.compared], self.opinion.documents)
        return self.lexical

    @cached_property
    def lexical(self) -> Scorer | BlockedGrams | None:
        """Character n-grams of the queries that are compared, whatever else there is."""
        if self.collection is None:
            return None
        queries, documents = self.collection.queries, self.collection.documents
        if self.is_sampled:
            return BlockedGrams([queries[q] for q in self.compared], documents)
        return lexical_scorer(SplitTexts.of(queries), SplitTexts.of(documents))

    def forget_labels(self) -> None:
        """Let go of what only the checks of labels ask for, much of the memory; it is made again where it is asked."""
        texts = ("relevant_texts", "same_as_positives", "_folded", "_telling")
        for name in ("lexical", "scorer", "negative_resampler", *texts):
            self.__dict__.pop(name, None)

    @cached_property
    def preferences(self) -> Preferences | None:
        """What the base model says of every hard negative; None without one."""
        if self.opinion is None or self.collection is None:
            return None
        whole = Scorer(self.opinion.name, self.opinion.queries, self.opinion.documents)
        return preferences(self.collection, whole, self.resampler.among(self.units))

    @cached_property
    def units(self) -> IntArray:
        """Place of the first row of each query of the collection, shape (Q,)."""
        if self.collection is None:
            return np.zeros(0, dtype=np.int64)
        first: dict[str, int] = {}
        for place, row in enumerate(self.rows):
            first.setdefault(identity(row.query), place)
        return np.array([first[text] for text in self.collection.queries], dtype=np.int64)


def merged(raw: RawRows) -> Collection:
    """The collection of ``raw`` with empty texts left out and weights that are no weights replaced by 1.

    Raises
    ------
    TooFewPointsError
        If fewer than two queries have a relevant document.
    DataFormatError
        If a text holds half of a surrogate pair.
    """
    extra = {f"extra {place}": text for place, text in enumerate(raw.extra_documents)}
    weighable = map(_weighable, raw.rows)
    with without_collector():
        return build_collection(
            weighable, format=raw.format, drop_empty=True, row_name=raw.row_name, extra_documents=extra
        )


def _weighable(row: Row) -> Row:
    if all(is_weight(n.weight) for n in row.negatives):
        return row
    return replace(row, negatives=tuple(n if is_weight(n.weight) else replace(n, weight=1.0) for n in row.negatives))


def is_weight(weight: float) -> bool:
    """Whether a weight is finite and not negative; 0 leaves a negative out of a weighted loss on purpose."""
    return math.isfinite(weight) and weight >= 0


def _components(rows: Iterable[tuple[str, set[str]]]) -> IntArray:
    """Component of each row under "shares the query or a positive", numbered by first appearance."""
    queries: dict[str, int] = {}
    positives: dict[str, int] = {}
    own_query, own_positives, ends = array("q"), array("q"), array("q", [0])
    for query, texts in rows:
        own_query.append(queries.setdefault(query, len(queries)))
        own_positives.extend([positives.setdefault(text, len(positives)) for text in texts])
        ends.append(len(own_positives))
    n, n_queries = len(own_query), len(queries)
    from_rows = np.concatenate([np.arange(n), np.repeat(np.arange(n), np.diff(ends))])
    to_texts = n + np.concatenate([np.array(own_query), n_queries + np.array(own_positives)])
    n_nodes = n + n_queries + len(positives)
    graph = coo_array((np.ones(len(to_texts), dtype=np.int8), (from_rows, to_texts)), shape=(n_nodes, n_nodes))
    labels = connected_components(graph, directed=False)[1][:n]
    return np.unique(labels, return_inverse=True)[1].astype(np.int64)
