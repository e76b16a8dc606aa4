"""A run that goes on from a checkpoint, and what it says of all that is no longer as it was when it began."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Self

from embedscope.data.collection import Collection, digest
from embedscope.log import Log
from embedscope.train.checkpoints import CHOSEN, RUN_ID, read_config, read_progress
from embedscope.train.trainer import Progress

CHANGED: dict[str, str] = {
    "train": "the training data (another file or content, --split or --seed)",
    "train_order": "the order of the training rows, which decides the batches",
    "valid": "the validation data",
    "base": "the base model (its weights, pooling, length or number format)",
}
"""What has changed where a digest of this name has."""

HARMLESS = frozenset({
    "epochs", "output_dir", "save_every", "patience", "n_draws", RUN_ID, CHOSEN,
    "data", "valid", "split", "base_model",  # by their content, see CHANGED
})  # fmt: skip
"""Recorded settings that may differ in a resumed run without being said."""


@dataclass(frozen=True, slots=True, eq=False)
class Stopped:
    """A checkpoint to go on from: its state, the digests of what it was made from, and what it says of its run."""

    progress: Progress
    digests: Mapping[str, str]
    config: Mapping[str, Any]

    @classmethod
    def at(cls, path: Path, log: Log) -> Self:
        """The checkpoint at ``path``; raises as ``read_progress``."""
        progress, digests = read_progress(path)
        log.step(f"Resuming from {path}, after epoch {progress.epoch}")
        return cls(progress, digests, read_config(path))

    @property
    def run_id(self) -> str:
        """The run that it is of; "" where it records none."""
        return str(self.config.get(RUN_ID, ""))

    def going_on(self, config: Mapping[str, Any], digests: Mapping[str, str], log: Log) -> Progress:
        """The state to go on from, once ``log`` knows what is not as it was when the run began.

        Figures that were measured on other queries choose no epoch: the choice begins with the next one.
        """
        others = changed(self.digests, digests)
        settings = [
            f"{name} {self.config[name]} -> {value}"
            for name, value in config.items()
            if name in self.config and name not in HARMLESS and self.config[name] != value
        ]
        if named := [*settings, *(CHANGED[name] for name in others)]:
            log.warn(
                f"The resumed run goes on with what is not as it was when it began ({'; '.join(named)}), so it is not "
                f"the run that would have been had it never stopped."
            )
        if ("valid" if digests["valid"] else "train") in others:
            return replace(self.progress, chosen_from=self.progress.epoch + 1, mark=None)
        return self.progress


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
