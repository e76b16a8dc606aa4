"""From the name of a base model to a folder on this machine."""

from __future__ import annotations

import os
import re
from contextlib import suppress
from pathlib import Path

from embedscope.errors import CheckpointError
from embedscope.machine import require_models

_HUB_NAME = re.compile(r"\w[\w.-]{0,95}(/\w[\w.-]{0,95})?", re.ASCII)
_WEIGHT_SUFFIXES = (".pt", ".pth", ".bin", ".ckpt", ".safetensors")
_FILE_SUFFIXES = (
    *_WEIGHT_SUFFIXES, ".npz", ".npy", ".parquet", ".arrow", ".faiss", ".pkl", ".json", ".jsonl", ".tsv", ".csv",
    ".trec", ".run", ".gz",
)  # fmt: skip

MOST_SHOWN = 200
"""Characters of a name in a message."""

_SMALL_FILES = ["*.json", "*.txt", "*.model", "*_linear.pt", "*/config.json", "*/*.safetensors", "*/pytorch_model.bin"]
_WEIGHTS = (["model*.safetensors"], ["pytorch_model*.bin"])


def is_hub_name(reference: str) -> bool:
    """Whether ``reference`` could name a model on the Hugging Face hub: ``owner/name`` or ``name``."""
    return bool(_HUB_NAME.fullmatch(reference)) and not reference.endswith(_FILE_SUFFIXES)


def local_path(reference: str) -> Path | None:
    """The file or folder of this name; None where there is none, or it is no name that one could have.

    Raises ``CheckpointError`` for a pipe or a device, which would be waited for without end.
    """
    try:
        path = Path(os.path.expanduser(reference))
        if path.is_dir() or path.is_file():
            return path
        exists = path.exists()
    except (OSError, ValueError):  # too long, or with a null character
        return None
    if exists:
        raise CheckpointError(
            f"'{reference}' is neither a file nor a folder. A model is read more than once, so a pipe or a device will "
            f"not do; save it to a file first."
        )
    return None


def locate_model(reference: str, *, option: str) -> Path:
    """The local folder of a model given as a folder or a hub name; downloads it where it is not here yet.

    ``option`` is the command-line option that takes a folder instead, for the message. Raises ``CheckpointError`` if
    ``reference`` is not a folder and cannot be had from the hub or its local cache.
    """
    folder = local_path(reference)
    if folder is not None and folder.is_dir():
        return folder
    if not is_hub_name(reference):
        raise CheckpointError(
            f"'{reference[:MOST_SHOWN]}' is neither a folder on this machine nor the name of a model on the Hugging "
            f"Face hub (owner/name). Pass one of the two: {option} /path/to/model"
        )
    require_models(f"Loading '{reference}'")  # before gigabytes are downloaded for nothing
    from huggingface_hub import snapshot_download

    with suppress(OSError, ValueError):  # what the hub client raises where the cache lacks the model
        cached = Path(snapshot_download(reference, local_files_only=True, allow_patterns=_SMALL_FILES))
        if _is_complete(cached):
            return cached
    return _downloaded(reference, option=option)


def _is_complete(folder: Path) -> bool:
    has_config = (folder / "config.json").is_file() or (folder / "modules.json").is_file()
    return has_config and any(any(folder.rglob(pattern)) for patterns in _WEIGHTS for pattern in patterns)


def _downloaded(name: str, *, option: str) -> Path:
    from huggingface_hub import snapshot_download

    try:
        folder = Path(snapshot_download(name, allow_patterns=_SMALL_FILES))
        for patterns in _WEIGHTS:
            if not _is_complete(folder):
                folder = Path(snapshot_download(name, allow_patterns=patterns))
    except Exception as error:  # the hub client raises errors of its own, of its HTTP library and of the system
        reason = (str(error).strip().splitlines() or ["no reason stated"])[0][:160]
        raise CheckpointError(
            f"'{name}' is not a folder here, is not in the local Hugging Face cache, and could not be fetched from the "
            f"hub ({type(error).__name__}: {reason}). Download it where there is a network and pass its folder: "
            f"{option} /path/to/{name.rsplit('/', 1)[-1]}"
        ) from error
    if not _is_complete(folder):
        raise CheckpointError(
            f"'{name}', as far as it could be had from the Hugging Face hub and its local cache, lacks config.json or "
            f"weights. Download the whole model where there is a network and pass its folder: {option} "
            f"/path/to/{name.rsplit('/', 1)[-1]}"
        )
    return folder
