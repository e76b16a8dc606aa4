"""What each tensor of a weights file is, by its name: the head's, ignored by a written rule, or left for the encoder.

The rules are data (the tables below). No tensor is dropped: each is in one of the three parts, and ``rest`` is refused
later unless it is the encoder's.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from embedscope.errors import CheckpointError
from embedscope.models.account import WRAPPER_COMPONENTS
from embedscope.models.head_layers import CONTAINERS, HEADS, MATRICES, NORMS, PARAMETERS, word_of
from embedscope.result import TensorAccount
from embedscope.settings import Activation, Weights

if TYPE_CHECKING:
    import torch

MODEL_ROOTS = ("model", "net", "network", "student", "online", "embedder", "retriever", "bi_encoder")
"""What a trainer may call the whole model: taken off where every name begins with it."""

EMA_ROOTS = ("ema", "ema_model", "model_ema")
"""What names of the moving average of the weights begin with."""

TEMPERATURES = frozenset({
    "logit_scale", "logit_bias", "temperature", "log_temperature", "inv_temperature", "temp", "tau", "log_tau",
})  # fmt: skip
"""Single numbers of the loss, by the last component of their names."""

LOSSES = frozenset({"loss", "losses", "loss_fn", "loss_func", "loss_function", "criterion"})
"""Modules of the loss, by the first or second component of their names."""

COUNTERS = frozenset({"num_batches_tracked", "n_averaged"})
"""Counters of training steps, by the last component of their names."""

TOWERS = ("query_", "q_", "question_", "doc_", "docs_", "document_", "d_", "passage_", "p_", "context_", "ctx_")
"""What the name of a module for one side only begins with."""


@dataclass(frozen=True, slots=True, eq=False)
class TensorNames:
    """Every tensor of a file by what it is: name -> name in the file.

    ``modules`` are the modules of the head in order; ``("",)`` where they are all of ``head`` and their order follows
    from their names.
    """

    head: Mapping[str, str]
    modules: tuple[str, ...]
    rest: Mapping[str, str]
    account: TensorAccount
    notes: tuple[str, ...] = ()


def sort_names(
    path: str, state: Mapping[str, torch.Tensor], *, head_module: str | None = None, weights: Weights = Weights.PLAIN
) -> TensorNames:
    """What each tensor of ``state`` is.

    Parameters
    ----------
    path : str
        The file, for messages.
    state : mapping of str to Tensor
        The state dict; only single numbers are read.
    head_module : str, optional
        The module that is the head, or several in order, with activations between them, by commas; by default what
        has a known name.
    weights : Weights
        The weights as they were trained, or their moving average.

    Raises
    ------
    CheckpointError
        If two tensors are the same parameter, the file holds no head, or more than one.
    """
    renamed: Counter[str] = Counter()
    names = _without_wrappers(path, state, renamed)
    rules = {name: rule for name, stored in names.items() if (rule := _ignored_by(name, stored, state)) is not None}
    names = {name: stored for name, stored in names.items() if name not in rules}
    chosen, left_out, notes = _chosen_weights(path, names, weights, renamed)
    if head_module is not None:
        modules = _named_modules(path, chosen, head_module)
        roots = [module for module in modules if any(_is_in(name, module) for name in chosen)]
    else:
        modules, roots = ("",), _known_modules(path, chosen)
    if not roots:
        raise _no_head(path, chosen)
    head = {name: stored for name, stored in chosen.items() if any(_is_in(name, root) for root in roots)}
    rest = {name: stored for name, stored in chosen.items() if name not in head}
    _refuse_other_heads(path, roots, rest)
    account = TensorAccount(len(head), dict(renamed), dict(Counter(rules.values()) + left_out))
    return TensorNames(head, modules, rest, account, notes)


def _without_wrappers(path: str, state: Mapping[str, torch.Tensor], renamed: Counter[str]) -> dict[str, str]:
    """Names without wrapper components -> names in the file; what was taken off is counted in ``renamed``."""
    plain: dict[str, str] = {}
    for stored in state:
        parts = stored.split(".")
        renamed.update(f"without '{part}.'" for part in {*parts} & WRAPPER_COMPONENTS)
        name = ".".join(part for part in parts if part not in WRAPPER_COMPONENTS)
        if name in plain:
            raise CheckpointError(
                f"'{path}' holds both '{plain[name]}' and '{stored}', which are the same parameter '{name}' once the "
                f"prefixes of model wrappers are taken off; it is not clear which one counts."
            )
        plain[name] = stored
    return plain


def _ignored_by(name: str, stored: str, state: Mapping[str, torch.Tensor]) -> str | None:
    """The rule by which a tensor does not touch the vectors; None where none does."""
    *path, last = name.split(".")
    if last in COUNTERS:
        return "counter of training steps"
    if last in TEMPERATURES and state[stored].numel() == 1:
        return "temperature of the loss"
    return "module of the loss" if LOSSES & {*path[:2]} else None


def _chosen_weights(
    path: str, names: Mapping[str, str], weights: Weights, renamed: Counter[str]
) -> tuple[dict[str, str], Counter[str], tuple[str, ...]]:
    """The names of the weights or of their moving average, as asked, how many are left out for it, and a note.

    A tensor without a moving average of its own (a buffer, a frozen encoder) is taken as it is.
    """
    averaged = {name: stored for name, stored in names.items() if name.split(".")[0] in EMA_ROOTS}
    plain = _without_model_root({n: s for n, s in names.items() if n not in averaged}, renamed)
    if not averaged:
        if weights is Weights.EMA:
            raise CheckpointError(
                f"--weights ema asks for the moving average of the weights, and '{path}' holds none (under "
                f"{', '.join(EMA_ROOTS)}). Leave --weights out."
            )
        return plain, Counter(), ()
    own = {name.partition(".")[2]: stored for name, stored in averaged.items()}
    if weights is Weights.PLAIN:
        if not plain:
            raise CheckpointError(f"'{path}' holds only the moving average of the weights. Pass --weights ema for it.")
        note = "The moving average of the weights (EMA) beside them is not used; --weights ema uses it."
        return plain, Counter({"moving average of the weights": len(averaged)}), (note,)
    renamed.update(f"without '{name.split('.')[0]}.'" for name in averaged)
    own = _without_model_root(own, renamed)
    replaced = Counter({"weight with a moving average": len(plain.keys() & own.keys())})
    return plain | own, +replaced, ("The moving average of the weights (EMA) is used, as asked.",)


def _without_model_root(names: dict[str, str], renamed: Counter[str]) -> dict[str, str]:
    """``names`` without what a trainer calls the whole model, where all of them begin with it."""
    roots = {name.split(".")[0] for name in names}
    if len(roots) != 1 or not roots <= {*MODEL_ROOTS}:
        return names
    (root,) = roots
    inner = {name.partition(".")[2]: stored for name, stored in names.items()}
    renamed[f"without '{root}.'"] += len(names)
    return _without_model_root(inner, renamed)


def _known_modules(path: str, names: Iterable[str]) -> list[str]:
    """The modules that are the head, by their known names; ``[""]`` where the file is one layer or one ``Sequential``.

    ``CheckpointError`` where several could be the head.
    """
    tops = list(dict.fromkeys(name.split(".")[0] for name in names))
    if {*names} <= PARAMETERS or (all(top.isdecimal() for top in tops) and all(map(_is_readable, names))):
        return [""] if tops else []
    heads = [top for top in tops if word_of(top)[0] in HEADS]
    matrices = [top for top in tops if word_of(top)[0] in MATRICES]
    norms = [top for top in tops if word_of(top)[0] in NORMS]
    if len({word_of(head)[0] for head in heads}) > 1 or (heads and matrices):
        raise CheckpointError(
            f"'{path}' holds several modules that could be the head: {', '.join([*heads, *matrices])}. "
            f"If they are applied in a row, pass them in order: --head-module {','.join([*heads, *matrices])}"
        )
    return [*heads, *matrices, *norms] if heads or matrices else []


def _is_readable(name: str) -> bool:
    *path, leaf = name.split(".")
    words = CONTAINERS | MATRICES | NORMS
    return leaf in PARAMETERS and all(part.isdecimal() or word_of(part)[0] in words for part in path)


def _named_modules(path: str, names: Iterable[str], asked: str) -> tuple[str, ...]:
    """The modules that ``--head-module`` names, by their names here; ``CheckpointError`` where one is not there."""
    modules: list[str] = []
    for item in (item.strip() for item in asked.split(",")):
        parts = [part for part in item.split(".") if part not in WRAPPER_COMPONENTS]
        endings = [".".join(parts[n:]) for n in range(len(parts) + 1) if {*parts[:n]} <= {*MODEL_ROOTS}]
        found = next((ending for ending in endings if any(_is_in(name, ending) for name in names)), None)
        if found is None and item not in set(Activation):
            raise CheckpointError(
                f"--head-module names '{item}', and '{path}' has no tensors under that name. Its modules are "
                f"{some({name.rpartition('.')[0]: name for name in names}, 12)}."
            )
        modules.append(item if found is None else found)
    twice = [name for name in modules for other in modules if name is not other and _is_in(name, other)]
    if twice:
        raise CheckpointError(
            f"--head-module names '{twice[0]}' of '{path}' twice: '{asked}'. Name each module once, in order."
        )
    return tuple(modules)


def _is_in(name: str, module: str) -> bool:
    """Whether a tensor or module is ``module`` or inside it; ``""`` is the whole file."""
    return not module or name == module or name.startswith(f"{module}.")


def _refuse_other_heads(path: str, roots: Sequence[str], rest: Mapping[str, str]) -> None:
    """``CheckpointError`` where there is another head beside the one that is used."""
    tops = dict.fromkeys(name.split(".")[0] for name in rest)
    others = [top for top in tops if top.lower().startswith(TOWERS) or word_of(top)[0] in HEADS | MATRICES]
    if others:
        tensors = {name: stored for name, stored in rest.items() if name.split(".")[0] in others}
        raise CheckpointError(
            f"'{path}' holds more than the head '{', '.join(roots) or 'of the file'}': {some(tensors, 8)}. One head "
            f"serves queries and documents here; another model would be measured without these tensors. If they are "
            f"part of the head, pass its modules in order: --head-module {','.join([*roots, *others])}. Else encode "
            f"with your own program, and pass the vectors with --embeddings."
        )


def _no_head(path: str, names: Mapping[str, str]) -> CheckpointError:
    return CheckpointError(
        f"'{path}' has no projection head: expected a matrix named head.linear.weight (or linear.weight, head.weight, "
        f"projection.weight, head.0.weight, ...); found {some({stored: name for name, stored in names.items()})}. A "
        f"head of another name is passed with --head-module NAME. A fine-tuned model without a head is passed as its "
        f"folder (config.json beside the weights)."
    )


def some(names: Mapping[Any, Any], n: int = 5) -> str:
    """The first ``n`` keys as text, and how many more there are."""
    more = f" and {len(names) - n} more" if len(names) > n else ""
    return ", ".join(map(str, list(names)[:n])) + more or "nothing"
