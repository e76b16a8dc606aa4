"""What a training reads: the collection to train on and the one to validate, and the base vectors of their texts."""

from __future__ import annotations

import time
from dataclasses import dataclass

import numpy as np

from embedscope.data.collection import Collection, describe, ranking_own
from embedscope.data.readers import read_collection
from embedscope.log import Log
from embedscope.models.cache import EmbeddingStore
from embedscope.models.embed import encode_roles
from embedscope.protocols import Float32Array
from embedscope.settings import SimilarityFunction, TrainSettings
from embedscope.train.base import Base
from embedscope.train.pairs import TrainingData, training_data
from embedscope.train.selection import measures_of
from embedscope.train.split import split_collection
from embedscope.train.validation import Validator


@dataclass(frozen=True, slots=True, eq=False)
class Side:
    """A collection, to train on or to validate, with the pooled base vectors of its texts."""

    collection: Collection
    queries: Float32Array
    documents: Float32Array
    similarity: SimilarityFunction = SimilarityFunction.COSINE  # of the base vectors

    def pairs(self, settings: TrainSettings) -> tuple[TrainingData, tuple[str, ...]]:
        """Its pairs, and what is odd about its weights."""
        return training_data(
            self.collection,
            self.queries,
            self.documents,
            use_hard_neg=settings.use_hard_neg,
            keep_zero_weights=settings.keep_zero_weights,
        )

    def validator(self, settings: TrainSettings) -> Validator:
        """Measures heads on its queries."""
        return Validator(
            self.collection,
            self.queries,
            self.documents,
            measures=measures_of(settings),
            seed=settings.seed,
            n_draws=settings.n_draws,
            base_similarity=self.similarity,
        )


def read_collections(settings: TrainSettings, log: Log) -> tuple[Collection, Collection | None]:
    """Training and validation queries: two files, or one file split with every cluster on one side."""
    train, valid = _divided(settings, log)
    if settings.keep_self:
        return ranking_own(train), None if valid is None else ranking_own(valid)
    return train, valid


def _divided(settings: TrainSettings, log: Log) -> tuple[Collection, Collection | None]:
    data = _read(str(settings.data), settings, log)
    if settings.valid is not None:
        valid = _read(settings.valid, settings, log)
        _warn_of_leakage(data, valid, log)
        return data, valid
    if settings.split == 0:
        return data, None
    split = split_collection(data, settings.split, np.random.default_rng([settings.seed, 3]))
    total = int(data.indptr[-1])
    log.step(
        f"Split: {total - split.n_pairs:,} pairs to train, {split.n_pairs:,} to validate "
        f"({len(split.valid.queries):,} queries in {split.n_clusters:,} groups)\n"
        f"       Queries that share a positive or a group stay together: a split by rows would have put "
        f"{split.n_torn:,} pairs into validation whose group is trained on too."
    )
    return split.train, split.valid


def _read(path: str, settings: TrainSettings, log: Log) -> Collection:
    found = read_collection(path, columns=settings.columns, group=settings.group, drop_empty=settings.drop_empty)
    describe(ranking_own(found) if settings.keep_self else found, path, log)
    return found


def _warn_of_leakage(train: Collection, valid: Collection, log: Log) -> None:
    """Validation queries, or their positives, that are trained on make validation look better than it is."""
    queries = len(set(train.queries) & set(valid.queries))
    ours, theirs = ({c.documents[d] for d in c.relevant.tolist()} for c in (train, valid))
    positives = len(ours & theirs)
    if queries or positives:
        log.warn(
            f"{queries:,} of {len(valid.queries):,} validation queries and {positives:,} of {len(theirs):,} of their "
            f"positives stand in the training file too: validation sees what was trained on, and over-fitting less."
        )


def encoded_sides(
    collections: list[Collection], base: Base, store: EmbeddingStore, settings: TrainSettings, log: Log
) -> list[Side]:
    """The pooled base vectors of every text of the collections, each distinct text encoded once."""
    started = time.perf_counter()
    with log.progress("Encoding", unit="texts") as progress:
        found = encode_roles(
            [text for c in collections for text in c.queries],
            [text for c in collections for text in c.documents],
            base,
            store,
            batch_size=settings.encode_batch_size,
            progress=progress,
        )
    seconds = time.perf_counter() - started
    log.step(f"Encoded {found.n_encoded:,} texts, {found.n_cached:,} from the cache, in {seconds:.1f} s")
    queries = np.split(found.queries, np.cumsum([len(c.queries) for c in collections])[:-1])
    documents = np.split(found.documents, np.cumsum([len(c.documents) for c in collections])[:-1])
    return [Side(*side, base.similarity) for side in zip(collections, queries, documents, strict=True)]


def warn_of_other_weights(train: TrainingData, valid: TrainingData, log: Log) -> None:
    """Zeros are placeholders or meant, as each file shows; where the two files differ, so do their losses."""
    if train.has_placeholders == valid.has_placeholders:
        return
    taken = {True: "taken as 1.0, as not filled in", False: "few beside others, and taken at their word"}
    log.warn(
        f"Hard negatives of weight 0 are {taken[train.has_placeholders]}, in the training rows, but "
        f"{taken[valid.has_placeholders]}, in the validation rows: the two losses are not of one kind. Fill the "
        f"weights in, or pass --keep-zero-weights for both."
    )
