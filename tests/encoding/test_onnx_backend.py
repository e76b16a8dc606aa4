"""ONNX Runtime in place of torch: the same vectors as float32, near ones as int8, never mixed up in the cache."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from embedscope.cli import main
from embedscope.encoding import EmbeddingStore, Model, encode_texts, load_model, onnx_backend
from embedscope.errors import CheckpointError, InvalidOptionError, MissingExtraError
from embedscope.protocols import Backend, Pooling

pytest.importorskip("torch")
pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")

TEXTS = ("a quiet room near the river", "two bicycles", "", "how to repair a clock that stopped " * 9)


def unit(model: Model, texts: Sequence[str] = TEXTS, **options: Any) -> np.ndarray:
    return model.projector.project(encode_texts(texts, model.encoder, **options).vectors)


def test_float32_gives_the_vectors_of_torch_whatever_the_batch(minilm: str) -> None:
    expected = unit(load_model(minilm, device="cpu"))
    model = load_model(minilm, backend="onnx")
    np.testing.assert_allclose(unit(model), expected, atol=1e-5)
    np.testing.assert_allclose(unit(model, batch_size=1), expected, atol=1e-5)
    assert (model.facts.device, model.facts.dtype) == ("cpu", "float32")
    assert "Encoded by ONNX Runtime" in model.facts.notes


def test_int8_gives_near_vectors_and_says_that_they_are_others(minilm: str) -> None:
    expected = unit(load_model(minilm, device="cpu"), TEXTS[:2])
    model = load_model(minilm, backend=Backend.ONNX_INT8)
    cosine = (unit(model, TEXTS[:2]) * expected).sum(axis=1)
    assert (cosine > 0.9).all()
    assert (cosine < 1 - 1e-5).all()
    assert model.facts.dtype == "int8"
    assert "int8 changes vectors and metrics" in model.facts.notes[-1]


def test_weights_of_a_checkpoint_replace_those_of_the_base_model(
    tiny: Any, make_tiny: Any, head_tensors: Any, tmp_path: Path
) -> None:
    import torch

    other = make_tiny(tmp_path / "other", 32, seed=7)
    file = tmp_path / "trained.pt"
    encoder = {f"encoder.{name}": value for name, value in other.model.state_dict().items()}
    torch.save({**encoder, **head_tensors}, file)
    given = {"base_model": tiny.folder, "pooling": Pooling.MEAN}
    expected = unit(load_model(file, device="cpu", **given))
    np.testing.assert_allclose(unit(load_model(file, backend="onnx", **given)), expected, atol=1e-5)


def test_every_backend_has_vectors_of_its_own_in_the_store(tiny: Any, tmp_path: Path) -> None:
    store = EmbeddingStore(tmp_path)
    given = {"device": "cpu", "pooling": Pooling.MEAN}
    models = [load_model(tiny.folder, backend=backend, **given) for backend in Backend]
    assert len({model.encoder.fingerprint for model in models}) == 3
    assert len({model.facts.fingerprint for model in models}) == 3
    for model in models:
        assert encode_texts(TEXTS[:1], model.encoder, store).n_encoded == 1
        assert encode_texts(TEXTS[:1], model.encoder, store).n_cached == 1


def test_a_device_other_than_the_cpu_is_refused(minilm: str) -> None:
    with pytest.raises(InvalidOptionError, match=r"--backend onnx runs on the CPU, and --device is 'cuda'"):
        load_model(minilm, device="cuda", backend="onnx")


@pytest.mark.parametrize("package", ["onnx", "onnxruntime"])
def test_without_the_extra_it_is_named_before_the_checkpoint_is_read(
    package: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(MissingExtraError, match=rf"needs the package '{package}'.*embedscope\[onnx\]"):
        load_model("nowhere", backend="onnx")


def test_a_model_that_cannot_be_traced_is_refused_with_what_to_do(minilm: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise RuntimeError("unsupported operator")

    monkeypatch.setattr(onnx_backend, "_export", refuse)
    model = load_model(minilm, backend="onnx")
    with pytest.raises(CheckpointError, match=r"cannot be exported to ONNX \(RuntimeError\)\. Leave --backend out"):
        encode_texts(TEXTS, model.encoder)


def test_the_command_line_takes_it(tiny: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from embedscope.sample import sample_path

    data = tmp_path / "few.json"
    rows = json.loads(sample_path("test").read_text(encoding="utf-8"))[:6]
    data.write_text(json.dumps(rows), encoding="utf-8")
    words = ["evaluate", "--checkpoint", str(tiny.folder), "--pooling", "mean", "--data", str(data), "--draws", "100"]
    assert main([*words, "--backend", "onnx-int8", "--cache-dir", str(tmp_path / "cache")]) == 0
    assert "cpu int8" in " ".join(capsys.readouterr().err.split())
