"""The encoder inside a checkpoint: is it the base model's, tensor for tensor?

A checkpoint that carries 2.3 GB of unchanged encoder is a head-only checkpoint, and cached base embeddings serve it.
"""

from __future__ import annotations

import hashlib
from collections import ChainMap
from collections.abc import Iterable, Mapping, MutableMapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from embedscope.errors import CheckpointError
from embedscope.models.model_folders import ModelFolder, weight_files
from embedscope.models.weights import LazyTensors, read_tensors
from embedscope.result import TensorAccount

if TYPE_CHECKING:
    import torch

ENCODER_PREFIXES = ("", "model.", "auto_model.", "0.auto_model.", "0.model.", "model.model.", "backbone.")
"""What may stand between ``ENCODER_ROOT`` and the names of the architecture."""

BASE_PREFIXES = ("", "model.", "bert.", "roberta.", "transformer.")
"""What the names in a base model's own weights file may begin with (a file saved with a task head)."""

UNUSED_PARTS = ("position_ids", "token_type_ids", "pooler", "lm_head", "cls", "colbert_linear", "sparse_linear")
"""Buffers and heads that do not touch the last hidden state: neither compared nor required."""


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
    encoder = {name.removeprefix("encoder."): tensor for name, tensor in tensors.items()}
    files = weight_files(base.transformer or base.path)
    tensors = ChainMap(*(cast("MutableMapping[str, torch.Tensor]", read_tensors(file)) for file in files))
    carried, own = _aligned(encoder, tensors)
    missing, unexpected = sorted(own.keys() - carried.keys()), sorted(carried.keys() - own.keys())
    if missing or unexpected:
        raise CheckpointError(
            f"The encoder inside '{path}' is not of the architecture of '{base.reference}' ({base.path}): "
            f"{len(missing)} tensors missing{_first(missing)}, {len(unexpected)} unexpected{_first(unexpected)}. "
            f"Pass the model it was trained from with --base-model."
        )
    if all(_is_equal(path, name, carried[name], own[name]) for name in own):
        return None, TensorAccount(len(own))
    return EncoderState(carried, _digest(carried)), TensorAccount(len(own))


def _aligned(encoder: Mapping[str, torch.Tensor], base: Mapping[str, torch.Tensor]) -> tuple[LazyTensors, LazyTensors]:
    """Both sets of tensors by the names of the architecture: under the prefixes that make most names match."""
    pairs = [
        (_used(encoder, encoder_prefix), _used(base, base_prefix))
        for encoder_prefix in ENCODER_PREFIXES
        for base_prefix in BASE_PREFIXES
    ]
    names, base_names = max(pairs, key=lambda pair: len(pair[0].keys() & pair[1].keys()))
    return LazyTensors(names, encoder.__getitem__), LazyTensors(base_names, base.__getitem__)


def _used(names: Iterable[str], prefix: str) -> dict[str, str]:
    """Names without ``prefix`` -> names, of what reaches the last hidden state; what lacks the prefix is left out."""
    return {
        name.removeprefix(prefix): name
        for name in names
        if name.startswith(prefix) and not is_unused(name.removeprefix(prefix))
    }


def is_unused(name: str) -> bool:
    parts = name.split(".")
    return parts[0] in UNUSED_PARTS or parts[-1] in UNUSED_PARTS


def _is_equal(path: str, name: str, carried: torch.Tensor, own: torch.Tensor) -> bool:
    import torch

    if carried.shape != own.shape:
        raise CheckpointError(
            f"In '{path}' the encoder tensor '{name}' has shape {tuple(carried.shape)}; the base model's has "
            f"{tuple(own.shape)}. Pass the model it was trained from with --base-model."
        )
    return torch.equal(carried.float(), own.float())


def _digest(tensors: Mapping[str, torch.Tensor]) -> str:
    """SHA-256 over names, shapes and float32 values, in the order of names."""
    digest = hashlib.sha256()
    for name in sorted(tensors):
        values = tensors[name].float().contiguous().numpy()
        digest.update(f"{name} {values.shape}".encode())
        digest.update(values.tobytes())
    return digest.hexdigest()


def _first(names: list[str]) -> str:
    return f" (first '{names[0]}')" if names else ""
