"""Criteria: the built-in profiles load, and a slip in a file of one's own is refused by the name of its key."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from tests.support.planted import collection_of, findings_of, model

from embedscope.decide.criteria import BUILT_IN, load_criteria, metrics_compared, metrics_for
from embedscope.decide.verdict import judge
from embedscope.errors import InvalidOptionError
from embedscope.result import Criteria, Criterion, Fitness
from embedscope.settings import Settings

ONE = """
[[criterion]]
id = "mrr"
title = "Mean reciprocal rank"
metric = "metrics.MRR"
direction = ">"
threshold = 0.8
"""


def written(folder: Path, text: str) -> str:
    path = folder / "mine.toml"
    path.write_text(text, encoding="utf-8")
    return str(path)


@pytest.mark.parametrize("name", BUILT_IN)
def test_the_built_in_profiles_load_under_their_names(name: str) -> None:
    criteria = load_criteria(name)
    assert criteria.name == name
    assert criteria.fitness == Fitness()
    assert criteria.must_beat_lexical


def test_the_checklist_is_the_seven_checks_of_the_original() -> None:
    found = {c.id: (c.metric, c.direction, c.threshold) for c in load_criteria("checklist").criteria}
    assert found == {
        "margin": ("similarity.margin", ">", 0.25),
        "separation": ("similarity.separation", ">", 2.0),
        "clustering": ("clustering", ">=", 0.9),
        "diagonal": ("similarity.diagonal", ">", 0.8),
        "off_diagonal": ("similarity.off_diagonal", "<", 0.6),
        "rank1": ("metrics.Success@1", ">", 0.85),
        "gap": ("similarity.gap", ">", 0.1),
    }


def test_a_file_of_ones_own_loads_with_defaults_for_what_it_leaves_out(tmp_path: Path) -> None:
    assert load_criteria(written(tmp_path, ONE)) == Criteria(
        "mine", (Criterion("mrr", "Mean reciprocal rank", "metrics.MRR", ">", 0.8),), Fitness(), True
    )


def test_every_key_of_a_file_of_ones_own_is_read(tmp_path: Path) -> None:
    text = (
        'name = "strict"\nmust_beat_lexical = false\n'
        "[fitness]\nmin_clusters = 100\nmax_chance = 0.5\nmax_leakage = 0\nmax_contradictions = 1\n"
        "refuse_lexical_pass = false\nrefuse_wide_ties = false\n"
        f"{ONE}gating = false\nbound = 'value'\n"
        '[[criterion]]\nid = "price"\nmetric = "negative_types.price.violation_rate"\ndirection = "<"\nthreshold = 1\n'
    )
    assert load_criteria(written(tmp_path, text)) == Criteria(
        "strict",
        (
            Criterion("mrr", "Mean reciprocal rank", "metrics.MRR", ">", 0.8, gating=False, bound="value"),
            Criterion("price", "price", "negative_types.price.violation_rate", "<", 1.0),
        ),
        Fitness(100, 0.5, 0.0, 1.0, False, False),
        False,
    )


@pytest.mark.parametrize(
    ("path", "read"),
    [
        ("metrics.ndcg@10", "metrics.nDCG@10"),
        ("comparisons.runs/epoch_3.pt.mrr", "comparisons.runs/epoch_3.pt.MRR"),
        ("similarity.d_prime", "similarity.d_prime"),
        ("negative_types.room type.margin", "negative_types.room type.margin"),
        ("weights.kendall_tau", "weights.kendall_tau"),
        ("clustering", "clustering"),
    ],
)
def test_every_form_of_a_metric_is_read_and_measures_in_any_letter_case(tmp_path: Path, path: str, read: str) -> None:
    criteria = load_criteria(written(tmp_path, ONE.replace("metrics.MRR", path)))
    assert criteria.criteria[0].metric == read


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("name = 'x'", r"no \[\[criterion\]\] table"),
        ("criterion = []", r"no \[\[criterion\]\] table"),
        ("criterion = {id = 'x'}", r"no \[\[criterion\]\] table"),
        ("criterion = [1]", r"criterion 1 must be a \[\[criterion\]\] table, not 1"),
        ("not toml at all", "is not valid TOML"),
        (
            "nam = 'x'\n" + ONE,
            "unknown key nam; known are criterion, fitness, gates_comparison, must_beat_lexical, name",
        ),
        ("name = 3\n" + ONE, "'name' must be str, not 3"),
        ("must_beat_lexical = 'yes'\n" + ONE, "'must_beat_lexical' must be bool, not 'yes'"),
        ("fitness = 3\n" + ONE, r"\[fitness\] must be a table of limits, not int"),
        ("[fitness]\nmin_cluster = 3\n" + ONE, r"\[fitness\] has the unknown key min_cluster"),
        ("[fitness]\nmin_clusters = 3.5\n" + ONE, r"\[fitness\]: 'min_clusters' must be int, not 3.5"),
        ("[fitness]\nmax_chance = true\n" + ONE, "'max_chance' must be int or float, not True"),
        ("[fitness]\nmax_chance = nan\n" + ONE, "'max_chance' must be a finite number"),
        ("[fitness]\nrefuse_wide_ties = 1\n" + ONE, "'refuse_wide_ties' must be bool, not 1"),
        (ONE + "treshold = 1\nweight = 2\n", "criterion 1 has the unknown keys treshold, weight"),
        (ONE.replace("id =", "title2 ="), "unknown key title2"),
        (ONE.replace('id = "mrr"\n', ""), "criterion 1: the key 'id' is missing"),
        (ONE.replace('metric = "metrics.MRR"\n', ""), "criterion 1: the key 'metric' is missing"),
        (ONE.replace("threshold = 0.8\n", ""), "criterion 1: the key 'threshold' is missing"),
        (ONE.replace('direction = ">"\n', ""), "criterion 1: the key 'direction' is missing"),
        (ONE.replace('">"', '"=>"'), "direction must be one of > >= < <=, not '=>'"),
        (ONE.replace("0.8", "true"), "'threshold' must be int or float, not True"),
        (ONE.replace("0.8", "'0.8'"), "'threshold' must be int or float, not '0.8'"),
        (ONE.replace("0.8", "inf"), "'threshold' must be a finite number, not inf"),
        (ONE + "bound = 'low'\n", "bound must be 'interval' or 'value', not 'low'"),
        (ONE + "gating = 1\n", "'gating' must be bool, not 1"),
        (ONE + ONE, "uses an id more than once: mrr"),
        (ONE.replace("metrics.MRR", "similarity.margn"), "there is no metric 'similarity.margn'. Known are.* margin,"),
        (ONE.replace("metrics.MRR", "MRR"), "there is no metric 'MRR'"),
        (ONE.replace("metrics.MRR", "metrics.MMR"), "metric 'metrics.MMR': No rank metric is called 'MMR'"),
        (ONE.replace("metrics.MRR", "metrics.nDCG"), "nDCG needs a cutoff"),
        (ONE.replace("metrics.MRR", "comparisons.base.mir"), "No rank metric is called 'mir'"),
        (ONE.replace("metrics.MRR", "negative_types.*.n"), r"there is no metric 'negative_types.\*.n'"),
    ],
)
def test_a_slip_in_the_file_is_refused_by_its_key(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(InvalidOptionError, match=message) as caught:
        load_criteria(written(tmp_path, text))
    assert "mine.toml" in str(caught.value)


def test_the_default_profile_has_the_checks_of_the_original_of_which_ranks_gate() -> None:
    ranks, original = load_criteria("ranks"), load_criteria("checklist")
    assert ranks.criteria == tuple(
        replace(c, gating=not c.metric.startswith("similarity."), optional=False) for c in original.criteria
    )
    assert not ranks.gates_comparison
    assert original.gates_comparison


def test_metrics_are_measured_because_they_are_named(tmp_path: Path) -> None:
    named = ONE.replace("metrics.MRR", "metrics.ndcg@5") + ONE.replace("mrr", "gain").replace(
        "metrics.MRR", "comparisons.lexical.P@3"
    )
    criteria = load_criteria(written(tmp_path, named))
    assert metrics_for(criteria, ("map", "mrr")) == ("MAP", "MRR", "Success@1", "Success@10", "nDCG@5", "P@3")
    assert metrics_compared(criteria) == ("P@3",)
    with pytest.raises(InvalidOptionError, match="--metrics: nDCG needs a cutoff"):
        metrics_for(criteria, ("nDCG",))


def test_metrics_may_be_written_as_one_text_or_as_a_list() -> None:
    texts: tuple[object, ...] = ("nDCG@5, P@1", ("nDCG@5", "P@1"), ["nDCG@5,P@1"])
    assert {Settings.of(metrics=text).measure.metrics for text in texts} == {("nDCG@5", "P@1")}


def test_a_file_that_is_not_there_or_not_text_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidOptionError, match=r"one of ranks, checklist, evidence or a TOML file; 'cheklist'"):
        load_criteria("cheklist")
    with pytest.raises(InvalidOptionError, match=r"IsADirectoryError|PermissionError"):
        load_criteria(str(tmp_path))
    (tmp_path / "latin.toml").write_bytes(b"name = '\xff'")
    with pytest.raises(InvalidOptionError, match="UnicodeDecodeError"):
        load_criteria(str(tmp_path / "latin.toml"))


def test_a_star_makes_one_check_a_type(tmp_path: Path) -> None:
    collection = collection_of(10, types=(("price",), ("place",), ()))
    result = findings_of(collection, model(collection))
    text = ONE.replace("metrics.MRR", "negative_types.*.violation_rate").replace('">"', '"<"')
    checks, _ = judge(result, load_criteria(written(tmp_path, text)))
    assert [(check.id, check.title) for check in checks] == [
        (f"mrr[{name}]", f"Mean reciprocal rank: {name}") for name in ("place", "price", "untyped")
    ]
    bare = replace(result, negative_types={})
    checks, _ = judge(bare, load_criteria(written(tmp_path, text)))
    assert [(check.id, check.outcome) for check in checks] == [("mrr", "not computable")]
