"""A checkpoint made ready to encode: encoder, projector, prompts, and the facts that are shown."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from pathlib import Path

from embedscope.errors import CheckpointError, InvalidOptionError
from embedscope.machine import resolve_device, resolve_dtype
from embedscope.models.account import combined
from embedscope.models.checkpoint import Checkpoint, load_checkpoint
from embedscope.models.encoders import SentenceTransformerEncoder
from embedscope.models.fingerprints import HashMemory
from embedscope.models.onnx_backend import require_onnx
from embedscope.models.projectors import Identity, LayerNorm, Linear, Normalize, Projection, Step, Truncate
from embedscope.protocols import Encoder
from embedscope.result import ModelFacts
from embedscope.settings import Backend, Device, Pooling, Precision


@dataclass(frozen=True, slots=True, eq=False)
class Model:
    """What turns texts into the vectors that are compared."""

    encoder: Encoder
    projector: Projection
    facts: ModelFacts
    query_prompt: str = ""
    document_prompt: str = ""

    @property
    def dim(self) -> int:
        """Length of a compared vector."""
        return self.projector.dim_out

    def without_head(self) -> Model:
        """The same encoder, its pooled vectors compared as they are: what the head has to improve on."""
        projector = Identity(self.projector.dim_in)
        facts = replace(
            self.facts,
            checkpoint=self.facts.base_model or self.facts.checkpoint,
            dim=projector.dim_out,
            head=None,
            training={},
            fingerprint=_fingerprint(self.encoder, projector),
        )
        return replace(self, projector=projector, facts=facts)


def load_model(
    path: str | Path,
    *,
    base_model: str | Path | None = None,
    pooling: Pooling | None = None,
    max_length: int | None = None,
    device: Device | str = Device.AUTO,
    hashes: HashMemory | None = None,
    backend: Backend | str = Backend.TORCH,
    precision: Precision | str = Precision.AUTO,
) -> Model:
    """The model at ``path``, ready to encode; its weights are read when the first text has to be encoded.

    Parameters
    ----------
    path, base_model, pooling, max_length
        As ``load_checkpoint`` takes them.
    device : Device or str
        Where the encoder runs.
    hashes : HashMemory, optional
        Remembers digests of large files (``EmbeddingStore.hashes``).
    backend : Backend or str
        What runs the transformer: torch, or ONNX Runtime on the CPU in float32.
    precision : Precision or str
        Number format of torch's weights and activations: by default half precision on CUDA and float32 elsewhere.
        Vectors of different formats differ, and each has its own place in the cache.

    Raises
    ------
    CheckpointError, UnsafeCheckpointError, InvalidOptionError, MissingExtraError
        As ``load_checkpoint`` and ``resolve_device``.
    """
    runs_on = Backend(backend)
    where = _device_for(runs_on, device, precision)
    checkpoint = load_checkpoint(path, base_model=base_model, pooling=pooling, max_length=max_length)
    encoder = SentenceTransformerEncoder(
        checkpoint.base,
        pooling=checkpoint.pooling,
        max_length=checkpoint.max_length,
        device=where,
        dtype=resolve_dtype(where, str(checkpoint.base.config.get("model_type", "")), precision),
        state=checkpoint.encoder_state,
        adapter=checkpoint.adapter,
        hashes=hashes or HashMemory(),
        backend=runs_on,
    )
    try:
        projector = Projection(checkpoint.steps, dim_in=encoder.dim)
    except CheckpointError as error:
        raise CheckpointError(f"'{checkpoint.path}' over '{checkpoint.base.reference}': {error}") from error
    return Model(
        encoder=encoder,
        projector=projector,
        facts=_facts(checkpoint, encoder, projector),
        query_prompt=checkpoint.query_prompt,
        document_prompt=checkpoint.document_prompt,
    )


def _device_for(backend: Backend, device: Device | str, precision: Precision | str) -> str:
    """The device, which for ONNX Runtime is the CPU."""
    if backend is Backend.TORCH:
        return resolve_device(device)
    if device not in (Device.AUTO, Device.CPU):
        raise InvalidOptionError(
            f"--backend {backend} runs on the CPU, and --device is '{device}'. Leave one of them out."
        )
    if precision not in (Precision.AUTO, Precision.FLOAT32):
        raise InvalidOptionError(
            f"--backend {backend} sets its own number format, and --precision is '{precision}'. Leave one of them out."
        )
    require_onnx()
    return Device.CPU.value


def _facts(checkpoint: Checkpoint, encoder: SentenceTransformerEncoder, projector: Projection) -> ModelFacts:
    prompts = {"queries": checkpoint.query_prompt, "documents": checkpoint.document_prompt}
    notes = [*checkpoint.notes, *(f"Prompt before {role}: {prompt!r}" for role, prompt in prompts.items() if prompt)]
    if encoder.backend is Backend.ONNX:
        notes.append("Encoded by ONNX Runtime")
    notes += encoder.placement.notes
    tensors = checkpoint.tensors
    if checkpoint.encoder_state is None:  # else the file's own stand in place of the folder's
        tensors = combined(encoder.placement.account, tensors)
    return ModelFacts(
        checkpoint=checkpoint.path,
        layout=checkpoint.layout.value,
        dim=projector.dim_out,
        base_model=checkpoint.base_model,
        pooling=checkpoint.pooling.label if checkpoint.pooling is not None else None,
        pooling_source=checkpoint.pooling_source,
        max_length=checkpoint.max_length,
        device=encoder.device,
        dtype=encoder.dtype,
        head=_head_words(projector),
        training=checkpoint.training,
        fingerprint=_fingerprint(encoder, projector),
        notes=tuple(notes),
        tensors=tensors,
    )


def _head_words(projector: Projection) -> str | None:
    """The head in a few words, such as ``Linear 1024 -> 128, LayerNorm``; None where there is none."""
    shown = ", ".join(map(_step_words, projector.steps))
    return shown if any(not isinstance(step, Normalize) for step in projector.steps) else None


def _step_words(step: Step) -> str:
    if isinstance(step, Linear):
        dim_out, dim_in = step.weight.shape
        shown = f"Linear {dim_in} -> {dim_out}" + (" with bias" if step.bias is not None else "")
        return shown if step.activation == "Identity" else f"{shown}, {step.activation}"
    if isinstance(step, Truncate):
        return f"first {step.dim} numbers"
    return "LayerNorm" if isinstance(step, LayerNorm) else type(step).__name__


def _fingerprint(encoder: Encoder, projector: Projection) -> str:
    return hashlib.sha256(f"{encoder.fingerprint} {projector.fingerprint}".encode()).hexdigest()
