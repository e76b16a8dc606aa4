"""PEFT adapters: every tensor of the adapter's file lands in the model under it, or the adapter is refused."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from embedscope.errors import CheckpointError, UnsafeCheckpointError, importing
from embedscope.models.account import Renaming, account_of, ignored_as, listed, renamings
from embedscope.models.weights import read_object, read_tensors
from embedscope.result import TensorAccount

if TYPE_CHECKING:
    import torch

_FRONT = "base_model.model."
AS_PEFT_SAVES = Renaming(prefix=_FRONT)
"""What PEFT puts before the names of the model that it wraps."""


@dataclass(frozen=True, slots=True)
class PlacedAdapter:
    """The renaming under which an adapter's tensors have their places, and the account of them."""

    account: TensorAccount
    renaming: Renaming
    notes: tuple[str, ...] = ()


def adapter_file(folder: Path) -> Path:
    """The file of the adapter's tensors; ``CheckpointError`` where there is none."""
    files = [folder / name for name in ("adapter_model.safetensors", "adapter_model.bin") if (folder / name).is_file()]
    if not files:
        raise CheckpointError(f"'{folder}' should hold adapter_model.safetensors or adapter_model.bin; it has neither.")
    return files[0]


def place_adapter(model: Any, folder: Path) -> PlacedAdapter:
    """Where the tensors of the adapter in ``folder`` go in ``model``, a transformer on the meta device.

    Raises ``CheckpointError`` where one is missing, fits nowhere or has another shape.
    """
    from peft import get_peft_model_state_dict

    file = adapter_file(folder)
    tensors = read_tensors(file)
    wrapped = _wrapped(model, folder, is_trained=False)
    wanted = {
        name.removeprefix(_FRONT): tuple(tensor.shape)
        for name, tensor in get_peft_model_state_dict(wrapped, save_embedding_layers=False).items()
    }
    best: list[str] = []
    for renaming in renamings(tensors):
        held = {new: tuple(tensors[name].shape) for name in tensors if ignored_as(new := renaming(name)) is None}
        if held == wanted:
            account = account_of(tensors, renaming)
            if renaming == AS_PEFT_SAVES:
                account = TensorAccount(account.n_used, {}, account.ignored)
            return PlacedAdapter(account, renaming, _notes(tensors, account))
        misfit = [f"{what} {listed(names)}" for what, names in _misfit(held, wanted) if names]
        if not best or len(held.keys() & wanted.keys()) > 0:
            best = misfit
    raise CheckpointError(
        f"The tensors of the adapter in '{file}' do not fit the model under it: {', '.join(best)}. PEFT would drop "
        f"what has no place and leave the rest untrained: the vectors would be the base model's. Pass the model that "
        f"the adapter was trained on with --base-model, or merge the adapter and pass the merged model."
    )


def _misfit(
    held: Mapping[str, tuple[int, ...]], wanted: Mapping[str, tuple[int, ...]]
) -> Iterable[tuple[str, list[str]]]:
    both = held.keys() & wanted.keys()
    yield "missing", sorted(wanted.keys() - both)
    yield "without a place", sorted(held.keys() - both)
    yield "of another shape", sorted(name for name in both if held[name] != wanted[name])


def _notes(tensors: Mapping[str, torch.Tensor], account: TensorAccount) -> tuple[str, ...]:
    notes = [f"{count} tensors of the adapter are read {rule}." for rule, count in account.renamed.items()]
    second = [tensor for name, tensor in tensors.items() if "lora_B" in name or "lora_embedding_B" in name]
    if second and not any(bool(tensor.any()) for tensor in second) and all("lora_" in name for name in tensors):
        notes.append("The adapter changes nothing: its second matrices are all zero, as before training.")
    return tuple(notes)


def merge_adapter(model: Any, folder: Path, renaming: Renaming) -> Any:
    """``model`` with the adapter in ``folder`` merged into its weights."""
    from peft import set_peft_model_state_dict

    wrapped = _wrapped(model, folder, is_trained=True)
    tensors = {
        _FRONT + new: tensor
        for name, tensor in read_tensors(adapter_file(folder)).items()
        if ignored_as(new := renaming(name)) is None
    }
    result: Any = set_peft_model_state_dict(wrapped, tensors)
    if result.unexpected_keys:
        raise CheckpointError(f"PEFT found no place for {listed(result.unexpected_keys)} tensors in '{folder}'.")
    return wrapped.merge_and_unload()


def _wrapped(model: Any, folder: Path, *, is_trained: bool) -> Any:
    """``model`` with the adapter's modules in it; their weights are still as they were made."""
    stated = read_object(folder / "adapter_config.json")
    if stated.get("megatron_config"):
        raise UnsafeCheckpointError(
            f"'{folder / 'adapter_config.json'}' was refused: it names a module to be imported."
        )
    with importing("peft", needed_for="Loading a PEFT adapter", extra="peft"):
        from peft import PeftConfig, PeftModel
    config = PeftConfig.from_pretrained(str(folder), local_files_only=True)
    if config.is_prompt_learning:
        raise CheckpointError(
            f"'{folder}' is an adapter of the kind {stated.get('peft_type')}, which puts vectors before the text and "
            f"cannot be merged into the weights. Encode with your own program and pass the vectors with --embeddings."
        )
    config.task_type, config.inference_mode = None, True  # the task is not what the model was trained for, but its use
    if not is_trained and hasattr(config, "init_lora_weights"):
        config.init_lora_weights = True  # others decompose the weights, which have no values on the meta device
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return PeftModel(model, config)
