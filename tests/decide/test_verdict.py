"""The verdict on planted cases: the right word, for the right reason, in words that carry the figures."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pytest
from tests.support.planted import (
    SETTINGS,
    collapsed,
    collection_of,
    embedded,
    findings_of,
    first_positive,
    model,
    rows_of,
)

from embedscope.comparison.paired import compare_runs
from embedscope.data.collection import Collection, Negative, build_collection
from embedscope.decide.checklist import apply, estimates_at, holds
from embedscope.decide.criteria import load_criteria
from embedscope.decide.verdict import judge, judge_comparison
from embedscope.models.embed import Embeddings
from embedscope.result import (
    Check,
    Comparison,
    Criteria,
    Criterion,
    Estimate,
    Fitness,
    MapLayout,
    Outcome,
    Result,
    Verdict,
)
from embedscope.result.formatting import band, number, percent

RANKS, CHECKLIST, EVIDENCE = (load_criteria(name) for name in ("ranks", "checklist", "evidence"))


@pytest.fixture(scope="module")
def collection() -> Collection:
    return collection_of(80, types=(("price",), ("place",), ()))


@pytest.fixture(scope="module")
def good(collection: Collection) -> Result:
    return findings_of(collection, model(collection))


def verdict_on(
    collection: Collection, embeddings: Embeddings, criteria: Criteria = CHECKLIST, **options: object
) -> Verdict:
    return judge(findings_of(collection, embeddings, **options), criteria)[1]


def compared(collection: Collection, *models: Embeddings, criteria: Criteria = RANKS) -> Verdict:
    runs = {f"runs/epoch_{i}.npz": findings_of(collection, embeddings) for i, embeddings in enumerate(models)}
    found = compare_runs(runs, reference="runs/epoch_0.npz", settings=SETTINGS)
    candidate = found.best.best if found.best is not None else found.candidates[0]
    return judge_comparison(found, runs[candidate], criteria)[1]


# --- one run --------------------------------------------------------------------------------------------------------


def test_a_good_model_with_hard_negatives_is_deployed(good: Result) -> None:
    checks, verdict = judge(good, CHECKLIST)
    assert verdict.outcome == "deploy"
    assert [check.id for check in checks] == [
        "margin", "separation", "clustering", "diagonal", "off_diagonal", "rank1", "gap",
    ]  # fmt: skip
    assert all(check.outcome is Outcome.PASS for check in checks)
    assert verdict.headline == ("all 7 gating checks pass on 80 independent queries; MRR 1.0000 [0.9542, 1.0000]")
    assert verdict.reasons == (verdict.headline,)


def test_a_bad_model_is_retrained_with_the_failing_checks_first(collection: Collection) -> None:
    verdict = verdict_on(collection, model(collection, share_wrong=0.5))
    assert verdict.outcome == "retrain"
    assert verdict.headline == "Relevant document at rank 1: 0.5000 [0.3930, 0.6070], must be > 0.85"
    assert "straddles" in verdict.reasons[1]
    assert not any(reason.endswith("must be < 0.6") for reason in verdict.reasons), "what passed is no reason"


def test_a_collapsed_model_is_retrained_and_called_so(collection: Collection) -> None:
    verdict = verdict_on(collection, collapsed(collection))
    assert verdict.outcome == "retrain"
    assert verdict.headline == (
        "the space has collapsed: the similarities of all texts are 1.000 with a standard deviation of 0, and every "
        "ranking is chance"
    )
    assert not any("-0.0000" in reason for reason in verdict.reasons)


def test_a_test_set_of_twelve_queries_is_unfit() -> None:
    small = collection_of(12)
    verdict = verdict_on(small, model(small))
    assert verdict.outcome == "unfit"
    assert verdict.headline.startswith(
        "too few independent queries to judge by: 12, at least 30 needed (queries that share relevant texts count "
        "for less); a test set like this one finds MRR differences of 0."
    )


def test_many_paraphrases_of_few_positives_are_as_few_queries_as_positives() -> None:
    paraphrases = collection_of(12, n_queries_each=10)
    verdict = verdict_on(paraphrases, model(paraphrases))
    assert verdict.outcome == "unfit"
    assert "judge by: 12, at least 30" in verdict.headline


def test_a_leaked_test_set_is_unfit(collection: Collection) -> None:
    train = build_collection(rows_of(80)[:40] + rows_of(20, seed=9), format="planted")
    verdict = verdict_on(collection, model(collection), train=("train.json", train))
    assert verdict.outcome == "unfit"
    assert verdict.headline == (
        "50 % of the test queries stand in the training file train.json (allowed: 5.0 %): the scores measure memory. "
        "Remove them from one of the two files"
    )


def test_a_training_file_without_the_test_queries_changes_nothing(collection: Collection) -> None:
    train = build_collection(rows_of(60, seed=9), format="planted")
    assert verdict_on(collection, model(collection), train=("train.json", train)).outcome == "deploy"


def test_a_task_that_n_grams_solve_is_unfit() -> None:
    lexical = collection_of(80, shared_words=1.0)
    verdict = verdict_on(lexical, model(lexical))
    assert verdict.outcome == "unfit"
    assert verdict.headline == (
        "character n-grams alone pass the rank check (Success@1 1.000), and the model is not surely better, "
        "so this test set needs no model. Add hard negatives that share words with the positive, paraphrase the "
        "queries, or compare with another model"
    )


def test_contradictory_labels_beyond_the_allowed_share_are_unfit() -> None:
    def contradicting(n: int) -> Collection:
        rows = rows_of(80)
        rows[:n] = [replace(row, negatives=(*row.negatives, Negative(row.positives[0]))) for row in rows[:n]]
        return build_collection(rows, format="planted")

    verdict = verdict_on(contradicting(8), model(contradicting(8)))
    assert verdict.outcome == "unfit"
    assert verdict.headline.startswith(
        "8 texts are labelled both relevant and negative for the same query, among 80 queries (allowed: 5.0 %). First: "
    )
    assert not verdict.headline.endswith(".")
    assert verdict_on(contradicting(4), model(contradicting(4))).outcome == "deploy"


def test_contradictions_of_a_file_are_held_against_its_queries_and_not_against_the_sample(good: Result) -> None:
    data = replace(good.data, n_queries=80, n_queries_available=800, contradictions=("one.",) * 30)
    assert judge(replace(good, data=data), CHECKLIST)[1].outcome == "deploy"


def test_ties_wider_than_the_interval_are_unfit(collection: Collection) -> None:
    embeddings = model(collection)
    documents, negatives = embeddings.documents.copy(), collection.negatives
    for query, positive in enumerate(first_positive(collection)):
        documents[negatives.documents[negatives.queries == query][0]] = documents[positive]
    vectors = embedded(embeddings.queries, documents)
    verdict = verdict_on(collection, vectors)
    assert verdict.outcome == "unfit"
    assert verdict.headline.startswith(
        "Success@1 is 0.000 or 1.000 depending on how tied documents are ordered, which is more than its interval "
        "[0.500, 0.500] allows. Keep more digits of the vectors"
    )
    run = judge(replace(findings_of(collection, vectors), similarity=None), CHECKLIST)[1]
    assert any("Keep more digits of the scores" in reason for reason in run.reasons)


def test_a_pool_in_which_chance_is_high_is_unfit() -> None:
    tiny = collection_of(4, n_queries_each=9, n_negatives=0)
    result = findings_of(tiny, model(tiny))
    crit = replace(CHECKLIST, fitness=Fitness(min_clusters=2))
    verdict = judge(result, crit)[1]
    assert verdict.outcome == "unfit"
    assert verdict.headline.startswith("a random order already has Success@1 = 0.250 on 4 documents (allowed: 0.1)")


def test_an_interval_that_straddles_is_undecided_with_the_queries_that_would_decide_it(
    collection: Collection,
) -> None:
    verdict = verdict_on(collection, model(collection, share_wrong=0.1))
    assert verdict.outcome == "undecided"
    match = re.fullmatch(
        r"Relevant document at rank 1: 0\.9000 \[0\.8149, 0\.9485\] straddles the threshold, must be > 0\.85; "
        r"about (\d+) more independent queries would decide it with 80 % power, were this the true value",
        verdict.headline,
    )
    assert match is not None
    # The interval reaches 0.0851 = t(0.975) standard errors, and the distance 0.05 has to be t(0.975) + t(0.8) of them.
    quantiles = 1.990 + 0.846
    assert int(match[1]) == pytest.approx(80 * (0.0851 / 1.990 * quantiles / 0.05) ** 2 - 80, abs=3)


def test_a_model_no_better_than_words_alone_is_retrained_for_that_reason() -> None:
    half = collection_of(80, shared_words=0.6)
    verdict = verdict_on(half, model(half, share_random=0.7))
    assert verdict.outcome == "retrain"
    assert verdict.headline.startswith("the model ranks worse than BM25: MRR difference -0.2")


def test_a_gain_over_n_grams_that_is_not_certain_is_undecided(good: Result) -> None:
    gain = Comparison("m", "lexical", "MRR", 0.02, -0.01, 0.05, 0.2, 0.2, None, 5, 3, 72)
    verdict = judge(replace(good, comparisons=(gain,)), CHECKLIST)[1]
    assert verdict.outcome == "undecided"
    assert verdict.headline == (
        "a gain over character n-grams is not certain: MRR difference +0.0200 [-0.0100, 0.0500]; a test set like "
        "this one finds MRR differences of 0.0472 and more with 80 % power"
    )


@pytest.mark.parametrize(
    ("stronger", "named", "solves"),
    [("n-grams", "character n-grams", "character n-grams alone pass "), ("BM25", "BM25", "BM25 alone passes ")],
)
def test_the_stronger_lexical_baseline_is_named(good: Result, stronger: str, named: str, solves: str) -> None:
    mrr, first = good.metrics["MRR"], good.metrics["Success@1"]
    known = replace(good, lexical_baseline=stronger, metrics={"MRR": mrr, "Success@1": replace(first, lexical=1.0)})
    loss = Comparison("m", "lexical", "MRR", -0.2, -0.3, -0.1, 0.001, 0.001, None, 3, 50, 27)
    assert judge(replace(known, comparisons=(loss,)), CHECKLIST)[1].headline.startswith(
        f"the model ranks worse than {named}: "
    )
    open_ = replace(loss, difference=0.02, high=0.1, p=0.2, p_adjusted=0.2)
    reasons = judge(replace(known, comparisons=(open_,)), CHECKLIST)[1].reasons
    assert reasons[0].startswith(solves)
    assert any(reason.startswith(f"a gain over {named} is not certain") for reason in reasons)
    other = replace(loss, b="old.npz", difference=0.1, low=0.05, high=0.2)
    compared_ = judge(replace(known, comparisons=(loss, other)), CHECKLIST)[1]
    assert f"; {stronger} beat" in compared_.headline


def test_unfit_goes_before_retrain_and_both_are_told(collection: Collection) -> None:
    small = collection_of(12)
    verdict = verdict_on(small, model(small, share_random=1.0))
    assert verdict.outcome == "unfit"
    assert any("Relevant document at rank 1" in reason for reason in verdict.reasons[1:])


def test_the_limits_of_fitness_can_be_lifted(collection: Collection) -> None:
    small = collection_of(12)
    free = replace(CHECKLIST, fitness=Fitness(min_clusters=2))
    assert verdict_on(small, model(small), free).outcome == "undecided"
    lexical = collection_of(80, shared_words=1.0)
    free = replace(CHECKLIST, fitness=Fitness(refuse_lexical_pass=False), must_beat_lexical=False)
    assert verdict_on(lexical, model(lexical), free).outcome == "deploy"


def test_the_evidence_profile_judges_each_type_and_takes_a_base_model_as_advice(collection: Collection) -> None:
    base = model(collection, share_random=0.5)
    result = findings_of(collection, model(collection), base=base)
    checks, verdict = judge(result, EVIDENCE)
    assert verdict.outcome == "deploy"
    assert [check.id for check in checks][-3:] == ["violations[place]", "violations[price]", "violations[untyped]"]
    checks, verdict = judge(findings_of(collection, model(collection)), EVIDENCE)
    assert verdict.outcome == "deploy"
    (advice,) = [check for check in checks if not check.gating]
    assert (advice.id, advice.outcome) == ("gain_over_base", "not computable")


# --- runs against one another ---------------------------------------------------------------------------------------


def test_identical_checkpoints_are_undecided(collection: Collection) -> None:
    one = model(collection, share_wrong=0.3)
    verdict = compared(collection, one, one)
    assert verdict.outcome == "undecided"
    assert verdict.headline == (
        "the same as runs/epoch_0.npz in the MRR of every query: undecided; "
        "by the checklist alone: retrain, 6 of 7 pass"
    )


def test_a_better_checkpoint_is_deployed(collection: Collection) -> None:
    verdict = compared(collection, model(collection, share_random=0.5), model(collection))
    assert verdict.outcome == "deploy"
    assert re.fullmatch(
        r"MRR difference \+0\.\d{4} \[0\.\d{4}, 0\.\d{4}\], p = 0\.00\d\d; \d+ queries better, 0 worse, \d+ equal",
        verdict.reasons[1],
    )
    assert verdict.headline == "better than runs/epoch_0.npz: deploy; by the checklist alone: deploy, 7 of 7 pass"


def test_a_worse_checkpoint_is_retrained(collection: Collection) -> None:
    verdict = compared(collection, model(collection), model(collection, share_random=0.5))
    assert verdict.outcome == "retrain"
    assert verdict.headline.startswith("worse than runs/epoch_0.npz: retrain; by the checklist alone: retrain, ")
    assert verdict.reasons[1].startswith("MRR difference -0.")


def test_a_collapsed_checkpoint_is_retrained_and_called_so(collection: Collection) -> None:
    verdict = compared(collection, model(collection), collapsed(collection))
    assert verdict.outcome == "retrain"
    assert "collapsed" in verdict.headline


def test_a_difference_that_may_be_chance_is_undecided_with_what_the_test_set_can_find(
    collection: Collection,
) -> None:
    verdict = compared(collection, model(collection, share_wrong=0.1), model(collection, share_wrong=0.15))
    assert verdict.outcome == "undecided"
    assert re.fullmatch(
        r"MRR difference -0\.\d{4} \[.*\], "
        r"p = 0\.\d{4}; 0 queries better, 4 worse, 76 equal; a test set like this one finds MRR differences of "
        r"0\.\d{4} and more with 80 % power",
        verdict.reasons[1],
    )
    assert verdict.headline.startswith("not surely better or worse than runs/epoch_0.npz: undecided; ")


def test_the_best_of_several_checkpoints_is_judged(collection: Collection) -> None:
    models = [model(collection, share_random=0.5), model(collection, share_wrong=0.25), model(collection)]
    verdict = compared(collection, *models)
    assert verdict.outcome == "deploy"
    assert verdict.headline.startswith("the best of 2, runs/epoch_2.npz, is better than runs/epoch_0.npz: deploy; ")


def test_checkpoints_on_an_unfit_test_set_are_not_judged() -> None:
    small = collection_of(12)
    verdict = compared(small, model(small, share_random=0.5), model(small))
    assert verdict.outcome == "unfit"
    assert "too few independent queries" in verdict.headline


def test_a_better_checkpoint_that_falls_for_more_negatives_of_a_type_says_so(collection: Collection) -> None:
    """The old one confuses half of the queries with other listings, the new one a quarter with its own negatives."""
    old, new = model(collection), model(collection, share_wrong=0.25)
    queries = old.queries.copy()
    queries[-40:] = old.documents[np.roll(first_positive(collection), 1)[-40:]]
    verdict = compared(collection, embedded(queries, old.documents), new)
    assert verdict.outcome == "deploy"
    extra = verdict.reasons[2:]
    assert all(re.match(r"but more '\w+' negatives reach the positive: \+0\.\d{4} \[0\.", reason) for reason in extra)


def test_checks_advise_where_the_difference_decides_and_gate_where_criteria_say_so(collection: Collection) -> None:
    runs = {
        "a": findings_of(collection, model(collection, share_random=0.9)),
        "b": findings_of(collection, model(collection, share_random=0.5)),
    }
    found = compare_runs(runs, reference="a", settings=SETTINGS)
    for criteria, outcome, gating in ((RANKS, "deploy", 0), (CHECKLIST, "retrain", 7)):
        checks, verdict = judge_comparison(found, runs["b"], criteria)
        assert verdict.outcome == outcome
        assert sum(check.gating for check in checks) == gating
    assert verdict.profile == "comparison and checklist"
    assert len(set(verdict.reasons)) == len(verdict.reasons)


def test_a_very_small_p_value_is_not_printed_as_zero(collection: Collection, good: Result) -> None:
    runs = {"a": findings_of(collection, model(collection, share_random=0.5)), "b": good}
    found = compare_runs(runs, reference="a", settings=SETTINGS)
    small = replace(found, comparisons=tuple(replace(row, p_adjusted=1e-7) for row in found.comparisons))
    assert "p < 0.0001" in judge_comparison(small, good, RANKS)[1].reasons[1]


# --- one check ------------------------------------------------------------------------------------------------------


def check_of(figure: Estimate, direction: str = ">", threshold: float = 0.5, bound: str = "interval") -> Check:
    result = replace(FINDINGS, similarity=replace(FINDINGS.similarity, margin=figure))
    criterion = Criterion("margin", "Margin", "similarity.margin", direction, threshold, bound=bound)
    return next(apply(criterion, result))


FINDINGS = findings_of(collection_of(10), model(collection_of(10)))


@pytest.mark.parametrize(
    ("figure", "direction", "outcome"),
    [
        (Estimate(0.7, 0.6, 0.8), ">", "pass"),
        (Estimate(0.7, 0.4, 0.8), ">", "undecided"),
        (Estimate(0.4, 0.3, 0.45), ">", "fail"),
        (Estimate(0.7, 0.5, 0.8), ">", "undecided"),
        (Estimate(0.7, 0.5, 0.8), ">=", "pass"),
        (Estimate(0.4, 0.3, 0.45), "<", "pass"),
        (Estimate(0.4, 0.3, 0.5), "<", "undecided"),
        (Estimate(0.4, 0.3, 0.5), "<=", "pass"),
        (Estimate(0.6), ">", "pass"),
        (Estimate(0.4), ">", "fail"),
        (Estimate.absent("nobody knows"), ">", "not computable"),
        (Estimate(float("nan")), ">", "not computable"),
    ],
)
def test_a_check_has_four_outcomes(figure: Estimate, direction: str, outcome: str) -> None:
    check = check_of(figure, direction)
    assert check.outcome == outcome
    if outcome == "not computable":
        assert check.reason in ("nobody knows", "the value is not finite")
    else:
        assert check.reason.endswith(f"must be {direction} 0.5")


def test_a_criterion_on_the_value_alone_asks_no_interval() -> None:
    assert check_of(Estimate(0.7, 0.4, 0.8), bound="value").outcome is Outcome.PASS


def test_a_threshold_of_zero_is_a_threshold() -> None:
    assert check_of(Estimate(-0.1, -0.2, -0.05), threshold=0.0).outcome is Outcome.FAIL


def test_only_gating_checks_decide(good: Result) -> None:
    impossible = Criterion("margin", "Margin", "similarity.margin", ">", 2.0, gating=False)
    rank = Criterion("rank1", "Rank 1", "metrics.Success@1", ">", 0.85)
    checks, verdict = judge(good, Criteria("own", (impossible, rank)))
    assert [check.outcome for check in checks] == ["fail", "pass"]
    assert verdict.outcome == "deploy"
    assert verdict.headline == (
        "deploy by its ranks; 1 similarity level lies outside the checklist, which matters only where scores are "
        "thresholded"
    )
    assert verdict.reasons[1].endswith("must be > 2")


def test_a_value_next_to_its_threshold_promises_no_number_of_queries(good: Result) -> None:
    near = replace(good, similarity=replace(good.similarity, margin=Estimate(0.2501, 0.2, 0.3)))
    verdict = judge(near, CHECKLIST)[1]
    assert verdict.headline.endswith("the value is too close to the threshold for more queries to decide it")


@pytest.mark.parametrize("criteria", [CHECKLIST, load_criteria("ranks")], ids=lambda criteria: criteria.name)
def test_maps_that_cannot_be_trusted_are_said_and_decide_nothing(good: Result, criteria: Criteria) -> None:
    layout = MapLayout("tsne", np.zeros((2, 2), np.float32), 0.7, 0.9, 15, np.zeros(2, np.float32), 0.0, {})
    trusted = replace(layout, name="umap", trustworthiness=0.95)
    without = judge(good, criteria)
    checks, verdict = judge(replace(good, maps={"tsne": layout}), criteria)
    assert verdict == without[1]
    clustering, plain = (next(c for c in each if c.id == "clustering") for each in (checks, without[0]))
    assert clustering.outcome is Outcome.PASS
    warning = "; no map is trustworthy enough to show it (t-SNE 0.700, at least 0.8 needed)"
    assert clustering.reason == plain.reason + warning
    assert judge(replace(good, maps={"tsne": layout, "umap": trusted}), criteria) == without


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("metrics.nDCG@7", "the metric 'nDCG@7' was not computed"),
        ("similarity.edges", "there is no figure 'similarity.edges'"),
        ("weather.today", "there is no figure 'weather.today'"),
        ("weights.kendall_tau", "the data has no weights for 'kendall_tau'"),
        ("negative_types.price.violation_rate", "the data has no such negative type, or no such figure"),
        ("negative_types.*.name", "the data has no such negative type, or no such figure"),
        ("comparisons.old.MRR", "the model was not compared with 'old' on MRR, but with 'lexical'"),
    ],
)
def test_a_figure_that_is_not_there_says_why(path: str, reason: str) -> None:
    for _, figure in estimates_at(path, FINDINGS):
        assert figure.value is None
        assert figure.reason == reason


def test_types_of_data_without_hard_negatives_are_not_computable() -> None:
    bare = replace(FINDINGS, negative_types={})
    assert estimates_at("negative_types.*.margin", bare) == [("", Estimate.absent("the data has no hard negatives"))]


def test_a_run_whose_name_has_dots_is_found() -> None:
    row = Comparison("m", "runs/epoch_3.pt", "MRR", 0.1, 0.0, 0.2, 0.1, 0.1, None, 1, 0, 9)
    found = estimates_at("comparisons.runs/epoch_3.pt.MRR", replace(FINDINGS, comparisons=(row,)))
    assert found == [("", Estimate(0.1, 0.0, 0.2))]


@pytest.mark.parametrize("named", ["production", "production/"])
@pytest.mark.parametrize("written", ["production", "production/"])
def test_a_folder_is_found_with_and_without_its_last_slash(named: str, written: str) -> None:
    row = Comparison("m", named, "MRR", 0.1, 0.0, 0.2, 0.1, 0.1, None, 1, 0, 9)
    compared = replace(FINDINGS, comparisons=(row,))
    assert estimates_at(f"comparisons.{written}.MRR", compared) == [("", Estimate(0.1, 0.0, 0.2))]
    ((_, absent),) = estimates_at("comparisons.other.MRR", compared)
    assert absent.reason == f"the model was not compared with 'other' on MRR, but with '{named}'"


def test_a_star_stands_for_every_type(collection: Collection, good: Result) -> None:
    names = [name for name, _ in estimates_at("negative_types.*.violation_rate", good)]
    assert names == ["place", "price", "untyped"]
    assert estimates_at("negative_types.price.margin", good) == [("", good.negative_types["price"].margin)]


def test_directions_are_those_of_arithmetic() -> None:
    found = [[holds(value, sign, 1.0) for value in (0.9, 1.0, 1.1)] for sign in (">", ">=", "<", "<=")]
    assert found == [[False, False, True], [False, True, True], [True, False, False], [True, True, False]]


def test_numbers_are_printed_for_a_reader() -> None:
    assert [number(v) for v in (0.12345, -1e-16, 9.99996, 12.3456, -1234.5)] == [
        "0.1235", "0.0000", "10.0000", "12.3", "-1,234.5",
    ]  # fmt: skip
    assert [percent(share) for share in (0.0512, 0.5, 1.0)] == ["5.1 %", "50 %", "100 %"]


def test_bands_are_those_of_the_conventions() -> None:
    assert [band("margin", v) for v in (0.41, 0.4, 0.3, 0.2, 0.1)] == ["excellent", "good", "fair", "poor", "bad"]
    assert [band("separation", v) for v in (3.1, 3.0, 2.0, 1.5, 1.0)] == ["excellent", "good", "fair", "poor", "bad"]
    assert [band("MRR", v) for v in (0.81, 0.8, 0.6, 0.4)] == ["excellent", "good", "fair", "poor"]
