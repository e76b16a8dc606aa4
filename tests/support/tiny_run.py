"""A run small enough to be checked by hand: four queries, six documents, two maps; a comparison; a training.

``python -m tests.support.tiny_run`` (from the root, with ``src`` on the path) writes the payloads in ``tests/golden``,
which the Python and the TypeScript tests read alike.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from embedscope.output.page.payload import page_payload
from embedscope.output.page.sections import comparison_section, timeline_section_of
from embedscope.protocols import Role
from embedscope.result import (
    BestOfMany,
    Check,
    CloudShape,
    Comparison,
    DataFacts,
    DecidingWord,
    Deletion,
    DeploymentCost,
    Distribution,
    DocumentTable,
    Estimate,
    Example,
    ExampleKind,
    Explanation,
    Explanations,
    Finding,
    Geometry,
    Heatmap,
    Hubness,
    IndexSetting,
    Leakage,
    LevelShift,
    Macro,
    MapAnimation,
    MapLayout,
    Metric,
    MinimalPairs,
    ModelFacts,
    NegativeType,
    Outcome,
    PerturbationEffect,
    Points,
    Power,
    QueryTable,
    Result,
    Robustness,
    RunComparison,
    Segment,
    SetResult,
    SeveralSets,
    Severity,
    Similarity,
    SpaceGeometry,
    StorageFormat,
    TextRole,
    Theme,
    ThresholdChoice,
    ThresholdTable,
    Timeline,
    TypeChange,
    Verdict,
    VerdictOutcome,
)

GOLDEN = Path(__file__).resolve().parents[1] / "golden"
REFERENCE = "runs/a/epoch3.pt"
CANDIDATE = "runs/b/epoch3.pt"
THIRD = "runs/c/epoch9.pt"
NAN = float("nan")

HOSTILE = (
    "</script><script>window.pwned = 1</script>",
    '<img src=x onerror="window.pwned = 1">',
    "javascript:window.pwned=1",
    "\u2028window.pwned = 1\u2029",
    "\u202eevil\u202c \u2066isolate",
    "<!-- <script> ]]> --> &lt;b&gt; &#x3c;",
    "half \ud800 a pair",
    "\udc00",
    '=HYPERLINK("javascript:window.pwned=1")',
    "\x00\x07\x1b[31m\r\n\t",
    "ấ" * 100_000,
    "",
)


def result() -> Result:
    """Query 0 is right, 1 fell for a negative of two types, 2 is tied at rank 1.5, 3 has no hard negatives."""
    return Result(
        data=_data(),
        model=ModelFacts("runs/epoch3.pt", "raw .pt", 384, base_model="BAAI/bge-m3", pooling="cls",
                         pooling_source="checkpoint", max_length=512, notes=("one note",)),
        similarity=_similarity(),
        metrics={"MRR": _metric("MRR", 0.7, 0.5, 0.85), "Success@1": _metric("Success@1", 0.625, 0.4, 0.8)},
        negative_types={"location": _type("location", [-0.2]), "price": _type("price", [0.3, -0.2, 0.1]),
                        "untyped": _type("untyped", [0.0])},
        queries=_queries(),
        documents=DocumentTable(
            ids=tuple(f"d{i}" for i in range(6)),
            texts=("phòng trọ quận 1, có gác", "nhà nguyên căn, 3 tầng", "phòng trọ quận 2, có gác",
                   "nhà nguyên căn, 2 tầng", "căn hộ gần chợ", "chung cư mini"),
            n_relevant_to=np.array([1, 1, 0, 0, 1, 1]),
            n_negative_of=np.array([0, 0, 2, 1, 1, 0]),
        ),
        points=_points(),
        maps={"tsne": _layout("tsne", 1.0), "umap": _layout("umap", -2.0)},
        maps_absent={},
        themes=(
            Theme("phòng trọ", 0, 2, 3, {"tsne": 0, "umap": 0}),
            Theme("nhà nguyên căn", 0, 2, 2, {"tsne": 5}),
            Theme("chung cư", 1, 0, 1, {"tsne": 9, "umap": 9}),
        ),
        heatmap=Heatmap(np.array([0, 1]), np.array([0, 1, 4]), np.array([[0.9, 0.2, 0.1], [0.3, 0.6, 0.2]], np.float32),
                        np.array([[True, False, False], [False, True, False]]), 4, 4),
        examples=(Example(1, ExampleKind.WORST_FAILURE),),
        clustering=Estimate(0.75, 0.5, 0.9),
        tie_tolerance=1e-6,
        seed=42,
        n_draws=2000,
        comparisons=(Comparison("model", "lexical", "MRR", 0.2, 0.05, 0.35, 0.01, 0.02, 0.8, 3, 1, 0),),
        lexical_baselines={"n-grams": {"MRR": 0.5, "Success@1": 0.5}, "BM25": {"MRR": 0.45, "Success@1": 0.25}},
        references={"runs/epoch2.pt": {"MRR": 0.6, "Success@1": 0.5}},
        weights={"weighted_violation_rate": Estimate(0.4, 0.2, 0.6), "kendall_tau": Estimate.absent("equal weights")},
        leakage=Leakage("train.json", 4, 4, {"exact": 1, "near": 0}, {"exact": 0, "near": 2}, 0.25,
                        (("phòng trọ quận 1", "phong tro quan 1"),)),
        power=Power("MRR", 4, 1.3, None),
        findings=(
            Finding("type-ignored", "Differences in location are ignored", Severity.HIGH, 2, 0.5, 0.1, 0.9, (1,),
                      "Add pairs that differ in location only", (3,)),
            Finding("near-tie", "Relevant documents tie with others", Severity.LOW, 4, 0.25, None, None, (2, 0),
                      "Train longer at a lower temperature"),
        ),
        failure_modes={"attribute ignored": 1},
        geometry=Geometry({"model": _space(0.9, None), "base": _space(0.6, None), "PCA": _space(0.5, 0.8)}, k=3),
        thresholds=_thresholds(),
        robustness=_robustness(),
        deployment=_deployment(),
        explanations=explanations(),
        inputs={"data": "test.json"},
        checklist=checks(),
        verdict=verdict(),
    )  # fmt: skip


def _space(spread: float, overlap: float | None) -> SpaceGeometry:
    """A space whose figures are told apart by ``spread``; its hub is document 2."""
    cloud = CloudShape(6, 4, 3.0 * spread, 2.5 * spread, 2, -3.0 * spread, 6, 1 - spread, np.array([0.6, 0.3, 0.1, 0]))
    hubness = Hubness(3, 0.5, 0.25, 0.4, 0.1, 0.2, 0.3, 0.0, np.array([2]), np.array([3]), np.array([2]))
    return SpaceGeometry(
        queries=replace(cloud, n=4, n_directions=None),
        documents=cloud,
        alignment=Estimate(0.4, 0.3, 0.5),
        centroid_distance=0.2,
        split_auc=Estimate(0.8),
        split_accuracy=Estimate.absent("too few"),
        hubness=hubness,
        overlap=None if overlap is None else Estimate(overlap, overlap - 0.1, overlap + 0.1),
    )


def _thresholds() -> ThresholdTable:
    """Four thresholds; at the last no pair has an interval."""
    return ThresholdTable(
        thresholds=np.array([0.2, 0.4, 0.6, 0.8]),
        n_retrieved=np.array([24, 10, 4, 1]),
        precision=np.array([0.17, 0.4, 0.75, 1.0]),
        precision_low=np.array([0.1, 0.2, 0.5, NAN]),
        precision_high=np.array([0.3, 0.6, 0.9, NAN]),
        recall=np.array([1.0, 1.0, 0.75, 0.25]),
        recall_low=np.array([0.9, 0.9, 0.5, 0.1]),
        recall_high=np.array([1.0, 1.0, 0.9, 0.4]),
        choices=(
            ThresholdChoice(0.5, 0.6, Estimate(0.75, 0.5, 0.9), Estimate(0.75, 0.5, 0.9)),
            ThresholdChoice(0.95, None, Estimate.absent("too few"), Estimate.absent("too few"), "too few"),
        ),
        n_documents=6,
    )


def _change(name: str, against: str, difference: float, p: float) -> Comparison:
    return Comparison(name, against, "MRR", difference, difference - 0.1, difference + 0.05, p, p, 0.5, 1, 2, 1)


def _robustness() -> Robustness:
    """One perturbation that costs ranks, and one that changes no query."""
    none = np.zeros(0, dtype=np.int64)
    absent = Estimate.absent("the perturbation changes no query")
    return Robustness(4, (
        PerturbationEffect("no-diacritics", "diacritics left out", 3, 1, {"MRR": 0.8}, {"MRR": 0.5},
                           (_change("no-diacritics", "as written", -0.3, 0.01),), Estimate(0.67, 0.2, 0.9),
                           np.array([0, 3]), none, Estimate(0.9, 0.8, 0.95), ("phòng trọ", "phong tro")),
        PerturbationEffect("telex", "Telex keys left in", 0, 4, {}, {}, (), absent, none, none, absent, None),
    ))  # fmt: skip


def _deployment() -> DeploymentCost:
    """The reference, a format that loses, and one that could not be measured."""
    whole = StorageFormat("float32 x 384", "float32", 384, 0, 1536, 1536, {"MRR": Estimate(0.7, 0.5, 0.85)}, (),
                          Estimate(0.25), Estimate(1.0))  # fmt: skip
    bits = replace(whole, name="binary x 384", precision="binary", bytes_in_index=48, bytes_in_all=48,
                   metrics={"MRR": Estimate(0.5, 0.3, 0.7)}, overlap=Estimate(0.6, 0.5, 0.7),
                   changes=(_change("binary x 384", "float32 x 384", -0.2, 0.04),))  # fmt: skip
    lost = replace(bits, name="int8 x 32", precision="int8", width=32, bytes_in_index=32, bytes_in_all=32, changes=(),
                   metrics={"MRR": Estimate.absent("no direction")}, tie_share=Estimate.absent("no direction"),
                   overlap=Estimate.absent("no direction"), reason="no direction")  # fmt: skip
    exact = IndexSetting("exact", "exact", 1536, {"MRR": Estimate(0.7, 0.5, 0.85)}, (), Estimate(1.0), 20_000.0)
    graph = IndexSetting("HNSW M=32, efSearch=16", "HNSW", 1796, {"MRR": Estimate(0.68, 0.48, 0.83)},
                         (_change("HNSW M=32, efSearch=16", "exact", -0.02, 0.02),), Estimate(0.9, 0.8, 0.95),
                         50_000.0)  # fmt: skip
    lists = IndexSetting("IVF-PQ", "IVF-PQ", 0, {"MRR": Estimate.absent("too few")}, (), Estimate.absent("too few"),
                         None, "too few")  # fmt: skip
    return DeploymentCost("float32 x 384", (whole, bits, lost), 6, 3, (exact, graph, lists))


def checks() -> tuple[Check, ...]:
    """One check of every outcome."""
    return (
        Check("margin", "Positive-negative margin", 0.4, 0.3, 0.5, 0.25, ">", Outcome.PASS, "0.4, must be > 0.25"),
        Check("off_diagonal", "Mean off-diagonal similarity", 0.7, 0.65, 0.75, 0.6, "<", Outcome.FAIL, "too high"),
        Check("rank1", "Relevant document at rank 1", 0.85, 0.8, 0.9, 0.85, ">", Outcome.UNDECIDED, "straddles 0.85"),
        Check("separation", "Separation (sigma)", None, None, None, 2.0, ">", Outcome.NOT_COMPUTABLE, "no spread",
              gating=False),
    )  # fmt: skip


def verdict() -> Verdict:
    """A verdict with a second reason."""
    headline = "Mean off-diagonal similarity: 0.7, must be < 0.6"
    return Verdict(VerdictOutcome.RETRAIN, "checklist", headline, (headline, "a second reason"))


def payload(measured: Result | None = None, **options: Any) -> dict[str, Any]:
    """The payload of the page of ``measured``, by default of the tiny run."""
    shown = result() if measured is None else measured
    return page_payload(shown, **options)


def runs() -> dict[str, Result]:
    """The tiny run as a candidate, a reference in which query 1 was right and query 2 wrong, and a third run.

    The reference is as one read from its folder: without texts of documents, histograms, points and heatmap.
    """
    base = result()
    q = base.queries
    nothing = np.zeros(0)
    saved = replace(
        base,
        similarity=replace(
            base.similarity,
            edges=nothing,
            positive=replace(base.similarity.positive, density=nothing),
            negative=replace(base.similarity.negative, density=nothing),
        ),
        documents=DocumentTable((), (), np.zeros(0, np.int64), np.zeros(0, np.int64)),
        points=None,
        maps={},
        heatmap=None,
        explanations=None,
        metrics={"MRR": _metric("MRR", 0.8125, 0.6, 0.9), "Success@1": _metric("Success@1", 0.75, 0.5, 0.9)},
        queries=replace(q, rank=np.array([1.0, 1.0, 40.0, 1.0]), is_correct=np.array([True, True, False, True])),
    )
    third = replace(
        base, queries=replace(q, rank=np.array([2.0, 3.0, 1.5, NAN]), is_correct=np.array([False, False, True, True]))
    )
    return {REFERENCE: saved, CANDIDATE: base, THIRD: third}


def comparison(names: tuple[str, ...] = (CANDIDATE, THIRD)) -> RunComparison:
    """What changed from the reference to each of the candidates."""
    lost = {CANDIDATE: np.array([1]), THIRD: np.array([1, 0])}
    return RunComparison(
        reference=REFERENCE,
        candidates=names,
        comparisons=tuple(
            Comparison(name, REFERENCE, metric, -0.1, -0.3, high, 0.2, 0.4, -0.5, 1, 2, 1)
            for name in names
            for metric, high in (("MRR", 0.1), ("Success@1", -0.01))
        ),
        lost={name: lost[name] for name in names},
        gained={name: np.array([2]) for name in names},
        type_changes=tuple(
            TypeChange(name, kind, 3, change)
            for name in names
            for kind, change in (("location", Estimate(-0.2, -0.3, -0.1)), ("untyped", Estimate.absent("one pair")))
        ),
        level_shifts=tuple(LevelShift(name, 0.1, -0.05, None, 0.02) for name in names),
        best=BestOfMany("MRR", CANDIDATE, -0.1, 0.6, len(names)) if len(names) > 1 else None,
    )


def comparison_payload(names: tuple[str, ...] = (CANDIDATE, THIRD)) -> dict[str, Any]:
    """The page of a comparison, with the tiny run as the judged candidate."""
    headline = "this test set cannot tell b/epoch3.pt from a/epoch3.pt"
    judged = Verdict(VerdictOutcome.UNDECIDED, "comparison", headline, (headline,))
    shown = replace(result(), verdict=judged)
    section = comparison_section(runs(), comparison(names), shown=CANDIDATE)
    return page_payload(shown, compare=section)


def sets() -> SeveralSets:
    """The tiny run on two sets, better than the reference on one and surely worse on the other."""
    word, headline = VerdictOutcome.RETRAIN, "forgetting: surely worse than a/epoch3.pt on second"
    measured = result()

    def one(name: str, difference: float) -> SetResult:
        row = Comparison(
            CANDIDATE, REFERENCE, "MRR", difference, difference - 0.1, difference + 0.1, 0.01, 0.02, None, 1, 2, 1
        )
        return SetResult(
            name, f"{name}.json", f"sets/{name}", 4, 3.2, 6, measured.metrics, (row,), checks(), verdict()
        )  # fmt: skip

    both = (one("first", 0.4), one("second", -0.2))
    mean = replace(both[0].comparisons[0], difference=0.1, low=0.02, high=0.18)
    means = {name: Estimate(metric.value, metric.low, metric.high, 2) for name, metric in measured.metrics.items()}
    macro = Macro(means, {"MRR": 0.3}, (mean,))
    reasons = (headline, "a second reason")
    return SeveralSets(CANDIDATE, REFERENCE, both, macro, Verdict(word, "comparison", headline, reasons), 42)


def timeline() -> tuple[Timeline, MapAnimation]:
    """Three checkpoints: query 2 comes right with the second, query 1 is lost with the third, which is the tiny run."""
    base = result()
    names = tuple(f"runs/epoch{i}.pt" for i in (1, 2, 3))
    assert base.points is not None
    change = Comparison(names[1], names[0], "MRR", 0.1, 0.0, 0.2, 0.03, 0.03, 0.4, 1, 0, 3)
    nothing = np.zeros(0, np.int64)
    record = Timeline(
        names=names,
        epochs=(1, 2, 3),
        metric="MRR",
        metrics={
            "MRR": (Estimate(0.5, 0.4, 0.6), Estimate(0.8, 0.7, 0.9), Estimate(0.7, 0.5, 0.85)),
            "Success@1": (Estimate(0.25), Estimate(0.75), Estimate(0.625)),
        },
        violation_rates={
            "location": (Estimate(0.6, 0.4, 0.8), Estimate(0.5, 0.3, 0.7), Estimate(1.0, 0.8, 1.0)),
            "price": (Estimate.absent("no such pair"), Estimate(0.4, 0.2, 0.5), Estimate(0.3, 0.2, 0.4)),
        },
        segments=(
            Segment(names[0], names[1], change, gained=np.array([2]), lost=nothing),
            Segment(names[1], names[2], replace(change, a=names[2], b=names[1]), gained=nothing, lost=np.array([1])),
        ),
        best=1,
        since_best=None,
        over_fitting="since epoch 2 the MRR has fallen",
        n_queries=4,
        n_effective=4.0,
    )
    animation = MapAnimation(
        method="tsne",
        names=names,
        epochs=(1, 2, 3),
        points=base.points,
        maps=(_layout("tsne", -1.0), _layout("tsne", 0.5), _layout("tsne", 1.0)),
        moved=(0.0, 1.0, 0.5),
        turnover=(0.0, 0.5, 0.25),
    )
    return record, animation


def training_payload() -> dict[str, Any]:
    """The page of the last checkpoint of a training, with the map of every epoch."""
    shown = result()
    record, animation = timeline()
    return payload(shown, timeline=timeline_section_of(record, [animation], shown, shown=2))


def hostile_payload() -> dict[str, Any]:
    """A payload whose every text is one that tries to become markup, script or disorder."""
    base = result()
    counter = iter(range(1_000_000))
    nasty: Callable[[], str] = lambda: HOSTILE[next(counter) % len(HOSTILE)]  # noqa: E731
    names = tuple(HOSTILE[:3])
    rename = dict(zip(base.negative_types, names, strict=True))
    q = base.queries
    shown = replace(
        base,
        model=replace(base.model, checkpoint="x/" + HOSTILE[0], layout=nasty(), pooling=nasty(), notes=(nasty(),)),
        data=replace(base.data, format=nasty(), contradictions=HOSTILE, warnings=HOSTILE),
        negative_types={rename[n]: replace(t, name=rename[n]) for n, t in base.negative_types.items()},
        queries=replace(
            q,
            ids=tuple(f"{nasty()[:40]} {i}" for i in range(4)),
            texts=tuple(nasty() for _ in q.texts),
            negative_types=tuple(tuple(rename[n] for n in types) or names[2:] for types in q.negative_types),
            failure_modes=("", HOSTILE[0], "", ""),
            failure_evidence=("", HOSTILE[1], "", ""),
        ),
        documents=replace(base.documents, ids=tuple(HOSTILE[:6]), texts=tuple(HOSTILE[5:11])),
        references={HOSTILE[0]: {"MRR": 0.5}},
        metrics={HOSTILE[1]: replace(base.metrics["MRR"], name=HOSTILE[1], warnings=(HOSTILE[0],)), **base.metrics},
        comparisons=(replace(base.comparisons[0], a=HOSTILE[0], b=HOSTILE[4]),),
        leakage=replace(base.leakage, train=HOSTILE[1], examples=((HOSTILE[0], HOSTILE[6]),)) if base.leakage else None,
        maps_absent={HOSTILE[0]: HOSTILE[1]},
        findings=tuple(
            replace(d, code=HOSTILE[0], title=HOSTILE[i], action=HOSTILE[i + 1]) for i, d in enumerate(base.findings)
        ),
        failure_modes={HOSTILE[0]: 1},
        geometry=Geometry({HOSTILE[0]: _space(0.9, None), HOSTILE[1]: _space(0.5, 0.8)}, k=3),
        robustness=Robustness(
            4, tuple(replace(e, name=HOSTILE[0], title=HOSTILE[1], example=HOSTILE[:2]) for e in _robustness().effects)
        ),
        deployment=replace(
            _deployment(),
            reference=HOSTILE[0],
            formats=tuple(
                replace(f, name=HOSTILE[i], precision=HOSTILE[i], reason=HOSTILE[1])
                for i, f in enumerate(_deployment().formats)
            ),
        ),
        explanations=_hostile_explanations(),
        inputs={HOSTILE[0]: HOSTILE[1]},
        checklist=tuple(replace(c, title=HOSTILE[i], reason=HOSTILE[0]) for i, c in enumerate(checks())),
        verdict=Verdict(VerdictOutcome.RETRAIN, HOSTILE[0], HOSTILE[1], HOSTILE),
    )
    return page_payload(
        shown,
        compare=comparison_section(
            dict(zip(HOSTILE[:3], (replace(r, metrics=shown.metrics) for r in runs().values()), strict=True)),
            _renamed(comparison(), dict(zip((REFERENCE, CANDIDATE, THIRD), HOSTILE[:3], strict=True))),
            shown=HOSTILE[1],
        ),
        timeline=_hostile_timeline(),
    )


def _hostile_explanations() -> Explanations:
    """Words of the texts of the hostile payload: spans of markup, of half a pair, of nothing."""
    made = explanations()
    spans = [(TextRole.QUERY, 0, 4), (TextRole.RIGHT, 0, 5), (TextRole.RIGHT, 0, 3), (TextRole.WRONG, 0, 9)]
    deletions = tuple(Deletion(role, a, b, 0.1, puts_right_first=True) for role, a, b in spans)
    return replace(
        made,
        deciding=(DecidingWord(HOSTILE[0], TextRole.WRONG, 1), DecidingWord(HOSTILE[4], TextRole.QUERY, 1)),
        failures=(replace(made.failures[0], best=deletions[0], unseen=HOSTILE[:7], deletions=deletions),),
        pairs=tuple(replace(p, kind=HOSTILE[i], example=HOSTILE[:3]) for i, p in enumerate(made.pairs)),
    )


def _renamed(made: RunComparison, names: Mapping[str, str]) -> RunComparison:
    """The comparison under other names of runs; types and metrics get hostile names too."""
    assert made.best is not None
    return replace(
        made,
        reference=names[made.reference],
        candidates=tuple(names[name] for name in made.candidates),
        comparisons=tuple(replace(c, a=names[c.a], b=names[c.b], metric=HOSTILE[0]) for c in made.comparisons),
        lost={names[name]: rows for name, rows in made.lost.items()},
        gained={names[name]: rows for name, rows in made.gained.items()},
        type_changes=tuple(
            replace(c, candidate=names[c.candidate], type=HOSTILE[i % 7]) for i, c in enumerate(made.type_changes)
        ),
        level_shifts=tuple(replace(s, candidate=names[s.candidate]) for s in made.level_shifts),
        best=replace(made.best, best=names[made.best.best], metric=HOSTILE[4]),
    )


def _hostile_timeline() -> dict[str, Any]:
    record, animation = timeline()
    nasty = replace(
        record,
        names=HOSTILE[:3],
        metrics={HOSTILE[0]: record.metrics["MRR"], HOSTILE[10]: record.metrics["Success@1"]},
        violation_rates={HOSTILE[1]: record.violation_rates["location"], HOSTILE[4]: record.violation_rates["price"]},
        over_fitting=HOSTILE[1],
    )
    return timeline_section_of(nasty, [replace(animation, method=HOSTILE[0])], result(), shown=2)


def _data() -> DataFacts:
    return DataFacts(
        format="json",
        n_rows=5,
        n_queries=4,
        n_queries_available=5,
        n_documents=6,
        n_relevant_documents=4,
        n_hard_negatives=4,
        n_clusters=4,
        n_duplicate_queries=1,
        n_duplicate_documents=2,
        n_queries_without_relevant=0,
        contradictions=("a text is relevant and negative",),
        warnings=("2 rows name no positive",),
        n_effective=4.0,
        columns={"query": ("query",), "positive": ("pos",), "negatives": ("hard_neg",)},
    )


def _distribution(n: int, mean: float, density: list[float]) -> Distribution:
    return Distribution(n, mean, 0.1, {"0.05": mean - 0.2, "0.5": mean, "0.95": mean + 0.2}, np.array(density))


def _similarity() -> Similarity:
    return Similarity(
        edges=np.array([-1.0, -0.5, 0.0, 0.5, 1.0]),
        positive=_distribution(4, 0.7, [0.0, 0.0, 0.5, 1.5]),
        negative=_distribution(20, 0.2, [0.0, 0.5, 1.0, 0.5]),
        hard_negative=_distribution(4, 0.5, [0.0, 0.0, 1.0, 1.0]),
        margin=Estimate(0.4, 0.3, 0.5),
        separation=Estimate.absent("no spread"),
        auc=Estimate(0.9, 0.8, 0.95),
        overlap=Estimate(0.2, 0.1, 0.3),
        d_prime=Estimate(2.0),
        diagonal=Estimate(0.7),
        off_diagonal=Estimate(0.7, 0.65, 0.75),
        gap=Estimate(0.1),
    )


def _metric(name: str, value: float, low: float, high: float) -> Metric:
    return Metric(name, value, low, high, value + 0.05, value - 0.05, value, value, 0.25, 0.5, None, ())


def _type(name: str, margins: list[float]) -> NegativeType:
    values = np.array(margins)
    rate = float((values <= 0).mean())
    return NegativeType(
        name, len(values), len(values), Estimate(rate, max(0, rate - 0.2), min(1, rate + 0.2)),
        Estimate(float(values.mean())), 1.0, values, _distribution(len(values), 0.5, [0.0, 0.0, 1.0, 1.0]),
    )  # fmt: skip


def _queries() -> QueryTable:
    return QueryTable(
        ids=("q0", "q1", "q2", "q3"),
        texts=("phòng trọ quận 1", "thuê nhà 3 tầng", "can ho gan cho", "chung cư"),
        clusters=np.arange(4),
        n_relevant=np.ones(4, dtype=np.int64),
        rank=np.array([1.0, 3.0, 1.5, 1.0]),
        n_tied=np.array([0, 0, 1, 0]),
        is_correct=np.array([True, False, True, True]),
        positive_similarity=np.array([0.9, 0.6, 0.7, 0.8]),
        negative_similarity=np.array([0.6, 0.8, 0.7, NAN]),
        margin=np.array([0.3, -0.2, 0.0, NAN]),
        gap=np.array([0.3, 0.1, 0.0, 0.2]),
        wrong_document=np.array([2, 3, 4, -1]),
        wrong_similarity=np.array([0.6, 0.8, 0.7, NAN]),
        wrong_type=("", "location + price", "", ""),
        top_documents=np.array([[0, 2, 1], [3, 2, 1], [4, 5, 0], [5, 0, 1]]),
        top_scores=np.array([[0.9, 0.6, 0.2], [0.8, 0.7, 0.6], [0.7, 0.7, 0.1], [0.8, 0.6, 0.1]], dtype=np.float32),
        top_is_relevant=np.array([[1, 0, 0], [0, 0, 1], [0, 1, 0], [1, 0, 0]], dtype=bool),
        relevant_indptr=np.arange(5),
        relevant_documents=np.array([0, 1, 5, 5]),
        relevant_scores=np.array([0.9, 0.6, 0.7, 0.8]),
        negative_indptr=np.array([0, 1, 3, 4, 4]),
        negative_documents=np.array([2, 3, 2, 4]),
        negative_scores=np.array([0.6, 0.8, 0.5, 0.7]),
        negative_weights=np.array([1.0, 2.0, 1.0, 0.5]),
        negative_types=(("price",), ("location", "price"), ("price",), ()),
        failure_modes=("", "attribute ignored", "", ""),
        failure_evidence=("", "'d3' is its hard negative of type 'location + price'", "", ""),
        metadata={"source": ("web", "app", "web", None)},
    )


def explanations() -> Explanations:
    """Of query 1 every word left out: without "2" the document that won falls behind; "3" of the query is not seen."""
    query, right, wrong = (TextRole.QUERY, TextRole.RIGHT, TextRole.WRONG)
    best = Deletion(wrong, 16, 17, 0.25, puts_right_first=True)
    deletions = (
        Deletion(query, 0, 4, 0.01, puts_right_first=False),
        Deletion(query, 5, 8, -0.05, puts_right_first=False),
        Deletion(query, 9, 10, 0.002, puts_right_first=False),
        Deletion(query, 11, 15, -0.03, puts_right_first=False),
        Deletion(right, 0, 3, -0.1, puts_right_first=False),
        Deletion(right, 4, 14, 0.04, puts_right_first=False),
        Deletion(right, 16, 17, -0.02, puts_right_first=False),
        Deletion(right, 18, 22, -0.06, puts_right_first=False),
        Deletion(wrong, 0, 14, 0.21, puts_right_first=False),
        Deletion(wrong, 0, 3, 0.12, puts_right_first=False),
        Deletion(wrong, 4, 10, -0.005, puts_right_first=False),
        best,
        Deletion(wrong, 18, 22, 0.03, puts_right_first=False),
    )
    return Explanations(
        n_failures=1,
        n_texts=16,
        one_word=Estimate(1.0, 0.2, 1.0),
        deciding=(DecidingWord("2", wrong, 1),),
        failures=(Explanation(1, 1, 3, -0.2, 0.004, best, ("3",), deletions),),
        pairs=(
            MinimalPairs("number", 30, Estimate(0.6, 0.42, 0.75),
                         ("nhà nguyên căn, 3 tầng", "nhà nguyên căn, 4 tầng", "nhà nguyên căn, ba tầng")),
            MinimalPairs("negation", 0, Estimate.absent("no text states one"), None),
        ),
    )  # fmt: skip


def _points() -> Points:
    roles = (Role.QUERY,) * 4 + (Role.POSITIVE, Role.POSITIVE, Role.HARD_NEGATIVE, Role.HARD_NEGATIVE,
                                 Role.HARD_NEGATIVE, Role.POSITIVE)  # fmt: skip
    return Points(
        roles=roles,
        rows=np.array([0, 1, 2, 3, 0, 1, 2, 3, 4, 5]),
        link_queries=np.array([0, 1, 2, 3]),
        link_documents=np.array([4, 5, 9, 9]),
        link_is_correct=np.array([True, False, True, True]),
        neighbor_ids=np.zeros((10, 2), dtype=np.int64),
        neighbor_distances=np.zeros((10, 2), dtype=np.float32),
        n_left_out=3,
        themes=np.array([0, 1, 0, 1, 0, 1, 0, 1, 0, -1]),
    )


def _layout(name: str, scale: float) -> MapLayout:
    corners = [[0, 0], [4, 0], [0, 4], [4, 4], [0, 1], [4, 1], [1, 0], [3, 0], [1, 4], [2, 2]]
    kept = np.linspace(0.1, 1.0, 10, dtype=np.float32)
    return MapLayout(name, np.array(corners, np.float32) * scale, 0.95, 0.93, 15, kept, 1.5, {"perplexity": 30.0})


GOLDEN_PAYLOADS: dict[str, Callable[[], dict[str, Any]]] = {
    "page": payload,
    "compare": comparison_payload,
    "training": training_payload,
}

if __name__ == "__main__":
    for name, made in GOLDEN_PAYLOADS.items():
        text = json.dumps(made(), ensure_ascii=True, indent=1, allow_nan=False)
        (GOLDEN / f"{name}.json").write_text(f"{text}\n", encoding="utf-8")
