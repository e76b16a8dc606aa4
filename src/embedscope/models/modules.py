"""``modules.json`` of sentence-transformers: which modules are admitted, and which of them NumPy can apply.

A module is looked up in the tables below and never imported by the name that a folder gives.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from embedscope.errors import CheckpointError, UnsafeCheckpointError
from embedscope.models.projectors import ACTIVATIONS, LayerNorm, Linear, Normalize, Step
from embedscope.models.stated import stated
from embedscope.models.weights import as_float32, read_json, read_object, read_weights, tensor_types

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


def module_types(homes: Mapping[str, str]) -> dict[str, str]:
    """Every spelling of the modules in ``modules.json`` (versions 0.3 to 6) -> the class name."""
    return {
        spelling: name
        for name, home in homes.items()
        for spelling in (
            f"sentence_transformers.models.{name}",
            f"sentence_transformers.models.{name}.{name}",
            f"sentence_transformers.models.{home.rsplit('.', 1)[1]}.{name}",
            f"sentence_transformers.base.modules.{name}",
            f"sentence_transformers.sentence_transformer.modules.{name}",
            f"{home}.{name}",
        )
    }


MODULE_TYPES = module_types(MODULE_HOMES)
"""Every spelling of an admitted module in ``modules.json`` -> its class name."""


@dataclass(frozen=True, slots=True)
class Module:
    """One entry of ``modules.json``: an admitted class and the folder that holds its parameters."""

    name: str
    folder: Path


def read_modules(path: Path, types: Mapping[str, str] = MODULE_TYPES) -> list[Module]:
    """The modules of ``modules.json``, each looked up in ``types``."""
    file = path / "modules.json"
    entries = read_json(file)
    if not isinstance(entries, list) or not entries or not all(isinstance(entry, dict) for entry in entries):
        raise CheckpointError(f"'{file}' should hold a list of modules, each {{idx, name, path, type}}.")
    if any(type(entry.get("idx", 0)) is not int for entry in entries):
        raise CheckpointError(f"'{file}' should number its modules: 'idx' is a whole number in each. Correct it.")
    modules = []
    for entry in sorted(entries, key=lambda entry: int(entry.get("idx", 0))):
        spelling, relative = stated(entry, "type", str, file) or "", Path(stated(entry, "path", str, file) or "")
        if spelling not in types:
            raise _refused_module(file, spelling, dict.fromkeys(types.values()))
        if relative.is_absolute() or ".." in relative.parts:
            raise UnsafeCheckpointError(f"'{file}' was refused: the module path '{relative}' leaves the folder.")
        modules.append(Module(types[spelling], path / relative))
    return modules


def _refused_module(file: Path, spelling: str, supported: Iterable[str]) -> CheckpointError:
    if spelling.startswith("sentence_transformers."):
        return CheckpointError(
            f"'{file}' uses the module '{spelling}', which makes no single dense vector a text or is not supported. "
            f"Supported: {', '.join(supported)}. Encode with your own program and pass the vectors with "
            f"--embeddings."
        )
    return UnsafeCheckpointError(
        f"'{file}' was refused: loading it would import and run '{spelling}'. Code named by a checkpoint is never "
        f"run. Encode with your own program and pass the vectors with --embeddings."
    )


def tail_steps(modules: Sequence[Module]) -> tuple[int, tuple[Step, ...]]:
    """How many modules at the end NumPy can apply, and their steps in order."""
    steps: list[Step] = []
    for n, module in enumerate(reversed(modules)):
        found = _steps_of(module)
        if found is None:
            return n, tuple(steps)
        steps[:0] = found
    return len(modules), tuple(steps)


def _steps_of(module: Module) -> list[Step] | None:
    """The steps of a module that maps a pooled vector to a vector; None where torch has to run it."""
    if module.name == "Dropout":
        return []  # does nothing outside training
    config = read_object(module.folder / "config.json")
    plain = "sentence_embedding"
    if any(config.get(key, plain) != plain for key in ("module_input_name", "module_output_name")):
        raise CheckpointError(
            f"'{module.folder}' works on '{config.get('module_input_name')}', not on one vector a text: "
            f"the model is of another kind (late interaction) and cannot be compared by cosine similarity."
        )
    if module.name == "Normalize":
        return [Normalize()]
    if module.name == "LayerNorm":
        parameters = _parameters(module.folder)
        _refuse_others(module.folder, parameters, ("norm.weight", "norm.bias"))
        return [LayerNorm(parameters["norm.weight"], parameters.get("norm.bias"))]
    return _dense(module.folder, config) if module.name == "Dense" else None


def _dense(folder: Path, config: Mapping[str, Any]) -> list[Step] | None:
    activation = activation_name(config.get("activation_function"), where=folder / "config.json")
    is_residual = bool(stated(config, "use_residual", bool, folder / "config.json"))
    if is_residual and config.get("in_features") != config.get("out_features"):
        return None  # a second matrix projects the input
    parameters = _parameters(folder)
    _refuse_others(folder, parameters, ("linear.weight", "linear.bias"))
    try:
        return [Linear(parameters["linear.weight"], parameters.get("linear.bias"), activation, is_residual)]
    except CheckpointError as error:
        raise CheckpointError(f"'{folder}' holds a head that cannot be applied. {error}") from error


def activation_name(dotted: Any, *, where: Path) -> str:
    """The activation that a Dense configuration means; its default, where the entry is absent, is Tanh.

    The class is looked up by its last name among ``ACTIVATIONS`` and never imported.
    """
    if dotted is None:
        return "Tanh"
    name = str(dotted).rsplit(".", 1)[-1]
    if name in ACTIVATIONS and (name == str(dotted) or str(dotted).startswith("torch.nn.")):
        return name
    if str(dotted).startswith("torch.nn."):
        raise CheckpointError(
            f"'{where}' has the activation function '{dotted}', which is not applied here; applied are "
            f"{', '.join(ACTIVATIONS)}. Encode with your own program and pass the vectors with --embeddings."
        )
    raise UnsafeCheckpointError(
        f"'{where}' was refused: its activation function '{dotted}' is not one of "
        f"{', '.join(ACTIVATIONS)} of torch.nn, and code named by a checkpoint is never imported."
    )


def refuse_unfit(module: Module) -> None:
    """Raise ``CheckpointError`` where sentence-transformers would read another module than its folder states.

    It would import an activation of any name that begins with ``torch.``, take the hyperbolic tangent for every other
    one, and read complex numbers without their imaginary part.
    """
    for file in sorted([*module.folder.glob("*.bin"), *module.folder.glob("model.safetensors")]):
        for tensors in read_weights(file).values():
            del tensors
    if module.name == "Dense":
        file = module.folder / "config.json"
        stated = read_object(file).get("activation_function")
        name = activation_name(stated, where=file)
        if not str(stated).startswith("torch.nn."):
            raise CheckpointError(
                f"'{file}' states the activation function {stated!r} of a layer before pooling. Write it in full: "
                f"torch.nn.modules.activation.{name}"
            )


def module_tensors(module: Module) -> tuple[str, ...]:
    """The names of the tensors in a module's file; empty where it has none."""
    files = _weight_files(module.folder)
    return tuple(tensor_types(files[0])) if files and module.name not in ("Pooling", "Normalize", "Dropout") else ()


def _weight_files(folder: Path) -> list[Path]:
    return [folder / name for name in ("model.safetensors", "pytorch_model.bin") if (folder / name).is_file()]


def _refuse_others(folder: Path, parameters: Mapping[str, Any], known: Sequence[str]) -> None:
    if others := sorted(parameters.keys() - set(known)):
        raise CheckpointError(
            f"'{folder}' holds tensors that are not of its module: {', '.join(others)}; expected {', '.join(known)}. "
            f"The module is of another kind than modules.json says."
        )


def _parameters(folder: Path) -> dict[str, Any]:
    files = _weight_files(folder)
    if not files:
        raise CheckpointError(f"'{folder}' should hold model.safetensors or pytorch_model.bin; it holds neither.")
    parameters = {name: as_float32(tensor) for name, tensor in read_weights(files[0]).items()}
    if not {"linear.weight", "norm.weight"} & parameters.keys():
        raise CheckpointError(f"'{files[0]}' should hold linear.weight or norm.weight; it holds {list(parameters)}.")
    return parameters
