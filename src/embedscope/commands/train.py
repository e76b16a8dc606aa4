"""``embedscope train``: a projection head on cached base embeddings, its checkpoints and its curves."""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np

from embedscope.commands import inputs
from embedscope.data.collection import Collection, digest
from embedscope.data.readers import read_collection
from embedscope.data.run_folder import check_writable, manifest, write_json
from embedscope.encoding.encode import encode_texts
from embedscope.encoding.encoders import resolve_device
from embedscope.encoding.store import EmbeddingStore
from embedscope.errors import InvalidOptionError
from embedscope.findings import EpochRecord, TrainingRecord
from embedscope.protocols import Float32Array, Pooling, ProgressCallback
from embedscope.terminal import Terminal
from embedscope.training import (
    Base,
    Checkpointer,
    Progress,
    Tool,
    Trackers,
    TrainingData,
    TrainingOptions,
    Validator,
    load_base,
    read_config,
    read_progress,
    require_installed,
    require_replaceable,
    resumable_file,
    save_safetensors,
    save_sentence_transformers,
    split_collection,
    train_head,
    training_data,
    training_report,
)
from embedscope.training.checkpoints import BEST, CONFIG, FINAL, STEM

RECORD, CURVES, MANIFEST = "training.json", "training_curves.png", "manifest.json"
SERVED = f"{STEM}_best"
"""Folder of the best head as a sentence-transformers model."""

PLACES = ("valid", "split", "base_model", "pooling", "max_length", "output_dir")
"""Options beside those of the training itself that a configuration file may give."""

ORIGINAL_ONLY = ("data_path", "train_split", "freeze_encoder", "save_best", "log_every", "validate_every")
"""Entries of the original project's configuration that have another name here, or no effect."""


@dataclass(frozen=True, slots=True)
class Side:
    """A collection with the pooled base vectors of its texts."""

    collection: Collection
    queries: Float32Array
    documents: Float32Array


def run(options: argparse.Namespace) -> int:
    """Read, encode once, train, save, draw; the exit status."""
    started = time.perf_counter()
    terminal = inputs.terminal_of(options)
    resume_from = None if options.resume is None else resumable_file(Path(options.resume))
    settings = merged_settings(options, terminal, resume_from)
    training = TrainingOptions.from_config(settings)
    folder = Path(settings["output_dir"])
    check_destinations(options, folder)
    train, valid = read_sides(options, settings, terminal)
    store = store_of(options, terminal)
    base = load_base(
        settings["base_model"],
        pooling=None if settings["pooling"] is None else Pooling(settings["pooling"]),
        max_length=settings["max_length"],
        device=options.device,
        hashes=store.hashes,
    )
    for note in base.notes:
        terminal.warn(note)
    origin = {name: settings[name] for name in ("data", "valid", "split")}
    config = {**training.as_config(), **base.as_config(), **origin, "output_dir": str(folder)}
    resume = None if resume_from is None else resumed(resume_from, train, config, terminal)
    sides = encoded([train, *([] if valid is None else [valid])], base, store, options, terminal)
    checkpointer = Checkpointer(
        folder,
        config,
        save_every=training.save_every,
        data_digest=digest(train),
        encoder=base.folder if options.with_encoder else None,
    )
    with Trackers(tools_of(options), folder, config, terminal.warn) as trackers:
        state, record = trained(sides, training, options, terminal, checkpointer, trackers, resume)
    checkpointer.best(state)
    checkpointer.final(state)
    files = [*checkpoint_names(checkpointer.written), CONFIG, *exported(options, folder, state, base, config, record)]
    report = training_report(record, config)
    write_json(folder / RECORD, report)
    files += [RECORD, *drawn(record, folder)]
    write_json(folder / MANIFEST, _manifest(options, settings, started))
    say_outcome(record, folder / BEST, terminal)
    terminal.files(folder, [*files, MANIFEST])
    terminal.step(f"Done in {time.perf_counter() - started:.1f} s")
    terminal.json(json.dumps(report, ensure_ascii=False, indent=2, allow_nan=False))
    return 0


def check_destinations(options: argparse.Namespace, folder: Path) -> None:
    """Refuse, before any work, places that cannot be written, and forms and tools that are not installed."""
    check_writable(folder, [BEST, FINAL, CONFIG, RECORD, CURVES, MANIFEST], option="--output-dir")
    if options.save_format == "sentence-transformers":
        require_replaceable(folder / SERVED)
    for tool in tools_of(options):
        require_installed(tool)


def tools_of(options: argparse.Namespace) -> list[Tool]:
    """The tools that the curves are sent to."""
    return [tool for tool in Tool if getattr(options, tool.value)]


# --- options ------------------------------------------------------------------------------------------------------


def merged_settings(options: argparse.Namespace, terminal: Terminal, resume_from: Path | None) -> dict[str, Any]:
    """Options by name: defaults, over them what a resumed checkpoint says, the ``--config`` file, the command line."""
    names = [field.name for field in fields(TrainingOptions) if hasattr(options, field.name)]
    settings: dict[str, Any] = {name: getattr(options, name) for name in (*names, *PLACES)}
    settings["data"] = None
    if resume_from is not None:
        stored = read_config(resume_from)
        settings |= {name: value for name, value in stored.items() if name in settings and name != "output_dir"}
        settings["output_dir"] = str(resume_from.parent)
    if options.config is not None:
        settings |= _from_file(Path(options.config), set(settings), terminal)
    given = getattr(options, "given", [])
    settings |= {name: getattr(options, name) for name in given}
    settings["data"] = options.data or settings["data"]
    if settings["data"] is None:
        raise InvalidOptionError(
            "There is nothing to train on: pass --data FILE (queries, positives, hard negatives), or a --config file "
            "that names one as 'data'."
        )
    return settings


def _from_file(path: Path, known: set[str], terminal: Terminal) -> dict[str, Any]:
    """The entries of a configuration file, those of the original project's under their names here."""
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InvalidOptionError(f"--config {path} cannot be read ({error.strerror or error}).") from error
    except ValueError as error:
        raise InvalidOptionError(f"--config {path} is no JSON: {error}.") from error
    if not isinstance(config, dict):
        raise InvalidOptionError(f"--config {path} holds a {type(config).__name__}; expected an object of options.")
    if config.get("freeze_encoder") is False:
        raise InvalidOptionError(
            f"--config {path} asks for an encoder that is trained too (freeze_encoder: false). embedscope train keeps "
            f"the encoder as it is, which is what makes an epoch cheap; fine-tune it with sentence-transformers."
        )
    found = {name: value for name, value in config.items() if name in known}
    if "data_path" in config:
        found.setdefault("data", config["data_path"])
    if isinstance(config.get("train_split"), int | float):
        found.setdefault("split", round(1 - config["train_split"], 10))
    ignored = {*ORIGINAL_ONLY, "activation", "normalizes_input", "device"}
    unknown = sorted(name for name in set(config) - known - ignored if not name.startswith("//"))  # comments
    if unknown:
        terminal.warn(f"--config {path}: no such option, without effect: {', '.join(unknown)}.")
    return found


def _say_changes(stored: Mapping[str, Any], config: Mapping[str, Any], terminal: Terminal) -> None:
    """What is not as it was before the resumed run stopped; more epochs and another folder change nothing."""
    harmless = {"epochs", "output_dir", "data", "save_every", "patience", "n_draws"}
    changed = [
        f"{name} {stored[name]} -> {value}"
        for name, value in config.items()
        if name in stored and name not in harmless and stored[name] != value
    ]
    if changed:
        terminal.warn(
            f"The resumed run goes on with other options than it began with ({'; '.join(changed)}), so it is not the "
            f"run that would have been had it never stopped."
        )


# --- data ---------------------------------------------------------------------------------------------------------


def read_sides(
    options: argparse.Namespace, settings: Mapping[str, Any], terminal: Terminal
) -> tuple[Collection, Collection | None]:
    """Training and validation queries: two files, or one file split with every cluster on one side."""
    data = read_collection(settings["data"], drop_empty=options.drop_empty)
    terminal.data(settings["data"], data)
    if settings["valid"] is not None:
        valid = read_collection(settings["valid"], drop_empty=options.drop_empty)
        terminal.data(settings["valid"], valid)
        _warn_of_leakage(data, valid, terminal)
        return data, valid
    if settings["split"] == 0:
        return data, None
    split = split_collection(data, settings["split"], np.random.default_rng([settings["seed"], 3]))
    total = int(data.indptr[-1])
    terminal.step(
        f"Split: {total - split.n_pairs:,} pairs to train, {split.n_pairs:,} to validate "
        f"({len(split.valid.queries):,} queries in {split.n_clusters:,} groups)\n"
        f"       Queries that share a positive stay together: {split.n_moved:,} pairs are on the other side than a "
        f"split by rows would have put them."
    )
    return split.train, split.valid


def _warn_of_leakage(train: Collection, valid: Collection, terminal: Terminal) -> None:
    """Validation queries, or their positives, that are trained on make validation look better than it is."""
    queries = len(set(train.queries) & set(valid.queries))
    ours, theirs = ({c.documents[d] for d in c.relevant.tolist()} for c in (train, valid))
    positives = len(ours & theirs)
    if queries or positives:
        terminal.warn(
            f"{queries:,} of {len(valid.queries):,} validation queries and {positives:,} of {len(theirs):,} of their "
            f"positives stand in the training file too: validation sees what was trained on, and over-fitting less."
        )


def store_of(options: argparse.Namespace, terminal: Terminal) -> EmbeddingStore:
    """The cache of base embeddings."""
    folder = None if options.cache_dir is None else Path(options.cache_dir)
    return EmbeddingStore(folder, warn=terminal.warn, is_enabled=not options.no_cache)


def encoded(
    collections: list[Collection],
    base: Base,
    store: EmbeddingStore,
    options: argparse.Namespace,
    terminal: Terminal,
) -> list[Side]:
    """The pooled base vectors of every text of the collections, each distinct text encoded once."""
    started = time.perf_counter()
    texts = [text for c in collections for text in (*c.queries, *c.documents)]
    with terminal.progress("Encoding", unit="texts") as progress:
        found = encode_texts(texts, base.encoder, store, batch_size=options.encode_batch_size, progress=progress)
    seconds = time.perf_counter() - started
    terminal.step(f"Encoded {found.n_encoded:,} texts, {found.n_cached:,} from the cache, in {seconds:.1f} s")
    sides, start = [], 0
    for c in collections:
        middle, end = start + len(c.queries), start + len(c.queries) + len(c.documents)
        sides.append(Side(c, found.vectors[start:middle], found.vectors[middle:end]))
        start = end
    return sides


def pairs_of(side: Side, training: TrainingOptions, terminal: Terminal, *, says: bool) -> TrainingData:
    """The pairs of one side; what is odd about its weights is said where ``says``."""
    data, notes = training_data(
        side.collection,
        side.queries,
        side.documents,
        use_hard_neg=training.use_hard_neg,
        keep_zero_weights=training.keep_zero_weights,
    )
    for note in notes if says else ():
        terminal.warn(note)
    return data


# --- training -----------------------------------------------------------------------------------------------------


def resumed(path: Path, train: Collection, config: Mapping[str, Any], terminal: Terminal) -> Progress:
    """The state to go on from."""
    progress, data_digest = read_progress(path)
    terminal.step(f"Resuming from {path}, after epoch {progress.epoch}")
    _say_changes(read_config(path), config, terminal)
    if data_digest and data_digest != digest(train):
        terminal.warn(
            "The training data is not what the resumed run began with (another file, --split or --seed), so it is not "
            "the run that would have been had it never stopped."
        )
    return progress


def trained(
    sides: list[Side],
    training: TrainingOptions,
    options: argparse.Namespace,
    terminal: Terminal,
    checkpointer: Checkpointer,
    trackers: Trackers,
    resume: Progress | None,
) -> tuple[Progress, TrainingRecord]:
    """Train, saving and saying each epoch."""
    data = pairs_of(sides[0], training, terminal, says=True)
    validator, valid_data = None, None
    if len(sides) > 1:
        c = sides[1]
        validator = Validator(
            c.collection, c.queries, c.documents,
            measures=training.measures, seed=training.seed, n_draws=training.n_draws,
        )  # fmt: skip
        valid_data = pairs_of(c, training, terminal, says=False)
    with terminal.progress("Training", unit="pairs") as progress:

        def after_epoch(state: Progress) -> None:
            checkpointer.after_epoch(state)
            trackers.log(state.last)
            _tell(progress, state, training, len(data))

        return train_head(
            data,
            training,
            validator=validator,
            valid_data=valid_data,
            resume=resume,
            device=resolve_device(options.device),
            on_epoch=after_epoch,
            progress=progress,
        )


def _tell(progress: ProgressCallback, state: Progress, training: TrainingOptions, n_pairs: int) -> None:
    done, total = state.epoch * n_pairs, training.epochs * n_pairs
    metric = training.select if training.select in training.measures else training.measures[0]
    progress(done, total, epoch_line(state.last, training.epochs, metric, is_best=state.is_best))


def epoch_line(record: EpochRecord, n_epochs: int, metric: str, *, is_best: bool) -> str:
    """One epoch in one line."""
    width = len(str(n_epochs))
    parts = [f"Epoch {record.epoch:>{width}}/{n_epochs}"]
    parts += ["at the start" if record.train_loss is None else f"loss {record.train_loss:.3f}"]
    if record.valid_loss is not None:
        parts.append(f"valid {record.valid_loss:.3f}")
    figure = record.metrics.get(metric)
    if figure is not None and figure.value is not None:
        interval = "" if figure.low is None else f" [{figure.low:.3f}, {figure.high:.3f}]"
        parts.append(f"{metric} {figure.value:.3f}{interval}")
    if record.violation_rate is not None:
        parts.append(f"violations {100 * record.violation_rate:.1f} %")
    return "  ".join([*parts, *(["best"] if is_best and record.epoch else [])])


# --- what is left behind ------------------------------------------------------------------------------------------


def exported(
    options: argparse.Namespace,
    folder: Path,
    state: Progress,
    base: Base,
    config: Mapping[str, Any],
    record: TrainingRecord,
) -> list[str]:
    """The best head in the other form that was asked for; the names of what was written."""
    best = next(epoch for epoch in record.epochs if epoch.epoch == state.best_epoch)
    if options.save_format == "safetensors":
        name = f"{SERVED}.safetensors"
        facts = {"epoch": best.epoch, "loss": best.train_loss, "val_loss": best.valid_loss}
        said = {f"config.{key}": value for key, value in config.items()}
        save_safetensors(folder / name, state.best_head, {**facts, **base.as_config(), **said})
        return [name]
    if options.save_format == "sentence-transformers":
        save_sentence_transformers(folder / SERVED, state.best_head, base)
        return [f"{SERVED}/"]
    return []


def checkpoint_names(written: list[str]) -> list[str]:
    """The names of the checkpoints, those of the epochs as one line."""
    epochs = [name for name in written if name.startswith(f"{STEM}_epoch")]
    others = [name for name in written if name not in epochs]
    if len(epochs) < 3:
        return [*epochs, *others]
    return [f"{epochs[0]} to {epochs[-1]} ({len(epochs)} files)", *others]


def drawn(record: TrainingRecord, folder: Path) -> list[str]:
    """``training_curves.png``."""
    from embedscope.plots import style
    from embedscope.plots.training import draw_training_curves

    style.save(draw_training_curves(record), folder / CURVES)
    return [CURVES]


def say_outcome(record: TrainingRecord, best: Path, terminal: Terminal) -> None:
    """Which epoch is the best, what it improved on, and what to do next."""
    chosen = next(epoch for epoch in record.epochs if epoch.epoch == record.best_epoch)
    figure = chosen.metrics.get(record.selected_by)
    value = ""
    if figure is not None and figure.value is not None:
        value = f" ({figure.value:.3f}; base model without head {record.base[record.selected_by]:.3f})"
    terminal.step(f"Stopped: {record.stopped}. Best by {record.selected_by}: epoch {record.best_epoch}{value}")
    for note in record.notes:
        terminal.warn(note[:1].upper() + note[1:] + ".")
    terminal.step(f"Next: embedscope visualize --checkpoint {best} --data YOUR_TEST.json")


def _manifest(options: argparse.Namespace, settings: Mapping[str, Any], started: float) -> dict[str, object]:
    roles = {"data": settings["data"], "valid": settings["valid"], "resume": options.resume, "config": options.config}
    said = {name: value for name, value in vars(options).items() if name not in ("command", "given")}
    return manifest(
        inputs=roles,
        options={**said, **settings},
        seed=settings["seed"],
        elapsed_s=time.perf_counter() - started,
    )
