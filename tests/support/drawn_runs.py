"""Synthetic findings whose columns agree with one another, for tests of what is drawn."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from embedscope.protocols import Role
from embedscope.result import (
    DataFacts,
    Distribution,
    DocumentTable,
    Estimate,
    Example,
    ExampleKind,
    Heatmap,
    MapLayout,
    ModelFacts,
    NegativeType,
    Points,
    QueryTable,
    Result,
    Similarity,
    Verdict,
    VerdictOutcome,
)

TOPICS = (
    "quiet studio with a balcony near the central library, third floor, lift",
    "phòng nhỏ có cửa sổ lớn, gần chợ, giờ giấc tự do, không chung chủ",
    "带阳台的安静公寓，靠近地铁站，三楼有电梯，可以养猫",
    "شقة هادئة مع شرفة قريبة من المكتبة المركزية، الطابق الثالث",
    "🏠 two rooms 👨‍👩‍👧‍👦 garden 🌳 parking 🚗 pets welcome 🐈 👍🏽",
    "駅から徒歩五分のワンルーム、南向き、家具付き",
    "도서관 근처 조용한 원룸, 엘리베이터 있음",
    "chambre meublée près de la gare, loyer charges comprises",
)
HOSTILE = (
    r"$\frac{",
    "_^ $x_1^2$ _leading underscore",
    "line one\nline two\r\n\ttabbed\x00\x07",
    "\u202eoverridden right to left\u202c",
    "a" * 5_000,
    "e" + "\u0301" * 200,
    "\ue000\U0010ffff private use",
    "",
    "   ",
    "<b>&amp;</b> % \\ {} #",
)
TYPES = ("location", "price", "room type", "negation", "số tầng")
K = 10


@dataclass(frozen=True)
class _World:
    """Similarities of every query to every document, and who is what to whom."""

    similarity: np.ndarray  # (Q, N)
    positive: np.ndarray  # (Q,) the one relevant document of each query
    negatives: np.ndarray  # (Q, H) its hard negatives
    types: np.ndarray  # (Q, H) indices into TYPES
    query_xy: np.ndarray
    document_xy: np.ndarray


def make_findings(
    n_queries: int = 60,
    *,
    n_positives: int | None = None,
    n_hard_negatives: int = 4,
    difficulty: float = 0.35,
    texts: tuple[str, ...] = TOPICS,
    n_examples: int = 4,
    with_extra_documents: bool = False,
    seed: int = 0,
) -> Result:
    """Findings of ``n_queries`` queries with one relevant document each.

    ``difficulty`` is the standard deviation of the similarities: 0.01 makes every query right, 2 nearly all wrong.
    ``n_hard_negatives`` is per query; 0 gives a data set without hard negatives.
    """
    rng = np.random.default_rng(seed)
    n_positives = n_positives or max(1, n_queries // 2)
    world = _world(rng, n_queries, n_positives, n_hard_negatives, difficulty, 20 if with_extra_documents else 0)
    queries = _query_table(world, texts)
    n_documents = world.similarity.shape[1]
    documents = DocumentTable(
        ids=tuple(f"d{d}" for d in range(n_documents)),
        texts=tuple(f"{texts[d % len(texts)]} ({d})" if texts is TOPICS else texts[d % len(texts)]
                    for d in range(n_documents)),
        n_relevant_to=np.bincount(world.positive, minlength=n_documents),
        n_negative_of=np.bincount(world.negatives.ravel(), minlength=n_documents),
    )  # fmt: skip
    points = _points(world, queries, n_positives)
    return Result(
        data=_data_facts(n_queries, n_documents, n_positives, world.negatives.size),
        model=ModelFacts(checkpoint="synthetic.pt", layout="none", dim=2),
        similarity=_similarity(world),
        metrics={},
        negative_types=_negative_types(world, queries),
        queries=queries,
        documents=documents,
        points=points,
        maps={name: _layout(name, world) for name in ("tsne", "umap")},
        maps_absent={},
        heatmap=_heatmap(world),
        examples=_examples(queries, n_examples),
        clustering=Estimate(0.9, 0.85, 0.94),
        tie_tolerance=1e-6,
        seed=seed,
        checklist=(),
        verdict=Verdict(VerdictOutcome.UNDECIDED, "none", "nothing was checked", ()),
    )


def _world(
    rng: np.random.Generator, n_queries: int, n_positives: int, n_hard: int, difficulty: float, n_extra: int
) -> _World:
    n_pool = min(3 * n_queries, 2_000) if n_hard else 0
    n_documents = n_positives + max(n_pool, n_hard) + n_extra
    positive = np.arange(n_queries) % n_positives
    negatives = n_positives + (np.arange(n_queries)[:, None] * max(n_hard, 1) + np.arange(n_hard)) % max(
        n_pool, n_hard, 1
    )
    similarity = rng.normal(0.25, 0.12 * difficulty / 0.35, size=(n_queries, n_documents))
    rows = np.arange(n_queries)
    if n_hard:
        similarity[rows[:, None], negatives] = rng.normal(0.55, 0.1 * difficulty / 0.35, size=negatives.shape)
    similarity[rows, positive] = rng.normal(0.78, 0.09 * difficulty / 0.35, size=n_queries)
    centres = rng.normal(scale=20, size=(n_positives, 2))
    document_xy = rng.normal(scale=22, size=(n_documents, 2))
    document_xy[:n_positives] = centres
    if n_hard:
        document_xy[negatives.ravel()] = centres[np.repeat(positive, n_hard)] + rng.normal(
            scale=4, size=(negatives.size, 2)
        )
    return _World(
        similarity=np.clip(similarity, -0.99, 0.99),
        positive=positive,
        negatives=negatives.astype(np.int64),
        types=rng.integers(0, len(TYPES), size=negatives.shape),
        query_xy=centres[positive] + rng.normal(scale=2, size=(n_queries, 2)),
        document_xy=document_xy,
    )


def _query_table(world: _World, texts: tuple[str, ...]) -> QueryTable:
    similarity = world.similarity
    n_queries, n_documents = similarity.shape
    rows = np.arange(n_queries)
    positive = similarity[rows, world.positive]
    rank = 1.0 + (similarity > positive[:, None]).sum(axis=1)
    order = np.argsort(-similarity, axis=1, kind="stable")
    top = order[:, :K]
    wrong = np.where(order[:, 0] == world.positive, order[:, min(1, n_documents - 1)], order[:, 0])
    has_negatives = world.negatives.shape[1] > 0
    negative_scores = np.take_along_axis(similarity, world.negatives, axis=1)
    best_negative = negative_scores.max(axis=1) if has_negatives else np.full(n_queries, np.nan)
    top_scores = np.take_along_axis(similarity, top, axis=1)
    n_hard = world.negatives.shape[1]
    return QueryTable(
        ids=tuple(f"q{q}" for q in rows),
        texts=tuple(texts[q % len(texts)] for q in rows),
        clusters=world.positive.astype(np.int64),
        n_relevant=np.ones(n_queries, dtype=np.int64),
        rank=rank,
        n_tied=np.zeros(n_queries, dtype=np.int64),
        is_correct=rank == 1,
        positive_similarity=positive,
        negative_similarity=best_negative,
        margin=positive - best_negative,
        gap=top_scores[:, 0] - top_scores[:, min(1, top.shape[1] - 1)],
        wrong_document=wrong,
        wrong_similarity=similarity[rows, wrong],
        wrong_type=tuple("" for _ in rows),
        top_documents=top.astype(np.int64),
        top_scores=top_scores.astype(np.float32),
        top_is_relevant=top == world.positive[:, None],
        relevant_indptr=np.arange(n_queries + 1, dtype=np.int64),
        relevant_documents=world.positive.astype(np.int64),
        relevant_scores=positive,
        negative_indptr=np.arange(n_queries + 1, dtype=np.int64) * n_hard,
        negative_documents=world.negatives.ravel(),
        negative_scores=negative_scores.ravel(),
        negative_weights=np.ones(world.negatives.size),
        negative_types=tuple((TYPES[t],) for t in world.types.ravel()),
    )


def _similarity(world: _World) -> Similarity:
    edges = np.linspace(-1, 1, 401)
    rows = np.arange(len(world.positive))
    is_positive = np.zeros(world.similarity.shape, dtype=bool)
    is_positive[rows, world.positive] = True
    positive, negative = world.similarity[is_positive], world.similarity[~is_positive]
    hard = np.take_along_axis(world.similarity, world.negatives, axis=1).ravel()
    if not negative.size:
        negative = np.array([0.1])
    margin = float(positive.mean() - negative.mean())
    return Similarity(
        edges=edges,
        positive=_distribution(positive, edges),
        negative=_distribution(negative, edges),
        hard_negative=_distribution(hard, edges) if hard.size else None,
        margin=Estimate(margin, margin - 0.02, margin + 0.02),
        separation=Estimate(2.4, 2.2, 2.6),
        auc=Estimate(0.97, 0.96, 0.98),
        overlap=Estimate(0.11),
        d_prime=Estimate(3.1),
        diagonal=Estimate(float(positive.mean())),
        off_diagonal=Estimate(float(negative.mean())),
        gap=Estimate.absent("not measured here"),
    )


def _distribution(values: np.ndarray, edges: np.ndarray) -> Distribution:
    levels = (0.05, 0.25, 0.5, 0.75, 0.95)
    return Distribution(
        n=values.size,
        mean=float(values.mean()),
        std=float(values.std()),
        quantiles={str(level): float(np.quantile(values, level)) for level in levels},
        density=np.histogram(values, bins=edges, density=True)[0],
    )


def _negative_types(world: _World, queries: QueryTable) -> dict[str, NegativeType]:
    scores = np.take_along_axis(world.similarity, world.negatives, axis=1)
    margins = queries.positive_similarity[:, None] - scores + 0.04 * world.types  # types differ in difficulty
    found = {}
    for number, name in enumerate(TYPES):
        own = margins[world.types == number]
        if not own.size:
            continue
        rate = float((own <= 0).mean())
        found[name] = NegativeType(
            name=name,
            n=own.size,
            n_queries=min(own.size, len(queries.ids)),
            violation_rate=Estimate(rate, max(0.0, rate - 0.05), min(1.0, rate + 0.05)),
            margin=Estimate(float(own.mean()), float(own.mean()) - 0.02, float(own.mean()) + 0.02),
            mean_weight=1.0,
            margins=own,
            similarity=_distribution(scores[world.types == number], np.linspace(-1, 1, 401)),
        )
    return found


def _points(world: _World, queries: QueryTable, n_positives: int) -> Points:
    n_queries, n_documents = world.similarity.shape
    is_negative = np.isin(np.arange(n_documents), world.negatives)
    document_roles = tuple(
        Role.POSITIVE if d < n_positives else Role.HARD_NEGATIVE if is_negative[d] else Role.DOCUMENT
        for d in range(n_documents)
    )
    n_points = n_queries + n_documents
    return Points(
        roles=(Role.QUERY,) * n_queries + document_roles,
        rows=np.concatenate([np.arange(n_queries), np.arange(n_documents)]),
        link_queries=np.arange(n_queries),
        link_documents=n_queries + world.positive,
        link_is_correct=queries.is_correct,
        neighbor_ids=(np.arange(n_points)[:, None] + np.arange(1, 6)) % n_points,
        neighbor_distances=np.tile(np.linspace(0.1, 0.5, 5, dtype=np.float32), (n_points, 1)),
        n_left_out=0,
    )


def _layout(name: str, world: _World) -> MapLayout:
    xy = np.vstack([world.query_xy, world.document_xy]).astype(np.float32)
    return MapLayout(name, xy, 0.953, 0.931, 15, np.full(len(xy), 0.6, dtype=np.float32), 1.2, {"perplexity": 30})


def _heatmap(world: _World) -> Heatmap:
    n_queries, n_positives = len(world.positive), len(np.unique(world.positive))
    documents = np.arange(min(40, n_positives))
    queries = np.flatnonzero(np.isin(world.positive, documents))[:40]
    queries = queries[np.argsort(world.positive[queries], kind="stable")]
    return Heatmap(
        queries=queries,
        documents=documents,
        similarity=world.similarity[np.ix_(queries, documents)].astype(np.float32),
        is_relevant=world.positive[queries][:, None] == documents,
        n_queries=n_queries,
        n_documents=n_positives,
    )


def _examples(queries: QueryTable, n: int) -> tuple[Example, ...]:
    by_rank = np.argsort(-queries.rank, kind="stable")
    wanted = [
        (int(by_rank[0]), ExampleKind.WORST_FAILURE),
        (int(by_rank[len(by_rank) // 8]), ExampleKind.NEAR_MISS),
        (int(by_rank[-1]), ExampleKind.SUCCESS),
        (0, ExampleKind.ASKED),
        (int(by_rank[len(by_rank) // 5]), ExampleKind.NEAR_MISS),
        (int(by_rank[-2 % len(by_rank)]), ExampleKind.SUCCESS),
    ]
    return tuple(Example(query, kind) for query, kind in wanted[:n])


def _data_facts(n_queries: int, n_documents: int, n_positives: int, n_hard: int) -> DataFacts:
    return DataFacts(
        format="synthetic",
        n_rows=n_queries,
        n_queries=n_queries,
        n_queries_available=n_queries,
        n_documents=n_documents,
        n_relevant_documents=n_positives,
        n_hard_negatives=n_hard,
        n_clusters=n_positives,
        n_effective=float(n_positives),
        n_duplicate_queries=0,
        n_duplicate_documents=0,
        n_queries_without_relevant=0,
    )
