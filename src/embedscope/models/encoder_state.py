"""The encoder inside a checkpoint: is it the base model's, tensor for tensor?

A checkpoint that carries 2.3 GB of unchanged encoder is a head-only checkpoint, and cached base embeddings serve it.
"""

from __future__ import annotations

import hashlib
from collections import ChainMap
from collections.abc import Collection, Iterable, Mapping, MutableMapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from embedscope.errors import CheckpointError
from embedscope.models.account import Renaming, account_of, ignored_as, renamings
from embedscope.models.model_folders import ModelFolder, weight_files
from embedscope.models.weights import LazyTensors, read_tensors
from embedscope.result import TensorAccount

if TYPE_CHECKING:
    import torch


_BARE_POOLER = ("albert", "big_bird")
"""Types of models whose pooler is ``pooler.weight``; the others' is ``pooler.dense.weight``."""


@dataclass(frozen=True, slots=True, eq=False)
class EncoderState:
    """Encoder weights that a checkpoint carries and that differ from its base model's."""

    tensors: Mapping[str, torch.Tensor]  # by the names of the architecture, without pooler and buffers
    digest: str


def differing_encoder(
    path: str, tensors: Mapping[str, torch.Tensor], base: ModelFolder
) -> tuple[EncoderState | None, TensorAccount]:
    """The encoder weights of a checkpoint, or None where they are the base model's, and what became of ``tensors``.

    ``tensors`` are all that the head did not take, under their names in the file. ``CheckpointError`` where one of
    them is neither the encoder's nor ignored by a written rule.
    """
    if not tensors:
        return None, TensorAccount(0)
    files = weight_files(base.transformer or base.path)
    held = ChainMap(*(cast("MutableMapping[str, torch.Tensor]", read_tensors(file)) for file in files))
    renaming, carried, own = _aligned(tensors, held)
    missing, unexpected = (
        own.keys() - carried.keys(),
        carried.keys() - own.keys() | _other_poolers(tensors, renaming, base),
    )
    if missing or unexpected:
        raise CheckpointError(
            f"The encoder inside '{path}' is not of the architecture of '{base.reference}' ({base.path}): "
            f"{len(missing)} tensors missing{_first(missing)}, {len(unexpected)} unexpected{_first(unexpected)}. "
            f"Every tensor of the file has to be one of its head or of its encoder. Pass the model it was trained from "
            f"with --base-model, or save the file without what is neither."
        )
    account = account_of(tensors, renaming)
    for name in own:
        _refuse_other_shape(path, name, carried[name], own[name])
    if all(_is_equal(carried[name], own[name]) for name in own):
        return None, TensorAccount(0, account.renamed, {**account.ignored, "equal to the base model": account.n_used})
    return EncoderState(carried, _digest(carried)), account


def _aligned(
    tensors: Mapping[str, torch.Tensor], base: Mapping[str, torch.Tensor]
) -> tuple[Renaming, LazyTensors, LazyTensors]:
    """Both sets of tensors by the names of the architecture: under the renamings that make most names match."""
    pairs = [
        (renaming, _used(tensors, renaming), _used(base, of_base))
        for renaming in renamings(tensors)
        for of_base in renamings(base)
    ]
    renaming, names, own = max(pairs, key=lambda pair: len(pair[1].keys() & pair[2].keys()))
    return renaming, LazyTensors(names, tensors.__getitem__), LazyTensors(own, base.__getitem__)


def _used(names: Iterable[str], renaming: Renaming) -> dict[str, str]:
    """Names under ``renaming`` -> names, of what reaches the last hidden state."""
    return {new: name for name in names if ignored_as(new := renaming(name)) is None}


def _other_poolers(tensors: Mapping[str, torch.Tensor], renaming: Renaming, base: ModelFolder) -> set[str]:
    """Layers of the name of a pooler that are not the architecture's: one linear map of the hidden state on itself."""
    width, front = base.hidden_size, "pooler." if base.config.get("model_type") in _BARE_POOLER else "pooler.dense."
    shapes = {f"{front}weight": (width, width), f"{front}bias": (width,)}
    poolers = {new: name for name in tensors if ignored_as(new := renaming(name)) == "pooler"}
    return {new for new, name in poolers.items() if tuple(tensors[name].shape) != shapes.get(new)}


def _is_equal(carried: torch.Tensor, own: torch.Tensor) -> bool:
    import torch

    return torch.equal(carried.float(), own.float())


def _refuse_other_shape(path: str, name: str, carried: torch.Tensor, own: torch.Tensor) -> None:
    if carried.shape != own.shape:
        raise CheckpointError(
            f"In '{path}' the encoder tensor '{name}' has shape {tuple(carried.shape)}; the base model's has "
            f"{tuple(own.shape)}. Pass the model it was trained from with --base-model."
        )


def _digest(tensors: Mapping[str, torch.Tensor]) -> str:
    """SHA-256 over names, shapes and float32 values, in the order of names."""
    digest = hashlib.sha256()
    for name in sorted(tensors):
        values = tensors[name].float().contiguous().numpy()
        digest.update(f"{name} {values.shape}".encode())
        digest.update(values.tobytes())
    return digest.hexdigest()


def _first(names: Collection[str]) -> str:
    return f" (first '{min(names)}')" if names else ""
