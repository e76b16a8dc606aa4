"""An evaluator for sentence-transformers: an embedscope run at every evaluation of a training.

The library is imported when the class is asked for, so what the class does stands in :class:`Evaluation`, and
:func:`evaluator_class` puts it on top of the library's own ``SentenceEvaluator``.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

from embedscope.decide.criteria import load_criteria
from embedscope.errors import InvalidOptionError, MissingExtraError
from embedscope.metrics.metric_names import parse_measure
from embedscope.metrics.norms import Norms
from embedscope.models.embed import Embeddings
from embedscope.models.projectors import Identity
from embedscope.models.prompts import OwnPrompts, PromptChoice, choose_prompts
from embedscope.models.score_function import resolved_similarity
from embedscope.output.run_files import write_run
from embedscope.pipeline import objects_apart, read, result_of
from embedscope.protocols import Float32Array
from embedscope.result import ModelFacts, Result
from embedscope.settings import DEFAULTS, Settings, SimilarityFunction
from embedscope.systems import Embedded

FOLDER = "embedscope"
"""Folder of the runs, in the trainer's output folder, where no other is given and the evaluator has no name."""


class Evaluation:
    """Measures the model of a training on a data set, and writes the run that ``embedscope evaluate`` would write.

    Each evaluation makes a folder ``epoch{E}_step{S}`` with the files of a run, which
    ``embedscope compare`` takes as its reference.

    Parameters
    ----------
    data : str, Path or object
        Queries, positives, hard negatives, in any form that embedscope reads.
    name : str
        Put before the name of each metric, as the library's own evaluators do, and the name of the folder.
    output : str or Path, optional
        Where the folders go; by default ``embedscope`` (or the name) in the folder that the trainer names. Nothing is
        written where neither is given.
    primary : str
        The rank metric that selects the best checkpoint, such as "MRR" or "nDCG@5"; it is measured because it is named.
    max_samples : int
        Queries at most, a seeded random sample; 0 for all. The documents are never sampled.
    page : bool
        Write ``report.html`` too, without maps.
    batch_size : int
        Texts encoded at a time.
    draws : int
        Of permutation tests.
    seed : int
    criteria : str
        As ``--criteria``.
    keep_self : bool
        As ``--keep-self``: rank the text of a query itself too, where it is a document.
    similarity : {"model", "cosine", "dot"}
        As ``--similarity``: what compares two vectors, by default the ``similarity_fn_name`` of the model.

    Raises
    ------
    InputError
        If the data cannot be read, or a name is unknown: when the evaluator is made, not hours later.

    Examples
    --------
    ::

        from embedscope.integrations import EmbedscopeEvaluator

        evaluator = EmbedscopeEvaluator("data/valid.json", name="rooms")
        trainer = SentenceTransformerTrainer(model, args, train_dataset, loss=loss, evaluator=evaluator)
    """

    greater_is_better = True

    def __init__(
        self,
        data: Any,
        *,
        name: str = "",
        output: str | Path | None = None,
        primary: str = "MRR",
        max_samples: int = 0,
        page: bool = True,
        batch_size: int = 32,
        draws: int = 1000,
        seed: int = 42,
        criteria: str = "ranks",
        similarity: str = "model",
        keep_self: bool = False,
    ) -> None:
        super().__init__()
        self.name = name
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
            metrics=(*DEFAULTS.measure.metrics, _rank_metric(primary)),
            examples=0,
            skip_tsne=True,
            skip_umap=True,
            keep_self=keep_self,
        )
        self._collection = read(self._settings, data_object=objects.get("data"))
        self._output = None if output is None else Path(output)
        self._criteria = load_criteria(criteria)
        self._page = page
        self._batch_size = batch_size
        self._primary = _rank_metric(primary)
        self.primary_metric = f"{name}_{self._primary}" if name else self._primary

    def __call__(
        self, model: Any, output_path: str | None = None, epoch: float = -1, steps: int = -1
    ) -> dict[str, float]:
        """Measure ``model`` and write the run.

        Parameters
        ----------
        model : SentenceTransformer
        output_path : str, optional
            Given by the trainer.
        epoch, steps : int
            Where the training stands; -1 for a model that is not in training.

        Returns
        -------
        dict of str to float
            Rank metrics with the ends of their 95 % intervals (``MRR``, ``MRR_low``, ``MRR_high``), ``margin``,
            ``AUC``, and the violation rate of each type of hard negative; ``primary_metric`` is one of the keys.

        Raises
        ------
        InvalidEmbeddingsError
            If a vector of the model is zero or not finite.
        CheckpointError
            If the model states a distance as its similarity, and the evaluator was not told what to take instead.
        """
        started = time.perf_counter()
        moment = _moment(epoch, steps)
        embedded = Embedded(self._embeddings(model, moment))
        result = result_of(self._collection, embedded, self._settings, criteria=self._criteria)
        folder = self._folder(output_path)
        if folder is not None:
            write_run(
                result,
                folder / moment,
                options={"name": self.name, "primary": self._primary, **self._settings.as_options()},
                elapsed_s=time.perf_counter() - started,
                page=self._page,
            )
        name = f"{self.name}_" if self.name else ""
        metrics = {f"{name}{key}": value for key, value in figures_of(result).items()}
        store: Any = getattr(self, "store_metrics_in_model_card_data", None)  # the library's own
        if store is not None and hasattr(model, "model_card_data"):
            store(model, metrics, epoch, steps)
        return metrics

    def _folder(self, output_path: str | None) -> Path | None:
        if self._output is not None:
            return self._output
        return None if output_path is None else Path(output_path) / (self.name or FOLDER)

    def _embeddings(self, model: Any, moment: str) -> Embeddings:
        queries, documents = self._collection.queries, self._collection.documents
        was_training = bool(model.training)
        own = OwnPrompts.of(getattr(model, "prompts", None) or {}, getattr(model, "default_prompt_name", None))
        prompts = choose_prompts(moment, own, {})
        pooled = [
            self._encoded(getattr(model, how, model.encode), texts, prompt)
            for how, texts, prompt in (
                ("encode_query", queries, prompts.query),
                ("encode_document", documents, prompts.document),
            )
        ]
        model.train(was_training)  # encode has turned dropout off
        chosen, notes = resolved_similarity(
            self._similarity,
            _stated(model),
            is_unit=all(Norms.of(vectors).are_one for vectors in pooled),
            where=moment,
        )
        project = Identity(pooled[0].shape[1], is_unit=chosen is SimilarityFunction.COSINE).project
        facts = _facts(model, moment, prompts, dim=pooled[0].shape[1])
        return Embeddings(
            queries=project(pooled[0], what="query", ids=self._collection.query_ids),
            documents=project(pooled[1], what="document", ids=self._collection.document_ids),
            facts=replace(facts, similarity=chosen.value, notes=notes),
        )

    def _encoded(self, encode: Any, texts: Sequence[str], prompt: str) -> Float32Array:
        vectors = encode(
            list(texts), prompt=prompt, batch_size=self._batch_size, show_progress_bar=False, convert_to_numpy=True
        )
        return np.asarray(vectors, dtype=np.float32)


def _stated(model: Any) -> str | None:
    """The similarity that the model states; None where its library is older than the statement."""
    stated = getattr(model, "similarity_fn_name", None)
    return None if stated is None else str(getattr(stated, "value", stated))


def _rank_metric(name: str) -> str:
    try:
        return str(parse_measure(name))
    except InvalidOptionError as error:
        raise InvalidOptionError(f"primary: {error}") from None


def _moment(epoch: float, steps: int) -> str:
    """Where the training stands, as the name of a folder: ``epoch1.5_step300``."""
    parts = ([f"epoch{epoch:g}"] if epoch != -1 else []) + ([f"step{steps}"] if steps != -1 else [])
    return "_".join(parts) or "model"


def _facts(model: Any, moment: str, prompts: PromptChoice, *, dim: int) -> ModelFacts:
    base = getattr(getattr(model, "model_card_data", None), "base_model", None)
    return ModelFacts(
        checkpoint=moment,
        layout="sentence-transformers model in training",
        dim=dim,
        base_model=str(base) if base else None,
        max_length=getattr(model, "max_seq_length", None),
        device=str(model.device),
        notes=prompts.notes,
        query_prompt=prompts.query,
        document_prompt=prompts.document,
    )


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


@cache
def evaluator_class() -> type[Evaluation]:
    """:class:`Evaluation` as a ``SentenceEvaluator``.

    Raises
    ------
    MissingExtraError
        If sentence-transformers is not installed.
    """
    namespace = {"__doc__": Evaluation.__doc__, "__module__": "embedscope.integrations"}
    return type("EmbedscopeEvaluator", (Evaluation, _library_class()), namespace)


def _library_class() -> Any:
    """``SentenceEvaluator``, which moved in version 6."""
    for place in ("sentence_transformers.base.evaluation", "sentence_transformers.evaluation"):
        try:
            return import_module(place).SentenceEvaluator
        except ImportError:
            continue
    raise MissingExtraError(needed_for="EmbedscopeEvaluator", package="sentence-transformers", extra="models")
