"""``embedscope migrate``: what is printed and written, heads on one encoder, and what cannot be used."""

from __future__ import annotations

import json
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.support.scene import run, snapshot, write_rows, write_vectors
from tests.support.tiny_model import write_tiny

from embedscope.result import Migration
from embedscope.result.codec import decode

FILES = {"migration.json", "migration.md", "migration.png", "report.html", "page.json", "manifest.json"}


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Sixty queries, vectors of two qualities for them, and fewer vectors than texts."""
    folder = tmp_path_factory.mktemp("migrate")
    data = write_rows(folder / "data.json", 60)
    write_vectors(folder / "bad.npz", data, 0.3)
    write_vectors(folder / "good.npz", data, 0.95)
    with np.load(folder / "good.npz") as table:
        np.savez(folder / "few.npz", texts=table["texts"][:3], vectors=table["vectors"][:3])
    return folder


def test_every_path_is_printed_and_written(scene: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["--data", scene / "data.json", "--draws", "200", "--dpi", "40"]
    done = run(
        capsys, "migrate", scene / "bad.npz", scene / "good.npz", *words, "--corpus", "10M", "--output", tmp_path / "o"
    )
    assert done.status == 0, done.err
    assert set(snapshot(tmp_path / "o")) == FILES
    for said in ("OLD alone", "affine adapter", "both indexes whole, fused", "Encode all again: +0.", "10M documents"):
        assert said in " ".join(done.out.split())
    report = json.loads((tmp_path / "o" / "migration.json").read_text(encoding="utf-8"))
    assert report["command"] == "migrate"
    assert len(report["paths"]) == 18
    known = {name: value for name, value in report.items() if name in Migration.__dataclass_fields__}
    assert decode(Migration, known).advice == tuple(report["advice"])
    table = (tmp_path / "o" / "migration.md").read_text(encoding="utf-8")
    assert table.count("\n|") == 2 + len(report["paths"])
    assert report["advice"][0].split("[")[0] in table
    record = json.loads((tmp_path / "o" / "manifest.json").read_text(encoding="utf-8"))
    assert set(record["inputs"]) == {"old", "new", "data"}
    assert record["options"]["corpus"] == 10_000_000


def test_report_draws_the_page_of_a_migration_again(
    scene: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["--data", scene / "data.json", "--draws", "100", "--dpi", "40", "--output", tmp_path / "o"]
    assert run(capsys, "migrate", scene / "bad.npz", scene / "good.npz", *words).status == 0
    page = (tmp_path / "o" / "report.html").read_text(encoding="utf-8")
    assert "<title>Migration: bad.npz to good.npz · embedscope</title>" in page
    (tmp_path / "o" / "report.html").unlink()
    assert run(capsys, "report", tmp_path / "o").status == 0
    assert (tmp_path / "o" / "report.html").read_text(encoding="utf-8") == page


def test_json_is_the_only_thing_on_stdout(scene: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["--data", scene / "data.json", "--draws", "200", "--json", "--quiet"]
    done = run(capsys, "migrate", scene / "bad.npz", scene / "good.npz", *words)
    assert json.loads(done.out)["new"]["checkpoint"] == str(scene / "good.npz")
    assert done.err == ""


def test_two_heads_on_one_encoder_need_no_text_encoded(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    torch = pytest.importorskip("torch")
    pytest.importorskip("sentence_transformers")
    monkeypatch.setenv("EMBEDSCOPE_CACHE", str(tmp_path / "cache"))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        write_tiny(tmp_path / "base", 32)
    generator = torch.Generator().manual_seed(0)
    for name in ("old", "new"):
        torch.save({"head.linear.weight": torch.randn(8, 32, generator=generator)}, tmp_path / f"{name}.pt")
    texts = ["phòng", "trọ", "quận", "một", "hai", "ba", "giá", "rẻ", "gần", "trường", "đại", "học"]
    rows = [{"query": f"{a} {b}", "pos": f"{b} {a} có gác", "hard_neg": []} for a in texts[:4] for b in texts[4:9]]
    (tmp_path / "data.json").write_text(json.dumps(rows), encoding="utf-8")
    more = ["--data", tmp_path / "data.json", "--pooling", "mean", "--draws", "100", "--device", "cpu", "--json"]

    def head_of(old: Path, new: Path, *words: Any) -> dict[str, Any]:
        done = run(capsys, "migrate", old, new, *more, *words)
        assert done.status == 0, done.err
        return dict(json.loads(done.out)["cost"])

    heads = head_of(tmp_path / "old.pt", tmp_path / "new.pt", "--base-model", tmp_path / "base", "--corpus", "1000")
    assert heads["head"]["flops"] == 2 * 1000 * 32 * 8
    assert (heads["head"]["dim_in"], heads["head"]["dim_out"], heads["head"]["base_bytes"]) == (32, 8, 1000 * 32 * 4)
    assert heads["head"]["is_old_index_enough"] is False  # eight numbers do not hold what 32 did
    assert heads["texts_per_s"] > 0
    assert heads["hours"] == pytest.approx(1000 / heads["texts_per_s"] / 3600)
    base = head_of(tmp_path / "base", tmp_path / "new.pt", "--base-model", tmp_path / "base", "--encode-rate", "10")
    assert base["head"]["is_old_index_enough"] is True
    assert (base["texts_per_s"], base["rate_source"]) == (10, "--encode-rate")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["{bad}", "{bad}"], "OLD and NEW are both"),
        (["{bad}", "{folder}/./bad.npz"], "OLD and NEW are both"),
        (["{bad}", "nowhere.npz"], "There is no checkpoint 'nowhere.npz'"),
        (["{bad}", "{few}"], "lacks"),
        (["bm25", "{good}"], "'bm25' gives ranked lists, and an index is made of vectors"),
        (["{bad}", "{good}", "--query-prompt", "x: "], "--query-prompt would change nothing"),
        (["{bad}", "{good}", "--adapter-documents", "3"], "expected 4 or more"),
        (["{bad}", "{good}", "--corpus", "many"], "expected a count"),
        (["{bad}", "{good}", "--output", "{bad}"], "is a file"),
        (["{bad}"], "required: NEW"),
    ],
)
def test_what_cannot_be_used_is_refused(
    words: list[str], said: str, scene: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = snapshot(scene)
    places = {"folder": scene, **{name: scene / f"{name}.npz" for name in ("bad", "good", "few")}}
    done = run(capsys, "migrate", *(word.format(**places) for word in words), "--data", scene / "data.json")
    assert done.status == 2
    assert said in " ".join(done.err.split())
    assert snapshot(scene) == before
