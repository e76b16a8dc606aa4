"""The evaluations of one training on one data set: each a run in a folder of its own, held against the first."""

from __future__ import annotations

import logging
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from itertools import chain, count
from pathlib import Path
from typing import Any
from weakref import WeakValueDictionary

from embedscope.comparison.against_first import AgainstFirst
from embedscope.decide.criteria import load_criteria
from embedscope.errors import InvalidOptionError
from embedscope.metrics.metric_names import parse_measure
from embedscope.metrics.norms import Norms
from embedscope.models.embed import Embeddings
from embedscope.models.projectors import Identity
from embedscope.models.score_function import resolved_similarity
from embedscope.output.run_files import write_run
from embedscope.pipeline import objects_apart, read, result_of
from embedscope.protocols import Float32Array, Warn
from embedscope.result import ModelFacts, Result
from embedscope.settings import DEFAULTS, Settings, SimilarityFunction
from embedscope.systems import Embedded

FOLDER = "embedscope"
"""Folder of the runs, in the trainer's output folder, where no other is given and the evaluation has no name."""

LOGGER = logging.getLogger("embedscope")

_OWNERS: WeakValueDictionary[Path, TrainingRuns] = WeakValueDictionary()
"""Folders of runs of this process, each with what writes there."""


class TrainingRuns:
    """Measures the vectors of a model in training, again and again, on the same queries.

    Parameters
    ----------
    data : str, Path or object
        Queries, positives, hard negatives, in any form that embedscope reads.
    name : str
        Recorded with each run, and the name of the folder in the trainer's.
    output : str or Path, optional
        Where the folders of the runs go, instead of ``embedscope`` (or the name) in the folder of the trainer.
    metrics : sequence of str
        Rank metrics to measure beside the defaults.
    max_samples : int
        Queries at most, a seeded random sample; 0 for all. The documents are never sampled.
    page : bool
        Write ``report.html`` too, without maps.
    draws : int
        Of permutation tests.
    seed : int
    criteria : str
        As ``--criteria``.
    similarity : {"model", "cosine", "dot"}
        As ``--similarity``: what compares two vectors, by default what the model states.
    keep_self : bool
        As ``--keep-self``: rank the text of a query itself too, where it is a document.
    drop_empty : bool
        As ``--drop-empty``.
    allow_missing : bool
        As ``--allow-missing``: leave out judgments of documents that the data does not have.
    tell : callable
        Is given the verdict line of each evaluation but the first.

    Raises
    ------
    InputError
        If the data cannot be read, or a name is unknown.
    """

    def __init__(
        self,
        data: Any,
        *,
        name: str = "",
        output: str | Path | None = None,
        metrics: Sequence[str] = (),
        max_samples: int = 0,
        page: bool = True,
        draws: int = 1000,
        seed: int = 42,
        criteria: str = "ranks",
        similarity: str = "model",
        keep_self: bool = False,
        drop_empty: bool = False,
        allow_missing: bool = False,
        tell: Warn = print,
    ) -> None:
        if similarity not in set(SimilarityFunction):
            raise InvalidOptionError(f"similarity must be one of {', '.join(SimilarityFunction)}, not '{similarity}'.")
        self._similarity = SimilarityFunction(similarity)
        named, objects = objects_apart({"data": data})
        self._settings = Settings.of(
            **named,
            max_samples=max_samples,
            explain=0,
            seed=seed,
            draws=draws,
            criteria=criteria,
            metrics=tuple(dict.fromkeys((*DEFAULTS.measure.metrics, *metrics))),
            examples=0,
            skip_tsne=True,
            skip_umap=True,
            keep_self=keep_self,
            drop_empty=drop_empty,
            allow_missing=allow_missing,
        )
        self._criteria = load_criteria(criteria)
        self.collection = read(self._settings, data_object=objects.get("data"))
        for warning in self.collection.warnings:
            LOGGER.warning(warning)
        self._name, self._page, self._tell = name, page, tell
        self._output = None if output is None else Path(output)
        self._moments: Counter[str] = Counter()
        self._against_first = AgainstFirst(self._settings, self._criteria)

    def folder_in(self, output_path: str | None) -> Path | None:
        """Where the folders of the runs go in a training whose own folder is ``output_path``; None for nowhere.

        Two that have the same place, such as two evaluators without a name, get a folder each: the later
        ``embedscope_2``.
        """
        if self._output is None and output_path is None:
            return None
        wanted = self._output or Path(output_path or "") / (self._name or FOLDER)
        numbered = (wanted.with_name(f"{wanted.name}_{n}") for n in count(2))
        return next(place for place in chain([wanted], numbered) if _OWNERS.setdefault(place.resolve(), self) is self)

    def add(
        self,
        queries: Float32Array,
        documents: Float32Array,
        facts: ModelFacts,
        *,
        stated: str | None,
        folder: Path | None,
        started: float,
        is_main: bool = True,
    ) -> Result:
        """Measure a model, write its run, and tell the verdict on it against the first of the runs.

        Parameters
        ----------
        queries, documents : ndarray of shape (n_queries, dim) and (n_documents, dim), float32
            Of the texts of ``collection``, in their order.
        facts : ModelFacts
            ``checkpoint`` says where the training stands: it names the folder of the run, with a number where an
            earlier run has the same name.
        stated : str, optional
            The similarity that the model states.
        folder : Path, optional
            Nothing is written without one.
        started : float
            ``time.perf_counter()`` when the encoding began.
        is_main : bool
            Whether this is the first of several processes; the others write and tell nothing.

        Raises
        ------
        InvalidEmbeddingsError
            If a vector is zero or not finite.
        CheckpointError
            If the model states a distance, and it was not said what to take instead.
        """
        self._moments[facts.checkpoint] += 1
        if (n := self._moments[facts.checkpoint]) > 1:
            facts = replace(facts, checkpoint=f"{facts.checkpoint}_{n}")
        embedded = Embedded(self._embeddings(queries, documents, facts, stated))
        result = result_of(self.collection, embedded, self._settings, criteria=self._criteria, started=started)
        if folder is not None and is_main:
            write_run(
                result,
                folder / facts.checkpoint,
                options={"name": self._name, **self._settings.as_options()},
                elapsed_s=time.perf_counter() - started,
                page=self._page,
            )
        verdict = self._against_first.line_of(result)
        if verdict is not None and is_main:
            self._tell(verdict)
        return result

    def _embeddings(
        self, queries: Float32Array, documents: Float32Array, facts: ModelFacts, stated: str | None
    ) -> Embeddings:
        chosen, notes = resolved_similarity(
            self._similarity,
            stated,
            is_unit=all(Norms.of(vectors).are_one for vectors in (queries, documents)),
            where=facts.checkpoint,
        )
        project = Identity(queries.shape[1], is_unit=chosen is SimilarityFunction.COSINE).project
        return Embeddings(
            queries=project(queries, what="query", ids=self.collection.query_ids),
            documents=project(documents, what="document", ids=self.collection.document_ids),
            facts=replace(facts, similarity=chosen.value, notes=(*facts.notes, *notes)),
        )


def rank_metric(name: str) -> str:
    """The metric ``primary`` as embedscope writes it; raises InvalidOptionError if it is none."""
    try:
        return str(parse_measure(name))
    except InvalidOptionError as error:
        raise InvalidOptionError(f"primary: {error}") from None


def moment_of(epoch: float | None, steps: int) -> str:
    """Where a training stands, as the name of a folder: ``epoch1.5_step300``; -1 for a model in no training.

    >>> moment_of(1.5, 300), moment_of(-1, -1)
    ('epoch1.5_step300', 'model')
    """
    parts = ([f"epoch{epoch:g}"] if epoch is not None and epoch != -1 else []) + ([f"step{steps}"] * (steps != -1))
    return "_".join(parts) or "model"


def figures_of(result: Result) -> dict[str, float]:
    """The figures of a run by name, those that could be computed."""
    found: dict[str, float | None] = {}
    for name, metric in result.metrics.items():
        found |= {name: metric.value, f"{name}_low": metric.low, f"{name}_high": metric.high}
    if result.similarity is not None:
        found |= {"margin": result.similarity.margin.value, "AUC": result.similarity.auc.value}
    for name, negative_type in result.negative_types.items():
        found[f"violation_rate_{name}"] = negative_type.violation_rate.value
    return {name: float(value) for name, value in found.items() if value is not None}
