"""Model folders: what is in them, by their JSON files before anything is loaded.

A folder may come from anywhere, so nothing in it decides which code runs: module types are looked up in the tables
below and never imported by the name that the folder gives, and a configuration that asks for code of its own is
refused here, before torch or transformers see it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from embedscope.errors import CheckpointError, UnsafeCheckpointError
from embedscope.models.modules import Module, module_tensors, read_modules, refuse_unfit, tail_steps
from embedscope.models.pooling import PoolingSpec, read_pooling
from embedscope.models.projectors import Step, Truncate, ends_normalised
from embedscope.models.prompts import NO_PROMPTS, OwnPrompts
from embedscope.models.stated import stated, stated_size
from embedscope.models.weights import FileKind, file_kind, read_object, read_tensors, tensor_types
from embedscope.result.saved_run import is_run_folder


class Layout(StrEnum):
    """The checkpoint layouts that are read."""

    STATE_DICT = "torch state dict"
    HEAD_SAFETENSORS = "head-only safetensors"
    SENTENCE_TRANSFORMERS = "sentence-transformers folder"
    HUGGING_FACE = "Hugging Face folder"
    FLAG_EMBEDDING = "FlagEmbedding folder"
    PEFT = "PEFT adapter folder"
    SPARSE = "sparse encoder of sentence-transformers"
    LATE_INTERACTION = "multi-vector encoder of sentence-transformers"
    CROSS_ENCODER = "cross-encoder"


TOKENIZER_SETTINGS = ("tokenizer_config.json", "special_tokens_map.json", "chat_template.jinja", "chat_template.json")
"""Files beside a vocabulary that say how it is used."""

_NO_TOKENIZER = (
    "*.safetensors", "*.bin", "*.pt", "*.pth", "*.onnx", "*.onnx_data", "*.h5", "*.msgpack", "*.ot", "*.gguf", "*.ckpt",
    "*.md", ".*", "LICENSE*", "*.index.json", "config.json", "modules.json", "sentence_*_config.json",
    "config_sentence_transformers.json", "adapter_config.json", "generation_config.json", "train*", "*_results.json",
)  # fmt: skip
"""Files of a model folder that are no part of its tokenizer; any other may be one (bpe.codes, tekken.json)."""

_COUNTING_FROM_PAD = ("roberta", "camembert", "mpnet", "xmod", "longformer", "data2vec-text", "luke")

_WITHOUT_VOCABULARY = ("ByT5Tokenizer", "CanineTokenizer", "PerceiverTokenizer")
"""Tokenizers that read bytes or characters, and so have no file."""

_TAKEN_OVER = {"nomic_bert": "NomicBertModel", "eurobert": "EuroBertModel"}
"""Model types whose published folders name code of their own that transformers has taken over as it is -> its class.

The name of a class proves nothing elsewhere: code that is called Qwen2Model, beside a Qwen2 configuration, may attend
in both directions, where the Qwen2Model of transformers does not.
"""

_CLASSIFIER_PARTS = frozenset({"classifier", "score", "classification_head"})

_SETTINGS_NOT_APPLIED = (
    "config_args", "config_kwargs", "model_args", "model_kwargs", "tokenizer_args", "tokenizer_kwargs",
    "processor_kwargs", "processing_kwargs", "query_length", "document_length", "query_expansion",
)  # fmt: skip

_HARMLESS = frozenset({
    "attn_implementation", "dtype", "torch_dtype", "device_map", "low_cpu_mem_usage", "use_safetensors", "use_cache",
    "trust_remote_code", "token", "use_auth_token", "cache_dir", "local_files_only", "force_download", "revision",
    "code_revision",
})  # fmt: skip
"""Settings of loading that change no vector but by the rounding of a number format."""

_NOMIC_RENAMED = {
    "n_embd": ("hidden_size", 768), "n_layer": ("num_hidden_layers", 12), "n_head": ("num_attention_heads", 12),
    "n_inner": ("intermediate_size", 3072), "layer_norm_epsilon": ("layer_norm_eps", 1e-12),
}  # fmt: skip
"""Entries of the code of Nomic -> what transformers reads in their place, and its default."""

_NOMIC_FIXED = {
    "activation_function": "swiglu", "causal": False, "prenorm": False, "parallel_block": False, "use_rms_norm": False,
    "qkv_proj_bias": False, "mlp_fc1_bias": False, "mlp_fc2_bias": False, "rotary_emb_fraction": 1.0,
    "rotary_emb_interleaved": False, "rotary_emb_scale_base": None, "rotary_scaling_factor": None,
    "scale_attn_weights": True, "scale_attn_by_inverse_layer_idx": False, "num_experts": 0,
}  # fmt: skip
"""Entries of the code of Nomic that the class of transformers has no choice for -> what it does."""

_MODULE_FOLDER = re.compile(r"\d+_(?!Pooling$|Normalize$)[A-Za-z]\w*")

_IGNORED_HEADS = ("colbert_linear.pt", "sparse_linear.pt")


@dataclass(frozen=True, slots=True, eq=False)
class ModelFolder:
    """A model folder that was checked and may be loaded.

    ``encoder_modules`` stand after the transformer and before ``tail``; ``tail`` is what NumPy applies to pooled
    vectors. ``transformer`` is None where the first module is no transformer (static embeddings).
    ``similarity`` is the ``similarity_fn_name`` that the folder states.
    """

    path: Path
    reference: str
    layout: Layout
    transformer: Path | None
    config: Mapping[str, Any]
    encoder_modules: tuple[Module, ...] = ()
    pooling: PoolingSpec | None = None
    tail: tuple[Step, ...] = ()
    adapter: Path | None = None
    tokenizer: Path | None = None  # where it does not lie beside the transformer
    n_module_tensors: int = 0  # of the modules after the transformer
    max_length: int | None = None
    do_lower_case: bool = False
    prompts: OwnPrompts = NO_PROMPTS
    similarity: str | None = None
    notes: tuple[str, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """Paths and names under which the model goes."""
        return (self.reference, self.path.name, str(self.config.get("_name_or_path", "")))

    def without_head(self) -> ModelFolder:
        """The transformer alone, without the layers after it.

        A dot product that it states over vectors made unit rows is a cosine, and stays one without that last layer.
        """
        similarity = None if ends_normalised(self.tail) else self.similarity
        return replace(self, tail=(), encoder_modules=(), similarity=similarity)

    @property
    def hidden_size(self) -> int | None:
        """Width of a token vector, where ``config.json`` states it."""
        text = self.config.get("text_config")
        for config in (self.config, text if isinstance(text, Mapping) else {}):
            for key in ("hidden_size", "d_model", "dim", "n_embd"):
                if isinstance(config.get(key), int):
                    return int(config[key])
        return None


def read_model_folder(path: Path, *, reference: str) -> ModelFolder:
    """What the local folder at ``path`` holds; nothing is loaded, nothing of it is run.

    ``reference`` is the name by which the user asked for it.

    Raises
    ------
    UnsafeCheckpointError
        If loading it would need code that comes with it.
    CheckpointError
        If it holds no model, or one that makes no single vector a text.
    """
    for marker, read in _READERS.items():
        if (path / marker).is_file():
            try:
                folder = read(path, reference)
                refuse_unsafe_weights(folder)
            except OSError as error:  # also of a file that cannot have the name that the folder gives it
                raise CheckpointError(f"'{path}' cannot be read: {error.strerror or error}.") from error
            return folder
    if (path / "report.json").is_file() and (path / "sets").is_dir():
        raise CheckpointError(
            f"'{path}' is the folder of a run on several data sets. Pass the same sets as --data, or name the folder "
            f"of one of them: {path / 'sets' / 'NAME'}."
        )
    if is_run_folder(path):
        raise CheckpointError(
            f"'{path}' is the folder of a run, which only the reference may be: the first that compare names, or "
            f"--baseline. Name the checkpoint, the vectors or the ranking that was measured."
        )
    raise CheckpointError(
        f"'{path}' is a folder without a model: expected modules.json (sentence-transformers), config.json "
        f"(Hugging Face) or adapter_config.json (PEFT); found {_listing(path)}."
    )


def _listing(path: Path) -> str:
    names = sorted(entry.name for entry in path.iterdir())
    shown = ", ".join(names[:6]) + (f" and {len(names) - 6} more" if len(names) > 6 else "")
    weights = [name for name in names if name.endswith((".pt", ".pth", ".bin", ".safetensors"))]
    return (shown or "nothing") + (f". If you mean one of its files, pass it: '{path / weights[0]}'" if weights else "")


def _hugging_face_folder(path: Path, reference: str) -> ModelFolder:
    if modules := sorted(entry.name for entry in path.iterdir() if _MODULE_FOLDER.fullmatch(entry.name)):
        raise CheckpointError(
            f"'{path}' holds {', '.join(modules)[:100]} of a sentence-transformers model but no modules.json, which "
            f"says where they are applied. Copy modules.json from the model it was saved with; or move the encoder "
            f"alone (config.json, weights, tokenizer) to a folder of its own."
        )
    config = checked_config(path)
    _refuse_classifier(path, config)
    notes = _ignored_heads_note(path)
    general = _general(path)
    settings, unused = _transformer_settings(path)
    max_length, capped = _sequence_length(path, config, settings)
    return ModelFolder(
        path=path,
        reference=reference,
        layout=Layout.FLAG_EMBEDDING if notes else Layout.HUGGING_FACE,
        transformer=path,
        config=config,
        pooling=read_pooling(path / "1_Pooling"),
        tail=general.tail,
        max_length=max_length,
        do_lower_case=settings.get("do_lower_case") is True,
        prompts=general.prompts,
        similarity=general.similarity,
        notes=(*notes, *unused, *capped, *_tokenizer_note(path)),
    )


def _adapter_folder(path: Path, reference: str) -> ModelFolder:
    return ModelFolder(
        path=path,
        reference=reference,
        layout=Layout.PEFT,
        transformer=None,
        config=read_object(path / "adapter_config.json"),
        pooling=read_pooling(path / "1_Pooling"),
        adapter=path,
        tokenizer=path if _has_vocabulary(path) else None,
    )


def _ignored_heads_note(path: Path) -> tuple[str, ...]:
    """Heads of FlagEmbedding that are there and not measured, in one line; nothing where there are none."""
    heads = [name for name in _IGNORED_HEADS if (path / name).is_file()]
    return (f"{', '.join(heads)}: not used; the dense vectors are what is measured.",) if heads else ()


def checked_config(folder: Path) -> dict[str, Any]:
    """``config.json`` of a transformer, refused where loading it would fetch or run code."""
    path = folder / "config.json"
    if not path.is_file():
        raise CheckpointError(f"'{folder}' should hold a transformer but has no config.json.")
    config = read_object(path)
    if not isinstance(config.get("model_type"), str):
        raise CheckpointError(f"'{path}' names no model_type, so the architecture is unknown.")
    refuse_foreign_kernels(config, path)
    if "quantization_config" in config:
        raise CheckpointError(
            f"'{path}' describes quantised weights, whose vectors depend on the kernels at hand. "
            f"Pass the model before quantisation."
        )
    if "transformers_weights" in config:
        raise CheckpointError(f"'{path}' names its weights under 'transformers_weights'. Call them model.safetensors.")
    _refuse_own_code(config, path)
    stated(config, "architectures", list, path)
    _refuse_other_nomic(config, path)
    if not _has_vocabulary(folder):
        raise CheckpointError(
            f"'{folder}' has no tokenizer: expected tokenizer.json, or the vocabulary that it is made of (vocab.txt, "
            f"vocab.json with merges.txt, or a SentencePiece .model). Copy the tokenizer of the model it was trained "
            f"from into the folder: AutoTokenizer.from_pretrained(base).save_pretrained(folder)."
        )
    return config


def _refuse_own_code(config: Mapping[str, Any], path: Path) -> None:
    """An architecture whose code comes with the checkpoint: its vectors are those of that code, which is never run."""
    named = config.get("auto_map")
    entries = named.items() if isinstance(named, Mapping) else ()
    own = {key: code for key, code in entries if key.startswith(("AutoModel", "AutoConfig"))}
    kind = str(config["model_type"])
    if not own or str(own.get("AutoModel", "")).rsplit(".", 1)[-1] == _TAKEN_OVER.get(kind):
        return
    raise UnsafeCheckpointError(
        f"'{path}' was refused: it names code of its own for the model ({json.dumps(own)[:200]}). Such code is never "
        f"run, and what transformers itself has for '{kind}' may be another model of the same weights. Encode with "
        f"your own program and pass the vectors with --embeddings; or, where the code is that of transformers, take "
        f"'auto_map' out of config.json."
    )


def _refuse_other_nomic(config: Mapping[str, Any], path: Path) -> None:
    """Entries under the names of Nomic's own code, which transformers does not read, that ask for another model."""
    if config["model_type"] != "nomic_bert":
        return
    rope = config.get("rope_parameters")
    theta = (rope if isinstance(rope, Mapping) else config).get("rope_theta", 1000.0)
    expected = {key: config.get(new, default) for key, (new, default) in _NOMIC_RENAMED.items()}
    expected |= {"rotary_emb_base": theta, **_NOMIC_FIXED}
    others = {key: config[key] for key, value in expected.items() if key in config and config[key] != value}
    if others:
        read = {key: expected[key] for key in others}
        raise CheckpointError(
            f"'{path}' states {json.dumps(others)[:200]} for the code of Nomic; the class of transformers computes "
            f"with {json.dumps(read)[:200]}. Encode with your own program and pass the vectors with --embeddings."
        )


def _refuse_classifier(folder: Path, config: Mapping[str, Any]) -> None:
    """A classifier scores a text, or a cross-encoder a pair of texts: neither was trained to give vectors."""
    if not any(str(name).endswith("ForSequenceClassification") for name in config.get("architectures") or ()):
        return
    names = {name for file in weight_files(folder) for name in tensor_types(file)}
    if _CLASSIFIER_PARTS.isdisjoint(part for name in names for part in name.split(".")):
        return
    n_labels = len(stated(config, "id2label", dict, folder / "config.json") or (0, 0))
    kind = (
        "a cross-encoder (reranker): it scores pairs of texts"
        if n_labels == 1
        else f"a classifier of {n_labels} labels"
    )
    raise CheckpointError(
        f"'{folder}' is {kind}, and gives no vector. A reranker orders what a model or a run has found: pass it with "
        f"--rerank. If it is the encoder under it that you mean, save that: "
        f"AutoModel.from_pretrained(folder).save_pretrained(new_folder), with the tokenizer."
    )


def _has_vocabulary(folder: Path) -> bool:
    """Whether the files of a tokenizer are there; transformers makes one up where they are not."""
    if read_object(folder / "tokenizer_config.json").get("tokenizer_class") in _WITHOUT_VOCABULARY:
        return True
    is_pair = (folder / "vocab.json").is_file() and (folder / "merges.txt").is_file()
    whole = any((folder / name).is_file() for name in ("tokenizer.json", "vocab.txt", "tekken.json"))
    return is_pair or whole or any(folder.glob("*.model"))


def _tokenizer_note(folder: Path) -> tuple[str, ...]:
    """Code that the tokenizer's settings name; refused where there is no tokenizer.json to read in its place."""
    named = read_object(folder / "tokenizer_config.json").get("auto_map")
    if not named:
        return ()
    if not (folder / "tokenizer.json").is_file():
        raise UnsafeCheckpointError(
            f"'{folder / 'tokenizer_config.json'}' was refused: it names code of its own for the tokenizer "
            f"({json.dumps(named)[:200]}), which is never run, and there is no tokenizer.json."
        )
    return ("tokenizer_config.json names code of its own: not run; the tokenizer is that of tokenizer.json.",)


def refuse_foreign_kernels(config: Any, path: Path, *, key: str = "") -> None:
    """An attention implementation with a slash in its name is a hub repository whose code would run."""
    if isinstance(config, Mapping):
        for name, value in config.items():
            refuse_foreign_kernels(value, path, key=key if "implementation" in key else str(name))
    elif isinstance(config, list):
        for value in config:
            refuse_foreign_kernels(value, path, key=key)
    elif "implementation" in key and isinstance(config, str) and "/" in config:
        raise UnsafeCheckpointError(
            f"'{path}' was refused: '{key}' asks for code from '{config}'. Remove the entry to load the model with "
            f"the implementations that come with transformers."
        )


def _sequence_length(
    folder: Path, config: Mapping[str, Any], settings: Mapping[str, Any]
) -> tuple[int | None, tuple[str, ...]]:
    """Tokens a text is cut to, with a note where that is less than what sentence-transformers states.

    What it states, else the tokenizer, but no more than there are positions; None where nothing limits it.
    """
    capacity = position_capacity(config)
    length = settings.get("max_seq_length")
    if length is not None:
        if capacity is None or length <= capacity or not has_position_table(config):
            return length, ()
        return capacity, (
            f"max_seq_length is {length}, but the model has positions for {capacity} tokens: texts are cut to those.",
        )
    length = read_object(folder / "tokenizer_config.json").get("model_max_length")
    if not isinstance(length, int | float) or not 0 < length < 1_000_000:  # 1e30 stands for "no limit"
        return capacity, ()
    return int(length) if capacity is None else min(int(length), capacity), ()


def has_position_table(config: Mapping[str, Any]) -> bool:
    """Whether a position beyond the last has no vector; rotary and relative positions go on."""
    is_absolute = config.get("position_embedding_type") in (None, "absolute")
    return is_absolute and not any("rope" in key or "rotary" in key for key in config)


def position_capacity(config: Mapping[str, Any]) -> int | None:
    """The longest input, in tokens, that the transformer has positions for; None where nothing limits it.

    RoBERTa-like models count positions from ``pad_token_id + 1``, so that many of them have no text.
    """
    positions = config.get("max_position_embeddings")
    if not isinstance(positions, int) or positions <= 0:
        return None
    pad = config.get("pad_token_id", 1)
    is_roberta = any(name in str(config["model_type"]) for name in _COUNTING_FROM_PAD)
    return positions - pad - 1 if is_roberta and isinstance(pad, int) else positions


def _sentence_transformers_folder(path: Path, reference: str) -> ModelFolder:
    modules = read_modules(path)
    head, *rest = modules
    if head.name not in ("Transformer", "StaticEmbedding"):
        raise CheckpointError(
            f"'{path / 'modules.json'}' begins with a {head.name} module; expected Transformer or StaticEmbedding."
        )
    general = _general(path)
    n_tail, tail = tail_steps(rest)
    middle = rest[: len(rest) - n_tail]
    pooling = next((read_pooling(module.folder) for module in middle if module.name == "Pooling"), None)
    is_transformer = head.name == "Transformer"
    if is_transformer and pooling is None:
        raise CheckpointError(
            f"'{path / 'modules.json'}' has no Pooling module: the model gives one vector a token, not one a text, "
            f"and cannot be compared by cosine similarity."
        )
    adapter = head.folder if (head.folder / "adapter_config.json").is_file() else None
    config = {} if not is_transformer or adapter else checked_config(head.folder)
    settings, unused = _transformer_settings(head.folder) if is_transformer else ({}, ())
    max_length, capped = (
        _sequence_length(head.folder, config, settings) if config else (settings.get("max_seq_length"), ())
    )
    return ModelFolder(
        path=path,
        reference=reference,
        layout=Layout.SENTENCE_TRANSFORMERS,
        transformer=head.folder if is_transformer and not adapter else None,
        config=config,
        encoder_modules=tuple(middle) if is_transformer else (head, *middle),
        pooling=pooling,
        tail=(*tail, *general.tail),
        adapter=adapter,
        tokenizer=head.folder if adapter is not None and _has_vocabulary(head.folder) else None,
        n_module_tensors=sum(len(module_tensors(module)) for module in (rest if is_transformer else modules)),
        max_length=max_length,
        do_lower_case=settings.get("do_lower_case") is True,
        prompts=general.prompts,
        similarity=general.similarity,
        notes=(*_ignored_heads_note(path), *unused, *capped, *_tokenizer_note(head.folder)),
    )


def _transformer_settings(folder: Path) -> tuple[dict[str, Any], tuple[str, ...]]:
    """``sentence_bert_config.json``, with a note of what is not applied.

    Refused where its vectors are no token vectors of the plain forward pass.
    """
    names = ("bert", "roberta", "distilbert", "camembert", "albert", "xlm-roberta", "xlnet")
    files = [folder / f"sentence_{name}_config.json" for name in names]
    file = next((file for file in files if file.is_file()), files[0])
    settings = read_object(file)
    stated_size(settings, "max_seq_length", file)
    stated(settings, "do_lower_case", bool, file)
    if settings.get("transformer_task") == "sequence-classification":
        raise _cross_encoder(folder)
    modality = settings.get("modality_config", {})
    text = modality.get("text") if isinstance(modality, Mapping) else None
    plain = {"method": "forward", "method_output_name": "last_hidden_state"}
    if text is not None and text != plain:
        raise CheckpointError(
            f"'{folder}' takes its text vectors from {text}; only the last hidden state is supported. "
            f"Encode with your own program and pass the vectors with --embeddings."
        )
    return settings, _note_of_settings(settings, file)


def _note_of_settings(settings: Mapping[str, Any], file: Path) -> tuple[str, ...]:
    """Options of loading that are not applied; refused where they would change a vector."""
    asked = {key: settings[key] for key in _SETTINGS_NOT_APPLIED if settings.get(key) not in (None, {})}
    for key, options in asked.items():
        if not isinstance(options, Mapping) or not options.keys() <= _HARMLESS:
            raise CheckpointError(
                f"'{file}' asks for {key} {json.dumps(options)[:200]}, which is not applied and may change vectors. "
                f"Move it to config.json or tokenizer_config.json if it belongs there, remove it if the model was "
                f"not trained so, or encode with your own program and pass the vectors with --embeddings."
            )
    return (f"{file.name} asks for {', '.join(asked)}: not applied.",) if asked else ()


def _cross_encoder(path: Path) -> CheckpointError:
    return CheckpointError(
        f"'{path}' is a cross-encoder (reranker) of sentence-transformers: it scores pairs of texts, and gives no "
        f"vector. It orders what a model or a run has found: pass it with --rerank."
    )


@dataclass(frozen=True, slots=True)
class _General:
    """What ``config_sentence_transformers.json`` states."""

    prompts: OwnPrompts
    similarity: str | None
    tail: tuple[Step, ...]


def _general(path: Path) -> _General:
    file = path / "config_sentence_transformers.json"
    general = read_object(file)
    if general.get("model_type") == "CrossEncoder":
        raise _cross_encoder(path)
    stated(general, "default_prompt_name", str, file)
    size = stated_size(general, "truncate_dim", file)
    return _General(
        prompts=OwnPrompts.read(general, file),
        similarity=stated(general, "similarity_fn_name", str, file),
        tail=() if size is None else (Truncate(size),),
    )


def weight_files(folder: Path) -> tuple[Path, ...]:
    """The weight files that transformers would read, in its order of preference; shards where there are shards.

    Raises ``CheckpointError`` if there are none, or a shard is missing.
    """
    for name in ("model.safetensors", "pytorch_model.bin"):
        if (folder / name).is_file():
            return (folder / name,)
        if (folder / f"{name}.index.json").is_file():
            return _shards(folder / f"{name}.index.json")
    raise CheckpointError(
        f"'{folder}' has no weights: expected model.safetensors or pytorch_model.bin; found {_listing(folder)}."
    )


def _shards(index: Path) -> tuple[Path, ...]:
    weight_map = read_object(index).get("weight_map")
    names = sorted({str(name) for name in weight_map.values()}) if isinstance(weight_map, dict) else []
    if not names:
        raise CheckpointError(f"'{index}' should map tensor names to files under 'weight_map'.")
    if any(Path(name).name != name for name in names):
        raise UnsafeCheckpointError(f"'{index}' was refused: it names weight files outside its folder.")
    missing = [name for name in names if not (index.parent / name).is_file()]
    if missing:
        raise CheckpointError(
            f"'{index.parent}' lacks {len(missing)} of {len(names)} weight files, first {missing[0]}."
        )
    return tuple(index.parent / name for name in names)


def tokenizer_files(folder: Path) -> tuple[Path, ...]:
    """Files that decide how a text is cut into tokens, sorted by name."""
    files = sorted(file for file in folder.iterdir() if file.is_file())
    return tuple(file for file in files if not any(fnmatchcase(file.name, pattern) for pattern in _NO_TOKENIZER))


def refuse_unsafe_weights(folder: ModelFolder) -> None:
    """Read pickled weights as plain data before anything else does: a hostile file is refused with its reason."""
    files = list(weight_files(folder.transformer)) if folder.transformer is not None else []
    for module in folder.encoder_modules:
        refuse_unfit(module)
    if folder.adapter is not None:
        files += sorted(folder.adapter.glob("adapter_model.*"))
    for file in files:
        if file_kind(file) is not FileKind.SAFETENSORS:
            read_tensors(file)


_READERS = {
    "modules.json": _sentence_transformers_folder,
    "adapter_config.json": _adapter_folder,
    "config.json": _hugging_face_folder,
}
"""The file by which a layout is recognised -> its reader; the first that is there counts."""
