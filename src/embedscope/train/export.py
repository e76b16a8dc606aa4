"""A trained head in the forms that other programs load: safetensors, and a sentence-transformers folder."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from embedscope.errors import OutputError, importing
from embedscope.machine import require_torch
from embedscope.models.encoders import quiet_transformers
from embedscope.publishing import cannot_write, staged_folder, write_whole
from embedscope.train.base import Base
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
    write_whole(path, lambda temporary: temporary.write_bytes(content), option="--output-dir", is_durable=True)


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
    with staged_folder(folder, option="--output-dir", is_replaced=True) as staging:
        try:
            with quiet_transformers():
                _model(head, base).save(str(staging), create_model_card=False)
            _open_to_all(staging)
        except OSError as error:
            raise cannot_write(folder, error, "--output-dir") from error


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
    """Modes as the user's other files have: safetensors makes its own for this user alone."""
    usual = (staging / "modules.json").stat().st_mode
    for path in staging.rglob("*"):
        if path.is_file():
            path.chmod(usual)


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
    prompts = {"query": base.query_prompt, "document": base.document_prompt}
    # Said, not left to a default: a head is trained by cosine whatever its base model states.
    return SentenceTransformer(
        modules=[*modules, Normalize()], prompts=prompts, similarity_fn_name="cosine", device="cpu"
    )
