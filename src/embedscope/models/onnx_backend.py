"""A transformer on ONNX Runtime in place of torch, for the CPU: exported once, in float32.

torch loads the checkpoint as ever (safe loading, replaced weights, merged adapters) and traces its forward pass.
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
from contextlib import suppress
from importlib.metadata import version
from pathlib import Path
from typing import Any

from embedscope.errors import CheckpointError, importing

_FILE, _UNFINISHED, _OPSET = "model.onnx", ".export-", 17
_MAX_FILE_BYTES = 2_000_000_000  # of one protocol buffer; larger weights lie in a file beside it
_MAX_KEPT, _STALE_SECONDS = 4, 3600.0  # exports in the cache; age of what a killed process has left


def require_onnx() -> None:
    """Raise ``MissingExtraError`` where ONNX Runtime, or the package that writes its files, is not installed."""
    for package in ("onnxruntime", "onnx"):
        with importing(package, needed_for="An ONNX backend", extra="onnx"):
            __import__(package)


def export_key(weights: str) -> str:
    """The name of an export: SHA-256 over the weights' digest and the packages that make the file."""
    makers = [f"{package} {version(package)}" for package in ("torch", "transformers", "onnx", "onnxruntime")]
    return hashlib.sha256("\n".join([weights, str(_OPSET), *makers]).encode()).hexdigest()[:40]


def run_on_onnx(model: Any, reference: str, kept: Path | None = None) -> None:
    """Have the forward pass of ``model``, a loaded transformer on the CPU, run on ONNX Runtime; free its weights.

    ``reference`` names the model in messages; ``kept`` is the folder of this export (see `export_key`), read where it
    is there and whole, else written. Raises ``CheckpointError`` where the architecture cannot be traced.
    """
    import torch
    from transformers.modeling_outputs import BaseModelOutput

    taken = inspect.signature(model.forward).parameters
    names = [name for name in ("input_ids", "attention_mask", "token_type_ids") if name in taken]
    session = (None if kept is None else _kept_session(kept)) or _new_session(model, names, reference, kept)
    for weights in model.parameters():
        weights.data = torch.empty(0, dtype=weights.dtype)

    def forward(**features: Any) -> Any:
        features.setdefault("token_type_ids", torch.zeros_like(features["input_ids"]))
        hidden = session.run(["hidden"], {name: features[name].numpy() for name in names})[0]
        return BaseModelOutput(last_hidden_state=torch.from_numpy(hidden))

    model.forward = forward


def _kept_session(kept: Path) -> Any:
    """The session of an export in the cache; None where there is none, or a damaged one, which is removed."""
    with suppress(OSError):
        os.utime(kept)  # was used now
    try:
        return _session(kept)
    except Exception:  # ONNX Runtime has a class of error for every way in which a file can be damaged
        shutil.rmtree(kept, ignore_errors=True)
        return None


def _new_session(model: Any, names: list[str], reference: str, kept: Path | None) -> Any:
    """Export aside and rename when whole: a killed process leaves no half export under the name of a whole one."""
    parent = kept.parent if kept is not None and _has_capacity(kept.parent) else None
    with tempfile.TemporaryDirectory(prefix=_UNFINISHED, dir=parent, ignore_cleanup_errors=True) as root:
        whole = Path(root) / "whole"
        try:
            _export(model.eval(), names, whole)
        except Exception as error:  # the tracer raises whatever the model's own code raises
            raise CheckpointError(
                f"'{reference}' cannot be exported to ONNX ({type(error).__name__}). Leave --backend out."
            ) from error
        if kept is not None and parent is not None:
            with suppress(OSError):  # another process was quicker: either export will do
                whole.rename(kept)
            whole = whole if whole.exists() else kept
        return _session(whole)


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
