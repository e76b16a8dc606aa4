"""A callback for ``transformers.Trainer``, and so for FlagEmbedding: a run at every evaluation, or at every save.

The library is imported when the class is asked for, so what the class does stands in :class:`Measuring`, and
:func:`callback_class` puts it on top of ``TrainerCallback``.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any, NamedTuple

import numpy as np

from embedscope.errors import InvalidOptionError, importing
from embedscope.integrations.training_runs import TrainingRuns, figures_of, moment_of
from embedscope.protocols import Float32Array
from embedscope.result import ModelFacts, Result

Encode = Callable[[Sequence[str], bool], Any]
"""From texts, and whether they are queries, to vectors of shape (n, dim)."""


class Encoder(NamedTuple):
    """How the model of a trainer encodes, and what is known of that."""

    encode: Encode
    layout: str = "model in training"
    stated: str | None = None  # the similarity that the model states
    query_prompt: str = ""
    document_prompt: str = ""
    max_length: int | None = None


class Measuring:
    """Measures the model in training on a validation set, and logs the figures to wherever the trainer reports.

    The model is measured before the first step, then at every evaluation, or at every save where the trainer evaluates
    nothing, and after the last step. Each time it writes a run folder ``epoch{E}_step{S}``, as
    ``embedscope evaluate`` does, logs rank metrics with the ends of their intervals (``eval_MRR``, ``eval_MRR_low``,
    ``eval_MRR_high``), and tells whether the model is better than before the first step:
    ``VERDICT: WIN | score=...``. At an evaluation the figures are among its metrics, so that
    ``metric_for_best_model="eval_MRR"`` works; a best checkpoint that is loaded at the end is measured again, as
    ``best``, for the last verdict.

    Parameters
    ----------
    trainer : transformers.Trainer
        Whose model is measured; ``runner.trainer`` of FlagEmbedding.
    data : str, Path or object
        Queries, positives, hard negatives, in any form that embedscope reads.
    encode : callable, optional
        ``encode(texts, is_query)`` gives the vectors of a list of texts, shape (n, dim). Not needed where the model is
        a ``SentenceTransformer`` or an embedder of FlagEmbedding.
    batch_size : int
        Texts encoded at a time, where ``encode`` is not given.
    name, output, metrics, max_samples, page, draws, seed, criteria, similarity, keep_self, drop_empty, allow_missing
        As :class:`~embedscope.integrations.training_runs.TrainingRuns` takes them, ``tell`` too; the folder of the
        trainer is its ``output_dir``.

    Raises
    ------
    InputError
        If the data cannot be read, a name is unknown, or ``encode`` is needed: before the training begins.

    Examples
    --------
    ::

        from embedscope.integrations import EmbedscopeCallback

        trainer.add_callback(EmbedscopeCallback(trainer, "data/valid.json"))
    """

    def __init__(
        self,
        trainer: Any,
        data: Any,
        *,
        encode: Encode | None = None,
        batch_size: int = 32,
        name: str = "",
        **options: Any,
    ) -> None:
        super().__init__()
        self._trainer = trainer
        self._encoder = _encoder_of(trainer, batch_size) if encode is None else Encoder(encode)
        self._runs = TrainingRuns(data, name=name, **options)
        self._prefix = f"eval_{name}_" if name else "eval_"
        self._figures: dict[str, float] = {}
        self._step = -1

    def on_train_begin(self, args: Any, state: Any, control: Any, **more: Any) -> None:
        """Measure the model that the training begins with, which the later ones are held against."""
        self._measure()

    def on_evaluate(self, args: Any, state: Any, control: Any, metrics: Any = None, **more: Any) -> None:
        """Measure, and put the figures among those that select the best checkpoint."""
        self._measure()
        if metrics is not None:
            metrics |= self._figures

    def on_save(self, args: Any, state: Any, control: Any, **more: Any) -> None:
        """Measure what was saved, unless that step was measured already."""
        if str(getattr(args.eval_strategy, "value", args.eval_strategy)) == "no":
            self._measure()

    def on_train_end(self, args: Any, state: Any, control: Any, **more: Any) -> None:
        """Measure the model that the training ends with: the last, or the best where that was loaded."""
        best = getattr(state, "best_global_step", None)
        if not args.load_best_model_at_end or best in (None, self._step):
            self._measure()
        else:
            self._run("best")

    def _measure(self) -> None:
        """Measure and log the model as it is, once a step."""
        trainer, state = self._trainer, self._trainer.state
        if state.global_step != self._step:
            self._step = state.global_step
            result = self._run(moment_of(state.epoch or 0.0, state.global_step))
            self._figures = {f"{self._prefix}{key}": value for key, value in figures_of(result).items()}
            trainer.log(dict(self._figures))

    def _run(self, moment: str) -> Result:
        started, trainer, encoder = time.perf_counter(), self._trainer, self._encoder
        queries, documents = self._vectors()
        return self._runs.add(
            queries,
            documents,
            ModelFacts(
                checkpoint=moment,
                layout=encoder.layout,
                dim=queries.shape[1],
                max_length=encoder.max_length,
                device=str(trainer.args.device),
                query_prompt=encoder.query_prompt,
                document_prompt=encoder.document_prompt,
            ),
            stated=encoder.stated,
            folder=self._runs.folder_in(trainer.args.output_dir),
            started=started,
            is_main=trainer.is_world_process_zero(),
        )

    def _vectors(self) -> tuple[Float32Array, Float32Array]:
        """Of the texts of the collection, with dropout off; the model is left as it was."""
        import torch

        model, collection = self._trainer.model, self._runs.collection
        was_training = bool(model.training)
        model.eval()
        try:
            with torch.no_grad():
                queries = _as_array(self._encoder.encode(collection.queries, True), len(collection.queries))
                documents = _as_array(self._encoder.encode(collection.documents, False), len(collection.documents))
        finally:
            model.train(was_training)
        return queries, documents


def _as_array(vectors: Any, n: int) -> Float32Array:
    """Vectors of any kind as float32 of shape (n, dim); raises InvalidOptionError if they are not n rows."""
    if hasattr(vectors, "detach"):
        vectors = vectors.detach().float().cpu().numpy()
    found = np.asarray(vectors, dtype=np.float32)
    if found.ndim != 2 or len(found) != n:
        raise InvalidOptionError(
            f"encode(texts, is_query) should give one vector a text, of shape ({n}, dim); it gave shape {found.shape}."
        )
    return found


def _encoder_of(trainer: Any, batch_size: int) -> Encoder:
    model = trainer.model
    if hasattr(model, "encode_query") and hasattr(model, "encode_document"):
        return _of_sentence_transformers(model, batch_size)
    if hasattr(model, "encode") and hasattr(trainer.data_collator, "passage_max_len"):
        return _of_flag_embedding(trainer, batch_size)
    raise InvalidOptionError(
        f"EmbedscopeCallback does not know how a {type(model).__name__} encodes texts. Pass encode=function, where "
        f"function(texts, is_query) gives one vector a text."
    )


def _of_sentence_transformers(model: Any, batch_size: int) -> Encoder:
    def encode(texts: Sequence[str], is_query: bool) -> Any:
        encoded = model.encode_query if is_query else model.encode_document
        return encoded(list(texts), batch_size=batch_size, show_progress_bar=False)

    prompts = getattr(model, "prompts", None) or {}
    return Encoder(
        encode,
        layout="sentence-transformers model in training",
        stated=model.similarity_fn_name,
        query_prompt=prompts.get("query") or "",
        document_prompt=prompts.get("document") or "",
        max_length=model.max_seq_length,
    )


def _of_flag_embedding(trainer: Any, batch_size: int) -> Encoder:
    """As its collator makes features and its model scores them: instructions, two lengths, the inner product."""
    model, collator = trainer.model, trainer.data_collator
    chosen = getattr(trainer.train_dataset, "args", None)

    def encode(texts: Sequence[str], is_query: bool) -> Any:
        import torch

        found = []
        for start in range(0, len(texts), batch_size):
            batch = texts[start : start + batch_size]
            features = collator.tokenizer(
                [_instructed(text, chosen, "query" if is_query else "passage") for text in batch],
                truncation=True,
                max_length=collator.query_max_len if is_query else collator.passage_max_len,
                padding=True,
                pad_to_multiple_of=collator.pad_to_multiple_of,
                return_tensors="pt",
            )
            found.append(_dense(model.encode(features.to(trainer.args.device))).float().cpu())
        return torch.cat(found)

    return Encoder(
        encode,
        layout="FlagEmbedding model in training",
        stated="dot",
        query_prompt=_instructed("", chosen, "query"),
        document_prompt=_instructed("", chosen, "passage"),
        max_length=collator.passage_max_len,
    )


def _dense(found: Any) -> Any:
    """The whole dense vectors: the first of M3's three kinds, the widest of a Matryoshka list."""
    if isinstance(found, tuple):
        return found[0]
    return max(found, key=lambda one: one.shape[-1]) if isinstance(found, list) else found


def _instructed(text: str, chosen: Any, role: str) -> str:
    """A text with the instruction that it has in training."""
    instruction = getattr(chosen, f"{role}_instruction_for_retrieval", None)
    if instruction is None:
        return text
    return str(getattr(chosen, f"{role}_instruction_format")).format(instruction, text)


@cache
def callback_class() -> type[Measuring]:
    """:class:`Measuring` as a ``TrainerCallback``.

    Raises
    ------
    MissingExtraError
        If transformers is not installed.
    """
    with importing("transformers", needed_for="EmbedscopeCallback", extra="models"):
        from transformers import TrainerCallback
    namespace = {"__doc__": Measuring.__doc__, "__module__": "embedscope.integrations"}
    return type("EmbedscopeCallback", (Measuring, TrainerCallback), namespace)
