"""A transformer on ONNX Runtime in place of torch, for the CPU: exported once, in float32.

torch loads the checkpoint as ever (safe loading, replaced weights, merged adapters) and traces its forward pass. A
trace may fix what depends on length or padding: each session is compared with torch on other inputs before it is used.
``SentenceTransformer(backend="onnx")`` is not used: optimum-onnx, which it exports with, excludes transformers 5.
"""

from __future__ import annotations

import hashlib
import inspect
import os
import shutil
import tempfile
import time
import warnings
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

from embedscope.errors import CheckpointError, require_installed

_FILE, _UNFINISHED, _OPSET = "model.onnx", ".export-", 17
_MAX_FILE_BYTES = 2_000_000_000  # of one protocol buffer; larger weights lie in a file beside it
_CHECKED_TOKENS = 768  # of the longest input compared: more than the blocks and windows that architectures compute in
_MOST_APART = 1e-4  # of the length of a token's vector
_MAX_KEPT, _STALE_SECONDS = 4, 3600.0  # exports in the cache; age of what a killed process has left


def require_onnx() -> None:
    """Raise ``MissingExtraError`` where ONNX Runtime, or the package that writes its files, is not installed."""
    require_installed(("onnxruntime", "onnx"), needed_for="An ONNX backend", extra="onnx")


def export_key(weights: str) -> str:
    """The name of an export: SHA-256 over the weights' digest and the packages that make the file."""
    makers = [f"{package} {version(package)}" for package in ("torch", "transformers", "onnx", "onnxruntime")]
    return hashlib.sha256(
        "\n".join([weights, str(_OPSET), f"{_CHECKED_TOKENS} tokens checked", *makers]).encode()
    ).hexdigest()[:40]


def run_on_onnx(model: Any, reference: str, kept: Path | None = None, max_length: int | None = None) -> None:
    """Have the forward pass of ``model``, a loaded transformer on the CPU, run on ONNX Runtime; free its weights.

    ``reference`` names the model in messages; ``kept`` is the folder of this export (see `export_key`), read where it
    is there and whole, else written; ``max_length`` is what texts are cut to. Raises ``CheckpointError`` where the
    architecture cannot be traced, or gives other vectors once it is.
    """
    import torch
    from transformers.modeling_outputs import BaseModelOutput

    taken = inspect.signature(model.eval().forward).parameters
    names = [name for name in ("input_ids", "attention_mask", "token_type_ids") if name in taken]
    if what := _depends_on_length(model.config, compared=max_length is not None and max_length <= _CHECKED_TOKENS):
        raise CheckpointError(
            f"'{reference}' computes otherwise from some length on ({what}), where its export to ONNX cannot be "
            f"compared with torch. Leave --backend out."
        )
    check = partial(_refuse_other_vectors, model, names, reference, max_length)
    session = None if kept is None else _kept_session(kept)
    if session is None:
        session = _new_session(model, names, reference, kept, check)
    else:
        check(session)  # at this length too
    for weights in model.parameters():
        weights.data = torch.empty(0, dtype=weights.dtype)

    def forward(**features: Any) -> Any:
        features.setdefault("token_type_ids", torch.zeros_like(features["input_ids"]))
        return BaseModelOutput(last_hidden_state=_hidden(session, {name: features[name] for name in names}))

    model.forward = forward


def _hidden(session: Any, values: Mapping[str, Any]) -> Any:
    import torch

    return torch.from_numpy(session.run(["hidden"], {name: value.numpy() for name, value in values.items()})[0])


def _refuse_other_vectors(model: Any, names: list[str], reference: str, max_length: int | None, session: Any) -> None:
    """``CheckpointError`` where ``session`` gives other token vectors than ``model``, at any shape that is tried."""
    import torch

    longest = min(max_length or _CHECKED_TOKENS, _CHECKED_TOKENS)
    for n_texts, n_tokens in ((1, 1), (3, min(11, longest)), (1, longest)):
        values, is_text = _inputs(model, n_texts, n_tokens)
        values = {name: values[name] for name in names}
        try:
            with torch.inference_mode():
                expected = model(**values).last_hidden_state.float()[is_text]
        except IndexError:  # more tokens than it has positions for: no such text can be encoded in either way
            continue
        try:
            apart = (_hidden(session, values)[is_text] - expected).norm(dim=-1) / expected.norm(dim=-1)
        except Exception as error:  # ONNX Runtime has many classes of errors for a shape that was fixed by the trace
            raise CheckpointError(
                f"'{reference}' cannot be run on ONNX Runtime: its export fails at {n_texts} x {n_tokens} tokens "
                f"({type(error).__name__}). Leave --backend out."
            ) from error
        if not float(apart.max()) <= _MOST_APART:
            raise CheckpointError(
                f"'{reference}' gives other vectors on ONNX Runtime: at {n_texts} x {n_tokens} tokens they are "
                f"{float(apart.max()):.2g} of their length from those of torch; expected at most {_MOST_APART:g}. "
                f"Leave --backend out."
            )


def _depends_on_length(config: Any, *, compared: bool) -> str | None:
    """What of an architecture changes at some length, by its configuration; less where every length is ``compared``.

    BigBird is changed by the first short text, in torch too, so that no comparison shows it.
    """
    rope = getattr(config, "rope_parameters", None) or getattr(config, "rope_scaling", None) or {}
    kinds = {str(each.get("rope_type")) for each in (rope, *rope.values()) if isinstance(each, Mapping)}
    kinds.add(str(getattr(config, "attention_type", None)))
    changing = ("block_sparse",) if compared else ("block_sparse", "dynamic", "longrope")
    return next((kind for kind in changing if kind in kinds), None)


def _inputs(model: Any, n_texts: int, n_tokens: int) -> tuple[dict[str, Any], Any]:
    """Tokens from the middle of the vocabulary, and where they are: the second text is padded right, the third left."""
    import torch

    n_words = model.get_input_embeddings().weight.shape[0]
    is_text = torch.ones((n_texts, n_tokens), dtype=torch.bool)
    is_text[1:2, n_tokens // 2 + 1 :] = False
    is_text[2:3, : n_tokens // 2] = False
    words = torch.randint(n_words // 4, n_words // 2 + 1, is_text.shape, generator=torch.Generator().manual_seed(0))
    ids = words.where(is_text, torch.tensor(getattr(model.config, "pad_token_id", None) or 0))
    return {"input_ids": ids, "attention_mask": is_text.long(), "token_type_ids": torch.zeros_like(ids)}, is_text


def _kept_session(kept: Path) -> Any:
    """The session of an export in the cache; None where there is none, or a damaged one, which is removed."""
    with suppress(OSError):
        os.utime(kept)  # was used now
    try:
        return _session(kept)
    except Exception:  # ONNX Runtime has a class of error for every way in which a file can be damaged
        shutil.rmtree(kept, ignore_errors=True)
        return None


def _new_session(model: Any, names: list[str], reference: str, kept: Path | None, check: Callable[[Any], None]) -> Any:
    """Export aside, and rename when whole and checked: a killed process leaves no half export under its name."""
    parent = kept.parent if kept is not None and _has_capacity(kept.parent) else None
    with tempfile.TemporaryDirectory(prefix=_UNFINISHED, dir=parent, ignore_cleanup_errors=True) as root:
        whole = Path(root) / "whole"
        try:
            _export(model, names, whole)
        except Exception as error:  # the tracer raises whatever the model's own code raises
            raise CheckpointError(
                f"'{reference}' cannot be exported to ONNX ({type(error).__name__}). Leave --backend out."
            ) from error
        session = _session(whole)
        check(session)
        if kept is not None and parent is not None:
            with suppress(OSError):  # another process was quicker: either export will do
                whole.rename(kept)
        return session


def _has_capacity(folder: Path) -> bool:
    """Whether ``folder`` takes one export more; those used longest ago, and unfinished ones, are removed for it."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        ages = {each: time.time() - each.stat().st_mtime for each in folder.iterdir()}
    except OSError:
        return False
    whole = sorted((each for each in ages if each.name[0] != "."), key=ages.__getitem__)
    killed = [each for each, age in ages.items() if each.name.startswith(_UNFINISHED) and age > _STALE_SECONDS]
    for each in [*whole[_MAX_KEPT - 1 :], *killed]:
        shutil.rmtree(each, ignore_errors=True)
    return os.access(folder, os.W_OK)


def _session(folder: Path) -> Any:
    import onnxruntime
    import torch

    settings = onnxruntime.SessionOptions()
    settings.intra_op_num_threads, settings.log_severity_level = torch.get_num_threads(), 3
    return onnxruntime.InferenceSession(str(folder / _FILE), settings, providers=["CPUExecutionProvider"])


def _export(model: Any, names: list[str], folder: Path) -> None:
    """Trace ``model`` into the new ``folder``; large weights lie in one file there, where torch writes one each."""
    import onnx
    import torch

    class HiddenStates(torch.nn.Module):
        def forward(self, *values: torch.Tensor) -> Any:
            return model(**dict(zip(names, values, strict=True))).last_hidden_state

    states = HiddenStates()
    states.model = model  # so that its weights are those of the graph
    states.eval()  # the exporter leaves the modes as it finds them
    ones = torch.ones((2, 7), dtype=torch.long)  # more than one of each: 1 may be taken for a constant when traced
    values = {"input_ids": ones, "attention_mask": ones, "token_type_ids": torch.zeros_like(ones)}
    with tempfile.TemporaryDirectory(dir=folder.parent) as traced, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            states,
            tuple(values[name] for name in names),
            f"{traced}/{_FILE}",
            input_names=names,
            output_names=["hidden"],
            dynamic_axes={name: {0: "texts", 1: "tokens"} for name in (*names, "hidden")},
            opset_version=_OPSET,
            dynamo=False,
        )
        is_large = sum(each.stat().st_size for each in Path(traced).iterdir()) > _MAX_FILE_BYTES
        folder.mkdir()
        beside: Any = {"save_as_external_data": is_large, "location": f"{_FILE}.data"}
        onnx.save_model(onnx.load(f"{traced}/{_FILE}"), folder / _FILE, **beside)
    for each in folder.iterdir():
        with each.open("rb+") as written:
            os.fsync(written.fileno())
