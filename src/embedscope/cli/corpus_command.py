"""``embedscope evaluate`` of a shard folder: from options to findings, checks, verdict and ``report.json``."""

from __future__ import annotations

import argparse
from collections.abc import Iterable

from embedscope.cli import inputs, outputs
from embedscope.cli.measured import Measured
from embedscope.decide.verdict import judge
from embedscope.errors import InvalidOptionError
from embedscope.output.terminal import Terminal
from embedscope.result import Result, extended
from embedscope.result.report import report as report_of
from embedscope.scale.corpus import analyse_shards, model_facts
from embedscope.scale.ray_engine import RayEngine
from embedscope.scale.shard_folder import ShardFolder
from embedscope.scale.shard_pass import Engine, score_shards

NEED_TEXTS = (
    "data",
    "baseline",
    "train",
    "max_samples",
    "robustness",
    "deployment_cost",
    "geometry",
    "wanted_precision",
    "export_failures",
)
"""Options that need the texts, or all vectors at once."""

UNUSED = {
    "split": None,
    "drop_empty": False,
    "allow_missing": False,
    "base_model": None,
    "pooling": None,
    "max_length": None,
    "batch_size": 32,
    "device": "auto",
    "backend": "torch",
    "cache_dir": None,
    "no_cache": False,
    "vector_column": None,
    "abbreviations": None,
}
"""Options that some ways of running a command have no use for, as they are when nobody gave them."""

OF_READING = ("split", "drop_empty", "allow_missing")
OF_A_MODEL = ("base_model", "pooling", "max_length", "batch_size", "device", "backend", "cache_dir", "no_cache")


def measure_shards(options: argparse.Namespace, terminal: Terminal) -> Measured:
    """Everything that can be measured of the shard folder ``--embeddings``.

    Raises
    ------
    InvalidOptionError
        If an option needs what a shard folder does not hold.
    """
    inputs.checkpoint_of(options)
    _refuse_what_needs_texts(options)
    refuse_unused(
        options,
        (*OF_READING, *OF_A_MODEL, "abbreviations"),
        "a shard folder holds vectors that were made before, and processors score them",
    )
    criteria = inputs.read_criteria(options)
    outputs.check_destinations(options)
    folder = ShardFolder(options.embeddings)
    terminal.step(
        f"Data:  {options.embeddings}: shard folder, {folder.queries.n_rows:,} queries, "
        f"{folder.documents.n_rows:,} documents in {len(folder.documents.shards):,} shards of {folder.dtype}"
    )
    terminal.model(model_facts(folder))
    with terminal.progress("Scoring", unit="documents") as progress:
        result = analyse_shards(
            folder,
            options=inputs.analysis_options(options),
            engine=engine_of(options),
            memory=options.memory,
            say=terminal.step,
            progress=progress,
        )
    for warning in result.data.warnings:
        terminal.warn(warning)
    checks, verdict = judge(result, criteria)
    report = report_of(extended(result, Result, checklist=checks, verdict=verdict, inputs=outputs.inputs_of(options)))
    return Measured(result, tuple(checks), verdict, report)


def engine_of(options: argparse.Namespace) -> Engine:
    """Who scores the shards.

    Raises
    ------
    InvalidOptionError
        If a cluster is named and not asked for.
    """
    if options.ray_address is not None and options.engine != "ray":
        raise InvalidOptionError("--ray-address names a cluster, and --engine ray was not asked for. Pass both.")
    return RayEngine(options.ray_address) if options.engine == "ray" else score_shards


def refuse_shard_options(options: argparse.Namespace) -> None:
    """Refuse, for a data set in memory, the options that only a shard folder has.

    Raises
    ------
    InvalidOptionError
        If one was given, or there is no data set at all.
    """
    given = [name for name in ("memory", "ray_address") if getattr(options, name) is not None]
    given += ["engine"] if options.engine != "local" else []
    if given:
        raise InvalidOptionError(
            f"{_flag(given[0])} is for a shard folder (--embeddings FOLDER), and --embeddings names none. Make one "
            f"with: embedscope shard --data FILE --embeddings FILE --output FOLDER"
        )
    if options.data is None:
        raise InvalidOptionError("Pass --data: the queries, positives and hard negatives to measure with.")


def refuse_unused(options: argparse.Namespace, names: Iterable[str], reason: str) -> None:
    """Refuse options that would be read by nobody.

    Raises
    ------
    InvalidOptionError
        If one was given; ``reason`` says why it has no use.
    """
    given = [_flag(name) for name in names if getattr(options, name, UNUSED[name]) != UNUSED[name]]
    if given:
        raise InvalidOptionError(f"{', '.join(given)} would change nothing: {reason}. Leave it out.")


def _refuse_what_needs_texts(options: argparse.Namespace) -> None:
    given = [name for name in NEED_TEXTS if getattr(options, name, None)]
    if given:
        raise InvalidOptionError(
            f"{_flag(given[0])} needs the texts or all vectors in memory; a shard folder holds vectors and its own "
            f"judgments, for corpora that do not fit. Leave it out, or evaluate the data set itself with --data."
        )


def _flag(name: str) -> str:
    return "--" + name.replace("_", "-")
