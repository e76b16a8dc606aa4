"""Model folders: what is in them, judged from their JSON files before anything is loaded.

A folder may come from anywhere, so nothing in it decides which code runs: module types are looked up in the tables
below and never imported by the name that the folder gives, and a configuration that asks for code of its own is
refused here, before torch or transformers see it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

from embedscope.encoding.projectors import ACTIVATIONS, LayerNorm, Linear, Normalize, Step, Truncate
from embedscope.encoding.weights import FileKind, as_float32, file_kind, read_tensors
from embedscope.errors import CheckpointError, UnsafeCheckpointError
from embedscope.protocols import Pooling


class Layout(StrEnum):
    """The checkpoint layouts that are read."""

    STATE_DICT = "torch state dict"
    HEAD_SAFETENSORS = "head-only safetensors"
    SENTENCE_TRANSFORMERS = "sentence-transformers folder"
    HUGGING_FACE = "Hugging Face folder"
    FLAG_EMBEDDING = "FlagEmbedding folder"
    PEFT = "PEFT adapter folder"


MODULE_HOMES = {
    "Transformer": "sentence_transformers.base.modules.transformer",
    "Pooling": "sentence_transformers.sentence_transformer.modules.pooling",
    "Dense": "sentence_transformers.base.modules.dense",
    "LayerNorm": "sentence_transformers.sentence_transformer.modules.layer_norm",
    "Normalize": "sentence_transformers.base.modules.normalize",
    "Dropout": "sentence_transformers.sentence_transformer.modules.dropout",
    "WeightedLayerPooling": "sentence_transformers.sentence_transformer.modules.weighted_layer_pooling",
    "StaticEmbedding": "sentence_transformers.sentence_transformer.modules.static_embedding",
    "CNN": "sentence_transformers.sentence_transformer.modules.cnn",
    "LSTM": "sentence_transformers.sentence_transformer.modules.lstm",
}
"""Admitted module classes -> where sentence-transformers keeps them (5.4 and later)."""

MODULE_TYPES: dict[str, str] = {
    spelling: name
    for name, home in MODULE_HOMES.items()
    for spelling in (
        f"sentence_transformers.models.{name}",
        f"sentence_transformers.models.{name}.{name}",
        f"sentence_transformers.models.{home.rsplit('.', 1)[1]}.{name}",
        f"sentence_transformers.base.modules.{name}",
        f"sentence_transformers.sentence_transformer.modules.{name}",
        f"{home}.{name}",
    )
}
"""Every spelling of an admitted module in ``modules.json`` (versions 0.3 to 6) -> its class name."""

POOLING_MODES: dict[str, str] = {
    "cls": Pooling.CLS.value,
    "mean": Pooling.MEAN.value,
    "lasttoken": Pooling.LAST.value,
    "max": "max",
    "mean_sqrt_len_tokens": "mean_sqrt_len_tokens",
    "weightedmean": "weightedmean",
}
"""Pooling modes of sentence-transformers -> the names shown here."""

_POOLING_FLAGS: dict[str, str] = {
    "pooling_mode_cls_token": "cls",
    "pooling_mode_max_tokens": "max",
    "pooling_mode_mean_tokens": "mean",
    "pooling_mode_mean_sqrt_len_tokens": "mean_sqrt_len_tokens",
    "pooling_mode_weightedmean_tokens": "weightedmean",
    "pooling_mode_lasttoken": "lasttoken",
}
"""Flags of ``1_Pooling/config.json`` before version 5.4, in the order in which their outputs are concatenated."""

POOLING_BY_NAME: tuple[tuple[str, Pooling], ...] = (
    ("bge-multilingual-gemma2", Pooling.LAST),
    ("bge-en-icl", Pooling.LAST),
    ("bge-", Pooling.CLS),
    ("e5-mistral", Pooling.LAST),
    ("multilingual-e5-", Pooling.MEAN),
    ("snowflake-arctic-embed", Pooling.CLS),
    ("qwen3-embedding", Pooling.LAST),
)
"""Pooling of well-known models by a part of their name, as their model cards state it; the first match counts."""

TOKENIZER_PATTERNS = ("tokenizer*", "vocab*", "merges.txt", "*.model", "special_tokens_map.json", "added_tokens.json")

_IGNORED_HEADS = ("colbert_linear.pt", "sparse_linear.pt")


@dataclass(frozen=True, slots=True)
class PoolingSpec:
    """How token vectors become one vector; several modes are concatenated."""

    modes: tuple[str, ...]  # names of sentence-transformers
    include_prompt: bool = True

    @classmethod
    def of(cls, pooling: Pooling) -> PoolingSpec:
        """The specification for one of the choices on the command line."""
        return cls((next(mode for mode, name in POOLING_MODES.items() if name == pooling.value),))

    @property
    def label(self) -> str:
        """As it is shown: ``cls``, ``mean``, ``last`` or, concatenated, ``cls+mean``."""
        return "+".join(POOLING_MODES[mode] for mode in self.modes)


@dataclass(frozen=True, slots=True)
class Module:
    """One entry of ``modules.json``: an admitted class and the folder that holds its parameters."""

    name: str
    folder: Path


@dataclass(frozen=True, slots=True, eq=False)
class ModelFolder:
    """A model folder that was checked and may be loaded.

    ``encoder_modules`` stand after the transformer and before ``tail``; ``tail`` is what NumPy applies to pooled
    vectors. ``transformer`` is None where the first module is no transformer (static embeddings).
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
    max_length: int | None = None
    do_lower_case: bool = False
    query_prompt: str = ""
    document_prompt: str = ""
    ignored_heads: tuple[str, ...] = ()
    notes: tuple[str, ...] = field(default_factory=tuple)

    @property
    def hidden_size(self) -> int | None:
        """Width of a token vector, where ``config.json`` states it."""
        text = self.config.get("text_config")
        for config in (self.config, text if isinstance(text, Mapping) else {}):
            for key in ("hidden_size", "d_model", "dim", "n_embd"):
                if isinstance(config.get(key), int):
                    return int(config[key])
        return None


def read_json(path: Path) -> Any:
    """The JSON value in ``path``; ``CheckpointError`` where it is unreadable."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, json.JSONDecodeError, RecursionError) as error:
        raise CheckpointError(f"'{path}' should be a JSON file but cannot be read as one: {error}.") from error


def _read_object(path: Path) -> dict[str, Any]:
    """The JSON object in ``path``; empty where there is no such file."""
    if not path.is_file():
        return {}
    value = read_json(path)
    if not isinstance(value, dict):
        raise CheckpointError(f"'{path}' should hold a JSON object; it holds a {type(value).__name__}.")
    return value


def read_model_folder(path: Path, *, reference: str | None = None) -> ModelFolder:
    """What the folder at ``path`` holds; nothing is loaded, nothing of it is run.

    Parameters
    ----------
    path : Path
        A local folder.
    reference : str, optional
        The name by which the user asked for it; the path by default.

    Raises
    ------
    UnsafeCheckpointError
        If loading it would need code that comes with it.
    CheckpointError
        If it holds no model, or one that makes no single vector a text.
    """
    for marker, read in _READERS.items():
        if (path / marker).is_file():
            folder = read(path, reference or str(path))
            _refuse_unsafe_weights(folder)
            return folder
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
    config = _checked_config(path)
    heads = tuple(name for name in _IGNORED_HEADS if (path / name).is_file())
    return ModelFolder(
        path=path,
        reference=reference,
        layout=Layout.FLAG_EMBEDDING if heads else Layout.HUGGING_FACE,
        transformer=path,
        config=config,
        pooling=read_pooling(path / "1_Pooling"),
        max_length=_sequence_length(path, config, _read_object(path / "sentence_bert_config.json")),
        ignored_heads=heads,
        notes=_ignored_heads_note(heads),
    )


def _adapter_folder(path: Path, reference: str) -> ModelFolder:
    return ModelFolder(
        path=path,
        reference=reference,
        layout=Layout.PEFT,
        transformer=None,
        config=_read_object(path / "adapter_config.json"),
        pooling=read_pooling(path / "1_Pooling"),
        adapter=path,
    )


def _ignored_heads_note(heads: Sequence[str]) -> tuple[str, ...]:
    return (f"{', '.join(heads)}: not used; the dense vectors are what is measured.",) if heads else ()


def _checked_config(folder: Path) -> dict[str, Any]:
    """``config.json`` of a transformer, refused where loading it would fetch or run code."""
    path = folder / "config.json"
    if not path.is_file():
        raise CheckpointError(f"'{folder}' should hold a transformer but has no config.json.")
    config = _read_object(path)
    if not isinstance(config.get("model_type"), str):
        raise CheckpointError(f"'{path}' names no model_type, so the architecture is unknown.")
    _refuse_foreign_kernels(config, path)
    if "quantization_config" in config:
        raise CheckpointError(
            f"'{path}' describes quantised weights, whose vectors depend on the kernels at hand. "
            f"Pass the model before quantisation."
        )
    if "auto_map" in config:
        _refuse_foreign_class(config, path)
    return config


def _refuse_foreign_kernels(config: Mapping[str, Any], path: Path) -> None:
    """An attention implementation with a slash in its name is a hub repository whose code would run."""
    for key, value in config.items():
        if isinstance(value, Mapping):
            _refuse_foreign_kernels(value, path)
        elif "implementation" in key and isinstance(value, str) and "/" in value:
            raise UnsafeCheckpointError(
                f"'{path}' was refused: '{key}' asks for code from '{value}'. Remove the entry to load the model with "
                f"the implementations that come with transformers."
            )


def _refuse_foreign_class(config: Mapping[str, Any], path: Path) -> None:
    from transformers import CONFIG_MAPPING

    if config["model_type"] not in CONFIG_MAPPING:
        raise UnsafeCheckpointError(
            f"'{path}' was refused: its model type '{config['model_type']}' is not part of transformers and would be "
            f"loaded from code in the checkpoint ({json.dumps(config['auto_map'])[:200]}). Such code is never run. "
            f"Encode with your own program and pass the vectors with --embeddings."
        )


def read_pooling(folder: Path) -> PoolingSpec | None:
    """The pooling that ``1_Pooling/config.json`` states, in the old or the new spelling; None where there is none."""
    config = _read_object(folder / "config.json")
    if not config:
        return None
    modes = config.get("pooling_mode")
    if modes is None:
        modes = [mode for flag, mode in _POOLING_FLAGS.items() if config.get(flag)] or ["mean"]
    modes = (modes,) if isinstance(modes, str) else tuple(modes)
    unknown = [mode for mode in modes if mode not in POOLING_MODES]
    if unknown or not modes:
        raise CheckpointError(
            f"'{folder / 'config.json'}' asks for pooling {unknown}; known are {', '.join(POOLING_MODES)}."
        )
    return PoolingSpec(modes, bool(config.get("include_prompt", True)))


def _sequence_length(folder: Path, config: Mapping[str, Any], settings: Mapping[str, Any]) -> int | None:
    """Tokens a text is cut to: what sentence-transformers was told, else what the model can take."""
    stated = settings.get("max_seq_length")
    if isinstance(stated, int) and stated > 0:
        return stated
    return token_capacity(folder, config)


def token_capacity(folder: Path, config: Mapping[str, Any]) -> int | None:
    """The longest input, in tokens, that the transformer has positions for; None where nothing limits it."""
    limits = []
    positions = config.get("max_position_embeddings")
    if isinstance(positions, int) and positions > 0:
        limits.append(positions - _position_offset(config))
    stated = _read_object(folder / "tokenizer_config.json").get("model_max_length")
    if isinstance(stated, int | float) and 0 < stated < 1_000_000:  # 1e30 stands for "no limit"
        limits.append(int(stated))
    return min(limits) if limits else None


def _position_offset(config: Mapping[str, Any]) -> int:
    """RoBERTa-like models count positions from ``pad_token_id + 1``, so that many have no text in them."""
    pad = config.get("pad_token_id")
    is_roberta = any(name in str(config["model_type"]) for name in ("roberta", "camembert", "mpnet", "xmod"))
    return int(pad) + 1 if is_roberta and isinstance(pad, int) else 0


def _sentence_transformers_folder(path: Path, reference: str) -> ModelFolder:
    modules = _modules(path)
    head, *rest = modules
    if head.name not in ("Transformer", "StaticEmbedding"):
        raise CheckpointError(
            f"'{path / 'modules.json'}' begins with a {head.name} module; expected Transformer or StaticEmbedding."
        )
    n_tail, tail = _tail(rest)
    middle = rest[: len(rest) - n_tail]
    pooling = next((read_pooling(module.folder) for module in middle if module.name == "Pooling"), None)
    is_transformer = head.name == "Transformer"
    if is_transformer and pooling is None:
        raise CheckpointError(
            f"'{path / 'modules.json'}' has no Pooling module: the model gives one vector a token, not one a text, "
            f"and cannot be compared by cosine similarity."
        )
    adapter = head.folder if (head.folder / "adapter_config.json").is_file() else None
    config = {} if not is_transformer or adapter else _checked_config(head.folder)
    settings = _transformer_settings(head.folder) if is_transformer else {}
    general = _read_object(path / "config_sentence_transformers.json")
    heads = tuple(name for name in _IGNORED_HEADS if (path / name).is_file())
    truncate = general.get("truncate_dim")
    return ModelFolder(
        path=path,
        reference=reference,
        layout=Layout.SENTENCE_TRANSFORMERS,
        transformer=head.folder if is_transformer and not adapter else None,
        config=config,
        encoder_modules=tuple(middle) if is_transformer else (head, *middle),
        pooling=pooling,
        tail=(*tail, Truncate(truncate)) if isinstance(truncate, int) and truncate > 0 else tail,
        adapter=adapter,
        max_length=_sequence_length(head.folder, config, settings) if config else settings.get("max_seq_length"),
        do_lower_case=bool(settings.get("do_lower_case", False)),
        query_prompt=_prompt(general, ("query",)),
        document_prompt=_prompt(general, ("document", "passage", "corpus")),
        ignored_heads=heads,
        notes=_ignored_heads_note(heads),
    )


def _modules(path: Path) -> list[Module]:
    """The modules of ``modules.json``, each looked up in ``MODULE_TYPES``."""
    file = path / "modules.json"
    entries = read_json(file)
    if not isinstance(entries, list) or not entries or not all(isinstance(entry, dict) for entry in entries):
        raise CheckpointError(f"'{file}' should hold a list of modules, each {{idx, name, path, type}}.")
    return [_module(path, entry) for entry in sorted(entries, key=lambda entry: int(entry.get("idx", 0)))]


def _module(path: Path, entry: Mapping[str, Any]) -> Module:
    spelling = str(entry.get("type", ""))
    if spelling not in MODULE_TYPES:
        raise _refused_module(path / "modules.json", spelling)
    relative = Path(str(entry.get("path", "")))
    if relative.is_absolute() or ".." in relative.parts:
        raise UnsafeCheckpointError(
            f"'{path / 'modules.json'}' was refused: the module path '{relative}' leaves the folder."
        )
    return Module(MODULE_TYPES[spelling], path / relative)


def _refused_module(file: Path, spelling: str) -> CheckpointError:
    if spelling.startswith("sentence_transformers."):
        return CheckpointError(
            f"'{file}' uses the module '{spelling}', which makes no single dense vector a text or is not supported. "
            f"Supported: {', '.join(MODULE_HOMES)}. Encode with your own program and pass the vectors with "
            f"--embeddings."
        )
    return UnsafeCheckpointError(
        f"'{file}' was refused: loading it would import and run '{spelling}'. Code named by a checkpoint is never "
        f"run. Encode with your own program and pass the vectors with --embeddings."
    )


def _transformer_settings(folder: Path) -> dict[str, Any]:
    """``sentence_bert_config.json``; refused where its vectors are no token vectors of the plain forward pass."""
    names = ("bert", "roberta", "distilbert", "camembert", "albert", "xlm-roberta", "xlnet")
    files = [folder / f"sentence_{name}_config.json" for name in names]
    settings = next((_read_object(file) for file in files if file.is_file()), {})
    modality = settings.get("modality_config", {})
    text = modality.get("text") if isinstance(modality, Mapping) else None
    plain = {"method": "forward", "method_output_name": "last_hidden_state"}
    if text is not None and text != plain:
        raise CheckpointError(
            f"'{folder}' takes its text vectors from {text}; only the last hidden state is supported. "
            f"Encode with your own program and pass the vectors with --embeddings."
        )
    return settings


def _prompt(general: Mapping[str, Any], names: Sequence[str]) -> str:
    """The prompt that sentence-transformers puts before a text of this role."""
    prompts = general.get("prompts")
    if not isinstance(prompts, Mapping):
        return ""
    chosen = next((name for name in names if name in prompts), general.get("default_prompt_name"))
    prompt = prompts.get(chosen, "")
    return prompt if isinstance(prompt, str) else ""


def _tail(modules: Sequence[Module]) -> tuple[int, tuple[Step, ...]]:
    """How many modules at the end NumPy can apply, and their steps in order."""
    steps: list[Step] = []
    n = 0
    for module in reversed(modules):
        found = _steps_of(module)
        if found is None:
            break
        steps[:0] = found
        n += 1
    return n, tuple(steps)


def _steps_of(module: Module) -> list[Step] | None:
    """The steps of a module that maps a pooled vector to a vector; None where torch has to run it."""
    if module.name == "Dropout":
        return []  # does nothing outside training
    config = _read_object(module.folder / "config.json")
    if any(config.get(key, _PLAIN) != _PLAIN for key in ("module_input_name", "module_output_name")):
        raise CheckpointError(
            f"'{module.folder}' works on '{config.get('module_input_name')}', not on one vector a text: "
            f"the model is of another kind (late interaction) and cannot be compared by cosine similarity."
        )
    if module.name == "Normalize":
        return [Normalize()]
    if module.name == "LayerNorm":
        parameters = _parameters(module.folder)
        return [LayerNorm(parameters["norm.weight"], parameters.get("norm.bias"))]
    return _dense(module.folder, config) if module.name == "Dense" else None


_PLAIN = "sentence_embedding"


def _dense(folder: Path, config: Mapping[str, Any]) -> list[Step] | None:
    activation = activation_name(config.get("activation_function"), where=folder / "config.json")
    is_residual = bool(config.get("use_residual", False))
    if is_residual and config.get("in_features") != config.get("out_features"):
        return None  # a second matrix projects the input
    parameters = _parameters(folder)
    return [Linear(parameters["linear.weight"], parameters.get("linear.bias"), activation, is_residual)]


def activation_name(dotted: Any, *, where: Path) -> str:
    """The activation that a Dense configuration means; its default, where the entry is absent, is Tanh.

    The class is looked up by its last name among ``ACTIVATIONS`` and never imported.
    """
    if dotted is None:
        return "Tanh"
    name = str(dotted).rsplit(".", 1)[-1]
    if name in ACTIVATIONS and (name == str(dotted) or str(dotted).startswith("torch.nn.")):
        return name
    raise UnsafeCheckpointError(
        f"'{where}' was refused: its activation function '{dotted}' is not one of "
        f"{', '.join(ACTIVATIONS)} of torch.nn, and code named by a checkpoint is never imported."
    )


def _parameters(folder: Path) -> dict[str, Any]:
    files = [folder / name for name in ("model.safetensors", "pytorch_model.bin") if (folder / name).is_file()]
    if not files:
        raise CheckpointError(f"'{folder}' should hold model.safetensors or pytorch_model.bin; it holds neither.")
    parameters = {name: as_float32(tensor) for name, tensor in read_tensors(files[0]).items()}
    if not {"linear.weight", "norm.weight"} & parameters.keys():
        raise CheckpointError(f"'{files[0]}' should hold linear.weight or norm.weight; it holds {list(parameters)}.")
    return parameters


def weight_files(folder: Path) -> tuple[Path, ...]:
    """The weight files that transformers would read, in its order of preference; shards where there are shards.

    Raises
    ------
    CheckpointError
        If there are none, or a shard is missing.
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
    weight_map = _read_object(index).get("weight_map")
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
    found = {file for pattern in TOKENIZER_PATTERNS for file in folder.glob(pattern) if file.is_file()}
    return tuple(sorted(found - set(folder.glob("*.safetensors")), key=lambda file: file.name))


def _refuse_unsafe_weights(folder: ModelFolder) -> None:
    """Read pickled weights as plain data before anything else does: a hostile file is refused with its reason."""
    files = list(weight_files(folder.transformer)) if folder.transformer is not None else []
    for module in folder.encoder_modules:
        files += sorted(module.folder.glob("*.bin"))
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


def pooling_by_name(folder: ModelFolder) -> Pooling | None:
    """Pooling of a well-known model, by the name it was asked for or the name in its configuration."""
    names = (folder.reference, folder.path.name, str(folder.config.get("_name_or_path", "")))
    candidates = [name.replace("\\", "/").rstrip("/").rsplit("/", 1)[-1].lower() for name in names]
    return next(
        (pooling for part, pooling in POOLING_BY_NAME if any(part in name for name in candidates)),
        None,
    )
