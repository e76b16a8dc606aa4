"""``evaluate`` of heads, sparse and late-interaction models, rerankers and fusions: figures, messages, exit status."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from sentence_transformers import CrossEncoder
from tests.support.scene import Done, run
from tests.support.tiny_model import TEXTS, write_tiny
from tests.support.tiny_scorers import write_cross, write_late, write_m3, write_splade

WORDS = tuple(dict.fromkeys(" ".join(TEXTS).split()))


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Models of every kind, and a data set of words that they know."""
    folder = tmp_path_factory.mktemp("systems")
    write_m3(folder / "m3")
    write_splade(folder / "splade")
    write_late(folder / "late")
    write_cross(folder / "cross")
    write_tiny(folder / "bge-m3", 32)
    draw = random.Random(4)
    rows = [{"query": _text(draw, 4), "positive": _text(draw, 9), "negatives": [_text(draw, 9)]} for _ in range(20)]
    (folder / "data.json").write_text(json.dumps(rows), encoding="utf-8")
    return folder


def _text(draw: random.Random, n: int) -> str:
    return " ".join(draw.sample(WORDS, n))


def evaluate(desk: Path, capsys: pytest.CaptureFixture[str], *words: str, output: str = "out") -> Done:
    paths = [desk / word if (desk / word).exists() else word for word in words]
    common = ("--data", desk / "data.json", "--output", desk / output, "--cache-dir", desk / "cache", "--draws", "200")
    return run(capsys, "evaluate", *paths, *common)


def report(desk: Path, output: str = "out") -> dict[str, Any]:
    found: dict[str, Any] = json.loads((desk / output / "report.json").read_text(encoding="utf-8"))
    return found


@pytest.mark.parametrize("head", ["sparse", "colbert", "all"])
def test_a_head_is_held_against_the_dense_vectors_of_the_same_folder(
    desk: Path, capsys: pytest.CaptureFixture[str], head: str
) -> None:
    done = evaluate(desk, capsys, "--checkpoint", "m3", "--head", head, "--baseline", "m3")
    assert done.status == 0, done.err
    assert " ".join(done.err.split()).count("the dense vectors are what is measured") == 1  # of the baseline
    model = report(desk)["model"]
    assert (model["similarity"], model["layout"]) == ("score", "FlagEmbedding folder")
    assert head.removesuffix("bert") in model["head"].lower() or head == "all"
    evaluate(desk, capsys, "--checkpoint", "m3", output="dense")
    assert report(desk)["references"][str(desk / "m3")]["MRR"] == pytest.approx(
        report(desk, "dense")["metrics"]["MRR"]["value"]
    )


@pytest.mark.parametrize(("name", "layout"), [("splade", "sparse encoder"), ("late", "multi-vector encoder")])
def test_a_folder_is_recognised_and_what_needs_vectors_is_said_to_be_missing(
    desk: Path, capsys: pytest.CaptureFixture[str], name: str, layout: str
) -> None:
    done = evaluate(desk, capsys, "--checkpoint", name)
    assert done.status == 0, done.err
    found = report(desk)
    assert found["model"]["layout"] == f"{layout} of sentence-transformers"
    assert "a run has no vectors" in found["not_measured"].values()
    assert 0 < found["metrics"]["MRR"]["value"] <= 1


def test_fused_and_reranked_lists_are_judged_with_their_names(desk: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ("--checkpoint", "m3", "--fuse", "splade", "--fuse", "late", "--rerank", "cross", "--rerank-depth", "3")
    done = evaluate(desk, capsys, *words, "--baseline", "m3")
    assert done.status == 0, done.err
    names = [str(desk / name) for name in ("m3", "splade", "late")]
    assert report(desk)["model"]["checkpoint"] == f"{' + '.join(names)}, reranked by {desk / 'cross'}"
    assert report(desk)["inputs"]["rerank"] == str(desk / "cross")


def test_compare_reranks_the_candidates_and_leaves_a_named_baseline_as_it_is(
    desk: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["late", "--baseline", "m3", "--rerank", "cross", "--rerank-depth", "3"]
    paths = [desk / word if (desk / word).exists() else word for word in words]
    common = ("--data", desk / "data.json", "--output", desk / "out", "--cache-dir", desk / "cache", "--draws", "200")
    done = run(capsys, "compare", *paths, *common, "--dpi", "40")
    assert done.status == 0, done.err
    models = {name: each["model"]["checkpoint"] for name, each in report(desk)["runs"].items()}
    late, m3 = str(desk / "late"), str(desk / "m3")
    assert models == {m3: m3, late: f"{late}, reranked by {desk / 'cross'}"}


def test_a_run_file_is_fused_and_reranked_as_the_checkpoint_that_it_is_of(
    desk: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    evaluate(desk, capsys, "--checkpoint", "late", output="late-run")
    orders = ("--fuse", "splade", "--rerank", "cross", "--rerank-depth", "5")
    for system in (("--checkpoint", "late"), ("--run", str(desk / "late-run" / "run.trec"))):
        done = evaluate(desk, capsys, *system, *orders, output=system[0].strip("-"))
        assert done.status == 0, done.err
    one, other = (report(desk, name)["metrics"]["MRR"]["value"] for name in ("checkpoint", "run"))
    assert one == pytest.approx(other, abs=1e-6)
    done = evaluate(
        desk, capsys, "--checkpoint", "splade", "--fuse", str(desk / "late-run" / "run.trec"), output="back"
    )
    assert done.status == 0, done.err


def test_reranking_all_documents_orders_them_as_the_cross_encoder_alone_does(
    desk: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    done = evaluate(desk, capsys, "--checkpoint", "late", "--rerank", "cross", "--rerank-depth", "1000")
    assert done.status == 0, done.err
    rows = json.loads((desk / "data.json").read_text(encoding="utf-8"))
    documents = list(dict.fromkeys(text for row in rows for text in (row["positive"], *row["negatives"])))
    model = CrossEncoder(str(desk / "cross"), device="cpu")
    pairs = [(row["query"], text) for row in rows for text in documents]
    logits = model.predict(pairs, activation_fn=torch.nn.Identity()).reshape(len(rows), -1)
    tolerance = 1e-6 * np.abs(logits).max()
    reciprocals = []
    for row, own in zip(rows, logits, strict=True):
        distance = own - own[documents.index(row["positive"])]
        above, tied = np.count_nonzero(distance > tolerance), np.count_nonzero(np.abs(distance) <= tolerance)
        reciprocals.append(np.mean(1 / (above + 1 + np.arange(tied))))
    assert report(desk)["metrics"]["MRR"]["value"] == pytest.approx(sum(reciprocals) / len(rows), abs=1e-6)


@pytest.mark.parametrize(("words", "said"), [
    (("--checkpoint", "bge-m3", "--head", "sparse"), "its heads are dense. Save the model"),
    (("--checkpoint", "cross"), "pass it with --rerank"),
    (("--checkpoint", "m3", "--rerank", "splade"), "--rerank"),
    (("--checkpoint", "m3", "--rerank", "nothing/there/at-all"), "neither a folder"),
    (("--checkpoint", "m3", "--rerank-depth", "5"), "--rerank-depth would change nothing"),
    (("--checkpoint", "m3", "--fusion", "weighted"), "--fusion would change nothing"),
    (("--checkpoint", "m3", "--fusion-weights", "1", "2"), "--fusion-weights would change nothing"),
    (("--checkpoint", "m3", "--fuse", "splade", "--fusion-weights", "1", "2"), "--fusion rrf has none"),
    (("--checkpoint", "m3", "--fuse", "late", "--fusion", "weighted", "--fusion-weights", "1"), "needs 2 weights"),
    (("--checkpoint", "m3", "--head", "all", "--fusion-weights", "1", "2"), "needs 3 weights"),
    (("--checkpoint", "m3", "--head", "sparse", "--fusion-weights", "1"), "--fusion-weights would change nothing"),
    (("--checkpoint", "m3", "--head", "colbert", "--deployment-cost"), "--deployment-cost would change nothing"),
    (("--checkpoint", "m3", "--fuse", "late", "--explain", "3"), "--explain"),
    (("--run", "bm25", "--explain", "3"), "vectors or a run that were made before cannot do that"),
    (("--checkpoint", "m3", "--fuse", "nothing.trec"), "There is no checkpoint 'nothing.trec'. Expected"),
])  # fmt: skip
def test_what_cannot_be_used_ends_with_one_message_and_nothing_written(
    desk: Path, capsys: pytest.CaptureFixture[str], words: tuple[str, ...], said: str
) -> None:
    done = evaluate(desk, capsys, *words, output="refused")
    assert done.status == 2
    assert said in done.err
    assert not (desk / "refused").exists()
