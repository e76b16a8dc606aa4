"""One model on several data sets: a run on each, the means over them, one verdict.

The model is loaded once, and a text that stands in several sets is encoded once. Sets are measured one after the other,
so that the vectors of one are in memory at a time; all are read first, so that one that cannot be read stops the run
before anything is encoded.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from os import PathLike
from pathlib import Path
from statistics import fmean
from tempfile import TemporaryDirectory
from typing import Any

from embedscope.comparison.comparing import ComparedRuns, MeasuredRuns, judge_runs, measure_runs, run_names
from embedscope.data.collection import Collection
from embedscope.data.readers import read_collection
from embedscope.data.readers.objects import describe_object
from embedscope.data.readers.set_folders import folder_names, named_sets
from embedscope.decide.reference import PRIMARY
from embedscope.decide.sensitivity import n_independent
from embedscope.decide.sets_verdict import judge_sets_alone, judge_sets_compared
from embedscope.decide.verdict import judge
from embedscope.errors import (
    DataFormatError,
    IncomparableRunsError,
    InvalidEmbeddingsError,
    InvalidOptionError,
    TooFewPointsError,
)
from embedscope.log import SILENT, Log
from embedscope.measure.rank_metrics import PRIMARY_METRICS
from embedscope.models.cache import EmbeddingStore
from embedscope.models.model import Model
from embedscope.pipeline import TrainingFile, checked_name, objects_apart, read, run_on, with_criteria
from embedscope.result import (
    BASELINES,
    SIGNIFICANCE,
    Comparison,
    Criteria,
    Estimate,
    Macro,
    Result,
    Scored,
    SetResult,
    SeveralSets,
    Verdict,
    extended,
)
from embedscope.result.formatting import estimate
from embedscope.result.saved_run import folders_of_sets
from embedscope.result.several_sets import SHOWN
from embedscope.settings import SET, Settings
from embedscope.stats.macro import macro_difference, macro_mean
from embedscope.stats.resampler import holm_over
from embedscope.systems import Loader, load

OnSetStage = Callable[[str, Scored], None]
Rows = Mapping[str, tuple[Comparison, ...]]
"""Paired differences to the reference, by set."""


@dataclass(frozen=True, slots=True, eq=False)
class DataSet:
    """One of several data sets, read; ``folder`` is the name of its folder in the output."""

    name: str
    path: str
    folder: str
    collection: Collection


@dataclass(frozen=True, slots=True, eq=False)
class SetRuns:
    """A run on each of several sets by name, and what they say as one."""

    results: Mapping[str, Result]
    found: SeveralSets
    compared: Mapping[str, ComparedRuns] = field(default_factory=dict)  # where several runs were compared

    @property
    def verdict(self) -> Verdict:
        """The one on all sets."""
        return self.found.verdict

    @property
    def verdict_line(self) -> str | None:
        """The line for monitors; None without a reference."""
        return self.found.verdict_line

    @property
    def macro(self) -> Macro:
        """The means over the sets."""
        return self.found.macro

    def __repr__(self) -> str:
        """The verdict, and the mean over the sets."""
        mean, word = estimate(self.macro.metrics[SHOWN]), self.verdict.outcome.value.upper()
        return f"{word} <SetRuns of {len(self.results)} sets: mean {SHOWN} {mean}>"

    def _repr_html_(self) -> str:
        """The summary: each set on a line. The page of one is ``results[name]``."""
        from embedscope.output.notebook.summary_html import sets_summary

        return f"<div>{sets_summary(self.found)}</div>"


def run_sets(
    data: Sequence[str | PathLike[str]] | Mapping[str, Any] = (),
    settings: Settings | None = None,
    log: Log = SILENT,
    *,
    on_stage: OnSetStage = lambda name, stage: None,
    **options: Any,
) -> SetRuns:
    """What `run` finds on each of several data sets, the means over them, and one verdict.

    Parameters
    ----------
    data : sequence of paths, or mapping of name to data set
        Files and folders of data sets, or folders of them; by name also objects that `read_collection` takes.
    on_stage : callable
        Is given the name of a set and what was scored and diagnosed of it and its result, as soon as each is there.
        With a reference the verdict of the result changes once all sets are measured.
    **options
        Single settings by name, over ``settings``. In ``embeddings``, ``run`` and ``baseline`` ``{set}`` stands for the
        folder name of each set; ``baseline`` may be the folder of an old run on these sets.

    Raises
    ------
    InputError
        As `run`; the message names the set.
    """
    options, objects = objects_apart(options)
    chosen, criteria, reader = with_criteria((settings or Settings()).with_options(**options))
    names = (checked_name(chosen, reader), chosen.model.baseline)
    sets = read_sets(data, chosen, log)
    baselines = {} if names[1] is None else names_on_sets(names[1], sets)
    if chosen.model.checkpoint is None:
        names_on_sets(names[0], sets)  # before any set is measured
    training = TrainingFile.of(chosen, log, objects.get("train"))
    if training is not None:
        objects["train"] = training.collection
    results: dict[str, Result] = {}
    with encoding_once(chosen) as encoding:
        loader = loading_once()
        for place, each in enumerate(sets, start=1):
            log.step(f"Set {place} of {len(sets)}: {each.name}")
            own = settings_of(each, encoding, baseline=baselines.get(each.name))
            on_own_stage = partial(on_stage, each.name)
            with naming(each.name):
                result = run_on(own, {**objects, "data": each.collection}, log, on_stage=on_own_stage, loader=loader)
            on_own_stage(result)
            results[each.name] = result
    rows = {name: tuple(c for c in result.comparisons if c.b not in BASELINES) for name, result in results.items()}
    if names[1] is not None:
        rows = over_sets(rows, chosen.measure.draws, log)
        results = {name: _verdict_by(rows[name], result, criteria, len(sets)) for name, result in results.items()}
        rows = {name: tuple(replace(c, a=names[0], b=names[1]) for c in own) for name, own in rows.items()}
    return SetRuns(results, as_one(results, rows, sets, chosen, checkpoint=names[0], reference=names[1]))


def compare_sets(
    *checkpoints: str,
    data: Sequence[str | PathLike[str]] | Mapping[str, Any] = (),
    settings: Settings | None = None,
    skip_maps: bool = False,
    log: Log = SILENT,
    **options: Any,
) -> SetRuns:
    """What `compare` finds on each of several data sets, the means over them, and one verdict.

    Of several candidates the one with the largest mean difference in MRR is judged, on every set; Holm's correction
    over all sets and candidates pays for the choice.

    Parameters
    ----------
    *checkpoints : str
        As `compare` takes them; ``{set}`` stands for the folder name of each set, and the reference may be the folder
        of an old run on these sets.
    data, options
        As `run_sets` takes them.

    Raises
    ------
    InputError
        As `compare`; the message names the set.
    """
    options, objects = objects_apart(options)
    chosen, criteria, reader = with_criteria((settings or Settings.of(max_samples=0)).with_options(**options))
    names = run_names(checkpoints, chosen.model.baseline)
    sets = read_sets(data, chosen, log)
    on_sets = {name: names_on_sets(name, sets) for name in names}
    training = TrainingFile.of(chosen, log, objects.get("train"))
    measured: dict[str, MeasuredRuns] = {}
    with encoding_once(chosen) as encoding:
        loader = loading_once()
        baselines = {} if chosen.model.baseline is None else on_sets[chosen.model.baseline]
        own = {each.name: settings_of(each, encoding, baseline=baselines.get(each.name)) for each in sets}
        for place, each in enumerate(sets, start=1):
            log.step(f"Set {place} of {len(sets)}: {each.name}")
            called = [on_sets[name][each.name] for name in names]
            with naming(each.name):
                collection = read(own[each.name], log, each.collection)
                measured[each.name] = measure_runs(
                    called, collection, own[each.name], training=training, log=log, loader=loader
                )
        rows = over_sets(
            {name: found.comparison.comparisons for name, found in measured.items()}, chosen.measure.draws, log
        )
        general = {each.name: {on_sets[name][each.name]: name for name in names} for each in sets}
        same = {
            name: tuple(replace(row, a=general[name][row.a], b=general[name][row.b]) for row in found)
            for name, found in rows.items()
        }
        candidate = _best_on_all(same)
        compared = {}
        for each in sets:
            found = _on_one_set(measured[each.name], rows[each.name], on_sets[candidate][each.name])
            log.step(f"Looking closer at {each.name}")
            with naming(each.name):
                compared[each.name] = judge_runs(
                    found, on_sets[candidate][each.name], own[each.name], criteria, reader,
                    skip_maps=skip_maps, n_sets=len(sets), log=log,
                )  # fmt: skip
    results = {name: found.result for name, found in compared.items()}
    reference = same[sets[0].name][0].b
    return SetRuns(results, as_one(results, same, sets, chosen, checkpoint=candidate, reference=reference), compared)


def _best_on_all(rows: Rows) -> str:
    """The candidate with the largest mean difference in MRR over the sets."""
    by_candidate: dict[str, list[float]] = {}
    for row in (row for own in rows.values() for row in own if row.metric == PRIMARY):
        by_candidate.setdefault(row.a, []).append(row.difference)
    return max(by_candidate, key=lambda name: sum(by_candidate[name]))


def _on_one_set(found: MeasuredRuns, rows: Sequence[Comparison], candidate: str) -> MeasuredRuns:
    """The runs on one set with the differences as corrected over all sets, and the candidate that was chosen on all."""
    comparison, best = found.comparison, found.comparison.best
    if best is not None:
        own = _primary(rows, candidate)
        best = replace(best, best=candidate, difference=own.difference, p_adjusted=own.p_adjusted)
    return replace(found, comparison=replace(comparison, comparisons=tuple(rows), best=best))


# --- the sets -----------------------------------------------------------------------------------------------------


def read_sets(
    data: Sequence[str | PathLike[str]] | Mapping[str, Any], settings: Settings, log: Log = SILENT
) -> list[DataSet]:
    """Every data set, read as the settings say; ``log`` hears what they share.

    Raises
    ------
    InvalidOptionError
        If none is named or one twice, or a query that is to be shown is in none of them.
    DataFormatError, TooFewPointsError
        If one cannot be read.
    """
    own = settings.data
    if not isinstance(data, Mapping) and isinstance(data, str | PathLike):
        data = [data]
    objects = data if isinstance(data, Mapping) else named_sets([str(path) for path in data], split=own.split)
    if not objects:
        raise InvalidOptionError("Pass --data: the data sets to measure with.")
    folders = folder_names([*objects])
    sets = []
    for name, found in objects.items():
        with naming(name):
            sets.append(DataSet(name, describe_object(found), folders[name], read_collection(found, **own.reading)))
    for text in settings.measure.query:
        if not any(_asks_for(text, each.collection) for each in sets):
            raise InvalidOptionError(f"--query '{text}' is contained in no query of the {len(sets)} data sets.")
    seen: dict[str, str] = {}
    for each in sets:
        shared = {seen[query] for query in each.collection.queries if query in seen}
        if shared:
            log.warn(f"{each.name} has queries that {', '.join(sorted(shared))} has too: they count in each")
        seen |= dict.fromkeys(each.collection.queries, each.name)
    return sets


def _asks_for(text: str, collection: Collection) -> bool:
    return any(text.strip().casefold() in query.casefold() for query in collection.queries)


@contextmanager
def naming(name: str) -> Iterator[None]:
    """Put the name of a set in front of what is wrong with it."""
    try:
        yield
    except (
        DataFormatError, TooFewPointsError, InvalidOptionError, InvalidEmbeddingsError, IncomparableRunsError
    ) as error:  # fmt: skip
        raise type(error)(f"{name}: {error}") from error


@contextmanager
def encoding_once(settings: Settings) -> Iterator[Settings]:
    """The settings with a cache for the while, where they want none: a text that is met again is encoded once."""
    if not settings.model.no_cache:
        yield settings
        return
    with TemporaryDirectory(prefix="embedscope-") as folder:
        yield settings.with_options(no_cache=False, cache_dir=folder)


def loading_once() -> Loader:
    """`load`, whose models stay loaded: every set is encoded by the same."""
    loaded: dict[str, tuple[EmbeddingStore, Model]] = {}

    def loader(name: str, settings: Settings, log: Log) -> tuple[EmbeddingStore, Model]:
        if name not in loaded:
            loaded[name] = load(name, settings, log)
        return loaded[name]

    return loader


def names_on_sets(name: str, sets: Sequence[DataSet]) -> dict[str, str]:
    """What a model or reference is called on each set: a part of an old run on several sets, or `SET` filled in.

    Raises InvalidOptionError if the old run lacks a set, or there is a file or folder of some sets and none of others.
    """
    saved = folders_of_sets(name)
    if saved is None:
        filled = {each.name: name.replace(SET, each.folder) for each in sets}
        paths = {own: Path(path).expanduser() for own, path in filled.items()}
        absent = [own for own, path in paths.items() if not path.exists()]
        is_path = len(absent) < len(sets) or any(path.parent.is_dir() for path in paths.values())
        if SET in name and absent and is_path:
            raise InvalidOptionError(
                f"{name}: {filled[absent[0]]} does not exist, so there is nothing on {', '.join(absent)}. {SET} stands "
                f"for the folder name of each set: {', '.join(each.folder for each in sets)}."
            )
        return filled
    missing = [each.name for each in sets if each.name not in saved]
    if missing:
        raise InvalidOptionError(
            f"{name} is a run on {', '.join(saved)}, and has nothing on {', '.join(missing)}. Run it on the same sets."
        )
    return {each.name: str(saved[each.name]) for each in sets}


def settings_of(each: DataSet, settings: Settings, *, baseline: str | None) -> Settings:
    """The settings of the run on one set."""
    model = settings.model
    files = {name: getattr(model, name) for name in ("embeddings", "run")}
    return settings.with_options(
        data=each.path,
        baseline=baseline,
        query=[text for text in settings.measure.query if _asks_for(text, each.collection)],
        **{name: path.replace(SET, each.folder) for name, path in files.items() if path is not None},
    )


# --- all sets as one ----------------------------------------------------------------------------------------------


def over_sets(rows: Rows, n_draws: int, log: Log) -> dict[str, tuple[Comparison, ...]]:
    """The differences with p corrected by Holm over the primary metrics of all sets: one family of tests.

    ``log`` hears where ``n_draws`` draws, of which a p-value is a share, are too few for so many tests.
    """
    n_tests = sum(row.metric in PRIMARY_METRICS for own in rows.values() for row in own)
    if n_tests / (n_draws + 1) >= SIGNIFICANCE:
        log.warn(
            f"with --draws {n_draws} no set can be surely worse or better, because p is corrected over {n_tests} "
            f"tests: pass --draws {max(10_000, 100 * n_tests)}"
        )
    corrected = iter(holm_over([row for own in rows.values() for row in own], PRIMARY_METRICS))
    return {name: tuple(next(corrected) for _ in own) for name, own in rows.items()}


def _verdict_by(rows: Sequence[Comparison], result: Result, criteria: Criteria, n_sets: int) -> Result:
    """The result with ``rows`` in place of its differences to the reference, and the verdict by them."""
    kept = tuple(c for c in result.comparisons if c.b in BASELINES)
    changed = extended(result, type(result), comparisons=(*kept, *rows))
    checklist, verdict = judge(changed, criteria, n_sets=n_sets)
    return extended(changed, type(changed), checklist=checklist, verdict=verdict)


def as_one(
    results: Mapping[str, Result],
    rows: Rows,
    sets: Sequence[DataSet],
    settings: Settings,
    *,
    checkpoint: str,
    reference: str | None,
) -> SeveralSets:
    """The results as one; ``rows`` are the differences to the reference, the names of both the same on all sets."""
    macro = macro_of(results, rows)
    if reference is None:
        verdict = judge_sets_alone(results, macro.metrics.get(PRIMARY))
    else:
        own = {name: _primary(found, checkpoint) for name, found in rows.items()}
        verdict = judge_sets_compared(results, own, _primary(macro.comparisons, checkpoint))
    found = [
        SetResult(
            name=each.name,
            path=each.path,
            folder=f"sets/{each.folder}",
            n_queries=result.data.n_queries,
            n_effective=result.data.n_effective,
            n_documents=result.data.n_documents,
            metrics=result.metrics,
            comparisons=rows[each.name],
            checklist=result.checklist,
            verdict=result.verdict,
            lexical_baseline=result.lexical_baseline,
        )
        for each, result in zip(sets, results.values(), strict=True)
    ]
    inputs = settings.inputs() | {"data": [each.path for each in sets]}
    return SeveralSets(checkpoint, reference, tuple(found), macro, verdict, settings.measure.seed, inputs)


def _primary(rows: Sequence[Comparison], run: str) -> Comparison:
    return next(row for row in rows if row.a == run and row.metric == PRIMARY)


def macro_of(results: Mapping[str, Result], rows: Rows) -> Macro:
    """The means over the sets of every metric, and of every difference, that all of them have."""
    found = list(results.values())
    common = [name for name in found[0].metrics if all(name in result.metrics for result in found)]
    lexical = {name: [m.lexical for m in (r.metrics[name] for r in found) if m.lexical is not None] for name in common}
    sizes = [n_independent(result.data) for result in found]
    by_test: dict[tuple[str, str], list[Comparison]] = {}
    for row in (row for own in rows.values() for row in own):
        by_test.setdefault((row.a, row.metric), []).append(row)
    means = [_mean_of(own, sizes) for own in by_test.values() if len(own) == len(found)]
    return Macro(
        metrics={name: macro_mean([result.metrics[name].estimate for result in found]) for name in common},
        lexical={name: fmean(own) for name, own in lexical.items() if len(own) == len(found)},
        comparisons=holm_over(means, PRIMARY_METRICS),
    )


def _mean_of(rows: Sequence[Comparison], sizes: Sequence[float]) -> Comparison:
    """The mean of one difference over the sets, with its test."""
    found = macro_difference([Estimate(row.difference, row.low, row.high) for row in rows], sizes)
    return replace(
        rows[0],
        difference=found.difference,
        low=found.low,
        high=found.high,
        p=found.p,
        p_adjusted=found.p,
        effect_size=None,
        wins=sum(row.wins for row in rows),
        losses=sum(row.losses for row in rows),
        ties=sum(row.ties for row in rows),
    )
