"""Sparse and late-interaction models of sentence-transformers: every document scored against every query, in blocks.

sentence-transformers encodes; the products are formed here. Vectors of tokens are not kept: they are some hundred times
as large as the vector of a text.
"""

from __future__ import annotations

import hashlib
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, fields, replace
from importlib import import_module
from typing import Any

import numpy as np
from scipy import sparse

from embedscope.data.collection import Collection
from embedscope.errors import CheckpointError, EmbedscopeError, InvalidOptionError, importing
from embedscope.log import SILENT, Log
from embedscope.machine import is_out_of_memory, resolve_device, resolve_dtype
from embedscope.metrics.listing import SCORE, lists_of_blocks
from embedscope.metrics.max_sim import TokenVectors, max_sim
from embedscope.metrics.ranked_lists import RankedLists
from embedscope.models.account import listed, may_be_missing
from embedscope.models.encoders import encodable, loading, quiet_transformers, refuse_numbers_that_are_not_finite
from embedscope.models.fingerprints import hash_file
from embedscope.models.model_folders import Layout, ModelFolder, has_position_table, position_capacity, weight_files
from embedscope.models.prompts import OwnPrompts, choose_prompts
from embedscope.models.tensor_placement import stored_types
from embedscope.protocols import Float32Array, ProgressCallback
from embedscope.result import ModelFacts, TensorAccount
from embedscope.settings import ModelSettings, flag

BLOCK_TOKENS = 1 << 16
"""Bound of the tokens of a block of documents: 256 MiB of float32 where a token has 1,024 numbers."""

_FRAME_TOKENS = 8
"""More than any tokenizer puts around a text."""

_CLASSES = {
    Layout.SPARSE: ("sentence_transformers", "SparseEncoder"),
    Layout.LATE_INTERACTION: ("sentence_transformers", "MultiVectorEncoder"),
    Layout.CROSS_ENCODER: ("sentence_transformers", "CrossEncoder"),
}

_OF_ONE_VECTOR = ("head", "base_model", "pooling", "head_module", "activation", "weights", "similarity", "backend")
"""Options that only models of one vector a text have."""

ScoreBlock = Callable[[int, Sequence[str]], Float32Array]
"""The row of a first document, and the texts from it on, to the scores of all queries with them, shape (Q, n)."""


@dataclass(frozen=True, slots=True, eq=False)
class Scorer:
    """A model of sentence-transformers, loaded, and the facts that are shown."""

    model: Any
    folder: ModelFolder
    facts: ModelFacts
    batch_size: int

    def encoded(self, texts: Sequence[str], *, are_queries: bool, **options: Any) -> Any:
        """What ``encode_query`` or ``encode_document`` gives for ``texts``, behind the prompt of their role."""
        encode = self.model.encode_query if are_queries else self.model.encode_document
        with scoring(self.folder.reference, texts):
            return encode(as_encoded(texts), batch_size=self.batch_size, show_progress_bar=False, **options)


def load_scorer(folder: ModelFolder, settings: ModelSettings, *, max_length: int | None = None) -> Scorer:
    """The model in ``folder``, loaded by sentence-transformers without any code of its own.

    Raises
    ------
    CheckpointError
        If it cannot be loaded, or a weight of its architecture is in no file.
    InvalidOptionError
        If ``max_length`` is more than it has positions for, or a prompt is named that there is not.
    """
    device = resolve_device(settings.device)
    dtype = resolve_dtype(device, str(folder.config["model_type"]), settings.precision)
    home, name = _CLASSES[folder.layout]
    with importing("sentence-transformers", needed_for=f"Loading a {folder.layout}", extra="models"):
        own_class = getattr(import_module(home), name, None)
    if own_class is None:
        raise CheckpointError(f"'{folder.reference}' needs {name} of a newer sentence-transformers: pip install -U it.")
    with quiet_transformers(), loading(folder, device):
        trusted: dict[str, Any] = {"trust_remote_code": False, "local_files_only": True}
        model = own_class(str(folder.path), device=device, model_kwargs={"dtype": dtype}, **trusted).eval()
        _refuse_made_up_weights(folder, model)
        refuse_numbers_that_are_not_finite(model, folder, dtype)
    _limit(model, folder, max_length)
    return Scorer(model, folder, _facts(folder, model, device, dtype), settings.batch_size)


def _refuse_made_up_weights(folder: ModelFolder, model: Any) -> None:
    """transformers fills what a file lacks with random numbers; it says so when it is asked on the meta device."""
    transformer = model[0].model
    *_, report = type(transformer).from_pretrained(
        str(folder.transformer),
        output_loading_info=True,
        ignore_mismatched_sizes=True,
        device_map={"": "meta"},
        local_files_only=True,
        trust_remote_code=False,
    )
    missing = [name for name in report["missing_keys"] if not may_be_missing(name)]
    missing += [name for name, *_ in report["mismatched_keys"]]
    if missing:
        raise CheckpointError(
            f"'{folder.reference}' ({folder.transformer}) lacks {listed(missing)} weights of its architecture, "
            f"{type(transformer).__name__}, or has them in another shape; transformers would make them up. Pass the "
            f"folder as it was saved after training."
        )


def _limit(model: Any, folder: ModelFolder, max_length: int | None) -> None:
    """Cut texts to ``max_length`` tokens where that is asked for, and to the positions that there are."""
    capacity = position_capacity(folder.config)
    if max_length is not None and capacity is not None and max_length > capacity:
        raise InvalidOptionError(f"--max-length is {max_length}; '{folder.reference}' takes 1 to {capacity} tokens.")
    own = getattr(model, "max_seq_length", None)
    if max_length is not None:
        model.max_seq_length = max_length
    elif capacity is not None and has_position_table(folder.config) and (own is None or own > capacity):
        model.max_seq_length = capacity


def _facts(folder: ModelFolder, model: Any, device: str, dtype: str) -> ModelFacts:
    length = getattr(model, "max_seq_length", None)
    return ModelFacts(
        checkpoint=folder.reference,
        layout=folder.layout.value,
        dim=0,
        max_length=length if isinstance(length, int) and length < 1_000_000 else None,
        device=device,
        dtype=dtype,
        fingerprint=fingerprint_of(folder),
        similarity=SCORE,
        tensors=TensorAccount(len(stored_types(folder)) + folder.n_module_tensors),
    )


def fingerprint_of(folder: ModelFolder) -> str:
    """SHA-256 over the weights and settings of a folder."""
    files = {*weight_files(folder.transformer or folder.path), *folder.path.rglob("*.json")}
    files |= {file for module in folder.encoder_modules for file in module.folder.glob("*") if file.is_file()}
    lines = (f"{file.relative_to(folder.path)} {hash_file(file)}\n" for file in sorted(files))
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def lists_of_folder(
    folder: ModelFolder, collection: Collection, settings: ModelSettings, log: Log = SILENT
) -> RankedLists:
    """The ranked lists of a sparse or late-interaction model; raises as `load_scorer`."""
    scorer = _with_prompts(load_scorer(folder, settings, max_length=settings.max_length), settings)
    make = _sparse_scores if folder.layout is Layout.SPARSE else _late_scores
    score_block, dim = make(scorer, collection.queries)
    facts = replace(scorer.facts, dim=dim)
    log.model(facts)
    with log.progress("Encoding", unit="texts") as progress:
        return ranked_by(score_block, collection, facts, progress)


def _with_prompts(scorer: Scorer, settings: ModelSettings) -> Scorer:
    """``scorer`` with the prompts that are measured: as asked, or as it serves them."""
    model, folder = scorer.model, scorer.folder
    own = OwnPrompts.of(model.prompts, model.default_prompt_name)
    asked = {"query": settings.query_prompt, "document": settings.document_prompt}
    chosen = choose_prompts(folder.reference, own, asked, names=folder.names)
    model.prompts = {"query": chosen.query, "document": chosen.document}
    unused = [
        flag(f.name) for f in fields(settings) if f.name in _OF_ONE_VECTOR and getattr(settings, f.name) != f.default
    ]
    notes = [f"{', '.join(unused)}: for models of one vector a text, and not applied."] if unused else []
    facts = replace(
        scorer.facts, query_prompt=chosen.query, document_prompt=chosen.document, notes=(*chosen.notes, *notes)
    )
    return replace(scorer, facts=facts)


def ranked_by(
    score_block: ScoreBlock, collection: Collection, facts: ModelFacts, progress: ProgressCallback
) -> RankedLists:
    """Every query of ``collection`` against every document, a block of documents at a time."""

    def blocks() -> Iterator[tuple[int, Float32Array]]:
        progress(0, len(collection.documents))
        for start, texts in text_blocks(collection.documents, facts.max_length):
            yield start, score_block(start, texts)
            progress(start + len(texts), len(collection.documents))

    return lists_of_blocks(blocks(), len(collection.queries), len(collection.documents), facts, collection.own)


def text_blocks(texts: Sequence[str], max_length: int | None) -> Iterator[tuple[int, Sequence[str]]]:
    """Stretches of ``texts`` of at most ``BLOCK_TOKENS`` tokens, or of one text, each with the place of its first.

    No tokenizer makes more tokens of a text than it has bytes in its decomposed form.
    """
    start, n_tokens = 0, 0
    for place, text in enumerate(texts):
        most = len(unicodedata.normalize("NFKD", text).encode(errors="replace")) + _FRAME_TOKENS
        own = most if max_length is None else min(most, max_length)
        if place > start and n_tokens + own > BLOCK_TOKENS:
            yield start, texts[start:place]
            start, n_tokens = place, 0
        n_tokens += own
    if start < len(texts):
        yield start, texts[start:]


def as_encoded(texts: Sequence[str]) -> list[str]:
    """``texts`` as every encoder is given them: in Unicode NFC, without half characters."""
    return [encodable(unicodedata.normalize("NFC", text)) for text in texts]


@contextmanager
def scoring(reference: str, texts: Sequence[Any]) -> Iterator[None]:
    """What tokenizers and torch raise while ``texts`` are encoded, as an error of ours."""
    try:
        yield
    except Exception as error:
        if isinstance(error, EmbedscopeError):
            raise
        if is_out_of_memory(error):
            raise EmbedscopeError(
                f"'{reference}': a batch does not fit into memory. Pass a smaller --batch-size, or a smaller "
                f"--max-length to cut texts shorter."
            ) from error
        raise CheckpointError(
            f"'{reference}' cannot encode {len(texts)} texts, the first {str(texts[0])[:60]!r}: "
            f"{type(error).__name__}: {str(error)[:300]}"
        ) from error


# --- sparse vectors -----------------------------------------------------------------------------------------------


def _sparse_scores(scorer: Scorer, queries: Sequence[str]) -> tuple[ScoreBlock, int]:
    """Dot products (or cosines, where the model states them) of sparse vectors, and how long the vectors are."""
    similarity = str(scorer.model.similarity_fn_name)
    if similarity not in ("dot", "cosine"):
        raise CheckpointError(
            f"'{scorer.folder.reference}' compares its vectors by '{similarity}'; sparse vectors are compared here by "
            f"dot product and cosine."
        )

    def rows(texts: Sequence[str], *, are_queries: bool) -> Any:
        found = scorer.encoded(texts, are_queries=are_queries, save_to_cpu=True).coalesce()
        places, values = found.indices().numpy(), found.values().float().numpy()
        matrix = sparse.csr_matrix((values, (places[0], places[1])), shape=tuple(found.shape))
        return unit_rows(matrix) if similarity == "cosine" else matrix

    own = rows(queries, are_queries=True)
    return lambda start, texts: shared_only(sparse_products(own, rows(texts, are_queries=False))), own.shape[1]


def unit_rows(matrix: Any) -> Any:
    """The rows of a CSR matrix divided by their lengths; an empty row stays empty."""
    lengths = np.sqrt(np.asarray(matrix.multiply(matrix).sum(axis=1)).reshape(-1))
    return sparse.diags(1.0 / np.where(lengths > 0, lengths, 1.0), dtype=np.float32) @ matrix


def sparse_products(queries: Any, documents: Any) -> Float32Array:
    """Products of the rows of two CSR matrices, shape (Q, n), float32."""
    return np.asarray((queries @ documents.T).toarray(), dtype=np.float32)


def shared_only(scores: Float32Array) -> Float32Array:
    """``scores`` with minus infinity for 0: an inverted index returns no document without a token of the query."""
    return np.where(scores == 0.0, np.float32(-np.inf), scores)


# --- late interaction ---------------------------------------------------------------------------------------------


def _late_scores(scorer: Scorer, queries: Sequence[str]) -> tuple[ScoreBlock, int]:
    """MaxSim of token vectors, the sum or the mean over the tokens of a query, and the length of such a vector."""
    dim = int(scorer.model.get_embedding_dimension())
    is_mean = str(scorer.model.similarity_fn_name) == "meanmaxsim"

    def tokens(texts: Sequence[str], *, are_queries: bool) -> TokenVectors:
        found = scorer.encoded(texts, are_queries=are_queries, convert_to_numpy=True)
        return TokenVectors.of([matrix.astype(np.float32, copy=False) for matrix in found], dim)

    own = tokens(queries, are_queries=True)
    return lambda start, texts: max_sim(own, tokens(texts, are_queries=False), is_mean=is_mean), dim
