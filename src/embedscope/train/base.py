"""The frozen base model under a head: which encoder it is, with which pooling and how many tokens."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from embedscope.errors import CheckpointError, InvalidOptionError
from embedscope.models.encoders import SentenceTransformerEncoder, resolve_device, resolve_dtype
from embedscope.models.fingerprints import HashMemory
from embedscope.models.hub import is_hub_name, locate_model
from embedscope.models.model_folders import Layout, ModelFolder, position_capacity, read_model_folder
from embedscope.models.pooling import PoolingSpec, pooling_by_name
from embedscope.models.projectors import Normalize
from embedscope.settings import Device, Pooling

MAX_LENGTH = 512
"""Tokens a text is cut to where nothing else is said, or the model's own limit where that is lower."""


@dataclass(frozen=True, slots=True, eq=False)
class Base:
    """The base model, ready to encode; ``notes`` are lines for the person."""

    reference: str
    folder: ModelFolder
    encoder: SentenceTransformerEncoder
    pooling: PoolingSpec
    max_length: int | None
    notes: tuple[str, ...] = ()

    def as_config(self) -> dict[str, str | int | bool | None]:
        """What a checkpoint records, so that it is evaluated as it was trained."""
        return {
            "base_model": self.reference if is_remote(self.reference) else str(Path(self.reference).resolve()),
            "pooling": self.pooling.label,
            "max_length": self.max_length,
            "activation": "Identity",
            "normalizes_input": False,
        }


def is_remote(reference: str) -> bool:
    """Whether ``reference`` names a model on the hub rather than a folder here."""
    return not Path(reference).expanduser().is_dir() and is_hub_name(reference)


def load_base(
    reference: str,
    *,
    pooling: Pooling | None = None,
    max_length: int | None = None,
    device: Device | str = Device.AUTO,
    hashes: HashMemory | None = None,
) -> Base:
    """The base model at ``reference``, without a head of its own, as an evaluation of the trained head will load it.

    Parameters
    ----------
    reference : str
        A folder, or a name on the hub.
    pooling : Pooling, optional
        By default what the model itself says.
    max_length : int, optional
        By default 512 tokens, or the model's own limit where that is lower.
    device : Device or str
    hashes : HashMemory, optional

    Raises
    ------
    CheckpointError
        If there is no such model, it has no transformer, or its pooling is neither said nor known.
    InvalidOptionError
        If ``max_length`` is more than the model can take, or the device is not there.
    """
    folder = read_model_folder(locate_model(reference, option="--base-model"), reference=reference)
    if folder.transformer is None or folder.layout is Layout.PEFT:
        raise CheckpointError(
            f"The base model '{reference}' is a {folder.layout} without a whole transformer. A head is trained over "
            f"the vectors of one: pass its folder or its name with --base-model."
        )
    bare = replace(folder, tail=(), encoder_modules=(), query_prompt="", document_prompt="")
    chosen = _pooling(folder, pooling)
    limit = _token_limit(folder, max_length)
    name = resolve_device(device)
    encoder = SentenceTransformerEncoder(
        bare,
        pooling=chosen,
        max_length=limit,
        device=name,
        dtype=resolve_dtype(name, str(folder.config.get("model_type", ""))),
        hashes=hashes,
    )
    return Base(reference, bare, encoder, chosen, limit, (*folder.notes, *_notes(folder, chosen)))


def _pooling(folder: ModelFolder, asked: Pooling | None) -> PoolingSpec:
    if asked is not None:
        return PoolingSpec.of(asked)
    if folder.pooling is not None and folder.pooling.label not in set(Pooling):
        raise CheckpointError(
            f"'{folder.reference}' pools by {folder.pooling.label}; a head's checkpoint can record cls, mean or last, "
            f"so one trained on these vectors could not be evaluated. Pass --pooling cls, mean or last to train on "
            f"vectors pooled that way."
        )
    if folder.pooling is not None:
        return folder.pooling
    named = Pooling.CLS if folder.layout is Layout.FLAG_EMBEDDING else pooling_by_name(folder.names)
    if named is None:
        raise CheckpointError(
            f"'{folder.reference}' does not say how its token vectors become one vector, and its name is not that of a "
            f"known model. The head learns on what the pooling gives: pass --pooling cls, mean or last."
        )
    return PoolingSpec.of(named)


def _token_limit(folder: ModelFolder, asked: int | None) -> int | None:
    capacity = position_capacity(folder.config)
    if asked is None:
        return min(limit for limit in (MAX_LENGTH, folder.max_length, capacity) if limit is not None)
    if asked < 1 or (capacity is not None and asked > capacity):
        raise InvalidOptionError(
            f"--max-length is {asked}; '{folder.reference}' takes 1 to {capacity or 'any number of'} tokens."
        )
    return asked


def _notes(folder: ModelFolder, chosen: PoolingSpec) -> tuple[str, ...]:
    notes = []
    if folder.pooling is not None and folder.pooling.label != chosen.label:
        notes.append(
            f"'{folder.reference}' itself pools by {folder.pooling.label}; the head is trained on "
            f"{chosen.label}-pooled vectors, as asked, and the checkpoint says so."
        )
    if any(not isinstance(step, Normalize) for step in folder.tail) or folder.query_prompt or folder.document_prompt:
        notes.append(
            f"'{folder.reference}' has layers after its pooling or prompts before its texts; a head is trained and "
            f"evaluated on plain pooled vectors, without them."
        )
    return tuple(notes)
