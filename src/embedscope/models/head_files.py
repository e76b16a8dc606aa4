"""Weight files that hold a projection head, and perhaps the encoder under it.

The accepted layouts are data (the tables below): keys under which training scripts wrap a state dict, name components
that wrappers of a model leave behind, and the names of a head's parameters. A file is recognised by its content; the
dimension of the head is read from its tensor.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from numbers import Real
from pathlib import Path
from typing import TYPE_CHECKING, Any

from embedscope.errors import CheckpointError
from embedscope.models.model_folders import Layout
from embedscope.models.modules import activation_name
from embedscope.models.projectors import LinearHead, Step
from embedscope.models.weights import (
    EXPECTED,
    WEIGHT_KINDS,
    FileKind,
    LazyTensors,
    as_float32,
    file_kind,
    read_safetensors,
    read_torch_file,
    tensors_of,
)

if TYPE_CHECKING:
    import torch

WRAPPER_KEYS = ("model_state_dict", "state_dict", "model", "head_state_dict")
"""Keys under which training scripts put the state dict; the first that holds tensors counts."""

WRAPPER_COMPONENTS = frozenset({"module", "_orig_mod", "_fsdp_wrapped_module", "_checkpoint_wrapped_module"})
"""Name components that DistributedDataParallel, torch.compile, FSDP and activation checkpointing add, at any depth."""

ENCODER_ROOT = "encoder."
"""What the names of the whole encoder begin with in a state dict."""


HEAD_NAMES = {"head.linear": "head.ln", "linear": "ln", "head": "ln", "projection": "ln"}
"""Accepted names of a head's linear map -> of its layer norm; the first is the original project's."""

RECORDED_KEYS: dict[str, tuple[str, ...]] = {
    "pooling": ("pooling", "pooling_mode"),
    "max_length": ("max_length", "max_seq_length", "max_len"),
    "base_model": ("base_model", "base_model_name", "base_model_name_or_path"),
    "activation": ("activation", "activation_function"),
    "normalizes_input": ("normalizes_input", "normalize_input", "pre_normalize"),
    "query_prompt": ("query_prompt",),
    "document_prompt": ("document_prompt",),
}
"""What a checkpoint may record about its training, and under which keys of its config or metadata."""


@dataclass(frozen=True, slots=True, eq=False)
class HeadFile:
    """What a weights file holds: a head, and perhaps the encoder under it."""

    layout: Layout
    steps: tuple[Step, ...]
    dim_in: int
    encoder: Mapping[str, torch.Tensor]
    training: Mapping[str, str]
    recorded: Mapping[str, str]


def read_head_file(path: Path) -> HeadFile:
    kind = file_kind(path)
    if kind in (FileKind.NPZ, FileKind.PARQUET):
        raise CheckpointError(
            f"'{path}' is {kind}, not a checkpoint. If it holds embeddings, pass it with --embeddings."
        )
    if kind not in WEIGHT_KINDS:
        raise CheckpointError(f"'{path}' is {kind}, not a checkpoint. Expected {EXPECTED}.")
    if kind is FileKind.SAFETENSORS:
        tensors, metadata = read_safetensors(path)
        training = {key: text for key, text in metadata.items() if key != "format" and text != "None"}
        return _head_file(path, Layout.HEAD_SAFETENSORS, tensors, training, training)
    stored = read_torch_file(path)
    if not isinstance(stored, Mapping):
        raise CheckpointError(
            f"'{path}' holds a {type(stored).__name__}; expected a state dict, bare or under one of "
            f"{', '.join(WRAPPER_KEYS)}."
        )
    config = stored.get("config", stored.get("args"))
    config = config if isinstance(config, Mapping) else getattr(config, "__dict__", {})  # of an argparse.Namespace
    config = {str(key): value for key, value in config.items()}
    said = {str(key): value for key, value in stored.items()} | config
    return _head_file(path, Layout.STATE_DICT, _state_dict(path, stored), _training(stored, config), said)


def _state_dict(path: Path, stored: Mapping[Any, Any]) -> Mapping[str, torch.Tensor]:
    for inner in (*(stored.get(key) for key in WRAPPER_KEYS), stored):
        if isinstance(inner, Mapping) and tensors_of(inner):
            return tensors_of(inner)
    raise CheckpointError(
        f"'{path}' holds no tensors by name: its keys are {_some(stored)}. Expected a state dict, bare or under "
        f"one of {', '.join(WRAPPER_KEYS)}."
    )


def _head_file(
    path: Path,
    layout: Layout,
    state: Mapping[str, torch.Tensor],
    training: Mapping[str, str],
    config: Mapping[str, Any],
) -> HeadFile:
    names = _plain_names(path, state)
    linear = next((name for name in HEAD_NAMES if f"{name}.weight" in names), None)
    if linear is None:
        first, *others = (f"{name}.weight" for name in HEAD_NAMES)
        raise CheckpointError(
            f"'{path}' has no projection head: expected a matrix named {first} (or {', '.join(others)}); found "
            f"{_some(names)}. A fine-tuned model without a head is passed as its folder (config.json beside the "
            f"weights)."
        )
    recorded = _recorded(config)
    activation = activation_name(recorded["activation"], where=path) if "activation" in recorded else "Identity"
    wanted = (f"{linear}.bias", f"{HEAD_NAMES[linear]}.weight", f"{HEAD_NAMES[linear]}.bias")
    bias, ln_weight, ln_bias = (as_float32(state[names[name]]) if name in names else None for name in wanted)
    try:
        projection = LinearHead(
            as_float32(state[names[f"{linear}.weight"]]),
            bias,
            ln_weight=ln_weight,
            ln_bias=ln_bias,
            activation=activation,
            normalizes_input=recorded.get("normalizes_input", "").lower() in ("true", "1"),
        )
    except CheckpointError as error:
        raise CheckpointError(f"'{path}' holds a head that cannot be applied. {error}") from error
    inside = {name.removeprefix(ENCODER_ROOT): name for name in names if name.startswith(ENCODER_ROOT)}
    encoder = LazyTensors({name: names[plain] for name, plain in inside.items()}, state.__getitem__)
    return HeadFile(layout, projection.steps, projection.dim_in, encoder, dict(training), recorded)


def _plain_names(path: Path, state: Mapping[str, torch.Tensor]) -> dict[str, str]:
    """Names without wrapper components -> names in the file."""
    plain: dict[str, str] = {}
    for stored in state:
        name = ".".join(part for part in stored.split(".") if part not in WRAPPER_COMPONENTS)
        if name in plain:
            raise CheckpointError(
                f"'{path}' holds both '{plain[name]}' and '{stored}', which are the same parameter '{name}' once the "
                f"prefixes of model wrappers are taken off; it is not clear which one counts."
            )
        plain[name] = stored
    return plain


def _training(stored: Mapping[Any, Any], config: Mapping[str, Any]) -> dict[str, str]:
    """Numbers and strings beside the state dict, and the entries of the config as ``config.<name>``."""
    beside = {str(key): _as_text(value) for key, value in stored.items()}
    inside = {f"config.{key}": _as_text(value) for key, value in config.items()}
    return {key: text for key, text in (beside | inside).items() if text is not None}


def _as_text(value: Any) -> str | None:
    """A number or a string as text, also a tensor of one number; None for anything else."""
    if hasattr(value, "numel") and value.numel() == 1:
        value = value.item()
    return str(value) if isinstance(value, str | Real) else None


def _recorded(config: Mapping[str, Any]) -> dict[str, str]:
    """What the checkpoint says about its own training, under the names used here."""
    found = {
        name: _as_text(next((config[key] for key in keys if config.get(key) not in (None, "", "None")), None))
        for name, keys in RECORDED_KEYS.items()
    }
    found |= {name: "" for name in ("query_prompt", "document_prompt") if config.get(name) == ""}  # trained without
    return {name: text for name, text in found.items() if text is not None}


def _some(names: Mapping[Any, Any]) -> str:
    more = f" and {len(names) - 5} more" if len(names) > 5 else ""
    return ", ".join(map(str, list(names)[:5])) + more or "nothing"
