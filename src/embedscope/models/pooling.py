"""How token vectors become one vector: the modes that are known, and where a folder or a name states one."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from embedscope.errors import CheckpointError
from embedscope.models.stated import stated
from embedscope.models.weights import read_object
from embedscope.settings import Pooling

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

POOLING_BY_NAME: tuple[tuple[str, Pooling, tuple[str, ...]], ...] = (
    ("bge-multilingual-gemma2", Pooling.LAST, ("gemma2",)),
    ("bge-en-icl", Pooling.LAST, ("mistral",)),
    ("bge-", Pooling.CLS, ("bert", "xlm-roberta")),
    ("e5-mistral", Pooling.LAST, ("mistral",)),
    ("multilingual-e5-", Pooling.MEAN, ("bert", "xlm-roberta")),
    ("snowflake-arctic-embed", Pooling.CLS, ("bert", "xlm-roberta", "nomic_bert")),
    ("qwen3-embedding", Pooling.LAST, ("qwen3",)),
)
"""Pooling of well-known models as their model cards state it: what the name begins with, and which types of model it
is true of; the first match counts. A decoder that someone calls ``bge-...`` is not one of them.
"""


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


def read_pooling(folder: Path) -> PoolingSpec | None:
    """The pooling that ``1_Pooling/config.json`` states, in the old or the new spelling; None where there is none."""
    file = folder / "config.json"
    config = read_object(file)
    if not config:
        return None
    modes = config.get("pooling_mode")
    if modes is None:
        modes = [mode for flag, mode in _POOLING_FLAGS.items() if stated(config, flag, bool, file)] or ["mean"]
    listed = modes if isinstance(modes, list) else [modes]
    unknown = [mode for mode in listed if not isinstance(mode, str) or mode not in POOLING_MODES]
    if unknown or not listed:
        raise CheckpointError(f"'{file}' asks for pooling {unknown}; known are {', '.join(POOLING_MODES)}.")
    return PoolingSpec(tuple(listed), stated(config, "include_prompt", bool, file) is not False)


def pooling_by_name(names: Iterable[str], model_type: str) -> Pooling | None:
    """Pooling of a well-known model, by any of the paths and names under which it goes; None if none is known."""
    last_parts = [name.replace("\\", "/").rstrip("/").rsplit("/", 1)[-1].lower() for name in names]
    return next(
        (
            pooling
            for front, pooling, types in POOLING_BY_NAME
            if model_type in types and any(name.startswith(front) for name in last_parts)
        ),
        None,
    )
