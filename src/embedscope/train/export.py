"""A trained head in the forms that other programs load: safetensors, and a sentence-transformers folder."""

from __future__ import annotations

import ctypes
import os
import shutil
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from embedscope.errors import OutputError, importing
from embedscope.machine import require_torch
from embedscope.models.encoders import quiet_transformers
from embedscope.train.base import Base
from embedscope.train.durable import write_durably
from embedscope.train.trainer import State


def save_safetensors(path: Path, head: State, metadata: Mapping[str, Any]) -> None:
    """The head alone, with ``metadata`` as strings: epoch, loss, and what it was trained on.

    Raises
    ------
    MissingExtraError
        If safetensors is not installed.
    OutputError
        If the file cannot be written.
    """
    with importing("safetensors", needed_for="--save-format safetensors", extra="models"):
        from safetensors.torch import save
    text = {name: str(value) for name, value in metadata.items() if isinstance(value, str | int | float)}
    tensors = {name: tensor.contiguous() for name, tensor in head.items()}
    content = save(tensors, metadata={"format": "pt", **text})
    write_durably(path, lambda temporary: temporary.write_bytes(content))


def save_sentence_transformers(folder: Path, head: State, base: Base) -> None:
    """A folder that ``SentenceTransformer(folder)`` loads: Transformer, Pooling, Dense, [LayerNorm,] Normalize.

    It gives the vectors that an evaluation of the head gives, to 1e-6, and is stored in the number format that the
    encoder runs in. The folder is built beside its place and moved there when it is complete, on Linux in one step; a
    folder of that name that holds anything else than such a model is not touched.

    Raises
    ------
    MissingExtraError
        If sentence-transformers is not installed.
    OutputError
        If the folder cannot be written, or another thing stands in its place.
    """
    require_torch()
    require_replaceable(folder)
    folder.parent.mkdir(parents=True, exist_ok=True)
    staging = Path(tempfile.mkdtemp(dir=folder.parent, prefix=f".{folder.name}."))
    try:
        with quiet_transformers():
            _model(head, base).save(str(staging), create_model_card=False)
        _open_to_all(staging)
        _put_in_place(staging, folder)
    except OSError as error:
        raise OutputError(f"{folder} cannot be written ({error.strerror or error}).") from error
    finally:
        shutil.rmtree(staging, ignore_errors=True)


def require_replaceable(folder: Path) -> None:
    """Refuse a place where something else than a model of ours stands.

    Raises
    ------
    OutputError
    """
    if folder.exists() and not (folder / "modules.json").is_file():
        raise OutputError(
            f"{folder} is to become a sentence-transformers folder, but something else stands there. Move it away, or "
            f"choose another --output-dir."
        )


def _open_to_all(staging: Path) -> None:
    """Modes as the user's other files have: mkdtemp and safetensors make theirs for this user alone."""
    usual = (staging / "modules.json").stat().st_mode
    for path in staging.rglob("*"):
        if path.is_file():
            path.chmod(usual)
    staging.chmod((staging / "1_Pooling").stat().st_mode)


def _put_in_place(staging: Path, folder: Path) -> None:
    """Move ``staging`` to ``folder``; what stood there is gone afterwards, or stands there again where this fails."""
    if not folder.exists():
        os.replace(staging, folder)
        return
    if _exchanged(staging, folder):
        return  # the old folder is the staging now, which the caller removes
    old = staging.with_name(f"{staging.name}.old")
    os.replace(folder, old)
    try:
        os.replace(staging, folder)
    except OSError:
        os.replace(old, folder)
        raise
    shutil.rmtree(old, ignore_errors=True)


_AT_FDCWD, _RENAME_EXCHANGE = -100, 2  # linux/fcntl.h, linux/fs.h


def _exchanged(one: Path, other: Path) -> bool:
    """Let two folders change places in one step, so that neither name is ever without one; False where that is not to
    be had (other systems than Linux, some network file systems), and nothing has changed.
    """
    rename = getattr(ctypes.CDLL(None, use_errno=True), "renameat2", None) if sys.platform == "linux" else None
    if rename is None:
        return False
    return bool(rename(_AT_FDCWD, os.fsencode(one), _AT_FDCWD, os.fsencode(other), _RENAME_EXCHANGE) == 0)


def _model(head: State, base: Base) -> Any:
    """The sentence-transformers model of the base and the head."""
    import torch

    with importing("sentence-transformers", needed_for="--save-format sentence-transformers", extra="models"):
        from sentence_transformers import SentenceTransformer
        from sentence_transformers.models import Dense, LayerNorm, Normalize, Pooling, Transformer
    # Left to itself, Transformer keeps the number format of the file: a base stored in half precision would be served
    # in it, though its head was trained and evaluated in that of the encoder.
    transformer = Transformer(
        str(base.folder.transformer),
        model_kwargs={"dtype": getattr(torch, base.encoder.dtype), **base.encoder.naming},
        do_lower_case=base.folder.do_lower_case,
    )
    if base.encoder.naming:  # transformers saves under the names that it read, and serving knows no renaming
        plain = type(transformer.model)(transformer.model.config).to(transformer.model.dtype).eval()
        plain.load_state_dict(transformer.model.state_dict())
        transformer.model = plain
    if base.max_length is not None:
        transformer.max_seq_length = base.max_length
    weight = head["head.linear.weight"]
    dense = Dense(weight.shape[1], weight.shape[0], bias=False, activation_function=torch.nn.Identity())
    dense.linear.weight.data.copy_(weight)
    modules = [transformer, Pooling(weight.shape[1], pooling_mode=base.pooling.modes), dense]
    if "head.ln.weight" in head:
        norm = LayerNorm(weight.shape[0])
        norm.norm.load_state_dict({"weight": head["head.ln.weight"], "bias": head["head.ln.bias"]})
        modules.append(norm)
    return SentenceTransformer(modules=[*modules, Normalize()], device="cpu")
