"""An account of every tensor: used, renamed or ignored by a rule that is written here. Anything else is refused.

Names are compared with those of the architecture, so a rule is applied only where every tensor finds its place.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass

from embedscope.errors import CheckpointError
from embedscope.result import TensorAccount

WRAPPER_COMPONENTS = frozenset(
    {"module", "_orig_mod", "_fsdp_wrapped_module", "_checkpoint_wrapped_module", "_forward_module"}
)
"""Name components that DistributedDataParallel, torch.compile, FSDP, activation checkpointing and Fabric add."""

ROOTS = WRAPPER_COMPONENTS | {
    "model", "encoder", "auto_model", "0", "backbone", "transformer", "base_model", "text_model", "language_model",
    "bert", "roberta", "distilbert", "electra", "deberta", "albert", "mpnet",
}  # fmt: skip
"""Components under which a class that wraps an encoder keeps it: what the names of all its tensors may begin with."""

_LEAF = r"\.((lora_[AB]|base_layer)\.)?(weight|bias|gamma|beta)"
_IGNORED = {
    "pooler": r"pooler(\.dense)?\.(weight|bias)",
    "language-model head": rf"""
        cls\.predictions\.(bias | ((transform\.)?(dense|LayerNorm|layer_norm) | decoder){_LEAF}) |
        cls\.seq_relationship{_LEAF} |
        (lm_predictions\.)?lm_head(\.(dense|layer_norm|LayerNorm|decoder))?{_LEAF} |
        mask_predictions\.(dense|LayerNorm|classifier){_LEAF} |
        predictions\.(bias | (dense|LayerNorm|decoder){_LEAF}) |
        vocab_(transform|layer_norm|projector){_LEAF} |
        generator_predictions\.(dense|LayerNorm){_LEAF} |
        generator_lm_head{_LEAF} |
        embed_out{_LEAF} |
        discriminator_predictions\.(dense|dense_prediction){_LEAF}
    """,
    "head for token vectors": rf"colbert_linear{_LEAF}",
    "head for token weights": rf"sparse_linear{_LEAF}",
}
"""Whole names that transformers and FlagEmbedding give to what stands beside an encoder. No other is ignored."""

_OF_THE_LOSS = frozenset({"logit_scale", "logit_bias", "temperature", "log_temperature"})
_IGNORED_LAST = {"position_ids": "position ids", "token_type_ids": "position ids", "inv_freq": "position ids"}

_N_LISTED = 4


def ignored_as(name: str) -> str | None:
    """Why a tensor of this name, without what wrappers add, cannot touch the last hidden state; None where it may."""
    parts = name.split(".")
    if parts[-1] in _OF_THE_LOSS and len(parts) <= 2:  # by itself, or in a module for the loss
        return "temperature of the loss"
    found = (reason for reason, names in _IGNORED.items() if re.fullmatch(names, name, re.VERBOSE))
    return next(found, None) or _IGNORED_LAST.get(parts[-1])


def may_be_missing(name: str) -> bool:
    """Whether the architecture's tensor of this name may be absent from a file: left random, it touches no vector."""
    return ignored_as(name) in ("pooler", "position ids")


@dataclass(frozen=True, slots=True)
class Renaming:
    """What is taken off the names in a file: wrapper components at any depth, then a path in front."""

    components: tuple[str, ...] = ()
    prefix: str = ""

    def __call__(self, name: str) -> str:
        parts = [part for part in name.split(".") if part not in self.components]
        for component in self.prefix.split(".")[:-1]:
            if parts[0] != component or len(parts) == 1:
                break  # a head that stands beside what the rest of the prefix names
            parts = parts[1:]
        return ".".join(parts)

    def changed(self, names: Iterable[str]) -> dict[str, str]:
        """Names that change -> what they become."""
        return {name: self(name) for name in names if self(name) != name}

    @property
    def rule(self) -> str:
        """In words: ``without '_orig_mod.', 'encoder.'``."""
        taken = [*(f"{component}." for component in self.components), *([self.prefix] if self.prefix else [])]
        return f"without {', '.join(map(repr, taken))}"


AS_THEY_ARE = Renaming()


def renamings(names: Collection[str]) -> Iterator[Renaming]:
    """The renamings to try, the one that takes off least first: a known component that most of ``names`` begin with.

    One that some names lack still fits where those names are ignored, and says best what does not fit.
    """
    yield AS_THEY_ARE
    components = tuple(sorted({part for name in names for part in name.split(".")[:-1]} & WRAPPER_COMPONENTS))
    renaming = Renaming(components)
    if components:
        yield renaming
    while True:
        counting = [new for new in map(renaming, names) if "." in new and ignored_as(new) is None]
        first = Counter(new.split(".")[0] for new in counting).most_common(1)
        if not first or first[0][0] not in ROOTS or 2 * first[0][1] <= len(counting):
            return
        renaming = Renaming(components, f"{renaming.prefix}{first[0][0]}.")
        yield renaming


def account_of(names: Iterable[str], renaming: Renaming, left_out: Mapping[str, str] | None = None) -> TensorAccount:
    """The account of a file whose tensors all fit under ``renaming``.

    ``left_out`` holds further names, as they are in the file, that are not used, and why. ``CheckpointError`` where
    two tensors come to have one name.
    """
    ignored: Counter[str] = Counter()
    used: dict[str, str] = {}
    for name in names:
        new = renaming(name)
        reason = (left_out or {}).get(name) or ignored_as(new)
        if reason is not None:
            ignored[reason] += 1
        elif new in used:
            raise CheckpointError(
                f"The weights hold both '{used[new]}' and '{name}', which are the same parameter '{new}' once the "
                f"prefixes of model wrappers are taken off; it is not clear which one counts."
            )
        else:
            used[new] = name
    n_renamed = sum(new != name for new, name in used.items())
    return TensorAccount(len(used), {renaming.rule: n_renamed} if n_renamed else {}, dict(ignored))


def combined(*accounts: TensorAccount) -> TensorAccount:
    """One account of what several files hold."""
    renamed: Counter[str] = Counter()
    ignored: Counter[str] = Counter()
    for account in accounts:
        renamed.update(account.renamed)
        ignored.update(account.ignored)
    return TensorAccount(sum(account.n_used for account in accounts), dict(renamed), dict(ignored))


def listed(names: Collection[str]) -> str:
    """How many ``names`` there are, and the first of them: ``2 ('a', 'b')``."""
    more = ", ..." if len(names) > _N_LISTED else ""
    return f"{len(names)} ({', '.join(map(repr, sorted(names)[:_N_LISTED]))}{more})"
