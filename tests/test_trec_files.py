"""Runs in and out as TREC files: the figures of trec_eval, ir_measures and ranx, and of the same run as an object."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import ir_measures
import numpy as np
import pytest
import pytrec_eval
from tests.support.scene import run as command
from tests.support.scene import write_rows, write_vectors

import embedscope
from embedscope.output.run_files import write_run
from embedscope.output.trec_files import whole_gains

OPTIONS = {"max_samples": 0, "draws": 100, "examples": 0, "skip_tsne": True, "skip_umap": True}
TREC_NAMES = {
    "MRR": "recip_rank",
    "Success@1": "success_1",
    "Success@5": "success_5",
    "Success@10": "success_10",
    "Recall@10": "recall_10",
    "Recall@100": "recall_100",
    "P@5": "P_5",
    "nDCG@10": "ndcg_cut_10",
    "MAP@100": "map_cut_100",
}
METRICS = tuple(TREC_NAMES)
MEASURES = {"recip_rank", "success", "recall", "P", "ndcg_cut", "map_cut"}

Qrels = dict[str, dict[str, int]]
Run = dict[str, dict[str, float]]


def graded_set(folder: Path) -> tuple[Path, Qrels, Run]:
    """60 queries over 150 documents with gains of 1 to 3; a run with ties, unknown documents and missing queries.

    Ids differ in length, so that their order is not that of their numbers.
    """
    generator = np.random.default_rng(18)
    documents = [f"d{i}" for i in range(150)]
    qrels = {
        f"q{i}": {documents[d]: int(generator.integers(1, 4)) for d in generator.choice(150, generator.integers(1, 9))}
        for i in range(60)
    }
    run = {}
    for i, (query, relevant) in enumerate(qrels.items()):
        if i % 10 == 3:
            continue
        listed = {documents[d]: float(generator.integers(0, 12)) / 4 for d in generator.choice(150, 90, replace=False)}
        listed |= {name: float(generator.integers(4, 14)) / 4 for name in list(relevant)[: i % 4 + 1]}
        listed |= {f"d{n}x": float(generator.integers(0, 14)) / 4 for n in generator.choice(150, 12, replace=False)}
        run[query] = listed
    run["q999"] = {"d1": 1.0}
    (folder / "qrels").mkdir(parents=True)
    lines = [json.dumps({"_id": d, "title": "", "text": f"text {d}"}) for d in documents]
    (folder / "corpus.jsonl").write_text("\n".join(lines))
    (folder / "queries.jsonl").write_text("\n".join(json.dumps({"_id": q, "text": f"asks {q}"}) for q in qrels))
    judged = [f"{q}\t{d}\t{gain}" for q, found in qrels.items() for d, gain in found.items()]
    (folder / "qrels" / "test.tsv").write_text("query-id\tcorpus-id\tscore\n" + "\n".join(judged))
    return folder, qrels, run


def write_trec(file: Path, run: Run) -> Path:
    lines = [f"{q} Q0 {d} {n} {s!r} t\n" for q, found in run.items() for n, (d, s) in enumerate(found.items())]
    file.write_text("".join(lines))
    return file


def of_trec_eval(qrels: Qrels, run: Run) -> dict[str, dict[str, float]]:
    """Each metric of each query; 0 for a query without a list, as ``trec_eval -c`` has it."""
    found = pytrec_eval.RelevanceEvaluator(qrels, MEASURES).evaluate(run)
    return {
        ours: {query: found.get(query, {}).get(theirs, 0.0) for query in qrels} for ours, theirs in TREC_NAMES.items()
    }


def plain_ndcg(qrels: Qrels, run: Run, k: int) -> float:
    """nDCG@k by its formula: ties by falling id, linear gain."""
    values = []
    for query, relevant in qrels.items():
        ordered = sorted(run.get(query, {}).items(), key=lambda entry: (entry[1], entry[0]), reverse=True)
        gains = [relevant.get(document, 0) for document, _ in ordered[:k]]
        ideal = sorted(relevant.values(), reverse=True)[:k]
        discounted = [sum(g / np.log2(rank + 2) for rank, g in enumerate(listed)) for listed in (gains, ideal)]
        values.append(discounted[0] / discounted[1])
    return float(np.mean(values))


def test_a_run_has_the_figures_of_trec_eval_with_ties_unknown_ids_and_missing_queries(tmp_path: Path) -> None:
    data, qrels, run = graded_set(tmp_path / "set")
    result = embedscope.run(run=write_trec(tmp_path / "run.trec", run), data=data, metrics=METRICS, **OPTIONS)
    expected = {name: float(np.mean(list(found.values()))) for name, found in of_trec_eval(qrels, run).items()}
    assert {name: result.metrics[name].trec for name in METRICS} == pytest.approx(expected, abs=1e-9)
    assert result.metrics["nDCG@10"].trec == pytest.approx(plain_ndcg(qrels, run, 10), abs=1e-9)
    assert any(metric.optimistic - metric.pessimistic > 0.01 for metric in result.metrics.values())
    assert "6 queries have no list and count 0." in result.model.notes


def test_the_sample_figures_of_every_query_are_those_of_trec_eval_where_nothing_ties(tmp_path: Path) -> None:
    data, qrels, run = graded_set(tmp_path / "set")
    generator = np.random.default_rng(1)
    run = {q: {d: s + float(generator.random()) / 10 for d, s in found.items()} for q, found in run.items()}
    result = embedscope.run(run=run, data=data, metrics=METRICS, **OPTIONS)
    for name, expected in of_trec_eval(qrels, run).items():
        own = dict(zip(result.queries.ids, result.queries.values[name].tolist(), strict=True))
        assert own == pytest.approx(expected, abs=1e-6), name


def figures(result: embedscope.Result) -> dict[str, tuple[float | None, ...]]:
    return {name: (m.value, m.low, m.high, m.trec, m.optimistic) for name, m in result.metrics.items()}


def test_one_run_as_a_file_a_dict_and_a_function_gives_one_result(tmp_path: Path) -> None:
    data, _, run = graded_set(tmp_path / "set")
    of_file = embedscope.run(run=write_trec(tmp_path / "run.trec", run), data=data, **OPTIONS)
    of_dict = embedscope.run(run=run, data=data, **OPTIONS)
    of_search = embedscope.judge(lambda text: run.get(text.removeprefix("asks "), {}), data, **OPTIONS)
    assert figures(of_dict) == figures(of_file)
    assert figures(of_search) == figures(of_file)
    assert of_dict.verdict == of_file.verdict
    assert of_dict.inputs["run"] == "dict of documents by query"


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> tuple[embedscope.Result, Path, Path]:
    """A run on vectors, its folder and its data: no more documents than ``run.trec`` is deep, so that none is cut."""
    folder = tmp_path_factory.mktemp("written")
    data = write_rows(folder / "data.json", 40)
    vectors = write_vectors(folder / "v.npz", data, 0.55)
    result = embedscope.run(embeddings=vectors, data=data, metrics=METRICS, **OPTIONS)
    write_run(result, folder / "out", options={}, elapsed_s=0.0, page=False)
    return result, folder / "out", data


def test_trec_eval_finds_the_figures_of_a_run_in_its_two_files(written: tuple[embedscope.Result, Path, Path]) -> None:
    result, folder, _ = written
    with (folder / "qrels.trec").open() as judged, (folder / "run.trec").open() as ranked:
        found = of_trec_eval(pytrec_eval.parse_qrel(judged), pytrec_eval.parse_run(ranked))
    means = {name: float(np.mean(list(values.values()))) for name, values in found.items()}
    assert {name: result.metrics[name].value for name in METRICS} == pytest.approx(means, abs=1e-6)


def test_ir_measures_finds_the_figures_of_a_run_in_its_two_files(written: tuple[embedscope.Result, Path, Path]) -> None:
    result, folder, _ = written
    names = {"MRR": "RR", "Success@1": "Success@1", "Recall@10": "R@10", "nDCG@10": "nDCG@10", "P@5": "P@5"}
    files = str(folder / "qrels.trec"), str(folder / "run.trec")
    measures = [ir_measures.parse_measure(name) for name in names.values()]
    found = ir_measures.calc_aggregate(
        measures, ir_measures.read_trec_qrels(files[0]), ir_measures.read_trec_run(files[1])
    )
    for ours, theirs in names.items():
        assert result.metrics[ours].value == pytest.approx(found[ir_measures.parse_measure(theirs)], abs=1e-6), ours


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:unsafe cast", "ignore::DeprecationWarning")
def test_ranx_finds_the_figures_of_a_run_in_its_two_files(written: tuple[embedscope.Result, Path, Path]) -> None:
    ranx = pytest.importorskip("ranx")
    result, folder, _ = written
    files = ranx.Qrels.from_file(str(folder / "qrels.trec")), ranx.Run.from_file(str(folder / "run.trec"))
    names = {"MRR": "mrr", "Success@1": "hit_rate@1", "Recall@10": "recall@10", "nDCG@10": "ndcg@10"}
    found: dict[str, Any] = ranx.evaluate(*files, list(names.values()))
    for ours, theirs in names.items():
        assert result.metrics[ours].value == pytest.approx(found[theirs], abs=1e-6), ours


def test_a_run_judged_as_its_own_run_file_has_the_same_figures_and_verdict(
    written: tuple[embedscope.Result, Path, Path],
) -> None:
    result, folder, data = written
    again = embedscope.run(run=folder / "run.trec", data=data, metrics=METRICS, **OPTIONS)
    for name in METRICS:
        ours, theirs = result.metrics[name], again.metrics[name]
        for figure in ("value", "low", "high", "chance", "lexical"):
            assert getattr(theirs, figure) == pytest.approx(getattr(ours, figure), abs=1e-6), (name, figure)
    assert again.verdict.outcome is result.verdict.outcome
    assert again.queries.ids == result.queries.ids
    assert again.similarity is None


def test_ids_with_blanks_go_out_percent_encoded_and_come_in_again(tmp_path: Path) -> None:
    data, _, run = graded_set(tmp_path / "set")
    for name in ("corpus.jsonl", "queries.jsonl", "qrels/test.tsv"):
        text = (data / name).read_text().replace("d1", "d 1%").replace('"q', '"a q').replace("\nq", "\na q")
        (data / name).write_text(text)
    run = {f"a {q}": {d.replace("d1", "d 1%"): s for d, s in found.items()} for q, found in run.items()}
    result = embedscope.run(run=run, data=data, **OPTIONS)
    write_run(result, tmp_path / "out", options={}, elapsed_s=0.0, page=False)
    lines = (tmp_path / "out" / "run.trec").read_text().splitlines()
    assert {len(line.split()) for line in lines} == {6}
    assert lines[0].startswith("a%20q0 Q0 ")
    assert any(" d%201%25" in line for line in lines)
    again = embedscope.run(run=tmp_path / "out" / "run.trec", data=data, **OPTIONS)
    assert again.metrics["nDCG@10"].value == pytest.approx(result.metrics["nDCG@10"].value, abs=1e-9)


def test_a_run_file_stands_wherever_a_checkpoint_may(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data, _, run = graded_set(tmp_path / "set")
    ours = write_trec(tmp_path / "ours.trec", run)
    theirs = tmp_path / "theirs.json"
    theirs.write_text(json.dumps({q: {d: -s for d, s in found.items()} for q, found in run.items()}))
    done = command(
        capsys, "evaluate", "--run", ours, "--baseline", theirs, "--data", data, "--output", tmp_path / "out"
    )
    assert done.status == 0, done.err
    assert "| delta=+0.2" in done.out
    report = json.loads((tmp_path / "out" / "report.json").read_text())
    assert report["model"]["layout"] == "TREC run"
    assert report["inputs"] == {"run": str(ours), "data": str(data), "baseline": str(theirs)}
    done = command(capsys, "compare", ours, theirs, "--data", data, "--skip-maps")
    assert done.status == 0, done.err
    assert "| delta=-0.2" in done.out


def test_a_broken_run_file_is_one_message_and_status_2(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data, _, _ = graded_set(tmp_path / "set")
    (tmp_path / "run.trec").write_text("q1 Q0 d1 1 0.5 t\nq1 Q0 d2 2\n")
    done = command(capsys, "evaluate", "--run", tmp_path / "run.trec", "--data", data, "--output", tmp_path / "out")
    assert done.status == 2
    assert "line 2: expected six columns (query Q0 document rank score tag), came 4" in " ".join(done.err.split())
    assert not (tmp_path / "out").exists()


def test_a_run_file_goes_as_deep_as_the_standard_metrics(tmp_path: Path) -> None:
    data = write_rows(tmp_path / "data.json", 60)  # 120 documents
    result = embedscope.run(embeddings=write_vectors(tmp_path / "v.npz", data, 0.6), data=data, **OPTIONS)
    write_run(result, tmp_path / "out", options={}, elapsed_s=0.0, page=False)
    with (tmp_path / "out" / "run.trec").open() as ranked:
        lists = pytrec_eval.parse_run(ranked)
    assert {len(listed) for listed in lists.values()} == {100}
    again = embedscope.run(run=tmp_path / "out" / "run.trec", data=data, **OPTIONS)
    for name in ("Recall@100", "MAP@100", "nDCG@10"):
        assert again.metrics[name].value == pytest.approx(result.metrics[name].value, abs=1e-9)


def test_gains_with_decimals_are_written_as_whole_numbers_of_the_same_ratios() -> None:
    assert whole_gains(np.array([0.25, 1.5])) == [25, 150]
    assert whole_gains(np.array([1 / 3, 1e-9])) == [333333, 1]
    assert whole_gains(np.zeros(0)) == []
