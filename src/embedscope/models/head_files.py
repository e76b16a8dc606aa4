"""Weight files that hold a projection head, and perhaps the encoder under it.

The keys under which training scripts put a state dict, and what they record beside it, are data (the tables below); so
are the names of tensors (``head_names``) and of layers (``head_layers``). A file is recognised by its content; the
dimensions of the head are read from its tensors.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import prod
from numbers import Real
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from embedscope.errors import CheckpointError, UnsafeCheckpointError
from embedscope.models.account import combined
from embedscope.models.head_layers import ACTIVATION_CLASSES, Layer, notes_on, read_layers, with_activation
from embedscope.models.head_names import LOSSES, some, sort_names
from embedscope.models.model_folders import Layout
from embedscope.models.modules import activation_name
from embedscope.models.projectors import Normalize, Step
from embedscope.models.weights import (
    EXPECTED,
    VECTOR_KINDS,
    WEIGHT_KINDS,
    FileKind,
    LazyTensors,
    as_float32,
    file_kind,
    plain_weight,
    read_safetensors,
    read_torch_file,
    tensors_of,
    values_within,
)
from embedscope.result import TensorAccount
from embedscope.settings import Activation, Weights

if TYPE_CHECKING:
    import torch

WRAPPER_KEYS = ("model_state_dict", "state_dict", "model", "head_state_dict", "module")
"""Keys under which training scripts put the state dict (``module``: DeepSpeed); one of them may hold tensors."""

CONFIG_KEYS = ("config", "args", "hyper_parameters", "hparams")
"""Keys of what a script was run with (``hyper_parameters``: Lightning); each may hold another, or ``model``."""

BESIDE = {
    **dict.fromkeys(("optim", "optims", "optimizer", "optimizers", "optimiser"), "state of the optimizer"),
    **dict.fromkeys(("scheduler", "schedulers", "sched"), "state of the scheduler"),
    **dict.fromkeys(("rng", "random"), "state of random numbers"),
    **dict.fromkeys(("loops", "callbacks", "sampler", "embedscope"), "state of the training loop"),
    **dict.fromkeys(("history", "metrics"), "history of the training"),
    **dict.fromkeys(LOSSES, "module of the loss"),
}
"""Last word of a key beside the state dict (``lr_scheduler``, ``optimizer_states``) -> the rule that ignores it."""

_MAY_HOLD_LAYERS = ("state of the optimizer", "state of the training loop", "module of the loss")
_STATE_WORDS = {"state", "states", "dict", "dicts", "all"}  # what a key may end in, besides a number

RECORDED_KEYS: dict[str, tuple[str, ...]] = {
    "pooling": ("pooling", "pooling_mode"),
    "max_length": ("max_length", "max_seq_length", "max_len"),
    "base_model": (
        "base_model", "base_model_name", "base_model_name_or_path", "model_name_or_path",
        "pretrained_model_name_or_path",
    ),
    "activation": ("activation", "activation_function"),
    "normalizes_input": ("normalizes_input", "normalize_input", "pre_normalize"),
    "is_residual": ("use_residual", "residual", "is_residual"),
    "query_prompt": ("query_prompt",),
    "document_prompt": ("document_prompt",),
}  # fmt: skip
"""What a checkpoint may record about its training, and under which keys of its config or metadata."""

_MAY_BE_EMPTY = ("query_prompt", "document_prompt")  # trained without one, which is something said
_SWITCHES = ("normalizes_input", "is_residual")


@dataclass(frozen=True, slots=True, eq=False)
class HeadFile:
    """What a weights file holds: a head, what the file records of its training, and every other tensor.

    ``rest`` are the tensors that are neither the head's nor ignored; ``account`` counts all but these.
    """

    layout: Layout
    steps: tuple[Step, ...]
    dim_in: int
    rest: Mapping[str, torch.Tensor]
    account: TensorAccount
    training: Mapping[str, str]
    recorded: Mapping[str, str]
    notes: tuple[str, ...] = ()


def read_head_file(
    path: Path,
    *,
    head_module: str | None = None,
    activation: Activation | None = None,
    weights: Weights = Weights.PLAIN,
) -> HeadFile:
    """The head in the weights file ``path``, and its other tensors.

    Parameters
    ----------
    path : Path
        A torch file or a safetensors file.
    head_module : str, optional
        As ``sort_names`` takes it.
    activation : Activation, optional
        What is applied between the matrices of the head, if the file does not record it.
    weights : Weights
        The weights as they were trained, or their moving average.

    Raises
    ------
    CheckpointError
        If it is no such file, its tensors by name cannot be told apart, or it holds no head that can be applied.
    """
    kind = file_kind(path)
    if kind in VECTOR_KINDS:
        raise CheckpointError(
            f"'{path}' is {kind}, not a checkpoint. If it holds embeddings, pass it with --embeddings."
        )
    if kind not in WEIGHT_KINDS:
        raise CheckpointError(f"'{path}' is {kind}, not a checkpoint. Expected {EXPECTED}.")
    if kind is FileKind.SAFETENSORS:
        tensors, metadata = read_safetensors(path)
        training = {key: text for key, text in metadata.items() if key != "format" and text != "None"}
        layout, state, configs = Layout.HEAD_SAFETENSORS, cast("Mapping[str, torch.Tensor]", tensors), [training]
        beside = TensorAccount(0)
    else:
        stored = read_torch_file(path)
        if not isinstance(stored, Mapping):
            raise CheckpointError(
                f"'{path}' holds a {type(stored).__name__}; expected a state dict, bare or under one of "
                f"{', '.join(WRAPPER_KEYS)}. Embeddings are not read from a pickle: save them with their texts, "
                f"np.savez('vectors.npz', texts=texts, vectors=vectors), and pass that file."
            )
        layout, configs = Layout.STATE_DICT, _configs(stored)
        state, beside = _state_dict(path, stored)
        training = _training(stored, configs)
        configs = [{str(key): value for key, value in stored.items()}, *configs]
    recorded, notes = _recorded(path, configs)
    names = sort_names(str(path), state, head_module=head_module, weights=weights)
    arrays = {name: as_float32(plain_weight(path, stored, state[stored])) for name, stored in names.head.items()}
    try:
        items = read_layers(arrays, names.modules)
        steps = with_activation(items, _activation(path, recorded.get("activation"), activation))
    except UnsafeCheckpointError:
        raise
    except CheckpointError as error:
        raise CheckpointError(f"'{path}' holds a head that cannot be applied. {error}") from error
    normalizes, is_residual = (recorded.get(fact, "").lower() in ("true", "1") for fact in _SWITCHES)
    if is_residual:
        raise CheckpointError(
            f"'{path}' records that its head adds its input to its output, which no head of a file is read to do. "
            f"Encode with your own program, and pass the vectors with --embeddings."
        )
    return HeadFile(
        layout,
        steps=(Normalize(), *steps) if normalizes else steps,
        dim_in=next(item.widths[0] for item in items if isinstance(item, Layer)),
        rest=LazyTensors(names.rest, lambda stored: plain_weight(path, stored, state[stored])),
        account=combined(names.account, beside),
        training=training,
        recorded=recorded,
        notes=(*notes, *names.notes, *notes_on(items)),
    )


def _state_dict(path: Path, stored: Mapping[Any, Any]) -> tuple[Mapping[str, torch.Tensor], TensorAccount]:
    """The tensors by name in ``stored``, bare or wrapped, and how many beside them are ignored by a rule.

    Those of a moving average begin with ``ema.``. ``CheckpointError`` where there are no tensors by name, or others
    beside them that may be the model's too.
    """
    wrapped = next((key for key in WRAPPER_KEYS if _opened(stored.get(key))[0]), None)
    averaged = [key for key in stored if isinstance(key, str) and _is_average(key) and _opened(stored[key])[0]]
    state = _opened(stored[wrapped])[0] if wrapped else tensors_of(stored)
    if not state and not averaged:
        raise CheckpointError(
            f"'{path}' holds no tensors by name: its keys are {some(stored)}. Expected a state dict, bare or under "
            f"one of {', '.join(WRAPPER_KEYS)}."
        )
    used = {wrapped, *averaged, *(() if wrapped else state)}
    beside = {key: value for key, value in stored.items() if key not in used}
    for key in [*([wrapped] if wrapped else []), *averaged]:
        beside |= {f"{key}.{name}": value for name, value in _opened(stored[key])[1].items()}
    held = {key: found for key, value in beside.items() if (found := list(_tensors_within(value)))}
    rules = {key: _ignored_beside(str(key), found) for key, found in held.items()}
    others = [key for key, rule in rules.items() if rule is None]
    if others or len(averaged) > 1:
        places = [wrapped or "its top level", *averaged, *others]
        raise CheckpointError(
            f"'{path}' holds tensors in several places: {', '.join(map(str, places))}. It is not clear which are the "
            f"model: save one state dict of the whole model, alone or under {WRAPPER_KEYS[0]}."
        )
    ignored: Counter[str] = Counter()
    for key, rule in rules.items():
        ignored[str(rule)] += len(held[key])
    average = {f"ema.{name}": tensor for key in averaged for name, tensor in _opened(stored[key])[0].items()}
    return state | average, TensorAccount(0, ignored=dict(ignored))


def _ignored_beside(key: str, tensors: Sequence[Any]) -> str | None:
    """The rule by which ``tensors`` under ``key`` beside the state dict are the training's; None where none fits.

    The last word of the key counts, after what says that it is a state: ``lr_scheduler``, ``cuda_rng_state_all``, and
    neither ``random_projection`` nor ``metric_head``. Where no matrix belongs, one may be a layer.
    """
    words = key.rpartition(".")[2].lower().split("_")
    while len(words) > 1 and (words[-1] in _STATE_WORDS or words[-1].isdecimal()):
        words.pop()
    rule = BESIDE.get(key.rpartition(".")[2].lower()) or BESIDE.get(words[-1])
    has_matrix = any(len(tensor.shape) > 1 for tensor in tensors)
    return rule if rule in _MAY_HOLD_LAYERS or not has_matrix else None


def _is_average(key: str) -> bool:
    return "ema" in key.lower().split("_")


def _opened(value: Any) -> tuple[dict[str, torch.Tensor], dict[str, Any]]:
    """The tensors by name in a mapping, or one level down under a key of ``WRAPPER_KEYS``, and what else is in it."""
    if not isinstance(value, Mapping):
        return {}, {}
    found, inner = tensors_of(value), None
    if not found:
        inside = ((key, tensors_of(value[key])) for key in WRAPPER_KEYS if isinstance(value.get(key), Mapping))
        inner, found = next(((key, tensors) for key, tensors in inside if tensors), (None, {}))
    beside = {str(name): entry for name, entry in value.items() if name != inner and name not in found}
    if inner is not None:
        beside |= {f"{inner}.{name}": entry for name, entry in value[inner].items() if name not in found}
    return found, beside


def _tensors_within(value: Any) -> Iterator[Any]:
    """Every tensor or array of more than one number that is somewhere in ``value``."""
    return (held for held in values_within(value) if hasattr(held, "shape") and prod(held.shape) != 1)


def _configs(stored: Mapping[Any, Any], keys: Sequence[str] = CONFIG_KEYS, *, depth: int = 8) -> list[dict[str, Any]]:
    """What a script was run with: the mappings under ``keys``, and those inside them, as deep as any script has them.

    A pickle may hold a mapping that is inside itself.
    """
    found: list[dict[str, Any]] = []
    for key in keys if depth else ():
        config = stored.get(key)
        config = config if isinstance(config, Mapping) else getattr(config, "__dict__", {})  # of an argparse.Namespace
        if config:
            named = {str(name): value for name, value in config.items()}
            found += [named, *_configs(named, (*CONFIG_KEYS, "model"), depth=depth - 1)]
    return found


def _training(stored: Mapping[Any, Any], configs: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """Numbers and strings beside the state dict, and the entries of the configs as ``config.<name>``."""
    beside = {str(key): _as_text(value) for key, value in stored.items()}
    inside = {f"config.{key}": _as_text(value) for config in configs for key, value in config.items()}
    return {key: text for key, text in (beside | inside).items() if text is not None}


def _as_text(value: Any) -> str | None:
    """A number or a string as text, also a tensor of one number; None for anything else."""
    if hasattr(value, "numel") and value.numel() == 1 and not value.is_meta:
        value = value.item()
    return str(value) if isinstance(value, str | Real) else None


def _recorded(path: Path, configs: Sequence[Mapping[str, Any]]) -> tuple[dict[str, str], list[str]]:
    """What the checkpoint says about its own training, under the names used here, and what is doubtful about it.

    ``CheckpointError`` where it says two things about what decides the vectors.
    """
    recorded: dict[str, str] = {}
    notes = []
    for fact, keys in RECORDED_KEYS.items():
        texts = {key: _as_text(config[key]) for config in reversed(configs) for key in reversed(keys) if key in config}
        found = {
            key: text
            for key, text in reversed(texts.items())
            if text is not None and text.lower() != "none" and (text or fact in _MAY_BE_EMPTY)
        }
        if not found:
            continue
        recorded[fact] = next(iter(found.values()))
        if len({text.lower() for text in found.values()}) > 1:
            said = f"'{path}' records {', '.join(f'{key} {text}' for key, text in found.items())}"
            if fact not in ("max_length", "base_model"):
                raise CheckpointError(f"{said}: it is not clear which one it was trained with. Keep one of them.")
            notes.append(f"{said}: the first is used.")
    return recorded, notes


def _activation(path: Path, recorded: str | None, asked: Activation | None) -> str | None:
    """The class name of the activation that is recorded or asked for; ``CheckpointError`` where the two differ."""
    chosen = None if asked is None else ACTIVATION_CLASSES[asked]
    if recorded is None:
        return chosen
    is_plain = recorded.lower() in set(Activation)
    trained = ACTIVATION_CLASSES[Activation(recorded.lower())] if is_plain else activation_name(recorded, where=path)
    if chosen not in (None, trained):
        raise CheckpointError(
            f"It was trained with the activation {trained}, but --activation asks for {asked}. Leave --activation out."
        )
    return trained
