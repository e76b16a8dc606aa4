"""One training from its settings to its files: read, encode once, train, save, record."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import numpy as np

from embedscope.data.collection import Collection, describe
from embedscope.data.readers import read_collection
from embedscope.errors import EmbedscopeError
from embedscope.log import SILENT, Log
from embedscope.machine import resolve_device
from embedscope.models.cache import EmbeddingStore
from embedscope.models.embed import encode_texts
from embedscope.output.run_folder import check_writable, manifest, write_json
from embedscope.protocols import Float32Array
from embedscope.result import EpochRecord, TrainingRecord
from embedscope.result.codec import encode
from embedscope.result.formatting import estimate, number, percent
from embedscope.settings import HeadFormat, TrainSettings
from embedscope.train.base import Base, load_base
from embedscope.train.checkpoints import (
    BEST,
    CONFIG,
    FINAL,
    RUN_ID,
    SERVED,
    STEM,
    Checkpointer,
    require_unmixed,
    resumable_file,
)
from embedscope.train.export import require_replaceable, save_safetensors, save_sentence_transformers
from embedscope.train.merged_settings import RECORDED, require_sound
from embedscope.train.pairs import TrainingData, training_data
from embedscope.train.record import training_report
from embedscope.train.resuming import Stopped, digests_of
from embedscope.train.selection import compared_metric, measures_of
from embedscope.train.split import split_collection
from embedscope.train.trackers import Tool, Trackers, require_installed
from embedscope.train.trainer import Progress, train_head, training_record
from embedscope.train.validation import Validator

RECORD, CURVES, MANIFEST = "training.json", "training_curves.png", "manifest.json"


@dataclass(frozen=True, slots=True, eq=False)
class Fitted:
    """What a training has left in its ``folder``: the record, as ``training.json`` has it too, and the files."""

    folder: Path
    record: TrainingRecord
    report: Mapping[str, Any]
    files: tuple[str, ...]  # names, those of three epochs or more as one


@dataclass(frozen=True, slots=True, eq=False)
class Side:
    """A collection, to train on or to validate, with the pooled base vectors of its texts."""

    collection: Collection
    queries: Float32Array
    documents: Float32Array

    def pairs(self, settings: TrainSettings) -> tuple[TrainingData, tuple[str, ...]]:
        """Its pairs, and what is odd about its weights."""
        return training_data(
            self.collection,
            self.queries,
            self.documents,
            use_hard_neg=settings.use_hard_neg,
            keep_zero_weights=settings.keep_zero_weights,
        )


def fit(settings: TrainSettings, log: Log = SILENT) -> Fitted:
    """Train a projection head, and write its checkpoints, record, curves and manifest into ``settings.output_dir``.

    Parameters
    ----------
    settings : TrainSettings
        ``settings.config`` is not read here: :func:`.merged_settings.merged` lays it under the command line.
    log : Log
        Hears what is done, each epoch, and what a person should know.

    Raises
    ------
    EmbedscopeError
        If the input cannot be used, a place cannot be written, or the loss is no longer finite.
    """
    started = time.perf_counter()
    require_sound(settings)
    stopped = None if settings.resume is None else Stopped.at(resumable_file(Path(settings.resume)), log)
    run_id, begins_after = (uuid4().hex, 0) if stopped is None else (stopped.run_id, stopped.progress.epoch)
    folder, tools = Path(settings.output_dir), [tool for tool in Tool if getattr(settings, tool)]
    _require_destinations(settings, folder, tools, run_id, after=begins_after)
    train, valid = _read(settings, log)
    cache = None if settings.cache_dir is None else Path(settings.cache_dir)
    store = EmbeddingStore(cache, warn=log.warn, is_enabled=not settings.no_cache)
    base = load_base(
        settings.base_model,
        pooling=settings.pooling,
        max_length=settings.max_length,
        device=settings.device,
        hashes=store.hashes,
    )
    for note in base.notes:
        log.warn(note)
    config = _recorded(settings, base, run_id)
    digests = digests_of(train, valid, base.encoder.fingerprint)
    resume = None if stopped is None else stopped.going_on(config, digests, log)
    sides = _encoded([train, *([] if valid is None else [valid])], base, store, settings, log)
    checkpointer = Checkpointer(
        folder,
        config,
        save_every=settings.save_every,
        inputs=digests,
        begins_after=begins_after,
        overwrite=settings.overwrite,
        encoder=base.folder if settings.with_encoder else None,
    )
    with Trackers(tools, folder, config, log.warn) as trackers:
        state, record = _trained(sides, settings, log, checkpointer, trackers, resume)
    checkpointer.best(state)
    checkpointer.final(state)
    files = [*_checkpoint_names(checkpointer.written), *_exported(settings.save_format, state, base, checkpointer)]
    report = training_report(record, config)
    write_json(folder / RECORD, report)
    _draw(record, folder)
    roles = {name: getattr(settings, name) for name in ("data", "valid", "resume", "config")}
    elapsed = time.perf_counter() - started
    write_json(
        folder / MANIFEST,
        manifest(inputs=roles, options=encode(asdict(settings)), seed=settings.seed, elapsed_s=elapsed),
    )
    return Fitted(folder, record, report, (*files, RECORD, CURVES, MANIFEST))


def _recorded(settings: TrainSettings, base: Base, run_id: str) -> dict[str, Any]:
    """What every checkpoint says of its run; places as seen from anywhere, because a run may be resumed from there."""
    plain: dict[str, Any] = encode({name: getattr(settings, name) for name in RECORDED})
    for name in ("data", "valid"):
        plain[name] = None if plain[name] is None else str(Path(plain[name]).resolve())
    return plain | base.as_config() | {"encoder_dtype": base.encoder.dtype, RUN_ID: run_id}


def _require_destinations(settings: TrainSettings, folder: Path, tools: list[Tool], run_id: str, *, after: int) -> None:
    """Refuse, before any work, places that cannot be written or are another run's, and tools that are not installed."""
    check_writable(folder, [BEST, FINAL, CONFIG, RECORD, CURVES, MANIFEST], option="--output-dir")
    if not settings.overwrite:
        require_unmixed(folder, run_id, after=after)
    if settings.save_format is HeadFormat.SENTENCE_TRANSFORMERS:
        require_replaceable(folder / SERVED)
    for tool in tools:
        require_installed(tool)


# --- data ---------------------------------------------------------------------------------------------------------


def _read(settings: TrainSettings, log: Log) -> tuple[Collection, Collection | None]:
    """Training and validation queries: two files, or one file split with every cluster on one side."""
    data = read_collection(str(settings.data), drop_empty=settings.drop_empty)
    describe(data, str(settings.data), log)
    if settings.valid is not None:
        valid = read_collection(settings.valid, drop_empty=settings.drop_empty)
        describe(valid, settings.valid, log)
        _warn_of_leakage(data, valid, log)
        return data, valid
    if settings.split == 0:
        return data, None
    split = split_collection(data, settings.split, np.random.default_rng([settings.seed, 3]))
    total = int(data.indptr[-1])
    log.step(
        f"Split: {total - split.n_pairs:,} pairs to train, {split.n_pairs:,} to validate "
        f"({len(split.valid.queries):,} queries in {split.n_clusters:,} groups)\n"
        f"       Queries that share a positive or a group stay together: a split by rows would have put "
        f"{split.n_torn:,} pairs into validation whose group is trained on too."
    )
    return split.train, split.valid


def _warn_of_leakage(train: Collection, valid: Collection, log: Log) -> None:
    """Validation queries, or their positives, that are trained on make validation look better than it is."""
    queries = len(set(train.queries) & set(valid.queries))
    ours, theirs = ({c.documents[d] for d in c.relevant.tolist()} for c in (train, valid))
    positives = len(ours & theirs)
    if queries or positives:
        log.warn(
            f"{queries:,} of {len(valid.queries):,} validation queries and {positives:,} of {len(theirs):,} of their "
            f"positives stand in the training file too: validation sees what was trained on, and over-fitting less."
        )


def _encoded(
    collections: list[Collection], base: Base, store: EmbeddingStore, settings: TrainSettings, log: Log
) -> list[Side]:
    """The pooled base vectors of every text of the collections, each distinct text encoded once."""
    started = time.perf_counter()
    texts = [text for c in collections for text in (*c.queries, *c.documents)]
    with log.progress("Encoding", unit="texts") as progress:
        found = encode_texts(texts, base.encoder, store, batch_size=settings.encode_batch_size, progress=progress)
    seconds = time.perf_counter() - started
    log.step(f"Encoded {found.n_encoded:,} texts, {found.n_cached:,} from the cache, in {seconds:.1f} s")
    ends = np.cumsum([n for c in collections for n in (len(c.queries), len(c.documents))])
    queries_and_documents = np.split(found.vectors, ends[:-1])
    return [Side(c, *queries_and_documents[2 * i : 2 * i + 2]) for i, c in enumerate(collections)]


# --- training -----------------------------------------------------------------------------------------------------


def _trained(
    sides: list[Side],
    settings: TrainSettings,
    log: Log,
    checkpointer: Checkpointer,
    trackers: Trackers,
    resume: Progress | None,
) -> tuple[Progress, TrainingRecord]:
    """Train; each epoch leaves its checkpoint, the record so far, its curves elsewhere and a line in the log."""
    data, notes = sides[0].pairs(settings)
    for note in notes:
        log.warn(note)
    validator, valid_data = None, None
    for side in sides[1:]:
        validator = Validator(
            side.collection, side.queries, side.documents,
            measures=measures_of(settings), seed=settings.seed, n_draws=settings.n_draws,
        )  # fmt: skip
        valid_data, _ = side.pairs(settings)
        _warn_of_other_weights(data, valid_data, log)
    done: list[Progress] = []

    def so_far(state: Progress) -> TrainingRecord:
        stopped = f"not over: {state.epoch} of {settings.epochs} epochs are done"
        return training_record(state, data, settings, validator, stopped=stopped)

    with log.progress("Training", unit="pairs") as progress:

        def after_epoch(state: Progress) -> None:
            checkpointer.after_epoch(state)
            done[:] = [state]
            write_json(checkpointer.folder / RECORD, training_report(so_far(state), checkpointer.config))
            trackers.log(state.last)
            line = epoch_line(state.last, settings.epochs, compared_metric(settings), is_best=state.is_best)
            progress(state.epoch * len(data), settings.epochs * len(data), line)

        try:
            return train_head(
                data,
                settings,
                validator=validator,
                valid_data=valid_data,
                resume=resume,
                device=resolve_device(settings.device),
                on_epoch=after_epoch,
                progress=progress,
            )
        except (KeyboardInterrupt, EmbedscopeError) as error:
            if done and done[0].epoch > 0:
                _draw(so_far(done[0]), checkpointer.folder)
                if isinstance(error, KeyboardInterrupt):
                    saved = checkpointer.interrupted(done[0])
                    log.step(f"Stopped after epoch {done[0].epoch}. Go on with: embedscope train --resume {saved}")
            raise


def _warn_of_other_weights(train: TrainingData, valid: TrainingData, log: Log) -> None:
    """Zeros are placeholders or meant, as each file shows; where the two files differ, so do their losses."""
    if train.has_placeholders == valid.has_placeholders:
        return
    taken = {True: "taken as 1.0, as not filled in", False: "few beside others, and taken at their word"}
    log.warn(
        f"Hard negatives of weight 0 are {taken[train.has_placeholders]}, in the training rows, but "
        f"{taken[valid.has_placeholders]}, in the validation rows: the two losses are not of one kind. Fill the "
        f"weights in, or pass --keep-zero-weights for both."
    )


def epoch_line(record: EpochRecord, n_epochs: int, metric: str, *, is_best: bool) -> str:
    """One epoch in one line."""
    width = len(str(n_epochs))
    parts = [f"Epoch {record.epoch:>{width}}/{n_epochs}"]
    parts += ["at the start" if record.train_loss is None else f"loss {number(record.train_loss, 3)}"]
    if record.valid_loss is not None:
        parts.append(f"valid {number(record.valid_loss, 3)}")
    figure = record.metrics.get(metric)
    if figure is not None and figure.value is not None:
        parts.append(f"{metric} {estimate(figure, 3)}")
    if record.violation_rate is not None:
        parts.append(f"violations {percent(record.violation_rate, 1)}")
    return "  ".join([*parts, *(["best"] if is_best and record.epoch else [])])


# --- what is left behind ------------------------------------------------------------------------------------------


def _exported(form: HeadFormat, state: Progress, base: Base, checkpointer: Checkpointer) -> list[str]:
    """The best head in the other form that was asked for; the names of what was written."""
    if form is HeadFormat.SAFETENSORS:
        name = f"{SERVED}.safetensors"
        best = next(record for record in state.records if record.epoch == state.best_epoch)
        facts = {"epoch": best.epoch, "loss": best.train_loss, "val_loss": best.valid_loss}
        config = {f"config.{key}": value for key, value in checkpointer.config.items()}
        save_safetensors(checkpointer.folder / name, state.best_head, {**facts, **base.as_config(), **config})
        return [name]
    if form is HeadFormat.SENTENCE_TRANSFORMERS:
        save_sentence_transformers(checkpointer.folder / SERVED, state.best_head, base)
        return [f"{SERVED}/"]
    return []


def _checkpoint_names(written: list[str]) -> list[str]:
    """The names of the checkpoints, those of the epochs as one line."""
    epochs = [name for name in written if name.startswith(f"{STEM}_epoch")]
    others = sorted((name for name in written if name not in epochs), key=CONFIG.__eq__)  # the configuration last
    if len(epochs) < 3:
        return [*epochs, *others]
    return [f"{epochs[0]} to {epochs[-1]} ({len(epochs)} files)", *others]


def _draw(record: TrainingRecord, folder: Path) -> None:
    from embedscope.output.pictures import style
    from embedscope.output.pictures.training_figure import draw_training_curves

    style.save(draw_training_curves(record), folder / CURVES)
