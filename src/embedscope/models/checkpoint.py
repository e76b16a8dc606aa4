"""Checkpoints: what was found, which choices were made, and where each choice comes from.

Everything is checked before an encoder is built; the accepted layouts are the tables of ``head_files`` (state dicts)
and ``model_folders``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from importlib.util import find_spec
from pathlib import Path

from embedscope.errors import CheckpointError, InvalidOptionError, MissingExtraError
from embedscope.models.account import combined
from embedscope.models.encoder_state import EncoderState, differing_encoder
from embedscope.models.endpoint_address import is_endpoint
from embedscope.models.head_files import HeadFile, read_head_file
from embedscope.models.hub import MOST_SHOWN, is_hub_name, local_path, locate_model
from embedscope.models.model_folders import (
    TOKENIZER_SETTINGS,
    Layout,
    ModelFolder,
    position_capacity,
    read_model_folder,
    tokenizer_files,
)
from embedscope.models.pooling import PoolingSpec, pooling_by_name
from embedscope.models.projectors import Step
from embedscope.models.prompts import ROLES, choose_prompts
from embedscope.models.weights import EXPECTED, read_object
from embedscope.result import TensorAccount
from embedscope.settings import Activation, Pooling, Weights

DEFAULT_BASE_MODEL = "BAAI/bge-m3"
"""Base model of the original project, assumed where a head-only checkpoint names none."""

_POOLING_WORDS = {
    **dict.fromkeys(("cls", "cls_token", "first", "first_token", "firsttoken"), Pooling.CLS),
    **dict.fromkeys(("mean", "avg", "average", "masked_mean", "mean_tokens"), Pooling.MEAN),
    **dict.fromkeys(("last", "lasttoken", "last_token", "eos", "eos_token"), Pooling.LAST),
}
"""What checkpoints call a pooling, in small letters, with or without ``_pooling`` behind it."""


@dataclass(frozen=True, slots=True, eq=False)
class Checkpoint:
    """Everything that is known about a checkpoint before an encoder is built.

    ``steps`` is the head as NumPy float32 parameters, in order; empty where there is none. ``encoder_state`` is None
    where the encoder is the base model's, so that cached base embeddings serve. ``pooling`` is None for static
    embeddings only. ``similarity`` is what the checkpoint states; a head alone states nothing.
    """

    path: str
    layout: Layout
    base: ModelFolder
    base_model: str | None
    pooling: PoolingSpec | None
    pooling_source: str | None
    max_length: int | None
    steps: tuple[Step, ...]
    training: Mapping[str, str] = field(default_factory=dict)
    encoder_state: EncoderState | None = None
    adapter: Path | None = None
    query_prompt: str = ""
    document_prompt: str = ""
    tensors: TensorAccount = field(default_factory=lambda: TensorAccount(0))  # besides those of the base model's files
    similarity: str | None = None
    notes: tuple[str, ...] = ()


def require_found(path: str | Path) -> None:
    """Refuse, with ``CheckpointError``, the name of a checkpoint that is not here and could be none on the hub."""
    if local_path(str(path)) is None and not is_hub_name(str(path)):
        raise CheckpointError(f"There is no checkpoint '{str(path)[:MOST_SHOWN]}'. Expected {EXPECTED}.")


def load_checkpoint(
    path: str | Path,
    *,
    base_model: str | Path | None = None,
    pooling: Pooling | None = None,
    max_length: int | None = None,
    head_module: str | None = None,
    activation: Activation | None = None,
    weights: Weights = Weights.PLAIN,
    query_prompt: str | None = None,
    document_prompt: str | None = None,
) -> Checkpoint:
    """The checkpoint at ``path``, with its base model found and every choice made and named.

    Parameters
    ----------
    path : str or Path
        A ``.pt`` file, a safetensors file, a sentence-transformers, Hugging Face, FlagEmbedding or PEFT folder, or
        the name of a model on the hub.
    base_model : str or Path, optional
        Folder or hub name of the model under a head-only checkpoint; what the checkpoint records, else
        ``BAAI/bge-m3``, by default.
    pooling : Pooling, optional
        How token vectors become one vector; what the checkpoint says by default.
    max_length : int, optional
        Tokens a text is cut to; what the checkpoint records, else the model's own, by default.
    head_module, activation, weights
        As ``read_head_file`` takes them; a folder states its own layers, and these do not touch it.
    query_prompt, document_prompt : str, optional
        Text before each query or document, or the name of one of the model's own prompts, "" for none; what the
        checkpoint records, else what sentence-transformers serves, by default.

    Raises
    ------
    UnsafeCheckpointError
        If reading it would run code that came with it; none has run.
    CheckpointError
        If it is not a checkpoint, does not fit its base model, or was trained with another pooling or prompt than
        asked for.
    InvalidOptionError
        If ``max_length`` is not positive or more than the model can take, or a prompt is named that there is not.
    """
    if is_endpoint(path):
        raise CheckpointError(
            "An address came where a checkpoint is read: an endpoint gives vectors, and its weights and tokenizer are "
            "not at hand. Name a checkpoint."
        )
    require_found(path)
    source = local_path(str(path)) or locate_model(str(path), option="--checkpoint")
    asked = {"query": query_prompt, "document": document_prompt}
    if not source.is_dir():
        head = read_head_file(source, head_module=head_module, activation=activation, weights=weights)
        recorded = {role: head.recorded[key] for role in ROLES if (key := f"{role}_prompt") in head.recorded}
        checkpoint = _head_checkpoint(str(path), head, base_model, pooling, max_length)
        return _with_prompts(checkpoint, checkpoint.base, asked, recorded, is_head=True)
    folder = read_model_folder(source, reference=str(path))
    checkpoint = _folder_checkpoint(str(path), folder, base_model, pooling, max_length)
    stated = {"--head-module": head_module, "--activation": activation, "--weights ema": weights is Weights.EMA}
    unused = ", ".join(option for option, value in stated.items() if value)
    note = f"{unused}: for .pt and .safetensors files; a folder states its own layers, and these are used."
    checkpoint = replace(checkpoint, notes=(*checkpoint.notes, *([note] if unused else [])))
    return _with_prompts(checkpoint, folder, asked)


def _with_prompts(
    checkpoint: Checkpoint,
    folder: ModelFolder,
    asked: Mapping[str, str | None],
    recorded: Mapping[str, str] | None = None,
    *,
    is_head: bool = False,
) -> Checkpoint:
    """``checkpoint`` with the prompts that it is measured with; an adapter without any has those of its base."""
    own = folder.prompts if folder.prompts.by_name else checkpoint.base.prompts
    names = (*folder.names, *checkpoint.base.names)
    found = choose_prompts(checkpoint.path, own, asked, recorded=recorded, names=names, is_head=is_head)
    notes = (*checkpoint.notes, *found.notes)
    return replace(checkpoint, query_prompt=found.query, document_prompt=found.document, notes=notes)


def _head_checkpoint(
    path: str, head: HeadFile, base_model: str | Path | None, pooling: Pooling | None, max_length: int | None
) -> Checkpoint:
    reference = str(base_model or head.recorded.get("base_model") or DEFAULT_BASE_MODEL)
    base = base_folder(reference).without_head()
    chosen, source, notes = _head_pooling(path, head.recorded, base, pooling)
    width = base.hidden_size
    if width is not None and width * len(chosen.modes) != head.dim_in:
        raise CheckpointError(
            f"The head in '{path}' takes vectors of {head.dim_in} numbers, but the base model '{base.reference}' "
            f"({base.path}) gives {width}. Pass the model that the head was trained on with --base-model."
        )
    state, tensors = differing_encoder(path, head.rest, base)
    if head.rest:
        found = "equals the base model, tensor for tensor: the checkpoint is head-only"
        if state is not None:
            found = "differs from the base model: the checkpoint's own is used"
        notes = (*notes, f"The encoder in the checkpoint {found}.")
    tensors = combined(head.account, tensors)
    renamed = (f"{count} tensors of the file are read {rule}." for rule, count in tensors.renamed.items())
    recorded = None if max_length is not None else _recorded_length(path, head.recorded.get("max_length"))
    limit = token_limit(max_length, recorded, base)
    return Checkpoint(
        path=path,
        layout=head.layout,
        base=base,
        base_model=reference,
        pooling=chosen,
        pooling_source=source,
        max_length=limit,
        steps=head.steps,
        training=head.training,
        encoder_state=state,
        tensors=tensors,
        notes=(*base.notes, *head.notes, *notes, *renamed, *_capped_note(recorded, limit)),
    )


def base_folder(reference: str) -> ModelFolder:
    """The model that a head stands on; ``CheckpointError`` if there is none of that name, or no transformer in it."""
    folder = read_model_folder(locate_model(reference, option="--base-model"), reference=reference)
    if folder.transformer is None:
        raise CheckpointError(
            f"The base model '{reference}' is a {folder.layout} without a transformer of its own. "
            f"Pass the folder of a whole transformer with --base-model."
        )
    return folder


def _head_pooling(
    path: str, recorded: Mapping[str, str], base: ModelFolder, asked: Pooling | None
) -> tuple[PoolingSpec, str, tuple[str, ...]]:
    """The pooling under a head: as recorded, as asked, or mean as in the original training code."""
    word = recorded.get("pooling")
    if word is not None:
        trained = _POOLING_WORDS.get(re.sub(r"[-_ ]+", "_", word.lower()).removesuffix("_pooling"))
        if trained is None:
            raise CheckpointError(f"'{path}' records the pooling '{word}'; known are {', '.join(_POOLING_WORDS)}.")
        _refuse_other_pooling(path, PoolingSpec.of(trained), asked)
        return PoolingSpec.of(trained), "checkpoint", ()
    if asked is not None:
        return PoolingSpec.of(asked), "user", ()
    chosen = PoolingSpec.of(Pooling.MEAN)
    named = pooling_by_name(base.names, str(base.config.get("model_type")))
    own = base.pooling or (None if named is None else PoolingSpec.of(named))
    notes: tuple[str, ...] = ()
    if own is not None and own.label != chosen.label:
        notes = (
            f"The base model pools by {own.label}, the head is taken to be trained on mean-pooled vectors as in the "
            f"original project; the checkpoint does not say. Pass --pooling if it was trained otherwise.",
        )
    return chosen, "original project trains with mean pooling", notes


def _refuse_other_pooling(path: str, trained: PoolingSpec, asked: Pooling | None) -> None:
    if asked is not None and asked.value != trained.label:
        raise CheckpointError(
            f"'{path}' was made with {trained.label} pooling, but --pooling asks for {asked.value}. Vectors pooled "
            f"otherwise than in training measure another model. Leave --pooling out."
        )


def token_limit(asked: int | None, recorded: int | None, base: ModelFolder) -> int | None:
    """Tokens a text is cut to: the user's choice, else the checkpoint's record, else the model's own.

    Raises ``InvalidOptionError`` where the choice is not positive or more than the model can take.
    """
    capacity = position_capacity(base.config) if base.transformer is not None else None
    if asked is not None:
        if asked < 1 or (capacity is not None and asked > capacity):
            raise InvalidOptionError(
                f"--max-length is {asked}; '{base.reference}' takes 1 to {capacity or 'any number of'} tokens."
            )
        return asked
    if recorded is not None:
        return recorded if capacity is None else min(recorded, capacity)
    return base.max_length


def _recorded_length(path: str, recorded: str | None) -> int | None:
    """The number of tokens that a checkpoint records; ``CheckpointError`` where that is none."""
    if recorded is None:
        return None
    if recorded.isascii() and recorded.isdecimal() and len(recorded) < 10 and int(recorded) > 0:
        return int(recorded)
    raise CheckpointError(
        f"'{path}' records max_length {recorded[:20]!r}, which is no number of tokens. Texts cut elsewhere than in "
        f"training measure another model: pass --max-length as it was trained."
    )


def _capped_note(recorded: int | None, limit: int | None) -> tuple[str, ...]:
    """Said where a checkpoint records more tokens than its base model has positions for."""
    if limit is None or recorded is None or recorded <= limit:
        return ()
    return (
        f"The checkpoint records {recorded} tokens, but the model has positions for {limit}: texts are cut to those.",
    )


def _folder_checkpoint(
    path: str, folder: ModelFolder, base_model: str | Path | None, asked: Pooling | None, max_length: int | None
) -> Checkpoint:
    base, reference, recorded = folder, None, None
    if folder.adapter is not None:
        reference = _model_under(folder.adapter, base_model)
        base = base_folder(reference)
        recorded = folder.max_length if max_length is None else None
        folder, base = _over_base(folder, base)
    if folder.pooling is not None or base.pooling is None or asked is not None:
        pooling, source = folder_pooling(path, replace(base, pooling=folder.pooling), asked)
    else:
        pooling, source = base.pooling, "1_Pooling of the base model"
    limit = token_limit(max_length, recorded, base)
    return Checkpoint(
        path=path,
        layout=folder.layout,
        base=base,
        base_model=reference,
        pooling=pooling,
        pooling_source=source,
        max_length=limit,
        steps=folder.tail,
        adapter=folder.adapter,
        tensors=TensorAccount(folder.n_module_tensors),
        similarity=folder.similarity or base.similarity,
        notes=(*folder.notes, *_capped_note(recorded, limit)),
    )


def _over_base(folder: ModelFolder, base: ModelFolder) -> tuple[ModelFolder, ModelFolder]:
    """An adapter's folder and the model under it, each with what it lacks from the other.

    A bare adapter replaces weights and nothing else, as ``load_adapter`` of sentence-transformers: modules, prompts
    and length are the base model's. A folder with modules of its own has its own. A tokenizer beside the adapter is
    the one that it was trained with.
    """
    is_own = folder.tokenizer is not None and _are_other_tokenizers(folder.tokenizer, base.tokenizer or base.path)
    tokenizer = folder.tokenizer if is_own else base.tokenizer
    notes = ("The tokenizer is that of the adapter's folder; the base model's is another.",) if is_own else ()
    if folder.layout is Layout.PEFT:
        over = replace(base, layout=folder.layout, adapter=folder.adapter, pooling=folder.pooling)
        return replace(over, notes=(*base.notes, *notes)), replace(base, tokenizer=tokenizer)
    is_lower = folder.do_lower_case or base.do_lower_case
    under = replace(base, encoder_modules=folder.encoder_modules, do_lower_case=is_lower, tokenizer=tokenizer)
    return replace(folder, notes=(*base.notes, *folder.notes, *notes)), under


def _are_other_tokenizers(own: Path, base: Path) -> bool:
    """Whether a vocabulary in ``own`` is not that of ``base``, byte for byte."""
    files = [file for file in tokenizer_files(own) if file.name not in TOKENIZER_SETTINGS]
    return any(
        not (base / file.name).is_file() or file.read_bytes() != (base / file.name).read_bytes() for file in files
    )


def _model_under(adapter: Path, base_model: str | Path | None) -> str:
    """The model under a PEFT adapter: the user's choice, else what its configuration names."""
    if find_spec("peft") is None:
        raise MissingExtraError(needed_for="Loading a PEFT adapter", package="peft", extra="peft")
    named = read_object(adapter / "adapter_config.json").get("base_model_name_or_path")
    if base_model is None and not (isinstance(named, str) and named):
        raise CheckpointError(
            f"'{adapter / 'adapter_config.json'}' names no base_model_name_or_path. Pass the model that the adapter "
            f"was trained on with --base-model."
        )
    return str(base_model or named)


def folder_pooling(path: str, folder: ModelFolder, asked: Pooling | None) -> tuple[PoolingSpec | None, str | None]:
    """The pooling of a model folder and what says so; ``CheckpointError`` where nothing does."""
    if folder.transformer is None:
        return folder.pooling, None if folder.pooling is None else "checkpoint"
    if folder.pooling is not None:
        _refuse_other_pooling(path, folder.pooling, asked)
        return folder.pooling, "checkpoint"
    if asked is not None:
        return PoolingSpec.of(asked), "user"
    if folder.layout is Layout.FLAG_EMBEDDING:
        return PoolingSpec.of(Pooling.CLS), "model type"
    named = pooling_by_name(folder.names, str(folder.config.get("model_type")))
    if named is None:
        raise CheckpointError(
            f"'{path}' does not say how its token vectors become one vector (no 1_Pooling, no modules.json), and its "
            f"name is not that of a known model. The wrong choice measures another model: pass --pooling cls, mean or "
            f"last, as it was trained."
        )
    return PoolingSpec.of(named), "model type"
