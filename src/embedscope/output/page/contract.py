"""The types of the payload: the contract of Python and the page.

``python -m tools.schema`` writes ``schema.json`` from them, and ``npm run types`` from that ``web/src/schema.ts``.
A part of the payload that is a record of the run is annotated with that record.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal, NotRequired, TypedDict

from embedscope.result import (
    BestOfMany,
    Comparison,
    Estimate,
    LevelShift,
    Metric,
    Migration,
    Result,
    SeveralSets,
    TypeChange,
)

Table = dict[str, Any]
Finite = Annotated[float, "finite"]


class Numbers(TypedDict):
    """An array: little-endian bytes, deflated where encoding says so, in base64. NaN means: no value."""

    dtype: Literal["uint8", "int32", "float32"]
    shape: list[int]
    encoding: Literal["plain", "deflate"]
    data: str


class Texts(TypedDict):
    """Texts: a JSON list in UTF-8, deflated, in base64."""

    n: int
    data: str


class StatedColumn(TypedDict):
    """What the data file says of each query in one column: the place of its value among values, -1 for none.

    Columns of few values, and columns of numbers.
    """

    name: str
    values: Texts
    of: Numbers


class QueryColumns(TypedDict):
    """One row a query. Ragged columns: row i owns values[indptr[i]:indptr[i + 1]].

    Document columns index the documents of this payload, -1 for none. failure_mode: 0 for a query that is right, else
    the place in report.failure_modes, counted from 1. failure_evidence: what shows it, "" where nothing does.
    """

    n: int
    ids: Texts
    texts: Texts
    rank: Numbers
    positive_similarity: Numbers
    negative_similarity: Numbers
    margin: Numbers
    gap: Numbers
    wrong_similarity: Numbers
    clusters: Numbers
    n_tied: Numbers
    is_correct: Numbers
    wrong_document: Numbers
    top_documents: Numbers
    top_scores: Numbers
    top_is_relevant: Numbers
    relevant_indptr: Numbers
    relevant_documents: Numbers
    relevant_scores: Numbers
    negative_indptr: Numbers
    negative_documents: Numbers
    negative_scores: Numbers
    negative_weights: Numbers
    negative_type_indptr: Numbers
    negative_types: Numbers
    failure_mode: NotRequired[Numbers]
    failure_evidence: NotRequired[Texts]
    stated: NotRequired[list[StatedColumn]]


class DocumentColumns(TypedDict):
    """One row a document that the page can show."""

    n: int
    ids: Texts
    texts: Texts
    n_relevant_to: Numbers
    n_negative_of: Numbers


class TypeColumns(TypedDict):
    """One negative type: the density of its similarities, and the margin of each pair."""

    name: str
    density: Numbers
    margins: Numbers


class SimilarityColumns(TypedDict):
    """Densities over the bins between edges."""

    edges: Numbers
    positive: Numbers
    negative: Numbers
    hard_negative: Numbers | None
    types: list[TypeColumns]


class MapColumns(TypedDict):
    """Where the points stand, and the share of its original neighbours that each keeps.

    The name of report.themes[label_themes[i]] stands at the point label_points[i].
    """

    name: str
    xy: Numbers
    kept: Numbers
    label_themes: NotRequired[Numbers]
    label_points: NotRequired[Numbers]


class PointColumns(TypedDict):
    """Points of the maps.

    roles: 0 query, 1 positive, 2 hard negative, 3 document; rows index the query table for queries, else the documents.
    themes: place in report.themes, -1 for none.
    """

    n: int
    n_left_out: int
    roles: Numbers
    rows: Numbers
    link_queries: Numbers
    link_documents: Numbers
    link_is_correct: Numbers
    themes: NotRequired[Numbers]
    maps: list[MapColumns]


class HeatmapColumns(TypedDict):
    """A part of the similarities; n_queries and n_documents are those of the whole."""

    queries: Numbers
    documents: Numbers
    similarity: Numbers
    is_relevant: Numbers
    n_queries: int
    n_documents: int


class ComparedRun(TypedDict):
    """One run of a comparison; rank and is_correct have one entry a query, in the order of the query table."""

    name: str
    label: str
    metrics: Annotated[Table, Mapping[str, Metric]]
    rank: Numbers
    is_correct: Numbers


class MovedRows(TypedDict):
    """Rows of the query table, the largest change of rank first."""

    gained: Numbers
    lost: Numbers


class CompareSection(TypedDict):
    """Several runs on the same queries.

    runs[0] is the reference, runs[judged] the run that the rest of the page shows; moved has one entry a candidate.
    """

    judged: int
    runs: list[ComparedRun]
    comparisons: Annotated[list[Table], list[Comparison]]
    moved: list[MovedRows]
    type_changes: Annotated[list[Table], list[TypeChange]]
    level_shifts: Annotated[list[Table], list[LevelShift]]
    best: Annotated[Table | None, BestOfMany | None]


class SegmentColumns(TypedDict):
    """From one checkpoint to the next: the change of the metric of the timeline.

    And the rows of the queries that came right at rank 1 or no longer are.
    """

    comparison: Annotated[Table, Comparison]
    gained: Numbers
    lost: Numbers


class TimelineSection(TypedDict):
    """Checkpoints of one training run in the order of their epochs, or runs side by side (unit run).

    Every list has one entry a checkpoint, stretches one fewer; unit is epoch where it is not given. shown is the
    checkpoint that the rest of the page shows; maps hold positions of shape (points, 2); is_correct is of shape
    (checkpoints, queries).
    """

    labels: list[str]
    epochs: list[int]
    shown: int
    metrics: Annotated[Table, Mapping[str, list[Estimate]]]
    violation: Annotated[Table, Mapping[str, list[Estimate]]]
    maps: dict[str, list[Numbers]]
    is_correct: Numbers | None
    note: str | None
    stretches: NotRequired[list[SegmentColumns]]
    unit: NotRequired[Literal["epoch", "run"]]


class ExplanationColumns(TypedDict):
    """What leaving words out does; one row a failure, in the order of report.explanations.failures.

    query indexes the query table, right and wrong the documents of this payload, best the deletions of the row: that
    which helps the right document most, -1 for none. Ragged columns, row i owns values[indptr[i]:indptr[i + 1]]: role
    is 0 for the query, 1 for right, 2 for wrong; start and end count UTF-16 code units of the text, as JavaScript does.
    """

    query: Numbers
    right: Numbers
    wrong: Numbers
    best: Numbers
    indptr: Numbers
    role: Numbers
    start: Numbers
    end: Numbers
    change: Numbers
    puts_right_first: Numbers


class LiveFacts(TypedDict):
    """What a server that answers queries says of itself; similarity is cosine or dot."""

    model: str
    n_documents: int
    max_length: int | None
    similarity: str
    most_query_characters: int
    most_document_characters: int


class LivePlace(TypedDict):
    """Where a document stands in a ranking."""

    score: Finite
    rank: int


class LiveDocument(LivePlace):
    """A document of an answer.

    is_relevant is null where the query is none of the test set; read counts the UTF-16 code units of the text that the
    model reads, null for all.
    """

    row: int
    id: str
    text: str
    n_relevant_to: int
    is_relevant: bool | None
    read: int | None


class LiveRelevant(TypedDict):
    """A relevant document of a query of the test set: now, and under the query as it stands there."""

    document: LiveDocument
    before: LivePlace


class LiveQuery(TypedDict):
    """A query of the test set, and its score with the one that was typed in."""

    id: str
    text: str
    score: Finite


class LiveAnswer(TypedDict):
    """The documents for a query; test_query is the query of the test set that it is, or of which it is another version.

    places has x and y on each map.
    """

    query: str
    read: int | None
    documents: list[LiveDocument]
    test_query: LiveQuery | None
    relevant: list[LiveRelevant]
    nearest: LiveQuery | None
    places: dict[str, Annotated[list[float], "finite"]]


class LiveMoved(TypedDict):
    """Where a document stands as it is, and with its text changed."""

    document: str
    read: int | None
    before: LivePlace
    after: LivePlace


class LiveDeletion(TypedDict):
    """A span that was left out; change is that of the difference first minus second."""

    role: str
    start: int
    end: int
    change: Finite


class LiveWords(TypedDict):
    """What leaving out words of a query and of two documents (right: the first, wrong: the second) does."""

    difference: Finite
    noise: Finite
    unseen: list[str]
    deletions: list[LiveDeletion]


class LivePayload(TypedDict):
    """What the page of a server without a report draws: the live view alone."""

    kind: Literal["embedscope-live"]
    page_version: Literal[1]
    live: LiveFacts


class Payload(TypedDict):
    """What the interactive page of embedscope draws: report.json, and columns beside it."""

    kind: Literal["embedscope-page"]
    page_version: Literal[1]
    report: Annotated[Table, Result]
    types: list[str]
    queries: QueryColumns
    documents: DocumentColumns
    similarity: SimilarityColumns | None
    points: PointColumns | None
    heatmap: HeatmapColumns | None
    explanations: NotRequired[ExplanationColumns | None]
    compare: NotRequired[CompareSection | None]
    timeline: NotRequired[TimelineSection | None]
    live: NotRequired[LiveFacts | None]


class SetsPayload(TypedDict):
    """What the page of several sets draws: their report.json."""

    kind: Literal["embedscope-sets"]
    page_version: Literal[1]
    report: Annotated[Table, SeveralSets]


class PathWords(TypedDict):
    """A path of a migration as every output words it: its name, and what it takes."""

    name: str
    texts: str
    vectors: str
    encodings: str


class MigrationPayload(TypedDict):
    """What the page of a swap of models draws: migration.json, and words for its paths and its cost."""

    kind: Literal["embedscope-migration"]
    page_version: Literal[1]
    report: Annotated[Table, Migration]
    paths: list[PathWords]
    cost: list[str]
