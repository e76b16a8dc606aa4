"""The notebook face: the method names of the original project, on the parts that the command line uses."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from embedscope.decide.criteria import load_criteria
from embedscope.errors import InvalidOptionError
from embedscope.metrics.vectors import similarity_matrix
from embedscope.models.cache import EmbeddingStore
from embedscope.models.embed import encode_texts
from embedscope.models.model import Model, load_model
from embedscope.output.notebook.plots import Plots
from embedscope.output.notebook.shown_result import ShownResult
from embedscope.output.terminal import Terminal
from embedscope.pipeline import TrainingFile, decide, objects_apart, read, result_of
from embedscope.protocols import Float32Array, FloatArray
from embedscope.result import Check, Criteria, Result, Verdict
from embedscope.settings import (
    PROMPTS,
    Activation,
    Device,
    Pooling,
    Precision,
    Settings,
    SimilarityFunction,
    Weights,
)
from embedscope.systems import encode_with, with_baseline

if TYPE_CHECKING:
    from matplotlib.figure import Figure


OF_THE_MODEL = {
    "checkpoint", "embeddings", "base_model", "head_module", "activation", "weights", "pooling", "max_length",
    *PROMPTS, "backend", "precision", "similarity", "cache_dir", "no_cache",
}  # fmt: skip
"""Settings that were decided when the model was loaded."""


class EmbeddingVisualizer:
    """A checkpoint that can encode texts, compare them, and draw what it does with a data set.

    Parameters
    ----------
    model_path : str or Path
        ``.pt``, ``.safetensors``, a sentence-transformers or Hugging Face folder, or a hub name.
    device : {"auto", "cpu", "cuda", "mps"}
    base_model, pooling, max_length, head_module, activation, weights, query_prompt, document_prompt
        As ``--base-model``, ``--pooling`` and so on.
    precision : {"auto", "float32", "float16", "bfloat16"}
        As ``--precision``: number format of the encoder.
    similarity : {"model", "cosine", "dot"}
        As ``--similarity``: what compares two vectors, by default what the model states.
    cache : bool
        Keep vectors on disk, so that a text is encoded once.
    quiet : bool
        Draw no progress bar.

    Examples
    --------
    ::

        viz = EmbeddingVisualizer("checkpoints/bgem3_projection_best.pt")
        result = viz.analyse("data/test.json", max_samples=500)
        viz.plot_tsne(result)                           # shown by the notebook
        viz.plot_top_k_predictions(result, output_path="top_k.png")
    """

    def __init__(
        self,
        model_path: str | Path,
        device: str = "auto",
        *,
        base_model: str | Path | None = None,
        pooling: str | None = None,
        max_length: int | None = None,
        head_module: str | None = None,
        activation: str | None = None,
        weights: str = "plain",
        query_prompt: str | None = None,
        document_prompt: str | None = None,
        precision: str = "auto",
        similarity: str = "model",
        cache: bool = True,
        quiet: bool = False,
    ) -> None:
        for name, value, kind in (
            ("device", device, Device),
            ("precision", precision, Precision),
            ("activation", activation, Activation),
            ("weights", weights, Weights),
            ("similarity", similarity, SimilarityFunction),
        ):
            if value is not None and value not in set(kind):
                raise InvalidOptionError(f"{name} must be one of {', '.join(kind)}, not '{value}'.")
        self._device, self._path = device, model_path
        self._similarity = SimilarityFunction(similarity)
        self._terminal = Terminal(quiet=quiet)
        self._store = EmbeddingStore(warn=self._terminal.warn, is_enabled=cache)
        self.model: Model = load_model(
            model_path,
            base_model=base_model,
            pooling=None if pooling is None else Pooling(pooling),
            max_length=max_length,
            head_module=head_module,
            activation=None if activation is None else Activation(activation),
            weights=Weights(weights),
            query_prompt=query_prompt,
            document_prompt=document_prompt,
            device=Device(device),
            precision=Precision(precision),
            similarity=self._similarity,
            hashes=self._store.hashes,
        )

    @property
    def dim(self) -> int:
        """Length of a vector."""
        return self.model.dim

    def encode_batch(self, texts: Sequence[str], batch_size: int = 32, *, role: str = "query") -> Float32Array:
        """Vectors of shape (len(texts), dim), float32, in the order of ``texts``; with a progress bar.

        Unit vectors, unless the model compares by dot product, where their norms count.
        ``role`` ("query" or "document") chooses the prompt where the model has different ones.
        """
        if role not in ("query", "document"):
            raise InvalidOptionError(f"role must be 'query' or 'document', not '{role}'.")
        prompt = self.model.query_prompt if role == "query" else self.model.document_prompt
        with self._terminal.progress("Encoding", unit="texts") as progress:
            found = encode_texts(
                texts, self.model.encoder, self._store, batch_size=batch_size, progress=progress, prompt=prompt
            )
        return self.model.projector.project(found.vectors, what=role)

    def compute_similarity_matrix(self, query_embs: FloatArray, doc_embs: FloatArray) -> FloatArray:
        """Similarity of shape (Q, N), as the model has it: the cosine (rows need not be normalised) or dot product."""
        return similarity_matrix(query_embs, doc_embs, is_cosine=self.model.projector.is_unit)

    def analyse(self, data: Any, *, max_samples: int = 500, seed: int = 42, **options: Any) -> ShownResult:
        """Everything that ``embedscope visualize`` finds; ``options`` are fields of the settings, by name.

        ``data`` is what `embedscope.run` takes: a path, or an object. The device is that of the encoder, unless
        ``options`` names another.
        """
        if other := OF_THE_MODEL & set(options):
            raise InvalidOptionError(
                f"{min(other)} is an option of EmbeddingVisualizer, whose model is loaded already."
            )
        options, objects = objects_apart({"data": data, **options})
        own = {"max_samples": max_samples, "seed": seed, "device": self._device, "checkpoint": self._path}
        own["similarity"] = self._similarity
        settings = Settings.of(**own | options)
        collection = read(settings, self._terminal, objects.get("data"))
        embedded = encode_with(self.model, self._store, collection, settings, self._terminal)
        embedded = with_baseline(embedded, collection, settings, self._terminal)
        training = TrainingFile.of(settings, self._terminal, objects.get("train"))
        return result_of(collection, embedded, settings, training=training, log=self._terminal)

    def judge(self, result: Result, criteria: str | Criteria = "ranks") -> tuple[tuple[Check, ...], Verdict]:
        """The checklist and the verdict of ``result`` by other criteria than those of its run."""
        chosen = load_criteria(criteria) if isinstance(criteria, str) else criteria
        again = decide(result, Settings(), chosen)
        return again.checklist, again.verdict

    def plot_tsne(self, result: Result, *, output_path: str | Path | None = None) -> Figure:
        """The t-SNE map."""
        return self._draw("tsne", result, output_path)

    def plot_umap(self, result: Result, *, output_path: str | Path | None = None) -> Figure:
        """The UMAP map."""
        return self._draw("umap", result, output_path)

    def plot_similarity_heatmap(self, result: Result, *, output_path: str | Path | None = None) -> Figure:
        """Similarity of queries to positives."""
        return self._draw("heatmap", result, output_path)

    def plot_similarity_distribution(self, result: Result, *, output_path: str | Path | None = None) -> Figure:
        """Densities of positive, negative and hard-negative similarities."""
        return self._draw("distribution", result, output_path)

    def plot_top_k_predictions(self, result: Result, *, output_path: str | Path | None = None) -> Figure:
        """The ten nearest documents of the example queries."""
        return self._draw("top_k", result, output_path)

    def plot_negative_types(self, result: Result, *, output_path: str | Path | None = None) -> Figure:
        """Margins by type of hard negative."""
        return self._draw("negative_types", result, output_path)

    def _draw(self, name: str, result: Result, output_path: str | Path | None) -> Figure:
        figure: Figure = getattr(Plots(result), name)()
        if output_path is not None:
            from embedscope.output.pictures import save

            save(figure, output_path)
        return figure
