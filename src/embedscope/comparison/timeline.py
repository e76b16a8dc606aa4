"""Checkpoints of one training run in a row: what each segment of training gained and lost, and when it was enough."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import replace
from itertools import pairwise
from pathlib import PurePath

import numpy as np

from embedscope.comparison.paired import moved_queries, resampler_of
from embedscope.errors import InvalidOptionError
from embedscope.measure.rank_metrics import PRIMARY_METRICS
from embedscope.measure.same_data import require_same_data
from embedscope.result import Comparison, ModelFacts, Scored, Segment, Timeline
from embedscope.result.formatting import difference, number, p_equals
from embedscope.settings import Settings
from embedscope.stats.resampler import Resampler, Stream

MIN_CHECKPOINTS = 3
"""Two checkpoints are a comparison."""

ALPHA = 0.05

_TIMES_FINER = 10
"""How many times below ``ALPHA`` the least p lies that the draws can give, after its adjustment."""

_RUN_ID = "config.run_id"
"""Where a checkpoint of ``embedscope train`` says which run it is of."""

_EPOCH_IN_NAME = re.compile(r"epoch[-_=.]?(\d+)", re.IGNORECASE)


def timeline_names(runs: Mapping[str, ModelFacts]) -> list[str]:
    """The runs that make a timeline, by their epochs; none where there are fewer than three.

    Checkpoints are of one training where they record the same run (``embedscope train`` gives each an id, which it
    keeps when it is resumed), or, where they record none, lie in one folder (or in folders of one folder that are named
    after epochs) over the same base model; and each says its epoch: in its record, else in its name. Of several
    trainings the one with the most epochs is taken, of equals the last. Of two checkpoints of one epoch, such as the
    best and the one saved on time, the one that is named after the epoch stands for both.
    """
    trainings: dict[tuple[object, ...], dict[int, str]] = {}
    for name, facts in runs.items():
        epoch = epoch_of(name, facts)
        if epoch is None:
            continue
        run = facts.training.get(_RUN_ID)
        found = trainings.setdefault(("run", run) if run else (facts.base_model, _folder_of(name)), {})
        if epoch not in found or (_named_epoch(found[epoch]) is None and _named_epoch(name) is not None):
            found[epoch] = name
    longest = max(reversed(trainings.values()), key=len, default={})
    return [longest[epoch] for epoch in sorted(longest)] if len(longest) >= MIN_CHECKPOINTS else []


def epoch_of(name: str, facts: ModelFacts) -> int | None:
    """The epoch after which a checkpoint was saved: as it records, else as its name says; None where neither does."""
    recorded = facts.training.get("epoch", "")
    return int(recorded) if recorded.isdecimal() else _named_epoch(name)


def _named_epoch(name: str) -> int | None:
    """7 in ``checkpoints/model_epoch7.pt`` and in ``epoch-007/model.safetensors``."""
    found = _EPOCH_IN_NAME.findall(str(PurePath(*PurePath(name).parts[-2:])))
    return int(found[-1]) if found else None


def _folder_of(name: str) -> PurePath:
    folder = PurePath(name).parent
    return folder.parent if _EPOCH_IN_NAME.search(folder.name) else folder


def epoch_numbers(runs: Mapping[str, ModelFacts]) -> tuple[int, ...]:
    """The epochs of checkpoints, where all say theirs and they rise; else 1, 2, ..."""
    epochs = [epoch for name, facts in runs.items() if (epoch := epoch_of(name, facts)) is not None]
    rises = len(epochs) == len(runs) and all(a < b for a, b in pairwise(epochs))
    return tuple(epochs) if rises else tuple(range(1, len(runs) + 1))


def build_timeline(runs: Mapping[str, Scored], settings: Settings) -> Timeline:
    """A training run over its checkpoints, on the first of the primary metrics.

    Over-fitting is named where the last checkpoint is worse than the best one: paired over the same queries, by the
    cluster sign-flip test, with p times the number of other checkpoints (Bonferroni), because the best was picked from
    all of them.

    Parameters
    ----------
    runs : mapping of name to Scored
        In the order of their epochs (see :func:`timeline_names`), measured on the same collection; two at least.
    settings : Settings
        Seed and draws of the intervals and tests.

    Raises
    ------
    IncomparableRunsError
        If the runs do not hold the same queries, judgments, hard negatives and pool.
    InvalidOptionError
        If there are fewer than two runs.
    """
    names = list(runs)
    if len(names) < 2:
        raise InvalidOptionError(f"A timeline needs at least 2 checkpoints; {len(names)} came.")
    first, metric = runs[names[0]], PRIMARY_METRICS[0]
    for name in names[1:]:
        require_same_data((names[0], name), (first.queries, runs[name].queries), (first.data, runs[name].data))
    resampler = resampler_of(first.queries, settings, Stream.TIMELINE)
    epochs = epoch_numbers({name: run.model for name, run in runs.items()})
    best = int(np.argmax([run.metrics[metric].value for run in runs.values()]))
    since_best = None
    if best != len(names) - 1:
        n_others = len(names) - 1
        # The least p that B draws can give is 1 / (B + 1); times the number of checkpoints it has to stay below ALPHA.
        enough = replace(resampler, n_draws=max(settings.measure.draws, math.ceil(n_others * _TIMES_FINER / ALPHA)))
        found = _compared(runs, names[best], names[-1], metric, enough)
        since_best = replace(found, p_adjusted=min(1.0, found.p * n_others))
    return Timeline(
        names=tuple(names),
        epochs=epochs,
        metric=metric,
        metrics={name: tuple(run.metrics[name].estimate for run in runs.values()) for name in first.metrics},
        violation_rates={
            name: tuple(run.negative_types[name].violation_rate for run in runs.values())
            for name in first.negative_types
        },
        segments=tuple(
            Segment(
                start=a,
                end=b,
                comparison=_compared(runs, a, b, metric, resampler),
                gained=moved_queries(runs[a], runs[b], lost=False),
                lost=moved_queries(runs[a], runs[b], lost=True),
            )
            for a, b in pairwise(names)
        ),
        best=best,
        since_best=since_best,
        over_fitting=None if since_best is None else _over_fitting(runs, since_best, epochs[best], epochs[-1]),
        n_queries=len(first.queries.texts),
        n_effective=first.data.n_effective,
    )


def _compared(runs: Mapping[str, Scored], a: str, b: str, metric: str, resampler: Resampler) -> Comparison:
    """Run ``b`` against the earlier run ``a``."""
    (found,) = resampler.compare(b, runs[b].queries.values, {a: runs[a].queries.values}, (metric,))
    return found


def _over_fitting(runs: Mapping[str, Scored], since: Comparison, best_epoch: int, last_epoch: int) -> str | None:
    """In words, where the fall since the best checkpoint is more than chance."""
    if since.difference >= 0 or since.p_adjusted > ALPHA:
        return None
    before, after = (runs[name].metrics[since.metric].value for name in (since.b, since.a))
    return (
        f"over-fitting: {since.metric} was best after epoch {best_epoch} ({number(before, 3)}) and is "
        f"{number(after, 3)} after epoch {last_epoch}, a change of {difference(since, 3)} "
        f"({p_equals(since.p_adjusted)} with the choice of the best paid for): training went on too long for these "
        f"queries"
    )
