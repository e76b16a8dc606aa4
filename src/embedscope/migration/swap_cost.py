"""What the NEW index takes: texts and hours to encode, bytes, or a product where base vectors are stored."""

from __future__ import annotations

import time
from collections.abc import Sequence

import numpy as np

from embedscope.migration.model_swap import SAME, ModelSwap, farthest
from embedscope.models.encoding_rate import encoding_rate, reading_cost
from embedscope.models.model import Model
from embedscope.models.projectors import Linear
from embedscope.result import HeadProduct, MigrationCost
from embedscope.scale.planning import Corpus
from embedscope.settings import MigrateSettings
from embedscope.systems import Embedded

_TIMED_TEXTS, _TIMED_ROWS = 16, 4096


def cost_of(
    swap: ModelSwap,
    documents: Sequence[str],
    old: Embedded,
    new: Embedded,
    chosen: MigrateSettings,
    *,
    batch_size: int,
) -> MigrationCost:
    """The cost of the NEW index for ``chosen.corpus`` documents; by default those of the data set."""
    n = len(documents) if chosen.corpus is None else chosen.corpus
    texts_per_s, source = _rate(documents, new, chosen, batch_size=batch_size)
    n_queries = len(swap.new_queries)
    widths = (swap.old_documents.shape[1], swap.new_documents.shape[1])
    old_bytes, new_bytes = (Corpus(n, n_queries, width, "float32").n_bytes for width in widths)
    return MigrationCost(
        n_documents=n,
        texts_per_s=texts_per_s,
        hours=None if texts_per_s is None else n / texts_per_s / 3600,
        rate_source=source,
        old_bytes=old_bytes,
        new_bytes=new_bytes,
        head=_head_product(swap, old.model, new.model, n),
    )


def _rate(
    documents: Sequence[str], new: Embedded, chosen: MigrateSettings, *, batch_size: int
) -> tuple[float | None, str]:
    """Documents a second that NEW encodes, and where the rate is from."""
    if chosen.encode_rate is not None:
        return chosen.encode_rate, "--encode-rate"
    if new.model is None or new.store is None:
        return None, "NEW is a file of vectors; pass --encode-rate"
    max_length = new.model.facts.max_length
    characters_per_s = encoding_rate(
        new.model.encoder,
        documents[:: -(-len(documents) // _TIMED_TEXTS)],
        max_length=max_length,
        batch_size=batch_size,
        memory=new.store.hashes,
    )
    mean = sum(reading_cost(text, max_length) for text in documents) / len(documents)
    return characters_per_s / mean, "measured on this machine"


def _head_product(swap: ModelSwap, old: Model | None, new: Model | None, n_documents: int) -> HeadProduct | None:
    """The product that gives the NEW index, where both models share the encoder and what stands before a document."""
    if old is None or new is None or old.encoder.fingerprint != new.encoder.fingerprint:
        return None
    if old.document_prompt != new.document_prompt:
        return None
    head = new.projector
    rows = np.random.default_rng(0).standard_normal((_TIMED_ROWS, head.dim_in), dtype=np.float32)
    head.project(rows)
    started = time.perf_counter()
    head.project(rows)
    seconds = (time.perf_counter() - started) * n_documents / _TIMED_ROWS
    n_weights = sum(step.weight.size for step in head.steps if isinstance(step, Linear))
    return HeadProduct(
        dim_in=head.dim_in,
        dim_out=head.dim_out,
        flops=2.0 * n_weights * n_documents,
        seconds=seconds,
        base_bytes=Corpus(n_documents, 1, head.dim_in, "float32").n_bytes,
        is_old_index_enough=old.dim == head.dim_in and _gives_new(swap, new),
    )


def _gives_new(swap: ModelSwap, new: Model) -> bool:
    """Whether the NEW head makes the NEW vectors from the vectors of the OLD index."""
    return farthest(new.projector.project(swap.old_documents), swap.new_documents) <= SAME
