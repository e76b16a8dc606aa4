"""PEFT adapters: every tensor of the adapter's file lands in the model under it, or the adapter is refused."""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from embedscope.errors import CheckpointError, UnsafeCheckpointError, importing
from embedscope.models.account import Renaming, account_of, ignored_as, listed, renamings
from embedscope.models.weights import read_object, read_weights
from embedscope.result import TensorAccount

if TYPE_CHECKING:
    import torch

AS_PEFT_SAVES = Renaming(prefix="base_model.model.")
"""What PEFT puts before the names of the model that it wraps."""

_OWN_PROGRAM = "Encode with your own program and pass the vectors with --embeddings."


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
    file = adapter_file(folder)
    tensors = read_weights(file)
    wrapped = _wrapped(model, folder, is_trained=False)
    needed, known = (_places(wrapped, embeddings=embeddings) for embeddings in (False, True))
    misfits: list[dict[str, list[str]]] = []
    for renaming in renamings(tensors):
        held = {new: name for name in tensors if (new := renaming(name)) in known or ignored_as(new) is None}
        misfits.append(
            {
                "missing": sorted(needed.keys() - held),
                "without a place": sorted(held.keys() - known),
                "of another shape": sorted(
                    new for new in held.keys() & known if tensors[held[new]].shape != known[new][1]
                ),
            }
        )
        if not any(misfits[-1].values()):
            account = account_of(tensors, renaming)
            if renaming == AS_PEFT_SAVES:
                account = TensorAccount(account.n_used, {}, account.ignored)
            return PlacedAdapter(account, renaming, _notes(tensors, account))
    best = min(misfits, key=lambda misfit: sum(map(len, misfit.values())))
    found = ", ".join(f"{what} {listed(names)}" for what, names in best.items() if names)
    raise CheckpointError(
        f"The tensors of the adapter in '{file}' do not fit the model under it: {found}. PEFT would drop "
        f"what has no place and leave the rest untrained: the vectors would be the base model's. Pass the model that "
        f"the adapter was trained on with --base-model, or merge the adapter and pass the merged model."
    )


def _places(wrapped: Any, *, embeddings: bool) -> dict[str, tuple[str, Any]]:
    """Names in an adapter's file, without PEFT's own prefix -> name and shape in PEFT's state of ``wrapped``.

    ``embeddings`` adds those of the base model, which ``save_embedding_layers`` stores beside the adapter.
    """
    from peft import get_peft_model_state_dict

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        state = get_peft_model_state_dict(wrapped, save_embedding_layers=embeddings)
    return {AS_PEFT_SAVES(name): (name, tensor.shape) for name, tensor in state.items()}


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
    places = _places(wrapped, embeddings=True)
    tensors = {
        places[new][0]: tensor
        for name, tensor in read_weights(adapter_file(folder)).items()
        if (new := renaming(name)) in places
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
    _refuse_unmergeable(folder, stated)
    with importing("peft", needed_for="Loading a PEFT adapter", extra="peft"):
        from peft import PeftConfig, PeftModel
    try:
        config = PeftConfig.from_pretrained(str(folder), local_files_only=True)
        if config.is_prompt_learning:
            raise CheckpointError(
                f"'{folder}' is an adapter of the kind {stated.get('peft_type')}, which puts vectors before the text "
                f"and cannot be merged into the weights. {_OWN_PROGRAM}"
            )
        config.task_type, config.inference_mode = None, True  # the task is not what it was trained for, but its use
        if not is_trained and hasattr(config, "init_lora_weights"):
            config.init_lora_weights = True  # others decompose the weights, which have no values on the meta device
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            wrapped = PeftModel(model, config)
    except (ValueError, TypeError, KeyError, AttributeError, ImportError) as error:
        raise CheckpointError(
            f"PEFT cannot put the adapter in '{folder}' over the model under it: {_plain(error)} "
            f"Pass the model that the adapter was trained on with --base-model, or merge the adapter and pass that."
        ) from error
    _refuse_shared(folder, wrapped)
    return wrapped


def _plain(error: Exception) -> str:
    return f"{type(error).__name__}: {str(error).rstrip('. ')}."


def _refuse_unmergeable(folder: Path, stated: Mapping[str, Any]) -> None:
    """Refuse an adapter that repeats layers, and one of a class that is not of a known library."""
    if stated.get("layer_replication"):
        raise CheckpointError(
            f"'{folder / 'adapter_config.json'}' states layer_replication: the adapter repeats layers of its model, "
            f"each time with other weights, and cannot be merged into them. {_OWN_PROGRAM}"
        )
    mapping = stated.get("auto_mapping") or {}
    home = mapping.get("parent_library") if isinstance(mapping, Mapping) else mapping
    if home is not None and str(home).split(".")[0] not in ("transformers", "sentence_transformers"):
        raise CheckpointError(
            f"'{folder / 'adapter_config.json'}' states an auto_mapping to '{home}': the adapter was trained on a "
            f"class of another library, which may compute something else from the same weights. {_OWN_PROGRAM}"
        )


def _refuse_shared(folder: Path, wrapped: Any) -> None:
    """A weight that an adapted layer shares with another cannot be merged: the other would change too."""
    from peft.tuners.tuners_utils import BaseTunerLayer

    holders = Counter(id(weight) for module in wrapped.modules() for weight in module.parameters(recurse=False))
    shared = [
        name
        for name, module in wrapped.named_modules()
        if isinstance(module, BaseTunerLayer)
        and any(holders[id(weight)] > 1 for weight in module.get_base_layer().parameters(recurse=False))
    ]
    if shared:
        raise CheckpointError(
            f"The adapter in '{folder}' changes layers that share their weights with others, {listed(shared)}: merged, "
            f"it would change those too. {_OWN_PROGRAM}"
        )
