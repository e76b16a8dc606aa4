"""Encoders: texts to pooled vectors, before any head and before normalisation.

torch and transformers are imported when the first text has to be encoded: a run whose texts are all in the cache never
loads them. sentence-transformers is imported only for the modules and architectures that need it.
"""

from __future__ import annotations

import hashlib
import json
import logging
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from copy import copy
from dataclasses import KW_ONLY, dataclass, field
from functools import cached_property
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from embedscope.errors import CheckpointError, EmbedscopeError, UnsafeCheckpointError, importing
from embedscope.machine import is_out_of_memory, require_models, require_torch
from embedscope.models.account import listed, may_be_missing
from embedscope.models.adapters import merge_adapter
from embedscope.models.encoder_state import EncoderState
from embedscope.models.fingerprints import HashMemory
from embedscope.models.model_folders import ModelFolder, tokenizer_files, weight_files
from embedscope.models.modules import MODULE_HOMES
from embedscope.models.onnx_backend import export_key, run_on_onnx
from embedscope.models.pooling import PoolingSpec
from embedscope.models.tensor_placement import (
    Placement,
    load_transformer,
    naming_options,
    place_model,
    refuse_misfit,
    stored_types,
)
from embedscope.models.text_transformer import PooledTransformer, TextTransformer, TokenisedTexts
from embedscope.protocols import Float32Array, IntArray
from embedscope.result import TensorAccount
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
        return self.folder.tokenizer or self.folder.transformer

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

    @cached_property
    def placement(self) -> Placement:
        """Where every tensor of the transformer's files goes, and of an adapter's; remembered by their digest.

        Raises ``CheckpointError`` where one is missing, fits nowhere or has another shape.
        """
        if self.folder.transformer is None:
            return Placement(TensorAccount(0))
        require_models()
        packages = ["embedscope", "transformers", "sentence-transformers", *(["peft"] if self.adapter else [])]
        readers = " ".join(f"{package} {version(package)}" for package in packages)
        key = "placement " + self._digest_with(weight_files(self.folder.transformer), readers)
        with suppress(KeyError, TypeError, AttributeError):  # nothing kept, or a damaged memory
            return Placement.from_json(self.hashes.found(key) or {})
        with quiet_transformers(), loading(self.folder, self.device):
            placement = place_model(self.folder, self.adapter)
        self.hashes.keep(key, placement.as_json())
        return placement

    def with_prompt(self, prompt: str) -> SentenceTransformerEncoder:
        """The same encoder, sharing its weights, with ``prompt`` before each text."""
        view = copy(self)
        object.__setattr__(view, "prompt", prompt)
        return view

    def encode(self, texts: Sequence[str], *, batch_size: int) -> Float32Array:
        """Pooled vectors of shape (len(texts), dim), float32, in the order of ``texts``; not normalised."""
        if not texts:
            return np.zeros((0, self.dim), dtype=np.float32)
        if (tokenised := self.tokenised(texts)) is not None:
            vectors = np.empty((len(texts), self.dim), dtype=np.float32)
            longest_first = np.argsort(-tokenised.n_tokens, kind="stable")
            with self._encoding(texts):
                while len(longest_first):
                    rows = longest_first[: tokenised.n_in_batch(longest_first[0], batch_size)]
                    vectors[rows] = tokenised.encode(rows)
                    longest_first = longest_first[len(rows) :]
            return vectors
        with self._encoding(texts):
            found = self._loaded().encode(
                [encodable(text) for text in texts],
                prompt=self.prompt or None,
                batch_size=batch_size,
                show_progress_bar=False,
                convert_to_numpy=True,
                normalize_embeddings=False,
            )
        return np.asarray(found, dtype=np.float32)

    def tokenised(self, texts: Sequence[str]) -> TokenisedTexts | None:
        """``texts`` as token ids, to be encoded by batches; None where sentence-transformers has to encode them."""
        model = self._loaded()
        if not isinstance(model, PooledTransformer):
            return None
        with self._encoding(texts):
            return model.tokenised([encodable(text) for text in texts], self.prompt)

    def encode_tokenised(self, tokenised: TokenisedTexts, rows: IntArray) -> Float32Array:
        """Pooled vectors of the texts at ``rows``, one batch, shape (len(rows), dim); not normalised."""
        with self._encoding([tokenised.texts[row] for row in rows]):
            return tokenised.encode(rows)

    @contextmanager
    def _encoding(self, texts: Sequence[str]) -> Iterator[None]:
        """What the libraries raise while ``texts`` are encoded, as an error of ours."""
        try:
            yield
        except Exception as error:  # they raise whatever they like
            if isinstance(error, EmbedscopeError) or is_out_of_memory(error):
                raise
            raise CheckpointError(
                f"'{self.folder.reference}' cannot encode {len(texts)} texts, the first {texts[0][:60]!r}: "
                f"{_reason(error)}"
            ) from error

    def token_states(self, texts: Sequence[str], *, batch_size: int) -> Iterator[tuple[int, IntArray, Float32Array]]:
        """The place of each text, its token ids (T,) and their last hidden states (T, width), longest texts first."""
        order = sorted(range(len(texts)), key=lambda place: -len(texts[place]))
        for start in range(0, len(texts), batch_size):
            batch = order[start : start + batch_size]
            rows, is_token, hidden = self._states([texts[place] for place in batch])
            for row, place in enumerate(batch):
                own = is_token[row] > 0
                yield place, rows[row][own], hidden[row][own]

    def _states(self, texts: Sequence[str]) -> tuple[IntArray, IntArray, Float32Array]:
        """Token ids of one batch, padded; 1 where a token is; and the last hidden states."""
        import torch

        model = self._loaded()
        if isinstance(model, PooledTransformer):
            ids = model.transformer.token_ids([self.prompt + text for text in texts])
            rows, is_token = model.transformer.padded([np.asarray(own) for own in ids])
            return rows, is_token, model.transformer.hidden(rows, is_token).float().cpu().numpy()
        features = model.preprocess(list(texts), prompt=self.prompt or None)
        on_device = {key: value.to(self.device) if hasattr(value, "to") else value for key, value in features.items()}
        with torch.inference_mode():
            hidden = model[0](on_device)["token_embeddings"].float().cpu().numpy()
        return features["input_ids"].cpu().numpy(), features["attention_mask"].cpu().numpy(), hidden

    def special_ids(self, names: Sequence[str]) -> frozenset[int]:
        """Ids of the tokenizer's special tokens of these names, of those that it has."""
        tokenizer = self._loaded().tokenizer
        found = (getattr(tokenizer, f"{name}_id", None) for name in names)
        return frozenset(number for number in found if number is not None)

    @property
    def transformer(self) -> Any:
        """The loaded module that holds the transformer, as ``model``, and its tokenizer."""
        model = self._loaded()
        return model.transformer if isinstance(model, PooledTransformer) else model[0]

    def _loaded(self) -> Any:
        if not self.loaded:
            with quiet_transformers():
                self.loaded.append(self._load())
        return self.loaded[0]

    def _load(self) -> Any:
        require_torch()
        with loading(self.folder, self.device):
            first = None if self.folder.transformer is None else self._transformer()
            if isinstance(first, TextTransformer) and self.pooling is not None:
                first.model.to(self.device)
                return PooledTransformer(first, self.pooling)
            with importing("sentence-transformers", needed_for="Encoding texts", extra="models"):
                from sentence_transformers import SentenceTransformer
            modules = self._modules([] if first is None else [first])
            return SentenceTransformer(modules=modules, device=self.device).eval()

    @property
    def _is_pooled_only(self) -> bool:
        """Whether nothing but pooling stands after the transformer."""
        return [module.name for module in self.folder.encoder_modules] in ([], ["Pooling"])

    def _modules(self, modules: list[Any]) -> list[Any]:
        """``modules``, the transformer or nothing, with what the folder has after it."""
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
        names, renaming = stored_types(self.folder), self.placement.renaming
        transformer = load_transformer(
            self.folder, renaming, names=names, dtype=self.dtype, only_library=not self._is_pooled_only
        )
        refuse_misfit(self.folder, transformer.report, self.placement.head)
        if self.max_length is not None:
            transformer.max_seq_length = self.max_length
        if self.state is not None:
            _replace_weights(transformer.model, self.state, self.folder)
        if self.adapter is not None:
            transformer.model = merge_adapter(transformer.model, self.adapter, self.placement.adapter_renaming)
        refuse_numbers_that_are_not_finite(transformer.model, self.folder, self.dtype)
        if self.backend is not Backend.TORCH:
            cache = self.hashes.folder  # no prompt, pooling or length changes the export
            kept = None if cache is None else cache / "onnx" / export_key(self._weights_digest)
            run_on_onnx(transformer.model, self.folder.reference, kept, self.max_length)
        return transformer

    @property
    def naming(self) -> Mapping[str, Any]:
        """What ``from_pretrained`` has to be told to read the names in the weight files as they were read here."""
        return naming_options(self.placement.renaming, stored_types(self.folder))

    @cached_property
    def _weights_digest(self) -> str:
        """SHA-256 over everything on disk that decides a pooled vector; names count, places do not."""
        weights = weight_files(self.folder.transformer) if self.folder.transformer and self.state is None else ()
        renamed = "".join(renaming.rule for renaming in self.placement.names)  # as they stand: another model, or none
        return self._digest_with(weights, renamed + ("" if self.state is None else self.state.digest))

    def _digest_with(self, weights: Sequence[Path], more: str) -> str:
        """SHA-256 over ``weights``, the files beside them that decide a vector, and ``more``."""
        digest = hashlib.sha256()
        files = list(weights)
        if self.folder.transformer is not None and self.tokenizer_folder is not None:
            files += [self.folder.transformer / "config.json", *tokenizer_files(self.tokenizer_folder)]
        for module in self.folder.encoder_modules:
            if module.name != "Pooling":
                found = (file for file in module.folder.glob("*") if file.is_file())
                files += sorted(file for file in found if file.suffix in _PARAMETER_SUFFIXES)
        if self.adapter is not None:
            files += [self.adapter / "adapter_config.json", *sorted(self.adapter.glob("adapter_model.*"))]
        for file in files:
            digest.update(f"{file.name} {self.hashes.sha256(file)}\n".encode())
        digest.update(more.encode())
        return digest.hexdigest()


def encodable(text: str) -> str:
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
    missing = [name for name in result.missing_keys if not may_be_missing(name)]
    if missing or result.unexpected_keys:
        raise CheckpointError(
            f"The encoder weights in the checkpoint do not fit '{folder.reference}': missing "
            f"{missing[:3] or 'none'}, unexpected {result.unexpected_keys[:3] or 'none'}. "
            f"Pass the model it was trained from with --base-model."
        )


def refuse_numbers_that_are_not_finite(model: Any, folder: ModelFolder, dtype: str) -> None:
    broken = [name for name, weight in model.named_parameters() if not bool(weight.isfinite().all())]
    if broken:
        raise CheckpointError(
            f"'{folder.reference}' ({folder.path}) holds weights that are not finite, as {dtype}, in {listed(broken)} "
            f"tensors: training diverged, the file is damaged, or the numbers are too large for {dtype} (then pass "
            f"--precision float32)."
        )


@contextmanager
def loading(folder: ModelFolder, device: str) -> Iterator[None]:
    """What transformers, tokenizers, safetensors and PEFT raise while ``folder`` is loaded, as an error of ours."""
    try:
        yield
    except EmbedscopeError:
        raise
    except Exception as error:
        if is_out_of_memory(error):
            raise EmbedscopeError(
                f"'{folder.reference}' itself does not fit into the memory of '{device}'. Pass --device cpu, or use a "
                f"machine with more memory."
            ) from error
        if "trust_remote_code" in str(error):
            raise UnsafeCheckpointError(
                f"'{folder.reference}' was refused: loading it would run code that comes with it ({_reason(error)}). "
                f"Encode with your own program and pass the vectors with --embeddings."
            ) from error
        raise CheckpointError(f"'{folder.reference}' ({folder.path}) cannot be loaded: {_reason(error)}") from error


def _reason(error: Exception) -> str:
    """The first line of the message of a foreign error."""
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0][:300]}" if lines else type(error).__name__


@contextmanager
def quiet_transformers() -> Iterator[None]:
    """transformers without its progress bars and load report; its settings are put back afterwards."""
    require_torch()
    import transformers

    logs: Any = transformers.utils.logging
    verbosity, had_bars = logs.get_verbosity(), logs.is_progress_bar_enabled()
    of_library = logging.getLogger("sentence_transformers")
    level = of_library.level
    logs.set_verbosity_error()
    logs.disable_progress_bar()
    of_library.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        of_library.setLevel(level)
        logs.set_verbosity(verbosity)
        if had_bars:
            logs.enable_progress_bar()
