"""One model on several sets: each set as a run of its own, the means over them, and the verdict on all."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.support.scene import rows, write_vectors

from embedscope import pipeline, systems
from embedscope.comparison import runs_on_sets
from embedscope.comparison.comparing import compare
from embedscope.comparison.runs_on_sets import SetRuns, compare_sets, run_sets
from embedscope.data.readers.set_folders import folder_names
from embedscope.errors import CheckpointError, DataFormatError, InvalidOptionError
from embedscope.log import SILENT
from embedscope.output.run_files import write_run
from embedscope.output.run_folder import write_json
from embedscope.output.sets_files import write_sets
from embedscope.result import VerdictOutcome as Word
from embedscope.settings import Settings
from embedscope.stats.paired_tests import holm

OPTIONS: dict[str, Any] = {"draws": 1000, "max_samples": 0, "skip_tsne": True, "skip_umap": True, "explain": 0}
ROWS = rows(300)
SIZES = {"alpha": 120, "beta": 100, "gamma": 80}


class Scene:
    """Sets with no query in common, and vectors of each by quality."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.data = folder, {}
        start = 0
        for name, n in SIZES.items():
            self.data[name] = folder / "sets" / f"{name}.json"
            self.data[name].parent.mkdir(exist_ok=True)
            write_json(self.data[name], ROWS[start : start + n])
            start += n

    def model(self, name: str, *, seed: int = 0, **quality: float) -> str:
        """The pattern of the files of one model, of a quality on each set."""
        for each, value in quality.items():
            write_vectors(self.folder / f"{name}-{each}.npz", self.data[each], value, seed=seed)
        return str(self.folder / f"{name}-{{set}}.npz")

    def paths(self, *names: str) -> list[str]:
        return [str(self.data[name]) for name in names or self.data]


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Scene:
    return Scene(tmp_path_factory.mktemp("several"))


@pytest.fixture(scope="module")
def old(scene: Scene) -> str:
    return scene.model("old", alpha=0.5, beta=0.5, gamma=0.5)


@pytest.fixture(scope="module")
def forgetting(scene: Scene, old: str) -> SetRuns:
    """Better on two sets, surely worse on ``beta``."""
    new = scene.model("forgetting", alpha=0.8, beta=0.4, gamma=0.8)
    return run_sets(scene.paths(), embeddings=new, baseline=old, **OPTIONS)


# --- figures ------------------------------------------------------------------------------------------------------


def test_a_set_is_what_a_run_on_it_alone_is(scene: Scene) -> None:
    model = scene.model("alone", alpha=0.7, beta=0.6)
    found = run_sets(scene.paths("alpha", "beta"), embeddings=model, **OPTIONS)
    for name, result in found.results.items():
        single = pipeline.run(data=scene.data[name], embeddings=model.replace("{set}", name), **OPTIONS)
        assert result.metrics == single.metrics
        assert result.verdict == single.verdict
        assert result.checklist == single.checklist
        assert result.comparisons == single.comparisons


def test_the_mean_over_sets_is_the_mean_of_their_values(forgetting: SetRuns) -> None:
    for metric, mean in forgetting.macro.metrics.items():
        values = [result.metrics[metric].value for result in forgetting.results.values()]
        assert mean.value == pytest.approx(np.mean(values), abs=1e-12)
        per_query = [np.nanmean(result.queries.values[metric]) for result in forgetting.results.values()]
        assert mean.value == pytest.approx(np.mean(per_query), abs=1e-12)
        assert mean.low < mean.high
        assert mean.low <= mean.value <= mean.high
    assert forgetting.macro.lexical["MRR"] == pytest.approx(
        np.mean([result.metrics["MRR"].lexical for result in forgetting.results.values()])
    )


def test_a_notebook_shows_a_line_for_each_set(forgetting: SetRuns) -> None:
    mean = forgetting.macro.metrics["MRR"]
    assert repr(forgetting).startswith(f"RETRAIN <SetRuns of 3 sets: mean MRR {mean.value:.4f} [")
    assert all(f">{text}<" in forgetting._repr_html_() for text in (*SIZES, "mean over the sets"))


def test_the_mean_difference_is_that_of_the_sets_and_counts_the_queries_of_all(forgetting: SetRuns) -> None:
    mean = next(row for row in forgetting.macro.comparisons if row.metric == "MRR")
    rows = [next(c for c in each.comparisons if c.metric == "MRR") for each in forgetting.found.sets]
    assert mean.difference == pytest.approx(np.mean([row.difference for row in rows]), abs=1e-12)
    assert mean.wins + mean.losses + mean.ties == sum(SIZES.values())
    assert mean.losses == sum(row.losses for row in rows)


def test_p_values_are_corrected_over_the_primary_metrics_of_all_sets(forgetting: SetRuns) -> None:
    rows = [row for each in forgetting.found.sets for row in each.comparisons if row.metric in ("MRR", "Success@1")]
    assert len(rows) == 2 * len(SIZES)
    assert [row.p_adjusted for row in rows] == pytest.approx(holm(np.array([row.p for row in rows])).tolist())


def test_the_order_of_the_sets_changes_no_number(scene: Scene, old: str, forgetting: SetRuns) -> None:
    new = str(scene.folder / "forgetting-{set}.npz")
    back = run_sets(scene.paths("gamma", "alpha", "beta"), embeddings=new, baseline=old, **OPTIONS)
    assert back.macro == forgetting.macro
    assert back.verdict.outcome is forgetting.verdict.outcome
    there, here = ({each.name: each for each in found.found.sets} for found in (back, forgetting))
    assert there == here


def test_one_set_gives_the_verdict_and_the_interval_of_a_run(scene: Scene, old: str) -> None:
    new = scene.model("single", alpha=0.7)
    found = run_sets(scene.paths("alpha"), embeddings=new, baseline=old, **OPTIONS)
    single = pipeline.run(
        data=scene.data["alpha"], embeddings=new.replace("{set}", "alpha"), baseline=old.replace("{set}", "alpha"),
        **OPTIONS,
    )  # fmt: skip
    assert found.verdict.outcome is single.verdict.outcome
    assert found.results["alpha"].verdict == single.verdict
    mean, own = found.macro.metrics["MRR"], single.metrics["MRR"]
    assert (mean.value, mean.low, mean.high) == pytest.approx((own.value, own.low, own.high), abs=1e-12)


def test_draws_that_are_too_few_for_so_many_tests_are_told(scene: Scene, old: str) -> None:
    heard: list[str] = []

    class Heard(SILENT.__class__):
        def warn(self, text: str) -> None:
            heard.append(text)

    run_sets(scene.paths(), embeddings=old, baseline=old, log=Heard(), **{**OPTIONS, "draws": 100})
    assert heard == [
        "with --draws 100 no set can be surely worse or better, because p is corrected over 6 tests: pass --draws 10000"
    ]


# --- the verdict --------------------------------------------------------------------------------------------------


def test_a_model_that_is_better_on_the_mean_and_surely_worse_on_one_set_has_forgotten_it(forgetting: SetRuns) -> None:
    assert next(row for row in forgetting.macro.comparisons if row.metric == "MRR").is_surely(1)
    assert forgetting.verdict.outcome is Word.RETRAIN
    assert forgetting.verdict.headline.startswith("forgetting: surely worse than")
    assert "on beta (-" in forgetting.verdict.headline
    assert "though surely better on the mean of 3 sets: retrain" in forgetting.verdict.headline
    assert forgetting.results["beta"].verdict.outcome is Word.RETRAIN


def test_a_model_that_is_better_on_the_mean_and_worse_on_none_is_deployed(scene: Scene, old: str) -> None:
    new = scene.model("better", alpha=0.8, beta=0.5, gamma=0.8)
    found = run_sets(scene.paths(), embeddings=new, baseline=old, **OPTIONS)
    assert found.results["beta"].verdict.outcome is Word.UNDECIDED
    assert found.verdict.outcome is Word.DEPLOY
    assert "and surely worse on none of them: deploy" in found.verdict.headline


def test_a_model_that_is_worse_on_the_mean_is_to_be_retrained(scene: Scene, old: str) -> None:
    new = scene.model("worse", alpha=0.3, beta=0.3, gamma=0.3)
    found = run_sets(scene.paths(), embeddings=new, baseline=old, **OPTIONS)
    assert found.verdict.outcome is Word.RETRAIN
    assert "forgetting" not in found.verdict.headline
    assert sum("surely worse on" in reason for reason in found.verdict.reasons) == len(SIZES) - 1


def test_the_same_model_again_is_undecided(scene: Scene, old: str) -> None:
    again = scene.model("again", alpha=0.5, beta=0.5, gamma=0.5)
    found = run_sets(scene.paths(), embeddings=again, baseline=old, **OPTIONS)
    assert found.verdict.outcome is Word.UNDECIDED
    assert "in the MRR of every query of 3 sets: undecided" in found.verdict.headline


@pytest.mark.parametrize(
    ("quality", "word", "said"),
    [
        ({"alpha": 0.95, "beta": 0.95}, Word.DEPLOY, "every one of 2 sets says deploy; mean MRR 1.0000"),
        ({"alpha": 0.95, "beta": 0.3}, Word.RETRAIN, "beta says retrain: "),
        ({"alpha": 0.3, "beta": 0.3}, Word.RETRAIN, "2 of 2 sets say retrain; alpha: "),
    ],
)
def test_alone_a_model_is_deployed_where_every_set_says_so(
    quality: Mapping[str, float], word: Word, said: str, scene: Scene
) -> None:
    model = scene.model("on-its-own", **quality)
    found = run_sets(scene.paths(*quality), embeddings=model, **OPTIONS)
    assert found.verdict.outcome is word
    assert found.verdict.headline.startswith(said)
    assert found.verdict.profile == "ranks"


def test_a_set_that_cannot_answer_leaves_the_verdict_unfit_unless_another_says_retrain(scene: Scene, old: str) -> None:
    few = scene.folder / "few.json"
    write_json(few, rows(12))
    scene.data["few"] = few
    try:
        fine = scene.model("fine", alpha=0.8, few=0.8)
        scene.model("old", few=0.5)
        for options in ({}, {"baseline": old}):
            found = run_sets(scene.paths("alpha", "few"), embeddings=fine, **OPTIONS, **options)
            assert found.verdict.outcome is Word.UNFIT
            assert "few" in found.verdict.headline
            assert "too few independent queries" in found.verdict.headline
        poor = scene.model("poor", alpha=0.2, few=0.8)
        found = run_sets(scene.paths("alpha", "few"), embeddings=poor, baseline=old, **OPTIONS)
        assert found.verdict.outcome is Word.RETRAIN
    finally:
        del scene.data["few"]


# --- several checkpoints ------------------------------------------------------------------------------------------


def test_compare_of_two_says_on_every_set_what_a_run_with_the_reference_says(
    scene: Scene, old: str, forgetting: SetRuns
) -> None:
    new = str(scene.folder / "forgetting-{set}.npz")
    found = compare_sets(old, new, data=scene.paths(), skip_maps=True, draws=1000)
    assert found.verdict == forgetting.verdict
    for metric in ("MRR", "Success@1"):
        means = [next(c for c in each.macro.comparisons if c.metric == metric) for each in (found, forgetting)]
        assert means[0].difference == pytest.approx(means[1].difference, abs=1e-12)
        assert means[0].p == pytest.approx(means[1].p, rel=1e-9)
    assert {name: run.result.verdict.outcome for name, run in found.compared.items()} == {
        name: result.verdict.outcome for name, result in forgetting.results.items()
    }


def test_of_several_candidates_the_best_on_the_mean_is_judged_on_every_set(scene: Scene, old: str) -> None:
    one = scene.model("one", alpha=0.9, beta=0.4, gamma=0.5)  # the best on alpha
    other = scene.model("other", alpha=0.75, beta=0.75, gamma=0.75)
    found = compare_sets(old, one, other, data=scene.paths(), skip_maps=True, draws=1000)
    assert found.found.checkpoint == other
    assert found.found.reference == old
    assert {run.candidate for run in found.compared.values()} == {other.replace("{set}", name) for name in scene.data}
    assert found.verdict.outcome is Word.DEPLOY
    tested = [row for each in found.found.sets for row in each.comparisons if row.metric in ("MRR", "Success@1")]
    assert len(tested) == 2 * 2 * len(SIZES)
    assert [row.p_adjusted for row in tested] == pytest.approx(holm(np.array([row.p for row in tested])).tolist())


# --- what is read, loaded and refused -----------------------------------------------------------------------------


def test_an_unreadable_set_is_refused_by_its_name_before_anything_is_loaded(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    def never(*_: object) -> None:
        raise AssertionError("something was loaded")

    for name in ("run_on", "load"):
        monkeypatch.setattr(runs_on_sets, name, never)
    broken = scene.folder / "broken.json"
    broken.write_text("[{")
    with pytest.raises(DataFormatError, match=r"^broken: .*broken\.json"):
        run_sets([*scene.paths(), str(broken)], embeddings="any.npz", **OPTIONS)


def test_a_file_that_some_sets_lack_is_refused_with_their_names_before_anything_is_loaded(
    scene: Scene, old: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def never(*_: object, **__: object) -> None:
        raise AssertionError("something was measured")

    for name in ("run_on", "measure_runs"):
        monkeypatch.setattr(runs_on_sets, name, never)
    part = scene.model("part", alpha=0.5, gamma=0.5)
    refused = pytest.raises(InvalidOptionError, match=r"part-beta\.npz does not exist, so there is nothing on beta\.")
    with refused:
        run_sets(scene.paths(), embeddings=part, **OPTIONS)
    with refused:
        run_sets(scene.paths(), embeddings=old, baseline=part, **OPTIONS)
    with refused:
        compare_sets(old, part, data=scene.paths(), draws=1000)
    with pytest.raises(InvalidOptionError, match=r"nothing on alpha, beta, gamma\. \{set\} stands for the folder name"):
        run_sets(scene.paths(), run=str(scene.folder / "{set}.trec"), **OPTIONS)


@pytest.fixture
def loads(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names of the checkpoints that are loaded."""
    seen: list[str] = []

    def load(name: str, settings: Settings, log: Any) -> Any:
        seen.append(name)
        return systems.load(name, settings, log)

    monkeypatch.setattr(runs_on_sets, "load", load)
    return seen


@pytest.mark.parametrize("no_cache", [False, True])
def test_the_model_is_loaded_once_and_a_text_of_two_sets_encoded_once(
    no_cache: bool, loads: list[str], minilm: str, tmp_path: Path
) -> None:
    shared = rows(16)
    write_json(tmp_path / "one.json", shared[:12])
    write_json(tmp_path / "two.json", shared[4:])
    said: list[str] = []

    class Heard(SILENT.__class__):
        def step(self, text: str) -> None:
            said.append(text)

        def warn(self, text: str) -> None:
            said.append(text)

    run_sets(
        [tmp_path / "one.json", tmp_path / "two.json"], checkpoint=minilm, no_cache=no_cache,
        cache_dir=str(tmp_path / "cache"), log=Heard(), **OPTIONS,
    )  # fmt: skip
    assert loads == [minilm]
    assert [line.split(" texts")[0] for line in said if line.startswith("Encoded")] == ["Encoded 36", "Encoded 12"]
    assert (tmp_path / "cache").exists() is not no_cache
    assert "two has queries that one has too: they count in each" in said


def test_objects_have_the_names_that_they_are_handed_over_by(scene: Scene) -> None:
    found = run_sets(
        {"first half": ROWS[:60], "second half": ROWS[60:120]},
        embeddings=scene.model("objects", alpha=0.9).replace("{set}", "alpha"),
        **OPTIONS,
    )
    assert [each.name for each in found.found.sets] == ["first half", "second half"]
    assert [each.folder for each in found.found.sets] == ["sets/first-half", "sets/second-half"]
    assert folder_names(["first half"]) == {"first half": "first-half"}


def test_a_query_to_be_shown_may_stand_in_one_set_and_has_to_stand_in_some(scene: Scene) -> None:
    model = scene.model("shown", alpha=0.9, beta=0.9)
    asked = ROWS[3]["query"]
    found = run_sets(scene.paths("alpha", "beta"), embeddings=model, query=[asked], examples=0, **OPTIONS)
    assert [len(result.examples) for result in found.results.values()] == [1, 0]
    with pytest.raises(InvalidOptionError, match="is contained in no query of the 2 data sets"):
        run_sets(scene.paths("alpha", "beta"), embeddings=model, query=["zzz"], **OPTIONS)


def test_no_data_set_is_refused() -> None:
    with pytest.raises(InvalidOptionError, match="Pass --data"):
        run_sets([], embeddings="any.npz")


# --- an old run as reference --------------------------------------------------------------------------------------


def test_the_folder_of_an_old_run_on_the_same_sets_is_a_reference(
    scene: Scene, old: str, forgetting: SetRuns, tmp_path: Path
) -> None:
    before = run_sets(scene.paths(), embeddings=old, **OPTIONS)
    more: dict[str, dict[str, Any]] = {name: {} for name in before.results}
    write_sets(before.found, before.results, tmp_path / "old", options={}, elapsed_s=1.0, more=more)
    new = str(scene.folder / "forgetting-{set}.npz")
    found = run_sets(scene.paths(), embeddings=new, baseline=str(tmp_path / "old"), **OPTIONS)
    assert found.verdict.outcome is forgetting.verdict.outcome
    for row, other in zip(found.macro.comparisons, forgetting.macro.comparisons, strict=True):
        assert (row.difference, row.p) == pytest.approx((other.difference, other.p), rel=1e-9)
    compared = compare_sets(str(tmp_path / "old"), new, data=scene.paths(), skip_maps=True, draws=1000)
    assert compared.verdict.outcome is forgetting.verdict.outcome
    with pytest.raises(InvalidOptionError, match="is a run on alpha, beta, gamma, and has nothing on delta"):
        run_sets({"delta": ROWS[:50]}, embeddings=new, baseline=str(tmp_path / "old"), **OPTIONS)
    with pytest.raises(CheckpointError, match=r"is the folder of a run on several data sets\. Pass the same sets"):
        pipeline.run(
            data=scene.paths("alpha")[0], embeddings=new.replace("{set}", "alpha"), baseline=str(tmp_path / "old")
        )
    with pytest.raises(CheckpointError, match="is the folder of a run, which only the reference may be"):
        compare(new.replace("{set}", "alpha"), str(tmp_path / "old" / "sets" / "alpha"), data=scene.paths("alpha")[0])


def test_several_sets_in_the_folder_of_one_run_leave_none_of_its_tables(scene: Scene, tmp_path: Path) -> None:
    model = scene.model("tables", alpha=0.9, beta=0.9)
    found = run_sets(scene.paths("alpha", "beta"), embeddings=model, **OPTIONS)
    write_run(found.results["alpha"], tmp_path / "out", options={}, elapsed_s=1.0)
    assert (tmp_path / "out" / "queries.parquet").exists()
    more: dict[str, dict[str, Any]] = {name: {} for name in found.results}
    write_sets(found.found, found.results, tmp_path / "out", options={}, elapsed_s=1.0, more=more)
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        "manifest.json", "page.json", "report.html", "report.json", "sets",
    ]  # fmt: skip
