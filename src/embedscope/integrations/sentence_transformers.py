"""``InformationRetrievalEvaluator`` of sentence-transformers with intervals, a run folder and a verdict.

The library is imported when the class is asked for, so what the class does stands in :class:`Evaluation`, and
:func:`evaluator_class` puts it on top of the library's own evaluator.
"""

from __future__ import annotations

import inspect
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from functools import cache
from importlib import import_module
from typing import Any

import numpy as np

from embedscope.data.collection import Collection
from embedscope.errors import InvalidOptionError, MissingExtraError
from embedscope.integrations.training_runs import LOGGER, TrainingRuns, figures_of, moment_of, rank_metric
from embedscope.models.prompts import ROLES, OwnPrompts, PromptChoice, choose_prompts
from embedscope.protocols import Float32Array
from embedscope.result import ModelFacts
from embedscope.settings import SimilarityFunction

PARTS = ("queries", "corpus", "relevant_docs")
"""What the library's evaluator is made of; a data set of embedscope stands for all three."""

MEASURED_AT = {"mrr_at_k": "MRR", "ndcg_at_k": "nDCG", "map_at_k": "MAP", "accuracy_at_k": "Success"}
"""Cutoffs of the library, and the metrics that get an interval at them."""


class Evaluation:
    """The library's ``InformationRetrievalEvaluator``, with a 95 % interval for its figures and a verdict.

    It takes the parameters of that class, in their order and with their defaults, computes its figures by the library's
    own code on the same vectors, and writes its CSV file and predictions where these are asked for. Beside that, each
    evaluation is a run: a folder ``epoch{E}_step{S}`` with the files that ``embedscope evaluate`` writes, which
    ``embedscope compare`` takes as its reference. From the second evaluation on, one line says whether the model is
    better than at the first: ``VERDICT: WIN | score=...``.

    Parameters
    ----------
    queries, corpus, relevant_docs : dict
        As the library's class takes them; or ``queries`` alone, a data set in any form that embedscope reads.
    *words, **named
        Further parameters of the library's class.
    data : str, Path or object, optional
        ``queries`` under another name.
    output : str or Path, optional
        Where the folders go; by default ``embedscope`` (or the name) in the folder that the trainer names. Nothing is
        written where neither is given.
    primary : str, optional
        The rank metric that selects the best checkpoint, such as "MRR" or "nDCG@5"; it is measured because it is named.
        By default the library's (``cosine_ndcg@10``), and "MRR" of a data set.
    metrics, max_samples, page, draws, seed, criteria, similarity, keep_self, drop_empty, allow_missing, tell
        As :class:`~embedscope.integrations.training_runs.TrainingRuns` takes them; of the library's three parts
        ``drop_empty`` and ``allow_missing`` are True unless said otherwise. ``tell`` is given the verdict line,
        and prints it by default.

    Raises
    ------
    InputError
        If the data cannot be read, or a name is unknown: when the evaluator is made, not hours later.

    Examples
    --------
    ::

        from embedscope.integrations import EmbedscopeEvaluator

        evaluator = EmbedscopeEvaluator(queries, corpus, relevant_docs, name="rooms")
        evaluator(model)
        trainer = SentenceTransformerTrainer(model, args, train_dataset, loss=loss, evaluator=evaluator)
    """

    name: str  # what the library's constructor sets
    queries_ids: list[Any]
    corpus_ids: list[Any]
    query_prompt: str | None
    query_prompt_name: str | None
    corpus_prompt: str | None
    corpus_prompt_name: str | None

    def __init__(
        self,
        *words: Any,
        data: Any = None,
        output: Any = None,
        primary: str | None = None,
        max_samples: int = 0,
        similarity: str = "model",
        **named: Any,
    ) -> None:
        options, own = _apart(super().__init__, words, named)
        parts = [part for part in PARTS if options.get(part) is not None]
        if data is not None or parts == ["queries"]:
            data = _one_data_set(data, parts, options.pop("queries", None))
            primary = primary or "MRR"
        elif len(parts) < len(PARTS):
            raise InvalidOptionError(
                f"EmbedscopeEvaluator needs {', '.join(PARTS)}, or a data set alone; came {', '.join(parts) or 'none'}."
            )
        else:
            options = {**_defaults_of(super().__init__), **options}
        self._primary = None if primary is None else rank_metric(primary)
        self._runs = TrainingRuns(
            _evaluated(options) if data is None else data,
            name=options.get("name", ""),
            output=output,
            metrics=[
                *own.pop("metrics", ()),
                *_metrics_of(options),
                *([] if self._primary is None else [self._primary]),
            ],
            max_samples=max_samples,
            similarity=_similarity_of(options, similarity),
            # The library takes an empty text for a text, and an unknown document for one that is never found.
            **{"drop_empty": data is None, "allow_missing": data is None, **own},
        )
        if data is not None:
            options = {**_parts_of(self._runs.collection), "write_csv": False, **options}
        elif max_samples:
            sampled = set(self._runs.collection.query_ids)
            options["queries"] = {key: text for key, text in options["queries"].items() if str(key) in sampled}
        super().__init__(**options)
        self._encoded: dict[str, list[Float32Array]] = defaultdict(list)
        self.primary_metric = None if self._primary is None else self._named(self._primary)

    def __call__(
        self, model: Any, output_path: str | None = None, epoch: float = -1, steps: int = -1, *words: Any, **named: Any
    ) -> dict[str, float]:
        """Measure ``model``, write the run, and tell the verdict on it against the first evaluation.

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
            The library's figures (``cosine_ndcg@10``), and embedscope's: rank metrics with the ends of their 95 %
            intervals (``nDCG@10``, ``nDCG@10_low``, ``nDCG@10_high``), ``margin``, ``AUC``, and the violation rate of
            each type of hard negative; all begin with the name. ``primary_metric`` is one of the keys.

        Raises
        ------
        InvalidEmbeddingsError
            If a vector of the model is zero or not finite.
        CheckpointError
            If the model states a distance as its similarity, and the evaluator was not told what to take instead.
        """
        started = time.perf_counter()
        was_training = bool(model.training)
        self._encoded.clear()
        figures: dict[str, float] = super().__call__(model, output_path, epoch, steps, *words, **named)  # type: ignore[misc]
        model.train(was_training)  # encode has turned dropout off
        queries, documents = self._vectors()
        result = self._runs.add(
            queries,
            documents,
            self._facts(model, moment_of(epoch, steps), dim=queries.shape[1]),
            stated=_stated(model),
            folder=self._runs.folder_in(output_path),
            started=started,
            is_main=_is_first_process(),
        )
        figures |= {self._named(key): value for key, value in figures_of(result).items()}
        if self._primary is not None:
            self.primary_metric = self._named(self._primary)
        self.store_metrics_in_model_card_data(model, figures, epoch, steps)  # type: ignore[attr-defined]
        return figures

    def embed_inputs(self, model: Any, sentences: Any, encode_fn_name: str | None = None, **named: Any) -> Any:
        """The library's vectors of texts, of which the run is measured too."""
        vectors = super().embed_inputs(model, sentences, encode_fn_name=encode_fn_name, **named)  # type: ignore[misc]
        self._encoded[encode_fn_name or ""].append(vectors.float().cpu().numpy())
        return vectors

    def _vectors(self) -> tuple[Float32Array, Float32Array]:
        """Of the texts of the collection, in their order: it holds equal texts once."""
        collection = self._runs.collection
        found = []
        for role, ids, wanted in (
            ("query", self.queries_ids, collection.query_ids),
            ("document", self.corpus_ids, collection.document_ids),
        ):
            place = {str(key): row for row, key in enumerate(ids)}
            found.append(np.concatenate(self._encoded.pop(role))[[place[key] for key in wanted]])
        return found[0], found[1]

    def _named(self, key: str) -> str:
        return f"{self.name}_{key}" if self.name else key

    def _facts(self, model: Any, moment: str, *, dim: int) -> ModelFacts:
        base = getattr(getattr(model, "model_card_data", None), "base_model", None)
        prompts = self._prompts(model, moment)
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

    def _prompts(self, model: Any, moment: str) -> PromptChoice:
        """What stood before the texts: what the evaluator was told to put there, else what the model serves."""
        own = OwnPrompts.of(getattr(model, "prompts", None) or {}, getattr(model, "default_prompt_name", None))
        asked = {
            role: text if text is not None else None if name is None else own.by_name.get(name, "")
            for role, text, name in zip(
                ROLES,
                (self.query_prompt, self.corpus_prompt),
                (self.query_prompt_name, self.corpus_prompt_name),
                strict=True,
            )
        }
        if all(text is None for text in asked.values()):
            return choose_prompts(moment, own, {})
        query, document = (own.served(role) if text is None else text for role, text in asked.items())
        return PromptChoice(query, document)


def _apart(library: Any, words: Sequence[Any], named: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """The parameters of the library's constructor by name, and those of `TrainingRuns`."""
    ours = set(inspect.signature(TrainingRuns).parameters) - {"name"}
    own = {key: value for key, value in named.items() if key in ours}
    theirs = {key: value for key, value in named.items() if key not in ours}
    return dict(inspect.signature(library).bind_partial(*words, **theirs).arguments), own


def _defaults_of(library: Any) -> dict[str, Any]:
    parameters = inspect.signature(library).parameters.values()
    return {one.name: one.default for one in parameters if one.default is not inspect.Parameter.empty}


def _one_data_set(data: Any, parts: Sequence[str], queries: Any) -> Any:
    if data is not None and parts:
        raise InvalidOptionError(
            f"EmbedscopeEvaluator was given a data set, and {', '.join(parts)} beside it. Leave one of them out."
        )
    return queries if data is None else data


def _evaluated(options: Mapping[str, Any]) -> dict[str, Any]:
    """The parts as a data set: the queries that have relevant documents, as the library evaluates them."""
    relevant = options["relevant_docs"]
    evaluated = {key: text for key, text in options["queries"].items() if relevant.get(key)}
    return {
        "queries": evaluated,
        "corpus": options["corpus"],
        "relevant_docs": {key: sorted(relevant[key], key=str) for key in evaluated},
    }


def _parts_of(collection: Collection) -> dict[str, Any]:
    """A data set as the parts."""
    documents, indptr = collection.document_ids, collection.indptr
    return {
        "queries": dict(zip(collection.query_ids, collection.queries, strict=True)),
        "corpus": dict(zip(documents, collection.documents, strict=True)),
        "relevant_docs": {
            key: {documents[d] for d in collection.relevant[indptr[row] : indptr[row + 1]]}
            for row, key in enumerate(collection.query_ids)
        },
    }


def _metrics_of(options: Mapping[str, Any]) -> list[str]:
    return [f"{metric}@{k}" for option, metric in MEASURED_AT.items() for k in options.get(option, ())]


def _similarity_of(options: Mapping[str, Any], asked: str) -> str:
    """What embedscope's figures compare by: as asked, else as the library's score functions are called."""
    functions = options.get("score_functions")
    if asked != SimilarityFunction.MODEL or not functions:
        return asked
    main = options.get("main_score_function") or (next(iter(functions)) if len(functions) == 1 else None)
    name = str(getattr(main, "value", main))
    if name in (SimilarityFunction.COSINE, SimilarityFunction.DOT):
        return name
    LOGGER.warning(
        "score_functions (%s): intervals and verdict are by the similarity of the model; similarity='cosine' or 'dot' "
        "names another.",
        ", ".join(map(str, functions)),
    )
    return asked


def _stated(model: Any) -> str | None:
    """The similarity that the model states; None where its library is older than the statement."""
    stated = getattr(model, "similarity_fn_name", None)
    return None if stated is None else str(getattr(stated, "value", stated))


def _is_first_process() -> bool:
    """Whether this is the first, or the only, process of a training."""
    from torch import distributed

    return not (distributed.is_available() and distributed.is_initialized()) or distributed.get_rank() == 0


@cache
def evaluator_class() -> type[Evaluation]:
    """:class:`Evaluation` as an ``InformationRetrievalEvaluator``.

    Raises
    ------
    MissingExtraError
        If sentence-transformers is not installed.
    """
    library = _library_class()
    namespace = {
        "__doc__": Evaluation.__doc__,
        "__module__": "embedscope.integrations",
        "__signature__": _signature(library),
    }
    return type("EmbedscopeEvaluator", (Evaluation, library), namespace)


def _signature(library: Any) -> inspect.Signature:
    """The library's parameters, and embedscope's own after them, by name only."""
    theirs = [
        one.replace(default=None) if one.name in PARTS else one
        for one in inspect.signature(library).parameters.values()
    ]
    of_runs = inspect.signature(TrainingRuns).parameters.values()
    ours = {one.name: one for one in (*of_runs, *inspect.signature(Evaluation).parameters.values())}
    taken = {"words", "named", *(one.name for one in theirs)}
    return inspect.Signature([*theirs, *(one for name, one in ours.items() if name not in taken)])


def _library_class() -> Any:
    """``InformationRetrievalEvaluator``, which moved in version 5.4."""
    for place in ("sentence_transformers.sentence_transformer.evaluation", "sentence_transformers.evaluation"):
        try:
            return import_module(place).InformationRetrievalEvaluator
        except ImportError:
            continue
    raise MissingExtraError(needed_for="EmbedscopeEvaluator", package="sentence-transformers", extra="models")
