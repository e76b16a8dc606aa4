"""``embedscope train``: a projection head on cached base embeddings, its checkpoints and its curves."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any
from uuid import uuid4

import numpy as np

from embedscope.cli.train_settings import changed_options, merged_settings
from embedscope.data.collection import Collection, describe
from embedscope.data.readers import read_collection
from embedscope.errors import EmbedscopeError
from embedscope.models.cache import EmbeddingStore
from embedscope.models.embed import encode_texts
from embedscope.models.encoders import resolve_device
from embedscope.output.run_folder import check_writable, manifest, write_json
from embedscope.output.terminal import Terminal
from embedscope.protocols import Float32Array, ProgressCallback
from embedscope.result import EpochRecord, TrainingRecord
from embedscope.result.formatting import difference, estimate, number, percent
from embedscope.settings import Pooling, TrainSettings
from embedscope.train import (
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
    training_record,
    training_report,
)
from embedscope.train.checkpoints import BEST, CONFIG, FINAL, RUN_ID, SERVED, STEM, require_unmixed
from embedscope.train.data_files import CHANGED, changed, digests_of

RECORD, CURVES, MANIFEST = "training.json", "training_curves.png", "manifest.json"
SOURCES = ("data", "valid")
"""Settings that name files of the data."""


@dataclass(frozen=True, slots=True)
class Side:
    """A collection with the pooled base vectors of its texts."""

    collection: Collection
    queries: Float32Array
    documents: Float32Array


def run(options: TrainSettings, stated: frozenset[str]) -> int:
    """Read, encode once, train, save, draw; the exit status."""
    started = time.perf_counter()
    terminal = Terminal(quiet=options.quiet, json=options.json)
    resume_from = None if options.resume is None else resumable_file(Path(options.resume))
    settings = merged_settings(options, stated, terminal, resume_from)
    training = TrainingOptions.from_config(settings)
    folder = Path(settings["output_dir"])
    stopped = None if resume_from is None else stopped_at(resume_from, terminal)
    run_id, begins_after = (uuid4().hex, 0) if stopped is None else (stopped.run_id, stopped.progress.epoch)
    check_destinations(options, folder, run_id, after=begins_after)
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
    config = recorded_config(settings, training, base, folder, run_id)
    digests = digests_of(train, valid, base.encoder.fingerprint)
    resume = None if stopped is None else going_on(stopped, config, digests, terminal)
    sides = encoded([train, *([] if valid is None else [valid])], base, store, options, terminal)
    checkpointer = Checkpointer(
        folder,
        config,
        save_every=training.save_every,
        inputs=digests,
        begins_after=begins_after,
        overwrite=options.overwrite,
        encoder=base.folder if options.with_encoder else None,
    )
    with Trackers(tools_of(options), folder, config, terminal.warn) as trackers:
        state, record = trained(sides, training, options, terminal, checkpointer, trackers, resume)
    checkpointer.best(state)
    checkpointer.final(state)
    files = [*checkpoint_names(checkpointer.written), *exported(options, folder, state, base, config, record)]
    report = training_report(record, config)
    write_json(folder / RECORD, report)
    files += [RECORD, *drawn(record, folder)]
    write_json(folder / MANIFEST, _manifest(options, settings, started))
    say_outcome(record, folder / BEST, terminal)
    terminal.files(folder, [*files, MANIFEST])
    terminal.step(f"Done in {time.perf_counter() - started:.1f} s")
    terminal.json(json.dumps(report, ensure_ascii=False, indent=2, allow_nan=False))
    return 0


def recorded_config(
    settings: Mapping[str, Any], training: TrainingOptions, base: Base, folder: Path, run_id: str
) -> dict[str, Any]:
    """What every checkpoint says of its run; places as seen from anywhere, because a run may be resumed from there."""
    origin = {name: None if settings[name] is None else str(Path(settings[name]).resolve()) for name in SOURCES}
    return {
        **training.as_config(),
        **base.as_config(),
        **origin,
        "split": settings["split"],
        "encoder_dtype": base.encoder.dtype,
        "output_dir": str(folder),
        RUN_ID: run_id,
    }


def check_destinations(options: TrainSettings, folder: Path, run_id: str, *, after: int) -> None:
    """Refuse, before any work, places that cannot be written or are another run's, and tools that are not installed."""
    check_writable(folder, [BEST, FINAL, CONFIG, RECORD, CURVES, MANIFEST], option="--output-dir")
    if not options.overwrite:
        require_unmixed(folder, run_id, after=after)
    if options.save_format == "sentence-transformers":
        require_replaceable(folder / SERVED)
    for tool in tools_of(options):
        require_installed(tool)


def tools_of(options: TrainSettings) -> list[Tool]:
    """The tools that the curves are sent to."""
    return [tool for tool in Tool if getattr(options, tool.value)]


# --- data ---------------------------------------------------------------------------------------------------------


def read_sides(
    options: TrainSettings, settings: Mapping[str, Any], terminal: Terminal
) -> tuple[Collection, Collection | None]:
    """Training and validation queries: two files, or one file split with every cluster on one side."""
    data = read_collection(settings["data"], drop_empty=options.drop_empty)
    describe(data, settings["data"], terminal)
    if settings["valid"] is not None:
        valid = read_collection(settings["valid"], drop_empty=options.drop_empty)
        describe(valid, settings["valid"], terminal)
        _warn_of_leakage(data, valid, terminal)
        return data, valid
    if settings["split"] == 0:
        return data, None
    split = split_collection(data, settings["split"], np.random.default_rng([settings["seed"], 3]))
    total = int(data.indptr[-1])
    terminal.step(
        f"Split: {total - split.n_pairs:,} pairs to train, {split.n_pairs:,} to validate "
        f"({len(split.valid.queries):,} queries in {split.n_clusters:,} groups)\n"
        f"       Queries that share a positive or a group stay together: a split by rows would have put "
        f"{split.n_torn:,} pairs into validation whose group is trained on too."
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


def store_of(options: TrainSettings, terminal: Terminal) -> EmbeddingStore:
    """The cache of base embeddings."""
    folder = None if options.cache_dir is None else Path(options.cache_dir)
    return EmbeddingStore(folder, warn=terminal.warn, is_enabled=not options.no_cache)


def encoded(
    collections: list[Collection],
    base: Base,
    store: EmbeddingStore,
    options: TrainSettings,
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


def pairs_of(side: Side, training: TrainingOptions) -> tuple[TrainingData, tuple[str, ...]]:
    """The pairs of one side, and what is odd about its weights."""
    return training_data(
        side.collection,
        side.queries,
        side.documents,
        use_hard_neg=training.use_hard_neg,
        keep_zero_weights=training.keep_zero_weights,
    )


# --- training -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, eq=False)
class Stopped:
    """A checkpoint to go on from: its state, the digests of what it was made from, and what it says of its run."""

    progress: Progress
    digests: Mapping[str, str]
    config: Mapping[str, Any]

    @property
    def run_id(self) -> str:
        """The run that it is of; "" where it records none."""
        return str(self.config.get(RUN_ID, ""))


def stopped_at(path: Path, terminal: Terminal) -> Stopped:
    """The checkpoint at ``path``, once it has been said that it is gone on from."""
    progress, digests = read_progress(path)
    terminal.step(f"Resuming from {path}, after epoch {progress.epoch}")
    return Stopped(progress, digests, read_config(path))


def going_on(stopped: Stopped, config: Mapping[str, Any], digests: Mapping[str, str], terminal: Terminal) -> Progress:
    """The state to go on from, once what is not as it was when the run began has been said.

    Figures that were measured on other queries choose no epoch: the choice begins with the next one.
    """
    others = changed(stopped.digests, digests)
    named = [*changed_options(stopped.config, config), *(CHANGED[name] for name in others)]
    if named:
        terminal.warn(
            f"The resumed run goes on with what is not as it was when it began ({'; '.join(named)}), so it is not the "
            f"run that would have been had it never stopped."
        )
    resume = stopped.progress
    judged_by = "valid" if digests["valid"] else "train"
    return replace(resume, chosen_from=resume.epoch + 1) if judged_by in others else resume


class Course:
    """A training on its way: after each epoch its checkpoint, its record and its curves elsewhere."""

    def __init__(
        self,
        data: TrainingData,
        training: TrainingOptions,
        validator: Validator | None,
        checkpointer: Checkpointer,
        trackers: Trackers,
    ) -> None:
        self._data, self._training, self._validator = data, training, validator
        self._checkpointer = checkpointer
        self._trackers = trackers
        self._state: Progress | None = None

    def after_epoch(self, state: Progress) -> None:
        """Keep what this epoch left behind."""
        self._checkpointer.after_epoch(state)
        self._state = state
        write_json(self._checkpointer.folder / RECORD, training_report(self._record(state), self._checkpointer.config))
        self._trackers.log(state.last)

    def break_off(self, terminal: Terminal, *, is_interrupted: bool) -> None:
        """Draw the curves of a run that does not reach its end, save the last epoch and say how to go on."""
        state = self._state
        if state is None or state.epoch == 0:
            return
        folder = self._checkpointer.folder
        drawn(self._record(state), folder)
        if is_interrupted:
            saved = self._checkpointer.interrupted(state)
            terminal.step(f"Stopped after epoch {state.epoch}. Go on with: embedscope train --resume {saved}")

    def _record(self, state: Progress) -> TrainingRecord:
        stopped = f"not over: {state.epoch} of {self._training.epochs} epochs are done"
        return training_record(state, self._data, self._training, self._validator, stopped=stopped)


def trained(
    sides: list[Side],
    training: TrainingOptions,
    options: TrainSettings,
    terminal: Terminal,
    checkpointer: Checkpointer,
    trackers: Trackers,
    resume: Progress | None,
) -> tuple[Progress, TrainingRecord]:
    """Train, saving and saying each epoch."""
    data, weight_notes = pairs_of(sides[0], training)
    for note in weight_notes:
        terminal.warn(note)
    validator, valid_data = None, None
    if len(sides) > 1:
        c = sides[1]
        validator = Validator(
            c.collection, c.queries, c.documents,
            measures=training.measures, seed=training.seed, n_draws=training.n_draws,
        )  # fmt: skip
        valid_data, _ = pairs_of(c, training)
        _warn_of_other_weights(data, valid_data, terminal)
    course = Course(data, training, validator, checkpointer, trackers)
    with terminal.progress("Training", unit="pairs") as progress:

        def after_epoch(state: Progress) -> None:
            course.after_epoch(state)
            _tell(progress, state, training, len(data))

        try:
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
        except (KeyboardInterrupt, EmbedscopeError) as error:
            course.break_off(terminal, is_interrupted=isinstance(error, KeyboardInterrupt))
            raise


def _warn_of_other_weights(train: TrainingData, valid: TrainingData, terminal: Terminal) -> None:
    """Zeros are placeholders or meant, as each file shows; where the two files differ, so do their losses."""
    if train.has_placeholders == valid.has_placeholders:
        return
    told = {True: "taken as 1.0, as not filled in", False: "few beside others, and taken at their word"}
    terminal.warn(
        f"Hard negatives of weight 0 are {told[train.has_placeholders]}, in the training rows, but "
        f"{told[valid.has_placeholders]}, in the validation rows: the two losses are not of one kind. Fill the weights "
        f"in, or pass --keep-zero-weights for both."
    )


def _tell(progress: ProgressCallback, state: Progress, training: TrainingOptions, n_pairs: int) -> None:
    done, total = state.epoch * n_pairs, training.epochs * n_pairs
    progress(done, total, epoch_line(state.last, training.epochs, training.metric, is_best=state.is_best))


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


def exported(
    options: TrainSettings,
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
    others = sorted((name for name in written if name not in epochs), key=CONFIG.__eq__)  # the configuration last
    if len(epochs) < 3:
        return [*epochs, *others]
    return [f"{epochs[0]} to {epochs[-1]} ({len(epochs)} files)", *others]


def drawn(record: TrainingRecord, folder: Path) -> list[str]:
    """``training_curves.png``."""
    from embedscope.output.pictures import style
    from embedscope.output.pictures.training_figure import draw_training_curves

    style.save(draw_training_curves(record), folder / CURVES)
    return [CURVES]


def say_outcome(record: TrainingRecord, best: Path, terminal: Terminal) -> None:
    """Which epoch is the best, what it improved on, and what to do next."""
    chosen = next(epoch for epoch in record.epochs if epoch.epoch == record.best_epoch)
    figure = chosen.metrics.get(record.selected_by)
    value = ""
    if figure is not None and figure.value is not None:
        value = f" ({number(figure.value, 3)}; base model without head {number(record.base[record.selected_by], 3)})"
    terminal.step(f"Stopped: {record.stopped}. Best by {record.selected_by}: epoch {record.best_epoch}{value}")
    found = record.against_base
    if found is not None:
        terminal.step(
            f"Against the base model: {found.metric} {difference(found)}, "
            f"paired on the {record.n_valid_queries:,} validation queries ({record.n_valid_clusters:,} independent "
            f"groups), which also chose the epoch"
        )
        for size, figure in record.prefixes.items():
            terminal.step(f"  {found.metric} of the first {size} numbers: {estimate(figure)}")
    for note in record.notes:
        terminal.warn(note[:1].upper() + note[1:] + ".")
    terminal.step(f"Next: embedscope visualize --checkpoint {best} --data YOUR_TEST.json")


def _manifest(options: TrainSettings, settings: Mapping[str, Any], started: float) -> dict[str, object]:
    roles = {"data": settings["data"], "valid": settings["valid"], "resume": options.resume, "config": options.config}
    said = asdict(options)
    return manifest(
        inputs=roles,
        options={**said, **settings},
        seed=settings["seed"],
        elapsed_s=time.perf_counter() - started,
    )
