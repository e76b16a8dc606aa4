"""What a run may be told: the only table of options.

The command line and its help, the keywords of `embedscope.run` and the manifest of a run are all made from the fields
of these dataclasses. Only the standard library is needed, so that ``embedscope --help`` answers at once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from enum import StrEnum
from os import fspath
from typing import Any, Self

from embedscope.errors import InvalidOptionError

Parse = Callable[[str], Any]
"""From the text of an option to its value; raises ValueError with what was expected."""


# --- how an option is declared ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Option:
    """What is known of a field that is an option: how it is read, shown and explained."""

    help: str
    parse: Parse = str
    metavar: str | None = None
    choices: tuple[str, ...] = ()
    is_list: bool = False
    is_repeatable: bool = False
    shown_default: str | None = None  # where the default itself says nothing: "as the checkpoint says"
    flags: tuple[str, ...] = ()  # "--use-x" and "--no-use-x" for a switch that has both


def option(default: Any, help: str, parse: Parse = str, **more: Any) -> Any:  # noqa: A002
    """A field of a settings class that is an option of the command line; ``more`` are fields of :class:`Option`."""
    if isinstance(parse, type) and issubclass(parse, StrEnum):
        more["choices"] = tuple(member.value for member in parse)
    return field(default=default, metadata={"option": Option(help, parse, **more)})


def options_of(settings: type[Any]) -> dict[str, Option]:
    """The options of a settings class by the names of their fields."""
    return {f.name: f.metadata["option"] for f in fields(settings) if "option" in f.metadata}


def flag(name: str) -> str:
    """``--max-samples`` for the field ``max_samples``."""
    return "--" + name.replace("_", "-")


class Checked:
    """Mixin of a settings class: every value is of the kind that its option reads, however it came.

    Raises
    ------
    InvalidOptionError
        If one is not.
    """

    __slots__ = ()

    def __post_init__(self) -> None:
        for name, known in options_of(type(self)).items():
            value = getattr(self, name)
            if isinstance(value, bool) or value is None:
                continue
            try:
                read = tuple(map(known.parse, map(_text, value))) if known.is_list else known.parse(_text(value))
            except ValueError as error:
                wanted = f"one of {', '.join(known.choices)}, not '{value}'" if known.choices else str(error)
                raise InvalidOptionError(f"{flag(name)}: {wanted.removeprefix('expected ')} (expected).") from None
            object.__setattr__(self, name, read)


def _text(value: Any) -> str:
    return fspath(value) if hasattr(value, "__fspath__") else str(value)


# --- kinds of values ----------------------------------------------------------------------------------------------


def whole(least: int) -> Parse:
    """Reads whole numbers of ``least`` or more."""

    def parse(text: str) -> int:
        try:
            value = int(text)
        except ValueError:
            raise ValueError(f"expected a whole number, not '{text}'") from None
        if value < least:
            raise ValueError(f"expected {least} or more, not {value}")
        return value

    return parse


def real(accepts: Callable[[float], bool], expected: str) -> Parse:
    """Reads numbers that ``accepts`` takes."""

    def parse(text: str) -> float:
        try:
            value = float(text)
        except ValueError:
            raise ValueError(f"expected a number, not '{text}'") from None
        if not accepts(value):
            raise ValueError(f"expected {expected}, not {text}")
        return value

    return parse


count = whole(1)
count_or_zero = whole(0)
positive = real(lambda x: 0 < x < float("inf"), "a finite number above 0")
positive_or_zero = real(lambda x: 0 <= x < float("inf"), "a finite number, 0 or more")
share = real(lambda x: 0 <= x < 1, "a share from 0 (no validation) to below 1")
precision = real(lambda x: 0 < x <= 1, "a precision above 0 and at most 1, such as 0.9")


# --- the settings of a run ----------------------------------------------------------------------------------------


class Pooling(StrEnum):
    """How token vectors become one vector of a text."""

    CLS = "cls"
    MEAN = "mean"
    LAST = "last"


class Device(StrEnum):
    """Where the encoder runs."""

    AUTO = "auto"
    CPU = "cpu"
    CUDA = "cuda"
    MPS = "mps"


class Backend(StrEnum):
    """What runs the transformer."""

    TORCH = "torch"
    ONNX = "onnx"


class Precision(StrEnum):
    """Number format of an encoder's weights and activations."""

    AUTO = "auto"
    FLOAT32 = "float32"
    FLOAT16 = "float16"
    BFLOAT16 = "bfloat16"


class PictureFormat(StrEnum):
    """File format of the pictures."""

    PNG = "png"
    SVG = "svg"
    PDF = "pdf"


@dataclass(frozen=True, slots=True, kw_only=True)
class DataSettings(Checked):
    """The data set, and which part of it."""

    data: str | None = option(None, "data set: queries, positives, hard negatives", metavar="PATH")
    split: str | None = option(
        None,
        "rows of a file (last:0.1, first:200), or the split of a folder",
        metavar="WHERE",
        shown_default="all rows; test",
    )
    max_samples: int = option(
        500,
        "largest number of queries, a seeded random sample; 0 = all. Documents are never sampled",
        count_or_zero,
        metavar="N",
    )
    train: str | None = option(None, "training file, to see whether it contains the test set", metavar="FILE")
    drop_empty: bool = option(False, "leave rows with empty texts out")
    allow_missing: bool = option(False, "leave judgments of unknown documents out")


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelSettings(Checked):
    """The model, or vectors in its place, and how texts are encoded."""

    checkpoint: str | None = option(None, "model: .pt, .safetensors, a folder or a hub name", metavar="PATH")
    embeddings: str | None = option(None, "vectors (.npz, .parquet) in place of a checkpoint", metavar="FILE")
    baseline: str | None = option(None, "checkpoint or embedding file to compare with", metavar="PATH")
    base_model: str | None = option(
        None, "encoder under a head: a folder or a hub name", metavar="NAME", shown_default="BAAI/bge-m3"
    )
    pooling: Pooling | None = option(
        None, "how tokens become one vector", Pooling, shown_default="as the checkpoint says"
    )
    max_length: int | None = option(
        None, "largest number of tokens of a text", count, metavar="N", shown_default="as the checkpoint says"
    )
    batch_size: int = option(32, "number of texts encoded at a time", count, metavar="N")
    device: Device = option(Device.AUTO, "device to run on", Device)
    backend: Backend = option(Backend.TORCH, "library that runs the transformer", Backend)
    precision: Precision = option(Precision.AUTO, "number format of the encoder", Precision)
    cache_dir: str | None = option(
        None, "folder of the embedding cache", metavar="DIR", shown_default="~/.cache/embedscope"
    )
    no_cache: bool = option(False, "encode everything again and keep nothing")


@dataclass(frozen=True, slots=True, kw_only=True)
class MeasureSettings(Checked):
    """What is measured, and how surely.

    Fields without an option are for Python callers: ``metrics`` are the rank metrics, ``k`` the documents kept for
    each query, ``lexical`` whether the character n-gram baseline is measured, ``tie_tolerance`` the difference of two
    scores up to which they are tied, ``heatmap_cells`` the rows and columns of the heatmap.
    """

    seed: int = option(42, "seed of every random step", count_or_zero, metavar="N")
    draws: int = option(10_000, "number of bootstrap and permutation draws", count, metavar="N")
    examples: int = option(6, "number of queries shown in full", count_or_zero, metavar="N")
    query: tuple[str, ...] = option(
        (), "query to show too (repeatable)", metavar="TEXT", is_list=True, is_repeatable=True
    )
    attributes: str | None = option(
        None, "pack of attribute readers for the domain of the texts, such as rental_vi", metavar="PACK"
    )
    geometry: bool = option(False, "measure the shape of the space even where that takes long")
    robustness: bool = option(False, "rank the queries again, typed differently")
    abbreviations: str | None = option(
        None, "short forms for --robustness", metavar="TOML", shown_default="those of the pack"
    )
    deployment_cost: bool = option(False, "measure what int8, bits and fewer dimensions cost")
    wanted_precision: tuple[float, ...] = option(
        (), "precisions for which a threshold is suggested", precision, metavar="P", is_list=True,
        shown_default="0.5 0.8 0.9 0.95",
    )  # fmt: skip
    criteria: str = option("checklist", "checklist, evidence or a TOML file", metavar="NAME|TOML")
    metrics: tuple[str, ...] = (
        "MRR", "MRR@10", "Success@1", "Success@5", "Success@10", "Recall@10", "Recall@100", "nDCG@10", "MAP@100",
    )  # fmt: skip
    k: int = 10
    lexical: bool = True
    tie_tolerance: float = 1e-6  # cosines of float32 vectors closer than this are tied (conventions, section 2)
    heatmap_cells: int = 40


@dataclass(frozen=True, slots=True, kw_only=True)
class MapSettings(Checked):
    """The two-dimensional maps."""

    skip_umap: bool = option(False, "leave the UMAP map out")
    skip_tsne: bool = option(False, "leave the t-SNE map out")
    perplexity: float | None = option(
        None, "perplexity of t-SNE", positive, metavar="P", shown_default="30, or (n - 1) / 3"
    )
    map_points: int = option(20_000, "largest number of points on a map", count, metavar="N")

    @property
    def methods(self) -> tuple[str, ...]:
        """The maps that are laid out: "tsne", "umap"."""
        return tuple(name for name, skip in (("tsne", self.skip_tsne), ("umap", self.skip_umap)) if not skip)


@dataclass(frozen=True, slots=True, kw_only=True)
class OutputSettings(Checked):
    """What is written and said."""

    output: str | None = option(
        None, "folder that the files go to", metavar="DIR", shown_default="none: nothing is written"
    )
    format: PictureFormat = option(PictureFormat.PNG, "file format of the pictures", PictureFormat)
    dpi: int = option(200, "resolution of PNG pictures", count, metavar="N")
    junit: str | None = option(None, "checklist as JUnit XML, for a CI job", metavar="FILE")
    summary: str | None = option(None, "summary in Markdown, for a pull request", metavar="FILE")
    export_failures: str | None = option(None, "failed queries as training rows", metavar="OUT.json")
    findings: bool = option(False, "print every finding with the rows that show it")
    gate: bool = option(False, "exit with 1 (retrain) or 3 (undecided, unfit)")
    quiet: bool = option(False, "print only errors")
    json: bool = option(False, "print the JSON report instead of the tables")


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Everything that one run may be told.

    >>> Settings.of(data="test.json", checkpoint="best.pt", seed=7).measure.seed
    7
    """

    data: DataSettings = DataSettings()
    model: ModelSettings = ModelSettings()
    measure: MeasureSettings = MeasureSettings()
    maps: MapSettings = MapSettings()
    output: OutputSettings = OutputSettings()

    @classmethod
    def of(cls, **options: Any) -> Self:
        """Settings from options by name, the others as by default.

        Raises
        ------
        InvalidOptionError
            If a name is unknown or a value is not of the kind of its option.
        """
        return cls().with_options(**options)

    def with_options(self, **options: Any) -> Self:
        """These settings with some options changed.

        Raises
        ------
        InvalidOptionError
            As :meth:`of`.
        """
        changed = {}
        for section in fields(self):
            own = getattr(self, section.name)
            chosen = {f.name: options.pop(f.name) for f in fields(own) if f.name in options}
            changed[section.name] = replace(own, **chosen) if chosen else own
        if options:
            raise InvalidOptionError(
                f"There is no option '{next(iter(options))}'. Known are {', '.join(sorted(self.as_options()))}."
            )
        return replace(self, **changed)

    def as_options(self) -> dict[str, Any]:
        """Every setting by its name, as the manifest keeps it."""
        return {name: value for section in asdict(self).values() for name, value in section.items()}

    def inputs(self) -> dict[str, str]:
        """The files that a run reads, by role."""
        roles = {"checkpoint", "embeddings", "baseline", "base_model"}
        found = {role: getattr(self.model, role) for role in roles}
        found |= {"data": self.data.data, "train": self.data.train}
        order = ("checkpoint", "embeddings", "data", "baseline", "train", "base_model")
        return {role: found[role] for role in order if found[role] is not None}


def require_unused(
    settings: Any, names: Iterable[str], reason: str, *, defaults: Mapping[str, Any] | None = None
) -> None:
    """Refuse options that would change nothing.

    Raises
    ------
    InvalidOptionError
        If one of ``names`` is not at its default; ``reason`` says why it has no use.
    """
    standard = {f.name: f.default for f in fields(settings)} | dict(defaults or {})
    used = [flag(name) for name in names if getattr(settings, name) != standard[name]]
    if used:
        raise InvalidOptionError(f"{', '.join(used)} would change nothing: {reason}. Leave it out.")
