"""Time of a training epoch: on cached vectors, beside encoding every text again; and of the loss, beside a loop.

Claims: 20 epochs on cached vectors take less than a fifth of one epoch that encodes its texts again, and the loss of
a batch with its gradient less than a tenth of one computed row by row.

Encoding again is what a training script does that runs the frozen encoder inside its loop. Here it is given every
advantage: no gradients through the encoder, one call a batch for all its texts, the same head, loss and optimiser. The
one encoding that a cached run needs is timed by itself. Both run in one process, in turn.

    PYTHONPATH=src python benchmarks/train_epoch.py
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from embedscope.cli.demo_command import packaged_model
from embedscope.data.collection import Collection
from embedscope.data.readers import read_collection
from embedscope.data.sample import sample_path
from embedscope.models.embed import encode_texts
from embedscope.protocols import Encoder
from embedscope.settings import TrainSettings
from embedscope.train import TrainingData, info_nce, load_base, train_head, training_data
from embedscope.train.defaults import rate_of
from embedscope.train.head import new_head, prefixes_of
from embedscope.train.loss import prefix_losses
from embedscope.train.pairs import Batch, Batches, epoch_order
from measuring import Claim, alternate, argument_parser, publish, seconds_of

if TYPE_CHECKING:
    import torch

N_EPOCHS = 20
"""Epochs of the cached run: one is too short to be timed."""

CACHED, AGAIN = f"{N_EPOCHS} epochs on cached vectors", "one epoch that encodes every text again"
VECTORISED, LOOPED = "the loss of a batch and its gradient, vectorised", "the same, row by row"

EPOCH_TARGET, LOSS_TARGET = 5.0, 10.0


def epochs_on_vectors(data: TrainingData, settings: TrainSettings) -> None:
    """A whole run: the head made, every batch trained on, the loss of each epoch summed up."""
    train_head(data, settings)


def epoch_that_encodes(collection: Collection, data: TrainingData, settings: TrainSettings, encoder: Encoder) -> None:
    """One epoch of the same run, its vectors made anew for every batch."""
    import torch

    head = new_head(data, settings)
    optimizer = torch.optim.AdamW(head.parameters(), lr=rate_of(settings), weight_decay=settings.weight_decay)
    for batch in Batches(data, settings.batch_size).of(epoch_order(len(data), 1, settings)):
        queries, positives, negatives = (torch.from_numpy(v) for v in encoded_batch(collection, batch, encoder))
        optimizer.zero_grad()
        prefix_losses(
            head(queries),
            head(positives),
            prefixes_of(settings),
            is_false_negative=torch.from_numpy(batch.is_false_negative),
            temperature=settings.temperature,
            negatives=head(negatives),
            weights=torch.from_numpy(batch.weights.astype(np.float32)),
        ).mean().backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(head.parameters(), settings.gradient_clip_norm)
        optimizer.step()


def encoded_batch(collection: Collection, batch: Batch, encoder: Encoder) -> list[np.ndarray]:
    """Pooled vectors of a batch: queries (B, dim), positives (B, dim), hard negatives (B, M, dim), padding zero."""
    is_real = batch.weights > 0
    documents = [collection.documents[d] for d in (*batch.positives, *batch.negatives[is_real])]
    texts = [*(collection.queries[q] for q in batch.queries), *documents]
    vectors = encoder.encode(texts, batch_size=32)
    n = len(batch.queries)
    negatives = np.zeros((*is_real.shape, encoder.dim), dtype=np.float32)
    negatives[is_real] = vectors[2 * n :]
    return [vectors[:n], vectors[n : 2 * n], negatives]


def looped_loss(
    queries: torch.Tensor, positives: torch.Tensor, negatives: torch.Tensor, weights: torch.Tensor, temperature: float
) -> torch.Tensor:
    """Mean loss of a batch, one pair and one direction after the other, with plain exponentials."""
    import torch

    losses = []
    for anchors, others in ((queries, positives), (positives, queries)):
        for i in range(len(anchors)):
            own = (anchors[i] @ others[i] / temperature).exp()
            rest = torch.cat([others[:i], others[i + 1 :]])
            in_batch = (rest @ anchors[i] / temperature).exp().sum()
            hard = (weights[i] * (negatives[i] @ anchors[i] / temperature).exp()).sum()
            losses.append(-torch.log(own / (own + in_batch + hard)))
    return torch.stack(losses).mean()


def loss_candidates(batch_size: int, n_negatives: int, dim: int, seed: int) -> dict[str, Callable[[], object]]:
    """Both ways to the loss of one random batch and its gradient; they agree before they are timed."""
    import torch

    generator = torch.Generator().manual_seed(seed)
    shapes = ((batch_size, dim), (batch_size, dim), (batch_size, n_negatives, dim))
    made = [torch.nn.functional.normalize(torch.randn(shape, generator=generator), dim=-1) for shape in shapes]
    rows = [tensor.requires_grad_() for tensor in made]
    weights = torch.rand((batch_size, n_negatives), generator=generator) + 0.5
    nothing = torch.zeros((batch_size, batch_size), dtype=torch.bool)

    def vectorised() -> torch.Tensor:
        q, p, n = rows
        return info_nce(q, p, is_false_negative=nothing, temperature=0.07, negatives=n, weights=weights).mean()

    def looped() -> torch.Tensor:
        return looped_loss(*rows, weights, 0.07)

    assert abs(float(vectorised().detach()) - float(looped().detach())) < 1e-4
    return {VECTORISED: lambda: vectorised().backward(), LOOPED: lambda: looped().backward()}  # type: ignore[no-untyped-call]


def epoch_claim(path: str, model: str, n_rows: int, repeats: int, seed: int) -> Claim:
    """Seconds of one epoch over the first ``n_rows`` rows, both ways."""
    collection = read_collection(path, split=f"first:{n_rows}")
    base = load_base(model, device="cpu")
    texts: Sequence[str] = (*collection.queries, *collection.documents)
    encoded: list[np.ndarray] = []
    base.encoder.encode(texts[:32], batch_size=32)  # the weights are read here
    once_s = seconds_of(lambda: encoded.append(encode_texts(texts, base.encoder).vectors))
    middle = len(collection.queries)
    data, _ = training_data(collection, encoded[0][:middle], encoded[0][middle:])
    settings = TrainSettings(epochs=N_EPOCHS, select="loss", seed=seed)
    epochs_on_vectors(data, settings)  # what the first use of torch costs belongs to neither
    rounds = alternate(
        {
            CACHED: partial(epochs_on_vectors, data, settings),
            AGAIN: partial(epoch_that_encodes, collection, data, settings, base.encoder),
        },
        repeats=repeats,
        warm_up=False,
    )
    peer = rounds.peer(AGAIN, ours=CACHED)
    return Claim(
        claim=f"{len(data):,} pairs, {len(data.negatives):,} hard negatives, {base.encoder.dim} -> {settings.d_out}",
        ours=rounds.timing(CACHED),
        target=f"{EPOCH_TARGET:g} times quicker, {EPOCH_TARGET * N_EPOCHS:g} times an epoch",
        met=peer.ratio >= EPOCH_TARGET,
        peers=(peer,),
        note=f"An epoch: {peer.ratio * N_EPOCHS:.0f} times quicker. "
        f"The vectors of the {len(texts):,} distinct texts are made once, in {once_s:.1f} s.",
    )


def loss_claim(repeats: int, seed: int) -> Claim:
    """Seconds of one loss with its gradient, both ways."""
    rounds = alternate(loss_candidates(128, 4, 128, seed), repeats=repeats)
    peer = rounds.peer(LOOPED, ours=VECTORISED)
    return Claim(
        claim="128 pairs with 4 hard negatives, 128 numbers a vector",
        ours=rounds.timing(VECTORISED),
        target=f"{LOSS_TARGET:g} times quicker",
        met=peer.ratio >= LOSS_TARGET,
        peers=(peer,),
    )


def main() -> None:
    parser = argument_parser(__doc__, repeats=3)
    parser.add_argument("--data", default=str(sample_path("train")), help="rows to train on (the sample data)")
    parser.add_argument("--model", help="the base model (the packaged all-MiniLM-L6-v2)")
    parser.add_argument("--rows", type=int, default=128, help="rows of an epoch (default: %(default)s)")
    options = parser.parse_args()
    model = options.model or packaged_model()
    claims = [
        epoch_claim(options.data, model, options.rows, options.repeats, options.seed),
        loss_claim(5 * options.repeats, options.seed),
    ]
    publish(claims, options.json)


if __name__ == "__main__":
    main()
