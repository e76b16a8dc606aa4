"""The projection head in torch, and as the NumPy projection that evaluates it."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from embedscope.errors import InvalidOptionError
from embedscope.models.projectors import LinearHead, Projection, Truncate
from embedscope.models.weights import as_float32
from embedscope.protocols import Float32Array
from embedscope.settings import Initialisation, TrainSettings
from embedscope.train.pairs import TrainingData

if TYPE_CHECKING:
    import torch

_MAX_PCA_ROWS = 50_000


def new_head(data: TrainingData, settings: TrainSettings, weight: Float32Array | None = None) -> torch.nn.Module:
    """The head before its first step: ``Linear`` of ``weight`` (by default the initial one) without bias, and
    ``LayerNorm`` where asked for.

    Its parameters are named as in the original project: ``head.linear.weight``, ``head.ln.weight``, ``head.ln.bias``.

    Raises
    ------
    InvalidOptionError
        If more principal components are asked for than the base vectors have numbers.
    """
    import torch

    layers: OrderedDict[str, torch.nn.Module] = OrderedDict()
    layers["linear"] = torch.nn.Linear(data.dim, settings.d_out, bias=False)
    if settings.use_layernorm:
        layers["ln"] = torch.nn.LayerNorm(settings.d_out)
    head = torch.nn.Sequential(OrderedDict(head=torch.nn.Sequential(layers)))
    start = initial_weight(data, settings) if weight is None else weight
    head.load_state_dict({"head.linear.weight": torch.from_numpy(start)}, strict=False)
    return head


def initial_weight(data: TrainingData, settings: TrainSettings) -> Float32Array:
    """The linear map before its first step, shape (d_out, dim).

    ``pca``: the strongest principal directions of the base vectors of queries and documents, each with its largest
    entry positive, so that the head starts from the best that its width can keep. ``random``: uniform in
    ``+-1 / sqrt(dim)``, as ``torch.nn.Linear`` begins.
    """
    generator = np.random.default_rng([settings.seed, 0])
    if settings.init is Initialisation.RANDOM:
        bound = 1 / np.sqrt(data.dim)
        return generator.uniform(-bound, bound, (settings.d_out, data.dim)).astype(np.float32)
    if settings.d_out > data.dim:
        raise InvalidOptionError(
            f"--init pca gives at most as many directions as the base vectors have numbers: {data.dim}, but --d-out is "
            f"{settings.d_out}. Pass --init random, or a smaller --d-out."
        )
    return _principal_directions(data, settings.d_out, generator)


def _principal_directions(data: TrainingData, n: int, generator: np.random.Generator) -> Float32Array:
    used = np.unique(np.concatenate([data.positives, data.negatives]))
    rows = np.concatenate([data.query_vectors[np.unique(data.queries)], data.document_vectors[used]])
    if len(rows) > _MAX_PCA_ROWS:
        rows = rows[np.sort(generator.choice(len(rows), _MAX_PCA_ROWS, replace=False))]
    _, directions = np.linalg.eigh(np.cov(rows.astype(np.float64), rowvar=False))
    weight = directions[:, ::-1][:, :n].T  # (n, dim), strongest first
    largest = np.abs(weight).argmax(axis=1)
    signs = np.sign(weight[np.arange(n), largest])
    return np.ascontiguousarray(weight * signs[:, None], dtype=np.float32)


def projection_of(state: Mapping[str, torch.Tensor]) -> LinearHead:
    """The projection of a head's parameters, in NumPy: the code that evaluates a checkpoint from disk."""
    arrays = {name: as_float32(tensor.cpu()) for name, tensor in state.items()}
    return LinearHead(
        arrays["head.linear.weight"], ln_weight=arrays.get("head.ln.weight"), ln_bias=arrays.get("head.ln.bias")
    )


def prefixes_of(settings: TrainSettings) -> tuple[int, ...]:
    """Lengths that the loss is taken at, the whole vector first."""
    return tuple(sorted({settings.d_out, *settings.matryoshka}, reverse=True))


def prefix_of(projection: Projection, size: int) -> Projection:
    """The first ``size`` numbers of what ``projection`` gives before it makes them unit rows."""
    return Projection([*projection.steps, Truncate(size)], dim_in=projection.dim_in)
