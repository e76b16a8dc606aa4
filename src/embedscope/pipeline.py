"""One run, from settings to a result: read, embed, rank, map, measure, diagnose, decide.

`run` is the only composition of a run. The command line, the notebook, the evaluator of a training, the demo and the
comparison of several runs all call it, or `result_of` where the vectors are there already.
"""

from __future__ import annotations

import time
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from os import PathLike
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from embedscope import maps
from embedscope.attribute_packs import load_pack
from embedscope.beside import HERE, Beside
from embedscope.data.collection import Collection, columns_line, describe, ranking_own, sample_queries
from embedscope.data.readers import read_collection
from embedscope.data.readers.objects import describe_object
from embedscope.data.runs import describe_run
from embedscope.decide.criteria import load_criteria, metrics_compared, metrics_for
from embedscope.decide.verdict import judge
from embedscope.diagnose.examination import Examination, Examined, Measured, perturbations_of
from embedscope.diagnose.examples import choose_examples
from embedscope.diagnose.explaining import explain, require_explainable
from embedscope.diagnose.failure_modes import FailureModes, classify_failures
from embedscope.diagnose.findings import find_faults
from embedscope.diagnose.leakage import measure_leakage
from embedscope.diagnose.losses import Losses
from embedscope.diagnose.minimal_pairs import ignored_values
from embedscope.diagnose.model_faults import fragile_queries
from embedscope.diagnose.second_opinion import Scorer
from embedscope.diagnose.themes import TextVectors, ThemeLevel, find_themes
from embedscope.diagnose.word_faults import deciding_word_findings
from embedscope.errors import InvalidOptionError
from embedscope.kept import NOTHING_KEPT, KeptResults
from embedscope.log import SILENT, Log
from embedscope.maps import KeptMaps
from embedscope.maps.label_points import label_point
from embedscope.maps.map_points import points_of_run
from embedscope.measure.bm25 import is_of_bm25
from embedscope.measure.geometry import BASE, MODEL, Space
from embedscope.measure.heatmap import choose_heatmap
from embedscope.measure.lexical import LexicalValues
from embedscope.measure.negatives import measure_types, measure_weights
from embedscope.measure.projections import projected_spaces
from embedscope.measure.query_set import QuerySet
from embedscope.measure.rank_metrics import PRIMARY_METRICS, measure_metrics, power_of
from embedscope.measure.ranked import Ranked, facts_of, rank
from embedscope.measure.same_data import require_same_data, unequal_depths
from embedscope.measure.scoring import bound_of, rank_values, values_of_lists
from embedscope.measure.similarity import DocumentSummary, measure_similarity
from embedscope.metrics.norms import directions_of
from embedscope.metrics.ranked_lists import RankedLists
from embedscope.models.embed import Embeddings, text_encoder
from embedscope.models.token_lengths import long_texts, read_ends
from embedscope.output.notebook.shown_result import ShownResult, tables_of
from embedscope.protocols import NO_ATTRIBUTES, AttributeReader, Float32Array, Float64Array, IntArray, Role
from embedscope.result import (
    MAP_NAMES,
    NO_VECTORS,
    Check,
    Criteria,
    DataFacts,
    Diagnosed,
    Estimate,
    Explanations,
    Finding,
    MapLayout,
    Mapped,
    ModelFacts,
    Points,
    Scored,
    Theme,
    Verdict,
    extended,
    saved_run,
)
from embedscope.result.formatting import MAP_BY_DIRECTION
from embedscope.result.saved_run import is_run_folder
from embedscope.settings import Settings, SimilarityFunction
from embedscope.stats.resampler import Stream, holm_over
from embedscope.systems import Embedded, Loader, System, checkpoint_of, embed, require_encoder, require_there

NOT_ASKED_FOR = "not asked for"

MOST_SENT = 100_000
"""Queries and documents up to which another process is sent their texts: of more, both would hold much at once."""

OnStage = Callable[[Scored], None]
T = TypeVar("T")
Pending = Callable[[], T]
"""Gives a value that something else may be computing meanwhile."""


def run(
    settings: Settings | None = None, log: Log = SILENT, *, on_stage: OnStage = lambda stage: None, **options: Any
) -> ShownResult:
    """Everything that one run finds, and the verdict.

    Parameters
    ----------
    settings : Settings, optional
        The defaults are those of ``embedscope visualize``.
    log : Log
        Is told each step.
    on_stage : callable
        Is given what was scored, then what was diagnosed, as soon as each is there.
    **options
        Single settings by name, over ``settings``: ``run(checkpoint="best.pt", data="test.json", seed=7)``. ``data``
        and ``train`` may be objects that `read_collection` takes: a data frame, a list of rows, a `Collection`; ``run``
        one that `load_lists` takes: a dict, a table, a function.

    Raises
    ------
    InputError
        If the data, the model or an option cannot be used; nothing has been written.
    """
    options, objects = objects_apart(options)
    return run_on((settings or Settings()).with_options(**options), objects, log, on_stage=on_stage)


def run_on(
    settings: Settings,
    objects: Mapping[str, Any],
    log: Log = SILENT,
    *,
    on_stage: OnStage = lambda stage: None,
    loader: Loader | None = None,
    beside: Beside = HERE,
) -> ShownResult:
    """`run` of settings whose data sets may be ``objects``, by option; ``loader`` stands for `load`.

    ``beside`` is where words are counted while the run goes on.
    """
    started = time.perf_counter()
    chosen, criteria, reader = with_criteria(settings)
    name, kept = checked_name(chosen, reader), KeptResults.of(chosen, log.warn)
    require_there([name, *filter(None, [chosen.model.baseline])], chosen)
    collection = read(chosen, log, objects.get("data"))
    require_column(chosen.maps.color_by, collection)
    training = TrainingFile.of(chosen, log, objects.get("train"))
    embedded = embed(name, collection, chosen, log, objects.get("run"), loader)
    return result_of(
        collection,
        embedded,
        chosen,
        criteria=criteria,
        attributes=reader,
        training=training,
        log=log,
        on_stage=on_stage,
        started=started,
        kept=kept,
        beside=beside,
    )


def with_criteria(settings: Settings) -> tuple[Settings, Criteria, AttributeReader]:
    """The settings with the metrics that the criteria ask for, the criteria, and the pack."""
    criteria, reader = load_criteria(settings.measure.criteria), load_pack(settings.measure.attributes)
    return with_metrics_of(criteria, settings), criteria, reader


def checked_name(settings: Settings, reader: AttributeReader) -> str:
    """What to measure; ``InvalidOptionError``, before any work, where an option has no use or cannot be followed."""
    name, baseline = checkpoint_of(settings), settings.model.baseline
    require_encoder([name] if baseline is None or is_run_folder(baseline) else [name, baseline], settings)
    perturbations_of(settings, reader)
    require_explainable(settings)
    return name


def with_metrics_of(criteria: Criteria, settings: Settings) -> Settings:
    """The settings with every rank metric and paired difference that the criteria ask for, and the verdict needs.

    Raises InvalidOptionError if a metric that the settings name is none.
    """
    compared = dict.fromkeys((*settings.measure.compared, *metrics_compared(criteria)))
    return settings.with_options(metrics=metrics_for(criteria, settings.measure.metrics), compared=tuple(compared))


# --- read and embed -----------------------------------------------------------------------------------------------


def objects_apart(options: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """The options with the kind of object in place of each data set or run that is one, and those objects by option."""
    describe = {"data": describe_object, "train": describe_object, "run": describe_run}
    objects = {
        name: options[name]
        for name in describe
        if options.get(name) is not None and not isinstance(options[name], str | PathLike)
    }
    return {**options, **{name: describe[name](found) for name, found in objects.items()}}, objects


def read(settings: Settings, log: Log = SILENT, data_object: Any = None) -> Collection:
    """The data set, sampled as asked; what it holds is said before the long work begins.

    ``data_object`` is the data set itself, where the settings do not name a file.

    Raises
    ------
    InvalidOptionError
        If no data set is named.
    DataFormatError
        If it cannot be read.
    """
    data = settings.data
    if data.data is None:
        raise InvalidOptionError("Pass --data: the queries, positives and hard negatives to measure with.")
    collection = read_collection(data.data if data_object is None else data_object, **data.reading)
    if data.keep_self:
        collection = ranking_own(collection)
    sampled = sample_queries(collection, data.max_samples, np.random.default_rng(settings.measure.seed))
    describe(sampled, data.data, log)
    return sampled


def require_column(name: str | None, collection: Collection) -> None:
    """Refuse a column that the data set does not state for its queries; None is no column."""
    known = [*(["group"] if collection.groups else []), *collection.metadata]
    if name is not None and name not in known:
        stated = f"Known are {', '.join(known)}." if known else "It states none beside texts and labels."
        raise InvalidOptionError(
            f"--color-by: there is no column '{name}' of the queries in this data set. {stated} "
            f"--columns metadata=NAME keeps a column of a file of rows."
        )


@dataclass(frozen=True, slots=True)
class TrainingFile:
    """What the model was trained on, for the leakage check."""

    name: str
    collection: Collection

    @classmethod
    def of(cls, settings: Settings, log: Log, data_object: Any = None) -> TrainingFile | None:
        """The training file of the settings, whose columns ``log`` is told; None where none is named.

        ``data_object`` is the data set itself.
        """
        own = settings.data
        if own.train is None:
            return None
        data = own.train if data_object is None else data_object
        read = read_collection(data, columns=own.columns, group=own.group, drop_empty=True, allow_missing=True)
        name = Path(own.train).name
        if read.columns:
            log.fact("", f"columns of {name}: {columns_line(read.columns)}")
        return cls(name, read)


# --- from vectors to a result -------------------------------------------------------------------------------------


def result_of(
    collection: Collection,
    embedded: Embedded,
    settings: Settings,
    *,
    criteria: Criteria | None = None,
    attributes: AttributeReader | None = None,
    training: TrainingFile | None = None,
    log: Log = SILENT,
    on_stage: OnStage = lambda stage: None,
    started: float | None = None,
    kept: KeptResults = NOTHING_KEPT,
    beside: Beside = HERE,
) -> ShownResult:
    """The result of a collection that is embedded already; its time counts from ``started``, by default from now.

    What ``kept`` has of earlier runs is not computed again; words are counted ``beside``.

    Raises
    ------
    TooFewPointsError
        If fewer than two queries have a relevant document, no document is irrelevant, or a map has too few points.
    InvalidEmbeddingsError
        If the vectors do not fit the collection.
    InvalidOptionError
        If a query that was asked for is not there, or an option is out of range.
    """
    started = time.perf_counter() if started is None else started
    criteria = load_criteria(settings.measure.criteria) if criteria is None else criteria
    settings = with_metrics_of(criteria, settings)
    attributes = load_pack(settings.measure.attributes) if attributes is None else attributes
    query_set = QuerySet.of(collection, seed=settings.measure.seed, draws=settings.measure.draws)
    log.step(f"Scoring {len(query_set.rows):,} queries against {len(collection.documents):,} documents")
    with log.progress("Scoring", unit="documents") as progress:
        ranked = rank(collection, embedded.system, query_set, settings, progress)
    beside = beside if len(ranked.texts.queries) + len(ranked.texts.documents) <= MOST_SENT else HERE
    lexical = begin_lexical(embedded, ranked, settings, kept, beside)
    modes = begin_failure_modes(collection, embedded, ranked, attributes, kept, beside)
    points, layouts = begin_maps(ranked, settings, log, kept=kept)
    # What needs no counted words comes first where a second process counts them meanwhile.
    themes = themes_of(ranked, settings, kept) if beside.is_elsewhere else None
    scored = measure(collection, embedded, ranked, settings, training=training, log=log, kept=kept, lexical=lexical)
    on_stage(scored)
    themes = themes_of(ranked, settings, kept) if themes is None else themes
    diagnosed = diagnose(
        scored, collection, embedded, ranked, settings,
        themes=themes, attributes=attributes, log=log, kept=kept, modes=modes,
    )  # fmt: skip
    on_stage(diagnosed)
    mapped = with_maps(diagnosed, points, layouts, themes)
    kept.tell(log.step)
    return decide(mapped, settings, criteria, started=started)


def measure(
    collection: Collection,
    embedded: Embedded,
    ranked: Ranked,
    settings: Settings,
    *,
    training: TrainingFile | None = None,
    log: Log = SILENT,
    kept: KeptResults = NOTHING_KEPT,
    lexical: Pending[LexicalValues | None] | None = None,
) -> Scored:
    """What the ranking says: metrics beside their baselines, similarities, hard negatives by type, leakage.

    ``lexical`` is what `begin_lexical` has begun, where it has.
    """
    of_words = (lexical or begin_lexical(embedded, ranked, settings, kept))()
    values, references = baselines(collection, embedded, ranked, settings, of_words)
    data = replace(facts_of(collection, ranked), name=settings.data.data or "")
    scored = estimates_of(ranked, settings, values, model=embedded.system.facts, data=data, log=log)
    vectors = embedded.embeddings
    heatmap = None
    if vectors is not None and settings.measure.heatmap_cells:
        heatmap = choose_heatmap(
            ranked.queries,
            vectors.documents,
            ranked.query_set.judgments,
            n_cells=settings.measure.heatmap_cells,
            generator=generator(settings, "heatmap"),
        )
    leakage = None if training is None else measure_leakage(collection, training.collection, train_name=training.name)
    if of_words is not None:
        scored = replace(scored, lexical_baseline=of_words.stronger, lexical_baselines=of_words.means)
    others = {**embedded.baselines, **embedded.old_runs}
    depths = [unequal_depths({scored.model.checkpoint: embedded.system, name: one}) for name, one in others.items()]
    caveats = tuple(said for said in depths if said is not None)
    return replace(scored, references=references, heatmap=heatmap, leakage=leakage, caveats=caveats)


def begin_lexical(
    embedded: Embedded,
    ranked: Ranked,
    settings: Settings,
    kept: KeptResults = NOTHING_KEPT,
    beside: Beside = HERE,
) -> Pending[LexicalValues | None]:
    """What gives what words and letters alone reach; None where it is not asked for."""
    chosen = settings.measure
    if not chosen.lexical:
        return lambda: None
    with_bm25 = not any(is_of_bm25(each.facts) for each in (embedded.system, *embedded.baselines.values()))
    texts, of = ranked.texts, (ranked.query_set.judgments, chosen.metrics, chosen.tie_tolerance, with_bm25)
    return kept.begin(
        "lexical baselines",
        LexicalValues,
        (texts.queries, texts.documents, *of),
        lambda: beside.begin(texts.lexical_values, *of),
    )


def estimates_of(
    ranked: Ranked,
    settings: Settings,
    baseline_values: Mapping[str, dict[str, Float64Array]],
    *,
    model: ModelFacts,
    data: DataFacts,
    log: Log = SILENT,
) -> Scored:
    """Metrics, similarities and hard negatives with their intervals: all that needs the ranking alone."""
    chosen, resampler = settings.measure, ranked.query_set.resampler
    n_effective = "" if data.n_effective is None else f", {data.n_effective:,.0f} of them effectively independent"
    log.step(f"Intervals of {data.n_queries:,} queries{n_effective}")
    lexical, base = baseline_values.get("lexical"), baseline_values.get("base")
    metrics = measure_metrics(chosen.metrics, ranked.scores, ranked.values, resampler, lexical=lexical, base=base)
    # Each baseline is a question of its own, asked with the draws of a comparison: `compare` gives the same answer.
    compared = [
        resampler.on(Stream.COMPARISON).compare(model.checkpoint, ranked.values, {name: values}, chosen.compared)
        for name, values in baseline_values.items()
    ]
    similarity, vectors = None, ranked.vectors
    if vectors is not None:
        similarity = measure_similarity(vectors.queries, vectors.documents, ranked.scores, ranked.negatives, resampler)
    negatives, tolerance = ranked.negatives, ranked.scores.counts.tolerance
    edges = None if similarity is None else similarity.edges
    types = {} if negatives is None else measure_types(negatives, resampler, edges, tolerance, ranked.scores.bound)
    has_levels = similarity is not None
    near = metrics.get("Success@10")  # a relevant document is among the 10 nearest in the original space
    clustering = Estimate.absent("Success@10 was not computed") if near is None else near.estimate
    return Scored(
        data=data,
        model=model,
        similarity=similarity,
        metrics=metrics,
        negative_types=types,
        weights={} if negatives is None else measure_weights(negatives, resampler, tolerance, has_levels=has_levels),
        queries=ranked.query_table,
        documents=ranked.document_table,
        heatmap=None,
        examples=choose_examples(ranked.query_table, n=chosen.examples, asked=chosen.query),
        clustering=clustering,
        tie_tolerance=tolerance,
        seed=chosen.seed,
        n_draws=chosen.draws,
        comparisons=tuple(found for rows in compared for found in holm_over(rows, PRIMARY_METRICS)),
        power=power_of(ranked, base if base is not None else lexical),
    )


def baselines(
    collection: Collection, embedded: Embedded, ranked: Ranked, settings: Settings, lexical: LexicalValues | None
) -> tuple[dict[str, dict[str, Float64Array]], dict[str, dict[str, float]]]:
    """Values of each query for all that the model is compared with, and the means of what a report shows by name."""
    chosen, query_set = settings.measure, ranked.query_set

    def of_vectors(queries: Float32Array, documents: Float32Array, similarity: str) -> dict[str, Float64Array]:
        tolerance = chosen.tie_tolerance * bound_of(queries, documents, similarity)
        device = settings.model.device
        return rank_values(queries, documents, query_set.judgments, chosen.metrics, tolerance=tolerance, device=device)

    compared: dict[str, dict[str, Float64Array]] = {}
    if lexical is not None:
        compared["lexical"] = dict(lexical.of[lexical.stronger])

    def of_system(system: System) -> dict[str, Float64Array]:
        if isinstance(system, RankedLists):
            return values_of_lists(system.select(query_set.rows), query_set.judgments, chosen.metrics)
        return of_vectors(system.queries[query_set.rows], system.documents, system.similarity)

    systems = {**({} if embedded.base is None else {"base": embedded.base}), **embedded.baselines}
    compared |= {name: of_system(system) for name, system in systems.items()}
    for name, old in embedded.old_runs.items():
        data = (old.data, facts_of(collection, ranked))
        require_same_data((name, embedded.system.facts.checkpoint), (old.queries, ranked.query_table), data)
        compared[name] = {metric: old.queries.values[metric] for metric in chosen.metrics if metric in old.metrics}
    spaces = projections(embedded, query_set, settings)
    if embedded.base is not None:
        compared |= {name: of_vectors(*space, embedded.base.similarity) for name, space in spaces.items()}
    beside = {name: compared[name] for name in (*embedded.baselines, *embedded.old_runs, *spaces)}
    means = {name: {m: float(np.nanmean(v)) for m, v in found.items()} for name, found in beside.items()}
    return compared, means


def projections(
    embedded: Embedded, query_set: QuerySet, settings: Settings
) -> dict[str, tuple[Float32Array, Float32Array]]:
    """The base model projected to the width of its head by PCA and at random; the same at every step of a run."""
    if embedded.base is None or embedded.embeddings is None:
        return {}
    width = embedded.embeddings.documents.shape[1]
    return projected_spaces(embedded.base, query_set.rows, width, generator(settings, "random projection"))


def diagnose(
    scored: Scored,
    collection: Collection,
    embedded: Embedded,
    ranked: Ranked,
    settings: Settings,
    *,
    themes: Sequence[ThemeLevel] = (),
    attributes: AttributeReader = NO_ATTRIBUTES,
    log: Log = SILENT,
    kept: KeptResults = NOTHING_KEPT,
    modes: Pending[FailureModes] | None = None,
) -> Diagnosed:
    """Why queries fail and what to do about it; the space, thresholds, other spellings, and fewer bytes.

    ``modes`` is what `begin_failure_modes` has begun, where it has.
    """
    examined = _examine(scored, embedded, ranked, settings, attributes, log, kept)
    (geometry, no_geometry), (thresholds, no_thresholds) = examined.geometry, examined.thresholds
    (robustness, no_robustness), (deployment, no_deployment) = examined.robustness, examined.deployment
    log.step("Looking for what fails, and why")
    found = (modes or begin_failure_modes(collection, embedded, ranked, attributes, kept))()
    explanations, no_explanations = _explain(scored, embedded, ranked, settings, attributes, log, kept)
    more = (
        *deciding_word_findings(explanations, scored, ranked.query_set.resampler),
        *ignored_values(() if explanations is None else explanations.pairs, scored.queries),
        *(() if robustness is None else fragile_queries(robustness)),
    )
    # What is shown decides no finding, and is not given: a result is kept by all that it is made of.
    of, theme = replace(scored, examples=(), heatmap=None), next(iter(themes), None)
    vectors, resampler = embedded.embeddings, ranked.query_set.resampler
    findings = kept.value(
        "findings",
        tuple[Finding, ...],
        (of, collection, found, resampler, None if vectors is None else vectors.documents, theme, more, attributes),
        lambda: find_faults(
            of, collection, found, resampler, embeddings=vectors, themes=theme, more=more, attributes=attributes
        ),
    )
    reasons = {
        "geometry": no_geometry,
        "thresholds": no_thresholds,
        "robustness": no_robustness,
        "deployment": no_deployment,
        "explanations": no_explanations,
    }
    if scored.similarity is None:
        reasons["similarity"] = NO_VECTORS
    return extended(
        scored,
        Diagnosed,
        queries=replace(
            scored.queries,
            failure_modes=tuple("" if m is None else m.value for m in found.modes),
            failure_evidence=found.evidence,
        ),
        findings=findings,
        failure_modes={mode.value: n for mode, n in found.counts().items()},
        geometry=geometry,
        thresholds=thresholds,
        robustness=robustness,
        deployment=deployment,
        explanations=explanations,
        not_measured={name: reason for name, reason in reasons.items() if reason is not None},
    )


def _examine(
    scored: Scored,
    embedded: Embedded,
    ranked: Ranked,
    settings: Settings,
    attributes: AttributeReader,
    log: Log,
    kept: KeptResults,
) -> Examined:
    """The space, thresholds, other spellings, and fewer bytes, of vectors."""
    vectors, model = embedded.embeddings, embedded.model
    if vectors is None:
        return Examined.nothing(NO_VECTORS)
    measures = Examination(
        ranked.query_set, ranked.queries, vectors.documents, ranked.similarity, ranked.scores.bound, settings, log, kept
    )
    encode = None
    if model is not None:
        encode = text_encoder(model, embedded.store, prompt=model.query_prompt, batch_size=settings.model.batch_size)
    spaces = _spaces(vectors, embedded, ranked, settings)
    return Examined(
        geometry=measures.geometry(spaces, ranked.scores.top_documents, generator(settings, "geometry")),
        thresholds=measures.thresholds(),
        robustness=measures.robustness(scored.queries.texts, encode, perturbations_of(settings, attributes)),
        deployment=measures.deployment_cost(generator(settings, "deployment cost")),
    )


def _explain(
    scored: Scored,
    embedded: Embedded,
    ranked: Ranked,
    settings: Settings,
    attributes: AttributeReader,
    log: Log,
    kept: KeptResults,
) -> Measured[Explanations]:
    """Which words decide the failures, those that are shown first, and which values are ignored."""
    vectors = embedded.embeddings
    if vectors is None:
        return None, NO_VECTORS
    return explain(
        ranked,
        vectors.documents,
        embedded.model,
        embedded.store,
        settings,
        generator(settings, "explanations"),
        log,
        attributes=attributes,
        first=[example.query for example in scored.examples],
        has_encoded=vectors.n_encoded > 0,
        kept=kept,
    )


def _spaces(vectors: Embeddings, embedded: Embedded, ranked: Ranked, settings: Settings) -> dict[str, Space]:
    """The space of the model beside that of its base, as it is and projected to the width of the head."""
    spaces = {MODEL: (ranked.queries, vectors.documents)}
    if embedded.base is not None:
        spaces[BASE] = (embedded.base.queries[ranked.query_set.rows], embedded.base.documents)
        spaces |= projections(embedded, ranked.query_set, settings)
    return spaces


def begin_failure_modes(
    collection: Collection,
    embedded: Embedded,
    ranked: Ranked,
    attributes: AttributeReader,
    kept: KeptResults = NOTHING_KEPT,
    beside: Beside = HERE,
) -> Pending[FailureModes]:
    """What gives why each failed query failed, with the tokens of texts that are longer than the model reads.

    The second opinion on false negatives is that of the base model, or without it of the n-grams.
    """
    model, base = embedded.model, embedded.base
    # What else is measured of each query decides no mode, and is not given.
    queries, documents = replace(ranked.query_table, values={}), ranked.document_table
    facts, tolerance = embedded.system.facts, ranked.scores.counts.tolerance

    def begin() -> Pending[FailureModes]:
        n_tokens, ends = None, None
        if model is not None:
            n_tokens = long_texts(model, collection)
            if n_tokens:
                ends = read_ends(model, Losses.of(queries, documents).document_texts & n_tokens.keys())
        classify = partial(
            classify_failures,
            queries,
            documents,
            n_tokens=n_tokens,
            read_ends=ends,
            max_length=facts.max_length,
            tolerance=tolerance,
            attributes=attributes,
        )
        if base is None:
            return beside.begin(partial(classify, opinion=ranked.texts))
        own_rows = base.queries[ranked.query_set.rows]
        return partial(classify, opinion=Scorer(base.facts.checkpoint, own_rows, base.documents))

    opinion = None if base is None else (base.facts.checkpoint, base.queries, base.documents)
    read_by = None if model is None else (model.encoder.fingerprint, model.query_prompt, model.document_prompt)
    made_of = (queries, documents, facts, tolerance, collection, opinion, read_by, attributes)
    return kept.begin("failure modes", FailureModes, made_of, begin)


def begin_maps(
    ranked: Ranked, settings: Settings, log: Log = SILENT, *, kept: KeptResults = NOTHING_KEPT
) -> tuple[Points | None, KeptMaps | str]:
    """The points, and their maps, which are laid out beside what else there is to do, or why there are none.

    The neighbour graph is shared.
    Maps are of directions also where vectors are compared by dot product, and say so: nearness by dot product is not
    symmetric, and a long vector is near to all.
    """
    methods, seed, vectors = settings.maps.methods, settings.measure.seed, ranked.vectors
    if vectors is None:
        return None, NO_VECTORS
    if not methods or isinstance(vectors.documents, DocumentSummary):
        return None, NOT_ASKED_FOR
    choice = points_of_run(
        ranked.query_table,
        len(vectors.documents),
        budget=settings.maps.map_points,
        generator=generator(settings, "map points"),
    )
    rows = choice.vectors(vectors.queries, vectors.documents)
    perplexity = settings.maps.perplexity
    reason = maps.undrawable(rows)
    if reason is not None:
        log.warn(f"no map is drawn: {reason}")
        return None, reason
    kinds = np.unique([str(role) for role in choice.roles], return_inverse=True)[1].astype(np.int64)
    size = maps.graph_size(len(rows), perplexity=perplexity)
    stand_for = (vectors.queries, vectors.documents, choice.rows, kinds)  # as hashed for other results already
    graph = kept.value(
        "neighbour graph",
        maps.NeighborGraph,
        (*stand_for, size, seed),
        lambda: maps.neighbor_graph(rows, size, strata=kinds, seed=seed),
    )
    by = f", by direction: {MAP_BY_DIRECTION}" if ranked.similarity == SimilarityFunction.DOT else ""
    log.step(f"Laying out {' and '.join(MAP_NAMES[name] for name in methods)} of {len(rows):,} points{by}")
    laid_out = KeptMaps.begin(methods, rows, graph, seed=seed, perplexity=perplexity, kept=kept, made_of=stand_for)
    return choice.points(graph), laid_out


def with_maps(
    diagnosed: Diagnosed, points: Points | None, layouts: KeptMaps | str, themes: Sequence[ThemeLevel] = ()
) -> Mapped:
    """What was diagnosed with its maps, as soon as they are laid out."""
    if isinstance(layouts, str) or points is None:
        return without_maps(diagnosed, str(layouts), themes)
    return mapped_with_themes(diagnosed, points, layouts.result(), themes)


def themes_of(ranked: Ranked, settings: Settings, kept: KeptResults = NOTHING_KEPT) -> tuple[ThemeLevel, ...]:
    """Clusters of the queries and documents, the broad ones first; () where the vectors are not at hand."""
    vectors = ranked.vectors
    if vectors is None or isinstance(vectors.documents, DocumentSummary):
        return ()
    queries, documents, seed = vectors.queries, vectors.documents, settings.measure.seed
    texts = (ranked.query_table.texts, ranked.document_table.texts)
    return kept.value(
        "themes",
        tuple[ThemeLevel, ...],
        (*texts, queries, documents, seed),
        lambda: find_themes(
            TextVectors(texts[0], directions_of(queries)), TextVectors(texts[1], directions_of(documents)), seed=seed
        ),
    )


def mapped_with_themes(
    diagnosed: Diagnosed, points: Points, layouts: Mapping[str, MapLayout], themes: Sequence[ThemeLevel]
) -> Mapped:
    """What was diagnosed with its maps, and where on them the names of the themes stand."""
    is_query = np.array([role is Role.QUERY for role in points.roles])
    of_point = [np.where(is_query, _at(one.queries, points.rows), _at(one.documents, points.rows)) for one in themes]
    if of_point:
        points = replace(points, themes=of_point[0])
    found = _theme_records(
        themes,
        lambda level, place: {
            name: point
            for name, layout in layouts.items()
            if (point := label_point(layout.xy, of_point[level] == place)) is not None
        },
    )
    return extended(diagnosed, Mapped, points=points, maps=layouts, themes=found)


def _theme_records(
    themes: Sequence[ThemeLevel], label_points: Callable[[int, int], dict[str, int]]
) -> tuple[Theme, ...]:
    """The themes of all levels; ``label_points`` says where the one at a place of a level stands."""
    return tuple(
        Theme(
            name,
            level,
            int(np.count_nonzero(one.queries == place)),
            int(np.count_nonzero(one.documents == place)),
            label_points(level, place),
        )
        for level, one in enumerate(themes)
        for place, name in enumerate(one.names)
    )


def _at(values: IntArray, rows: IntArray) -> IntArray:
    """``values`` at those of ``rows`` that they have, else any: rows of queries and of documents stand side by side."""
    return values[np.minimum(rows, len(values) - 1)]


def no_maps(diagnosed: Diagnosed) -> str:
    """Why a run has no maps."""
    return NO_VECTORS if diagnosed.similarity is None else NOT_ASKED_FOR


def without_maps(diagnosed: Diagnosed, reason: str, themes: Sequence[ThemeLevel] = ()) -> Mapped:
    """What was diagnosed, without maps, and why; the page shows the reason where it is none that was chosen."""
    found = _theme_records(themes, lambda level, place: {})
    absent = {} if reason in (NOT_ASKED_FOR, NO_VECTORS) else dict.fromkeys(MAP_NAMES, reason)
    not_measured = {**diagnosed.not_measured, "maps": reason}
    return extended(diagnosed, Mapped, not_measured=not_measured, maps_absent=absent, themes=found)


def decide(mapped: Mapped, settings: Settings, criteria: Criteria, *, started: float | None = None) -> ShownResult:
    """The result: what was found, held against the criteria."""
    return shown(mapped, settings, *judge(mapped, criteria), started=started)


def shown(
    mapped: Mapped, settings: Settings, checklist: tuple[Check, ...], verdict: Verdict, *, started: float | None = None
) -> ShownResult:
    """The result of a stage that was judged, as a notebook holds it."""
    return extended(
        mapped,
        ShownResult,
        inputs=settings.inputs(),
        checklist=checklist,
        verdict=verdict,
        options=settings.as_options(),
        elapsed_s=0.0 if started is None else time.perf_counter() - started,
        **tables_of(mapped),
    )


def read_run(folder: str | PathLike[str]) -> ShownResult:
    """The result of an old run, from its folder: figures, verdict, findings, queries and page.

    Its vectors are not in the folder, so maps, geometry, explanations and texts of documents are on its page only.

    Raises
    ------
    DataFormatError
        If a file is missing, broken, or of a version that this program does not know.
    """
    old = saved_run.read_run(Path(folder))
    return extended(old, ShownResult, folder=str(Path(folder)), **tables_of(old, saved_run.query_table(Path(folder))))


def generator(settings: Settings, purpose: str) -> np.random.Generator:
    """A random generator for one purpose: leaving one step out changes no other step's numbers."""
    return np.random.default_rng([settings.measure.seed, zlib.crc32(purpose.encode())])
