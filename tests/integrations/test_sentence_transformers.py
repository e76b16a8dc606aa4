"""The evaluator inside the trainer of sentence-transformers, and the runs that it leaves behind."""

from __future__ import annotations

import argparse
import inspect
import json
import os
import subprocess
import sys
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from embedscope.cli import main as cli
from embedscope.errors import CheckpointError, DataFormatError, InputError, InvalidOptionError, MissingExtraError
from embedscope.result.saved_run import is_run_folder, read_run

pytest.importorskip("sentence_transformers")

RUN_FILES = {"report.json", "queries.parquet", "run.trec", "qrels.trec", "manifest.json", "report.html", "page.json"}
WORDS = (
    *("room", "quiet", "cheap", "park", "river", "balcony", "garden", "market"),
    *("one", "two", "three", "four", "five", "six", "seven", "eight"),
)


@pytest.fixture(scope="module")
def rows() -> list[dict[str, Any]]:
    return made_rows(24)


def made_rows(n: int) -> list[dict[str, Any]]:
    """Queries of three words; the positive has them in another order, the hard negative another last word."""
    generator = np.random.default_rng(3)
    made = []
    for number in range(n):
        words = [WORDS[i] for i in generator.choice(len(WORDS), 4, replace=False)]
        made.append(
            {
                "query": " ".join(words[:3]),
                "pos": f"{words[2]} {words[0]} {words[1]} {number}",
                "hard_neg": [{"text": f"{words[0]} {words[1]} {words[3]} {number}", "type": ["price"], "weight": 1.0}],
            }
        )
    return made


@pytest.fixture(scope="module")
def data(rows: list[dict[str, Any]], tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("data") / "valid.json"
    file.write_text(json.dumps(rows), encoding="utf-8")
    return file


@pytest.fixture
def model() -> Any:
    """A model of 16 numbers that averages static word vectors: made and trained in a moment."""
    from sentence_transformers import SentenceTransformer
    from tokenizers import Tokenizer, models, pre_tokenizers

    vocabulary = {word: i for i, word in enumerate(["<unk>", *WORDS, *map(str, range(24))])}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, "<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    weights = np.random.default_rng(0).standard_normal((len(vocabulary), 16)).astype(np.float32)
    return SentenceTransformer(modules=[library().StaticEmbedding(tokenizer, embedding_weights=weights)], device="cpu")


def library() -> Any:
    """The modules, losses and evaluators of sentence-transformers, under the names that all versions have."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # version 6 moved them and says so
        from sentence_transformers import evaluation, losses, models

        return argparse.Namespace(**vars(models) | vars(losses) | vars(evaluation))


def evaluator(data: Path, **options: Any) -> Any:
    from embedscope.integrations import EmbedscopeEvaluator

    return EmbedscopeEvaluator(data, draws=200, **options)


def test_it_is_a_sentence_evaluator_and_its_metrics_carry_its_name(data: Path, model: Any) -> None:
    made = evaluator(data, name="rooms", primary="nDCG@10")
    assert isinstance(made, library().SentenceEvaluator)
    assert made.greater_is_better
    assert made.primary_metric == "rooms_nDCG@10"
    found = made(model)
    assert made.primary_metric in found
    assert all(name.startswith("rooms_") and isinstance(value, float) for name, value in found.items())
    assert 0 <= found["rooms_MRR_low"] <= found["rooms_MRR"] <= found["rooms_MRR_high"] <= 1
    assert "rooms_violation_rate_price" in found
    assert made.description == "Embedscope"


def test_every_evaluation_writes_a_run_folder_that_can_be_read(data: Path, model: Any, tmp_path: Path) -> None:
    made = evaluator(data)
    found = made(model, str(tmp_path), epoch=1.5, steps=30)
    made(model, str(tmp_path), epoch=2.0, steps=40)
    folders = sorted((tmp_path / "embedscope").iterdir())
    assert [folder.name for folder in folders] == ["epoch1.5_step30", "epoch2_step40"]
    assert {path.name for path in folders[0].iterdir()} == RUN_FILES
    assert read_run(folders[0]).metrics["MRR"].value == found["MRR"]
    assert json.loads((folders[0] / "manifest.json").read_text())["inputs"]["data"]["sha256"]


def test_the_run_is_written_into_another_folder_where_one_is_named(data: Path, model: Any, tmp_path: Path) -> None:
    evaluator(data, output=tmp_path / "runs")(model, str(tmp_path / "trainer"))
    assert {path.name for path in (tmp_path / "runs" / "model").iterdir()} == RUN_FILES
    assert not (tmp_path / "trainer").exists()


def test_a_call_that_says_where_the_training_stands_writes_and_tells_without_a_trainer(
    data: Path, model: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from torch import distributed

    told: list[str] = []
    made = evaluator(data, output=tmp_path, tell=told.append)
    made(model, epoch=0, steps=0)
    made(model, epoch=1, steps=3)
    assert sorted(folder.name for folder in tmp_path.iterdir()) == ["epoch0_step0", "epoch1_step3"]
    assert len(told) == 1
    monkeypatch.setattr(distributed, "is_initialized", lambda: True)
    monkeypatch.setattr(distributed, "get_rank", lambda: 1)
    made(model, epoch=2, steps=6)  # in the second process of a training
    assert len(told) == 1
    assert not (tmp_path / "epoch2_step6").exists()


def test_nothing_is_written_or_said_without_a_folder(
    data: Path, model: Any, tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    evaluator(data)(model)
    assert list(tmp_path.iterdir()) == []
    assert capfd.readouterr() == ("", "")


def test_a_query_that_is_a_document_too_does_not_find_itself_unless_asked(
    rows: list[dict[str, Any]], model: Any, tmp_path: Path
) -> None:
    file = tmp_path / "both.json"
    back = [{"query": row["pos"], "pos": row["query"]} for row in rows]
    file.write_text(json.dumps([{"query": row["query"], "pos": row["pos"]} for row in rows] + back), encoding="utf-8")
    assert evaluator(file, keep_self=True)(model)["Success@1"] < 0.1
    assert evaluator(file)(model)["Success@1"] > 0.5


def test_a_model_in_training_stays_in_training(data: Path, model: Any) -> None:
    model.train()
    evaluator(data)(model)
    assert model.training


def test_the_figures_are_those_of_the_command_line_and_compare_takes_the_folder(
    data: Path, model: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model.append(library().Normalize())
    found = evaluator(data)(model, str(tmp_path), epoch=1, steps=2)
    vectors = tmp_path / "vectors.npz"
    texts = [text for row in json.loads(data.read_text()) for text in _texts(row)]
    np.savez(vectors, texts=np.array(texts), vectors=model.encode(texts, show_progress_bar=False))
    folder = tmp_path / "embedscope" / "epoch1_step2"
    assert is_run_folder(folder)
    words = ["compare", str(folder), str(vectors), "--data", str(data), "--draws", "200", "--json"]
    assert cli.main(words) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["metrics"]["MRR"]["value"] == pytest.approx(found["MRR"], abs=1e-9)
    assert all(row["difference"] == pytest.approx(0, abs=1e-9) for row in report["comparisons"])


@pytest.mark.parametrize(
    "stated",
    [
        {"prompts": {"query": "cheap ", "passage": "market "}},
        {"prompts": {"query": "cheap ", "document": "market "}},
        {"prompts": {"all": "quiet garden "}, "default_prompt_name": "all"},
    ],
    ids=["query and passage", "query and document", "a default"],
)
def test_prompts_give_the_same_figures_as_the_command_line_and_the_evaluator_of_the_library(
    stated: dict[str, Any],
    data: Path,
    rows: list[dict[str, Any]],
    model: Any,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    from sentence_transformers import SentenceTransformer

    folder = tmp_path / "served"
    model.save(str(folder))
    file = folder / "config_sentence_transformers.json"
    config = {name: value for name, value in json.loads(file.read_text()).items() if "prompt" not in name}
    file.write_text(json.dumps(config | stated))
    loaded = SentenceTransformer(str(folder), device="cpu")
    found = evaluator(data)(loaded, str(tmp_path))
    assert cli.main(["evaluate", "--checkpoint", str(folder), "--data", str(data), "--draws", "200", "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    for name in ("MRR", "Success@1", "nDCG@10"):
        assert report["metrics"][name]["value"] == pytest.approx(found[name], abs=1e-6)
    recorded = read_run(tmp_path / "embedscope" / "model").model
    for name in ("query_prompt", "document_prompt"):
        assert report["model"][name] == getattr(recorded, name)
    documents = {text: str(n) for n, text in enumerate(dict.fromkeys(t for row in rows for t in _texts(row)[1:]))}
    library_evaluator = library().InformationRetrievalEvaluator(
        {row["query"]: row["query"] for row in rows},
        {number: text for text, number in documents.items()},
        {row["query"]: {documents[row["pos"]]} for row in rows},
    )
    expected = library_evaluator(loaded)
    assert report["metrics"]["MRR@10"]["value"] == pytest.approx(expected["cosine_mrr@10"], abs=5e-5)
    assert report["metrics"]["nDCG@10"]["value"] == pytest.approx(expected["cosine_ndcg@10"], abs=5e-5)


def test_a_model_is_judged_by_the_similarity_that_it_states(data: Path, model: Any, tmp_path: Path) -> None:
    rows = json.loads(data.read_text())
    texts = list(dict.fromkeys(text for row in rows for text in _texts(row)[1:]))
    model.similarity_fn_name = "dot"
    found = evaluator(data)(model, str(tmp_path), epoch=1)
    assert json.loads((tmp_path / "embedscope" / "epoch1" / "report.json").read_text())["model"]["similarity"] == "dot"
    own = {"queries": {str(i): row["query"] for i, row in enumerate(rows)}, "corpus": {text: text for text in texts}}
    relevant = {str(i): {row["pos"]} for i, row in enumerate(rows)}
    theirs = library().InformationRetrievalEvaluator(**own, relevant_docs=relevant, mrr_at_k=[10], accuracy_at_k=[1])
    expected = theirs(model)
    assert found["MRR@10"] == pytest.approx(expected["dot_mrr@10"], abs=5e-5)
    assert found["Success@1"] == pytest.approx(expected["dot_accuracy@1"], abs=5e-5)
    cosine = evaluator(data, similarity="cosine")(model)
    assert cosine["margin"] != pytest.approx(found["margin"], abs=0.01)
    model.similarity_fn_name = "euclidean"
    with pytest.raises(CheckpointError, match="states the similarity 'euclidean'"):
        evaluator(data)(model)
    with pytest.raises(InvalidOptionError, match="similarity must be one of"):
        evaluator(data, similarity="euclidean")


def _texts(row: dict[str, Any]) -> list[str]:
    return [row["query"], row["pos"], *(negative["text"] for negative in row["hard_neg"])]


def test_the_trainer_evaluates_selects_and_keeps_the_best_by_it(
    data: Path, rows: list[dict[str, Any]], model: Any, tmp_path: Path
) -> None:
    datasets = pytest.importorskip("datasets")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from sentence_transformers import SentenceTransformerTrainer, SentenceTransformerTrainingArguments

        pairs = [{"anchor": row["query"], "positive": row["pos"]} for row in rows]
        arguments = SentenceTransformerTrainingArguments(
            output_dir=str(tmp_path), max_steps=2, per_device_train_batch_size=8, eval_strategy="steps", eval_steps=1,
            save_strategy="steps", save_steps=1, load_best_model_at_end=True, metric_for_best_model="eval_rooms_MRR",
            report_to="none", disable_tqdm=True, use_cpu=True, learning_rate=1e-2,
        )  # fmt: skip
        trainer = SentenceTransformerTrainer(
            model=model,
            args=arguments,
            train_dataset=datasets.Dataset.from_list(pairs),
            loss=library().MultipleNegativesRankingLoss(model),
            evaluator=evaluator(data, name="rooms"),
        )
        trainer.train()
    steps = [entry for entry in trainer.state.log_history if "eval_rooms_MRR" in entry]
    assert [entry["step"] for entry in steps] == [1, 2]
    assert trainer.state.best_metric == max(entry["eval_rooms_MRR"] for entry in steps)
    folders = sorted((tmp_path / "eval" / "rooms").iterdir())
    assert len(folders) == 2
    assert all(is_run_folder(folder) for folder in folders)


def test_what_cannot_be_used_is_refused_when_the_evaluator_is_made(data: Path, tmp_path: Path) -> None:
    with pytest.raises(InvalidOptionError, match="'accuracy'"):
        evaluator(data, primary="accuracy")
    with pytest.raises(InputError, match="does not exist"):
        evaluator(tmp_path / "absent.json")
    (tmp_path / "broken.json").write_text("[1]")
    with pytest.raises(DataFormatError):
        evaluator(tmp_path / "broken.json")


def test_asking_for_it_without_the_library_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    from embedscope.integrations import sentence_transformers as module

    def absent(name: str) -> Any:
        raise ImportError(name)

    monkeypatch.setattr(module, "import_module", absent)
    with pytest.raises(MissingExtraError, match=r"\[models\]"):
        module.evaluator_class.__wrapped__()


def test_importing_the_package_loads_no_heavy_library() -> None:
    program = (
        "import sys, embedscope.integrations; "
        "print(*[m for m in ('torch', 'sentence_transformers', 'matplotlib') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""


def parts_of(rows: list[dict[str, Any]]) -> tuple[dict[str, str], dict[str, str], dict[str, set[str]]]:
    documents = dict.fromkeys(text for row in rows for text in _texts(row)[1:])
    corpus = {f"d{n}": text for n, text in enumerate(documents)}
    id_of = {text: key for key, text in corpus.items()}
    queries = {f"q{n}": row["query"] for n, row in enumerate(rows)}
    return queries, corpus, {f"q{n}": {id_of[row["pos"]]} for n, row in enumerate(rows)}


def test_the_constructor_is_that_of_the_evaluator_of_the_library() -> None:
    from embedscope.integrations import EmbedscopeEvaluator

    theirs = inspect.signature(library().InformationRetrievalEvaluator).parameters
    ours = list(inspect.signature(EmbedscopeEvaluator).parameters.values())
    assert [one.name for one in ours[: len(theirs)]] == list(theirs)
    for one in ours[3 : len(theirs)]:
        assert (one.default, one.kind) == (theirs[one.name].default, theirs[one.name].kind)
    assert all(one.kind is inspect.Parameter.KEYWORD_ONLY for one in ours[len(theirs) :])


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"name": "rooms", "write_predictions": True},
        {"mrr_at_k": [3], "ndcg_at_k": [2, 7], "accuracy_at_k": [4], "map_at_k": [5], "corpus_chunk_size": 10},
        {"truncate_dim": 8, "query_prompt": "cheap ", "corpus_prompt_name": "query", "write_csv": False},
        {"score_functions": "dot", "main_score_function": "dot"},
    ],
    ids=["defaults", "name and predictions", "cutoffs and chunks", "fewer numbers and prompts", "a score function"],
)
def test_the_figures_files_and_primary_metric_are_those_of_the_library(
    options: dict[str, Any], rows: list[dict[str, Any]], model: Any, tmp_path: Path
) -> None:
    from sentence_transformers import util

    from embedscope.integrations import EmbedscopeEvaluator

    if "score_functions" in options:
        options = options | {"score_functions": {"dot": util.dot_score}}
    model.prompts = {"query": "market ", "document": ""}
    theirs = library().InformationRetrievalEvaluator(*parts_of(rows), **options)
    ours = EmbedscopeEvaluator(*parts_of(rows), **options, output=tmp_path / "runs", draws=200, page=False)
    expected, found = (
        one(model, str(tmp_path / where), epoch=1, steps=2) for one, where in ((theirs, "theirs"), (ours, "ours"))
    )
    assert {key: found[key] for key in expected} == pytest.approx(expected, abs=1e-12)
    assert ours.primary_metric == theirs.primary_metric
    assert ours.primary_metric in found
    files = {path.name: path.read_bytes() for path in (tmp_path / "theirs").glob("*")}
    assert {path.name: path.read_bytes() for path in (tmp_path / "ours").glob("*")} == files
    assert bool(files) is options.get("write_csv", True)
    # Without ties and equal texts, the metrics with intervals are the same numbers under embedscope's names.
    of_library = "dot" if "score_functions" in options else "cosine"
    name = "rooms_" if "name" in options else ""
    for option, metric, key in (("ndcg_at_k", "nDCG", "ndcg"), ("mrr_at_k", "MRR", "mrr"), ("map_at_k", "MAP", "map")):
        for k in options.get(option, [100 if key == "map" else 10]):
            value = found[f"{name}{metric}@{k}"]
            assert value == pytest.approx(expected[f"{name}{of_library}_{key}@{k}"], abs=1e-6)
            assert found[f"{name}{metric}@{k}_low"] <= value <= found[f"{name}{metric}@{k}_high"]
    report = json.loads((tmp_path / "runs" / "epoch1_step2" / "report.json").read_text())
    assert report["model"]["query_prompt"] == options.get("query_prompt", "market ")
    assert report["model"]["similarity"] == of_library


def test_ties_queries_without_answers_and_equal_texts_do_not_stop_it(model: Any) -> None:
    from embedscope.integrations import EmbedscopeEvaluator

    queries = {1: "room quiet", 2: "cheap park", 3: "river"}
    corpus = {10: "quiet room", 11: "quiet room", 12: "park cheap", 13: "market", 14: "balcony garden", 15: ""}
    relevant = {1: {10}, 2: {12}, 3: set()}
    theirs = library().InformationRetrievalEvaluator(queries, corpus, relevant)(model)
    found = EmbedscopeEvaluator(queries, corpus, relevant, draws=100)(model)
    assert {key: found[key] for key in theirs} == theirs
    # The library counts the equal text 11 as wrong, behind 10 by its id; embedscope has one text of two ids.
    assert found["MRR"] == 1.0


def test_a_relevant_document_that_the_corpus_lacks_is_left_out_unless_it_is_to_be_refused(
    model: Any, caplog: pytest.LogCaptureFixture
) -> None:
    from embedscope.integrations import EmbedscopeEvaluator

    queries = {1: "room quiet", 2: "cheap park", 3: "river"}
    parts = queries, {10: "quiet room", 12: "park cheap"}, {1: {10, 99}, 2: {12}, 3: {98}}
    theirs = library().InformationRetrievalEvaluator(*parts)(model)
    found = EmbedscopeEvaluator(*parts, draws=100)(model)
    assert {key: found[key] for key in theirs} == theirs
    assert "judgments" in caplog.text
    with pytest.raises(DataFormatError, match="99"):
        EmbedscopeEvaluator(*parts, allow_missing=False)
    with pytest.raises(InputError, match="empty"):
        EmbedscopeEvaluator(queries, {10: "quiet room", 12: ""}, {1: {10}, 2: {12}}, drop_empty=False)


def test_from_the_second_evaluation_on_one_line_says_what_compare_says_of_the_first_and_this(
    model: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    import torch

    data = tmp_path / "valid.json"
    data.write_text(json.dumps(made_rows(60)), encoding="utf-8")
    told: list[str] = []
    made = evaluator(data, page=False, output=tmp_path / "runs", tell=told.append)
    first = made(model)
    assert told == []
    weights = model[0].embedding.weight
    before = weights.data.clone()
    line = torch.randn(len(before), 1, generator=torch.Generator().manual_seed(1)).expand(-1, before.shape[1])
    weights.data[:] = line + 1e-2 * before  # all words in one direction: nearly nothing is told apart
    worse = made(model)
    model.save(str(tmp_path / "worse"))
    weights.data[:] = before
    made(model)
    assert told[0].startswith(f"VERDICT: REGRESSION | score={worse['MRR']:.4f} | baseline={first['MRR']:.4f} | delta=-")
    assert told[1].startswith(f"VERDICT: MARGINAL | score={first['MRR']:.4f} | baseline={first['MRR']:.4f} | delta=+0")
    assert sorted(path.name for path in (tmp_path / "runs").iterdir()) == ["model", "model_2", "model_3"]
    runs = [str(tmp_path / "runs" / "model"), str(tmp_path / "worse")]
    cli.main(["compare", *runs, "--data", str(data), "--draws", "200", "--device", "cpu"])
    assert told[0] in capsys.readouterr().out.splitlines()


def test_two_evaluators_of_one_place_write_into_folders_of_their_own(data: Path, model: Any, tmp_path: Path) -> None:
    first, second = evaluator(data), evaluator(data)
    for one in (first, second, first):
        one(model, output_path=str(tmp_path), epoch=1, steps=2)
    assert sorted(path.relative_to(tmp_path).as_posix() for path in tmp_path.glob("*/*")) == [
        "embedscope/epoch1_step2", "embedscope/epoch1_step2_2", "embedscope_2/epoch1_step2",
    ]  # fmt: skip


def test_parts_that_do_not_belong_together_are_refused(rows: list[dict[str, Any]], data: Path) -> None:
    from embedscope.integrations import EmbedscopeEvaluator

    queries, corpus, relevant = parts_of(rows)
    with pytest.raises(InvalidOptionError, match=r"needs queries, corpus, relevant_docs.*came queries, corpus"):
        EmbedscopeEvaluator(queries, corpus)
    with pytest.raises(InvalidOptionError, match=r"needs queries.*came none"):
        EmbedscopeEvaluator(name="rooms")
    with pytest.raises(InvalidOptionError, match="was given a data set, and queries"):
        EmbedscopeEvaluator(queries, corpus, relevant, data=data)
    with pytest.raises(TypeError, match="unexpected keyword argument 'batchsize'"):
        EmbedscopeEvaluator(queries, corpus, relevant, batchsize=3)
    assert EmbedscopeEvaluator(data=data, name="rooms").primary_metric == "rooms_MRR"


def test_score_functions_that_are_neither_cosine_nor_dot_are_noted(
    rows: list[dict[str, Any]], caplog: pytest.LogCaptureFixture
) -> None:
    from sentence_transformers import util

    from embedscope.integrations import EmbedscopeEvaluator

    EmbedscopeEvaluator(*parts_of(rows), score_functions={"manhattan": util.manhattan_sim})
    (record,) = (one for one in caplog.records if one.name == "embedscope")
    assert record.getMessage().startswith("score_functions (manhattan): intervals and verdict are by the similarity")


def test_a_sample_of_the_queries_is_one_for_the_library_too(rows: list[dict[str, Any]], model: Any) -> None:
    from embedscope.integrations import EmbedscopeEvaluator

    made = EmbedscopeEvaluator(*parts_of(rows), max_samples=8, draws=100)
    found = made(model)
    assert len(made.queries) == 8
    assert found["MRR@10"] == pytest.approx(found["cosine_mrr@10"], abs=1e-6)


SCRIPT = Path(__file__).parents[2] / "examples" / "train_retriever.py"


@pytest.mark.slow
def test_the_training_script_runs_with_either_evaluator_and_ends_with_the_verdict(minilm: str, tmp_path: Path) -> None:
    pytest.importorskip("datasets")
    swapped = SCRIPT.read_text(encoding="utf-8").replace(
        "from embedscope.integrations import EmbedscopeEvaluator",
        "from sentence_transformers.sentence_transformer.evaluation import InformationRetrievalEvaluator",
    )
    (tmp_path / "theirs.py").write_text(swapped.replace("EmbedscopeEvaluator(", "InformationRetrievalEvaluator("))
    logged = {}
    for name, script in (("ours", SCRIPT), ("theirs", tmp_path / "theirs.py")):
        words = ["--model", minilm, "--steps", "1", "--queries", "24", "--output", name]
        env = {**os.environ, "HF_HUB_OFFLINE": "1", "PYTHONPATH": os.pathsep.join(sys.path), "CUDA_VISIBLE_DEVICES": ""}
        command = [sys.executable, str(script), *words]
        done = subprocess.run(command, cwd=tmp_path, env=env, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        state = json.loads((tmp_path / name / "checkpoint-1" / "trainer_state.json").read_text())
        (logged[name],) = (entry for entry in state["log_history"] if "eval_valid_cosine_ndcg@10" in entry)
        if name == "ours":
            assert done.stdout.splitlines()[-1].startswith("VERDICT: ")
    for key in (key for key in logged["theirs"] if "cosine" in key):
        assert logged["ours"][key] == pytest.approx(logged["theirs"][key], abs=1e-6), key
    assert is_run_folder(tmp_path / "ours" / "eval" / "valid" / f"epoch{logged['ours']['epoch']:g}_step1")


def test_a_name_that_is_not_there_is_an_attribute_error() -> None:
    import embedscope.integrations as package

    assert dir(package) == ["EmbedscopeCallback", "EmbedscopeEvaluator"]
    with pytest.raises(AttributeError):
        _ = package.Nothing
