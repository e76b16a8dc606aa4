"""ONNX Runtime in place of torch: the same vectors, never mixed up with those of torch in the cache."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from embedscope.cli.main import main
from embedscope.errors import CheckpointError, InvalidOptionError, MissingExtraError
from embedscope.models import EmbeddingStore, Model, encode_texts, load_model, onnx_backend
from embedscope.settings import Backend, Pooling

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
    assert len({model.encoder.fingerprint for model in models}) == 2
    assert len({model.facts.fingerprint for model in models}) == 2
    for model in models:
        assert encode_texts(TEXTS[:1], model.encoder, store).n_encoded == 1
        assert encode_texts(TEXTS[:1], model.encoder, store).n_cached == 1


def exports(folder: Path) -> list[Path]:
    return sorted((folder / "onnx").iterdir())


def tiny_on_onnx(tiny: Any, folder: Path) -> Model:
    return load_model(tiny.folder, backend="onnx", pooling=Pooling.MEAN, hashes=EmbeddingStore(folder).hashes)


class TestKeptExport:
    """The exported model in the cache."""

    def test_a_model_is_exported_once_and_gives_the_same_vectors_from_the_cache(
        self, tiny: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        first = unit(tiny_on_onnx(tiny, tmp_path))
        [folder] = exports(tmp_path)
        assert [file.name for file in folder.iterdir()] == ["model.onnx"]
        monkeypatch.setattr(onnx_backend, "_export", None)
        np.testing.assert_array_equal(unit(tiny_on_onnx(tiny, tmp_path)), first)

    def test_weights_too_large_for_one_file_lie_beside_it_and_give_the_same_vectors(
        self, tiny: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        inside = unit(tiny_on_onnx(tiny, tmp_path / "inside"))
        monkeypatch.setattr(onnx_backend, "_MAX_FILE_BYTES", 1_000)
        beside = unit(tiny_on_onnx(tiny, tmp_path / "beside"))
        np.testing.assert_array_equal(beside, inside)
        [folder] = exports(tmp_path / "beside")
        assert sorted(file.name for file in folder.iterdir()) == ["model.onnx", "model.onnx.data"]
        assert (folder / "model.onnx.data").stat().st_size > 10_000
        monkeypatch.setattr(onnx_backend, "_export", None)
        np.testing.assert_array_equal(unit(tiny_on_onnx(tiny, tmp_path / "beside")), inside)

    def test_other_weights_are_an_export_of_their_own_and_another_pooling_is_not(
        self, tiny: Any, make_tiny: Any, tmp_path: Path
    ) -> None:
        other = make_tiny(tmp_path / "other", 32, seed=7)
        for base in (tiny, other):
            unit(tiny_on_onnx(base, tmp_path))
        assert len(exports(tmp_path)) == 2
        shorter = load_model(
            tiny.folder, backend="onnx", pooling=Pooling.CLS, max_length=9, hashes=EmbeddingStore(tmp_path).hashes
        )
        unit(shorter)
        assert len(exports(tmp_path)) == 2

    def test_a_damaged_export_is_made_again(self, tiny: Any, tmp_path: Path) -> None:
        first = unit(tiny_on_onnx(tiny, tmp_path))
        [folder] = exports(tmp_path)
        size = (folder / "model.onnx").stat().st_size
        (folder / "model.onnx").write_bytes(b"no model")
        np.testing.assert_array_equal(unit(tiny_on_onnx(tiny, tmp_path)), first)
        assert (folder / "model.onnx").stat().st_size == size

    def test_an_export_that_fails_leaves_nothing_behind(
        self, tiny: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def refuse(model: Any, names: Sequence[str], folder: Path) -> None:
            folder.mkdir()
            (folder / "model.onnx").write_bytes(b"half")
            raise RuntimeError("unsupported operator")

        monkeypatch.setattr(onnx_backend, "_export", refuse)
        with pytest.raises(CheckpointError, match="cannot be exported"):
            unit(tiny_on_onnx(tiny, tmp_path))
        assert exports(tmp_path) == []

    def test_a_process_that_was_quicker_is_not_disturbed(
        self, tiny: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        expected = unit(tiny_on_onnx(tiny, tmp_path))
        [folder] = exports(tmp_path)
        stamp = (folder / "model.onnx").stat().st_mtime_ns
        monkeypatch.setattr(onnx_backend, "_kept_session", lambda kept: None)  # it was not there when we looked
        np.testing.assert_array_equal(unit(tiny_on_onnx(tiny, tmp_path)), expected)
        assert (folder / "model.onnx").stat().st_mtime_ns == stamp
        assert exports(tmp_path) == [folder]

    def test_the_export_used_longest_ago_and_unfinished_ones_make_room(self, tiny: Any, tmp_path: Path) -> None:
        for age, name in enumerate(("d", "c", "b", "a", ".export-killed")):
            (tmp_path / "onnx" / name).mkdir(parents=True)
            os.utime(tmp_path / "onnx" / name, (time.time() - 4000 - age,) * 2)
        (tmp_path / "onnx" / ".export-running").mkdir()
        unit(tiny_on_onnx(tiny, tmp_path))
        names = [folder.name for folder in exports(tmp_path)]
        assert names[0] == ".export-running"
        assert {"b", "c", "d"} < set(names)
        assert len(names) == 5

    def test_without_a_cache_or_where_it_cannot_be_written_nothing_is_kept(self, tiny: Any, tmp_path: Path) -> None:
        expected = unit(load_model(tiny.folder, backend="onnx", pooling=Pooling.MEAN))
        (tmp_path / "onnx").write_text("a file where the folder should be", encoding="utf-8")
        np.testing.assert_array_equal(unit(tiny_on_onnx(tiny, tmp_path)), expected)

    def test_the_weights_of_torch_are_let_go(self, tiny: Any, tmp_path: Path) -> None:
        for _ in range(2):  # exported, and read from the cache
            model = tiny_on_onnx(tiny, tmp_path)
            unit(model)
            assert sum(weights.numel() for weights in model.encoder.transformer.model.parameters()) == 0


def test_a_precision_beside_an_onnx_backend_is_refused(tiny: Any) -> None:
    with pytest.raises(InvalidOptionError, match=r"--backend onnx sets its own number format.*'float16'"):
        load_model(tiny.folder, backend="onnx", precision="float16")


def test_a_device_other_than_the_cpu_is_refused(minilm: str) -> None:
    with pytest.raises(InvalidOptionError, match=r"--backend onnx runs on the CPU, and --device is 'cuda'"):
        load_model(minilm, device="cuda", backend="onnx")


@pytest.mark.parametrize("package", ["onnx", "onnxruntime"])
def test_without_the_extra_it_is_named_before_the_checkpoint_is_read(
    package: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(MissingExtraError, match=rf"needs the package '{package}'.*\[onnx\]"):
        load_model("nowhere", backend="onnx")


def test_a_model_that_cannot_be_traced_is_refused_with_what_to_do(minilm: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise RuntimeError("unsupported operator")

    monkeypatch.setattr(onnx_backend, "_export", refuse)
    model = load_model(minilm, backend="onnx")
    with pytest.raises(CheckpointError, match=r"cannot be exported to ONNX \(RuntimeError\)\. Leave --backend out"):
        encode_texts(TEXTS, model.encoder)


class TestCheckedExport:
    """An export is used and kept only where it gives the vectors of torch at other shapes than it was traced at."""

    @staticmethod
    def llama(tiny: Any, folder: Path, rope_type: str, **settings: Any) -> Path:
        import torch
        import transformers

        torch.manual_seed(1)
        sizes = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 64}
        rope = {"rope_type": rope_type, "factor": 4.0, "rope_theta": 10000.0}
        more = {"max_position_embeddings": 16, "initializer_range": 0.4, "pad_token_id": 1, "rope_parameters": rope}
        config = transformers.LlamaConfig(vocab_size=40, **sizes, **more, **settings)
        transformers.LlamaModel(config).save_pretrained(folder)
        tiny.tokenizer.save_pretrained(folder)
        return folder

    def test_what_the_trace_fixes_is_refused_and_not_kept(
        self, tiny: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        folder = self.llama(tiny, tmp_path / "model", "dynamic")
        (folder / "sentence_bert_config.json").write_text(json.dumps({"max_seq_length": 128}))
        given = {"backend": "onnx", "pooling": Pooling.LAST, "hashes": EmbeddingStore(tmp_path).hashes}
        with pytest.raises(CheckpointError, match=r"other vectors on ONNX.*1 x 128 tokens.*Leave --backend out"):
            unit(load_model(folder, **given))
        assert exports(tmp_path) == []
        short = {"pooling": Pooling.LAST, "max_length": 16}
        expected = unit(load_model(folder, device="cpu", **short))
        np.testing.assert_allclose(unit(load_model(folder, **(given | short))), expected, atol=1e-5)
        assert len(exports(tmp_path)) == 1
        with pytest.raises(CheckpointError, match="other vectors on ONNX"):  # the kept one, at another length
            unit(load_model(folder, **given))
        monkeypatch.setattr(onnx_backend, "_CHECKED_TOKENS", 16)
        with pytest.raises(CheckpointError, match=r"from some length on \(dynamic\).*Leave --backend out"):
            unit(load_model(folder, **given))

    def test_attention_that_a_short_text_changes_is_refused(self, tiny: Any, tmp_path: Path) -> None:
        import transformers

        sizes = {"hidden_size": 32, "num_hidden_layers": 1, "num_attention_heads": 4, "intermediate_size": 64}
        config = transformers.BigBirdConfig(vocab_size=40, max_position_embeddings=66, pad_token_id=1, **sizes)
        transformers.BigBirdModel(config).save_pretrained(tmp_path / "model")
        tiny.tokenizer.save_pretrained(tmp_path / "model")
        with pytest.raises(CheckpointError, match=r"from some length on \(block_sparse\).*Leave --backend out"):
            unit(load_model(tmp_path / "model", backend="onnx", pooling=Pooling.MEAN))

    def test_an_export_that_fails_at_another_shape_is_refused(self, tiny: Any, tmp_path: Path) -> None:
        import transformers

        sizes = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 64}
        config = transformers.LongformerConfig(
            vocab_size=40, max_position_embeddings=66, attention_window=8, pad_token_id=1, **sizes
        )
        transformers.LongformerModel(config).save_pretrained(tmp_path / "model")
        tiny.tokenizer.save_pretrained(tmp_path / "model")
        with pytest.raises(CheckpointError, match=r"on ONNX Runtime.*Leave --backend out"):
            unit(load_model(tmp_path / "model", backend="onnx", pooling=Pooling.MEAN))


def test_the_command_line_takes_it(tiny: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from embedscope.data.sample import sample_path

    data = tmp_path / "few.json"
    rows = json.loads(sample_path("test").read_text(encoding="utf-8"))[:6]
    data.write_text(json.dumps(rows), encoding="utf-8")
    words = ["evaluate", "--checkpoint", str(tiny.folder), "--pooling", "mean", "--data", str(data), "--draws", "100"]
    assert main([*words, "--backend", "onnx", "--cache-dir", str(tmp_path / "cache")]) == 0
    assert "Encoded by ONNX Runtime" in " ".join(capsys.readouterr().err.split())
