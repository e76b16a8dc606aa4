"""The command line, generated from the settings: every option is a field of a class in `embedscope.settings`."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from importlib import import_module
from typing import Any

from embedscope.settings import (
    PROMPTS,
    AuditSettings,
    CompareSettings,
    CorpusSettings,
    DataSettings,
    DemoSettings,
    EngineSettings,
    MapSettings,
    McpSettings,
    MeasureSettings,
    MigrateSettings,
    ModelSettings,
    Option,
    OutputSettings,
    ParitySettings,
    Parse,
    PlanSettings,
    ReportSettings,
    ServeSettings,
    SetsSettings,
    Settings,
    ShardSettings,
    TrainSettings,
    flag,
    options_of,
)

SECTIONS = {f.type for f in fields(Settings)}
"""Names of the classes that make up the settings of a run."""


@dataclass(frozen=True, slots=True)
class Group:
    """Some options of one settings class under a heading of the help."""

    title: str
    settings: type[Any]
    names: tuple[str, ...] = ()  # all of the class where empty


@dataclass(frozen=True, slots=True)
class Command:
    """A command: what it takes, and what of it has another default here or must be there."""

    name: str
    help: str
    groups: tuple[Group, ...]
    defaults: Mapping[str, Any] = field(default_factory=dict)
    required: tuple[str, ...] = ()
    positional: tuple[str, ...] = ()
    helps: Mapping[str, str] = field(default_factory=dict)  # what options mean here, where that is something else
    tells_stated: bool = False  # ``run`` also learns which options were stated: a configuration fills in the others

    def add_to(self, parser: argparse.ArgumentParser) -> None:
        """Declare the options of this command."""
        parser.set_defaults(command=self.name)
        headings: dict[str, Any] = {}
        for group in self.groups:
            if group.title not in headings:
                headings[group.title] = parser.add_argument_group(group.title)
            shown = headings[group.title]
            standard = {f.name: f.default for f in fields(group.settings)} | dict(self.defaults)
            for name, known in options_of(group.settings).items():
                if not group.names or name in group.names:
                    self._add(shown, name, known, standard[name])

    def _add(self, group: Any, name: str, known: Option, default: Any) -> None:
        if isinstance(default, bool):
            for option, value in zip(known.flags or (flag(name),), (True, False), strict=False):
                said = self.helps.get(name, known.help) if value else f"opposite of {known.flags[0]}"
                group.add_argument(
                    option, dest=name, action="store_const", const=value, default=argparse.SUPPRESS, help=said
                )
            return
        is_positional = name in self.positional
        own = self.helps.get(name)
        has_default = not is_positional and name not in self.required  # else the word has to be there
        said = _help(known, default, own) if has_default else own or known.help
        more: dict[str, Any] = {"default": argparse.SUPPRESS, "help": said}
        if known.choices:
            more["choices"] = known.choices
        else:
            more |= {"type": _typed(known.parse), "metavar": known.metavar}
        if is_positional:
            # "*": after --data FILE the others may have been taken for data sets.
            group.add_argument(name, **{**more, **({"nargs": "*"} if known.is_list else {})})
            return
        if known.is_list:
            more |= {"action": "append"} if known.is_repeatable else {"nargs": "+"}
        group.add_argument(flag(name), dest=name, required=name in self.required, **more)

    def settings(self, arguments: argparse.Namespace) -> list[Any]:
        """What ``run`` of the command takes: the settings of a run where it has any, then its own classes."""
        values = {**self.defaults, **vars(arguments)}
        values.pop("command", None)
        sections = [group for group in self.groups if group.settings.__name__ in SECTIONS]
        common = [name for group in sections for name in group.names or options_of(group.settings)]
        made = [Settings.of(**{name: values[name] for name in common if name in values})] if common else []
        own = dict.fromkeys(group.settings for group in self.groups if group not in sections)
        made += [kind(**{name: values[name] for name in options_of(kind) if name in values}) for kind in own]
        return [*made, frozenset(values)] if self.tells_stated else made

    def run(self, arguments: argparse.Namespace) -> int:
        """Run the command; the exit status."""
        return int(import_module(f"embedscope.cli.{self.name}_command").run(*self.settings(arguments)))


def _typed(parse: Parse) -> Parse:
    def typed(text: str) -> Any:
        try:
            return parse(text)
        except ValueError as error:
            raise argparse.ArgumentTypeError(str(error)) from None

    return typed


def _help(known: Option, default: Any, own: str | None) -> str:
    shown = default if default not in (None, ()) else None if own is not None else known.shown_default
    text = own or known.help
    shown = " ".join(shown) if isinstance(shown, tuple) else shown
    return text if shown is None else f"{text} (default: {shown})".replace("%", "%%")


# --- the commands -------------------------------------------------------------------------------------------------

_READING = ("split", "columns", "group", "drop_empty", "allow_missing", "keep_self")
_DATA = (
    Group("data", SetsSettings),
    Group("data", DataSettings, (*_READING, "max_samples", "train")),
)
_MODEL = Group("model", ModelSettings)
_CACHE = ("cache_dir", "no_cache")
_HEAD = ("head_module", "activation", "weights")
_LISTS = ("head", "rerank", "rerank_depth", "fuse", "fusion", "fusion_weights")
_PLAIN_ENCODING = (
    "base_model", *_HEAD, "pooling", "max_length", *PROMPTS, "similarity", "batch_size", "device", *_CACHE,
)  # fmt: skip
_ENCODING = ("model", *_PLAIN_ENCODING, "backend", "precision")
_JUDGING = ("criteria", "metrics", "seed", "draws", "attributes")
_CLOSER = ("explain", "geometry", "robustness", "abbreviations", "deployment_cost", "wanted_precision")
_SHOWN = ("examples", "query")
_PRINTED = ("quiet", "json")
_FILES = ("output", "junit", "summary", "card", "model_card", "eval_results", "eval_task", "mteb_result")

_TRAIN_INPUT = (
    "data", "valid", "split", "base_model", "pooling", "max_length", *PROMPTS, "device", "encode_batch_size",
    "columns", "group", "drop_empty", "keep_self", "config", "resume", *_CACHE,
)  # fmt: skip
_TRAINING = (
    "epochs", "batch_size", "learning_rate", "weight_decay", "d_out", "temperature", "gradient_clip_norm",
    "warmup_steps", "seed", "init", "hard_neg_against", "matryoshka", "use_layernorm", "use_hard_neg",
    "keep_zero_weights",
)  # fmt: skip
_TRAIN_OUTPUT = (
    "output_dir", "overwrite", "save_every", "save_format", "with_encoder", "tensorboard", "mlflow", "wandb", "trackio",
)  # fmt: skip

COMMANDS = (
    Command(
        "visualize",
        "draw five pictures and a page, print the statistics, the checklist and a verdict",
        (
            *_DATA,
            _MODEL,
            Group("judging", MeasureSettings, _JUDGING),
            Group("looking closer", MeasureSettings, (*_CLOSER, *_SHOWN)),
            Group("maps", MapSettings),
            Group("output", OutputSettings),
        ),
        defaults={"output": "visualizations/"},
        required=("data",),
    ),
    Command(
        "evaluate",
        "print the same numbers and the verdict, without pictures",
        (
            *_DATA,
            _MODEL,
            Group("corpora on disk (--embeddings FOLDER)", CorpusSettings),
            Group("judging", MeasureSettings, _JUDGING),
            Group("looking closer", MeasureSettings, (*_CLOSER, *_SHOWN)),
            Group(
                "output",
                OutputSettings,
                (
                    *_FILES,
                    "export_failures",
                    "export_unjudged",
                    "findings",
                    "verbose",
                    "gate",
                    *_PRINTED,
                ),
            ),
        ),
        defaults={"max_samples": 0},
    ),
    Command(
        "compare",
        "compare several checkpoints on the same queries",
        (
            Group("runs", CompareSettings),
            *_DATA,
            Group("model", ModelSettings, ("baseline", *_LISTS, *_ENCODING)),
            Group("judging", MeasureSettings, (*_JUDGING, *_SHOWN)),
            Group("maps", MapSettings, ("skip_umap", "skip_tsne")),
            Group("output", OutputSettings, (*_FILES, "format", "dpi", "gate", *_PRINTED)),
        ),
        defaults={"max_samples": 0},
        required=("data",),
        positional=("checkpoints",),
    ),
    Command(
        "train",
        "train a projection head on cached embeddings of a base model",
        (
            Group("input", TrainSettings, _TRAIN_INPUT),
            Group("training", TrainSettings, _TRAINING),
            Group("choosing", TrainSettings, ("select", "patience")),
            Group("output", TrainSettings, (*_TRAIN_OUTPUT, *_PRINTED)),
        ),
        tells_stated=True,
    ),
    Command(
        "audit",
        "find what is wrong with a data set, with a model or without",
        (
            Group("data", SetsSettings),
            Group("data", DataSettings, ("split", "columns", "group", "train")),
            Group("model", ModelSettings, ("checkpoint", *_PLAIN_ENCODING)),
            Group("judging", MeasureSettings, ("seed", "draws", "attributes", "examples")),
            Group("judging", AuditSettings, ("compared_queries",)),
            Group("output", OutputSettings, ("output", "gate", *_PRINTED)),
            Group("repair", AuditSettings, ("fix",)),
        ),
        defaults={"examples": 3, "draws": 2_000},
        required=("data",),
        helps={
            "data": "data set: a file, a folder or hub:OWNER/NAME; several are audited one by one",
            "gate": "exit with 3 where a finding of high severity is no suspicion",
            "checkpoint": "model whose tokenizer shows which texts are cut off",
            "base_model": "encoder that gives a second opinion on the labels: a folder or a hub name",
            "examples": "number of rows shown of each finding",
        },
    ),
    Command(
        "shard",
        "write vectors into a folder that may be larger than memory",
        (
            Group("a data set", DataSettings, ("data", *_READING)),
            Group("model", ModelSettings, ("checkpoint", "model", "embeddings", *_PLAIN_ENCODING)),
            Group("or three Parquet datasets (paths, s3://, gs://), and what is written", ShardSettings),
            Group("engine", EngineSettings),
            Group("output", OutputSettings, ("output", "quiet")),
        ),
        required=("output",),
    ),
    Command(
        "plan",
        "estimate machines, hours, memory, bytes and cost of a corpus",
        (
            Group("corpus and machines", PlanSettings),
            Group("model", ModelSettings, ("checkpoint", "model", "base_model", *_HEAD)),
            Group("output", OutputSettings, _PRINTED),
        ),
        required=("documents", "queries", "dim"),
    ),
    Command(
        "parity",
        "compare the vectors of two ways to encode: is what is served what was measured?",
        (
            Group("two ways to encode", ParitySettings),
            Group("data", DataSettings, ("data", *_READING)),
            Group("how MODEL encodes", ModelSettings, _ENCODING),
            Group("judging", MeasureSettings, ("seed",)),
            Group("output", OutputSettings, ("output", *_PRINTED)),
        ),
        required=("data",),
        positional=("measured", "served"),
    ),
    Command(
        "migrate",
        "show what a swap of models does to the index in production",
        (
            Group("two models, and the index", MigrateSettings),
            Group("data", DataSettings, ("data", *_READING, "max_samples")),
            Group("how both encode", ModelSettings, _ENCODING),
            Group("judging", MeasureSettings, ("seed", "draws")),
            Group("output", OutputSettings, ("output", "format", "dpi", *_PRINTED)),
        ),
        defaults={"max_samples": 0},
        required=("data",),
        positional=("old", "new"),
    ),
    Command(
        "report",
        "draw the page of an old run again",
        (Group("run", ReportSettings), Group("output", OutputSettings, ("quiet",))),
        positional=("run_folder",),
    ),
    Command(
        "serve",
        "serve the page of a run, with a query typed in, on this machine",
        (
            Group("run", ServeSettings),
            Group("where data and model lie now, and how it encodes", DataSettings, ("data",)),
            Group(
                "where data and model lie now, and how it encodes",
                ModelSettings,
                ("checkpoint", *_ENCODING),
            ),
            Group("output", OutputSettings, ("quiet",)),
        ),
        positional=("run_folder",),
        helps={
            "data": "data set of the run, where it lies elsewhere by now",
            "checkpoint": "model of the run, where it lies elsewhere by now",
        },
        tells_stated=True,
    ),
    Command(
        "mcp",
        "let agents read runs on disk: a Model Context Protocol server",
        (Group("what may be read", McpSettings),),
        positional=("folders",),
    ),
    Command(
        "demo",
        "train, compare and visualize on sample data with a small packaged model",
        (
            Group("demo", DemoSettings),
            Group("output", OutputSettings, ("output", *_PRINTED)),
            Group("model", ModelSettings, _CACHE),
            Group("judging", MeasureSettings, ("seed",)),
        ),
        defaults={"output": "demo/"},
    ),
)
