"""Epochs of a head on cached vectors on a CUDA device, beside the same training on the processor of that machine.

Claim: with 20,000 pairs of 4 hard negatives each, 1,024 numbers in, 256 out and batches of 1,024 an epoch is at least 3
times as fast on the device, and the losses agree to one in a thousand.

    PYTHONPATH=src python benchmarks/gpu_training.py
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from embedscope.settings import TrainSettings
from embedscope.train import train_head
from embedscope.train.pairs import TrainingData
from gpu_common import chosen_device, gpu_parser, publish, synchronise
from measuring import Claim, alternate


@dataclass(frozen=True, slots=True)
class Size:
    """Of the vectors, the head and a batch."""

    n_pairs: int
    d_in: int
    d_out: int
    batch: int
    epochs: int


LARGE = Size(20_000, 1024, 256, 1024, 3)
SMALL = Size(60, 16, 8, 20, 1)
N_NEGATIVES = 4
ON_DEVICE, ON_CPU = "on the device", "on the processor"


def random_pairs(size: Size, seed: int) -> TrainingData:
    """Positives near their queries, hard negatives at random, among as many documents as queries."""
    generator = np.random.default_rng(seed)
    queries = generator.standard_normal((size.n_pairs, size.d_in), dtype=np.float32)
    numbers = np.arange(size.n_pairs)
    return TrainingData(
        query_vectors=queries,
        document_vectors=queries + generator.standard_normal(queries.shape, dtype=np.float32),
        queries=numbers,
        positives=numbers,
        indptr=np.arange(0, (size.n_pairs + 1) * N_NEGATIVES, N_NEGATIVES),
        negatives=generator.integers(0, size.n_pairs, size.n_pairs * N_NEGATIVES),
        weights=np.ones(size.n_pairs * N_NEGATIVES),
    )


def training_claim(size: Size, device: str, repeats: int, seed: int) -> Claim:
    """The same epochs in turn, the vectors brought to the device each time."""
    data = random_pairs(size, seed)
    settings = TrainSettings(
        epochs=size.epochs, batch_size=size.batch, d_out=size.d_out, learning_rate=1e-3, seed=seed, select="loss"
    )
    losses: dict[str, float] = {}

    def train(label: str, where: str) -> None:
        losses[label] = float(train_head(data, settings, device=where)[1].epochs[-1].train_loss)
        synchronise(where)

    rounds = alternate(
        {ON_DEVICE: lambda: train(ON_DEVICE, device), ON_CPU: lambda: train(ON_CPU, "cpu")}, repeats=repeats
    )
    peer = rounds.peer(ON_CPU, ours=ON_DEVICE)
    differs = abs(losses[ON_DEVICE] / losses[ON_CPU] - 1)
    return Claim(
        claim=f"{size.epochs} epochs of a head on {size.n_pairs:,} pairs, {size.d_in} -> {size.d_out}, on a device",
        ours=rounds.timing(ON_DEVICE),
        peers=(peer,),
        target="at least 3 times as fast as on the processor, losses within one in a thousand",
        met=peer.ratio >= 3 and differs < 1e-3,
        note=f"The last losses differ by {differs:.1g} of their value.",
    )


def main() -> None:
    options = gpu_parser(__doc__, repeats=3).parse_args()
    device = chosen_device(is_quick=options.quick)
    size, repeats = (SMALL, 1) if options.quick else (LARGE, options.repeats)
    claims = [] if device is None else [training_claim(size, device, repeats, options.seed)]
    publish(claims, device, options)


if __name__ == "__main__":
    main()
