"""What stands between a pooled vector and the vector that is compared: a head, or nothing.

A projection head is a few small matrices. It is applied here in NumPy, so that cached base embeddings serve every
epoch of a training run without torch.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from scipy.special import erf, expit

from embedscope.errors import CheckpointError, InvalidEmbeddingsError
from embedscope.metrics.vectors import compared_rows
from embedscope.protocols import Float32Array

NORM_EPS = 1e-5
"""The default of ``torch.nn.LayerNorm`` and ``torch.nn.BatchNorm1d``, which no layout records."""


def _gelu(x: Float32Array) -> Float32Array:
    return np.asarray(0.5 * x * (1.0 + erf(x / np.sqrt(2.0))), dtype=np.float32)


ACTIVATIONS: dict[str, Callable[[Float32Array], Float32Array]] = {
    "Identity": lambda x: x,
    "Tanh": np.tanh,
    "ReLU": lambda x: np.maximum(x, np.float32(0)),
    "GELU": _gelu,
    "Sigmoid": expit,
}
"""Activation by the class name of ``torch.nn``; GELU is the exact form, ``x * Phi(x)``."""


class Step(Protocol):
    """One layer of a head."""

    def apply(self, vectors: Float32Array) -> Float32Array:
        """Vectors of shape (n, dim_in) to (n, dim_out)."""
        ...

    def dim_out(self, dim_in: int) -> int:
        """Length of an output row; ``CheckpointError`` if ``dim_in`` does not fit."""
        ...

    def digest(self) -> bytes:
        """Bytes that change whenever the step's outputs could."""
        ...


@dataclass(frozen=True, eq=False)
class Linear:
    """``activation(x W' + b)``, plus the input itself where ``is_residual``."""

    weight: Float32Array  # (dim_out, dim_in)
    bias: Float32Array | None = None  # (dim_out,)
    activation: str = "Identity"  # a key of ``ACTIVATIONS``
    is_residual: bool = False

    def __post_init__(self) -> None:
        if self.weight.ndim != 2:
            raise CheckpointError(f"A head's weight must be a matrix (d_out, d_in); it has shape {self.weight.shape}.")
        if self.bias is not None and self.bias.shape != self.weight.shape[:1]:
            raise CheckpointError(
                f"A head's bias has shape {self.bias.shape}, its weight {self.weight.shape}; "
                f"expected ({self.weight.shape[0]},)."
            )
        if self.activation not in ACTIVATIONS:
            raise CheckpointError(
                f"The activation '{self.activation}' is not known; known are {', '.join(ACTIVATIONS)}."
            )
        if self.is_residual and self.weight.shape[0] != self.weight.shape[1]:
            raise CheckpointError(f"A residual head must keep the dimension; its weight is {self.weight.shape}.")

    def apply(self, vectors: Float32Array) -> Float32Array:
        out = vectors @ self.weight.T
        if self.bias is not None:
            out += self.bias
        out = ACTIVATIONS[self.activation](out)
        return out + vectors if self.is_residual else out

    def dim_out(self, dim_in: int) -> int:
        if dim_in != self.weight.shape[1]:
            raise CheckpointError(
                f"The head takes vectors of {self.weight.shape[1]} numbers (its weight is {self.weight.shape[0]} x "
                f"{self.weight.shape[1]}), but it is given vectors of {dim_in}."
            )
        return int(self.weight.shape[0])

    def digest(self) -> bytes:
        bias = b"" if self.bias is None else self.bias.tobytes()
        label = f"linear {self.weight.shape} {self.activation} {self.is_residual}"
        return label.encode() + self.weight.tobytes() + bias


@dataclass(frozen=True, eq=False)
class LayerNorm:
    """``(x - mean) / sqrt(var + eps) * weight + bias`` by row (Ba et al., 2016); moments in float64."""

    weight: Float32Array  # (dim,)
    bias: Float32Array | None = None  # (dim,)

    def __post_init__(self) -> None:
        _require_vectors("layer norm", self.weight, bias=self.bias)

    def apply(self, vectors: Float32Array) -> Float32Array:
        mean = vectors.mean(axis=1, keepdims=True, dtype=np.float64)
        centred = vectors - mean
        variance = np.mean(centred**2, axis=1, keepdims=True)
        out = centred / np.sqrt(variance + NORM_EPS) * self.weight
        return np.asarray(out if self.bias is None else out + self.bias, dtype=np.float32)

    def dim_out(self, dim_in: int) -> int:
        return _norm_width("layer norm", self.weight, dim_in)

    def digest(self) -> bytes:
        bias = b"" if self.bias is None else self.bias.tobytes()
        return f"layernorm {NORM_EPS}".encode() + self.weight.tobytes() + bias


@dataclass(frozen=True, eq=False)
class BatchNorm:
    """``(x - mean) / sqrt(var + eps) * weight + bias`` by column, with the running moments (Ioffe & Szegedy, 2015)."""

    mean: Float32Array  # (dim,)
    variance: Float32Array  # (dim,), 0 or more
    weight: Float32Array | None = None  # (dim,)
    bias: Float32Array | None = None  # (dim,)

    def __post_init__(self) -> None:
        _require_vectors(
            "batch norm", self.mean, running_var=self.variance, weight=self.weight, bias=self.bias, first="running_mean"
        )
        if (self.variance < 0).any():
            raise CheckpointError("The head's batch norm has a running_var below 0, which no variance is.")

    def apply(self, vectors: Float32Array) -> Float32Array:
        out = (vectors - self.mean) / np.sqrt(self.variance.astype(np.float64) + NORM_EPS)
        out = out if self.weight is None else out * self.weight
        return np.asarray(out if self.bias is None else out + self.bias, dtype=np.float32)

    def dim_out(self, dim_in: int) -> int:
        return _norm_width("batch norm", self.mean, dim_in)

    def digest(self) -> bytes:
        arrays = (self.mean, self.variance, self.weight, self.bias)
        return b"|".join([f"batchnorm {NORM_EPS}".encode(), *(b"" if a is None else a.tobytes() for a in arrays)])


def _require_vectors(what: str, values: Float32Array, first: str = "weight", **others: Float32Array | None) -> None:
    """``CheckpointError`` unless ``values`` is one row of numbers and the others are as long."""
    if values.ndim != 1:
        raise CheckpointError(f"The head's {what} should have one {first} a number; its shape is {values.shape}.")
    for name, other in others.items():
        if other is not None and other.shape != values.shape:
            raise CheckpointError(
                f"The head's {what} has a {first} of shape {values.shape} and a {name} of shape {other.shape}; "
                f"they should be equal."
            )


def _norm_width(what: str, values: Float32Array, dim_in: int) -> int:
    if values.shape != (dim_in,):
        raise CheckpointError(f"The head's {what} has weights of shape {values.shape}; its input has {dim_in} numbers.")
    return dim_in


@dataclass(frozen=True)
class Nonlinearity:
    """An activation that stands alone in a head."""

    name: str  # a key of ``ACTIVATIONS``

    def apply(self, vectors: Float32Array) -> Float32Array:
        return ACTIVATIONS[self.name](vectors)

    def dim_out(self, dim_in: int) -> int:
        return dim_in

    def digest(self) -> bytes:
        return f"activation {self.name}".encode()


@dataclass(frozen=True)
class Normalize:
    """Unit rows in the middle of a head; a zero row stays zero here and is refused at the end."""

    def apply(self, vectors: Float32Array) -> Float32Array:
        norms = np.linalg.norm(vectors.astype(np.float64), axis=1, keepdims=True)
        return np.asarray(vectors / np.maximum(norms, 1e-12), dtype=np.float32)

    def dim_out(self, dim_in: int) -> int:
        return dim_in

    def digest(self) -> bytes:
        return b"normalize"


@dataclass(frozen=True)
class Truncate:
    """The first ``dim`` numbers of each row (Matryoshka embeddings)."""

    dim: int

    def apply(self, vectors: Float32Array) -> Float32Array:
        return vectors[:, : self.dim]

    def dim_out(self, dim_in: int) -> int:
        return min(self.dim, dim_in)

    def digest(self) -> bytes:
        return f"truncate {self.dim}".encode()


def ends_normalised(steps: Sequence[Step]) -> bool:
    """Whether the last step makes unit rows."""
    return bool(steps) and isinstance(steps[-1], Normalize)


class Projection:
    """A chain of steps, then unit rows; without steps it is the identity (see ``Identity``).

    ``dim_in`` is the length of a pooled vector. ``is_unit`` is False where vectors are compared by their dot product:
    rows are then left as the last step gives them.

    Raises ``CheckpointError`` if the dimensions of two neighbouring steps do not fit.
    """

    def __init__(self, steps: Sequence[Step], *, dim_in: int, is_unit: bool = True) -> None:
        self.steps = tuple(steps)
        self.is_unit = is_unit
        self.dim_in = self.dim_out = dim_in
        for step in self.steps:
            self.dim_out = step.dim_out(self.dim_out)

    @property
    def fingerprint(self) -> str:
        """Hex digest of every parameter."""
        digest = hashlib.sha256(f"{self.dim_in}{'' if self.is_unit else ' as they are'}".encode())
        for step in self.steps:
            digest.update(hashlib.sha256(step.digest()).digest())
        return digest.hexdigest()

    def project(self, vectors: Float32Array, *, what: str = "text", ids: Sequence[str] | None = None) -> Float32Array:
        """The rows that are compared: what the head gives, made unit rows unless ``is_unit`` is False.

        Parameters
        ----------
        vectors : ndarray of shape (n, dim_in), float32
        what, ids : str, sequence of str
            What a row is, and the id of each row, for messages.

        Returns
        -------
        ndarray of shape (n, dim_out), float32
            Of Euclidean norm 1 (norms taken in float64), or as they are.

        Raises
        ------
        InvalidEmbeddingsError
            If ``vectors`` is not (n, dim_in), or a row is zero or not finite after the head.
        """
        if vectors.ndim != 2 or vectors.shape[1] != self.dim_in:
            raise InvalidEmbeddingsError(
                f"The head takes vectors of shape (n, {self.dim_in}); its input has shape {vectors.shape}."
            )
        projected = np.asarray(vectors, dtype=np.float32)
        for step in self.steps:
            projected = step.apply(projected)
        return compared_rows(projected, is_unit=self.is_unit, what=what, ids=ids)


class LinearHead(Projection):
    """The head of the original project: ``Linear`` [``LayerNorm``], then unit rows.

    Parameters
    ----------
    weight : ndarray of shape (dim_out, dim_in), float32
    bias, ln_weight, ln_bias : ndarray of shape (dim_out,), float32, or None
    activation : str
        A key of ``ACTIVATIONS``, applied after the linear map and before the layer norm.
    normalizes_input : bool
        Whether the pooled vector is made a unit vector first.
    """

    def __init__(
        self,
        weight: Float32Array,
        bias: Float32Array | None = None,
        *,
        ln_weight: Float32Array | None = None,
        ln_bias: Float32Array | None = None,
        activation: str = "Identity",
        normalizes_input: bool = False,
    ) -> None:
        steps: list[Step] = [Normalize()] if normalizes_input else []
        steps.append(Linear(weight, bias, activation))
        if ln_weight is not None:
            steps.append(LayerNorm(ln_weight, ln_bias))
        super().__init__(steps, dim_in=int(weight.shape[-1]))


class Identity(Projection):
    """No head: the pooled vectors, made unit rows unless ``is_unit`` is False."""

    def __init__(self, dim: int, *, is_unit: bool = True) -> None:
        super().__init__((), dim_in=dim, is_unit=is_unit)
