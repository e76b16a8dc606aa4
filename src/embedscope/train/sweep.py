"""Learning rate and hard negatives by the validation queries, from a few short runs on cached vectors."""

from __future__ import annotations

import math
import time
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np

from embedscope.errors import EmbedscopeError
from embedscope.log import SILENT, Log
from embedscope.protocols import Float64Array, ProgressCallback
from embedscope.result.codec import encode
from embedscope.result.formatting import number, queries_in_words
from embedscope.settings import Against, TrainSettings
from embedscope.train.defaults import LEARNING_RATE, against_of, can_choose, epochs_for, rate_of
from embedscope.train.head import initial_weight
from embedscope.train.pairs import TrainingData
from embedscope.train.selection import compared_metric
from embedscope.train.trainer import values_after_epochs
from embedscope.train.validation import Validator

TRIAL_STEPS = 120
"""Steps of the optimiser of each trial; of more pairs than these take, a random part is trained on."""

RATES = (LEARNING_RATE, LEARNING_RATE * 3, LEARNING_RATE * 0.3)
"""Learning rates that are tried, from the standard one outwards."""


_WORDS = {Against.QUERY: "the query", Against.BOTH: "the query and its positive"}


class Candidate(NamedTuple):
    """What a trial is given; ``hard_neg_against`` is None where there are no hard negatives."""

    learning_rate: float
    hard_neg_against: Against | None


@dataclass(frozen=True, slots=True)
class Trial:
    """One short run: what was tried, and the figure of its best epoch; None where the run left the numbers."""

    learning_rate: float
    hard_neg_against: Against | None
    value: float | None = None

    def in_words(self) -> str:
        """``0.001 query: 0.414``."""
        against = "" if self.hard_neg_against is None else f" {self.hard_neg_against}"
        return f"{self.learning_rate:g}{against}: {number(self.value, 3)}"


@dataclass(frozen=True, slots=True)
class Choice:
    """What a run is given that its options leave open.

    ``hard_neg_against`` is None where there are no hard negatives; ``optimism`` is by how much the best of all epochs
    of all trials looks too good on the queries that chose it.
    """

    learning_rate: float
    hard_neg_against: Against | None
    metric: str
    trials: tuple[Trial, ...] = ()
    optimism: float | None = None
    elapsed_s: float = 0.0

    def as_config(self) -> dict[str, Any]:
        """Plain values, the same for the same run: without the time."""
        plain: dict[str, Any] = encode(self)
        return {name: value for name, value in plain.items() if name != "elapsed_s"}

    def in_words(self, validator: Validator | None) -> str:
        """What was chosen, from what, and what that says."""
        chosen = f"learning rate {self.learning_rate:g}"
        if self.hard_neg_against is not None:
            chosen += f", hard negatives against {_WORDS[self.hard_neg_against]}"
        if validator is None:
            return f"Fixed, because there is no validation to choose by: {chosen}"
        if not self.trials:
            return f"Fixed, because validation has too few queries to choose by: {chosen}"
        tried = ", ".join(trial.in_words() for trial in self.trials)
        queries = queries_in_words(validator.n_queries, validator.n_effective)
        found = {(t.learning_rate, t.hard_neg_against): t.value for t in self.trials if t.value is not None}
        kept = found.get((self.learning_rate, self.hard_neg_against), math.inf)
        why = (
            "; none beats the one chosen by more than one standard error"
            if max(found.values(), default=0.0) > kept
            else ""
        )
        luck = ""
        if self.optimism is not None:
            luck = f". The best looks about {number(self.optimism, 3)} too good, because these queries chose it"
        return (
            f"Chosen in {self.elapsed_s:.1f} s on {queries} of the validation set: {chosen}\n"
            f"       Best {self.metric} of {len(self.trials)} short runs: {tried}{why}{luck}"
        )


def chosen(
    data: TrainingData, settings: TrainSettings, validator: Validator | None, device: str, log: Log = SILENT
) -> Choice | None:
    """Learning rate and hard negatives for ``settings`` that state one or neither; None where nothing is open.

    One after the other, the learning rate first, from the standard value outwards: another takes its place where the
    best epoch of a short run is better by more than one standard error, by the rank metric that the best head is held
    against its base by. Where fewer than 30 effectively independent validation queries would choose, nothing is tried
    and the standard values are given.
    """
    has_open_against = settings.hard_neg_against is None and len(data.negatives) > 0
    if settings.learning_rate is not None and not has_open_against:
        return None
    against = against_of(settings) if len(data.negatives) else None
    found = Choice(rate_of(settings), against, compared_metric(settings))
    if validator is None or not can_choose(validator):
        return found
    rates = RATES if settings.learning_rate is None else (settings.learning_rate,)
    with log.progress("Short runs", unit="pairs") as progress:
        n_trials = len(rates) + has_open_against
        sweep = _Sweep(_part_of(data, settings), settings, validator, device, found, n_trials, progress)
        sweep.try_each(Candidate(rate, against) for rate in rates)
        if has_open_against:
            sweep.try_each([Candidate(sweep.best.learning_rate, Against.BOTH)])
        return sweep.outcome()


class _Sweep:
    """Trials, and the value of each validation query after each of their epochs."""

    def __init__(
        self,
        data: TrainingData,
        settings: TrainSettings,
        validator: Validator,
        device: str,
        standard: Choice,
        n_trials: int,
        progress: ProgressCallback,
    ) -> None:
        n_epochs = epochs_for(TRIAL_STEPS, len(data), settings.batch_size, least=1, most=TRIAL_STEPS)
        self._data, self._validator, self._device, self._standard = data, validator, device, standard
        self._settings = replace(settings, select=standard.metric, epochs=n_epochs)
        self._n_trials, self._progress = n_trials, progress
        self._started = time.perf_counter()
        self._weight = initial_weight(data, settings)
        self._trials: list[Trial] = []
        self._columns: list[Float64Array] = []
        self._values: Float64Array | None = None  # of the best so far
        self.best = Candidate(standard.learning_rate, standard.hard_neg_against)

    def try_each(self, candidates: Iterable[Candidate]) -> None:
        """A short run of each; what is surely better than the best so far takes its place."""
        for candidate in candidates:
            found = self._values_of(replace(self._settings, **candidate._asdict()))
            self._columns += found
            best = max(found, key=np.mean, default=None)
            self._trials.append(Trial(*candidate, None if best is None else float(best.mean())))
            if best is not None and (self._values is None or self._validator.is_improvement(best, self._values)):
                self.best, self._values = candidate, best

    def _values_of(self, settings: TrainSettings) -> list[Float64Array]:
        """The figure of each validation query after each epoch; none where the run left the range of numbers."""
        n_before = len(self._trials)

        def progress(done: int, total: int, message: str | None = None) -> None:
            self._progress(n_before * total + done, self._n_trials * total)

        try:
            return list(
                values_after_epochs(
                    self._data, settings, self._validator, self._device, weight=self._weight, progress=progress
                )
            )
        except EmbedscopeError:
            return []

    def outcome(self) -> Choice:
        """What was chosen, and from what."""
        optimism = self._validator.optimism(np.column_stack(self._columns)) if self._columns else math.nan
        elapsed_s = time.perf_counter() - self._started
        known = None if math.isnan(optimism) else optimism  # no halves of queries that all hang together
        return Choice(*self.best, self._standard.metric, tuple(self._trials), known, elapsed_s)


def _part_of(data: TrainingData, settings: TrainSettings) -> TrainingData:
    """The pairs of a trial: all of them, or a random part where they are more than its steps take."""
    most = TRIAL_STEPS * settings.batch_size
    if len(data) <= most:
        return data
    rows = np.sort(np.random.default_rng([settings.seed, 4]).permutation(len(data))[:most])
    return replace(data, queries=data.queries[rows], positives=data.positives[rows])
