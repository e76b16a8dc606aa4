"""A collection and its embeddings to findings, step by step."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

import numpy as np

from embedscope.data.collection import Collection, digest
from embedscope.diagnose.examples import choose_examples
from embedscope.diagnose.leakage import measure_leakage
from embedscope.errors import InvalidEmbeddingsError
from embedscope.maps import MapsToCome, NeighborGraph
from embedscope.maps.map_points import PointChoice, choose_points
from embedscope.measure.heatmap import choose_heatmap
from embedscope.measure.negatives import measure_types, measure_weights
from embedscope.measure.options import DEFAULTS, PRIMARY_MEASURES, Options
from embedscope.measure.projections import PURPOSE, projected_spaces
from embedscope.measure.query_set import Judged
from embedscope.measure.query_tables import document_table, query_table
from embedscope.measure.rank_metrics import measure_metrics
from embedscope.measure.scoring import Scores, lexical_values, rank_values, score, values_of
from embedscope.measure.similarity import measure_similarity
from embedscope.measure.typed_negatives import NegativePairs
from embedscope.metrics.judgments import Judgments
from embedscope.metrics.vectors import score_pairs
from embedscope.models.embed import Embeddings
from embedscope.protocols import Float32Array, Float64Array, IntArray, ProgressCallback, Role
from embedscope.result import DataFacts, Estimate, Metric, Points, Power, QueryTable, Result
from embedscope.stats.power import design_effect, minimum_detectable_difference
from embedscope.stats.resampler import holm_over

MAP_NAMES = {"tsne": "t-SNE", "umap": "UMAP"}

N_NEIGHBORS_KEPT = 15
"""Neighbours of each point that points.parquet and the map-quality figures use."""


def analyse(
    collection: Collection,
    embeddings: Embeddings,
    *,
    options: Options = DEFAULTS,
    base: Embeddings | None = None,
    baselines: Mapping[str, Embeddings] | None = None,
    train: tuple[str, Collection] | None = None,
    say: Callable[[str], None] = lambda text: None,
    progress: ProgressCallback | None = None,
) -> Result:
    """Everything that one run measures.

    Parameters
    ----------
    collection : Collection
    embeddings : Embeddings
        Unit rows in the order of ``collection.queries`` and ``collection.documents``, and what made them.
    options : Options
    base : Embeddings, optional
        The same texts under the base model without its head: a baseline, and the source of the PCA and random
        projections that a head is held against.
    baselines : mapping of name to Embeddings, optional
        Other runs on the same texts to be compared with, such as the previous checkpoint.
    train : (name, Collection), optional
        The training file, for the leakage check.
    say : callable, optional
        Is told each step in one line.
    progress : ProgressCallback, optional
        Is told how far the pass over the documents has come.

    Raises
    ------
    TooFewPointsError
        If fewer than two queries have a relevant document, no document is irrelevant, or a map is asked for of too
        few points.
    InvalidEmbeddingsError
        If the vectors do not fit the collection.
    InvalidOptionError
        If a query that was asked for is not there, or an option is out of range.
    """
    result, maps = begin_analysis(
        collection,
        embeddings,
        options=options,
        base=base,
        baselines=baselines,
        train=train,
        say=say,
        progress=progress,
    )
    return with_maps(result, maps)


def with_maps(result: Result, maps: MapsToCome | None) -> Result:
    """The findings with the maps that were begun beside them, as soon as they are laid out.

    Raises
    ------
    TooFewPointsError
        If a map was asked for of too few points.
    """
    if maps is None:
        return result
    layouts, absent = maps.wait()
    return replace(result, maps=layouts, maps_absent=absent)


def begin_analysis(
    collection: Collection,
    embeddings: Embeddings,
    *,
    options: Options = DEFAULTS,
    base: Embeddings | None = None,
    baselines: Mapping[str, Embeddings] | None = None,
    train: tuple[str, Collection] | None = None,
    say: Callable[[str], None] = lambda text: None,
    progress: ProgressCallback | None = None,
) -> tuple[Result, MapsToCome | None]:
    """What ``analyse`` gives, without the maps: these are being laid out when it returns, for ``with_maps`` to add."""
    _check_shapes(collection, embeddings)
    judged = Judged.of(collection, options)
    judged_rows, judgments, resampler = judged.rows, judged.judgments, judged.resampler
    queries, documents = embeddings.queries[judged_rows], embeddings.documents
    clusters = resampler.clusters

    say(f"Scoring {len(queries):,} queries against {len(documents):,} documents")
    kept = options.k + min(int(judgments.n_relevant.max()), 90)
    scores = score(
        queries,
        documents,
        judgments,
        k=kept,
        tolerance=options.tie_tolerance,
        device=options.device,
        progress=progress,
    )
    values = values_of(options.measures, judgments, scores.pair_scores, scores.counts)
    negatives = negative_pairs_of(collection, judged_rows, queries, documents, scores)
    table = query_table(collection, judged_rows, scores, negatives, values, clusters, options.k)
    points, maps = _begin_maps(table, queries, documents, options, say)
    others, references = _baselines(collection, judged_rows, judgments, base, baselines or {}, embeddings, options)

    say(f"Intervals from {options.n_draws:,} resamples of {len(np.unique(clusters)):,} independent groups of queries")
    metrics = measure_metrics(
        options.measures, scores, values, resampler, lexical=others.get("lexical"), base=others.get("base")
    )
    compared = holm_over(
        resampler.compare(embeddings.facts.checkpoint, values, others, PRIMARY_MEASURES), PRIMARY_MEASURES
    )
    similarity = measure_similarity(queries, documents, scores, negatives, resampler)
    types = {} if negatives is None else measure_types(negatives, resampler, similarity.edges, options.tie_tolerance)
    weights = {} if negatives is None else measure_weights(negatives, resampler, options.tie_tolerance)

    found = Result(
        data=_facts(collection, len(judged_rows), clusters),
        model=embeddings.facts,
        similarity=similarity,
        metrics=metrics,
        negative_types=types,
        queries=table,
        documents=document_table(collection, judgments, negatives),
        points=points,
        maps={},
        maps_absent={},
        heatmap=choose_heatmap(
            queries,
            documents,
            judgments.indptr,
            judgments.documents,
            n_cells=options.heatmap_cells,
            generator=options.generator("heatmap"),
        ),
        examples=choose_examples(table, n=options.n_examples, asked=options.asked),
        clustering=clustering_of(metrics),
        tie_tolerance=options.tie_tolerance,
        seed=options.seed,
        comparisons=compared,
        references=references,
        weights=weights,
        leakage=None if train is None else measure_leakage(collection, train[1], train_name=train[0]),
        power=power_of(values["MRR"], clusters, others.get("base", others.get("lexical"))),
    )
    return found, maps


def _check_shapes(collection: Collection, embeddings: Embeddings) -> None:
    for what, texts, rows in (
        ("query", collection.queries, embeddings.queries),
        ("document", collection.documents, embeddings.documents),
    ):
        if rows.ndim != 2 or len(rows) != len(texts):
            raise InvalidEmbeddingsError(
                f"Expected one {what} vector for each of the {len(texts):,} distinct {what} texts; got an array of "
                f"shape {rows.shape}. Encode the texts of this collection in its order."
            )


def _baselines(
    collection: Collection,
    rows: IntArray,
    judgments: Judgments,
    base: Embeddings | None,
    baselines: Mapping[str, Embeddings],
    embeddings: Embeddings,
    options: Options,
) -> tuple[dict[str, dict[str, Float64Array]], dict[str, dict[str, float]]]:
    """Per-query values of what the model is compared with, and mean values of what only stands beside it."""
    tolerance, measures = options.tie_tolerance, options.measures
    compared: dict[str, dict[str, Float64Array]] = {}
    if options.lexical:
        texts = [collection.queries[row] for row in rows]
        compared["lexical"] = lexical_values(texts, collection.documents, judgments, measures, tolerance=tolerance)
    runs = {**({} if base is None else {"base": base}), **baselines}
    for name, run in runs.items():
        compared[name] = rank_values(
            run.queries[rows], run.documents, judgments, measures, tolerance=tolerance, device=options.device
        )
    references = {name: {m: float(np.nanmean(v)) for m, v in compared[name].items()} for name in baselines}
    width = embeddings.documents.shape[1]
    spaces = {} if base is None else projected_spaces(base, rows, width, options.generator(PURPOSE))
    for name, (left, right) in spaces.items():
        found = rank_values(left, right, judgments, measures, tolerance=tolerance, device=options.device)
        references[name] = {m: float(np.nanmean(v)) for m, v in found.items()}
    return compared, references


def negative_pairs_of(
    collection: Collection, rows: IntArray, queries: Float32Array, documents: Float32Array, scores: Scores
) -> NegativePairs | None:
    """Hard negatives of the judged queries with their similarities and margins; None where the data has none."""
    place = np.full(len(collection.queries), -1, dtype=np.int64)
    place[rows] = np.arange(len(rows))
    own = place[collection.negatives.queries]
    kept = np.flatnonzero(own >= 0)
    if not kept.size:
        return None
    q, d = own[kept], collection.negatives.documents[kept]
    best_positive = np.maximum.reduceat(scores.pair_scores, scores.judgments.indptr[:-1])
    similarities = score_pairs(queries, documents, q, d)
    return NegativePairs(
        queries=q,
        documents=d,
        scores=similarities,
        margins=best_positive[q] - similarities,
        weights=collection.negatives.weights[kept],
        types=tuple(collection.negatives.types[row] for row in kept),
    )


def choose_map_points(table: QueryTable, n_documents: int, options: Options) -> PointChoice:
    """The queries and documents that stand on the maps of these findings."""
    return choose_points(
        len(table.texts),
        n_documents,
        table.relevant_indptr,
        table.relevant_documents,
        table.negative_documents,
        table.is_correct,
        budget=options.map_budget,
        generator=options.generator("map points"),
    )


def point_vectors(choice: PointChoice, queries: Float32Array, documents: Float32Array) -> Float32Array:
    """Vectors of the points, shape (M, dim): judged queries first, then documents."""
    n_queries = sum(role is Role.QUERY for role in choice.roles)
    return np.concatenate([queries[choice.rows[:n_queries]], documents[choice.rows[n_queries:]]])


def points_of(choice: PointChoice, graph: NeighborGraph) -> Points:
    """The points with their nearest neighbours in the original space."""
    return Points(
        roles=choice.roles,
        rows=choice.rows,
        link_queries=choice.link_queries,
        link_documents=choice.link_documents,
        link_is_correct=choice.link_is_correct,
        neighbor_ids=graph.indices[:, :N_NEIGHBORS_KEPT],
        neighbor_distances=graph.distances[:, :N_NEIGHBORS_KEPT],
        n_left_out=choice.n_left_out,
    )


def _begin_maps(
    table: QueryTable,
    queries: Float32Array,
    documents: Float32Array,
    options: Options,
    say: Callable[[str], None],
) -> tuple[Points | None, MapsToCome | None]:
    """The points, and their maps to come. The neighbour graph is made once for both maps."""
    if not options.maps:
        return None, None
    from embedscope import maps as projection

    choice = choose_map_points(table, len(documents), options)
    rows = point_vectors(choice, queries, documents)
    width = projection.graph_size(len(rows), perplexity=options.perplexity)
    kinds = np.unique([str(role) for role in choice.roles], return_inverse=True)[1].astype(np.int64)
    graph = projection.neighbor_graph(rows, width, strata=kinds, seed=options.seed)
    say(f"Laying out {' and '.join(MAP_NAMES[name] for name in options.maps)} of {len(rows):,} points")
    maps = projection.begin_maps(
        options.maps, rows, graph, seed=options.seed, perplexity=options.perplexity, device=options.device, say=say
    )
    return points_of(choice, graph), maps


def clustering_of(metrics: Mapping[str, Metric]) -> Estimate:
    """Share of queries with a relevant document among their 10 nearest documents in the original space."""
    metric = metrics.get("Success@10")
    if metric is None:
        return Estimate.absent("Success@10 was not computed")
    return Estimate(metric.value, metric.low, metric.high)


def power_of(ours: Float64Array, clusters: IntArray, other: Mapping[str, Float64Array] | None) -> Power:
    """What a paired MRR difference on these queries could show, from the spread of the difference to a baseline."""
    spread = ours if other is None else ours - other["MRR"]
    return Power(
        metric="MRR",
        n_clusters=len(np.unique(clusters)),
        design_effect=design_effect(ours, clusters),
        minimum_detectable=minimum_detectable_difference(spread, clusters),
    )


def _facts(collection: Collection, n_queries: int, clusters: IntArray) -> DataFacts:
    return DataFacts(
        format=collection.format,
        n_rows=collection.n_rows,
        n_queries=n_queries,
        n_queries_available=collection.n_queries_available,
        n_documents=len(collection.documents),
        n_relevant_documents=len(np.unique(collection.relevant)),
        n_hard_negatives=len(collection.negatives.queries),
        n_clusters=len(np.unique(clusters)),
        n_duplicate_queries=collection.n_duplicate_queries,
        n_duplicate_documents=collection.n_duplicate_documents,
        n_queries_without_relevant=len(collection.queries) - n_queries,
        contradictions=collection.contradictions,
        warnings=collection.warnings,
        digest=digest(collection),
    )
