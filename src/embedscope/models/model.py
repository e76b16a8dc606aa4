"""A checkpoint made ready to encode: encoder, projector, prompts, and the facts that are shown."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, replace
from pathlib import Path

from embedscope.errors import CheckpointError, InvalidOptionError
from embedscope.machine import resolve_device, resolve_dtype
from embedscope.models.account import combined
from embedscope.models.checkpoint import Checkpoint, load_checkpoint
from embedscope.models.encoders import SentenceTransformerEncoder
from embedscope.models.endpoint import connect
from embedscope.models.endpoint_address import AT_ENDPOINT, is_endpoint
from embedscope.models.fingerprints import HashMemory
from embedscope.models.onnx_backend import require_onnx
from embedscope.models.projectors import (
    Identity,
    Linear,
    Nonlinearity,
    Normalize,
    Projection,
    Step,
    Truncate,
    ends_normalised,
)
from embedscope.models.prompts import NO_PROMPTS, choose_prompts
from embedscope.models.score_function import resolved_similarity, stated_similarity
from embedscope.protocols import Encoder
from embedscope.result import ModelFacts
from embedscope.settings import (
    Activation,
    Backend,
    Device,
    ModelSettings,
    Pooling,
    Precision,
    SimilarityFunction,
    Weights,
    require_unused,
)


@dataclass(frozen=True, slots=True, eq=False)
class Model:
    """What turns texts into the vectors that are compared."""

    encoder: Encoder
    projector: Projection
    facts: ModelFacts
    query_prompt: str = ""
    document_prompt: str = ""
    base_similarity: SimilarityFunction = SimilarityFunction.COSINE  # without the head

    @property
    def dim(self) -> int:
        """Length of a compared vector."""
        return self.projector.dim_out

    def without_head(self) -> Model:
        """The same encoder, its pooled vectors compared as they are: what the head has to improve on."""
        is_unit = self.base_similarity is SimilarityFunction.COSINE
        projector = Identity(self.projector.dim_in, is_unit=is_unit)
        facts = replace(
            self.facts,
            checkpoint=self.facts.base_model or self.facts.checkpoint,
            dim=projector.dim_out,
            head=None,
            training={},
            similarity=self.base_similarity.value,
            fingerprint=_fingerprint(self.encoder, projector, self.query_prompt, self.document_prompt),
        )
        return replace(self, projector=projector, facts=facts)


def load_model(
    path: str | Path,
    *,
    base_model: str | Path | None = None,
    pooling: Pooling | None = None,
    max_length: int | None = None,
    head_module: str | None = None,
    activation: Activation | None = None,
    weights: Weights = Weights.PLAIN,
    query_prompt: str | None = None,
    document_prompt: str | None = None,
    device: Device | str = Device.AUTO,
    hashes: HashMemory | None = None,
    backend: Backend | str = Backend.TORCH,
    precision: Precision | str = Precision.AUTO,
    similarity: SimilarityFunction | str = SimilarityFunction.MODEL,
    model: str | None = None,
) -> Model:
    """The model at ``path``, ready to encode; its weights are read when the first text has to be encoded.

    The address of an endpoint is taken too, as `load_endpoint` takes it; what says how an encoder on this machine works
    is then refused.

    Parameters
    ----------
    path, base_model, pooling, max_length, head_module, activation, weights, query_prompt, document_prompt
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
    similarity : SimilarityFunction or str
        What compares its vectors: by default what the model states, else the cosine.
    model : str, optional
        Name of the model at an endpoint.

    Raises
    ------
    CheckpointError, UnsafeCheckpointError, InvalidOptionError, MissingExtraError
        As ``load_checkpoint`` and ``resolve_device``.
    """
    if is_endpoint(path):
        local = {
            "base_model": base_model, "pooling": pooling, "max_length": max_length, "head_module": head_module,
            "activation": activation, "weights": weights, "device": device, "backend": backend, "precision": precision,
        }  # fmt: skip
        require_unused(AT_ENDPOINT, (ModelSettings(**local), local))  # type: ignore[arg-type]
        return load_endpoint(
            str(path),
            model=model,
            query_prompt=query_prompt,
            document_prompt=document_prompt,
            similarity=similarity,
            hashes=hashes,
        )
    runs_on = Backend(backend)
    where = _device_for(runs_on, device, precision)
    checkpoint = load_checkpoint(
        path,
        base_model=base_model,
        pooling=pooling,
        max_length=max_length,
        head_module=head_module,
        activation=activation,
        weights=weights,
        query_prompt=query_prompt,
        document_prompt=document_prompt,
    )
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
    asked = SimilarityFunction(similarity)
    is_unit = ends_normalised(checkpoint.steps)
    chosen, notes = resolved_similarity(asked, checkpoint.similarity, is_unit=is_unit, where=checkpoint.path)
    checkpoint = replace(checkpoint, notes=(*checkpoint.notes, *notes))
    try:
        is_unit = chosen is SimilarityFunction.COSINE
        projector = Projection(checkpoint.steps, dim_in=encoder.dim, is_unit=is_unit)
    except CheckpointError as error:
        raise CheckpointError(f"'{checkpoint.path}' over '{checkpoint.base.reference}': {error}") from error
    return Model(
        encoder=encoder,
        projector=projector,
        facts=replace(_facts(checkpoint, encoder, projector), similarity=chosen.value),
        query_prompt=checkpoint.query_prompt,
        document_prompt=checkpoint.document_prompt,
        base_similarity=stated_similarity(checkpoint.base.without_head().similarity)
        if asked is SimilarityFunction.MODEL
        else asked,
    )


def load_endpoint(
    name: str,
    *,
    model: str | None = None,
    query_prompt: str | None = None,
    document_prompt: str | None = None,
    similarity: SimilarityFunction | str = SimilarityFunction.MODEL,
    hashes: HashMemory | None = None,
) -> Model:
    """The model behind the address ``name``; it has been asked for a few texts when this returns.

    Parameters
    ----------
    name, model, hashes
        As `connect` takes them.
    query_prompt, document_prompt : str, optional
        Sent before each text; by default nothing is, because the server puts its own there, or the application does.
    similarity : SimilarityFunction or str
        By default the cosine: an endpoint states none.

    Raises
    ------
    InvalidOptionError, EndpointError, InvalidEmbeddingsError
        As `connect`.
    """
    found = connect(name, model=model, hashes=hashes)
    asked = {"query": query_prompt, "document": document_prompt}
    prompts = choose_prompts(found.name, NO_PROMPTS, asked, names=(found.encoder.model,))
    is_unit = found.norms.are_one
    chosen, notes = resolved_similarity(SimilarityFunction(similarity), None, is_unit=is_unit, where=found.name)
    if is_unit:
        notes = ("The endpoint gives vectors of norm 1.", *notes)
    elif chosen is SimilarityFunction.COSINE:
        smallest, largest = found.norms.smallest, found.norms.largest
        notes = (
            f"The endpoint gives vectors of norm {smallest:.3g} to {largest:.3g}: scored by cosine. Pass --similarity "
            f"dot if the index scores by inner product.",
        )
    projector = Identity(found.encoder.dim, is_unit=chosen is SimilarityFunction.COSINE)
    facts = ModelFacts(
        checkpoint=found.name,
        layout="endpoint",
        dim=projector.dim_out,
        fingerprint=_fingerprint(found.encoder, projector, prompts.query, prompts.document),
        notes=(*found.notes, *notes, *prompts.notes),
        similarity=chosen.value,
        query_prompt=prompts.query,
        document_prompt=prompts.document,
    )
    return Model(found.encoder, projector, facts, prompts.query, prompts.document, base_similarity=chosen)


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
    notes = checkpoint.notes
    if encoder.backend is Backend.ONNX:
        notes = (*notes, "Encoded by ONNX Runtime")
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
        fingerprint=_fingerprint(encoder, projector, checkpoint.query_prompt, checkpoint.document_prompt),
        notes=(*notes, *encoder.placement.notes),
        query_prompt=checkpoint.query_prompt,
        document_prompt=checkpoint.document_prompt,
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
    return step.name if isinstance(step, Nonlinearity) else type(step).__name__


def _fingerprint(encoder: Encoder, projector: Projection, *prompts: str) -> str:
    said = json.dumps(prompts) if any(prompts) else ""
    return hashlib.sha256(f"{encoder.fingerprint} {projector.fingerprint}{said}".encode()).hexdigest()
