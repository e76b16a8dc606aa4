"""The prompts of a run, wherever a model is named: applied, recorded, printed, or refused where they do nothing."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import embedscope
from embedscope.cli import main as cli
from embedscope.errors import InvalidOptionError
from embedscope.scale.shard_folder import ShardFolder

pytest.importorskip("sentence_transformers")

QUERY, DOCUMENT = "search: ", "text: "
PROMPTS = ("--query-prompt", QUERY, "--document-prompt", DOCUMENT)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    rows = [
        {"query": f"a lamp of {n} watts", "pos": f"lamp, {n} W", "hard_neg": [f"lamp, {n + 50} W"]} for n in range(12)
    ]
    file = tmp_path_factory.mktemp("data") / "test.json"
    file.write_text(json.dumps(rows), encoding="utf-8")
    return file


@pytest.fixture(scope="module")
def library(minilm: str) -> Any:
    from sentence_transformers import SentenceTransformer

    return SentenceTransformer(minilm, device="cpu")


@pytest.fixture
def vectors(data: Path, library: Any, tmp_path: Path) -> Path:
    """What sentence-transformers gives with the prompts, by id, as a file."""
    rows = json.loads(data.read_text())
    documents = list(dict.fromkeys(text for row in rows for text in (row["pos"], *row["hard_neg"])))
    table = {
        text: library.encode(prompt + text)
        for texts, prompt in (([row["query"] for row in rows], QUERY), (documents, DOCUMENT))
        for text in texts
    }
    np.savez(tmp_path / "v.npz", texts=np.array(list(table)), vectors=np.stack(list(table.values())))
    return tmp_path / "v.npz"


def report_of(capsys: pytest.CaptureFixture[str], *words: object) -> dict[str, Any]:
    capsys.readouterr()
    assert cli.main([*map(str, words), "--draws", "200", "--json"]) == 0
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    return found


def test_evaluate_applies_prompts_and_records_them(
    data: Path, minilm: str, vectors: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / "out"
    words = ["evaluate", "--checkpoint", minilm, "--data", data, *PROMPTS, "--output", output]
    found = report_of(capsys, *words)
    expected = report_of(capsys, "evaluate", "--embeddings", vectors, "--data", data)
    assert found["metrics"]["MRR"]["value"] == pytest.approx(expected["metrics"]["MRR"]["value"], abs=1e-9)
    mean = expected["similarity"]["positive"]["mean"]
    assert found["similarity"]["positive"]["mean"] == pytest.approx(mean, abs=1e-6)
    assert (found["model"]["query_prompt"], found["model"]["document_prompt"]) == (QUERY, DOCUMENT)
    options = json.loads((output / "manifest.json").read_text())["options"]
    assert (options["query_prompt"], options["document_prompt"]) == (QUERY, DOCUMENT)
    assert cli.main([*map(str, words), "--draws", "200"]) == 0
    said = " ".join(capsys.readouterr().err.split())
    assert f"{QUERY!r} before queries, {DOCUMENT!r} before documents" in said


def test_run_and_the_visualizer_take_prompts(data: Path, minilm: str, library: Any) -> None:
    chosen: dict[str, Any] = {"query_prompt": QUERY, "document_prompt": DOCUMENT}
    result = embedscope.run(
        checkpoint=minilm, data=data, draws=200, skip_tsne=True, skip_umap=True, device="cpu", **chosen
    )
    assert (result.model.query_prompt, result.model.document_prompt) == (QUERY, DOCUMENT)
    viz = embedscope.EmbeddingVisualizer(minilm, device="cpu", quiet=True, **chosen)
    for role, prompt in (("query", QUERY), ("document", DOCUMENT)):
        expected = library.encode([f"{prompt}a lamp"], normalize_embeddings=True)
        np.testing.assert_allclose(viz.encode_batch(["a lamp"], role=role), expected, atol=1e-6)
    with pytest.raises(InvalidOptionError, match="query_prompt is an option of EmbeddingVisualizer"):
        viz.analyse(data, query_prompt=QUERY)


def test_prompts_apply_to_every_model_that_is_compared_and_to_the_baseline(
    data: Path, minilm: str, vectors: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = report_of(capsys, "compare", vectors, minilm, "--data", data, *PROMPTS)
    assert all(row["difference"] == pytest.approx(0, abs=1e-9) for row in found["comparisons"])
    found = report_of(capsys, "evaluate", "--embeddings", vectors, "--data", data, "--baseline", minilm, *PROMPTS)
    row = next(row for row in found["comparisons"] if row["b"] == minilm)
    assert row["difference"] == pytest.approx(0, abs=1e-9)
    # Models that need other prompts: the reference is measured by itself, and its folder compared.
    reference = tmp_path / "reference"
    report_of(capsys, "evaluate", "--checkpoint", minilm, "--data", data, *PROMPTS, "--output", reference)
    found = report_of(capsys, "compare", reference, minilm, "--data", data, "--query-prompt", "")
    assert found["model"]["query_prompt"] == ""


@pytest.mark.parametrize(
    "words",
    [
        ["evaluate", "--embeddings", "{vectors}"],
        ["evaluate", "--embeddings", "{vectors}", "--baseline", "{vectors}"],
        ["visualize", "--embeddings", "{vectors}", "--output", "{folder}/out"],
        ["compare", "{vectors}", "{copy}"],
        ["audit"],
        ["shard", "--embeddings", "{vectors}", "--output", "{folder}/shards"],
    ],
    ids=lambda words: words[0],
)
def test_a_prompt_that_would_change_nothing_is_refused(
    words: Sequence[str], data: Path, vectors: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    copy = tmp_path / "copy.npz"
    copy.write_bytes(vectors.read_bytes())
    places = {"vectors": vectors, "copy": copy, "folder": tmp_path}
    written = [word.format(**places) for word in words]
    assert cli.main([*written, "--data", str(data), "--query-prompt", QUERY]) == 2
    assert "--query-prompt would change nothing" in " ".join(capsys.readouterr().err.split())


def test_shards_hold_the_vectors_behind_the_prompts(data: Path, minilm: str, library: Any, tmp_path: Path) -> None:
    words = ["shard", "--checkpoint", minilm, "--data", data, *PROMPTS, "--output", tmp_path / "shards"]
    assert cli.main(list(map(str, words))) == 0
    rows = ShardFolder(tmp_path / "shards").queries.take(np.array([0]))
    text = json.loads(data.read_text())[0]["query"]
    np.testing.assert_allclose(rows[0], library.encode(QUERY + text, normalize_embeddings=True), atol=1e-6)


def test_a_training_with_prompts_is_evaluated_with_them_in_every_form(
    data: Path, minilm: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    figures = {}
    for form in ("safetensors", "sentence-transformers"):
        folder = tmp_path / form
        words = ["train", "--data", data, "--valid", data, "--base-model", minilm, "--output-dir", folder, *PROMPTS]
        words += ["--epochs", "2", "--d-out", "8", "--device", "cpu", "--save-format", form, "--quiet"]
        assert cli.main(list(map(str, words))) == 0
        training = json.loads((folder / "training.json").read_text())
        curve = training["epochs"][training["best_epoch"]]["metrics"]["MRR"]["value"]
        for file in sorted(folder.glob("bgem3_projection_best*")):
            model = report_of(capsys, "evaluate", "--checkpoint", file, "--data", data)
            assert (model["model"]["query_prompt"], model["model"]["document_prompt"]) == (QUERY, DOCUMENT)
            figures[file.name] = model["metrics"]["MRR"]["value"]
            assert figures[file.name] == pytest.approx(curve, abs=1e-9)
    assert len(figures) == 3
    head = str(tmp_path / "safetensors" / "bgem3_projection_best.pt")
    assert cli.main(["evaluate", "--checkpoint", head, "--data", str(data), "--query-prompt", "find: "]) == 2
    assert "trained with the prompt 'search: ' before each query" in " ".join(capsys.readouterr().err.split())


def test_a_training_without_prompts_says_so_and_goes_on_without(
    data: Path, minilm: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["train", "--data", data, "--base-model", minilm, "--output-dir", tmp_path / "head", "--split", "0"]
    words += ["--select", "loss", "--epochs", "2", "--d-out", "8", "--device", "cpu", "--quiet"]
    assert cli.main(list(map(str, words))) == 0
    again = [*words, "--resume", tmp_path / "head", "--epochs", "3"]
    assert cli.main(list(map(str, again))) == 0
    head = str(tmp_path / "head" / "bgem3_projection_best.pt")
    assert cli.main(["evaluate", "--checkpoint", head, "--data", str(data), "--query-prompt", QUERY]) == 2
    assert "trained with no prompt before a query" in " ".join(capsys.readouterr().err.split())
