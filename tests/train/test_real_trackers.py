"""`embedscope train` beside the tools themselves: what they hold in the end is what ``training.json`` says."""

from __future__ import annotations

import json
import os
import signal
import socket
import sqlite3
import struct
import subprocess
import sys
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.support.tiny_model import VOCABULARY, write_tiny

pytest.importorskip("torch")
httpx = pytest.importorskip("httpx")
pytestmark = [pytest.mark.slow, pytest.mark.integration]

PATIENCE_S = 600
"""How long a server may take to answer; it does in a few seconds where it is not alone on its machine."""


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A folder with a tiny base model and rows to train on: three words, and the same in another order and one more."""
    write_tiny(tmp_path / "base", 32)
    generator, words, rows = np.random.default_rng(3), VOCABULARY.split(), []
    for _ in range(60):
        chosen = [words[i] for i in generator.choice(len(words), 5, replace=False)]
        negative = {"text": " ".join(chosen[1:4]), "type": ["price"], "weight": 1.0}
        positive = " ".join([*chosen[2::-1], chosen[4]])
        rows.append({"query": " ".join(chosen[:3]), "pos": positive, "hard_neg": [negative]})
    (tmp_path / "rows.json").write_text(json.dumps(rows, ensure_ascii=False), encoding="utf-8")
    return tmp_path


def train(place: Path, *options: str, **environment: str) -> list[dict[str, Any]]:
    """The epochs of a training of two epochs, as ``training.json`` has them; stdout holds nothing but JSON."""
    words = ["train", "--data", "rows.json", "--split", "0.3", "--base-model", "base", "--pooling", "mean"]
    words += ["--d-out", "16", "--epochs", "2", "--output-dir", "out", "--no-cache", "--json", *options]
    env = {**os.environ, "HOME": str(place), "PYTHONPATH": os.pathsep.join(sys.path), **environment}
    command = [sys.executable, "-m", "embedscope", *words]
    done = subprocess.run(command, cwd=place, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    json.loads(done.stdout)
    return list(json.loads((place / "out" / "training.json").read_text())["epochs"])


def ends_of(epochs: list[dict[str, Any]]) -> dict[str, list[float]]:
    """MRR of every epoch, and the ends of its interval, by the names of their curves."""
    parts = {"valid/MRR": "value", "valid/MRR_low": "low", "valid/MRR_high": "high"}
    return {name: [epoch["metrics"]["MRR"][part] for epoch in epochs] for name, part in parts.items()}


def test_wandb_offline_holds_every_epoch_and_sends_nothing(place: Path) -> None:
    pytest.importorskip("wandb")
    expected = ends_of(train(place, "--wandb", WANDB_MODE="offline"))
    (file,) = (place / "out" / "wandb").glob("offline-run-*/run-*.wandb")
    rows = [{item.nested_key[0]: json.loads(item.value_json) for item in row.item} for row in history(file)]
    for name, values in expected.items():
        assert [row[name] for row in rows] == pytest.approx(values), name


def history(file: Path) -> Iterator[Any]:
    """The rows of a run of W&B that was not sent: protocol buffers in a log of LevelDB, in blocks of 32 KiB."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from wandb.proto.wandb_internal_pb2 import Record
    held, at, read = file.read_bytes(), 7, b""
    while at + 7 <= len(held):
        if (left := 32768 - at % 32768) < 7:
            at += left
            continue
        _, size, kind = struct.unpack_from("<IHB", held, at)
        read, at = read + held[at + 7 : at + 7 + size], at + 7 + size
        if kind in (1, 4):  # a whole record, or the end of one
            record, read = Record.FromString(read), b""
            if record.WhichOneof("record_type") == "history":
                yield record.history


def test_trackio_holds_every_epoch_in_its_own_folder(place: Path) -> None:
    pytest.importorskip("trackio")
    expected = ends_of(train(place, "--trackio", TRACKIO_DIR=str(place / "curves")))
    with sqlite3.connect(place / "curves" / "embedscope.db") as database:
        rows = database.execute("SELECT run_name, step, metrics FROM metrics ORDER BY step").fetchall()
        (config,) = (json.loads(row[0]) for row in database.execute("SELECT config FROM configs"))
    database.close()
    assert [row[:2] for row in rows] == [("out", 0), ("out", 1), ("out", 2)]
    for name, values in expected.items():
        assert [json.loads(row[2])[name] for row in rows] == pytest.approx(values)
    assert config["epochs"] == "2"
    assert "allow_val_change" not in config


def test_a_server_of_mlflow_holds_every_epoch_and_a_finished_run(place: Path) -> None:
    pytest.importorskip("mlflow")
    pytest.importorskip("uvicorn")
    with mlflow_server(place) as address:
        expected = ends_of(train(place, "--mlflow", MLFLOW_TRACKING_URI=address))
        api = f"{address}/api/2.0/mlflow"
        experiment = answer(httpx.get(f"{api}/experiments/get-by-name", params={"experiment_name": "embedscope"}))
        wanted = {"experiment_ids": [experiment["experiment"]["experiment_id"]]}
        (run,) = answer(httpx.post(f"{api}/runs/search", json=wanted))["runs"]
        assert (run["info"]["run_name"], run["info"]["status"]) == ("out", "FINISHED")
        for name, values in expected.items():
            query = {"run_id": run["info"]["run_id"], "metric_key": name}
            points = answer(httpx.get(f"{api}/metrics/get-history", params=query))["metrics"]
            points.sort(key=lambda point: int(point["step"]))
            assert [int(point["step"]) for point in points] == [0, 1, 2]
            assert [point["value"] for point in points] == pytest.approx(values)


@contextmanager
def mlflow_server(place: Path) -> Iterator[str]:
    """The address of a server with SQLite, on this machine only; it and its workers are gone at the end."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "mlflow", "server", "--backend-store-uri", f"sqlite:///{place}/mlflow.db"]
    command += ["--default-artifact-root", str(place / "artifacts"), "--host", "127.0.0.1", "--port", str(port)]
    with (place / "server.log").open("wb") as log:
        server = subprocess.Popen(
            [*command, "--workers", "1"], cwd=place, stdout=log, stderr=log, start_new_session=True
        )
    try:
        address = f"http://127.0.0.1:{port}"
        wait_for(f"{address}/health", server, place / "server.log")
        yield address
    finally:
        os.killpg(server.pid, signal.SIGKILL)
        server.wait()


def wait_for(url: str, server: subprocess.Popen[bytes], log: Path) -> None:
    until = time.monotonic() + PATIENCE_S
    while time.monotonic() < until and server.poll() is None:
        try:
            httpx.get(url, timeout=5).raise_for_status()
        except httpx.HTTPError:
            time.sleep(0.1)
        else:
            return
    pytest.fail(f"the server did not answer: {log.read_text(errors='replace')[-2000:]}")


def answer(found: Any) -> dict[str, Any]:
    """The JSON that the server answers with."""
    assert found.is_success, found.text
    return dict(found.json())
