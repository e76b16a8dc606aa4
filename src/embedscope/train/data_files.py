"""What a run is made from, by digests: a resumed run says which of them are others than when it began."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

from embedscope.data.collection import Collection, digest

CHANGED: dict[str, str] = {
    "train": "the training data (another file or content, --split or --seed)",
    "train_order": "the order of the training rows, which decides the batches",
    "valid": "the validation data",
    "base": "the base model (its weights, pooling, length or number format)",
}
"""What has changed where a digest of this name has."""


def digests_of(train: Collection, valid: Collection | None, base: str) -> dict[str, str]:
    """Digests by the names of ``CHANGED``; ``base`` is the fingerprint of the encoder, "" stands for no validation."""
    return {
        "train": digest(train),
        "train_order": _order_digest(train),
        "valid": "" if valid is None else digest(valid),
        "base": base,
    }


def _order_digest(collection: Collection) -> str:
    """SHA-256 over queries and their positives and hard negatives in the order in which they stand."""
    total = hashlib.sha256()
    for text in (*collection.queries, *(collection.documents[d] for d in collection.relevant.tolist())):
        total.update(hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest())
    for column in (collection.indptr, collection.negatives.queries):
        total.update(column.astype("<i8").tobytes())
    for document in collection.negatives.documents.tolist():
        total.update(hashlib.sha256(collection.documents[document].encode("utf-8", "surrogatepass")).digest())
    return total.hexdigest()


def changed(before: Mapping[str, str], now: Mapping[str, str]) -> list[str]:
    """Names of the digests that are others than before; the order of rows is one only where their content is the same.

    What an older checkpoint does not record cannot be held against it.
    """
    names = [name for name in now if name in before and before[name] != now[name]]
    return [name for name in names if not (name == "train_order" and "train" in names)]
