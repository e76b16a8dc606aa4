"""A transformer on ONNX Runtime in place of torch, for the CPU: exported when it is loaded, as float32 or as int8.

The checkpoint is loaded by torch as ever (safe loading, replaced weights, merged adapters), traced once into an ONNX
file in a temporary folder, and its forward pass runs there from then on; tokenizer and pooling stay what they were.
int8 is dynamic quantisation: weights by channel beforehand, activations by their range at every call. It changes the
vectors, so an encoder names its backend in its fingerprint; ``benchmarks/encoding.py`` measures what the change costs.
"""

from __future__ import annotations

import inspect
import logging
import tempfile
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from embedscope.errors import CheckpointError, MissingExtraError
from embedscope.protocols import Backend

_OPSET = 17
_INPUTS = ("input_ids", "attention_mask", "token_type_ids")


def require_onnx() -> None:
    """Raise ``MissingExtraError`` where ONNX Runtime, or the package that writes its files, is not installed."""
    for package in ("onnxruntime", "onnx"):
        try:
            __import__(package)
        except ImportError as error:
            raise MissingExtraError(needed_for="An ONNX backend", package=package, extra="onnx") from error


def run_on_onnx(model: Any, backend: Backend, reference: str) -> None:
    """Have the forward pass of ``model``, a loaded transformer on the CPU, run on ONNX Runtime.

    Parameters
    ----------
    model : transformers.PreTrainedModel
        Its ``forward`` is replaced.
    backend : Backend
        ``ONNX`` or ``ONNX_INT8``.
    reference : str
        The model's name, for messages.

    Raises
    ------
    MissingExtraError
        ONNX Runtime or onnx is not installed.
    CheckpointError
        The architecture cannot be traced.
    """
    require_onnx()
    import onnxruntime
    import torch

    names = [name for name in _INPUTS if name in inspect.signature(model.forward).parameters]
    with tempfile.TemporaryDirectory(prefix="embedscope-onnx-") as folder:
        file = Path(folder) / "model.onnx"
        try:
            with _still():
                _export(model.eval(), names, file)
                if backend is Backend.ONNX_INT8:
                    file = _quantised(file)
        except Exception as error:  # the tracer raises whatever the model's own code raises
            raise CheckpointError(
                f"'{reference}' cannot be exported to ONNX ({type(error).__name__}). Leave --backend out."
            ) from error
        settings = onnxruntime.SessionOptions()
        settings.intra_op_num_threads = torch.get_num_threads()
        settings.log_severity_level = 3
        session = onnxruntime.InferenceSession(str(file), settings, providers=["CPUExecutionProvider"])
    model.forward = _forward(session, names)


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


def _quantised(file: Path) -> Path:
    from onnxruntime.quantization import QuantType, quantize_dynamic

    smaller = file.with_name("int8.onnx")
    quantize_dynamic(file, smaller, weight_type=QuantType.QInt8, per_channel=True)
    return smaller


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
