"""The runs of one training, as they come, each held against the first."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from embedscope.comparison.paired import compare_runs, resampler_of
from embedscope.decide.reference import PRIMARY, reference_of_runs
from embedscope.decide.verdict import judge_comparison
from embedscope.protocols import Float64Array
from embedscope.result import Criteria, Result, VerdictOutcome
from embedscope.result.formatting import verdict_line
from embedscope.settings import Settings
from embedscope.stats.resampler import Stream


class AgainstFirst:
    """Compares each run after the first with the first, on the primary metric, paired on the same queries.

    The p-value pays for how many runs there were: Holm over the primary metrics for the first of them, as for two
    runs that are compared, and single-step max-T over all of them from the next one on.
    """

    def __init__(self, settings: Settings, criteria: Criteria) -> None:
        self._settings, self._criteria = settings, criteria
        self._first: Result | None = None
        self._differences: list[Float64Array] = []  # each later run minus the first, (Q,)

    def line_of(self, result: Result) -> str | None:
        """The verdict line of the run that ``result`` is of; None for the first.

        Raises
        ------
        IncomparableRunsError
            If the runs do not hold the same queries, relevant documents, hard negatives and pool.
        """
        first = self._first
        if first is None:
            self._first = result
            return None
        reference, candidate = first.model.checkpoint, result.model.checkpoint
        comparison = compare_runs({reference: first, candidate: result}, reference=reference, settings=self._settings)
        found = reference_of_runs(comparison).difference
        self._differences.append(result.queries.values[PRIMARY] - first.queries.values[PRIMARY])
        if len(self._differences) > 1:
            resampler = resampler_of(first.queries, self._settings, Stream.COMPARISON)
            test = resampler.best_of(np.column_stack(self._differences))
            found = replace(found, p_adjusted=float(test.p_adjusted[-1]))
        _, verdict = judge_comparison(comparison, result, self._criteria)
        is_fit = verdict.outcome is not VerdictOutcome.UNFIT
        score, baseline = (run.metrics[PRIMARY].value or 0.0 for run in (result, first))
        return verdict_line(found, score, baseline, is_fit=is_fit)
