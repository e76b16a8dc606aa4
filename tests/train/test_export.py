"""What is evaluated is what is served: every form of a trained head gives the same vectors."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from embedscope.errors import CheckpointError, InvalidOptionError, OutputError
from embedscope.models.embed import encode_texts
from embedscope.models.model import Model, load_model
from embedscope.protocols import Float32Array
from embedscope.settings import Pooling
from embedscope.train import load_base
from embedscope.train.base import Base
from embedscope.train.checkpoints import BEST, Checkpointer
from embedscope.train.export import save_safetensors, save_sentence_transformers
from embedscope.train.trainer import Progress

torch = pytest.importorskip("torch")
pytest.importorskip("sentence_transformers")

TEXTS = ("a quiet room near the park", "two rooms with a balcony", "phòng trọ giá rẻ", "x", "long " * 300)


@pytest.fixture(scope="module")
def base(minilm: str) -> Base:
    return load_base(minilm, device="cpu")


def head_of(base: Base, *, layernorm: bool) -> dict[str, Any]:
    generator = torch.Generator().manual_seed(3)
    head = {"head.linear.weight": torch.randn(16, base.encoder.dim, generator=generator)}
    if layernorm:
        head |= {
            "head.ln.weight": torch.rand(16, generator=generator) + 0.5,
            "head.ln.bias": torch.randn(16, generator=generator),
        }
    return head


def vectors(model: Model) -> Float32Array:
    return model.projector.project(encode_texts(TEXTS, model.encoder).vectors)


def saved(folder: Path, base: Base, head: dict[str, Any], **options: Any) -> Path:
    """The best checkpoint of a run that ended with ``head``."""
    from embedscope.result import EpochRecord

    record = EpochRecord(1, 0.5, None, 1e-4, 1.0, {}, None, {}, None, 0.1)
    saver = Checkpointer(folder, base.as_config(), save_every=1, **options)
    saver.best(Progress(1, 1, head, {}, 1, head, [record]))
    return folder / BEST


@pytest.mark.parametrize("layernorm", [False, True])
def test_a_sentence_transformers_folder_gives_the_vectors_of_the_evaluation_to_1e_6(
    base: Base, tmp_path: Path, layernorm: bool
) -> None:
    from sentence_transformers import SentenceTransformer

    head = head_of(base, layernorm=layernorm)
    expected = vectors(load_model(saved(tmp_path, base, head), device="cpu"))
    folder = tmp_path / "served"
    save_sentence_transformers(folder, head, base)
    served = SentenceTransformer(str(folder), device="cpu")
    np.testing.assert_allclose(served.encode(list(TEXTS), batch_size=32, show_progress_bar=False), expected, atol=1e-6)
    np.testing.assert_allclose(vectors(load_model(folder, device="cpu")), expected, atol=1e-6)
    kinds = [module["type"].rsplit(".", 1)[-1] for module in json.loads((folder / "modules.json").read_text())]
    assert kinds == ["Transformer", "Pooling", "Dense", *(["LayerNorm"] if layernorm else []), "Normalize"]
    dense = json.loads((folder / "2_Dense" / "config.json").read_text())
    assert dense["activation_function"].endswith("Identity")


@pytest.mark.parametrize("stored", ["float16", "bfloat16"])
def test_a_base_stored_in_half_precision_is_served_as_it_is_evaluated(minilm: str, tmp_path: Path, stored: str) -> None:
    from sentence_transformers import SentenceTransformer
    from transformers import AutoModel

    shutil.copytree(minilm, tmp_path / "half")
    AutoModel.from_pretrained(minilm, dtype=getattr(torch, stored)).save_pretrained(tmp_path / "half")
    half = load_base(str(tmp_path / "half"), device="cpu")
    head = head_of(half, layernorm=False)
    expected = vectors(load_model(saved(tmp_path, half, head), device="cpu"))
    save_sentence_transformers(tmp_path / "served", head, half)
    served = SentenceTransformer(str(tmp_path / "served"), device="cpu")
    np.testing.assert_allclose(served.encode(list(TEXTS), batch_size=32, show_progress_bar=False), expected, atol=1e-6)
    np.testing.assert_allclose(vectors(load_model(tmp_path / "served", device="cpu")), expected, atol=1e-6)


def test_a_base_whose_names_have_a_prefix_is_served_as_it_is_evaluated(minilm: str, tmp_path: Path) -> None:
    from safetensors.torch import load_file, save_file
    from sentence_transformers import SentenceTransformer

    folder = Path(shutil.copytree(minilm, tmp_path / "compiled"))
    weights = load_file(folder / "model.safetensors")
    renamed = {f"_orig_mod.{name}": tensor for name, tensor in weights.items()}
    save_file(renamed, folder / "model.safetensors", {"format": "pt"})
    base = load_base(str(folder), device="cpu")
    head = head_of(base, layernorm=False)
    expected = vectors(load_model(saved(tmp_path, base, head), device="cpu"))
    save_sentence_transformers(tmp_path / "served", head, base)
    served = SentenceTransformer(str(tmp_path / "served"), device="cpu")
    np.testing.assert_allclose(served.encode(list(TEXTS), batch_size=32, show_progress_bar=False), expected, atol=1e-6)


def test_a_folder_is_replaced_whole_and_another_thing_in_its_place_is_not_touched(base: Base, tmp_path: Path) -> None:
    folder = tmp_path / "served"
    for seed_of_bias in (False, True):
        save_sentence_transformers(folder, head_of(base, layernorm=seed_of_bias), base)
    assert (folder / "3_LayerNorm").is_dir()
    assert [path.name for path in tmp_path.iterdir()] == ["served"]
    other = tmp_path / "notes"
    other.mkdir()
    (other / "thesis.txt").write_text("years of work")
    with pytest.raises(OutputError, match="something else stands there"):
        save_sentence_transformers(other, head_of(base, layernorm=False), base)
    assert (other / "thesis.txt").read_text() == "years of work"


def test_safetensors_give_the_vectors_of_the_checkpoint(base: Base, tmp_path: Path) -> None:
    head = head_of(base, layernorm=False)
    expected = vectors(load_model(saved(tmp_path, base, head), device="cpu"))
    path = tmp_path / "head.safetensors"
    save_safetensors(path, head, {"epoch": 7, "loss": 0.25, "val_loss": None, **base.as_config()})
    model = load_model(path, device="cpu")
    np.testing.assert_array_equal(vectors(model), expected)
    assert model.facts.training["epoch"] == "7"
    assert (model.facts.pooling, model.facts.max_length) == ("mean", 256)


def test_a_checkpoint_with_the_encoder_is_recognised_as_head_only_over_its_base(base: Base, tmp_path: Path) -> None:
    head = head_of(base, layernorm=False)
    alone = saved(tmp_path / "alone", base, head)
    whole = saved(tmp_path / "whole", base, head, encoder=base.folder)
    assert alone.stat().st_size < 100_000 < 20_000_000 < whole.stat().st_size
    model = load_model(whole, device="cpu")
    assert any("head-only" in note for note in model.facts.notes)
    assert model.encoder.fingerprint == load_model(alone, device="cpu").encoder.fingerprint


# --- the base model -----------------------------------------------------------------------------------------------


def test_a_head_is_evaluated_over_the_encoder_that_it_was_trained_over(base: Base, tmp_path: Path) -> None:
    model = load_model(saved(tmp_path, base, head_of(base, layernorm=False)), device="cpu")
    assert model.encoder.fingerprint == base.encoder.fingerprint
    assert model.facts.pooling_source == "checkpoint"


def test_another_pooling_than_the_models_own_is_recorded_and_said(minilm: str, tmp_path: Path) -> None:
    base = load_base(minilm, pooling=Pooling.CLS, max_length=64, device="cpu")
    assert any("itself pools by mean" in note for note in base.notes)
    model = load_model(saved(tmp_path, base, head_of(base, layernorm=False)), device="cpu")
    assert (model.facts.pooling, model.facts.max_length) == ("cls", 64)
    assert model.encoder.fingerprint == base.encoder.fingerprint


@pytest.mark.parametrize("mode", ["max", "weightedmean", "mean_sqrt_len_tokens"])
def test_a_pooling_that_a_checkpoint_cannot_record_is_refused_before_training(
    minilm: str, tmp_path: Path, mode: str
) -> None:
    shutil.copytree(minilm, tmp_path / "base")
    (tmp_path / "base" / "1_Pooling").mkdir(exist_ok=True)
    config = {"word_embedding_dimension": 384, "pooling_mode": mode}
    (tmp_path / "base" / "1_Pooling" / "config.json").write_text(json.dumps(config))
    modules = [
        {"idx": i, "name": str(i), "path": path, "type": f"sentence_transformers.models.{kind}"}
        for i, (path, kind) in enumerate([("", "Transformer"), ("1_Pooling", "Pooling")])
    ]
    (tmp_path / "base" / "modules.json").write_text(json.dumps(modules))
    with pytest.raises(CheckpointError, match=f"pools by {mode}; a head's checkpoint can record cls, mean or last"):
        load_base(str(tmp_path / "base"), device="cpu")
    assert load_base(str(tmp_path / "base"), pooling=Pooling.MEAN, device="cpu").pooling.label == "mean"


def test_texts_are_cut_to_512_tokens_or_the_models_own_limit(minilm: str) -> None:
    assert load_base(minilm, device="cpu").max_length == 256
    with pytest.raises(InvalidOptionError, match="--max-length is 9999"):
        load_base(minilm, max_length=9999, device="cpu")


def test_a_head_over_a_base_that_compares_by_dot_product_is_served_by_cosine(minilm: str, tmp_path: Path) -> None:
    from sentence_transformers import SentenceTransformer

    whole = SentenceTransformer(str(minilm), device="cpu")
    modules = [module for module in whole if type(module).__name__ != "Normalize"]
    SentenceTransformer(modules=modules, similarity_fn_name="dot", device="cpu").save(str(tmp_path / "base"))
    base = load_base(str(tmp_path / "base"), device="cpu")
    assert base.similarity == "dot"
    assert any("trained, validated and exported for the cosine" in note for note in base.notes)
    save_sentence_transformers(tmp_path / "served", head_of(base, layernorm=False), base)
    assert SentenceTransformer(str(tmp_path / "served"), device="cpu").similarity_fn_name == "cosine"
    assert load_model(tmp_path / "served", device="cpu").facts.similarity == "cosine"
    whole.similarity_fn_name = "dot"  # of unit vectors
    whole.save(str(tmp_path / "unit"))
    assert load_base(str(tmp_path / "unit"), device="cpu").similarity == "cosine"
    assert load_model(tmp_path / "unit", device="cpu").facts.similarity == "cosine"


def test_a_base_model_that_is_none_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="--base-model"):
        load_base(str(tmp_path / "absent.pt"), device="cpu")
