"""Encoders: texts to pooled vectors, before any head and before normalisation.

torch, transformers and sentence-transformers are imported when the first text has to be encoded: a run whose texts
are all in the cache never loads them.
"""

from __future__ import annotations

import hashlib
import json
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from copy import copy
from dataclasses import KW_ONLY, dataclass, field
from functools import cached_property
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

from embedscope.errors import CheckpointError, EmbedscopeError, UnsafeCheckpointError, importing
from embedscope.machine import is_out_of_memory, require_torch
from embedscope.models.encoder_state import EncoderState, is_unused
from embedscope.models.fingerprints import HashMemory
from embedscope.models.model_folders import ModelFolder, tokenizer_files, weight_files
from embedscope.models.modules import MODULE_HOMES
from embedscope.models.onnx_backend import export_key, run_on_onnx
from embedscope.models.pooling import PoolingSpec
from embedscope.protocols import Float32Array
from embedscope.settings import Backend

_PARAMETER_SUFFIXES = (".json", ".safetensors", ".bin")


@dataclass(frozen=True, eq=False)
class SentenceTransformerEncoder:
    """Pooled vectors of a model folder: transformer and pooling, without Dense, LayerNorm and Normalize."""

    folder: ModelFolder
    _: KW_ONLY
    pooling: PoolingSpec | None  # None for static embeddings only
    max_length: int | None  # tokens a text is cut to; None where nothing limits it
    device: str = "cpu"
    dtype: str = "float32"
    state: EncoderState | None = None  # encoder weights that replace the folder's
    adapter: Path | None = None  # folder of a PEFT adapter over the transformer
    hashes: HashMemory = field(default_factory=HashMemory)  # ONNX exports are kept in its folder
    backend: Backend = Backend.TORCH
    prompt: str = ""  # stands before each text
    loaded: list[Any] = field(default_factory=list)  # filled at the first text; shared with what ``with_prompt`` makes

    @property
    def tokenizer_folder(self) -> Path | None:
        """Where the tokenizer lies; None for encoders that have no transformer."""
        return self.folder.transformer

    @property
    def fingerprint(self) -> str:
        """SHA-256 over weights, configuration, tokenizer, pooling, prompt, maximum length and number format."""
        # What changes no vector stays out, so that a head over a folder finds what the folder itself has encoded.
        includes_prompt = bool(self.prompt) and self.pooling is not None and self.pooling.include_prompt
        pooling = self.pooling and (self.pooling.label, includes_prompt)
        modules = [module.name for module in self.folder.encoder_modules if module.name != "Pooling"]
        settings = [pooling, modules, self.max_length, self.dtype, self.folder.do_lower_case, self.prompt]
        if self.backend is not Backend.TORCH:
            settings.append(self.backend.value)
        return hashlib.sha256((self._weights_digest + json.dumps(settings)).encode()).hexdigest()

    @property
    def dim(self) -> int:
        """Length of a pooled vector; loads the model only where ``config.json`` does not state its width."""
        width = self.folder.hidden_size
        plain = all(module.name == "Pooling" for module in self.folder.encoder_modules)
        if width is not None and plain and self.pooling is not None:
            return width * len(self.pooling.modes)
        return int(self._loaded().get_embedding_dimension())

    def with_prompt(self, prompt: str) -> SentenceTransformerEncoder:
        """The same encoder, sharing its weights, with ``prompt`` before each text."""
        view = copy(self)
        object.__setattr__(view, "prompt", prompt)
        return view

    def encode(self, texts: Sequence[str], *, batch_size: int) -> Float32Array:
        """Pooled vectors of shape (len(texts), dim), float32, in the order of ``texts``; not normalised."""
        if not texts:
            return np.zeros((0, self.dim), dtype=np.float32)
        model = self._loaded()
        vectors = model.encode(
            [_encodable(text) for text in texts],
            prompt=self.prompt or None,
            batch_size=batch_size,
            show_progress_bar=False,
            convert_to_numpy=True,
            normalize_embeddings=False,
        )
        return np.asarray(vectors, dtype=np.float32)

    def _loaded(self) -> Any:
        if not self.loaded:
            with quiet_transformers():
                self.loaded.append(self._load())
        return self.loaded[0]

    def _load(self) -> Any:
        require_torch()
        with importing("sentence-transformers", needed_for="Encoding texts", extra="models"):
            from sentence_transformers import SentenceTransformer
        try:
            return SentenceTransformer(modules=self._modules(), device=self.device).eval()
        except EmbedscopeError:
            raise
        except Exception as error:  # transformers, tokenizers and safetensors raise whatever they like
            if is_out_of_memory(error):
                raise EmbedscopeError(
                    f"'{self.folder.reference}' itself does not fit into the memory of '{self.device}'. Pass "
                    f"--device cpu, or use a machine with more memory."
                ) from error
            raise _loading_error(self.folder, error) from error

    def _modules(self) -> list[Any]:
        modules = [] if self.folder.transformer is None else [self._transformer()]
        for module in self.folder.encoder_modules:
            if module.name == "Pooling":
                modules.append(self._pooled(modules))
            else:
                own = _module_class(module.name)
                modules.append(own.load(str(module.folder), local_files_only=True, trust_remote_code=False))
        if self.folder.transformer is not None and all(m.name != "Pooling" for m in self.folder.encoder_modules):
            modules.append(self._pooled(modules))
        return modules

    def _pooled(self, modules: Sequence[Any]) -> Any:
        assert self.pooling is not None  # noqa: S101 - read_model_folder gives every transformer a pooling
        return _module_class("Pooling")(
            modules[-1].get_embedding_dimension(),
            pooling_mode=self.pooling.modes,
            include_prompt=self.pooling.include_prompt,
        )

    def _transformer(self) -> Any:
        import torch

        folder = self.folder.transformer
        files = weight_files(folder) if folder is not None else ()
        trusted: dict[str, Any] = {"trust_remote_code": False, "local_files_only": True}
        is_safetensors = all(file.suffix == ".safetensors" for file in files)

        def loaded(attention: str) -> Any:
            return _module_class("Transformer")(
                str(folder),
                model_kwargs={
                    **trusted,
                    "dtype": getattr(torch, self.dtype),
                    "use_safetensors": is_safetensors,
                    "attn_implementation": attention,
                },
                processor_kwargs=dict(trusted),
                config_kwargs=dict(trusted),
                modality_config={"text": {"method": "forward", "method_output_name": "last_hidden_state"}},
                module_output_name="token_embeddings",
                do_lower_case=self.folder.do_lower_case,
            )

        try:
            transformer = loaded("sdpa")
        except (ValueError, ImportError) as error:  # an architecture without fused attention says so
            if "scaled_dot_product_attention" not in str(error):
                raise
            transformer = loaded("eager")
        if self.max_length is not None:
            transformer.max_seq_length = self.max_length
        if self.state is not None:
            _replace_weights(transformer.model, self.state, self.folder)
        if self.adapter is not None:
            from peft import PeftModel

            adapted = PeftModel.from_pretrained(transformer.model, str(self.adapter), local_files_only=True)
            transformer.model = adapted.merge_and_unload()
        if self.backend is not Backend.TORCH:
            cache = self.hashes.folder  # no prompt, pooling or length changes the export
            kept = None if cache is None else cache / "onnx" / export_key(self._weights_digest)
            run_on_onnx(transformer.model, self.folder.reference, kept)
        return transformer

    @cached_property
    def _weights_digest(self) -> str:
        """SHA-256 over everything on disk that decides a pooled vector; names count, places do not."""
        digest = hashlib.sha256()
        files: list[Path] = []
        transformer = self.folder.transformer
        if transformer is not None:
            weights = () if self.state is not None else weight_files(transformer)
            files += [*weights, transformer / "config.json", *tokenizer_files(transformer)]
        for module in self.folder.encoder_modules:
            if module.name != "Pooling":
                found = (file for file in module.folder.glob("*") if file.is_file())
                files += sorted(file for file in found if file.suffix in _PARAMETER_SUFFIXES)
        if self.adapter is not None:
            files += [self.adapter / "adapter_config.json", *sorted(self.adapter.glob("adapter_model.*"))]
        for file in files:
            digest.update(f"{file.name} {self.hashes.sha256(file)}\n".encode())
        digest.update(b"" if self.state is None else self.state.digest.encode())
        return digest.hexdigest()


def _encodable(text: str) -> str:
    """``text`` with surrogate pairs joined and lone surrogates replaced: a tokenizer takes no others."""
    if text.isascii() or not any("\ud800" <= character <= "\udfff" for character in text):
        return text
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _module_class(name: str) -> Any:
    """The class of an admitted module; the name comes from our table, never from a checkpoint."""
    return getattr(import_module(MODULE_HOMES[name]), name)


def _replace_weights(model: Any, state: EncoderState, folder: ModelFolder) -> None:
    """Put the checkpoint's encoder weights into the base architecture; every tensor must find its place."""
    result = model.load_state_dict(dict(state.tensors), strict=False)
    missing = [name for name in result.missing_keys if not is_unused(name)]
    if missing or result.unexpected_keys:
        raise CheckpointError(
            f"The encoder weights in the checkpoint do not fit '{folder.reference}': missing "
            f"{missing[:3] or 'none'}, unexpected {result.unexpected_keys[:3] or 'none'}. "
            f"Pass the model it was trained from with --base-model."
        )


def _loading_error(folder: ModelFolder, error: Exception) -> CheckpointError:
    reason = str(error).strip().splitlines()[0][:300] if str(error).strip() else type(error).__name__
    if "trust_remote_code" in str(error):
        return UnsafeCheckpointError(
            f"'{folder.reference}' was refused: loading it would run code that comes with it ({reason}). "
            f"Encode with your own program and pass the vectors with --embeddings."
        )
    return CheckpointError(f"'{folder.reference}' ({folder.path}) cannot be loaded: {reason}")


@contextmanager
def quiet_transformers() -> Iterator[None]:
    """transformers without its progress bars and load report; its settings are put back afterwards."""
    require_torch()
    import transformers

    logging: Any = transformers.utils.logging
    verbosity, had_bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.set_verbosity(verbosity)
        if had_bars:
            logging.enable_progress_bar()
