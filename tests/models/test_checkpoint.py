"""Every accepted layout gives the vectors of the torch model that was saved; every other file is refused in words."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from embedscope.errors import CheckpointError, InvalidOptionError, MissingExtraError
from embedscope.models import EmbeddingStore, encode_texts, load_checkpoint, load_model
from embedscope.models.model_folders import Layout
from embedscope.settings import Pooling

torch = pytest.importorskip("torch")
pytest.importorskip("sentence_transformers")


def vectors(path: Path, texts: tuple[str, ...], **options: Any) -> np.ndarray:
    model = load_model(path, device="cpu", **options)
    return model.projector.project(encode_texts(texts, model.encoder).vectors)


def encoder_tensors(tiny: Any, prefix: str = "encoder.") -> dict[str, Any]:
    return {f"{prefix}{name}": tensor.clone() for name, tensor in tiny.model.state_dict().items()}


# --- one head, saved in every way -----------------------------------------------------------------------------------


def prefixed(tensors: dict[str, Any], prefix: str) -> dict[str, Any]:
    return {prefix + name: tensor for name, tensor in tensors.items()}


SAVED_AS = {
    "bare": lambda head, encoder: head,
    "bare, of the head module alone": lambda head, encoder: {n.removeprefix("head."): t for n, t in head.items()},
    "wrapped": lambda head, encoder: {"epoch": 3, "model_state_dict": head, "loss": 0.5, "config": {"lr": 1e-4}},
    "wrapped under state_dict": lambda head, encoder: {"state_dict": head},
    "wrapped under model, optimizer beside": lambda head, encoder: {
        "model": head,
        "optimizer_state_dict": {"state": {0: {"exp_avg": torch.zeros(2)}}, "param_groups": [{"lr": 0.1}]},
    },
    "wrapped with encoder": lambda head, encoder: {"model_state_dict": head | encoder},
    "DistributedDataParallel": lambda head, encoder: prefixed(head | encoder, "module."),
    "torch.compile": lambda head, encoder: prefixed(head, "_orig_mod."),
    "compiled and distributed": lambda head, encoder: prefixed(head | encoder, "_orig_mod.module."),
    "distributed and compiled, wrapped": lambda head, encoder: {"state_dict": prefixed(head, "module._orig_mod.")},
    "half precision beside numbers of NumPy": lambda head, encoder: {
        "model_state_dict": head,
        "loss": np.float64(0.25),
        "val_loss": torch.tensor(0.5),
    },
}


@pytest.mark.parametrize("saved_as", SAVED_AS)
def test_a_head_gives_the_same_vectors_however_it_was_saved(
    saved_as: str, tmp_path: Path, tiny: Any, head_tensors: Any, expected: np.ndarray, texts: tuple[str, ...]
) -> None:
    path = tmp_path / "best.pt"
    torch.save(SAVED_AS[saved_as](head_tensors, encoder_tensors(tiny)), path)
    np.testing.assert_allclose(vectors(path, texts, base_model=tiny.folder), expected, atol=1e-6)


@pytest.mark.parametrize("name", ["best.safetensors", "best.pt", "best"])
def test_a_file_is_recognised_by_its_content_not_by_its_name(
    name: str, tmp_path: Path, tiny: Any, head_tensors: Any, expected: np.ndarray, texts: tuple[str, ...]
) -> None:
    from safetensors.torch import save_file

    save_file(head_tensors, tmp_path / name, metadata={"epoch": "16", "loss": "1.8"})
    np.testing.assert_allclose(vectors(tmp_path / name, texts, base_model=tiny.folder), expected, atol=1e-6)
    checkpoint = load_checkpoint(tmp_path / name, base_model=tiny.folder)
    assert checkpoint.layout is Layout.HEAD_SAFETENSORS
    assert checkpoint.training == {"epoch": "16", "loss": "1.8"}


def test_the_old_file_format_of_torch_is_read(
    tmp_path: Path, tiny: Any, head_tensors: Any, expected: np.ndarray, texts: tuple[str, ...]
) -> None:
    torch.save(head_tensors, tmp_path / "old.pt", _use_new_zipfile_serialization=False)
    np.testing.assert_allclose(vectors(tmp_path / "old.pt", texts, base_model=tiny.folder), expected, atol=1e-6)


def test_the_real_head_gives_the_vectors_of_the_torch_model(
    tmp_path: Path, real_data: Path, make_tiny: Any, torch_head: Any, texts: tuple[str, ...]
) -> None:
    from safetensors.torch import load_file

    path = real_data / "bgem3_projection_head.safetensors"
    wide = make_tiny(tmp_path / "wide", 1024)
    expected = torch_head(wide.pooled(texts), load_file(path))
    np.testing.assert_allclose(vectors(path, texts, base_model=wide.folder), expected, atol=1e-6)
    found = load_checkpoint(path, base_model=wide.folder)
    assert (found.steps[0].dim_out(1024), found.encoder_state, found.training["epoch"]) == (128, None, "16")


# --- the encoder inside a checkpoint --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "prefix",
    ["encoder.", "encoder.model.", "encoder.auto_model.", "encoder.0.auto_model.", "module.encoder.0.model."],
)
def test_an_unchanged_encoder_is_recognised_so_that_cached_base_embeddings_serve(
    prefix: str, tmp_path: Path, tiny: Any, head_tensors: Any
) -> None:
    torch.save(head_tensors, tmp_path / "head.pt")
    torch.save(head_tensors | encoder_tensors(tiny, prefix), tmp_path / "whole.pt")
    head = load_model(tmp_path / "head.pt", base_model=tiny.folder, device="cpu")
    whole = load_model(tmp_path / "whole.pt", base_model=tiny.folder, device="cpu")
    assert whole.encoder.fingerprint == head.encoder.fingerprint
    assert any("equals the base model" in note for note in whole.facts.notes)


def test_a_changed_encoder_is_used_and_differing_parts(
    tmp_path: Path, tiny: Any, make_tiny: Any, head_tensors: Any, torch_head: Any, texts: tuple[str, ...]
) -> None:
    other = make_tiny(tmp_path / "other", 32, seed=7)
    torch.save({"model_state_dict": head_tensors | encoder_tensors(other)}, tmp_path / "tuned.pt")
    expected = torch_head(other.pooled(texts), head_tensors)
    np.testing.assert_allclose(vectors(tmp_path / "tuned.pt", texts, base_model=tiny.folder), expected, atol=1e-6)
    torch.save(head_tensors, tmp_path / "head.pt")
    tuned = load_model(tmp_path / "tuned.pt", base_model=tiny.folder, device="cpu")
    head = load_model(tmp_path / "head.pt", base_model=tiny.folder, device="cpu")
    assert tuned.encoder.fingerprint != head.encoder.fingerprint


def test_buffers_and_pooler_of_the_encoder_do_not_count(tmp_path: Path, tiny: Any, head_tensors: Any) -> None:
    state = encoder_tensors(tiny)
    state["encoder.embeddings.position_ids"] = torch.arange(66)[None]
    state["encoder.pooler.dense.weight"] = torch.ones(32, 32)
    torch.save(head_tensors | state, tmp_path / "whole.pt")
    assert load_checkpoint(tmp_path / "whole.pt", base_model=tiny.folder).encoder_state is None


def test_an_encoder_of_another_architecture_names_what_does_not_fit(
    tmp_path: Path, tiny: Any, head_tensors: Any
) -> None:
    state = encoder_tensors(tiny)
    del state["encoder.embeddings.word_embeddings.weight"]
    torch.save(head_tensors | state, tmp_path / "cut.pt")
    with pytest.raises(CheckpointError, match=r"1 tensors missing \(first 'embeddings.word_embeddings.weight'\)"):
        load_checkpoint(tmp_path / "cut.pt", base_model=tiny.folder)
    state = encoder_tensors(tiny)
    state["encoder.embeddings.word_embeddings.weight"] = torch.ones(3, 32)
    torch.save(head_tensors | state, tmp_path / "small.pt")
    with pytest.raises(CheckpointError, match=r"shape \(3, 32\); the base model's has \(40, 32\)"):
        load_checkpoint(tmp_path / "small.pt", base_model=tiny.folder)


# --- base model, pooling, maximum length ----------------------------------------------------------------------------


def test_a_head_of_another_width_than_the_base_model_names_both_numbers_and_both_paths(
    tmp_path: Path, tiny: Any
) -> None:
    torch.save({"head.linear.weight": torch.ones(8, 1024)}, tmp_path / "wide.pt")
    with pytest.raises(CheckpointError, match="1024") as caught:
        load_checkpoint(tmp_path / "wide.pt", base_model=tiny.folder)
    message = str(caught.value)
    assert "gives 32" in message
    assert str(tmp_path / "wide.pt") in message
    assert str(tiny.folder) in message


def test_a_base_model_that_cannot_be_had_is_asked_for_by_its_option(tmp_path: Path, head_tensors: Any) -> None:
    torch.save(head_tensors, tmp_path / "head.pt")
    with pytest.raises(CheckpointError, match=r"BAAI/bge-m3.*--base-model /path/to/bge-m3"):
        load_checkpoint(tmp_path / "head.pt")


def test_the_base_model_that_a_checkpoint_records_is_used(tmp_path: Path, tiny: Any, head_tensors: Any) -> None:
    torch.save({"model_state_dict": head_tensors, "config": {"base_model": str(tiny.folder)}}, tmp_path / "head.pt")
    assert load_checkpoint(tmp_path / "head.pt").base_model == str(tiny.folder)


def test_a_head_that_records_no_pooling_is_mean_pooled_as_in_the_original_training(
    tmp_path: Path, tiny: Any, head_tensors: Any
) -> None:
    torch.save(head_tensors, tmp_path / "head.pt")
    checkpoint = load_checkpoint(tmp_path / "head.pt", base_model=tiny.folder)
    assert checkpoint.pooling is not None
    assert checkpoint.pooling.label == "mean"
    assert checkpoint.pooling_source == "original project trains with mean pooling"
    assert checkpoint.notes == ()


def test_a_base_model_that_pools_otherwise_than_the_head_is_taken_to_is_noted(
    tmp_path: Path, tiny: Any, head_tensors: Any
) -> None:
    base = shutil.copytree(tiny.folder, tmp_path / "bge-m3")
    torch.save(head_tensors, tmp_path / "head.pt")
    checkpoint = load_checkpoint(tmp_path / "head.pt", base_model=base)
    assert any("pools by cls" in note for note in checkpoint.notes)


@pytest.mark.parametrize("pooling", [Pooling.CLS, Pooling.MEAN, Pooling.LAST])
def test_pooling_follows_the_user_where_the_checkpoint_does_not_say(
    pooling: Pooling, tmp_path: Path, tiny: Any, head_tensors: Any, torch_head: Any, texts: tuple[str, ...]
) -> None:
    torch.save(head_tensors, tmp_path / "head.pt")
    expected = torch_head(tiny.pooled(texts, pooling.value), head_tensors)
    actual = vectors(tmp_path / "head.pt", texts, base_model=tiny.folder, pooling=pooling)
    np.testing.assert_allclose(actual, expected, atol=1e-6)


@pytest.mark.parametrize(
    ("label", "words"),
    [
        ("mean", ("mean_pooling", "avg_pooling", "masked_mean", "Mean-Pooling", "average")),
        ("cls", ("cls_token", "cls_pooling", "first", "first_token", "CLS")),
        ("last", ("eos", "last_token_pooling", "lasttoken", "last")),
    ],
)
def test_a_recorded_pooling_is_known_by_its_spellings(
    label: str, words: tuple[str, ...], tmp_path: Path, tiny: Any, head_tensors: Any
) -> None:
    for word in words:
        torch.save({"model_state_dict": head_tensors, "config": {"pooling": word}}, tmp_path / "head.pt")
        checkpoint = load_checkpoint(tmp_path / "head.pt", base_model=tiny.folder)
        assert checkpoint.pooling is not None
        assert (checkpoint.pooling.label, checkpoint.pooling_source) == (label, "checkpoint")


def test_another_pooling_than_in_training_is_an_error(tmp_path: Path, tiny: Any, head_tensors: Any) -> None:
    from safetensors.torch import save_file

    torch.save({"model_state_dict": head_tensors, "config": {"pooling": "cls"}}, tmp_path / "head.pt")
    torch.save({"state_dict": head_tensors, "pooling": "cls"}, tmp_path / "top.pt")
    save_file(head_tensors, tmp_path / "head.safetensors", metadata={"pooling": "cls"})
    for name in ("head.pt", "top.pt", "head.safetensors"):
        checkpoint = load_checkpoint(tmp_path / name, base_model=tiny.folder)
        assert (checkpoint.pooling and checkpoint.pooling.label, checkpoint.pooling_source) == ("cls", "checkpoint")
        with pytest.raises(CheckpointError, match="cls pooling, but --pooling asks for mean"):
            load_checkpoint(tmp_path / name, base_model=tiny.folder, pooling=Pooling.MEAN)


def test_maximum_length_is_the_users_then_the_checkpoints_then_the_models(
    tmp_path: Path, tiny: Any, head_tensors: Any
) -> None:
    path = tmp_path / "head.pt"
    torch.save({"model_state_dict": head_tensors, "config": {"max_length": 20}}, path)
    assert load_checkpoint(path, base_model=tiny.folder, max_length=7).max_length == 7
    assert load_checkpoint(path, base_model=tiny.folder).max_length == 20
    torch.save(head_tensors, path)
    # 66 positions, of which RoBERTa leaves the first pad_token_id + 1 = 2 empty
    assert load_checkpoint(path, base_model=tiny.folder).max_length == 64


@pytest.mark.parametrize("max_length", [0, -1, 65])
def test_a_maximum_length_that_the_model_cannot_take_is_an_error(
    max_length: int, tmp_path: Path, tiny: Any, head_tensors: Any
) -> None:
    torch.save(head_tensors, tmp_path / "head.pt")
    with pytest.raises(InvalidOptionError, match="takes 1 to 64 tokens"):
        load_checkpoint(tmp_path / "head.pt", base_model=tiny.folder, max_length=max_length)


def test_a_shorter_length_of_the_tokenizer_is_the_default_and_not_the_limit(tmp_path: Path, tiny: Any) -> None:
    folder = shutil.copytree(tiny.folder, tmp_path / "model")
    config = json.loads((folder / "tokenizer_config.json").read_text())
    (folder / "tokenizer_config.json").write_text(json.dumps(config | {"model_max_length": 16}))
    assert load_checkpoint(folder, pooling=Pooling.MEAN).max_length == 16
    assert load_checkpoint(folder, pooling=Pooling.MEAN, max_length=64).max_length == 64


def test_texts_as_long_as_the_model_can_take_are_encoded(tmp_path: Path, tiny: Any, head_tensors: Any) -> None:
    torch.save(head_tensors, tmp_path / "head.pt")
    long = ("a b c " * 200,)
    assert vectors(tmp_path / "head.pt", long, base_model=tiny.folder).shape == (1, 8)
    short = vectors(tmp_path / "head.pt", long, base_model=tiny.folder, max_length=5)
    same = vectors(tmp_path / "head.pt", ("a b c d e",), base_model=tiny.folder, max_length=5)
    np.testing.assert_allclose(short, same, atol=1e-6)  # <s> a b c </s>


# --- folders --------------------------------------------------------------------------------------------------------


def test_a_hugging_face_folder_needs_its_pooling_named(tiny: Any, texts: tuple[str, ...]) -> None:
    with pytest.raises(CheckpointError, match="pass --pooling cls, mean or last"):
        load_checkpoint(tiny.folder)
    expected = torch.nn.functional.normalize(tiny.pooled(texts, "cls"), dim=-1).numpy()
    np.testing.assert_allclose(vectors(tiny.folder, texts, pooling=Pooling.CLS), expected, atol=1e-6)


def test_bge_m3_is_known_to_pool_by_its_first_token(tmp_path: Path, tiny: Any) -> None:
    folder = shutil.copytree(tiny.folder, tmp_path / "bge-m3")
    checkpoint = load_checkpoint(folder)
    assert (checkpoint.pooling and checkpoint.pooling.label, checkpoint.pooling_source) == ("cls", "model type")


def test_the_pooling_folder_beside_a_hugging_face_model_counts(tmp_path: Path, tiny: Any) -> None:
    folder = shutil.copytree(tiny.folder, tmp_path / "model")
    (folder / "1_Pooling").mkdir()
    (folder / "1_Pooling" / "config.json").write_text(json.dumps({"pooling_mode_lasttoken": True}))
    checkpoint = load_checkpoint(folder)
    assert (checkpoint.pooling and checkpoint.pooling.label, checkpoint.pooling_source) == ("last", "checkpoint")


def test_the_extra_heads_of_a_flagembedding_folder_are_noted_and_not_used(tmp_path: Path, tiny: Any) -> None:
    folder = shutil.copytree(tiny.folder, tmp_path / "tuned")
    torch.save({"weight": torch.ones(2, 2)}, folder / "colbert_linear.pt")
    torch.save({"weight": torch.ones(2, 2)}, folder / "sparse_linear.pt")
    checkpoint = load_checkpoint(folder)
    assert checkpoint.layout is Layout.FLAG_EMBEDDING
    assert checkpoint.pooling is not None
    assert checkpoint.pooling.label == "cls"
    assert checkpoint.notes == (
        "colbert_linear.pt, sparse_linear.pt: not used; the dense vectors are what is measured.",
    )


def test_a_folder_of_pickled_weights_gives_the_same_vectors(tmp_path: Path, tiny: Any, texts: tuple[str, ...]) -> None:
    folder = shutil.copytree(tiny.folder, tmp_path / "model")
    (folder / "model.safetensors").unlink()
    torch.save(tiny.model.state_dict(), folder / "pytorch_model.bin")
    expected = vectors(tiny.folder, texts, pooling=Pooling.MEAN)
    np.testing.assert_allclose(vectors(folder, texts, pooling=Pooling.MEAN), expected, atol=1e-6)


def test_weights_in_shards_give_the_same_vectors(tmp_path: Path, tiny: Any, texts: tuple[str, ...]) -> None:
    folder = shutil.copytree(tiny.folder, tmp_path / "model")
    (folder / "model.safetensors").unlink()
    tiny.model.save_pretrained(folder, max_shard_size="20KB")
    assert len(list(folder.glob("model-*.safetensors"))) > 1
    expected = vectors(tiny.folder, texts, pooling=Pooling.MEAN)
    np.testing.assert_allclose(vectors(folder, texts, pooling=Pooling.MEAN), expected, atol=1e-6)


def test_an_adapter_without_the_peft_package_says_what_to_install(tmp_path: Path, tiny: Any) -> None:
    try:
        import peft  # noqa: F401
    except ImportError:
        pass
    else:
        pytest.skip("peft is installed")
    (tmp_path / "adapter_config.json").write_text(json.dumps({"base_model_name_or_path": str(tiny.folder)}))
    from safetensors.torch import save_file

    save_file({"x": torch.ones(1)}, tmp_path / "adapter_model.safetensors")
    with pytest.raises(MissingExtraError, match="peft"):
        load_model(tmp_path, pooling=Pooling.MEAN, device="cpu")


@pytest.mark.filterwarnings("ignore::FutureWarning")  # peft calls what transformers has deprecated
def test_an_adapter_is_merged_into_its_base_model(tmp_path: Path, tiny: Any, texts: tuple[str, ...]) -> None:
    peft = pytest.importorskip("peft")
    from transformers import AutoModel

    config = peft.LoraConfig(r=2, target_modules=["query", "value"], init_lora_weights=False)
    adapted = peft.get_peft_model(AutoModel.from_pretrained(tiny.folder), config)
    adapted.save_pretrained(tmp_path / "adapter")
    merged = type(tiny)(tiny.folder, adapted.eval(), tiny.tokenizer, tiny.width)
    expected = torch.nn.functional.normalize(merged.pooled(texts), dim=-1).numpy()
    np.testing.assert_allclose(vectors(tmp_path / "adapter", texts, pooling=Pooling.MEAN), expected, atol=1e-6)
    plain = vectors(tiny.folder, texts, pooling=Pooling.MEAN)
    assert np.abs(plain - expected).max() > 1e-3


# --- what is no checkpoint ------------------------------------------------------------------------------------------


def _image(path: Path, head: Any) -> None:
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(100))


def _truncated(path: Path, head: Any) -> None:
    torch.save({"head.linear.weight": torch.ones(200, 200)}, path)
    path.write_bytes(path.read_bytes()[:20_000])


def _truncated_old(path: Path, head: Any) -> None:
    torch.save({"head.linear.weight": torch.ones(200, 200)}, path, _use_new_zipfile_serialization=False)
    path.write_bytes(path.read_bytes()[:20_000])


def _truncated_safetensors(path: Path, head: Any) -> None:
    from safetensors.torch import save_file

    save_file({"head.linear.weight": torch.ones(200, 200)}, path)
    path.write_bytes(path.read_bytes()[:20_000])


def _archive(path: Path, head: Any) -> None:
    np.savez(path.with_suffix(".npz"), texts=np.array(["a"]), vectors=np.ones((1, 2)))
    path.with_suffix(".npz").rename(path)


NOT_CHECKPOINTS: dict[str, tuple[Any, str]] = {
    "a truncated zip file": (_truncated, "cut short or damaged"),
    "a truncated old file": (_truncated_old, "cut short or damaged"),
    "a truncated safetensors file": (_truncated_safetensors, "cut short or damaged"),
    "a text file": (lambda path, head: path.write_text("epoch,loss\n1,0.5\n"), "is a text file"),
    "a JSON file": (lambda path, head: path.write_text('{"query": "a"}'), "is a JSON file"),
    "an empty file": (lambda path, head: path.touch(), "is an empty file"),
    "an image": (_image, "is an image"),
    "random bytes": (lambda path, head: path.write_bytes(bytes(range(1, 120))), "unknown format"),
    "embeddings": (_archive, "pass it with --embeddings"),
    "a list": (lambda path, head: torch.save([1, 2], path), "holds a list"),
    "no tensors": (lambda path, head: torch.save({"epoch": 3}, path), "holds no tensors by name: its keys are epoch"),
    "no head": (lambda path, head: torch.save({"encoder.w": torch.ones(2)}, path), "has no projection head"),
    "a head that is no matrix": (
        lambda path, head: torch.save({"head.linear.weight": torch.ones(3)}, path),
        "must be a matrix",
    ),
    "a bias of another length": (
        lambda path, head: torch.save(
            {"head.linear.weight": torch.ones(3, 32), "head.linear.bias": torch.ones(2)}, path
        ),
        r"bias has shape \(2,\)",
    ),
    "one parameter under two names": (
        lambda path, head: torch.save(head | prefixed(head, "module."), path),
        "the same parameter",
    ),
    "an unknown pooling": (
        lambda path, head: torch.save({"state_dict": head, "config": {"pooling": "attention"}}, path),
        "records the pooling 'attention'",
    ),
}


@pytest.mark.parametrize("what", NOT_CHECKPOINTS)
def test_a_file_that_is_no_checkpoint_is_refused_with_what_was_expected_and_found(
    what: str, tmp_path: Path, tiny: Any, head_tensors: Any
) -> None:
    write, message = NOT_CHECKPOINTS[what]
    path = tmp_path / "best.pt"
    write(path, head_tensors)
    with pytest.raises(CheckpointError, match=message) as caught:
        load_checkpoint(path, base_model=tiny.folder)
    assert str(path) in str(caught.value)


def test_a_folder_without_a_model_lists_what_it_holds(tmp_path: Path) -> None:
    (tmp_path / "epoch_1.pt").touch()
    (tmp_path / "log.txt").touch()
    with pytest.raises(
        CheckpointError, match=r"found epoch_1.pt, log.txt. If you mean one of its files, pass it: '.*/epoch_1.pt'"
    ):
        load_checkpoint(tmp_path)


def test_a_path_that_does_not_exist_is_refused_without_asking_the_hub(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="There is no checkpoint"):
        load_checkpoint(tmp_path / "best_model.pt")
    with pytest.raises(CheckpointError, match="There is no checkpoint"):
        load_checkpoint("checkpoints/best_model.pt")


def test_a_folder_without_weights_or_with_a_missing_shard_is_refused(tmp_path: Path, tiny: Any) -> None:
    folder = shutil.copytree(tiny.folder, tmp_path / "model")
    (folder / "model.safetensors").unlink()
    with pytest.raises(CheckpointError, match="has no weights"):
        load_checkpoint(folder, pooling=Pooling.MEAN)
    index = {"weight_map": {"a": "model-1.safetensors", "b": "model-2.safetensors"}}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))
    with pytest.raises(CheckpointError, match="lacks 2 of 2 weight files"):
        load_checkpoint(folder, pooling=Pooling.MEAN)


def test_the_same_checkpoint_at_another_place_has_the_same_fingerprint(tmp_path: Path, tiny: Any) -> None:
    copy = shutil.copytree(tiny.folder, tmp_path / "copy")
    first = load_model(tiny.folder, pooling=Pooling.MEAN, device="cpu")
    second = load_model(copy, pooling=Pooling.MEAN, device="cpu", hashes=EmbeddingStore(tmp_path).hashes)
    other = load_model(copy, pooling=Pooling.CLS, device="cpu")
    shorter = load_model(copy, pooling=Pooling.MEAN, max_length=9, device="cpu")
    assert first.facts.fingerprint == second.facts.fingerprint
    assert len({m.encoder.fingerprint for m in (second, other, shorter)}) == 3


def test_the_model_without_its_head_compares_pooled_vectors(
    tmp_path: Path, tiny: Any, head_tensors: Any, texts: tuple[str, ...]
) -> None:
    torch.save(head_tensors, tmp_path / "head.pt")
    base = load_model(tmp_path / "head.pt", base_model=tiny.folder, device="cpu").without_head()
    expected = torch.nn.functional.normalize(tiny.pooled(texts), dim=-1).numpy()
    actual = base.projector.project(encode_texts(texts, base.encoder).vectors)
    np.testing.assert_allclose(actual, expected, atol=1e-6)
    assert (base.dim, base.facts.head, base.facts.checkpoint) == (32, None, str(tiny.folder))


@pytest.mark.parametrize("length", ["٣٢", "²", "9" * 5000, "-1", "many"])
def test_a_recorded_length_that_is_no_number_of_tokens_is_refused_unless_another_is_asked_for(
    length: str, tmp_path: Path, tiny: Any, head_tensors: Any
) -> None:
    torch.save({"state_dict": head_tensors, "config": {"max_length": length}}, tmp_path / "best.pt")
    with pytest.raises(CheckpointError, match="no number of tokens"):
        load_checkpoint(tmp_path / "best.pt", base_model=tiny.folder)
    assert load_checkpoint(tmp_path / "best.pt", base_model=tiny.folder, max_length=16).max_length == 16
