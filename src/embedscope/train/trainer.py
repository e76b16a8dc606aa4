"""The training loop: batches of cached base vectors through a small head, measured after every epoch.

A run is a function of its data and settings. Everything that a later epoch depends on stands in :class:`Progress`
(parameters, optimiser, step, the best head so far) or follows from the number of the epoch (its order, its learning
rate), so a run that goes on from a checkpoint gives, on the CPU, the same bits as one that never stopped.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from embedscope.errors import EmbedscopeError, InvalidOptionError
from embedscope.machine import on_device, require_torch
from embedscope.models.projectors import Projection
from embedscope.protocols import Float32Array, Float64Array, ProgressCallback
from embedscope.result import EpochRecord, TrainingRecord
from embedscope.settings import Against, TrainSettings
from embedscope.train.defaults import Limits, Mark, against_of, rate_of
from embedscope.train.head import new_head, prefix_of, prefixes_of, projection_of
from embedscope.train.loss import prefix_losses
from embedscope.train.optimizer import AdamW
from embedscope.train.pairs import Batch, Batches, TrainingData, epoch_order
from embedscope.train.selection import (
    best_epoch_of,
    compared_metric,
    is_better,
    notes_on,
    require_selectable,
    selected_value,
)
from embedscope.train.validation import Validator

if TYPE_CHECKING:
    import torch

State = Mapping[str, "torch.Tensor"]
"""Parameters of a head by name."""


@dataclass(slots=True, eq=False)
class Progress:
    """How far a run has come, and all that its next epoch needs.

    ``chosen_from`` is the first epoch whose figures may choose the best one: 1, or the one after a stop at which what
    is measured became another. A ``best_epoch`` before it stands only until that epoch is done. ``mark`` is the epoch
    that the end of a run without stated ``epochs`` is counted from.
    """

    epoch: int
    step: int
    head: State
    optimizer: dict[str, Any]
    best_epoch: int
    best_head: State
    records: list[EpochRecord] = field(default_factory=list)
    chosen_from: int = 1
    mark: Mark | None = None
    values: Float64Array | None = None  # (Q,) of the metric compared, after this epoch; not saved

    @property
    def last(self) -> EpochRecord:
        """The epoch just done."""
        return self.records[-1]

    @property
    def is_best(self) -> bool:
        """Whether the epoch just done is the best so far."""
        return self.best_epoch == self.epoch


OnEpoch = Callable[[Progress], None]
"""Is told after every epoch; what it raises ends the run."""


def train_head(
    data: TrainingData,
    settings: TrainSettings,
    *,
    validator: Validator | None = None,
    valid_data: TrainingData | None = None,
    resume: Progress | None = None,
    may_be_over: bool = False,
    device: str = "cpu",
    on_epoch: OnEpoch = lambda progress: None,
    progress: ProgressCallback | None = None,
) -> tuple[Progress, TrainingRecord]:
    """Train a projection head.

    Parameters
    ----------
    data : TrainingData
    settings : TrainSettings
    validator : Validator, optional
        Measures the validation queries after each epoch.
    valid_data : TrainingData, optional
        Pairs of the validation loss.
    resume : Progress, optional
        Where to go on from.
    may_be_over : bool
        Give back a state to resume in which the run is over already: it was killed before its end was written.
    device : str
        Where the head is trained.
    on_epoch : callable, optional
        Is told after every epoch, epoch 0 (before the first step) included: the place to save and to report.
    progress : ProgressCallback, optional
        Is told how many pairs have been trained on.

    Returns
    -------
    (Progress, TrainingRecord)
        The state at the end, the best head in it, and the figures of every epoch.

    Raises
    ------
    InvalidOptionError
        If the figure to select by is not measured, or the run to resume has another head, is done already or has run
        out of patience.
    EmbedscopeError
        If the loss is no longer finite.
    """
    require_selectable(settings, validator)
    with _one_thread():
        run = _Trainer(data, settings, validator, valid_data, device)
        state, note = (run.begin(), None) if resume is None else run.go_on(resume, may_be_over=may_be_over)
        if resume is None:
            on_epoch(state)
        limits = run.limits
        stopped = f"all {limits.epochs} epochs are done"
        while state.epoch < limits.epochs:
            if _is_out_of_patience(state, limits):
                stopped = limits.out_of_patience(settings.select)
                break
            state = run.epoch(state, progress)
            on_epoch(state)
        record = training_record(state, data, settings, validator, stopped=stopped, is_over=True)
    return state, record if note is None else replace(record, notes=(*record.notes, note))


def values_after_epochs(
    data: TrainingData,
    settings: TrainSettings,
    validator: Validator,
    device: str,
    *,
    weight: Float32Array,
    progress: ProgressCallback | None = None,
) -> Iterator[Float64Array]:
    """The figure ``settings.select`` of each validation query, (Q,), after each epoch of a run from ``weight``.

    The run is the one that :func:`train_head` makes of the same ``settings.epochs``; nothing else is measured. Raises
    as it does.
    """
    with _one_thread():
        run = _Trainer(data, settings, validator, None, device, weight)
        step = 0
        for epoch in range(1, run.limits.epochs + 1):
            step = run.pass_over(epoch, step, progress).step
            yield validator.values_of(run.projection(), settings.select)


def training_record(
    state: Progress,
    data: TrainingData,
    settings: TrainSettings,
    validator: Validator | None,
    *,
    stopped: str,
    is_over: bool = False,
) -> TrainingRecord:
    """The figures of a run as far as ``state``; what is measured once, of the best head, only where it ``is_over``."""
    against_base, prefixes = None, {}
    if validator is not None and is_over:
        best, metric = projection_of(state.best_head), compared_metric(settings)
        against_base = validator.against_base(best, metric, n_choices=state.epoch)
        sizes = prefixes_of(settings) if settings.matryoshka else ()
        prefixes = {size: validator.measure(prefix_of(best, size)).metrics[metric] for size in sizes}
    n_effective = None if validator is None else validator.n_effective
    return TrainingRecord(
        epochs=tuple(state.records),
        selected_by=settings.select,
        best_epoch=state.best_epoch,
        stopped=stopped,
        base={} if validator is None else validator.base(),
        n_pairs=len(data),
        n_negatives=len(data.negatives),
        n_valid_queries=0 if validator is None else validator.n_queries,
        n_valid_clusters=0 if validator is None else validator.n_clusters,
        notes=notes_on(
            [record for record in state.records if record.epoch >= state.chosen_from],
            settings,
            state.best_epoch,
            n_epochs=Limits.of(settings, len(data), validator).epochs if is_over else None,
            against_base=against_base,
            n_effective=n_effective,
        ),
        against_base=against_base,
        prefixes=prefixes,
        n_valid_effective=n_effective,
    )


@contextmanager
def _one_thread() -> Iterator[None]:
    """One torch thread on the CPU while the block runs, the caller's number afterwards.

    Threads would split sums, so that the outcome hung on the number of cores; and matrices this small are multiplied
    no sooner by several threads, but several times later where other programs keep the cores busy.
    """
    require_torch()
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _is_out_of_patience(state: Progress, limits: Limits) -> bool:
    since = state.mark.epoch if limits.is_by_noise and state.mark is not None else state.best_epoch
    return limits.patience is not None and state.epoch - since >= limits.patience


def rechosen(resume: Progress, select: str, *, has_validation: bool) -> tuple[Progress, str | None]:
    """The state ``resume`` with its best epoch by the figure ``select``, and a sentence where that is not what it was.

    A checkpoint holds two heads, that of its best epoch and that of its last. Where another figure makes another epoch
    the best, the better of the two stands in for it; where no epoch has the figure, the choice begins with the next.
    """
    counted = [record for record in resume.records if record.epoch >= resume.chosen_from]
    best = best_epoch_of(counted, select, has_validation=has_validation)
    if best is None:
        begun = replace(resume, best_epoch=resume.epoch, best_head=resume.head, chosen_from=resume.epoch + 1)
        return begun, (
            f"the epochs before the run was resumed have no {select} to choose by that these epochs could be held "
            f"against: the best one is chosen from epoch {resume.epoch + 1} on"
        )
    if best == resume.best_epoch:
        return resume, None
    heads = {resume.best_epoch: resume.best_head, resume.epoch: resume.head}
    kept = best_epoch_of([r for r in counted if r.epoch in heads], select, has_validation=has_validation)
    chosen = resume.epoch if kept is None else kept
    note = (
        f"by {select} epoch {best} was the best before the run was resumed, but the checkpoint holds the heads of the "
        f"epochs {' and '.join(map(str, sorted(heads)))} only: epoch {chosen} stands in for it"
    )
    return replace(resume, best_epoch=chosen, best_head=heads[chosen]), None if chosen == best else note


class _Pass(NamedTuple):
    """What the steps of an epoch leave: the number of steps so far; their own mean loss, last rate and mean norm."""

    step: int
    loss: float
    rate: float
    norm: float


class _Trainer:
    """The head, its optimiser and the data on the device."""

    def __init__(
        self,
        data: TrainingData,
        settings: TrainSettings,
        validator: Validator | None,
        valid_data: TrainingData | None,
        device: str,
        weight: Float32Array | None = None,
    ) -> None:
        self._settings = settings
        self._validator = validator
        self.limits = Limits.of(settings, len(data), validator)
        self._head = new_head(data, settings, weight).to(device)
        self._optimizer = AdamW(self._head.parameters(), weight_decay=settings.weight_decay)
        self._train = _Loader(data, settings, device)
        self._valid = None if valid_data is None else _Loader(valid_data, settings, device)

    def begin(self) -> Progress:
        """Epoch 0: the head as it was initialised."""
        started = time.perf_counter()
        record, values = self._record(0, None, None, None, started)
        return self._progress(0, 0, [record], values, best=None)

    def go_on(self, resume: Progress, *, may_be_over: bool) -> tuple[Progress, str | None]:
        """The state of ``resume``, once it fits these settings, and what a person should know of its best epoch."""
        wanted = {name: tuple(tensor.shape) for name, tensor in self._head.state_dict().items()}
        stored = {name: tuple(tensor.shape) for name, tensor in resume.head.items()}
        if wanted != stored:
            raise InvalidOptionError(
                f"The checkpoint to resume holds a head of {stored}, these options make one of {wanted}. Leave "
                f"--d-out and --use-layernorm out, and pass the base model that it was trained on."
            )
        limits = self.limits
        is_over = resume.epoch >= limits.epochs
        if is_over and not (may_be_over and resume.epoch == limits.epochs):
            raise InvalidOptionError(
                f"The checkpoint to resume has {resume.epoch} epochs behind it, and the run ends after "
                f"{limits.epochs}: nothing is left to do. Pass a larger --epochs."
            )
        state, note = rechosen(resume, self._settings.select, has_validation=self._valid is not None)
        if _is_out_of_patience(state, limits) and not may_be_over:
            raise InvalidOptionError(
                f"The checkpoint to resume has {state.epoch} epochs behind it, of which {state.best_epoch} is the best "
                f"by {self._settings.select}, and runs {limits.in_words(self._settings.select)}: nothing is left to "
                f"do. Pass a larger --patience, or --patience 0 to go on to the end of --epochs."
            )
        self._head.load_state_dict(dict(state.head))
        self._optimizer.load_state_dict(state.optimizer)
        return state, note

    def epoch(self, state: Progress, progress: ProgressCallback | None) -> Progress:
        """One epoch further."""
        started = time.perf_counter()
        epoch = state.epoch + 1
        made = self.pass_over(epoch, state.step, progress)
        record, values = self._record(epoch, made.loss, made.rate, made.norm, started)
        return self._progress(epoch, made.step, [*state.records, record], values, best=state)

    def projection(self) -> Projection:
        """The head as it stands."""
        return projection_of(self._head.state_dict())

    def pass_over(self, epoch: int, step: int, progress: ProgressCallback | None) -> _Pass:
        """The steps of ``epoch``, the first of which is ``step``."""
        settings = self._settings
        order = epoch_order(len(self._train), epoch, settings)
        total, norms, done = 0.0, 0.0, 0
        batches = self._train.batches.of(order)
        for batch in batches:
            rate = learning_rate(step, settings)
            losses, norm = self._step(batch, rate)
            total, norms, step, done = total + losses, norms + norm, step + 1, done + len(batch.queries)
            if not math.isfinite(losses) or not math.isfinite(norm):
                raise _not_finite(epoch, step, settings)
            if progress is not None:
                progress((epoch - 1) * len(self._train) + done, self.limits.epochs * len(self._train))
        return _Pass(step, total / len(self._train), rate, norms / len(batches))

    def _step(self, batch: Batch, rate: float) -> tuple[float, float]:
        """One step of the optimiser; the sum of the losses and the norm of the gradient before clipping."""
        import torch

        self._optimizer.zero_grad()
        losses = self._train.losses(self._head, batch)
        losses.mean().backward()  # type: ignore[no-untyped-call]
        clip = self._settings.gradient_clip_norm or math.inf
        norm = torch.nn.utils.clip_grad_norm_(self._head.parameters(), clip)
        if torch.isfinite(norm):  # else the run ends, and the head keeps the last parameters that were numbers
            self._optimizer.step(rate)
        return float(losses.detach().sum()), float(norm)

    def _record(
        self, epoch: int, train_loss: float | None, rate: float | None, norm: float | None, started: float
    ) -> tuple[EpochRecord, Float64Array | None]:
        """The figures of an epoch, and those of each validation query of the metric compared."""
        valid_loss = None if self._valid is None else self._valid.mean_loss(self._head)
        found = None if self._validator is None else self._validator.measure(self.projection())
        record = EpochRecord(
            epoch=epoch,
            train_loss=train_loss,
            valid_loss=valid_loss,
            learning_rate=rate,
            gradient_norm=norm,
            metrics={} if found is None else found.metrics,
            violation_rate=None if found is None else found.violation_rate,
            violation_rates={} if found is None else found.violation_rates,
            effective_rank=None if found is None else found.effective_rank,
            elapsed_s=time.perf_counter() - started,
        )
        return record, None if found is None else found.values[compared_metric(self._settings)]

    def _progress(
        self,
        epoch: int,
        step: int,
        records: list[EpochRecord],
        values: Float64Array | None,
        *,
        best: Progress | None,
    ) -> Progress:
        head = {name: tensor.detach().cpu().clone() for name, tensor in self._head.state_dict().items()}
        chosen_from = 1 if best is None else best.chosen_from
        # Epoch 0 stands in the curves and is never selected: it is not the outcome of training.
        if best is None or best.best_epoch < chosen_from or self._improves(records, best):
            best_epoch, best_head = epoch, head
        else:
            best_epoch, best_head = best.best_epoch, dict(best.best_head)
        optimizer = self._optimizer.state_dict()
        mark = self._mark(epoch, values, None if best is None else best.mark)
        return Progress(epoch, step, head, optimizer, best_epoch, best_head, records, chosen_from, mark, values)

    def _mark(self, epoch: int, values: Float64Array | None, before: Mark | None) -> Mark | None:
        if not self.limits.is_by_noise or values is None or self._validator is None:
            return before
        if before is None or before.select != self._settings.select or before.values.shape != values.shape:
            return Mark(epoch, self._settings.select, values)
        return before.moved(epoch, values, self._validator)

    def _improves(self, records: list[EpochRecord], best: Progress) -> bool:
        before = next(record for record in records if record.epoch == best.best_epoch)
        select, has_validation = self._settings.select, self._valid is not None
        ours, theirs = (selected_value(r, select, has_validation=has_validation) for r in (records[-1], before))
        return is_better(ours, theirs, select)


class _Loader:
    """Pairs on the device, and their losses under a head."""

    def __init__(self, data: TrainingData, settings: TrainSettings, device: str) -> None:
        self._settings = settings
        self._device = device
        self._queries = on_device(data.query_vectors, device)
        self._documents = on_device(data.document_vectors, device)
        self._n = len(data)
        self.batches = Batches(data, settings.batch_size)

    def __len__(self) -> int:
        return self._n

    def losses(self, head: torch.nn.Module, batch: Batch) -> torch.Tensor:
        """Loss of each pair of the batch, shape (B,).

        Rows are gathered before the head, from vectors that carry no gradient: gathering after it would add up
        gradients in an order that depends on the threads.
        """
        device = self._device
        has_negatives = batch.negatives.shape[1] > 0
        return prefix_losses(
            head(self._queries[on_device(batch.queries, device)]),
            head(self._documents[on_device(batch.positives, device)]),
            prefixes_of(self._settings),
            is_false_negative=on_device(batch.is_false_negative, device),
            temperature=self._settings.temperature,
            negatives=head(self._documents[on_device(batch.negatives, device)]) if has_negatives else None,
            weights=on_device(batch.weights.astype(np.float32), device) if has_negatives else None,
            against_positives=against_of(self._settings) is Against.BOTH,
        )

    def mean_loss(self, head: torch.nn.Module) -> float:
        """Mean loss over all pairs, in the same batches every time."""
        import torch

        with torch.no_grad():
            order = epoch_order(self._n, 0, self._settings)
            total = sum(float(self.losses(head, batch).sum()) for batch in self.batches.of(order))
        return total / self._n


def learning_rate(step: int, settings: TrainSettings) -> float:
    """Rate of step 0, 1, ...: ``learning_rate * min(1, (step + 1) / warmup_steps)``, constant after the warm-up."""
    if settings.warmup_steps == 0:
        return rate_of(settings)
    return rate_of(settings) * min(1.0, (step + 1) / settings.warmup_steps)


def _not_finite(epoch: int, step: int, settings: TrainSettings) -> EmbedscopeError:
    return EmbedscopeError(
        f"The loss or its gradient is no longer a finite number, in epoch {epoch} at step {step}. The head has left "
        f"the range of numbers: lower --learning-rate (it is {rate_of(settings):g}), clip the gradient with "
        f"--gradient-clip-norm (it is {settings.gradient_clip_norm:g}), or look for broken vectors in the data. The "
        f"checkpoints written before this step stand."
    )
