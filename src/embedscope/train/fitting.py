"""One training from its settings to its files: read, encode once, train, save, record."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any
from uuid import uuid4

from embedscope.errors import EmbedscopeError
from embedscope.log import SILENT, Log
from embedscope.machine import resolve_device
from embedscope.models.cache import EmbeddingStore
from embedscope.output.run_folder import check_writable, manifest, write_bytes, write_json
from embedscope.plain_files import read_json
from embedscope.protocols import ProgressCallback
from embedscope.result import EpochRecord, TrainingRecord
from embedscope.result.codec import encode
from embedscope.result.formatting import estimate, number, percent
from embedscope.settings import HeadFormat, TrainSettings
from embedscope.train.base import Base, load_base
from embedscope.train.checkpoints import (
    BEST,
    CHOSEN,
    CONFIG,
    FINAL,
    RUN_ID,
    SERVED,
    STEM,
    Checkpointer,
    require_unmixed,
    resumable_file,
)
from embedscope.train.defaults import Limits
from embedscope.train.export import require_replaceable, save_safetensors, save_sentence_transformers
from embedscope.train.merged_settings import RECORDED, require_sound
from embedscope.train.pairs import TrainingData
from embedscope.train.record import training_report
from embedscope.train.resuming import Stopped, digests_of
from embedscope.train.selection import compared_metric, require_selectable
from embedscope.train.sides import Side, encoded_sides, read_collections, warn_of_other_weights
from embedscope.train.sweep import chosen
from embedscope.train.trackers import Tool, Trackers, require_installed
from embedscope.train.trainer import Progress, train_head, training_record
from embedscope.train.validation import Validator

RECORD, CURVES, MANIFEST = "training.json", "training_curves.png", "manifest.json"
NOT_OVER = "not over"
"""How the record of a run begins to say why it stopped, as long as its end is not written."""


@dataclass(frozen=True, slots=True, eq=False)
class Fitted:
    """What a training has left in its ``folder``: the record, as ``training.json`` has it too, and the files."""

    folder: Path
    record: TrainingRecord
    report: Mapping[str, Any]
    files: tuple[str, ...]  # names, those of three epochs or more as one


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
    file = None if settings.resume is None else resumable_file(Path(settings.resume))
    stopped = None if file is None else Stopped.at(file, log)
    may_be_over = file is not None and not _is_over(file.parent / RECORD)
    run_id, begins_after = (uuid4().hex, 0) if stopped is None else (stopped.run_id, stopped.progress.epoch)
    folder, tools = Path(settings.output_dir), [tool for tool in Tool if getattr(settings, tool)]
    _require_destinations(settings, folder, tools, run_id, after=begins_after)
    train, valid = read_collections(settings, log)
    cache = None if settings.cache_dir is None else Path(settings.cache_dir)
    store = EmbeddingStore(cache, warn=log.warn, is_enabled=not settings.no_cache)
    base = load_base(
        settings.base_model,
        pooling=settings.pooling,
        max_length=settings.max_length,
        query_prompt=settings.query_prompt,
        document_prompt=settings.document_prompt,
        device=settings.device,
        hashes=store.hashes,
    )
    for note in base.notes:
        log.warn(note)
    digests = digests_of(train, valid, base.encoder.fingerprint)
    sides = encoded_sides([train, *([] if valid is None else [valid])], base, store, settings, log)
    found = _measured(sides, settings, log)
    before = None if stopped is None else stopped.config.get(CHOSEN)
    settings, choice = _with_choice(settings, found, before, log)
    config = _recorded(settings, base, run_id) | ({} if choice is None else {CHOSEN: choice})
    resume = None if stopped is None else stopped.going_on(config, digests, log)
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
        state, record = _trained(found, settings, log, checkpointer, trackers, resume, may_be_over=may_be_over)
    checkpointer.best(state)
    checkpointer.final(state)
    files = [*_checkpoint_names(checkpointer.written), *_exported(settings.save_format, state, base, checkpointer)]
    report = training_report(record, config)
    _draw(record, folder)
    write_json(folder / MANIFEST, _manifest(settings, time.perf_counter() - started), option="--output-dir")
    write_json(folder / RECORD, report, option="--output-dir")  # the last: it says that the run is over
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


# --- training -----------------------------------------------------------------------------------------------------


@dataclass(slots=True, eq=False)
class _Run:
    """What an epoch leaves: its checkpoint, the record so far, its curves elsewhere, and a line in the log."""

    data: TrainingData
    settings: TrainSettings
    validator: Validator | None
    checkpointer: Checkpointer
    trackers: Trackers
    progress: ProgressCallback
    state: Progress | None = None

    @property
    def n_epochs(self) -> int:
        """Most epochs of the run."""
        return Limits.of(self.settings, len(self.data), self.validator).epochs

    def after_epoch(self, state: Progress) -> None:
        self.checkpointer.after_epoch(state)
        self.state = state
        report = training_report(self._so_far(state), self.checkpointer.config)
        write_json(self.checkpointer.folder / RECORD, report, option="--output-dir")
        self.trackers.log(state.last)
        n_epochs, n_pairs = self.n_epochs, len(self.data)
        line = epoch_line(state.last, n_epochs, compared_metric(self.settings), is_best=state.is_best)
        self.progress(state.epoch * n_pairs, n_epochs * n_pairs, line)

    def break_off(self, log: Log, *, is_interrupted: bool) -> None:
        """Draw the curves of a run that does not reach its end, save the last epoch and say how to go on."""
        if self.state is None or self.state.epoch == 0:
            return
        _draw(self._so_far(self.state), self.checkpointer.folder)
        if is_interrupted:
            saved = self.checkpointer.interrupted(self.state)
            log.step(f"Stopped after epoch {self.state.epoch}. Go on with: embedscope train --resume {saved}")

    def _so_far(self, state: Progress) -> TrainingRecord:
        stopped = f"{NOT_OVER}: {state.epoch} of {self.n_epochs} epochs are done"
        return training_record(state, self.data, self.settings, self.validator, stopped=stopped)


@dataclass(frozen=True, slots=True, eq=False)
class _Measured:
    """Pairs to train on, and what measures a head on the validation queries, where there are any."""

    data: TrainingData
    validator: Validator | None = None
    valid_data: TrainingData | None = None


def _measured(sides: list[Side], settings: TrainSettings, log: Log) -> _Measured:
    data, notes = sides[0].pairs(settings)
    for note in notes:
        log.warn(note)
    if len(sides) == 1:
        require_selectable(settings, None)
        return _Measured(data)
    validator = sides[1].validator(settings)
    require_selectable(settings, validator)
    valid_data, _ = sides[1].pairs(settings)
    warn_of_other_weights(data, valid_data, log)
    return _Measured(data, validator, valid_data)


def _with_choice(
    settings: TrainSettings, found: _Measured, before: dict[str, Any] | None, log: Log
) -> tuple[TrainSettings, dict[str, Any] | None]:
    """``settings`` with what they leave open chosen by the data, and the choice as plain values.

    A resumed run states what was chosen ``before`` and keeps its account.
    """
    choice = chosen(found.data, settings, found.validator, resolve_device(settings.device), log)
    if choice is not None:
        log.step(choice.in_words(found.validator))
        against = choice.hard_neg_against or settings.hard_neg_against
        settings = replace(settings, learning_rate=choice.learning_rate, hard_neg_against=against)
    if settings.epochs is None:
        limits = Limits.of(settings, len(found.data), found.validator)
        log.step(f"Epochs: {limits.in_words(settings.select)}")
    return settings, before if choice is None else choice.as_config()


def _trained(
    found: _Measured,
    settings: TrainSettings,
    log: Log,
    checkpointer: Checkpointer,
    trackers: Trackers,
    resume: Progress | None,
    *,
    may_be_over: bool,
) -> tuple[Progress, TrainingRecord]:
    with log.progress("Training", unit="pairs") as progress:
        run = _Run(found.data, settings, found.validator, checkpointer, trackers, progress)
        try:
            return train_head(
                found.data,
                settings,
                validator=found.validator,
                valid_data=found.valid_data,
                resume=resume,
                may_be_over=may_be_over,
                device=resolve_device(settings.device),
                on_epoch=run.after_epoch,
                progress=progress,
            )
        except (KeyboardInterrupt, EmbedscopeError) as error:
            run.break_off(log, is_interrupted=isinstance(error, KeyboardInterrupt))
            raise


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


def _is_over(record: Path) -> bool:
    """Whether the end of a run is written; where nobody can say, it counts as written, and is not written again."""
    try:
        return not str(read_json(record)["stopped"]).startswith(NOT_OVER)
    except (OSError, ValueError, KeyError, TypeError):
        return True


def _draw(record: TrainingRecord, folder: Path) -> None:
    from embedscope.output.pictures import style
    from embedscope.output.pictures.training_figure import draw_training_curves

    picture = style.drawn(draw_training_curves(record))()
    write_bytes(folder / CURVES, picture, option="--output-dir")


def _manifest(settings: TrainSettings, elapsed_s: float) -> dict[str, object]:
    roles = {name: getattr(settings, name) for name in ("data", "valid", "resume", "config")}
    return manifest(inputs=roles, options=encode(asdict(settings)), seed=settings.seed, elapsed_s=elapsed_s)
