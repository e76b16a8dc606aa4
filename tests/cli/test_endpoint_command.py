"""An endpoint in the place of a checkpoint: the same numbers, its key in no file, nothing lost by an interrupt."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np
import pytest
from tests.support.loopback import Loopback, send, serving
from tests.support.scene import run, write_rows

KEY = "sk-not-to-be-seen-0123456789"
QUICK = ("--draws", "200", "--examples", "1")


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Loopback]:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    monkeypatch.setenv("EMBEDSCOPE_API_KEY", KEY)
    with serving(Loopback()) as loopback:
        yield loopback


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return write_rows(tmp_path / "test.json")


def metrics(folder: Path) -> dict[str, float]:
    report = json.loads((folder / "report.json").read_text(encoding="utf-8"))
    return {name: metric["value"] for name, metric in report["metrics"].items()}


def served_by(folder: str) -> Any:
    """The model in ``folder`` as sentence-transformers serves it."""
    sentence_transformers = pytest.importorskip("sentence_transformers")
    model, lock = sentence_transformers.SentenceTransformer(folder, device="cpu"), Lock()

    def encode(texts: Sequence[str]) -> np.ndarray:
        with lock:
            vectors: np.ndarray = model.encode(list(texts), show_progress_bar=False)
        return vectors

    return encode


def test_metrics_explanations_and_comparison_are_those_of_the_checkpoint(
    server: Loopback, minilm: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = write_rows(tmp_path / "test.json", 12)
    server.encode = served_by(minilm)
    common = ("--data", data, *QUICK, "--device", "auto", "--explain", "2")
    for name, checkpoint in (("own", minilm), ("served", server.address)):
        done = run(capsys, "evaluate", "--checkpoint", checkpoint, *common, "--output", tmp_path / name)
        assert done.status == 0, done.err
    own, served = (tmp_path / name for name in ("own", "served"))
    assert metrics(served) == pytest.approx(metrics(own), abs=1e-6)
    explained = [json.loads((at / "report.json").read_text(encoding="utf-8"))["explanations"] for at in (own, served)]
    assert explained[0]["failures"] != []
    assert [len(one["failures"]) for one in explained] == [2, 2]
    done = run(capsys, "compare", minilm, server.address, "--data", data, *QUICK, "--skip-maps", "--max-length", "256")
    assert done.status == 0, done.err
    assert "delta=+0.0000" in done.out
    done = run(capsys, "evaluate", "--checkpoint", server.address, "--baseline", f"{server.address}#tiny", *common)
    assert done.status == 0, done.err


def test_the_key_is_in_no_file_and_nothing_that_is_said(
    server: Loopback, data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    server.mishaps.append(
        lambda handler, texts: send(handler, dict(handler.headers), status=503, headers={"Retry-After": "0"})
    )
    words = ("visualize", "--checkpoint", server.address, "--model", "tiny", "--data", data, *QUICK, "--skip-umap")
    done = run(capsys, *words, "--output", tmp_path / "out", "--cache-dir", tmp_path / "cache")
    assert done.status == 0, done.err
    server.mishaps.append(lambda handler, texts: send(handler, {"key": handler.headers["Authorization"]}, status=401))
    refused = run(capsys, *words, "--output", tmp_path / "out2", "--cache-dir", tmp_path / "cache2")
    assert refused.status == 2
    assert "Bearer *" in refused.err
    assert not (tmp_path / "out2").exists()
    assert {headers["Authorization"] for _, headers, _ in server.asked} == {f"Bearer {KEY}"}
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert {"manifest.json", "report.html", "file-hashes.json"} <= {path.name for path in files}
    assert not [path for path in files if KEY.encode() in path.read_bytes()]
    assert KEY not in done.out + done.err + refused.out + refused.err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--checkpoint", "ADDRESS", "--pooling", "cls"), "--pooling would change nothing"),
        (("--checkpoint", "ADDRESS", "--device", "cuda"), "--device would change nothing"),
        (("--checkpoint", "ADDRESS", "--head-module", "head"), "--head-module would change nothing"),
        (("--checkpoint", "owner/name", "--model", "tiny"), "--model would change nothing"),
        (("--checkpoint", "http://me:secret@127.0.0.1/v1"), "holds a user or a password"),
        (("--checkpoint", "http://127.0.0.1:9/v1", "--model", "tiny"), "Nothing answers"),
    ],
)
def test_what_makes_no_sense_with_an_endpoint_is_refused(
    server: Loopback, data: Path, words: tuple[str, ...], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    done = run(capsys, "evaluate", "--data", data, *(server.address if word == "ADDRESS" else word for word in words))
    assert done.status == 2
    assert said in done.err
    assert len([line for line in done.err.splitlines() if line.startswith("embedscope: ")]) == 1
    assert "secret" not in done.err


def test_an_interrupt_ends_at_once_and_keeps_what_is_done(server: Loopback, data: Path, tmp_path: Path) -> None:
    words = [
        "evaluate", "--checkpoint", server.address, "--data", data, "--batch-size", "2", "--explain", "0", *QUICK,
        "--cache-dir", tmp_path / "cache",
    ]  # fmt: skip
    command = [sys.executable, "-m", "embedscope", *map(str, words)]
    server.delay_s = 0.1
    running = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 60
    while len(server.texts) < 30 and time.monotonic() < deadline:
        time.sleep(0.02)
    server.delay_s = 30
    time.sleep(0.3)
    running.send_signal(signal.SIGINT)
    interrupted = time.monotonic()
    said = running.communicate(timeout=25)[1]
    assert time.monotonic() - interrupted < 10
    assert (running.returncode, said.splitlines()[-1]) == (130, "embedscope: interrupted")
    server.delay_s = 0
    again = subprocess.run(command, stderr=subprocess.PIPE, text=True, timeout=120, check=True).stderr
    n_cached = int(again.split(" from the cache")[0].split()[-1])
    assert n_cached >= 8


def test_an_endpoint_needs_no_torch(server: Loopback, data: Path) -> None:
    program = (
        "import sys\n"
        "for name in ('torch', 'transformers', 'sentence_transformers', 'tokenizers', 'safetensors'):\n"
        "    sys.modules[name] = None\n"
        "from embedscope.cli.main import main\n"
        "sys.exit(main(sys.argv[1:]))\n"
    )
    words = ["evaluate", "--checkpoint", server.address, "--data", str(data), "--robustness", "--explain", "1", *QUICK]
    done = subprocess.run(
        [sys.executable, "-c", program, *words], capture_output=True, text=True, timeout=120, env=dict(os.environ)
    )
    assert done.returncode == 0, done.stderr
