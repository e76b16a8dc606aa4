"""The other heads of BGE-M3: a weight for each token, a vector for each token, and a weighted sum of all scores.

FlagEmbedding keeps them beside the transformer, in ``sparse_linear.pt`` and ``colbert_linear.pt``. The scores are those
of its ``BGEM3FlagModel`` (Chen et al. 2024, "M3-Embedding"), each text on its own, so that no padding counts.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from scipy import sparse

from embedscope.data.collection import Collection
from embedscope.errors import CheckpointError
from embedscope.log import SILENT, Log
from embedscope.metrics.fusion import weights_for
from embedscope.metrics.listing import SCORE
from embedscope.metrics.max_sim import TokenVectors, max_sim
from embedscope.metrics.ranked_lists import RankedLists
from embedscope.models.cache import EmbeddingStore
from embedscope.models.embed import embed_collection
from embedscope.models.encoders import SentenceTransformerEncoder
from embedscope.models.model import Model
from embedscope.models.scorers import as_encoded, ranked_by, scoring, shared_only, sparse_products
from embedscope.models.weights import as_float32, read_weights
from embedscope.protocols import Float32Array, IntArray
from embedscope.result import ModelFacts
from embedscope.settings import Head, ModelSettings

FILES = {Head.SPARSE: "sparse_linear.pt", Head.COLBERT: "colbert_linear.pt"}
"""The file of each head beside the transformer."""

_LEFT_OUT = ("cls_token", "eos_token", "pad_token", "unk_token")
"""Special tokens that have no weight in the sparse head."""


@dataclass(frozen=True, slots=True, eq=False)
class LinearHead:
    """A matrix, and a bias, that the hidden state of a token goes through."""

    weight: Float32Array  # (d_out, d_in)
    bias: Float32Array  # (d_out,)

    def apply(self, hidden: Float32Array) -> Float32Array:
        """``hidden @ weight.T + bias``, shape (tokens, d_out)."""
        return hidden @ self.weight.T + self.bias


@dataclass(frozen=True, slots=True, eq=False)
class HeadOutputs:
    """What the heads make of some texts; None of a head that is not there."""

    weights: Any | None  # CSR (n, vocabulary), float32
    vectors: TokenVectors | None

    def scores_with(self, documents: HeadOutputs) -> list[Float32Array]:
        """The scores of these texts, as queries, with ``documents``: sparse, then ColBERT; each (Q, n)."""
        scores = []
        if self.weights is not None:
            scores.append(sparse_products(self.weights, documents.weights))
        if self.vectors is not None and documents.vectors is not None:
            scores.append(max_sim(self.vectors, documents.vectors, is_mean=True))
        return scores


@dataclass(frozen=True, slots=True, eq=False)
class TokenHeads:
    """An encoder and the heads that stand on its tokens."""

    encoder: SentenceTransformerEncoder
    heads: Mapping[Head, LinearHead]
    batch_size: int

    def outputs(self, texts: Sequence[str], prompt: str) -> HeadOutputs:
        """What the heads make of ``texts`` behind ``prompt``."""
        encoder, left_out = self.encoder.with_prompt(prompt), self.encoder.special_ids(_LEFT_OUT)
        sparse_head, late_head = self.heads.get(Head.SPARSE), self.heads.get(Head.COLBERT)
        weights: list[dict[int, float]] = [{} for _ in texts]
        vectors: list[Float32Array] = [np.zeros((0, 0), np.float32) for _ in texts]
        with scoring(self.encoder.folder.reference, texts):
            for place, ids, hidden in encoder.token_states(as_encoded(texts), batch_size=self.batch_size):
                if sparse_head is not None:
                    weights[place] = token_weights(ids, sparse_head.apply(hidden)[:, 0], left_out)
                if late_head is not None:
                    vectors[place] = _unit(late_head.apply(hidden[1:]))
        n_ids = int(self.encoder.folder.config.get("vocab_size", 0))
        return HeadOutputs(
            None if sparse_head is None else _rows(weights, n_ids),
            None if late_head is None else TokenVectors.of(vectors, len(late_head.bias)),
        )


def lists_of_heads(
    model: Model,
    collection: Collection,
    settings: ModelSettings,
    store: EmbeddingStore | None = None,
    log: Log = SILENT,
) -> RankedLists:
    """The ranked lists of the head that the settings name, or of all three.

    ``sparse``: each token id has the weight ``max relu(w . h + b)`` over its places in the text, special tokens left
    out; ``score[q, d] = sum over the ids of both of weight_q[id] weight_d[id]``. Without a common id a document is not
    returned.

    ``colbert``: the vector of each token but the first is ``W h + b``, made a unit vector;
    ``score[q, d] = mean over the tokens of q of the largest inner product with a token of d``.

    ``all``: ``(w_0 dense + w_1 sparse + w_2 colbert) / (w_0 + w_1 + w_2)``. The weights are 1, 1, 1 where none are
    given, as in FlagEmbedding, whose model card has 0.4, 0.2, 0.4. The dense vectors are those of the store.

    Raises
    ------
    CheckpointError
        If the model is no folder with these heads beside its transformer, or one does not fit it.
    InvalidOptionError
        If there are weights, and not three.
    """
    is_all = settings.head is Head.ALL
    own_weights = () if settings.fuse else settings.fusion_weights
    mixed = weights_for("--head all", ["dense", "sparse", "colbert"], own_weights if is_all else ())
    heads = TokenHeads(*_heads_of(model, settings.head), settings.batch_size)
    facts = _facts(model, settings.head, heads, mixed)
    log.fact("Head", str(facts.head))
    dense = embed_collection(collection, model, store, batch_size=settings.batch_size) if is_all else None
    with log.progress("Encoding", unit="texts") as progress:
        queries = heads.outputs(collection.queries, model.query_prompt)

        def score_block(start: int, texts: Sequence[str]) -> Float32Array:
            scores = queries.scores_with(heads.outputs(texts, model.document_prompt))
            if dense is None:
                return shared_only(scores[0]) if settings.head is Head.SPARSE else scores[0]
            scores = [dense.queries @ dense.documents[start : start + len(texts)].T, *scores]
            total = sum(np.float32(weight) * part for weight, part in zip(mixed, scores, strict=True))
            return np.asarray(total / np.float32(sum(mixed)), dtype=np.float32)

        return ranked_by(score_block, collection, facts, progress)


def token_weights(ids: IntArray, weights: Float32Array, left_out: frozenset[int]) -> dict[int, float]:
    """The largest weight of each token id that has one above 0 and is not left out."""
    found: dict[int, float] = {}
    for number, weight in zip(ids.tolist(), weights.tolist(), strict=True):
        if weight > found.get(number, 0.0) and number not in left_out:
            found[number] = weight
    return found


def _rows(weights: Sequence[Mapping[int, float]], n_ids: int) -> Any:
    """A CSR matrix with a row for each text."""
    indptr = np.concatenate([[0], np.cumsum([len(row) for row in weights])])
    columns = np.array([number for row in weights for number in row], dtype=np.int64)
    values = np.array([weight for row in weights for weight in row.values()], dtype=np.float32)
    return sparse.csr_matrix((values, columns, indptr), shape=(len(weights), n_ids))


def _unit(vectors: Float32Array) -> Float32Array:
    """Rows of length 1; torch.nn.functional.normalize has the same least length."""
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.asarray(vectors / np.maximum(lengths, 1e-12), dtype=np.float32)


def with_heads(facts: ModelFacts) -> ModelFacts:
    """Facts without the note that the heads beside the transformer are not used."""
    return replace(facts, notes=tuple(note for note in facts.notes if not note.startswith(tuple(FILES.values()))))


def _heads_of(model: Model, asked: Head) -> tuple[SentenceTransformerEncoder, dict[Head, LinearHead]]:
    """The encoder of ``model``, and the heads that lie beside its transformer, of those asked for."""
    encoder, name = model.encoder, model.facts.checkpoint
    wanted = list(FILES) if asked is Head.ALL else [asked]
    files = ", ".join(FILES[head] for head in wanted)
    if not isinstance(encoder, SentenceTransformerEncoder) or model.facts.base_model is not None:
        raise CheckpointError(
            f"--head {asked} needs the folder of a model of several heads, with {files}; '{name}' is a "
            f"{model.facts.layout}. Leave --head out to measure its vectors."
        )
    folder = encoder.folder.path
    if missing := [FILES[head] for head in wanted if not (folder / FILES[head]).is_file()]:
        there = [str(head) for head, file in FILES.items() if (folder / file).is_file()]
        raise CheckpointError(
            f"--head {asked} needs {files} in '{folder}', and {', '.join(missing)} is not there: its heads are "
            f"{', '.join(['dense', *there])}. Save the model with the heads that it was trained with."
        )
    width = encoder.folder.hidden_size
    return encoder, {head: _read(folder / FILES[head], width, 1 if head is Head.SPARSE else None) for head in wanted}


def _read(file: Path, width: int | None, n_out: int | None) -> LinearHead:
    """The weight and bias of a head, read as plain tensors; ``CheckpointError`` where they do not fit."""
    tensors = {name: as_float32(tensor) for name, tensor in read_weights(file).items()}
    weight = tensors.get("weight")
    shape = None if weight is None else weight.shape
    if set(tensors) - {"weight", "bias"} or shape is None or len(shape) != 2 or (width or shape[1]) != shape[1]:
        found = ", ".join(f"{name} {tensor.shape}" for name, tensor in tensors.items())
        raise CheckpointError(
            f"'{file}' should hold 'weight', a matrix over {width} numbers, and 'bias'; it holds {found or 'nothing'}."
        )
    bias = tensors.get("bias", np.zeros(shape[0], dtype=np.float32))
    if bias.shape != shape[:1] or (n_out or shape[0]) != shape[0]:
        raise CheckpointError(f"'{file}' holds a weight of shape {shape} and a bias of shape {bias.shape}.")
    if not all(np.isfinite(tensor).all() for tensor in tensors.values()):
        raise CheckpointError(f"'{file}' holds numbers that are not finite: training diverged, or it is damaged.")
    assert weight is not None  # noqa: S101 - its shape is known
    return LinearHead(weight, bias)


def _facts(model: Model, asked: Head, heads: TokenHeads, mixed: Sequence[float]) -> ModelFacts:
    """The facts of the model under the heads that score, which are used after all."""
    said = "dense, sparse and ColBERT, weighted " + ", ".join(f"{weight:g}" for weight in mixed)
    dims = {Head.SPARSE: int(heads.encoder.folder.config.get("vocab_size", 0))}
    if asked is Head.COLBERT:
        dims[asked] = len(heads.heads[asked].bias)
    facts = model.facts if asked is Head.ALL else replace(model.facts, pooling=None, pooling_source=None)
    return replace(
        facts,
        head=said if asked is Head.ALL else f"{'ColBERT' if asked is Head.COLBERT else asked} head",
        dim=dims.get(asked, facts.dim),
        similarity=SCORE,
        notes=with_heads(facts).notes,
    )
