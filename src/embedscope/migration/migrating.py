"""A swap of models, from two names to a record."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import numpy as np

from embedscope.data.runs import is_run_file
from embedscope.errors import InvalidOptionError
from embedscope.log import SILENT, Log
from embedscope.measure.bm25 import is_bm25
from embedscope.measure.query_set import QuerySet
from embedscope.measure.ranked import Ranked, facts_of, rank
from embedscope.metrics.metric_names import parse_measure
from embedscope.metrics.ranking import chance_level
from embedscope.migration.adapter_fits import chosen_adapter, fit_adapters
from embedscope.migration.advice import advise
from embedscope.migration.list_turnover import turnover_of
from embedscope.migration.model_swap import ModelSwap
from embedscope.migration.serving_paths import METRICS, measured, path_records, served_paths
from embedscope.migration.swap_cost import cost_of
from embedscope.models.embed import Embeddings
from embedscope.pipeline import read
from embedscope.protocols import IntArray
from embedscope.result import AdapterFit, Migration, ModelFacts, MovedQuery
from embedscope.settings import MigrateSettings, Settings
from embedscope.systems import embed_with, require_encoder, require_there

K = 10
N_MOVED = 20
"""Queries kept of those that were lost, and of those that were gained."""


def migrate(settings: Settings, chosen: MigrateSettings, log: Log = SILENT) -> Migration:
    """What a swap of ``chosen.old`` for ``chosen.new`` does to the ranking of the data set, by every path.

    Options that say how a model encodes are those of both.

    Raises
    ------
    InputError
        If one of the two, the data or an option cannot be used.
    """
    names = _names(chosen)
    require_encoder(names, settings)
    require_there(names, settings)
    collection = read(settings, log)
    old, new = (embed_with(name, collection, settings, log, with_base=False) for name in names)
    ours, theirs = _vectors(names[0], old.embeddings), _vectors(names[1], new.embeddings)
    query_set = QuerySet.of(collection, seed=settings.measure.seed, draws=settings.measure.draws)
    ranking = settings.with_options(metrics=METRICS)
    log.step(f"Ranking {len(collection.documents):,} documents for {len(query_set.rows):,} queries by both")
    before, after = (rank(collection, found, query_set, ranking) for found in (ours, theirs))
    swap = ModelSwap.of(collection, query_set, ours, theirs)
    generator = np.random.default_rng(settings.measure.seed)
    adapters = fit_adapters(swap, collection, settings, most=chosen.adapter_documents, generator=generator)
    served, sources = served_paths(swap, adapters, generator)
    with log.progress("Measuring the paths", unit="queries") as progress:
        values = measured(swap, served, sources, progress)
    # Of the two models alone as every other command has them: at the edge of a tie, rounding decides otherwise.
    values[:2] = [replace(one, values=found.values) for one, found in zip(values[:2], (before, after), strict=True)]
    cost = cost_of(swap, collection.documents, old, new, chosen, batch_size=settings.model.batch_size)
    log.step("Intervals and paired tests")
    paths = path_records(values, query_set.resampler, cost)
    chance = {name: float(np.mean(chance_level(parse_measure(name), query_set.judgments))) for name in METRICS}
    k = min(K, int(query_set.judgments.n_ranked.min()))
    lost, gained = _moved(before, after), _moved(after, before)
    return Migration(
        data=facts_of(collection, after),
        old=ours.facts,
        new=theirs.facts,
        paths=paths,
        adapters=tuple(each.fit for each in adapters),
        turnover=turnover_of(
            before.scores.top_documents[:, :k], after.scores.top_documents[:, :k], query_set.resampler
        ),
        n_lost=len(lost),
        n_gained=len(gained),
        lost=_queries(lost[:N_MOVED], before, after),
        gained=_queries(gained[:N_MOVED], before, after),
        chance=chance,
        cost=cost,
        is_same=(is_same := swap.is_same()),
        advice=advise(paths, cost, chosen_adapter(adapters).fit.kind, chance, is_same=is_same),
        notes=tuple(_notes(ours.facts, theirs.facts, adapters[0].fit)),
        seed=settings.measure.seed,
        n_draws=settings.measure.draws,
    )


def _names(chosen: MigrateSettings) -> tuple[str, str]:
    if chosen.old is None or chosen.new is None:
        raise InvalidOptionError("Name two models: OLD and NEW, each a checkpoint or an embedding file.")
    old, new = (Path(os.path.expanduser(name)) for name in (chosen.old, chosen.new))
    if chosen.old == chosen.new or (old.exists() and new.exists() and old.samefile(new)):
        raise InvalidOptionError(
            f"OLD and NEW are both '{chosen.old}', and nothing would change. Name the model that is served and the one "
            f"that is to take its place."
        )
    for name in (chosen.old, chosen.new):
        if is_bm25(name) or is_run_file(name):  # before the other one is encoded
            raise _not_vectors(name)
    return chosen.old, chosen.new


def _vectors(name: str, found: Embeddings | None) -> Embeddings:
    if found is None:
        raise _not_vectors(name)
    return found


def _not_vectors(name: str) -> InvalidOptionError:
    return InvalidOptionError(
        f"'{name}' gives ranked lists, and an index is made of vectors. Name a checkpoint or an embedding file."
    )


def _moved(better: Ranked, worse: Ranked) -> IntArray:
    """Queries that one ranking has right at rank 1 and the other has not, the largest fall first."""
    rows = np.flatnonzero(better.query_table.is_correct & ~worse.query_table.is_correct)
    return rows[np.argsort(-worse.query_table.rank[rows], kind="stable")]


def _queries(rows: IntArray, before: Ranked, after: Ranked) -> tuple[MovedQuery, ...]:
    old, new = before.query_table, after.query_table
    return tuple(MovedQuery(old.texts[row], float(old.rank[row]), float(new.rank[row])) for row in rows)


def _notes(old: ModelFacts, new: ModelFacts, fit: AdapterFit) -> list[str]:
    notes = []
    if fit.n_fitted // 2 < 2 * new.dim:
        notes.append(
            f"Each adapter was fitted on {fit.n_fitted // 2:,} documents, fewer than twice the {new.dim:,} numbers of "
            f"a NEW vector; one that is fitted on more may keep more."
        )
    if fit.n_queries:
        notes.append(
            f"{fit.n_queries:,} of the documents that the adapters were fitted on are queries as well, because most "
            f"documents are: their paths look better than they would with new queries."
        )
    if new.query_prompt != new.document_prompt:
        notes.append("Adapters are fitted on documents and carry queries, which NEW encodes behind another prompt.")
    if old.similarity != new.similarity:
        notes.append(
            f"OLD is scored by {old.similarity} and NEW by {new.similarity}: their raw scores have no common scale."
        )
    return notes
