"""The options of every command: the only table of them.

The command line and its help, the keywords of `embedscope.run` and the manifest of a run are all made from the fields
of these dataclasses. Only the standard library is needed, so that ``embedscope --help`` answers at once.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, field, fields, replace
from enum import StrEnum
from os import fspath
from typing import Any, Self

from embedscope.errors import InvalidOptionError
from embedscope.units import parse_bytes, parse_count

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
    separator: str | None = None  # of a list that may also be written as one text: "MRR,nDCG@10"
    shown_default: str | None = None  # where the default itself says nothing: "as the checkpoint says"
    flags: tuple[str, ...] = ()  # "--use-x" and "--no-use-x" for a switch that has both

    @property
    def is_name(self) -> bool:
        """Whether a value names something: a path, a model, a column. Only a text may be empty."""
        return self.parse is str and self.metavar not in (None, "TEXT")


def option(default: Any, help: str, parse: Parse = str, **more: Any) -> Any:  # noqa: A002
    """A field of a settings class that is an option of the command line; ``more`` are fields of :class:`Option`."""
    if isinstance(parse, type) and issubclass(parse, StrEnum):
        more["choices"] = tuple(member.value for member in parse)
    if parse in (count, count_or_zero, parse_count):
        more.setdefault("metavar", "N")
    return field(default=default, metadata={"option": Option(help, parse, **more)})


def options_of(settings: type[Any]) -> dict[str, Option]:
    """The options of a settings class by the names of their fields."""
    return {f.name: f.metadata["option"] for f in fields(settings) if "option" in f.metadata}


def flag(name: str) -> str:
    """``--max-samples`` for the field ``max_samples``."""
    return "--" + name.replace("_", "-")


def quoted(text: str) -> str:
    r"""``text`` as one word of a shell, and in one line.

    >>> quoted("query: "), quoted("Instruct: find\nQuery: ")
    ("'query: '", "$'Instruct: find\\nQuery: '")
    """
    if "\n" not in text:
        return shlex.quote(text)
    escaped = text.replace("\\", "\\\\").replace("'", "\\'").replace("\n", "\\n")
    return f"$'{escaped}'"


class Checked:
    """Mixin of a settings class: every value is of the kind that its option reads, else ``InvalidOptionError``."""

    __slots__ = ()

    def __post_init__(self) -> None:
        for name, known in options_of(type(self)).items():
            value = getattr(self, name)
            if isinstance(value, bool) or value is None:
                continue
            if known.is_name:
                _require_names(name, known, [value] if isinstance(value, str) or not known.is_list else list(value))
            try:
                read = tuple(map(known.parse, _texts(value, known))) if known.is_list else known.parse(_text(value))
            except ValueError as error:
                one_of = f"expected one of {', '.join(known.choices)}, not '{value}'"
                raise InvalidOptionError(f"{flag(name)}: {one_of if known.choices else error}.") from None
            object.__setattr__(self, name, read)


def _require_names(name: str, known: Option, values: list[Any]) -> None:
    """Refuse, with ``InvalidOptionError``, what is no name; an object may hold a data set and is not written out."""
    for value in values:
        if not (isinstance(value, str) or hasattr(value, "__fspath__")):
            raise InvalidOptionError(f"{flag(name)}: expected {known.metavar}, came a {type(value).__name__}.")
        if value == "":
            raise InvalidOptionError(f"{flag(name)} is empty; expected {known.metavar}. Is a variable not set?")


def _texts(value: Any, known: Option) -> list[str]:
    """The texts of a list, of which one may stand by itself; the parts of each, where the option has a separator."""
    written = [value] if isinstance(value, str) else list(map(_text, value))
    if known.separator is None:
        return written
    return [part.strip() for text in written for part in text.split(known.separator) if part.strip()]


def _text(value: Any) -> str:
    return fspath(value) if hasattr(value, "__fspath__") else str(value)


# --- kinds of values ----------------------------------------------------------------------------------------------


def whole(least: int, most: float = float("inf")) -> Parse:
    """Reads whole numbers from ``least`` to ``most``."""

    def parse(text: str) -> int:
        try:
            value = int(text)
        except ValueError:
            raise ValueError(f"expected a whole number, not '{text}'") from None
        if value < least:
            raise ValueError(f"expected {least} or more, not {value}")
        if value > most:
            raise ValueError(f"expected {most} or less, not {value}")
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
dots_per_inch = whole(1, 1_200)
"""Of paper; the largest picture then has 30,000 pixels a side, and 65,536 can be drawn."""

port_number = whole(0, 65_535)
"""0 for any that is free."""
positive = real(lambda x: 0 < x < float("inf"), "a finite number above 0")
positive_or_zero = real(lambda x: 0 <= x < float("inf"), "a finite number, 0 or more")
share = real(lambda x: 0 <= x < 1, "a share from 0 (no validation) to below 1")


precision = real(lambda x: 0 < x <= 1, "a precision above 0 and at most 1, such as 0.9")


def file_of(ending: str) -> Parse:
    """Reads names of files that end so, in any case."""

    def parse(text: str) -> str:
        if not text.lower().endswith(ending):
            raise ValueError(f"expected the name of a {ending} file, not '{text}'")
        return text

    return parse


def hub_task(text: str) -> str:
    """``text`` if it is OWNER/NAME:TASK; raises ValueError otherwise."""
    if re.fullmatch(r"[\w.-]+/[\w.-]+:\S+", text) is None:
        raise ValueError(f"expected OWNER/NAME:TASK, a data set of the hub and a task of its eval.yaml, not '{text}'")
    return text


COLUMN_ROLES = ("query", "positive", "negatives", "label", "group", "metadata")
"""What a column of a data set may be, in the order in which they are shown."""


def column_role(text: str) -> str:
    """``text`` if it is ROLE=NAME with a role of `COLUMN_ROLES`; raises ValueError otherwise."""
    role, _, name = text.partition("=")
    if role.strip() not in COLUMN_ROLES or not name.strip():
        raise ValueError(f"expected ROLE=COLUMN with a role of {', '.join(COLUMN_ROLES)}, not '{text}'")
    return f"{role.strip()}={name.strip()}"


# --- the settings of a run ----------------------------------------------------------------------------------------


SET = "{set}"
"""Stands in the name of a file of vectors, a ranking or a reference for the folder name of each data set."""


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


class SimilarityFunction(StrEnum):
    """How the likeness of two vectors is scored; "model" is what the model states, else the cosine."""

    MODEL = "model"
    COSINE = "cosine"
    DOT = "dot"


class Activation(StrEnum):
    """What a head applies between two matrices, by the class names of ``torch.nn`` in small letters."""

    IDENTITY = "identity"
    RELU = "relu"
    GELU = "gelu"
    TANH = "tanh"
    SIGMOID = "sigmoid"


class Head(StrEnum):
    """Which heads of a model of several score: one vector a text, weights of its tokens, a vector a token, or all."""

    DENSE = "dense"
    SPARSE = "sparse"
    COLBERT = "colbert"
    ALL = "all"


class Fusion(StrEnum):
    """How ranked lists become one: by the reciprocals of their ranks, or by a weighted sum of their scores."""

    RRF = "rrf"
    WEIGHTED = "weighted"


class Weights(StrEnum):
    """Which weights of a checkpoint that holds both: as they were trained, or their moving average."""

    PLAIN = "plain"
    EMA = "ema"


TIE_TOLERANCE = 1e-6
"""Cosines of float32 vectors closer than this are tied (conventions, section 2)."""


class PictureFormat(StrEnum):
    """File format of the pictures."""

    PNG = "png"
    SVG = "svg"
    PDF = "pdf"


def _columns_option() -> Any:
    return option(
        (), "what each column is: query=question,positive=answer,negatives=neg_*", column_role, metavar="ROLE=NAME",
        is_list=True, separator=",", shown_default="by their names",
    )  # fmt: skip


def _group_option() -> Any:
    said = "field whose equal values make queries one observation"
    return option(None, said, metavar="FIELD", shown_default="group")


@dataclass(frozen=True, slots=True, kw_only=True)
class DataSettings(Checked):
    """The data set, and which part of it."""

    data: str | None = option(None, "data set: a file, a folder or hub:OWNER/NAME", metavar="PATH")
    split: str | None = option(
        None,
        "rows of a file (last:0.1, first:200), or the split of a folder",
        metavar="WHERE",
        shown_default="all rows; test",
    )
    max_samples: int = option(
        500, "largest number of queries, a seeded random sample; 0 = all. Documents are never sampled", count_or_zero
    )
    train: str | None = option(None, "training file, to see whether it contains the test set", metavar="FILE")
    columns: tuple[str, ...] = _columns_option()
    group: str | None = _group_option()
    drop_empty: bool = option(False, "leave rows with empty texts out")
    allow_missing: bool = option(False, "leave judgments of unknown documents out")
    keep_self: bool = option(False, "rank the text of a query itself too, where it is a document")

    @property
    def reading(self) -> dict[str, Any]:
        """How a data set is read, as keywords of ``read_collection``."""
        names = ("split", "columns", "group", "drop_empty", "allow_missing")
        return {name: getattr(self, name) for name in names}


PROMPTS = ("query_prompt", "document_prompt")
"""Settings of what stands before the texts of each role."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelSettings(Checked):
    """The model, or vectors in its place, and how texts are encoded."""

    checkpoint: str | None = option(
        None, "model: .pt, .safetensors, a folder, a hub name or the address of an endpoint", metavar="PATH"
    )
    model: str | None = option(None, "name of the model at an endpoint", metavar="NAME")
    embeddings: str | None = option(None, "vectors made before, in place of a checkpoint", metavar="FILE")
    run: str | None = option(None, "ranking made before, in place of a checkpoint; bm25 makes one", metavar="FILE")
    baseline: str | None = option(
        None, "checkpoint, embedding file, run file or folder of an old run to compare with", metavar="PATH"
    )
    head: Head = option(Head.DENSE, "head of a model of several that scores", Head)
    rerank: str | None = option(None, "cross-encoder that orders the first documents again", metavar="PATH")
    rerank_depth: int = option(100, "number of documents of a query that --rerank orders", count)
    fuse: tuple[str, ...] = option(
        (), "other checkpoint or ranking to fuse with (repeatable)", metavar="PATH", is_list=True, is_repeatable=True
    )
    fusion: Fusion = option(Fusion.RRF, "how lists are fused", Fusion)
    fusion_weights: tuple[float, ...] = option(
        (), "weights of --fusion weighted, the checkpoint's first", positive_or_zero, metavar="W", is_list=True,
        shown_default="equal",
    )  # fmt: skip
    base_model: str | None = option(
        None, "encoder under a head: a folder or a hub name", metavar="NAME", shown_default="BAAI/bge-m3"
    )
    pooling: Pooling | None = option(
        None, "how tokens become one vector", Pooling, shown_default="as the checkpoint says"
    )
    max_length: int | None = option(
        None, "largest number of tokens of a text", count, shown_default="as the checkpoint says"
    )
    query_prompt: str | None = option(
        None,
        "text before each query, or the name of one of the model's prompts",
        metavar="TEXT",
        shown_default="the model's own",
    )
    document_prompt: str | None = option(
        None,
        "text before each document, or the name of one of the model's prompts",
        metavar="TEXT",
        shown_default="the model's own",
    )
    similarity: SimilarityFunction = option(
        SimilarityFunction.MODEL, "score of a query and a document", SimilarityFunction
    )
    head_module: str | None = option(
        None,
        "sub-module of a checkpoint that is the head, or several in order, by commas",
        metavar="NAME",
        shown_default="by known names",
    )
    activation: Activation | None = option(
        None, "function between the matrices of a head", Activation, shown_default="as the checkpoint says"
    )
    weights: Weights = option(Weights.PLAIN, "weights as trained, or their moving average", Weights)
    batch_size: int = option(32, "number of texts encoded at a time", count)
    device: Device = option(Device.AUTO, "device to run on", Device)
    backend: Backend = option(Backend.TORCH, "library that runs the transformer", Backend)
    precision: Precision = option(Precision.AUTO, "number format of the encoder", Precision)
    cache_dir: str | None = option(
        None, "folder of the vectors and results that are kept", metavar="DIR", shown_default="~/.cache/embedscope"
    )
    no_cache: bool = option(False, "encode and compute everything again and keep nothing")

    @property
    def reading(self) -> dict[str, Any]:
        """How a checkpoint is read, as keywords of ``load_checkpoint``."""
        names = ("base_model", "pooling", "max_length", "head_module", "activation", "weights", *PROMPTS)
        return {name: getattr(self, name) for name in names}


@dataclass(frozen=True, slots=True, kw_only=True)
class MeasureSettings(Checked):
    """What is measured, and how surely.

    Fields without an option are for Python callers: ``compared`` are the rank metrics of which paired differences to
    the baselines are measured, ``k`` the documents kept for each query, ``lexical`` whether the character n-gram
    baseline is measured, ``tie_tolerance`` the difference of two scores up to which they are tied, ``heatmap_cells``
    the rows and columns of the heatmap, 0 for none.
    """

    seed: int = option(42, "seed of every random step", count_or_zero)
    draws: int = option(10_000, "number of draws of a permutation test", count)
    examples: int = option(6, "number of queries shown in full", count_or_zero)
    query: tuple[str, ...] = option(
        (), "query to show too (repeatable)", metavar="TEXT", is_list=True, is_repeatable=True
    )
    attributes: str | None = option(
        None, "readers of the domain of the texts: a pack such as rental_vi, or a TOML file", metavar="PACK"
    )
    explain: int | None = option(
        None, "number of failures explained by leaving out words (0: none)", count_or_zero, metavar="N",
        shown_default="as many as take about 20 s, at most 30 % of the encoding",
    )  # fmt: skip
    geometry: bool = option(False, "measure the shape of the space even where that takes long")
    robustness: bool = option(False, "rank the queries again, typed differently")
    abbreviations: str | None = option(
        None, "short forms for --robustness", metavar="TOML", shown_default="those of the pack"
    )
    deployment_cost: bool = option(False, "measure what int8, bits, fewer dimensions and indexes cost")
    wanted_precision: tuple[float, ...] = option(
        (), "precisions for which a threshold is suggested", precision, metavar="P", is_list=True,
        shown_default="0.5 0.8 0.9 0.95",
    )  # fmt: skip
    criteria: str = option("ranks", "ranks, checklist, evidence or a TOML file", metavar="NAME|TOML")
    metrics: tuple[str, ...] = option(
        ("MRR", "MRR@10", "Success@1", "Success@5", "Success@10", "Recall@10", "Recall@100", "nDCG@10", "MAP@100"),
        "rank metrics, beside those that the verdict needs", metavar="NAME", is_list=True, separator=",",
    )  # fmt: skip
    compared: tuple[str, ...] = ("MRR", "Success@1")
    k: int = 10
    lexical: bool = True
    tie_tolerance: float = TIE_TOLERANCE
    heatmap_cells: int = 40


@dataclass(frozen=True, slots=True, kw_only=True)
class MapSettings(Checked):
    """The two-dimensional maps."""

    skip_umap: bool = option(False, "leave the UMAP map out")
    skip_tsne: bool = option(False, "leave the t-SNE map out")
    perplexity: float | None = option(
        None, "perplexity of t-SNE", positive, metavar="P", shown_default="30, or (n - 1) / 3"
    )
    map_points: int = option(20_000, "largest number of points on a map", count)
    color_by: str | None = option(
        None, "column of the data by which queries are coloured on the maps", metavar="COLUMN", shown_default="by role"
    )

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
    dpi: int = option(200, "resolution of PNG pictures", dots_per_inch, metavar="N")
    junit: str | None = option(None, "checklist as JUnit XML, for a CI job", metavar="FILE")
    summary: str | None = option(None, "summary in Markdown, for a pull request", metavar="FILE")
    card: str | None = option(
        None, "verdict as a picture of 1200 x 630, for a pull request", file_of(".png"), metavar="FILE.png"
    )
    model_card: str | None = option(
        None, "model card: its section is written or replaced, the rest is kept", file_of(".md"), metavar="FILE.md"
    )
    eval_results: str | None = option(
        None, "nDCG@10 for a leaderboard of the Hugging Face hub (--eval-task)", file_of(".yaml"), metavar="FILE.yaml"
    )
    eval_task: str | None = option(
        None, "benchmark that --eval-results is a result of", hub_task, metavar="OWNER/NAME:TASK"
    )
    mteb_result: str | None = option(
        None, "metrics as a TaskResult of mteb; the name of the file is that of the task", file_of(".json"),
        metavar="TASK.json",
    )  # fmt: skip
    export_failures: str | None = option(None, "failed queries as training rows", metavar="OUT.json")
    export_unjudged: str | None = option(None, "likely answers that nobody judged, to be labelled", metavar="OUT.json")
    findings: bool = option(False, "print every finding with the rows that show it")
    verbose: bool = option(False, "print every table, in place of one screen")
    gate: bool = option(False, "exit with 1 (retrain) or 3 (undecided, unfit)")
    quiet: bool = option(False, "print only errors")
    json: bool = option(False, "print the JSON report instead of the tables")


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Every option of one run.

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
        """Settings from options by name, the others as by default; raises as :meth:`with_options`."""
        return cls().with_options(**options)

    def with_options(self, **options: Any) -> Self:
        """These settings with some options changed.

        Raises
        ------
        InvalidOptionError
            If a name is unknown or a value is not of the kind of its option.
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
        """The files and models that a run reads, by role; the second that is fused is ``fuse_2``."""
        chosen = self.as_options()
        roles = ("checkpoint", "embeddings", "run", "data", "baseline", "train", "base_model", "rerank")
        fused = {"fuse" if n == 1 else f"fuse_{n}": name for n, name in enumerate(self.model.fuse, start=1)}
        return {role: chosen[role] for role in roles if chosen[role] is not None} | fused


DEFAULTS = Settings()


# --- settings of single commands ----------------------------------------------------------------------------------


class Engine(StrEnum):
    """What does the work on a corpus."""

    LOCAL = "local"
    RAY = "ray"


class VectorDtype(StrEnum):
    """Number format of stored vectors."""

    FLOAT16 = "float16"
    FLOAT32 = "float32"


@dataclass(frozen=True, slots=True, kw_only=True)
class SetsSettings(Checked):
    """The data sets that a command takes: one, or several under one verdict."""

    data: tuple[str, ...] = option(
        (), "data set: a file, a folder or hub:OWNER/NAME; several, or a folder of them, get one verdict",
        metavar="PATH", is_list=True,
    )  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineSettings(Checked):
    """One process, or a cluster."""

    engine: Engine = option(Engine.LOCAL, "engine that does the work", Engine)
    ray_address: str | None = option(
        None, "address of the Ray cluster", metavar="ADDRESS", shown_default="workers on this machine"
    )
    ray_min_workers: int | None = option(None, "least number of Ray workers, from the start", count, shown_default="1")
    ray_max_workers: int | None = option(
        None, "greatest number of Ray workers", count, shown_default="as many as the cluster has cores or GPUs"
    )


RAY = ("ray_address", "ray_min_workers", "ray_max_workers")
"""Options of a cluster."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CorpusSettings(EngineSettings):
    """How a corpus on disk is evaluated."""

    memory: int | None = option(
        None, "largest memory of a process: 4GB, 512MiB", parse_bytes, metavar="SIZE", shown_default="as much as helps"
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class CompareSettings(Checked):
    """Which runs are compared."""

    checkpoints: tuple[str, ...] = option((), "checkpoints or embedding files", metavar="CHECKPOINT", is_list=True)
    skip_maps: bool = option(False, "leave the maps of the runs out")


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditSettings(Checked):
    """How many labels an audit compares, and what it repairs."""

    compared_queries: int | None = option(
        None,
        "number of queries whose labels are compared with all documents, a seeded random sample; 0 = all",
        count_or_zero,
        shown_default="all up to half a billion pairs, then 1000 or more",
    )
    fix: str | None = option(
        None, "repaired data set, with every change listed in a file beside it", metavar="OUT.json"
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class ShardSettings(Checked):
    """Parquet datasets in, a shard folder out."""

    queries: str | None = option(None, "Parquet dataset with columns id, and text or a vector", metavar="PLACE")
    documents: str | None = option(None, "Parquet dataset with columns id, and text or a vector", metavar="PLACE")
    judgments: str | None = option(None, "Parquet dataset with columns query-id, corpus-id, score", metavar="PLACE")
    vector_column: str | None = option(
        None, "column of vectors, where there are several", metavar="NAME", shown_default="the only one"
    )
    parquet: str | None = option(None, "folder that the vectors go to as Parquet datasets too", metavar="PLACE")
    dtype: VectorDtype = option(VectorDtype.FLOAT32, "number format of the vectors", VectorDtype)
    shard_rows: int | None = option(
        None, "number of rows of a shard", parse_count, shown_default="as many as make 64 MiB"
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanSettings(Checked):
    """A corpus and the machines that would evaluate it."""

    documents: int = option(1, "number of documents, such as 100M", parse_count)
    queries: int = option(1, "number of queries, such as 100k", parse_count)
    dim: int = option(1, "length of a vector", count)
    dtype: VectorDtype = option(VectorDtype.FLOAT16, "number format on disk", VectorDtype)
    judgments: int | None = option(None, "number of relevant pairs", parse_count, shown_default="one a query")
    most_judgments: int | None = option(
        None, "largest number of relevant documents of a query", count, shown_default="as many as could be"
    )
    nodes: int = option(8, "number of machines like this one in the cluster", count)
    memory: int | None = option(None, "largest memory of a process: 4GB", parse_bytes, metavar="SIZE")
    gpu_tflops: float = option(60.0, "speed of the GPU in TFLOP/s", positive, metavar="N")
    encode_rate: float | None = option(None, "texts that one machine encodes in a second", positive, metavar="N")
    gpu_encode_rate: float | None = option(None, "texts that one GPU encodes in a second", positive, metavar="N")
    hours: float | None = option(
        None, "hours that all of it may take; how many machines do it is said", positive, metavar="N"
    )
    price_machine_hour: float | None = option(
        None, "price of an hour of a machine like this one", positive, metavar="N"
    )
    price_gb_month: float | None = option(None, "price of a month of 10^9 bytes stored", positive, metavar="N")
    price_gb_moved: float | None = option(None, "price of 10^9 bytes moved", positive, metavar="N")


class Initialisation(StrEnum):
    """What a head is before its first step."""

    PCA = "pca"
    RANDOM = "random"


class Against(StrEnum):
    """What the hard negatives of a pair stand against in the loss."""

    BOTH = "both"
    QUERY = "query"


class HeadFormat(StrEnum):
    """Form in which the best head is written too."""

    PT = "pt"
    SAFETENSORS = "safetensors"
    SENTENCE_TRANSFORMERS = "sentence-transformers"


def sizes(text: str) -> tuple[int, ...]:
    """Prefix lengths, "64,32"; "0" for none."""
    listed = text.strip("()[] ").rstrip(",")
    return () if listed in ("", "0") else tuple(count(part) for part in listed.split(","))


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainSettings(Checked):
    """One training of a projection head. Names are those of the original training script, and so are most defaults.

    ``epochs``, ``learning_rate`` and ``hard_neg_against`` of None are chosen by the data.

    ``hard_neg_against`` both: hard negatives stand against the query and, in the other direction, against its
    positive; query: against the query alone. ``n_draws``, for Python callers, are the draws of permutation tests.
    """

    data: str | None = option(None, "training file: queries, positives, hard negatives", metavar="PATH")
    valid: str | None = option(None, "validation file, in place of --split", metavar="PATH")
    split: float = option(0.1, "share of --data that validates", share, metavar="SHARE")
    base_model: str = option("BAAI/bge-m3", "encoder under the head", metavar="NAME")
    pooling: Pooling | None = option(
        None, "how tokens become one vector", Pooling, shown_default="as the base model says"
    )
    max_length: int | None = option(None, "largest number of tokens of a text", count, shown_default="512, or fewer")
    query_prompt: str | None = option(
        None, "text before each query, or the name of one of the base model's prompts", metavar="TEXT",
        shown_default="none",
    )  # fmt: skip
    document_prompt: str | None = option(
        None, "text before each document, or the name of one of the base model's prompts", metavar="TEXT",
        shown_default="none",
    )  # fmt: skip
    device: Device = option(Device.AUTO, "device to run on", Device)
    encode_batch_size: int = option(32, "number of texts encoded at a time", count)
    columns: tuple[str, ...] = _columns_option()
    group: str | None = _group_option()
    drop_empty: bool = option(False, "leave rows with empty texts out")
    keep_self: bool = option(False, "rank the text of a query itself too, where it is a document")
    config: str | None = option(None, "JSON of these options; the command line overrides it", metavar="FILE")
    resume: str | None = option(None, "checkpoint to go on from, or a folder whose latest is taken", metavar="PATH")
    cache_dir: str | None = option(
        None, "folder of the vectors and results that are kept", metavar="DIR", shown_default="~/.cache/embedscope"
    )
    no_cache: bool = option(False, "encode and compute everything again and keep nothing")
    epochs: int | None = option(
        None, "number of passes over the pairs", count, shown_default="until validation stops improving"
    )
    batch_size: int = option(128, "number of pairs of a step", count)
    learning_rate: float | None = option(
        None, "learning rate of AdamW", positive, metavar="X", shown_default="by a short sweep"
    )
    weight_decay: float = option(0.01, "weight decay of AdamW", positive_or_zero, metavar="X")
    d_out: int = option(128, "length of a vector", count)
    temperature: float = option(0.07, "temperature of the loss", positive, metavar="X")
    gradient_clip_norm: float = option(
        1.0, "norm that gradients are clipped to; 0 = no clipping", positive_or_zero, metavar="X"
    )
    warmup_steps: int = option(0, "number of steps of a rising learning rate", count_or_zero)
    seed: int = option(42, "seed of every random step", count_or_zero)
    init: Initialisation = option(Initialisation.PCA, "head before its first step", Initialisation)
    hard_neg_against: Against | None = option(
        None, "what hard negatives stand against", Against, shown_default="by a short sweep"
    )
    matryoshka: tuple[int, ...] = option((), "prefix lengths that have to work by themselves", sizes, metavar="N,N")
    use_layernorm: bool = option(
        False, "LayerNorm after the linear map", flags=("--use-layernorm", "--no-use-layernorm")
    )
    use_hard_neg: bool = option(True, "train against hard negatives", flags=("--use-hard-neg", "--no-hard-neg"))
    keep_zero_weights: bool = option(
        False,
        "take weights of 0 at their word, though nearly all are 0",
        flags=("--keep-zero-weights", "--no-keep-zero-weights"),
    )
    select: str = option(
        "MRR", "figure that chooses the best epoch: a metric, loss or violation_rate", metavar="METRIC"
    )
    patience: int | None = option(
        None,
        "epochs without improvement that end the run; 0 = never",
        count_or_zero,
        shown_default="never with --epochs, else by the data",
    )
    output_dir: str = option("checkpoints", "folder that the checkpoints go to", metavar="DIR")
    overwrite: bool = option(False, "remove the checkpoints of another run from there")
    save_every: int = option(2, "number of epochs between checkpoints", count)
    save_format: HeadFormat = option(HeadFormat.PT, "form in which the best head is written too", HeadFormat)
    with_encoder: bool = option(False, "write the base model's weights into every checkpoint")
    tensorboard: bool = option(False, "send the curves to tensorboard too")
    mlflow: bool = option(False, "send the curves to mlflow too")
    wandb: bool = option(False, "send the curves to wandb too")
    trackio: bool = option(False, "send the curves to trackio too")
    quiet: bool = option(False, "print only errors")
    json: bool = option(False, "print training.json instead of the tables")
    n_draws: int = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class ParitySettings(Checked):
    """Two ways to encode, and when their vectors are the same."""

    measured: str | None = option(
        None, "what was measured: a checkpoint, an endpoint or an embedding file", metavar="MODEL"
    )
    served: str | None = option(
        None, "what is served: a checkpoint, an endpoint or an embedding file", metavar="SERVED"
    )
    texts: int = option(200, "number of texts compared, a seeded random sample of queries and documents", whole(4))
    tolerance: float = option(
        1e-6, "largest 1 - cosine of two vectors that are the same", positive_or_zero, metavar="X"
    )
    served_pooling: Pooling | None = option(
        None, "how tokens of SERVED become one vector", Pooling, shown_default="as SERVED says"
    )
    served_query_prompt: str | None = option(
        None, "text before each query that SERVED encodes", metavar="TEXT", shown_default="SERVED's own"
    )
    served_document_prompt: str | None = option(
        None, "text before each document that SERVED encodes", metavar="TEXT", shown_default="SERVED's own"
    )
    served_backend: Backend = option(Backend.TORCH, "library that runs the transformer of SERVED", Backend)
    served_precision: Precision = option(Precision.AUTO, "number format of the encoder of SERVED", Precision)


@dataclass(frozen=True, slots=True, kw_only=True)
class MigrateSettings(Checked):
    """The model that is served, the one that is to take its place, and the index in production."""

    old: str | None = option(None, "model that is served: a checkpoint or an embedding file", metavar="OLD")
    new: str | None = option(None, "model to take its place: a checkpoint or an embedding file", metavar="NEW")
    corpus: int | None = option(
        None, "number of documents in production, such as 10M", parse_count, shown_default="those of the data set"
    )
    encode_rate: float | None = option(
        None, "texts that NEW encodes in a second", positive, metavar="N", shown_default="measured"
    )
    adapter_documents: int = option(10_000, "largest number of documents that an adapter is fitted on", whole(4))


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportSettings(Checked):
    """Which page is drawn again."""

    run_folder: str = option(".", "folder of a run", metavar="RUN_FOLDER")


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoSettings(Checked):
    """How much of the demo is run."""

    data_only: bool = option(False, "write the sample data into --output, and do nothing else")


@dataclass(frozen=True, slots=True, kw_only=True)
class ServeSettings(Checked):
    """What is served, and to whom."""

    run_folder: str = option(".", "folder of a run, or of shards", metavar="RUN_FOLDER")
    host: str = option(
        "127.0.0.1", "address to listen on; any but this machine's own opens it to the network", metavar="ADDRESS"
    )
    port: int = option(0, "port to listen on", port_number, metavar="N", shown_default="any that is free")
    open: bool = option(False, "open the page in a browser")
    rate: float = option(20.0, "largest number of requests that are answered in a second", positive, metavar="N")
    memory: int | None = option(
        None, "largest memory of the vectors of a shard folder; larger ones are read again for each query", parse_bytes,
        metavar="SIZE", shown_default="4 GiB",
    )  # fmt: skip
    allow_changed: bool = option(False, "go on where the model or the data are others than those of the run")


@dataclass(frozen=True, slots=True, kw_only=True)
class McpSettings(Checked):
    """What agents may read."""

    folders: tuple[str, ...] = option(
        (), "folders of runs, or folders that have such in them; nothing else is read", metavar="FOLDER", is_list=True
    )


def require_unused(reason: str, *used: tuple[Any, Iterable[str]]) -> None:
    """Refuse options that would change nothing; ``used`` are settings with the names of such options.

    Raises
    ------
    InvalidOptionError
        If one is not at its default; ``reason`` says why it has no use.
    """
    stated = []
    for settings, names in used:
        standard = {f.name: f.default for f in fields(settings)}
        stated += [flag(name) for name in names if getattr(settings, name) != standard[name]]
    if stated:
        raise InvalidOptionError(f"{', '.join(stated)} would change nothing: {reason}. Leave it out.")
