"""A retrieval data set in which the identity of texts has been decided, once.

Conventions, section 1: texts are compared after Unicode NFC and stripping; one document per distinct text; the
relevant set of a query is the union over all rows with the same query text; a text that is relevant to a query is
never among its negatives (where the data says both, that is a contradiction and is reported).

A query may be a document too, as in ArguAna and Quora. It would find itself, so that its own document is neither right
nor wrong: BEIR and MTEB leave out the document with the id of the query, and so does `Collection.own`.
"""

from __future__ import annotations

import hashlib
import json
import math
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import repeat

import numpy as np

from embedscope.errors import DataFormatError, InvalidOptionError, TooFewPointsError
from embedscope.log import Log
from embedscope.metrics.judgments import Cells
from embedscope.protocols import Float64Array, IntArray
from embedscope.result import run_label
from embedscope.result.formatting import count


def identity(text: str) -> str:
    """The form of ``text`` by which texts are the same or not: NFC, stripped of surrounding white space."""
    return unicodedata.normalize("NFC", text).strip()


def identity_order(texts: Sequence[str]) -> IntArray:
    """The permutation that sorts ``texts``; a draw along it is the same whatever the order of the rows."""
    return np.array(sorted(range(len(texts)), key=texts.__getitem__), dtype=np.int64)


def is_itself(query: str, document: str) -> bool:
    """Whether a document with the id of a query is the query: all of its text, its title or what follows a title."""
    asked, words = query.split(), document.split()
    return asked == words[: len(asked)] or asked == words[-len(asked) :]


@dataclass(frozen=True, slots=True)
class Negative:
    """A hard negative as a row states it; an absent weight is 1.0, an absent type is no type."""

    text: str
    types: tuple[str, ...] = ()
    weight: float = 1.0


@dataclass(frozen=True, slots=True)
class Row:
    """One row of a data file, before identity is decided: what every row-shaped reader yields."""

    query: str
    positives: tuple[str, ...]
    negatives: tuple[Negative, ...] = ()
    number: int = 0  # 1-based row or line in the file, for messages
    group: str | None = None
    metadata: tuple[tuple[str, str], ...] = ()  # other columns of the file with their values
    gains: tuple[float, ...] = ()  # of the positives; none stated: 1.0 each


@dataclass(frozen=True, slots=True)
class Negatives:
    """Hard negatives of all queries as columns: entry e is the pair (queries[e], documents[e])."""

    queries: IntArray  # (E,)
    documents: IntArray  # (E,)
    weights: Float64Array  # (E,)
    types: tuple[tuple[str, ...], ...]  # (E,)

    def among(self, chosen: IntArray, n_queries: int) -> Negatives:
        """The entries of the chosen queries, which are renumbered by their place in ``chosen``."""
        place = np.full(n_queries, -1, dtype=np.int64)
        place[chosen] = np.arange(len(chosen))
        kept = np.flatnonzero(place[self.queries] >= 0)
        types = tuple(self.types[e] for e in kept)
        return Negatives(place[self.queries[kept]], self.documents[kept], self.weights[kept], types)

    @classmethod
    def none(cls) -> Negatives:
        """No hard negatives."""
        nothing = np.zeros(0, dtype=np.int64)
        return cls(nothing, nothing, np.zeros(0), ())


@dataclass(frozen=True, slots=True, repr=False)
class Collection:
    """Queries, documents, judgments and typed hard negatives over distinct texts.

    Relevant documents of query q are ``relevant[indptr[q]:indptr[q + 1]]`` with gains at the same places, documents
    ascending. Documents are ordered by id, so that an index comparison is an id comparison (tie rules of trec_eval
    and sentence-transformers). A query may have no relevant document; it is kept here and left out of metrics.

    ``own`` are the documents that are their query itself, by text or by id, unless the data calls them relevant to it;
    None where there are none. They are left out of its ranking. ``own_negatives`` are hard negatives among them, which
    ``negatives`` lacks.
    """

    format: str
    query_ids: tuple[str, ...]
    queries: tuple[str, ...]
    document_ids: tuple[str, ...]
    documents: tuple[str, ...]
    indptr: IntArray  # (Q + 1,)
    relevant: IntArray
    gains: Float64Array
    negatives: Negatives
    n_rows: int
    n_queries_available: int
    n_duplicate_queries: int
    n_duplicate_documents: int
    contradictions: tuple[str, ...] = ()
    contradicting: tuple[tuple[str, int], ...] = ()  # query id and document of each contradiction
    warnings: tuple[str, ...] = ()
    groups: tuple[str | None, ...] = ()
    merged_ids: Mapping[str, tuple[str, ...]] = field(default_factory=dict)  # kept document id -> ids merged into it
    metadata: Mapping[str, tuple[str | None, ...]] = field(default_factory=dict)  # column -> (Q,), None where unstated
    columns: Mapping[str, tuple[str, ...]] = field(default_factory=dict)  # role -> columns of the file; empty: no rows
    own: Cells | None = None
    own_negatives: Negatives = field(default_factory=Negatives.none)

    def __repr__(self) -> str:
        return f"<Collection of {len(self.queries):,} queries x {len(self.documents):,} documents, {self.format}>"


def describe(collection: Collection, name: str, log: Log) -> None:
    """Tell ``log`` what a data set holds, and what is odd about it."""
    queries = f"{len(collection.queries):,} queries"
    if len(collection.queries) < collection.n_queries_available:
        queries = f"{len(collection.queries):,} of {collection.n_queries_available:,} queries (seeded random sample)"
    log.fact(
        "Data",
        f"{run_label(name)}: {collection.format}, {collection.n_rows:,} rows, {queries}, "
        f"{len(collection.documents):,} documents, {len(collection.negatives.queries):,} hard-negative pairs",
    )
    if collection.columns:
        log.fact("", f"columns: {columns_line(collection.columns)}")
    merged = {"queries": collection.n_duplicate_queries, "documents": collection.n_duplicate_documents}
    if any(merged.values()):
        log.fact("", "equal texts counted once: " + ", ".join(f"{n:,} {what}" for what, n in merged.items() if n))
    if collection.own is not None:
        log.fact("", said_of_own(collection.own, len(collection.own_negatives.queries)))
    for warning in collection.warnings:
        log.warn(warning)
    if collection.contradictions:
        log.warn(
            f"{len(collection.contradictions):,} contradictions: a text is labelled relevant and negative for the "
            f"same query; it is counted as relevant. First: {collection.contradictions[0]}"
        )


def columns_line(columns: Mapping[str, Sequence[str]]) -> str:
    """What each column of a file is, in one line.

    >>> columns_line({"query": ["question"], "positive": ["answer"], "label": ["score"], "not used": ["id"]})
    'query = question, positive = answer | label = score | not used = id'
    """
    shown = {role: [name or "(unnamed)" for name in names] for role, names in columns.items()}
    parts = {role: f"{role} = {', '.join(names[:8])}{', …' * (len(names) > 8)}" for role, names in shown.items()}
    texts = [parts.pop(role) for role in ("query", "positive", "negatives") if role in parts]
    return " | ".join([", ".join(texts), *parts.values()])


def said_of_own(own: Cells, n_negatives: int = 0) -> str:
    """How many queries are documents too, and what becomes of these documents."""
    n = int(np.count_nonzero(np.diff(own.indptr)))
    are, their = ("query is a document", "its") if n == 1 else ("queries are documents", "their")
    negatives = f" and {count(n_negatives, 'time')} out of {their} hard negatives" if n_negatives else ""
    return f"{n:,} {are} too; {their} own text is left out of {their} ranking{negatives} (--keep-self ranks it)"


def excerpt(text: str, limit: int = 60) -> str:
    """``text`` in quotation marks, on one line, cut to ``limit`` characters: how a text is shown in a message."""
    shown = " ".join(text[: 4 * limit].split())
    if not shown.isprintable():
        shown = "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in shown)
    if len(shown) > limit or len(text) > 4 * limit:
        shown = shown[:limit].rstrip() + "…"
    return f"'{shown}'"


def build_collection(
    rows: Iterable[Row],
    *,
    format: str,  # noqa: A002 - the word of the field
    extra_documents: Mapping[str, str] | None = None,
    drop_empty: bool = False,
    row_name: str = "row",
    warnings: Iterable[str] = (),
    columns: Mapping[str, tuple[str, ...]] | None = None,
) -> Collection:
    """The collection that row-shaped data describes: each row a query with its positives and hard negatives.

    Document ids are ``d00000``, ``d00001``, ... in order of first appearance, so id order is index order; query ids
    are made the same way. The pool is every positive, every hard negative and every extra document. A (query, hard
    negative) pair that is stated more than once counts once, with its greatest weight and the union of its types. Of
    the metadata of several rows with one query the first that states a column stands.

    Parameters
    ----------
    format : str
        Name of the file format, for the report.
    extra_documents : mapping of id to text, optional
        More documents for the pool, relevant to nobody. Their ids are kept in ``merged_ids`` of the document.
    drop_empty : bool
        Leave empty texts out, with a warning, instead of refusing them. A row goes as a whole where its query is
        empty, or every positive that it states.
    row_name : str
        What ``Row.number`` counts ("row" or "line"), for messages.
    warnings : iterable of str
        Lines that the reader has for the person; the builder's own follow them.
    columns : mapping of role to columns, optional
        What each column of the file is.

    Returns
    -------
    Collection
        ``n_duplicate_queries`` counts rows whose query had appeared, ``n_duplicate_documents`` mentions of a
        document text that had appeared.

    Raises
    ------
    DataFormatError
        If there is no row, a weight is negative or not finite, or a text is empty (unless ``drop_empty``) or holds
        half of a surrogate pair.
    TooFewPointsError
        If fewer than two queries have a relevant document: no interval and no comparison exists for one.
    """
    builder = _Builder(drop_empty=drop_empty)
    clean = builder.without_empty_texts(rows, row_name)
    groups: dict[int, str] = {}
    metadata: dict[str, dict[int, str]] = {}
    n_regrouped = 0
    for row in clean:
        query = builder.queries.add(row.query)
        for text, gain in zip(row.positives, row.gains or repeat(1.0)):  # noqa: B905 - repeat has no end
            builder.add_relevant(query, builder.documents.add(text), gain, row.number)
        for negative in row.negatives:
            _require_weight(negative, f"{row_name} {row.number}")
            builder.add_negative(query, builder.documents.add(negative.text), negative, row.number)
        if row.group is not None:
            n_regrouped += groups.setdefault(query, row.group) != row.group
        for column, value in row.metadata:
            metadata.setdefault(column, {}).setdefault(query, value)
    if n_regrouped:
        builder.notes.append(
            f"{n_regrouped} rows repeat a query under another group; the group of its first row is kept, "
            "because one query belongs to one cluster."
        )
    extra = builder.interned((extra_documents or {}).items(), builder.documents, what="extra document")
    document_ids = _numbered("d", len(builder.documents.index))
    aliases: dict[str, tuple[str, ...]] = {}
    for name, document in extra.items():
        if document is not None:
            aliases[document_ids[document]] = (*aliases.get(document_ids[document], ()), name)
    every = range(len(builder.queries.index))
    made = builder.collection(
        format=format,
        query_ids=_numbered("q", len(every)),
        document_ids=document_ids,
        row_name=row_name,
        n_rows=len(clean),
        groups=tuple(groups.get(q) for q in every) if groups else (),
        metadata={column: tuple(values.get(q) for q in every) for column, values in metadata.items()},
        merged_ids=aliases,
        warnings=warnings,
    )
    return replace(made, columns=columns or {})


def collection_from_qrels(
    queries: Mapping[str, str],
    documents: Mapping[str, str],
    qrels: Iterable[tuple[str, str, float]],
    *,
    format: str,  # noqa: A002
    allow_missing: bool = False,
    drop_empty: bool = False,
    warnings: Iterable[str] = (),
    groups: Mapping[str, str] | None = None,
    metadata: Mapping[str, Mapping[str, str]] | None = None,
) -> Collection:
    """The collection that judged data describes: queries, documents, and judgments between their ids.

    Documents are sorted by id, character by character as trec_eval compares them. Of documents with one text the
    first id is kept and the others stand in ``merged_ids``; a pair judged through several of them has the greatest
    gain. Queries keep their order. A gain of 0 or less says "judged, not relevant" and is left out with a warning.

    Parameters
    ----------
    queries, documents : mapping of id to text
    qrels : iterable of (query id, document id, gain)
    format : str
        Name of the file format, for the report.
    allow_missing : bool
        Leave out judgments that name an unknown id, with a warning, instead of refusing them.
    drop_empty : bool
        Leave out queries and documents without text, and their judgments, instead of refusing them.
    warnings : iterable of str
        Lines that the reader has for the person; the builder's own follow them.
    groups : mapping of query id to group, optional
    metadata : mapping of column to a mapping of query id to value, optional
        Queries that a mapping lacks have no group, or no value in that column.

    Returns
    -------
    Collection
        ``n_rows`` is the number of judgments read.

    Raises
    ------
    DataFormatError
        If a judgment above 0 names an unknown id (unless ``allow_missing``), a text is empty (unless ``drop_empty``)
        or holds half of a surrogate pair, or a gain is not finite.
    TooFewPointsError
        If fewer than two queries have a relevant document.
    """
    builder = _Builder(drop_empty=drop_empty)
    query_of = builder.interned(queries.items(), builder.queries, what="query")
    document_of = builder.interned(sorted(documents.items()), builder.documents, what="document")
    n_rows = builder.add_qrels(qrels, query_of, document_of, allow_missing=allow_missing)
    document_ids, merged_ids = _merge_ids(document_of)
    query_ids = _merge_ids(query_of)[0]
    builder.note_ids(query_of, document_of)
    return builder.collection(
        format=format,
        query_ids=query_ids,
        document_ids=document_ids,
        row_name="judgment",
        n_rows=n_rows,
        merged_ids=merged_ids,
        warnings=warnings,
        groups=tuple(map(groups.get, query_ids)) if groups else (),
        metadata={column: tuple(map(values.get, query_ids)) for column, values in (metadata or {}).items()},
    )


def sample_queries(collection: Collection, n: int, generator: np.random.Generator) -> Collection:
    """The same collection with ``n`` queries drawn at random without replacement, in their old order.

    Every document stays: a smaller pool would make the same model score higher. Queries are drawn from all queries,
    with or without relevant documents, so the sample estimates the same averages.

    An ``n`` of 0, or of as many as there are, keeps all of them; only otherwise the generator is advanced.

    Raises
    ------
    InvalidOptionError
        If ``n`` is negative.
    TooFewPointsError
        If fewer than two of the queries drawn have a relevant document.
    """
    if n < 0:
        raise InvalidOptionError(
            f"the number of queries to sample must be 0 (all of them) or more, not {n}. Pass 0 to use every query."
        )
    n_queries = len(collection.queries)
    if n == 0 or n >= n_queries:
        return collection
    drawn = generator.choice(n_queries, size=n, replace=False)
    return keep_queries(collection, np.sort(identity_order(collection.queries)[drawn]))


def keep_queries(collection: Collection, chosen: IntArray) -> Collection:
    """The same collection with some of its queries, and every document; ``chosen`` are their rows, (n,), ascending.

    Raises TooFewPointsError if fewer than two of them have a relevant document.
    """
    counts = np.diff(collection.indptr)[chosen]  # (n,)
    _require_two_queries(counts, hint="Sample more queries, or all of them with 0.")
    entries = np.concatenate([np.arange(*collection.indptr[[q, q + 1]]) for q in chosen])
    return replace(
        collection,
        query_ids=tuple(collection.query_ids[q] for q in chosen),
        queries=tuple(collection.queries[q] for q in chosen),
        indptr=np.concatenate([[0], np.cumsum(counts)]).astype(np.int64),
        relevant=collection.relevant[entries],
        gains=collection.gains[entries],
        negatives=collection.negatives.among(chosen, len(collection.queries)),
        own=_unless_empty(None if collection.own is None else collection.own.select(chosen)),
        own_negatives=collection.own_negatives.among(chosen, len(collection.queries)),
        groups=tuple(collection.groups[q] for q in chosen) if collection.groups else (),
        metadata={column: tuple(values[q] for q in chosen) for column, values in collection.metadata.items()},
    )


def ranking_own(collection: Collection) -> Collection:
    """The same collection with the documents that are a query themselves ranked for it like any other."""
    if collection.own is None:
        return collection
    sides = collection.negatives, collection.own_negatives
    queries, documents, weights = (
        np.concatenate(columns) for columns in zip(*((n.queries, n.documents, n.weights) for n in sides), strict=True)
    )
    types = [*sides[0].types, *sides[1].types]
    order = np.lexsort((documents, queries))
    negatives = Negatives(queries[order], documents[order], weights[order], tuple(types[e] for e in order))
    return replace(collection, own=None, negatives=negatives, own_negatives=Negatives.none())


def digest(collection: Collection) -> str:
    """SHA-256, in hex, of what is scored: queries, documents, judgments with gains, typed and weighted negatives.

    Two collections have one digest exactly when these agree as sets of texts, whatever the order of rows, the ids,
    the file format or the groups. Runs on data of different digests are not comparable.
    """
    query_keys = [_text_digest(text) for text in collection.queries]
    document_keys = [_text_digest(text) for text in collection.documents]
    owners = np.repeat(np.arange(len(query_keys)), np.diff(collection.indptr))
    negatives = collection.negatives
    columns = negatives.queries, negatives.documents, negatives.weights
    own = Cells.of_pairs(owners[:0], owners[:0], len(query_keys)) if collection.own is None else collection.own
    records = [f"query {key}" for key in query_keys]
    records += [f"document {key}" for key in document_keys]
    records += [
        f"relevant {query_keys[q]} {document_keys[d]} {gain!r}"
        for q, d, gain in zip(owners.tolist(), collection.relevant.tolist(), collection.gains.tolist(), strict=True)
    ]
    records += [
        f"negative {query_keys[q]} {document_keys[d]} {weight!r} {json.dumps(sorted(types))}"
        for q, d, weight, types in zip(*(column.tolist() for column in columns), negatives.types, strict=True)
    ]
    own_pairs = zip(own.query_of_pair.tolist(), own.documents.tolist(), strict=True)
    records += [f"left out {query_keys[q]} {document_keys[d]}" for q, d in own_pairs]
    return hashlib.sha256("\n".join(sorted(records)).encode()).hexdigest()


class _Texts:
    """Distinct texts in order of first appearance, and how many additions were repeats."""

    def __init__(self) -> None:
        self.index: dict[str, int] = {}
        self.n_repeats = 0

    def add(self, text: str) -> int:
        known = self.index.get(text)
        if known is not None:
            self.n_repeats += 1
            return known
        _require_well_formed(text)
        self.index[text] = len(self.index)
        return len(self.index) - 1


@dataclass(slots=True)
class _Relevance:
    """That a document is relevant to a query, and where the data first says so."""

    gain: float
    row: int


@dataclass(slots=True)
class _Opposition:
    """That a document is a hard negative of a query: everything the rows say about the pair."""

    weight: float
    types: tuple[str, ...]  # each once
    row: int


class _Builder:
    """What the data says of texts and of (query, document) pairs, in one place, so that all data is merged alike."""

    def __init__(self, *, drop_empty: bool) -> None:
        self.queries, self.documents = _Texts(), _Texts()
        self.notes: list[str] = []
        self._drop_empty = drop_empty
        self._relevant: dict[tuple[int, int], _Relevance] = {}
        self._negatives: dict[tuple[int, int], _Opposition] = {}
        self._own_by_id: set[tuple[int, int]] = set()
        self._n_merged_negatives = 0

    def add_relevant(self, query: int, document: int, gain: float, row: int) -> None:
        known = self._relevant.get((query, document))
        if known is None:
            self._relevant[query, document] = _Relevance(gain, row)
        else:
            known.gain = max(known.gain, gain)

    def add_negative(self, query: int, document: int, negative: Negative, row: int) -> None:
        known = self._negatives.get((query, document))
        if known is None:
            types = negative.types  # a text that is stated once keeps them as they are
            if len(types) > 1:
                types = tuple(dict.fromkeys(types))
            self._negatives[query, document] = _Opposition(negative.weight, types, row)
            return
        self._n_merged_negatives += 1
        known.weight = max(known.weight, negative.weight)
        known.types = tuple(dict.fromkeys((*known.types, *negative.types)))

    def without_empty_texts(self, rows: Iterable[Row], row_name: str) -> list[Row]:
        """Rows with texts in the form by which they are compared, and without those that are empty."""
        clean: list[Row] = []
        empty: list[str] = []
        n_rows = n_bare = 0
        for n_rows, row in enumerate(rows, start=1):
            row, fields = _normalised(row, row.number or n_rows)
            empty += [f"{row_name} {row.number} ({field})" for field in fields]
            if row.query and (row.positives or "positive" not in fields):
                n_bare += not (row.positives or row.negatives)
                clean.append(row)
        if n_rows == 0:
            raise DataFormatError("the data set has no rows, so there is nothing to measure. Give a file with rows.")
        self._refuse_or_note_empty(empty, "texts")
        if n_bare:
            self.notes.append(f"{n_bare} rows name no positive; their query counts only if another row gives it one.")
        return clean

    def interned(self, items: Iterable[tuple[str, str]], texts: _Texts, *, what: str) -> dict[str, int | None]:
        """Index in ``texts`` of the text of every id; None where the text is empty and was left out."""
        index_of: dict[str, int | None] = {}
        for name, text in items:
            text = identity(text)
            index_of[name] = texts.add(text) if text else None
        empty = [f"id {excerpt(name)}" for name, index in index_of.items() if index is None]
        self._refuse_or_note_empty(empty, f"{what} texts")
        return index_of

    def _refuse_or_note_empty(self, places: Sequence[str], what: str) -> None:
        if not places:
            return
        is_one = len(places) == 1
        what = what.removesuffix("s") if is_one else what
        if not self._drop_empty:
            raise DataFormatError(
                f"{len(places)} {what} {'is' if is_one else 'are'} empty, null or only white space (first: "
                f"{_some(places)}). An empty text has no meaning to compare, and its vector says nothing. Fill them "
                "in, or pass --drop-empty to leave them out."
            )
        self.notes.append(f"{len(places)} empty {what} left out (first: {_some(places)}).")

    def add_qrels(
        self,
        qrels: Iterable[tuple[str, str, float]],
        query_of: Mapping[str, int | None],
        document_of: Mapping[str, int | None],
        *,
        allow_missing: bool,
    ) -> int:
        """Enter the judgments; returns how many were read. Gains of 0 or less, and dropped texts, are left out."""
        unknown: list[str] = []
        not_relevant: list[tuple[int, int, int]] = []
        n_dropped = n_absent = n_rows = 0
        for n_rows, (query_id, document_id, gain) in enumerate(qrels, start=1):
            if not math.isfinite(gain):
                raise DataFormatError(
                    f"judgment {n_rows} (query {excerpt(query_id)}, document {excerpt(document_id)}) has the gain "
                    f"{gain}; a finite number was expected: 0 for not relevant, 1 or more for relevant."
                )
            is_known = query_id in query_of and document_id in document_of
            if gain <= 0 and not is_known:
                n_absent += 1  # not relevant, so that its absence changes nothing
            elif query_id not in query_of:
                unknown.append(f"query {excerpt(query_id)}")
            elif document_id not in document_of:
                unknown.append(f"document {excerpt(document_id)} of query {excerpt(query_id)}")
            else:
                query, document = query_of[query_id], document_of[document_id]
                if query is None or document is None:
                    n_dropped += 1
                elif gain > 0:
                    self.add_relevant(query, document, gain, n_rows)
                else:
                    not_relevant.append((query, document, n_rows))
        self.notes += _refuse_or_note_unknown(unknown, n_rows, allow_missing=allow_missing)
        if n_dropped:
            self.notes.append(f"{n_dropped} judgments of empty texts left out.")
        if not_relevant or n_absent:
            absent = f"; {n_absent} of them name an id that is absent" if n_absent else ""
            self.notes.append(
                f"{len(not_relevant) + n_absent} judgments have a gain of 0 or less: judged and not relevant{absent}."
            )
        conflicts = [row for query, document, row in not_relevant if (query, document) in self._relevant]
        if conflicts:
            self.notes.append(
                f"{len(conflicts)} pairs are judged both relevant and not relevant, through ids that share a text or "
                f"by repeated judgments (first: judgment {conflicts[0]}); they count as relevant."
            )
        return n_rows

    def note_ids(self, query_of: Mapping[str, int | None], document_of: Mapping[str, int | None]) -> None:
        """Take note of documents with the id of a query: the query itself, if one is its title or its text."""
        queries, documents = list(self.queries.index), list(self.documents.index)
        others = []
        for name, query in query_of.items():
            document = document_of.get(name)
            if query is None or document is None:
                continue
            if is_itself(queries[query], documents[document]):
                self._own_by_id.add((query, document))
            else:
                others.append(f"id {excerpt(name)}")
        if others:
            self.notes.append(
                f"{count(len(others), 'document has', 'documents have')} the id of a query and another text (first: "
                f"{_some(others)}). Such a document is ranked like any other, because only the numbers are the same; "
                "BEIR leaves it out of the ranking of that query."
            )

    def _own_pairs(self) -> set[tuple[int, int]]:
        """Pairs of a query and a document that is the query itself, relevant or not."""
        by_text = {
            (q, d) for text, q in self.queries.index.items() if (d := self.documents.index.get(text)) is not None
        }
        return by_text | self._own_by_id

    def collection(
        self,
        *,
        format: str,  # noqa: A002
        query_ids: tuple[str, ...],
        document_ids: tuple[str, ...],
        row_name: str,
        n_rows: int,
        merged_ids: Mapping[str, tuple[str, ...]],
        warnings: Iterable[str],
        groups: tuple[str | None, ...] = (),
        metadata: Mapping[str, tuple[str | None, ...]] | None = None,
    ) -> Collection:
        """Judgments as columns, with contradictions settled in favour of relevance; ``warnings`` before the notes."""
        queries, documents = tuple(self.queries.index), tuple(self.documents.index)
        pairs = sorted(self._relevant)
        counts = np.bincount(np.array([query for query, _ in pairs], dtype=np.int64), minlength=len(queries))  # (Q,)
        _require_two_queries(counts, hint="Add queries, each with at least one relevant document.")
        if self._n_merged_negatives:
            self.notes.append(
                f"{self._n_merged_negatives} hard negatives repeat one of the same query; each counts once, with its "
                "greatest weight and all its types."
            )
        contradicting = sorted(pair for pair in self._relevant if pair in self._negatives)
        own_pairs = self._own_pairs()
        trivial = sorted(own_pairs & self._relevant.keys())
        if trivial:
            self.notes.append(
                f"{count(len(trivial), 'query has', 'queries have')} a positive that is the query itself (first: "
                f"{excerpt(queries[trivial[0][0]])}), which any model finds at rank 1. It counts and raises the scores."
            )
        own = sorted(own_pairs - self._relevant.keys())
        return Collection(
            format=format,
            query_ids=query_ids,
            queries=queries,
            document_ids=document_ids,
            documents=documents,
            indptr=np.concatenate([[0], np.cumsum(counts)]).astype(np.int64),
            relevant=np.array([document for _, document in pairs], dtype=np.int64),
            gains=np.array([self._relevant[pair].gain for pair in pairs], dtype=np.float64),
            negatives=self._negative_columns(
                pair for pair in self._negatives if pair not in self._relevant and pair not in own_pairs
            ),
            own=_unless_empty(Cells.of_pairs(*_columns(own), len(queries))),
            own_negatives=self._negative_columns(pair for pair in own if pair in self._negatives),
            n_rows=n_rows,
            n_queries_available=len(queries),
            n_duplicate_queries=self.queries.n_repeats,
            n_duplicate_documents=self.documents.n_repeats,
            contradictions=tuple(
                f"{excerpt(documents[document])} is relevant to the query {excerpt(queries[query])} in {row_name} "
                f"{self._relevant[query, document].row} and its hard negative in {row_name} "
                f"{self._negatives[query, document].row}; it counts as relevant."
                for query, document in contradicting
            ),
            contradicting=tuple((query_ids[query], document) for query, document in contradicting),
            warnings=(*warnings, *self.notes),
            groups=groups,
            metadata=metadata or {},
            merged_ids=merged_ids,
        )

    def _negative_columns(self, chosen: Iterable[tuple[int, int]]) -> Negatives:
        """The chosen hard negatives, by query, then document."""
        pairs = sorted(chosen)
        stated = [self._negatives[pair] for pair in pairs]
        return Negatives(
            *_columns(pairs),
            weights=np.array([entry.weight for entry in stated], dtype=np.float64),
            types=tuple(entry.types for entry in stated),
        )


def _columns(pairs: Sequence[tuple[int, int]]) -> tuple[IntArray, IntArray]:
    """Queries and documents of some pairs, each of shape (n,)."""
    queries, documents = np.array(pairs, dtype=np.int64).reshape(-1, 2).T
    return queries, documents


def _unless_empty(cells: Cells | None) -> Cells | None:
    return None if cells is None or not len(cells.documents) else cells


def _require_well_formed(text: str) -> None:
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise DataFormatError(
            f"a text holds half of a surrogate pair (U+{ord(text[error.start]):04X} at character {error.start + 1} of "
            f"{excerpt(text)}). No file or tokenizer can take such a text; replace the character."
        ) from error


def _require_weight(negative: Negative, place: str) -> None:
    if not (math.isfinite(negative.weight) and negative.weight >= 0):
        raise DataFormatError(
            f"{place}: the hard negative {excerpt(negative.text)} has the weight {negative.weight}. A weight is a "
            "finite number, 0 or more, because weighted rates divide by the sum of weights; correct it or leave it "
            "out (then it is 1.0)."
        )


def _numbered(letter: str, n: int) -> tuple[str, ...]:
    """``n`` ids of one width, so that their string order is their numeric order."""
    width = max(5, len(str(n - 1)))
    return tuple(f"{letter}{i:0{width}d}" for i in range(n))


def _normalised(row: Row, number: int) -> tuple[Row, list[str]]:
    """The row with its texts in the form by which they are compared, and the fields that are empty and left out."""
    query, positives = identity(row.query), [identity(text) for text in row.positives]
    if (
        row.number == number
        and query == row.query
        and tuple(positives) == row.positives
        and all(positives)
        and query
        and all(n.text and identity(n.text) == n.text for n in row.negatives)
    ):
        return row, []  # nothing to change, as in most rows
    gains = tuple(gain for gain, text in zip(row.gains, positives, strict=True) if text) if row.gains else ()
    negatives = [Negative(identity(n.text), n.types, n.weight) for n in row.negatives]
    fields = [] if query else ["query"]
    fields += ["positive" for text in positives if not text]
    fields += ["hard negative" for negative in negatives if not negative.text]
    stated = tuple(filter(None, positives)), tuple(n for n in negatives if n.text)
    return Row(query, *stated, number, row.group, row.metadata, gains), fields


def _some(items: Sequence[str]) -> str:
    return ", ".join(items[:3]) + (", …" if len(items) > 3 else "")


def _merge_ids(index_of: Mapping[str, int | None]) -> tuple[tuple[str, ...], dict[str, tuple[str, ...]]]:
    """The id kept for each index (the first that has it), and which ids were merged into it."""
    kept: list[str] = []
    merged: dict[str, list[str]] = {}
    for name, index in index_of.items():
        if index is None:
            continue
        if index == len(kept):
            kept.append(name)
        else:
            merged.setdefault(kept[index], []).append(name)
    return tuple(kept), {name: tuple(others) for name, others in merged.items()}


def _refuse_or_note_unknown(unknown: Sequence[str], n_rows: int, *, allow_missing: bool) -> list[str]:
    if not unknown:
        return []
    facts = f"{len(unknown)} of {n_rows} judgments name an id that the data set does not have (first: {_some(unknown)})"
    if allow_missing:
        return [
            f"{facts}. They are left out, so recall and nDCG count only the relevant documents that are present: "
            "scores are not comparable with those of the complete data set."
        ]
    raise DataFormatError(
        f"{facts}. A relevant document that is absent can never be found, which would lower every score. Give the "
        "complete corpus, or pass --allow-missing to leave these judgments out."
    )


def _require_two_queries(n_relevant: IntArray, *, hint: str) -> None:
    """Raise TooFewPointsError unless two of the queries have a relevant document; ``n_relevant`` of each, (Q,)."""
    n_answerable = np.count_nonzero(n_relevant)
    if n_answerable < 2:
        raise TooFewPointsError(
            f"at least 2 queries with a relevant document are needed, because no interval or comparison exists for "
            f"fewer; there {'is' if n_answerable == 1 else 'are'} {n_answerable} among {len(n_relevant)} queries. "
            f"{hint}"
        )


def _text_digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
