"""The frozen base model under a head: which encoder it is, with which pooling and how many tokens."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from embedscope.errors import CheckpointError
from embedscope.machine import resolve_device, resolve_dtype
from embedscope.models.checkpoint import base_folder, folder_pooling, token_limit
from embedscope.models.encoders import SentenceTransformerEncoder
from embedscope.models.fingerprints import HashMemory
from embedscope.models.hub import is_hub_name, local_path
from embedscope.models.model_folders import ModelFolder, position_capacity
from embedscope.models.pooling import PoolingSpec
from embedscope.models.projectors import Normalize
from embedscope.models.prompts import choose_prompts
from embedscope.models.score_function import stated_similarity
from embedscope.settings import Device, Pooling, SimilarityFunction

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
    query_prompt: str = ""
    document_prompt: str = ""
    notes: tuple[str, ...] = ()
    similarity: SimilarityFunction = SimilarityFunction.COSINE  # of its own vectors, without a head

    def as_config(self) -> dict[str, str | int | bool | None]:
        """What a checkpoint records, so that it is evaluated as it was trained."""
        is_remote = local_path(self.reference) is None and is_hub_name(self.reference)
        return {
            "base_model": self.reference if is_remote else str(Path(self.reference).resolve()),
            "pooling": self.pooling.label,
            "max_length": self.max_length,
            "query_prompt": self.query_prompt,
            "document_prompt": self.document_prompt,
            "activation": "Identity",
            "normalizes_input": False,
        }


def load_base(
    reference: str,
    *,
    pooling: Pooling | None = None,
    max_length: int | None = None,
    query_prompt: str | None = None,
    document_prompt: str | None = None,
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
    query_prompt, document_prompt : str, optional
        Text before each query or document, or the name of one of the base model's prompts; none by default.
    device : Device or str
    hashes : HashMemory, optional

    Raises
    ------
    CheckpointError
        If there is no such model, it has no transformer, or its pooling is neither said nor known.
    InvalidOptionError
        If ``max_length`` is more than the model can take, a prompt is named that there is not, or the device is not
        there.
    """
    folder = base_folder(reference)
    chosen = PoolingSpec.of(pooling) if pooling is not None else _own_pooling(folder)
    limits = (MAX_LENGTH, folder.max_length, position_capacity(folder.config))
    limit = token_limit(
        max_length if max_length is not None else min(limit for limit in limits if limit is not None), None, folder
    )
    name = resolve_device(device)
    encoder = SentenceTransformerEncoder(
        folder.without_head(),
        pooling=chosen,
        max_length=limit,
        device=name,
        dtype=resolve_dtype(name, str(folder.config.get("model_type", ""))),
        hashes=hashes or HashMemory(),
    )
    prompts = choose_prompts(
        folder.reference,
        folder.prompts,
        {"query": query_prompt, "document": document_prompt},
        names=folder.names,
        is_head=True,
    )
    plain = folder.without_head()
    similarity = stated_similarity(plain.similarity)
    return Base(
        reference,
        plain,
        encoder,
        chosen,
        limit,
        query_prompt=prompts.query,
        document_prompt=prompts.document,
        notes=(*folder.notes, *_notes(folder, chosen, similarity), *prompts.notes),
        similarity=similarity,
    )


def _own_pooling(folder: ModelFolder) -> PoolingSpec:
    found, _ = folder_pooling(folder.reference, folder, None)
    if found is None or found.label not in set(Pooling):
        raise CheckpointError(
            f"'{folder.reference}' pools by {found and found.label}; a head's checkpoint can record cls, mean or last, "
            f"so one trained on these vectors could not be evaluated. Pass --pooling cls, mean or last to train on "
            f"vectors pooled that way."
        )
    return found


def _notes(folder: ModelFolder, chosen: PoolingSpec, similarity: SimilarityFunction) -> tuple[str, ...]:
    notes = []
    if similarity is SimilarityFunction.DOT:
        notes.append(
            f"'{folder.reference}' compares its own vectors by dot product. A head is trained, validated and exported "
            f"for the cosine; the base model beside it is judged by its dot product."
        )
    if folder.pooling is not None and folder.pooling.label != chosen.label:
        notes.append(
            f"'{folder.reference}' itself pools by {folder.pooling.label}; the head is trained on "
            f"{chosen.label}-pooled vectors, as asked, and the checkpoint says so."
        )
    if any(not isinstance(step, Normalize) for step in folder.tail):
        notes.append(
            f"'{folder.reference}' has layers after its pooling; a head is trained and evaluated on plain pooled "
            f"vectors, without them."
        )
    return tuple(notes)
