"""A transformer on ONNX Runtime in place of torch, for the CPU: exported once, as float32 or as int8.

The checkpoint is loaded by torch as ever (safe loading, replaced weights, merged adapters) and traced into an ONNX
file; its forward pass runs there from then on and torch's weights are let go; tokenizer and pooling stay as they were.
The file is kept in the cache, in a folder named by everything that decides it, written aside and renamed when it is
whole. Weights above 2 GB, which one protocol buffer cannot hold, lie in a file beside it.

int8 is dynamic quantisation: weights by channel beforehand, activations by their range at every call. It changes the
vectors, so an encoder names its backend in its fingerprint; ``benchmarks/encoding.py`` measures what the change costs.
"""

from __future__ import annotations

import hashlib
import inspect
import logging
import os
import shutil
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from importlib.metadata import version
from pathlib import Path
from typing import Any

from embedscope.errors import CheckpointError, MissingExtraError
from embedscope.protocols import Backend

_OPSET = 17
_FILE = "model.onnx"
_MAX_FILE_BYTES = 2_000_000_000
"""Of weights inside the ONNX file itself; a protocol buffer ends at 2 GiB."""

_MAX_KEPT = 4
"""Exported models in the cache; the one used longest ago makes room for another."""

_UNFINISHED = ".export-"
_STALE_SECONDS = 3600.0
_INPUTS = ("input_ids", "attention_mask", "token_type_ids")


def require_onnx() -> None:
    """Raise ``MissingExtraError`` where ONNX Runtime, or the package that writes its files, is not installed."""
    for package in ("onnxruntime", "onnx"):
        try:
            __import__(package)
        except ImportError as error:
            raise MissingExtraError(needed_for="An ONNX backend", package=package, extra="onnx") from error


def export_key(weights: str, backend: Backend) -> str:
    """The name of an export: SHA-256 over the weights' digest, the backend and the packages that make the file."""
    makers = [f"{package} {version(package)}" for package in ("torch", "transformers", "onnx", "onnxruntime")]
    return hashlib.sha256("\n".join([weights, backend.value, str(_OPSET), *makers]).encode()).hexdigest()[:40]


def run_on_onnx(model: Any, backend: Backend, reference: str, kept: Path | None = None) -> None:
    """Have the forward pass of ``model``, a loaded transformer on the CPU, run on ONNX Runtime.

    Parameters
    ----------
    model : transformers.PreTrainedModel
        Its ``forward`` is replaced and its weights are freed.
    backend : Backend
        ``ONNX`` or ``ONNX_INT8``.
    reference : str
        The model's name, for messages.
    kept : Path, optional
        Folder of this export, named by `export_key`: read where it is there and whole, else written.

    Raises
    ------
    MissingExtraError
        ONNX Runtime or onnx is not installed.
    CheckpointError
        The architecture cannot be traced.
    """
    require_onnx()
    names = [name for name in _INPUTS if name in inspect.signature(model.forward).parameters]
    session = None if kept is None else _kept_session(kept)
    if session is None:
        session = _new_session(model, names, backend, reference, kept)
    _forget_weights(model)
    model.forward = _forward(session, names)


def _kept_session(kept: Path) -> Any:
    """The session of an export in the cache; None where there is none, or a damaged one, which is removed."""
    if not (kept / _FILE).is_file():
        return None
    try:
        session = _session(kept)
    except Exception:  # ONNX Runtime has a class of error for every way in which a file can be damaged
        shutil.rmtree(kept, ignore_errors=True)
        return None
    with suppress(OSError):
        os.utime(kept)  # was used now
    return session


def _new_session(model: Any, names: Sequence[str], backend: Backend, reference: str, kept: Path | None) -> Any:
    parent = None if kept is None else _made_ready(kept.parent)
    with tempfile.TemporaryDirectory(prefix=_UNFINISHED, dir=parent, ignore_cleanup_errors=True) as root:
        folder = Path(root) / "whole"
        folder.mkdir()
        try:
            with _still():
                _write(model.eval(), names, backend, folder)
        except Exception as error:  # the tracer raises whatever the model's own code raises
            raise CheckpointError(
                f"'{reference}' cannot be exported to ONNX ({type(error).__name__}). Leave --backend out."
            ) from error
        _forget_weights(model)
        return _session(folder if kept is None or parent is None else _moved(folder, kept))


def _made_ready(folder: Path) -> Path | None:
    """``folder``, there and with room for one export more; None where nothing can be written to it."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for left in folder.glob(f"{_UNFINISHED}*"):  # by a process that was killed
            if time.time() - left.stat().st_mtime > _STALE_SECONDS:
                shutil.rmtree(left, ignore_errors=True)
        whole = sorted(
            (each for each in folder.iterdir() if each.name[0] != "."), key=lambda each: each.stat().st_mtime
        )
    except OSError:
        return None
    for oldest in whole[: max(0, len(whole) - _MAX_KEPT + 1)]:
        shutil.rmtree(oldest, ignore_errors=True)
    return folder if os.access(folder, os.W_OK) else None


def _moved(folder: Path, kept: Path) -> Path:
    """Where the export lies: at ``kept``, put there by us or by a process that was quicker; else where it was made."""
    try:
        for file in folder.iterdir():
            with file.open("rb+") as written:
                os.fsync(written.fileno())
        folder.rename(kept)
    except OSError:
        return kept if (kept / _FILE).is_file() else folder
    return kept


def _session(folder: Path) -> Any:
    import onnxruntime
    import torch

    settings = onnxruntime.SessionOptions()
    settings.intra_op_num_threads = torch.get_num_threads()
    settings.log_severity_level = 3
    return onnxruntime.InferenceSession(str(folder / _FILE), settings, providers=["CPUExecutionProvider"])


def _forget_weights(model: Any) -> None:
    """Free the memory of torch's weights: their forward pass will not run again."""
    import torch

    for weights in model.parameters():
        weights.data = torch.empty(0, dtype=weights.dtype)


def _write(model: Any, names: Sequence[str], backend: Backend, folder: Path) -> None:
    """The ONNX file of ``model``, and what lies beside it, into the empty ``folder``."""
    with tempfile.TemporaryDirectory(prefix="traced-", dir=folder.parent) as root:
        traced = Path(root) / _FILE
        _export(model, names, traced)
        is_large = _weight_bytes(traced) > _MAX_FILE_BYTES
        if backend is Backend.ONNX_INT8:
            _quantise(traced, folder / _FILE, is_large=is_large)
        else:
            _gather(traced, folder / _FILE, is_large=is_large)


def _weight_bytes(file: Path) -> int:
    """Bytes of an ONNX model: of its own file and of the files that torch puts beside it above 2 GB."""
    return sum(each.stat().st_size for each in file.parent.iterdir())


def _gather(traced: Path, file: Path, *, is_large: bool) -> None:
    """The traced model at ``file``; a large one with all weights in one file beside it, not in one file each."""
    if not is_large:
        traced.rename(file)
        return
    import onnx

    onnx.save_model(onnx.load(traced), file, save_as_external_data=True, location=f"{_FILE}.data", size_threshold=1024)


def _forward(session: Any, names: Sequence[str]) -> Callable[..., Any]:
    import torch
    from transformers.modeling_outputs import BaseModelOutput

    def forward(**features: Any) -> Any:
        features.setdefault("token_type_ids", torch.zeros_like(features["input_ids"]))
        hidden = session.run(None, {name: features[name].numpy() for name in names})[0]
        return BaseModelOutput(last_hidden_state=torch.from_numpy(hidden))

    return forward


def _export(model: Any, names: Sequence[str], file: Path) -> None:
    import torch

    class HiddenStates(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.model = model

        def forward(self, *values: torch.Tensor) -> Any:
            return self.model(**dict(zip(names, values, strict=True))).last_hidden_state

    shape = (2, 7)  # more than one of each: what is 1 while tracing may be taken for a constant
    values = {"input_ids": torch.ones(shape, dtype=torch.long), "attention_mask": torch.ones(shape, dtype=torch.long)}
    values["token_type_ids"] = torch.zeros(shape, dtype=torch.long)
    torch.onnx.export(
        HiddenStates(),
        tuple(values[name] for name in names),
        str(file),
        input_names=list(names),
        output_names=["hidden"],
        dynamic_axes={name: {0: "texts", 1: "tokens"} for name in (*names, "hidden")},
        opset_version=_OPSET,
        dynamo=False,
    )


def _quantise(traced: Path, file: Path, *, is_large: bool) -> None:
    from onnxruntime.quantization import QuantType, quantize_dynamic

    quantize_dynamic(traced, file, weight_type=QuantType.QInt8, per_channel=True, use_external_data_format=is_large)


@contextmanager
def _still() -> Iterator[None]:
    """Exporter and quantiser without their remarks; the outcome says what matters."""
    log = logging.getLogger()
    level = log.level
    log.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        log.setLevel(level)
