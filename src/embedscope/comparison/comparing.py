"""Several runs on one data set: measured alike, compared with the first, the best candidate judged."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from embedscope.comparison.animation import lay_out_runs
from embedscope.comparison.paired import compare_runs
from embedscope.comparison.timeline import build_timeline, epoch_of, timeline_names
from embedscope.data.collection import Collection
from embedscope.decide.reference import reference_of_runs
from embedscope.decide.verdict import judge_comparison
from embedscope.diagnose.themes import ThemeLevel
from embedscope.errors import InvalidOptionError, TooFewPointsError
from embedscope.kept import KeptResults
from embedscope.log import SILENT, Log
from embedscope.measure.query_set import QuerySet
from embedscope.measure.ranked import Ranked, rank
from embedscope.measure.same_data import unequal_depths
from embedscope.models.embed import Embeddings
from embedscope.output.notebook.shown_result import ShownResult
from embedscope.pipeline import (
    TrainingFile,
    diagnose,
    mapped_with_themes,
    measure,
    no_maps,
    objects_apart,
    read,
    shown,
    themes_of,
    with_criteria,
    without_maps,
)
from embedscope.protocols import AttributeReader
from embedscope.result import (
    Criteria,
    Diagnosed,
    MapAnimation,
    Mapped,
    RunComparison,
    Scored,
    Timeline,
    run_labels,
)
from embedscope.result.formatting import difference
from embedscope.result.saved_run import is_run_folder, read_run
from embedscope.settings import Settings
from embedscope.systems import (
    Embedded,
    Loader,
    embed_with,
    plain,
    require_encoder,
    require_there,
    warn_of_depths,
    warn_of_missing,
)

ANIMATION_POINTS = 3_000
"""Points on the maps of the runs: each run costs a map of each kind, and the eye follows no more."""


@dataclass(frozen=True, slots=True, eq=False)
class ComparedRuns:
    """Runs on the same queries, what changed between them, and the result of the candidate that is judged."""

    runs: Mapping[str, Scored]  # the reference first
    comparison: RunComparison
    candidate: str
    result: ShownResult  # of the candidate; its verdict is the comparison's
    timeline: Timeline | None
    animations: tuple[MapAnimation, ...]

    @property
    def verdict_line(self) -> str:
        """The line for monitors: ``VERDICT: WIN | score=0.3472 | baseline=0.2419 | delta=+0.1052 [...]``."""
        found = reference_of_runs(self.comparison)
        return self.result.line_of(found.difference, self.runs[found.name].metrics[found.difference.metric].value)

    def __repr__(self) -> str:
        """The verdict, the runs, and the difference that decides."""
        found, names = reference_of_runs(self.comparison), run_labels(self.runs)
        word = self.result.verdict.outcome.value.upper()
        return f"{word} <ComparedRuns of {len(self.runs)}: {names[self.candidate]} against {names[found.name]}, " + (
            f"{found.difference.metric} {difference(found.difference)}>"
        )

    def _repr_html_(self) -> str:
        """The summary, and the page of the comparison in its frame."""
        from embedscope.output.notebook.summary_html import comparison_summary, framed, page_of

        names = run_labels(self.runs)
        summary = comparison_summary(self.result, self.comparison.comparisons, names)
        return f"<div>{summary}{framed(page_of(self.result, **page_sections(self)))}</div>"


def page_sections(found: ComparedRuns) -> dict[str, Any]:
    """What the page of the judged candidate has beside it: the comparison, and the timeline or the animation."""
    from embedscope.output.page.sections import animation_section, comparison_section, timeline_section_of

    timeline, moving = found.timeline, None
    if timeline is not None and found.candidate in timeline.names:
        place = timeline.names.index(found.candidate)
        moving = timeline_section_of(timeline, found.animations, found.result, shown=place)
    elif found.animations:
        moving = animation_section(found.runs, found.animations, found.result, shown=found.candidate)
    compared = comparison_section(found.runs, found.comparison, shown=found.candidate)
    return {"compare": compared, "timeline": moving}


def compare(
    *checkpoints: str,
    settings: Settings | None = None,
    skip_maps: bool = False,
    log: Log = SILENT,
    **options: Any,
) -> ComparedRuns:
    """Two or more runs on the same queries, paired; those of one training also as a timeline.

    Parameters
    ----------
    *checkpoints : str
        Checkpoints or embedding files, the reference first, which may also be the folder of an old run.
        ``baseline`` names another reference.
    skip_maps : bool
        Leave the maps of the runs out.
    **options
        Single settings by name, over ``settings``; ``data`` and ``train`` may be objects, as `run` takes them.

    Raises
    ------
    InputError
        If fewer than two different runs are named, or one of them, the data or an option cannot be used.
    """
    options, objects = objects_apart(options)
    chosen = (settings or Settings.of(max_samples=0)).with_options(**options)
    names = run_names(checkpoints, chosen.model.baseline)
    chosen, criteria, reader = with_criteria(chosen)
    collection = read(chosen, log, objects.get("data"))
    training = TrainingFile.of(chosen, log, objects.get("train"))
    measured = measure_runs(names, collection, chosen, training=training, log=log)
    comparison = measured.comparison
    candidate = comparison.best.best if comparison.best is not None else comparison.candidates[0]
    return judge_runs(measured, candidate, chosen, criteria, reader, skip_maps=skip_maps, log=log)


def compare_folders(
    reference: str, candidate: str, *, settings: Settings | None = None, log: Log = SILENT
) -> ComparedRuns:
    """Two runs that were written before, by their folders, as `compare` has them: no data set and no model is read.

    Raises
    ------
    InputError
        If a folder is none of a run, or the two were measured on different queries, judgments or pools.
    """
    chosen, criteria, _ = with_criteria(settings or Settings.of(max_samples=0))
    names = run_names((reference, candidate), None)
    old = {name: read_run(name) for name in names}
    runs = _with_common_metrics(old, log)
    comparison = compare_runs(runs, reference=reference, settings=chosen)
    checklist, verdict = judge_comparison(comparison, old[candidate], criteria)
    return ComparedRuns(runs, comparison, candidate, shown(old[candidate], chosen, checklist, verdict), None, ())


@dataclass(frozen=True, slots=True, eq=False)
class MeasuredRuns:
    """Runs on the same queries, measured and compared with the first; none is diagnosed yet."""

    collection: Collection
    embedded: Mapping[str, Embedded]  # but for a reference that was measured before
    ranked: Mapping[str, Ranked]
    measured: Mapping[str, Scored]
    runs: Mapping[str, Scored]  # with the metrics that all of them have
    comparison: RunComparison
    epochs: Sequence[str]


def measure_runs(
    names: Sequence[str],
    collection: Collection,
    settings: Settings,
    *,
    training: TrainingFile | None = None,
    log: Log = SILENT,
    loader: Loader | None = None,
) -> MeasuredRuns:
    """The runs ``names``, the reference first, each measured and compared with it; ``loader`` stands for `load`."""
    # All is encoded before anything is measured, so that a checkpoint that cannot be read stops the run early. A
    # reference that was measured before needs no vectors, and only a lone candidate is held against its base as well.
    to_encode = names[1:] if is_run_folder(names[0]) else names
    lone = names[1] if len(names) == 2 else None
    require_encoder(to_encode, settings)
    require_there(to_encode, settings)
    kept = KeptResults.of(settings, log.warn)
    settings_of = {name: plain(settings) if name == settings.model.baseline else settings for name in to_encode}
    embedded = {
        name: embed_with(name, collection, own, log, with_base=name == lone, loader=loader)
        for name, own in settings_of.items()
    }
    epochs = timeline_names({name: run.system.facts for name, run in embedded.items()})
    names = _in_order(names, epochs, reference=settings.model.baseline)
    embedded = {name: embedded[name] for name in names if name in embedded}
    labels = run_labels(names)
    if epochs:
        first, last = (epoch_of(name, embedded[name].system.facts) for name in (epochs[0], epochs[-1]))
        log.step(
            f"{len(epochs)} checkpoints of one training make a timeline, epoch {first} to {last}; the reference is "
            f"{labels[names[0]]} (--baseline names another)"
        )
    query_set = QuerySet.of(collection, seed=settings.measure.seed, draws=settings.measure.draws)
    ranked: dict[str, Ranked] = {}
    measured: dict[str, Scored] = {} if names[0] in embedded else {names[0]: read_run(names[0])}
    for name, run in embedded.items():
        log.step(f"Measuring {labels[name]}")
        ranked[name] = rank(collection, run.system, query_set, settings)
        measured[name] = measure(collection, run, ranked[name], settings, training=training, kept=kept)
    warn_of_depths({name: embedded[name].system if name in embedded else run for name, run in measured.items()}, log)
    runs = _with_common_metrics(measured, log)
    comparison = compare_runs(runs, reference=names[0], settings=settings)
    return MeasuredRuns(collection, embedded, ranked, measured, runs, comparison, epochs)


def judge_runs(
    found: MeasuredRuns,
    candidate: str,
    settings: Settings,
    criteria: Criteria,
    reader: AttributeReader,
    *,
    skip_maps: bool = False,
    n_sets: int = 1,
    log: Log = SILENT,
) -> ComparedRuns:
    """The runs with ``candidate`` diagnosed and judged; ``n_sets`` as `judge_comparison` takes it."""
    embedded, ranked, epochs = found.embedded, found.ranked, found.epochs
    timeline = build_timeline({name: found.runs[name] for name in epochs}, settings) if epochs else None
    kept = KeptResults.of(settings, log.warn)
    themes = themes_of(ranked[candidate], settings, kept)
    diagnosed = diagnose(
        found.measured[candidate],
        found.collection,
        embedded[candidate],
        ranked[candidate],
        settings.with_options(explain=settings.measure.explain or 0),
        themes=themes,
        attributes=reader,
        log=log,
        kept=kept,
    )
    kept.tell(log.step)
    mapped_runs = {name: embedded[name] for name in epochs} if candidate in epochs else embedded
    with_vectors = {name: run.embeddings for name, run in mapped_runs.items() if run.embeddings is not None}
    methods = () if skip_maps or len(with_vectors) < 2 or candidate not in with_vectors else settings.maps.methods
    mapped, animations = _with_maps(
        diagnosed, themes, with_vectors, candidate, found.collection, methods, settings, log
    )
    reference = found.comparison.reference
    systems = {n: embedded[n].system if n in embedded else found.measured[n] for n in (reference, candidate)}
    depths = unequal_depths(systems)
    mapped = replace(mapped, caveats=mapped.caveats if depths is None else (*mapped.caveats, depths))
    checklist, verdict = judge_comparison(found.comparison, mapped, criteria, n_sets=n_sets)
    result = shown(mapped, settings, checklist, verdict)
    return ComparedRuns(found.runs, found.comparison, candidate, result, timeline, animations)


def run_names(checkpoints: Sequence[str], baseline: str | None) -> list[str]:
    """The runs as they were named; the baseline first, where there is one."""
    names = [str(name) for name in checkpoints]
    if baseline is not None:
        names = [baseline, *(name for name in names if name != baseline)]
    repeated = sorted({name for name in names if names.count(name) > 1})
    if len(names) < 2 or repeated:
        came = f"'{repeated[0]}' twice" if repeated else f"only '{names[0]}'" if names else "none"
        raise InvalidOptionError(
            f"compare needs two or more different checkpoints; {came} came. Pass the reference first: "
            f"embedscope compare CHECKPOINT CHECKPOINT --data FILE, or name it with --baseline."
        )
    return names


def _in_order(names: Sequence[str], epochs: Sequence[str], *, reference: str | None) -> list[str]:
    """The runs, the reference first and the epochs of a training in their order: a shell gives epoch10 before epoch2.

    The reference is the one that was named, else the first run; the earliest epoch where that is one of the training.
    """
    rising = iter(epochs)
    ordered = [next(rising) if name in epochs else name for name in names]
    return ordered if reference is None else [reference, *(name for name in ordered if name != reference)]


def _with_common_metrics(runs: Mapping[str, Scored], log: Log) -> dict[str, Scored]:
    """The runs with the rank metrics that all of them have: an old run holds those that were named when it was made."""
    reference, *candidates = runs.values()  # the candidates were measured alike, just now
    common = [name for name in reference.metrics if name in candidates[0].metrics]
    warn_of_missing([name for name in candidates[0].metrics if name not in common], log)
    return {name: replace(run, metrics={m: run.metrics[m] for m in common}) for name, run in runs.items()}


def _with_maps(
    diagnosed: Diagnosed,
    themes: Sequence[ThemeLevel],
    embeddings: Mapping[str, Embeddings],
    candidate: str,
    collection: Collection,
    methods: Sequence[str],
    settings: Settings,
    log: Log,
) -> tuple[Mapped, tuple[MapAnimation, ...]]:
    """The candidate with its maps, and the animations of all runs; without any where none is asked for."""
    if not methods:
        return without_maps(diagnosed, no_maps(diagnosed), themes), ()
    log.step(f"Laying out the maps of {len(embeddings)} runs, each from the one before")
    try:
        with log.progress("Maps", unit="maps") as progress:
            made = lay_out_runs(
                embeddings,
                candidate,
                diagnosed.queries,
                collection,
                settings.with_options(map_points=ANIMATION_POINTS),
                methods=methods,
                progress=progress,
            )
    except TooFewPointsError:
        log.warn("the page has no map of the runs: there are too few points for one")
        return without_maps(diagnosed, "there are too few points for a map", themes), ()
    return mapped_with_themes(diagnosed, made.points, made.maps, themes), made.animations
