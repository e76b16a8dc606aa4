"""Folders of models that score texts by other than one vector each: of which kind, and checked before they are loaded.

Such a model is loaded by sentence-transformers itself, without code that comes with it. What it would take from a
folder beyond weights and numbers is refused here: module types and activations that are not in a table, kernels of the
hub, pickles that are no plain tables, adapters over another model.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from embedscope.errors import CheckpointError
from embedscope.models.hub import is_hub_name, local_path, locate_model
from embedscope.models.model_folders import (
    Layout,
    ModelFolder,
    checked_config,
    refuse_foreign_kernels,
    refuse_unsafe_weights,
)
from embedscope.models.modules import MODULE_HOMES, Module, activation_name, module_tensors, module_types, read_modules
from embedscope.models.weights import read_json, read_object

_SPARSE, _LATE = "sentence_transformers.sparse_encoder.", "sentence_transformers.multi_vector_encoder."

_OWN_HOMES = {
    Layout.SPARSE: {
        "SpladePooling": f"{_SPARSE}modules.splade_pooling",
        "MLMTransformer": f"{_SPARSE}modules.mlm_transformer",
        "SparseAutoEncoder": f"{_SPARSE}modules.sparse_auto_encoder",
    },
    Layout.LATE_INTERACTION: {
        "MultiVectorMask": f"{_LATE}modules.multi_vector_mask",
        "HierarchicalTokenPooling": f"{_LATE}modules.token_pooling",
    },
    Layout.CROSS_ENCODER: {"LogitScore": "sentence_transformers.cross_encoder.modules.logit_score"},
}
"""Modules that only one kind of model has -> where sentence-transformers keeps them."""

_SHARED = ("Transformer", "Pooling", "Dense", "Normalize", "Dropout")

_MODEL_TYPES = {
    "SparseEncoder": Layout.SPARSE,
    "MultiVectorEncoder": Layout.LATE_INTERACTION,
    "ColBERT": Layout.LATE_INTERACTION,  # PyLate to version 3
    "CrossEncoder": Layout.CROSS_ENCODER,
}
"""``model_type`` of ``config_sentence_transformers.json`` -> what it names."""


def scorer_folder(name: str) -> ModelFolder | None:
    """The checkpoint ``name`` where it is a folder, or a model of the hub, that scores by more than one vector a text.

    None where it gives one vector a text, or is a file, or a cross-encoder, which needs a first ranking.

    Raises
    ------
    UnsafeCheckpointError, CheckpointError
        If its folder cannot be read as what it is.
    """
    path = local_path(name)
    if path is None and is_hub_name(name):
        path = locate_model(name, option="--checkpoint")
    if path is None or not path.is_dir():
        return None
    layout = _layout_of(path)
    return None if layout in (None, Layout.CROSS_ENCODER) else _checked_folder(path, name, layout)


def cross_encoder_folder(name: str) -> ModelFolder:
    """The cross-encoder ``name``, a folder or a model of the hub; raises ``CheckpointError`` if it is none."""
    path = locate_model(name, option="--rerank")
    layout = _layout_of(path)
    if layout is not Layout.CROSS_ENCODER:
        found = layout or "a model without a score for pairs of texts"
        raise CheckpointError(
            f"--rerank '{name}' should be a cross-encoder (an architecture ...ForSequenceClassification, or a "
            f"CrossEncoder of sentence-transformers); it is {found}."
        )
    return _checked_folder(path, name, layout)


def _layout_of(path: Path) -> Layout | None:
    """What the folder says that it is; None where it does not say, or gives one vector a text."""
    general = read_object(path / "config_sentence_transformers.json")
    if general.get("model_type") in _MODEL_TYPES:
        return _MODEL_TYPES[general["model_type"]]
    if (path / "modules.json").is_file():
        entries = read_json(path / "modules.json")
        listed = entries if isinstance(entries, list) else []
        names = {str(entry.get("type")).rsplit(".", 1)[-1] for entry in listed if isinstance(entry, dict)}
        return next((layout for layout, own in _OWN_HOMES.items() if names & own.keys()), None)
    architectures = read_object(path / "config.json").get("architectures")
    named = [str(name) for name in architectures] if isinstance(architectures, list) else []
    if "HF_ColBERT" in named:  # of Stanford
        return Layout.LATE_INTERACTION
    return Layout.CROSS_ENCODER if any(name.endswith("ForSequenceClassification") for name in named) else None


def _checked_folder(path: Path, reference: str, layout: Layout) -> ModelFolder:
    try:
        modules = [Module("Transformer", path)]
        if (path / "modules.json").is_file():
            modules = read_modules(path, _types_of(layout))
        head, *rest = modules
        if not head.name.endswith("Transformer"):
            raise CheckpointError(f"'{path / 'modules.json'}' begins with a {head.name} module; expected Transformer.")
        if (head.folder / "adapter_config.json").is_file():
            raise CheckpointError(
                f"'{head.folder}' holds an adapter over another model. Merge the two (merge_and_unload of PEFT) and "
                f"pass the folder that is saved then."
            )
        config = checked_config(head.folder)
        for file in sorted(head.folder.glob("sentence_*_config.json")):
            refuse_foreign_kernels(read_object(file), file)
        _refuse_activations(path, config)
        folder = ModelFolder(
            path=path,
            reference=reference,
            layout=layout,
            transformer=head.folder,
            config=config,
            encoder_modules=tuple(rest),
            n_module_tensors=sum(len(module_tensors(module)) for module in rest),
        )
        refuse_unsafe_weights(folder)
    except OSError as error:
        raise CheckpointError(f"'{path}' cannot be read: {error.strerror or error}.") from error
    return folder


def _types_of(layout: Layout) -> dict[str, str]:
    """Every spelling of a module that a model of this kind may have -> its class name."""
    own = _OWN_HOMES[layout]
    types = module_types({name: MODULE_HOMES[name] for name in _SHARED})
    for name, home in own.items():
        package = home.rsplit(".", 1)[0]
        spellings = (f"{home}.{name}", f"{package}.{name}", f"{package}.{name}.{name}")
        types |= {spelling: name for each in spellings for spelling in (each, each.replace(".modules.", ".models."))}
    if layout is Layout.LATE_INTERACTION:
        types["pylate.models.Dense.Dense"] = "Dense"  # sentence-transformers reads its own in its place
    return types


def _refuse_activations(path: Path, config: dict[str, Any]) -> None:
    """Activations of a cross-encoder, whose name sentence-transformers would import."""
    own = config.get("sentence_transformers")
    places = (
        (path / "config.json", own.get("activation_fn") if isinstance(own, dict) else None),
        (path / "config.json", config.get("sbert_ce_default_activation_function")),
        (
            path / "config_sentence_transformers.json",
            read_object(path / "config_sentence_transformers.json").get("activation_fn"),
        ),
    )
    for file, name in places:
        if name is not None:
            activation_name(name, where=file)
