"""A transformer loaded so that every tensor of its files has a place and no weight of it is left as it was made.

transformers fills what a file lacks with random numbers and drops what it does not know; both stand in its report,
which is read here. Names are tried on the meta device first, where only the headers of the files are read.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Any

from embedscope.errors import CheckpointError
from embedscope.models.account import (
    AS_THEY_ARE,
    Renaming,
    account_of,
    combined,
    ignored_as,
    listed,
    may_be_missing,
    renamings,
)
from embedscope.models.adapters import AS_PEFT_SAVES, place_adapter
from embedscope.models.model_folders import ModelFolder, weight_files
from embedscope.models.text_transformer import TextTransformer, is_plain
from embedscope.models.weights import read_object, read_tensors, tensor_types
from embedscope.result import TensorAccount

_FLOATS = frozenset({"F64", "F32", "F16", "BF16", "float64", "float32", "float16", "bfloat16"})
_CODES = frozenset({"I8", "U8", "F8_E4M3", "F8_E5M2", "int8", "uint8", "float8_e4m3fn", "float8_e5m2"})
_MOST_LAYERS = 256  # layers that share their weights may be more than tensors
_LANGUAGE_MODELS = ("ForMaskedLM", "ForCausalLM", "ForPreTraining", "LMHeadModel", "ForConditionalGeneration")


@dataclass(frozen=True, slots=True)
class Placement:
    """The renamings under which every tensor of a model's files has its place, and the account of them."""

    account: TensorAccount
    renaming: Renaming = AS_THEY_ARE
    adapter_renaming: Renaming = AS_THEY_ARE
    notes: tuple[str, ...] = ()
    head: frozenset[str] = frozenset()  # the language-model head that stands beside the encoder, by its renamed names

    @property
    def names(self) -> tuple[Renaming, ...]:
        """The renamings that change names: another reading of the same files is another model."""
        return tuple(
            each for each in (self.renaming, self.adapter_renaming) if each not in (AS_THEY_ARE, AS_PEFT_SAVES)
        )

    def as_json(self) -> dict[str, Any]:
        return asdict(self) | {"head": sorted(self.head)}

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> Placement:
        """What ``as_json`` gave; ``KeyError``, ``TypeError`` or ``AttributeError`` where it is something else."""
        first, second = (
            Renaming(tuple(stored[name]["components"]), stored[name]["prefix"])
            for name in ("renaming", "adapter_renaming")
        )
        return cls(TensorAccount(**stored["account"]), first, second, tuple(stored["notes"]), frozenset(stored["head"]))


@dataclass(frozen=True, slots=True)
class _Misfit:
    """What does not fit under one renaming."""

    missing: Sequence[str]
    unexpected: Sequence[str]
    reshaped: Sequence[str]

    @classmethod
    def of(cls, report: Mapping[str, Any], head: Collection[str] = ()) -> _Misfit:
        """The report of transformers without ``head`` and what is ignored by a rule.

        A pooler is ignored where the architecture has one, and then transformers does not report it.
        """
        missing = sorted(name for name in report["missing_keys"] if not may_be_missing(name))
        unexpected = sorted(
            name for name in report["unexpected_keys"] if name not in head and ignored_as(name) in (None, "pooler")
        )
        return cls(missing, unexpected, sorted(name for name, *_ in report["mismatched_keys"]))

    def __len__(self) -> int:
        return len(self.missing) + len(self.unexpected) + len(self.reshaped)


def place_model(folder: ModelFolder, adapter: Path | None = None) -> Placement:
    """Where the tensors of ``folder``, and of an adapter over it, go.

    Raises ``CheckpointError`` where one is missing, fits nowhere, has another shape or holds codes of a quantised
    weight, where the tokenizer gives ids that the embedding has no row for, and where the architecture is unknown.
    """
    _refuse_unknown_architecture(folder)
    types = stored_types(folder)
    _refuse_more_layers(folder, types)
    misfits: list[_Misfit] = []
    for renaming in renamings(types):
        transformer = load_transformer(folder, renaming, names=types, dtype="float32", on_meta=True)
        misfit = _Misfit.of(transformer.report)
        head = _head_beside(folder, renaming, transformer.model) if misfit.unexpected else frozenset()
        misfits.append(_Misfit.of(transformer.report, head))
        if not misfits[-1]:
            break
    else:
        raise _refusal(folder, types, min(misfits, key=len))
    _refuse_quantised(folder, types, renaming, transformer.model)
    _refuse_ids_without_row(folder, transformer)
    account = _account(types, renaming, transformer.model, head)
    is_changed = renaming != AS_THEY_ARE
    notes = tuple(f"{count} weights are read {rule}." for rule, count in account.renamed.items() if is_changed)
    if adapter is None:
        return Placement(account, renaming, notes=notes, head=head)
    placed = place_adapter(transformer.model, adapter)
    return Placement(combined(account, placed.account), renaming, placed.renaming, (*notes, *placed.notes), head)


def _refuse_unknown_architecture(folder: ModelFolder) -> None:
    """A class that transformers does not have computes something else from the weights, by code that is elsewhere."""
    import transformers

    named = [str(name) for name in folder.config.get("architectures") or ()]
    if named and not set(named) & set(dir(transformers)):  # dir: the names alone, without torch
        raise CheckpointError(
            f"'{(folder.transformer or folder.path) / 'config.json'}' names the architecture {', '.join(named)[:100]}, "
            f"which transformers {transformers.__version__} does not have; its '{folder.config['model_type']}' may be "
            f"another model of the same weights (attention in one direction for both, one vector for many). Encode "
            f"with your own program and pass the vectors with --embeddings; or, where the two are the same, take "
            f"'architectures' out of the file."
        )


def _refuse_more_layers(folder: ModelFolder, types: Mapping[str, str]) -> None:
    """Refuse a configuration of more layers than there are tensors before they are made."""
    path = (folder.transformer or folder.path) / "config.json"
    for name, value in read_object(path).items():
        if name.endswith(("layers", "layer")) and type(value) is int and value > max(len(types), _MOST_LAYERS):
            raise CheckpointError(
                f"'{path}' asks for {value:,} layers ('{name}'), and the weight files hold {len(types):,} tensors. One "
                f"of the two is of another model."
            )


def stored_types(folder: ModelFolder) -> dict[str, str]:
    """Name -> number format of every tensor in the weight files of the transformer."""
    types: dict[str, str] = {}
    for file in weight_files(folder.transformer or folder.path):
        found = tensor_types(file)
        if twice := types.keys() & found.keys():
            raise CheckpointError(
                f"'{file}' holds {listed(twice)} tensors that another weight file of its folder holds too; it is not "
                f"clear which count."
            )
        types |= found
    return types


def load_transformer(
    folder: ModelFolder,
    renaming: Renaming,
    *,
    names: Iterable[str],
    dtype: str,
    on_meta: bool = False,
    only_library: bool = False,
) -> Any:
    """A `TextTransformer` where it gives the same vectors, else the Transformer module of sentence-transformers.

    Both have transformers' ``report`` of what was placed. ``names`` are those of the tensors in the files. ``on_meta``
    reads their headers only; ``only_library`` asks for the latter in any case.
    """
    import torch

    trusted: dict[str, Any] = {"trust_remote_code": False, "local_files_only": True}
    files = weight_files(folder.transformer or folder.path)
    options = {
        **trusted,
        "dtype": getattr(torch, dtype),
        "use_safetensors": all(file.suffix == ".safetensors" for file in files),
        **naming_options(renaming, names),
    }
    if on_meta:
        options |= {"device_map": {"": "meta"}, "ignore_mismatched_sizes": True}

    def loaded(attention: str) -> Any:
        if is_plain(folder) and not only_library:
            path = folder.transformer or folder.path
            found = TextTransformer(path, folder.tokenizer or path, attn_implementation=attention, **options)
            if found.has_one_segment():
                return found
        return _reporting_transformer()(
            str(folder.transformer),
            model_kwargs={**options, "attn_implementation": attention},
            processor_kwargs=dict(trusted),
            config_kwargs=dict(trusted),
            modality_config={"text": {"method": "forward", "method_output_name": "last_hidden_state"}},
            module_output_name="token_embeddings",
            do_lower_case=folder.do_lower_case,
            tokenizer_name_or_path=None if folder.tokenizer is None else str(folder.tokenizer),
        )

    try:
        return loaded("sdpa")
    except (ValueError, ImportError) as error:  # an architecture without fused attention says so
        if "scaled_dot_product_attention" not in str(error):
            raise
        return loaded("eager")


def naming_options(renaming: Renaming, names: Iterable[str]) -> dict[str, Any]:
    """``renaming`` as ``from_pretrained`` of transformers takes it: patterns that match whole names -> new names."""
    changed = {f"^{re.escape(old)}$": new for old, new in renaming.changed(names).items()}
    return {"key_mapping": changed} if changed else {}


@cache
def _reporting_transformer() -> Any:
    """The Transformer of sentence-transformers, which drops the loading report of transformers, made to keep it."""
    from sentence_transformers.base.modules.transformer import Transformer

    def load_model(self: Any, *args: Any, **kwargs: Any) -> Any:
        model, report = super(reporting, self)._load_model(*args, **kwargs, output_loading_info=True)
        self.report = report
        return model

    reporting: Any = type("Transformer", (Transformer,), {"_load_model": load_model})
    return reporting


def _head_beside(folder: ModelFolder, renaming: Renaming, model: Any) -> frozenset[str]:
    """Names, and shapes, that the language model in ``architectures`` has beyond ``model``, its encoder."""
    import torch
    import transformers

    stated = folder.config.get("architectures")
    names = [name for name in stated if isinstance(name, str)] if isinstance(stated, list) else []
    kinds: list[Any] = [getattr(transformers, name, None) for name in names if name.endswith(_LANGUAGE_MODELS)]
    if len(kinds) != 1 or getattr(kinds[0], "config_class", None) is not type(model.config):
        return frozenset()
    with torch.device("meta"):
        whole = kinds[0](model.config)
    if type(whole.base_model) is not type(model):
        return frozenset()
    encoder = f"{whole.base_model_prefix}."
    shapes = {name: tensor.shape for name, tensor in whole.state_dict().items() if not name.startswith(encoder)}
    files = [read_tensors(file) for file in weight_files(folder.transformer or folder.path)]
    held = {new: tensors[name].shape for tensors in files for name in tensors if (new := renaming(name)) in shapes}
    return frozenset(name for name, shape in held.items() if shape == shapes[name])


def refuse_misfit(folder: ModelFolder, report: Mapping[str, Any], head: Collection[str]) -> None:
    """Raise ``CheckpointError`` where transformers reports a weight that it left random, or a tensor it dropped."""
    if misfit := _Misfit.of(report, head):
        raise _refusal(folder, {}, misfit)


def _refusal(folder: ModelFolder, types: Mapping[str, str], misfit: _Misfit) -> CheckpointError:
    parts = [
        f"{listed(names)} {what}"
        for names, what in (
            (misfit.missing, "missing"),
            (misfit.unexpected, "without a place"),
            (misfit.reshaped, "of another shape"),
        )
        if names
    ]
    is_quantised = not _CODES.isdisjoint(types.values())
    return CheckpointError(
        f"'{folder.reference}' ({folder.transformer}): the tensors in the weight files are not those of the "
        f"architecture in config.json: {', '.join(parts)}. "
        + ("The weights are quantised: pass the model before quantisation. " if is_quantised else "")
        + "transformers would make up what is missing and drop the rest. Save the encoder itself, without what wraps "
        "it, with save_pretrained; or encode with your own program and pass the vectors with --embeddings."
    )


def _refuse_quantised(folder: ModelFolder, types: Mapping[str, str], renaming: Renaming, model: Any) -> None:
    own = {name for name, tensor in model.state_dict().items() if tensor.is_floating_point()}
    codes = [name for name, kind in types.items() if kind not in _FLOATS and renaming(name) in own]
    if codes:
        raise CheckpointError(
            f"'{folder.reference}' ({folder.transformer}) holds codes of quantised weights in place of numbers: "
            f"{listed(codes)} tensors of type {types[codes[0]]}. Pass the model before quantisation."
        )


def _refuse_ids_without_row(folder: ModelFolder, transformer: Any) -> None:
    """A tokenizer that knows more tokens than the model has vectors for ends in an index error at the first of them.

    Special tokens that no text brings about may have none, such as Gemma's for an image.
    """
    tokenizer = transformer.tokenizer
    try:
        rows = int(transformer.model.get_input_embeddings().weight.shape[0])
        known, added = tokenizer.get_vocab(), tokenizer.added_tokens_decoder
    except (NotImplementedError, AttributeError):  # characters that are hashed, for example
        return
    names = ("bos_token_id", "eos_token_id", "unk_token_id", "sep_token_id", "pad_token_id", "cls_token_id")
    inserted = {getattr(tokenizer, name, None) for name in names}
    beyond = sorted(
        name
        for name, number in known.items()
        if number >= rows and (number in inserted or number not in added or not added[number].special)
    )
    if beyond:
        raise CheckpointError(
            f"The tokenizer in '{folder.tokenizer or folder.transformer}' has {len(beyond)} tokens that the model has "
            f"no vector for ({', '.join(map(repr, beyond[:3]))}): its vocabulary has {len(known)} tokens, the "
            f"embedding {rows} rows. Tokens were added without resize_token_embeddings, or the tokenizer is another "
            f"model's."
        )


def _account(types: Mapping[str, str], renaming: Renaming, model: Any, head: Collection[str]) -> TensorAccount:
    """The account of files that fit, with what transformers takes off or leaves out by itself for the architecture."""
    own = model.state_dict().keys()
    base = f"{model.base_model_prefix}."
    patterns = [re.compile(each) for each in getattr(model, "_keys_to_ignore_on_load_unexpected", None) or ()]
    foreign = [name for name in types if renaming(name) not in own]
    left_out = {
        name: "decoder" if renaming(name).startswith("decoder.") else "not of the encoder"
        for name in foreign
        if any(pattern.search(renaming(name)) for pattern in patterns)
    }
    left_out |= {name: "language-model head" for name in foreign if renaming(name) in head}
    shown = renaming
    if any(renaming(name).startswith(base) for name in foreign):
        shown = Renaming(renaming.components, renaming.prefix + base)
    return account_of(types, shown, left_out)
