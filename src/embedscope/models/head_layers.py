"""The layers of a head, read from the names and shapes of its tensors.

A state dict holds numbers by name and no program. Kinds of layers and the numbers of a ``Sequential`` stand in the
names, and the widths of layers often leave one order only. What neither says is asked for: an activation between two
matrices, which has no tensors, and an order that the widths leave open.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations, pairwise, permutations

from embedscope.errors import CheckpointError
from embedscope.models.projectors import NORM_EPS, BatchNorm, LayerNorm, Linear, Nonlinearity, Step
from embedscope.protocols import Float32Array
from embedscope.settings import Activation

HEADS = frozenset({
    "head", "projection", "projection_head", "projection_layer", "proj", "proj_head", "projector", "text_projection",
    "mlp", "mlp_head", "linear_head", "dense_head",
})  # fmt: skip
"""Names of a whole head: one layer, or a module of several."""

FIRST_MATRICES = frozenset({"linear", "lin", "fc", "dense", "in_proj"})
LAST_MATRICES = frozenset({"out", "out_proj", "output", "output_proj", "linear_out", "fc_out"})
MATRICES = FIRST_MATRICES | LAST_MATRICES
"""Names of a linear map; one of ``LAST_MATRICES`` comes after the others."""

LAYER_NORMS = frozenset({"ln", "layer_norm", "layernorm"})
BATCH_NORMS = frozenset({"bn", "batch_norm", "batchnorm"})
NORMS = LAYER_NORMS | BATCH_NORMS | {"norm"}
"""Names of a normalisation; ``norm`` is a batch norm where it has running moments, else a layer norm."""

CONTAINERS = HEADS | {"net", "layers", "layer", "block", "blocks", "seq", "sequential", "main", "model"}
"""Names of a module inside a head that holds layers."""

PARAMETERS = frozenset({"weight", "bias", "running_mean", "running_var"})
"""What a layer may have; anything else (a scale of quantised weights, a factor of a low-rank map) is refused."""

ACTIVATION_CLASSES = {
    Activation.IDENTITY: "Identity",
    Activation.RELU: "ReLU",
    Activation.GELU: "GELU",
    Activation.TANH: "Tanh",
    Activation.SIGMOID: "Sigmoid",
}
"""The option's values -> classes of ``torch.nn``."""

_MOST_UNORDERED = 6  # layers of one module whose orders are tried


@dataclass(frozen=True, slots=True, eq=False)
class Layer:
    """A layer with tensors, under the name of its module."""

    name: str
    step: Linear | LayerNorm | BatchNorm

    @property
    def widths(self) -> tuple[int, int]:
        """Length of a row before and after."""
        if isinstance(self.step, Linear):
            dim_out, dim_in = self.step.weight.shape
            return dim_in, dim_out
        values = self.step.mean if isinstance(self.step, BatchNorm) else self.step.weight
        return len(values), len(values)


@dataclass(frozen=True, slots=True)
class Gap:
    """Numbers that a ``Sequential`` leaves out before ``name``: layers without tensors (an activation, a dropout)."""

    name: str


Item = Layer | Gap | Nonlinearity


@dataclass(slots=True)
class _Module:
    parameters: dict[str, Float32Array] = field(default_factory=dict)
    children: dict[str, _Module] = field(default_factory=dict)


def word_of(name: str) -> tuple[str, int]:
    """A module's name without its number, in small letters, and the number, -1 without one: ``fc1`` -> ("fc", 1)."""
    found = re.fullmatch(r"(.*?[a-z])_?([0-9]*)", name.lower())
    return (found[1], int(found[2] or -1)) if found else (name, -1)


def read_layers(arrays: Mapping[str, Float32Array], modules: Sequence[str]) -> list[Item]:
    """The layers of a head in the order in which they are applied.

    Parameters
    ----------
    arrays : mapping of str to ndarray
        Every tensor of the head by its name.
    modules : sequence of str
        The modules of the head in their order, and activations between them; ``("",)`` is all of ``arrays``.

    Raises
    ------
    CheckpointError
        If a tensor belongs to no layer that is known, or the order of layers does not follow from names and widths.
    """
    root = _Module()
    for name, values in arrays.items():
        *path, leaf = name.split(".")
        _module(root, path).parameters[leaf] = values
    items: list[Item] = []
    for name in modules:
        module = _module(root, name.split(".") if name else [])
        if module.parameters or module.children:
            items += _items(module, name)
        else:
            items.append(Nonlinearity(ACTIVATION_CLASSES[Activation(name)]))
    layers = [item for item in items if isinstance(item, Layer)]
    for before, after in pairwise(layers):
        if before.widths[1] != after.widths[0]:
            raise CheckpointError(
                f"'{before.name}' gives rows of {before.widths[1]} numbers, and '{after.name}' after it takes "
                f"{after.widths[0]}. {_ELSE}"
            )
    return items


def _module(root: _Module, path: Iterable[str]) -> _Module:
    """The module at ``path``, made where there is none."""
    module = root
    for part in path:
        module = module.children.setdefault(part, _Module())
    return module


def _items(module: _Module, path: str) -> list[Item]:
    if module.parameters and module.children:
        raise _unreadable(_tensors(module, path), "A module has both tensors and modules of its own")
    if module.parameters:
        return [_layer(module.parameters, path)]
    if all(name.isdecimal() for name in module.children):
        return _numbered(module, path)
    return _ordered(module, path)


def _numbered(module: _Module, path: str) -> list[Item]:
    """The layers of a ``Sequential`` by their numbers, and one gap for each run of numbers that is left out."""
    items: list[Item] = []
    for before, name in pairwise(["-1", *sorted(module.children, key=int)]):
        own = _joined(path, name)
        items += [Gap(own)] if int(name) > int(before) + 1 else []
        items += _items(module.children[name], own)
    return items


def _ordered(module: _Module, path: str) -> list[Item]:
    """The layers of a module with named parts, in the only order that names and widths allow."""
    unknown = [name for name in module.children if word_of(name)[0] not in MATRICES | NORMS | CONTAINERS]
    if unknown:
        tensors = [t for name in unknown for t in _tensors(module.children[name], _joined(path, name))]
        raise _unreadable(tensors, "No kind of layer is known by this name")
    parts = {name: _items(child, _joined(path, name)) for name, child in module.children.items()}
    names = [_joined(path, name) for name in parts]
    shown = ", ".join(f"{_joined(path, name)} ({_arrow(_widths(items))})" for name, items in parts.items())
    if len(parts) > _MOST_UNORDERED:
        raise _ask_order(names, f"Its {len(parts)} layers are too many to find their order: {shown}")
    orders = [order for order in permutations(parts) if _fit(parts, order) and _follows_names(parts, order)]
    orders = [order for order in orders if _follows_original(parts, order)] or orders
    if not orders:
        raise CheckpointError(
            f"No order of its layers fits their names and widths: {shown}. If they are applied in another order, pass "
            f"their names in it: --head-module {','.join(names)}. {_ELSE}"
        )
    if len(orders) > 1:
        raise _ask_order(names, f"Its layers fit each other in {len(orders)} orders: {shown}")
    return [item for name in orders[0] for item in parts[name]]


def _fit(parts: Mapping[str, Sequence[Item]], order: Sequence[str]) -> bool:
    """Whether each part takes rows as long as the part before it gives."""
    return all(a[1] == b[0] for a, b in pairwise(_widths(parts[name]) for name in order))


def _follows_names(parts: Mapping[str, Sequence[Item]], order: Sequence[str]) -> bool:
    """Whether ``order`` is what the names say.

    Numbers of one word rise, and the word alone comes first (``linear``, ``linear2``). An output comes after the other
    matrices.
    """
    words = [word_of(name) for name in order]
    matrices = [i for i, name in enumerate(order) if any(map(is_matrix, parts[name]))]
    outputs = [words[i][0] in LAST_MATRICES for i in matrices]
    rises = all(a[1] < b[1] for a, b in combinations(words, 2) if a[0] == b[0])
    return rises and outputs == sorted(outputs)


def _follows_original(parts: Mapping[str, Sequence[Item]], order: Sequence[str]) -> bool:
    """Whether a layer norm ``ln`` beside a single matrix follows it, as in the original project."""
    matrices = [i for i, name in enumerate(order) if any(map(is_matrix, parts[name]))]
    return len(matrices) != 1 or ("ln", -1) not in map(word_of, order[: matrices[0]])


def _layer(parameters: Mapping[str, Float32Array], path: str) -> Layer:
    """The layer that has these parameters, by their names and shapes and by the name of its module."""
    names = [_joined(path, leaf) for leaf in parameters]
    word, weight, bias = word_of(path.rpartition(".")[2])[0], parameters.get("weight"), parameters.get("bias")
    if parameters.keys() - PARAMETERS:
        raise _unreadable(names, f"A layer has {', '.join(PARAMETERS)} and nothing else")
    if {"running_mean", "running_var"} <= parameters.keys():
        return Layer(path, BatchNorm(parameters["running_mean"], parameters["running_var"], weight, bias))
    if weight is None or parameters.keys() - {"weight", "bias"}:
        raise _unreadable(names, "Tensors of this layer are missing")
    if weight.ndim != 1 or word in MATRICES | HEADS:
        if word in NORMS:
            raise _unreadable(names, f"The name is a normalisation's, and the weight's shape is {weight.shape}")
        return Layer(path, Linear(weight, bias))
    if word in BATCH_NORMS:
        raise _unreadable(names, "A batch norm without running moments gives a text another vector in another batch")
    if bias is None and word not in LAYER_NORMS:
        raise _unreadable(names, "One weight a number and no bias: a LayerNorm, an RMSNorm or a PReLU could be meant")
    return Layer(path, LayerNorm(weight, bias))


def with_activation(items: Sequence[Item], activation: str | None) -> tuple[Step, ...]:
    """The steps of a head: its ``items`` with the activation (a class name of ``torch.nn``) in its places.

    Between two matrices it stands in the gap of the numbering, else directly after the first of them. Where there is
    one matrix it stands in the gap after it, else directly after it.

    Raises
    ------
    CheckpointError
        If there is a place for an activation and none is stated, or if it could stand in several places.
    """
    dense = next((item for item in items if isinstance(item, Layer) and re.fullmatch(r"\d+\.linear", item.name)), None)
    if dense is not None and activation is None:
        raise CheckpointError(
            f"'{dense.name}' is named as in a Dense of sentence-transformers, whose activation is Tanh unless its "
            f"config.json, which is not in the file, says otherwise. Pass --activation {', '.join(Activation)}."
        )
    places = _places(items, activation)
    n_matrices = sum(map(is_matrix, items))
    if n_matrices < 2 and activation not in (None, "Identity"):
        places = places or _after_matrix(items, activation)
        if len(places) > 1:
            raise _ask_place(items, activation)
    steps: list[Step] = []
    for i, item in enumerate(items):
        if not isinstance(item, Gap):
            steps.append(item.step if isinstance(item, Layer) else item)
        if i in places and activation not in (None, "Identity"):
            steps.append(Nonlinearity(activation))
    return tuple(steps)


def _places(items: Sequence[Item], activation: str | None) -> list[int]:
    """The gaps that the activation fills, and the matrices that it directly follows, where one has to be somewhere."""
    matrices = [i for i, item in enumerate(items) if is_matrix(item)]
    first_layer = next(i for i, item in enumerate(items) if isinstance(item, Layer))
    places: list[int] = []
    for n, (start, end) in enumerate(pairwise([0, *(i + 1 for i in matrices), len(items)])):  # n matrices before it
        inside = items[start:end]
        gaps = [i for i in range(start, end) if isinstance(items[i], Gap) and i > first_layer]
        is_between = 0 < n < len(matrices)
        if any(isinstance(item, Nonlinearity) for item in inside) or not (gaps or is_between):
            continue
        if activation is None:
            raise _ask_activation(items)
        has_norm = any(isinstance(item, Layer) and not is_matrix(item) for item in inside)
        is_certain = len(gaps) == 1 or not (gaps or has_norm)
        if activation != "Identity" and not (is_certain and (is_between or len(matrices) == 1)):
            raise _ask_place(items, activation)
        places += gaps or [start - 1]
    return places


def _after_matrix(items: Sequence[Item], activation: str) -> list[int]:
    """Where a head of one matrix has its activation, if the numbering leaves no gap for it: directly after the matrix.

    Nowhere if an activation is named among the modules; ``CheckpointError`` if the numbering has no place there.
    """
    if any(isinstance(item, Nonlinearity) for item in items):
        return []
    matrix = next((i for i, item in enumerate(items) if is_matrix(item)), None)
    following = items[matrix + 1] if matrix is not None and matrix + 1 < len(items) else None
    is_numbered = isinstance(following, Layer) and following.name.rpartition(".")[2].isdecimal()
    if matrix is None or is_numbered or isinstance(items[0], Gap):
        raise _ask_place(items, activation)
    return [matrix]


def notes_on(items: Sequence[Item]) -> list[str]:
    """What is taken for granted about these layers, as lines for the person."""
    notes = []
    if isinstance(items[0], Gap):
        notes.append(
            f"The numbering of the head begins at '{items[0].name}': what comes before has no tensors and is taken to "
            f"be dropout, which changes nothing. If it is an activation, name it: --head-module relu,{items[0].name}"
        )
    norms = [item.name for item in items if isinstance(item, Layer) and not is_matrix(item)]
    if any(word_of(name.rpartition(".")[2])[0] != "ln" for name in norms):
        notes.append(f"{', '.join(norms)}: eps is {NORM_EPS:g}, the default of torch; no file records it.")
    return notes


def is_matrix(item: Item) -> bool:
    return isinstance(item, Layer) and isinstance(item.step, Linear)


def _joined(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name


def _tensors(module: _Module, path: str) -> list[str]:
    """Names of all tensors in a module."""
    below = [tensor for name, child in module.children.items() for tensor in _tensors(child, _joined(path, name))]
    return [*(_joined(path, leaf) for leaf in module.parameters), *below]


def _widths(items: Sequence[Item]) -> tuple[int, int]:
    """Length of a row before and after ``items``."""
    layers = [item for item in items if isinstance(item, Layer)]
    return layers[0].widths[0], layers[-1].widths[1]


def _arrow(widths: tuple[int, int]) -> str:
    return str(widths[0]) if widths[0] == widths[1] else f"{widths[0]} -> {widths[1]}"


def _shown(items: Sequence[Item]) -> str:
    return ", ".join(f"{item.name} ({_arrow(item.widths)})" for item in items if isinstance(item, Layer))


# --- what cannot be read, and what is asked for ---------------------------------------------------------------------

_ELSE = (
    "One head of linear maps, LayerNorm, BatchNorm1d and activations in a row serves queries and documents; encode "
    "with another one in your own program, and pass the vectors with --embeddings."
)


def _unreadable(tensors: Sequence[str], why: str) -> CheckpointError:
    some = ", ".join(tensors[:8]) + (f" and {len(tensors) - 8} more" if len(tensors) > 8 else "")
    return CheckpointError(f"{why}: {some}. {_ELSE}")


def _ask_order(names: Sequence[str], why: str) -> CheckpointError:
    return CheckpointError(f"{why}. Pass their names in the order of the model: --head-module {','.join(names)}")


def _ask_activation(items: Sequence[Item]) -> CheckpointError:
    return CheckpointError(
        f"It has several layers, {_shown(items)}, and what is applied between them (an activation, a dropout) has no "
        f"tensors. Pass --activation {', '.join(list(Activation)[1:])}, or identity if there is none."
    )


def _ask_place(items: Sequence[Item], activation: str) -> CheckpointError:
    named = ",".join(item.name for item in items if isinstance(item, Layer))
    before = f" or --head-module {activation.lower()},{named}" if isinstance(items[0], Gap) else ""
    return CheckpointError(
        f"The activation {activation} could stand in several places among its layers, {_shown(items)}. Pass them in "
        f"order with each activation in its place, such as --head-module {named},{activation.lower()}{before}"
    )
