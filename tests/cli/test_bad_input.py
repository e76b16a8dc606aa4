"""Bad input of every kind: exit status 2, one message, no traceback, and nothing written."""

from __future__ import annotations

import json
import pickle
import subprocess
import sys
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.support.scene import Maker, rows, run, snapshot, write_rows, write_vectors

CASES: dict[str, tuple[Maker, str]] = {}


def case(expected: str) -> Callable[[Maker], Maker]:
    """Register a maker of bad input; ``expected`` stands in the message."""

    def register(maker: Maker) -> Maker:
        CASES[maker.__name__] = (maker, expected)
        return maker

    return register


def data(folder: Path, content: object, name: str = "test.json") -> Path:
    path = folder / name
    if isinstance(content, bytes):
        path.write_bytes(content)
    else:
        path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
    return path


def judge(folder: Path, content: object, name: str = "test.json") -> list[str | Path]:
    """Visualize good vectors on the data set ``content``."""
    good = write_rows(folder / "good.json")
    return ["--embeddings", write_vectors(folder / "v.npz", good), "--data", data(folder, content, name)]


def with_vectors(folder: Path, change: Callable[[dict[str, Any]], object]) -> list[str | Path]:
    """Visualize a file of vectors after ``change`` was made to its columns."""
    good = write_rows(folder / "good.json")
    with np.load(write_vectors(folder / "v.npz", good)) as file:
        columns = dict(file)
    change(columns)
    np.savez(folder / "v.npz", **columns)
    return ["--embeddings", folder / "v.npz", "--data", good]


def with_checkpoint(folder: Path, content: bytes, name: str = "best.pt") -> list[str | Path]:
    return ["--checkpoint", data(folder, content, name), "--data", write_rows(folder / "good.json")]


@case("does not exist")
def missing_data_file(folder: Path) -> list[str | Path]:
    good = write_rows(folder / "test.json")
    return ["--embeddings", write_vectors(folder / "v.npz", good), "--data", folder / "tset.json"]


@case("Did you mean")
def misspelt_data_file(folder: Path) -> list[str | Path]:
    return missing_data_file(folder)


@case("nothing.pt")
def missing_checkpoint(folder: Path) -> list[str | Path]:
    return ["--checkpoint", folder / "nothing.pt", "--data", write_rows(folder / "good.json")]


@case("nothing.npz")
def missing_embeddings(folder: Path) -> list[str | Path]:
    return ["--embeddings", folder / "nothing.npz", "--data", write_rows(folder / "good.json")]


@case("test.json")
def empty_list(folder: Path) -> list[str | Path]:
    return judge(folder, [])


@case("is empty")
def empty_file(folder: Path) -> list[str | Path]:
    return judge(folder, b"")


@case("row 3")
def row_without_query(folder: Path) -> list[str | Path]:
    broken = rows()
    del broken[2]["query"]
    return judge(folder, broken)


@case("--drop-empty")
def empty_texts(folder: Path) -> list[str | Path]:
    broken = rows()
    broken[4]["pos"] = "  "
    return judge(folder, broken)


@case("at least 2")
def one_query_only(folder: Path) -> list[str | Path]:
    return judge(folder, rows(1))


@case("Perplexity 30")
def fewer_points_than_the_perplexity_needs(folder: Path) -> list[str | Path]:
    few = write_rows(folder / "few.json", 5)
    return ["--embeddings", write_vectors(folder / "v.npz", few), "--data", few, "--perplexity", "30", "--skip-umap"]


@case("cut off")
def cut_off_json(folder: Path) -> list[str | Path]:
    return judge(folder, json.dumps(rows())[:-200])


@case("line 2")
def cut_off_jsonl(folder: Path) -> list[str | Path]:
    lines = [json.dumps(row) for row in rows()]
    return judge(folder, "\n".join([lines[0], lines[1][:-9], *lines[2:]]), "test.jsonl")


@case("huge.json")
def fifty_megabytes_of_one_line(folder: Path) -> list[str | Path]:
    return judge(folder, b"x" * 50_000_000, "huge.json")


@case("huge.json")
def fifty_megabytes_of_one_line_of_json(folder: Path) -> list[str | Path]:
    return judge(folder, b'[{"query": "' + b"x" * 50_000_000, "huge.json")


@case("UTF-8")
def wrong_encoding(folder: Path) -> list[str | Path]:
    return judge(
        folder, json.dumps([{"query": "ở đâu", "pos": "à"}] * 9, ensure_ascii=False).encode("cp1252", "replace")
    )


@case("UTF-16")
def utf_16(folder: Path) -> list[str | Path]:
    return judge(folder, json.dumps(rows()).encode("utf-16"))


@case("binary")
def a_picture_as_data(folder: Path) -> list[str | Path]:
    return judge(folder, b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR" + bytes(range(256)))


@case("compressed (gzip)")
def compressed_data(folder: Path) -> list[str | Path]:
    return judge(folder, b"\x1f\x8b\x08\x00" + zlib.compress(json.dumps(rows()).encode()))


@case("finite")
def nan_vectors(folder: Path) -> list[str | Path]:
    return with_vectors(folder, lambda columns: columns["vectors"].__setitem__((3, 0), np.nan))


@case("norm")
def zero_vectors(folder: Path) -> list[str | Path]:
    return with_vectors(folder, lambda columns: columns["vectors"].__setitem__(3, 0.0))


@case("lacks")
def vectors_of_other_texts(folder: Path) -> list[str | Path]:
    return with_vectors(folder, lambda columns: columns["texts"].__setitem__(0, "another text"))


@case("expected")
def vectors_under_other_names(folder: Path) -> list[str | Path]:
    return with_vectors(folder, lambda columns: columns.update(scores=columns.pop("vectors")))


@case("Python objects")
def vectors_as_python_objects(folder: Path) -> list[str | Path]:
    return with_vectors(folder, lambda columns: columns.update(texts=columns["texts"].astype(object)))


@case("entries for")
def fewer_vectors_than_texts(folder: Path) -> list[str | Path]:
    return with_vectors(folder, lambda columns: columns.update(vectors=columns["vectors"][:-1]))


@case("best.pt")
def a_text_as_checkpoint(folder: Path) -> list[str | Path]:
    return with_checkpoint(folder, b"this is no checkpoint\n" * 50)


@case("best.pt")
def a_cut_off_checkpoint(folder: Path) -> list[str | Path]:
    return with_checkpoint(folder, b"PK\x03\x04" + bytes(400))


@case("head.safetensors")
def a_broken_safetensors_file(folder: Path) -> list[str | Path]:
    return with_checkpoint(folder, b"\xff" * 64, "head.safetensors")


@case("without a model")
def a_folder_without_a_model(folder: Path) -> list[str | Path]:
    (folder / "empty").mkdir()
    return ["--checkpoint", folder / "empty", "--data", write_rows(folder / "good.json")]


@case("pathlib.Path.touch")
def a_checkpoint_that_would_run_code(folder: Path) -> list[str | Path]:
    return with_checkpoint(folder, pickle.dumps(Hostile(str(folder / "pwned"))))


class Hostile:
    """Unpickling it makes a file."""

    def __init__(self, path: str) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (Path(self.path),)


@case("exactly one of --checkpoint")
def a_checkpoint_and_embeddings(folder: Path) -> list[str | Path]:
    return [*with_vectors(folder, lambda columns: None), "--checkpoint", folder / "x.pt"]


@case("exactly one of --checkpoint")
def neither_a_checkpoint_nor_embeddings(folder: Path) -> list[str | Path]:
    return ["--data", write_rows(folder / "good.json")]


@case("--criteria")
def unknown_criteria(folder: Path) -> list[str | Path]:
    return [*with_vectors(folder, lambda columns: None), "--criteria", "strict"]


@case("TOML")
def broken_criteria(folder: Path) -> list[str | Path]:
    return [*with_vectors(folder, lambda columns: None), "--criteria", data(folder, "[[criterion]", "mine.toml")]


@case("first:0.9")
def an_unknown_split_of_a_file(folder: Path) -> list[str | Path]:
    return [*with_vectors(folder, lambda columns: None), "--split", "valid"]


@case("not above 0")
def a_split_of_more_than_all_rows(folder: Path) -> list[str | Path]:
    return [*with_vectors(folder, lambda columns: None), "--split", "last:1.5"]


@case("no such query")
def an_example_that_the_data_lacks(folder: Path) -> list[str | Path]:
    return [*with_vectors(folder, lambda columns: None), "--query", "no such query"]


@case("--precision, --batch-size would change nothing: no text is encoded")
def options_of_an_encoder_where_a_ranking_is_judged(folder: Path) -> list[str | Path]:
    return ["--run", "bm25", "--data", write_rows(folder / "g.json"), "--batch-size", "8", "--precision", "bfloat16"]


@case("Choose another --summary")
def a_file_where_the_summary_folder_should_be(folder: Path) -> list[str | Path]:
    path = data(folder, "x")
    return [*with_vectors(folder, lambda columns: None), "--summary", path / "summary.md"]


@pytest.mark.parametrize("existing", [False, True], ids=["new output", "output of an old run"])
@pytest.mark.parametrize("name", CASES)
def test_bad_input_gives_one_message_and_leaves_everything_as_it_was(
    name: str, existing: bool, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    maker, expected = CASES[name]
    words = maker(tmp_path)
    if existing:
        (tmp_path / "out").mkdir()
        (tmp_path / "out" / "report.json").write_text("of an old run")
    before = snapshot(tmp_path)
    done = run(capsys, "visualize", *words, "--output", tmp_path / "out", "--device", "cpu", "--quiet")
    assert done.status == 2
    assert done.out == ""
    assert done.err.startswith("embedscope: ")
    assert done.err.count("\n") == 1
    assert expected in done.err
    assert len(done.err) < 1500
    assert snapshot(tmp_path) == before


def test_a_head_that_does_not_fit_its_base_model_names_both_sizes(
    tmp_path: Path, minilm: str, capsys: pytest.CaptureFixture[str]
) -> None:
    torch = pytest.importorskip("torch")
    torch.save({"head.linear.weight": torch.ones(8, 32)}, tmp_path / "head.pt")
    good = write_rows(tmp_path / "good.json")
    words = ["--checkpoint", tmp_path / "head.pt", "--base-model", minilm, "--data", good, "--device", "cpu"]
    done = run(capsys, "visualize", *words, "--output", tmp_path / "out", "--quiet")
    assert done.status == 2
    assert "32" in done.err
    assert "384" in done.err
    assert not (tmp_path / "out").exists()


def test_a_head_whose_base_model_cannot_be_had_says_what_to_pass(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    torch = pytest.importorskip("torch")
    torch.save({"head.linear.weight": torch.ones(8, 1024)}, tmp_path / "head.pt")
    good = write_rows(tmp_path / "good.json")
    done = run(capsys, "evaluate", "--checkpoint", tmp_path / "head.pt", "--data", good, "--device", "cpu", "--quiet")
    assert done.status == 2
    assert "BAAI/bge-m3" in done.err
    assert "--base-model /path/to/bge-m3" in done.err
    assert "Traceback" not in done.err


@pytest.mark.parametrize("output", ["taken", "taken/below", "/proc/embedscope-cannot-write-here"])
def test_an_output_folder_that_cannot_be_made_is_refused_before_any_work(
    output: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    good = write_rows(tmp_path / "good.json")
    (tmp_path / "taken").write_text("a file")
    words = ["visualize", "--embeddings", tmp_path / "absent.npz", "--data", good, "--quiet"]
    done = run(capsys, *words, "--output", tmp_path / output)
    assert done.status == 2
    assert "--output" in done.err
    assert "absent.npz" not in done.err
    assert (tmp_path / "taken").read_text() == "a file"


def test_a_folder_in_the_place_of_a_picture_is_refused_before_any_work(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    good = write_rows(tmp_path / "good.json")
    (tmp_path / "out" / "report.html").mkdir(parents=True)
    words = ["visualize", "--embeddings", tmp_path / "absent.npz", "--data", good, "--quiet"]
    done = run(capsys, *words, "--output", tmp_path / "out")
    assert done.status == 2
    assert "report.html" in done.err
    assert "absent.npz" not in done.err


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ([], "usage: embedscope"),
        (["visualize"], "--data"),
        (["visualise", "--data", "x"], "invalid choice: 'visualise'"),
        (["evaluate", "--data", "x", "--max-samples", "-1"], "expected 0 or more, not -1"),
        (["evaluate", "--data", "x", "--batch-size", "0"], "expected 1 or more, not 0"),
        (["evaluate", "--data", "x", "--batch-size", "many"], "expected a whole number, not 'many'"),
        (["visualize", "--data", "x", "--perplexity", "nan"], "expected a finite number above 0"),
        (["evaluate", "--data", "x", "--pooling", "max"], "invalid choice: 'max'"),
        (["evaluate", "--data", "x", "--gate=yes"], "ignored explicit argument"),
        (["compare", "--data", "x"], "CHECKPOINT"),
        (["report", "nowhere"], "nowhere"),
    ],
)
def test_arguments_that_make_no_sense_end_with_status_2(
    words: list[str], expected: str, capsys: pytest.CaptureFixture[str]
) -> None:
    done = run(capsys, *words)
    assert done.status == 2
    assert expected in done.err + done.out
    assert "Traceback" not in done.err


def test_the_installed_program_ends_with_status_2_and_no_traceback(tmp_path: Path) -> None:
    words = ["evaluate", "--embeddings", "absent.npz", "--data", "absent.json"]
    done = subprocess.run(
        [sys.executable, "-m", "embedscope", *words], capture_output=True, text=True, cwd=tmp_path, check=False
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("embedscope: absent.json does not exist")
    assert list(tmp_path.iterdir()) == []


def test_a_fault_of_our_own_is_called_one_and_leaves_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    import embedscope.pipeline as command

    def broken(*arguments: object, **options: object) -> None:
        raise ZeroDivisionError("our own mistake")

    monkeypatch.setattr(command, "result_of", broken)
    good = write_rows(tmp_path / "good.json")
    vectors = write_vectors(tmp_path / "v.npz", good)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    done = run(capsys, "evaluate", "--embeddings", vectors, "--data", good, "--output", tmp_path / "out", "--quiet")
    assert done.status == 70
    assert "our own mistake" in done.err
    assert not (tmp_path / "out").exists()
