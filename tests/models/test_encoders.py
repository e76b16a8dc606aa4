"""Encoders: equal to sentence-transformers, honest about device, length and prompt, and loaded only when needed."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from embedscope.errors import CheckpointError, InvalidOptionError
from embedscope.machine import resolve_device, resolve_dtype
from embedscope.models import EmbeddingStore, Model, encode_texts, load_model
from embedscope.models.encoders import SentenceTransformerEncoder
from embedscope.settings import Pooling, Precision

torch = pytest.importorskip("torch")
pytest.importorskip("sentence_transformers")

ENGLISH = ("a quiet room near the river", "two bicycles", "a quiet room near the river", "", "how to repair a clock")


def project(model: Model, texts: Sequence[str], prompt: str = "") -> np.ndarray:
    return model.projector.project(encode_texts(texts, model.encoder, prompt=prompt).vectors)


def saved(folder: Path, base: Any, *modules: Any, **options: Any) -> Path:
    """A sentence-transformers folder over the tiny base model."""
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer.modules import Transformer

    torch.manual_seed(3)
    SentenceTransformer(modules=[Transformer(str(base.folder)), *modules], device="cpu", **options).save(str(folder))
    return folder


def library_vectors(folder: Path | str, texts: Sequence[str], **options: Any) -> np.ndarray:
    """The oracle: what sentence-transformers itself gives."""
    from sentence_transformers import SentenceTransformer

    model = SentenceTransformer(str(folder), device="cpu")
    return np.asarray(model.encode(list(texts), normalize_embeddings=True, show_progress_bar=False, **options))


def test_the_packaged_model_gives_the_vectors_of_sentence_transformers(minilm: str) -> None:
    model = load_model(minilm, device="cpu")
    np.testing.assert_allclose(project(model, ENGLISH), library_vectors(minilm, ENGLISH), atol=1e-6)
    facts = model.facts
    assert (facts.dim, facts.pooling, facts.pooling_source, facts.max_length) == (384, "mean", "checkpoint", 256)
    assert (facts.layout, facts.device, facts.dtype) == ("sentence-transformers folder", "cpu", "float32")
    assert facts.head is None


def mixed_lengths(n: int = 60) -> list[str]:
    """Texts of one to some 500 words, in random order; some are equal in length, one is empty."""
    generator = np.random.default_rng(4)
    words = ["a", "quiet", "room", "near", "the", "river", "and", "two", "repaired", "bicycles", "clock"]
    counts = [*np.geomspace(1, 500, n - 3).astype(int).tolist(), 7, 7, 0]
    return [" ".join(generator.choice(words, counts[place])) for place in generator.permutation(n)]


def test_texts_of_mixed_lengths_have_the_vectors_of_sentence_transformers_whatever_the_batch(minilm: str) -> None:
    texts, model = mixed_lengths(), load_model(minilm, device="cpu")
    for batch_size in (3, 32):
        ours = model.projector.project(model.encoder.encode(texts, batch_size=batch_size))
        np.testing.assert_allclose(ours, library_vectors(minilm, texts), atol=1e-5)


def test_a_vector_does_not_depend_on_what_else_is_encoded(minilm: str) -> None:
    encoder, texts = load_model(minilm, device="cpu").encoder, mixed_lengths(20)
    alone = np.concatenate([encoder.encode([text], batch_size=32) for text in texts])
    np.testing.assert_allclose(encoder.encode(texts, batch_size=32), alone, atol=1e-5)
    np.testing.assert_allclose(encode_texts(texts, encoder).vectors, alone, atol=1e-5)


def test_a_batch_on_a_processor_has_no_more_tokens_than_its_caches_take(minilm: str) -> None:
    from embedscope.models import text_transformer

    encoder, texts = load_model(minilm, device="cpu").encoder, ["a " * 300] * 40 + ["a b"] * 40
    assert isinstance(encoder, SentenceTransformerEncoder)
    tokenised = encoder.tokenised(texts)
    assert tokenised is not None
    assert (tokenised.n_tokens[0], tokenised.n_tokens[-1]) == (256, 4)
    assert tokenised.n_in_batch(0, 32) == text_transformer.tokens_of_a_batch() // 256
    assert tokenised.n_in_batch(79, 32) == 32
    assert tokenised.cost[0] > 256 / 4 * tokenised.cost[-1]


@pytest.mark.parametrize(
    "mode", ["cls", "mean", "lasttoken", "max", "mean_sqrt_len_tokens", "weightedmean", ("cls", "mean")]
)
def test_every_pooling_mode_of_sentence_transformers_is_kept(
    mode: Any, tmp_path: Path, tiny: Any, texts: tuple[str, ...]
) -> None:
    from sentence_transformers.sentence_transformer.modules import Pooling as PoolingModule

    folder = saved(tmp_path / "st", tiny, PoolingModule(32, pooling_mode=mode))
    np.testing.assert_allclose(
        project(load_model(folder, device="cpu"), texts), library_vectors(folder, texts), atol=1e-6
    )


def tails() -> dict[str, Any]:
    from sentence_transformers.sentence_transformer.modules import Dense, Dropout, LayerNorm, Normalize

    return {
        "Dense with its default activation": lambda: [Dense(32, 8)],
        "Dense, LayerNorm, Normalize": lambda: [
            Dense(32, 8, bias=False, activation_function=None),
            LayerNorm(8),
            Normalize(),
        ],
        "Normalize, Dense with ReLU": lambda: [Normalize(), Dense(32, 8, activation_function=torch.nn.ReLU())],
        "two Dense layers with GELU": lambda: [
            Dense(32, 16, activation_function=torch.nn.GELU()),
            Dense(16, 8, activation_function=torch.nn.Sigmoid()),
        ],
        "Dropout, residual Dense": lambda: [Dropout(0.5), Dense(32, 32, use_residual=True)],
        "residual Dense that changes the dimension": lambda: [Dense(32, 8, use_residual=True), Normalize()],
    }


@pytest.mark.parametrize("tail", list(tails()))
def test_modules_after_pooling_give_the_vectors_of_sentence_transformers(
    tail: str, tmp_path: Path, tiny: Any, texts: tuple[str, ...]
) -> None:
    from sentence_transformers.sentence_transformer.modules import Pooling as PoolingModule

    folder = saved(tmp_path / "st", tiny, PoolingModule(32), *tails()[tail]())
    np.testing.assert_allclose(
        project(load_model(folder, device="cpu"), texts), library_vectors(folder, texts), atol=1e-6
    )


def test_a_dense_module_without_a_stated_activation_is_tanh_as_in_sentence_transformers(
    tmp_path: Path, tiny: Any, texts: tuple[str, ...]
) -> None:
    from sentence_transformers.sentence_transformer.modules import Dense
    from sentence_transformers.sentence_transformer.modules import Pooling as PoolingModule

    folder = saved(tmp_path / "st", tiny, PoolingModule(32), Dense(32, 8))
    config = json.loads((folder / "2_Dense" / "config.json").read_text())
    del config["activation_function"]
    (folder / "2_Dense" / "config.json").write_text(json.dumps(config))
    model = load_model(folder, device="cpu")
    np.testing.assert_allclose(project(model, texts), library_vectors(folder, texts), atol=1e-6)
    assert model.facts.head == "Linear 32 -> 8 with bias, Tanh"


def test_a_truncated_dimension_is_kept(tmp_path: Path, tiny: Any, texts: tuple[str, ...]) -> None:
    from sentence_transformers.sentence_transformer.modules import Pooling as PoolingModule

    folder = saved(tmp_path / "st", tiny, PoolingModule(32), truncate_dim=12)
    model = load_model(folder, device="cpu")
    assert model.dim == 12
    np.testing.assert_allclose(project(model, texts), library_vectors(folder, texts), atol=1e-6)


def test_static_embeddings_are_encoded(tmp_path: Path, tiny: Any, texts: tuple[str, ...]) -> None:
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer.modules import Normalize, StaticEmbedding

    torch.manual_seed(3)
    static = StaticEmbedding(tiny.tokenizer.backend_tokenizer, embedding_dim=16)
    SentenceTransformer(modules=[static, Normalize()], device="cpu").save(str(tmp_path / "st"))
    model = load_model(tmp_path / "st", device="cpu")
    np.testing.assert_allclose(project(model, texts), library_vectors(tmp_path / "st", texts), atol=1e-6)
    assert (model.dim, model.facts.pooling) == (16, None)


def test_a_model_of_token_vectors_is_refused(tmp_path: Path, tiny: Any) -> None:
    folder = saved(tmp_path / "st", tiny)
    with pytest.raises(CheckpointError, match="one vector a token"):
        load_model(folder, device="cpu")


def test_a_prompt_is_part_of_the_fingerprint(tiny: Any) -> None:
    encoder = load_model(tiny.folder, pooling=Pooling.MEAN, device="cpu").encoder
    prompts = {encoder.with_prompt(prompt).fingerprint for prompt in ("", "a ", "b ")}  # type: ignore[attr-defined]
    assert len(prompts) == 3
    assert encoder.fingerprint in prompts


def test_texts_with_broken_surrogates_are_encoded(tiny: Any) -> None:
    encoder = load_model(tiny.folder, pooling=Pooling.MEAN, device="cpu").encoder
    vectors = encode_texts(["a \ud800 b", "\ud83d\ude00 a", "\U0001f600 a"], encoder).vectors
    assert np.isfinite(vectors).all()
    np.testing.assert_allclose(vectors[1], vectors[2], atol=1e-6)


def test_no_texts_give_no_rows(tiny: Any) -> None:
    encoder = load_model(tiny.folder, pooling=Pooling.MEAN, device="cpu").encoder
    assert encoder.encode([], batch_size=4).shape == (0, 32)
    assert encode_texts([], encoder).vectors.shape == (0, 32)


@pytest.mark.parametrize("device", ["cuda", "cuda:7", "mps", "tpu", "cuda:x", "auto:1", "cuda:"])
def test_a_device_that_is_not_there_is_an_error(device: str) -> None:
    if device in ("tpu", "cuda:x", "auto:1", "cuda:") or not torch.cuda.is_available():
        with pytest.raises(InvalidOptionError, match="--device"):
            resolve_device(device)


def test_auto_takes_a_device_that_is_there() -> None:
    assert resolve_device("auto") in ("cuda", "mps", "cpu")
    assert resolve_device("cpu") == "cpu"


def test_half_precision_is_for_cuda_and_spares_models_that_overflow() -> None:
    assert resolve_dtype("cuda", "xlm-roberta") == "float16"
    assert resolve_dtype("cuda:1", "t5") == "bfloat16"
    assert {resolve_dtype("cpu"), resolve_dtype("mps")} == {"float32"}


def test_a_precision_that_is_asked_for_is_taken_on_every_device() -> None:
    assert resolve_dtype("cuda", "xlm-roberta", "float32") == "float32"
    assert resolve_dtype("cpu", "t5", "float16") == "float16"
    assert resolve_dtype("mps", "", Precision.BFLOAT16) == "bfloat16"


def test_every_precision_has_vectors_of_its_own_in_the_store(tiny: Any, texts: tuple[str, ...], tmp_path: Path) -> None:
    store = EmbeddingStore(tmp_path)
    models = {
        name: load_model(tiny.folder, pooling=Pooling.MEAN, device="cpu", precision=name)
        for name in ("auto", "float32", "float16", "bfloat16")
    }
    prints = {name: model.encoder.fingerprint for name, model in models.items()}
    assert prints["auto"] == prints["float32"]
    assert len(set(prints.values())) == 3
    del models["auto"]
    vectors = {}
    for name, model in models.items():
        assert model.facts.dtype == name
        encoded = encode_texts(texts, model.encoder, store)
        assert encoded.n_encoded == len(texts)
        vectors[name] = model.projector.project(encoded.vectors)
    assert (vectors["float32"] * vectors["float16"]).sum(axis=1).min() > 0.9999
    assert (vectors["float32"] * vectors["bfloat16"]).sum(axis=1).min() > 0.999
    assert not np.array_equal(vectors["float32"], vectors["float16"])


@pytest.mark.parametrize("precision", ["float32", "float16", "bfloat16"])
def test_attention_is_fused_and_its_vectors_are_those_of_the_library(
    tiny: Any, texts: tuple[str, ...], precision: str
) -> None:
    encoder = load_model(tiny.folder, pooling=Pooling.MEAN, device="cpu", precision=precision).encoder
    assert isinstance(encoder, SentenceTransformerEncoder)
    from sentence_transformers import SentenceTransformer

    ours = encoder.encode(texts, batch_size=1)  # alone: in which row of a batch a text stands changes the last bit
    assert encoder.transformer.model.config._attn_implementation == "sdpa"
    bare = SentenceTransformer(str(tiny.folder), device="cpu", model_kwargs={"dtype": getattr(torch, precision)})
    theirs = bare.encode(list(texts), batch_size=1, show_progress_bar=False)
    np.testing.assert_array_equal(ours, np.asarray(theirs, dtype=np.float32))


def test_an_architecture_without_fused_attention_runs_with_plain_attention(
    tiny: Any, texts: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    from transformers import XLMRobertaModel

    fused = load_model(tiny.folder, pooling=Pooling.MEAN, device="cpu").encoder.encode(texts, batch_size=8)
    monkeypatch.setattr(XLMRobertaModel, "_supports_sdpa", False)
    encoder = load_model(tiny.folder, pooling=Pooling.MEAN, device="cpu").encoder
    assert isinstance(encoder, SentenceTransformerEncoder)
    np.testing.assert_allclose(encoder.encode(texts, batch_size=8), fused, atol=1e-5)
    assert encoder.transformer.model.config._attn_implementation == "eager"


@pytest.mark.parametrize("side", ["left", "right"])
@pytest.mark.parametrize("n_left_out", [0, 2])
def test_pooling_is_that_of_sentence_transformers_on_either_side_of_the_padding(side: str, n_left_out: int) -> None:
    from sentence_transformers.sentence_transformer.modules import Pooling as PoolingModule

    from embedscope.models.pooling import POOLING_MODES
    from embedscope.models.text_transformer import pool

    generator = torch.Generator().manual_seed(2)
    hidden, places = torch.randn(4, 9, 6, generator=generator), torch.arange(9)
    is_token = torch.stack([places < n if side == "right" else places >= 9 - n for n in (9, 5, 3, 9)]).long()
    for mode in POOLING_MODES:
        module = PoolingModule(6, pooling_mode=mode, include_prompt=False)
        features = {"token_embeddings": hidden, "attention_mask": is_token, "prompt_length": n_left_out}
        theirs = module(features)["sentence_embedding"]
        torch.testing.assert_close(pool(hidden, is_token, [mode], n_left_out), theirs, atol=1e-6, rtol=0)


def test_a_plain_transformer_is_encoded_without_sentence_transformers(tiny: Any, tmp_path: Path) -> None:
    program = """
import sys
from embedscope.models import encode_texts, load_model
from embedscope.settings import Pooling
encoder = load_model(sys.argv[1], pooling=Pooling.MEAN, device="cpu").encoder
print(encode_texts(["a b", "c d"], encoder).vectors.shape, "sentence_transformers" in sys.modules)
"""
    command = [sys.executable, "-c", program, str(tiny.folder)]
    assert subprocess.run(command, check=True, capture_output=True, text=True).stdout == "(2, 32) False\n"


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_half_precision_on_cuda_stays_close_to_float32(tiny: Any, texts: tuple[str, ...]) -> None:
    on_cpu = load_model(tiny.folder, pooling=Pooling.MEAN, device="cpu")
    on_gpu = load_model(tiny.folder, pooling=Pooling.MEAN, device="cuda")
    assert on_gpu.facts.dtype == "float16"
    assert on_gpu.encoder.fingerprint != on_cpu.encoder.fingerprint
    cosine = (project(on_cpu, texts) * project(on_gpu, texts)).sum(axis=1)
    assert cosine.min() > 0.9999


def test_a_run_whose_texts_are_all_cached_loads_no_torch(tmp_path: Path, tiny: Any, head_tensors: Any) -> None:
    program = """
import sys
from embedscope.models import EmbeddingStore, encode_texts, load_model
from embedscope.settings import Pooling, Precision
from pathlib import Path
store = EmbeddingStore(Path(sys.argv[2]))
model = load_model(sys.argv[1], pooling=Pooling.MEAN, device="cpu", hashes=store.hashes)
encoded = encode_texts(["a b", "c d"], model.encoder, store)
print(encoded.n_encoded, encoded.n_cached, "torch" in sys.modules, model.facts.tensors.n_used)
"""
    command = [sys.executable, "-c", program, str(tiny.folder), str(tmp_path)]
    outputs = [subprocess.run(command, check=True, capture_output=True, text=True).stdout.split() for _ in range(2)]
    assert outputs == [["2", "0", "True", "37"], ["0", "2", "False", "37"]]


def test_loading_puts_the_settings_of_transformers_back_and_prints_nothing(
    tiny: Any, capfd: pytest.CaptureFixture[str]
) -> None:
    from transformers.utils import logging

    before = (logging.get_verbosity(), logging.is_progress_bar_enabled())
    encoder = load_model(tiny.folder, pooling=Pooling.MEAN, device="cpu").encoder
    capfd.readouterr()
    encode_texts(["a b"], encoder)
    assert (logging.get_verbosity(), logging.is_progress_bar_enabled()) == before
    assert capfd.readouterr() == ("", "")


def test_a_large_weights_file_is_hashed_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from embedscope.models import fingerprints

    calls = []
    hash_file = fingerprints.hash_file

    def counting(path: Path) -> str:
        calls.append(path)
        return hash_file(path)

    monkeypatch.setattr(fingerprints, "hash_file", counting)
    large = tmp_path / "model.safetensors"
    large.write_bytes(bytes(1 << 20))
    for _ in range(2):  # two processes: the memory is on disk
        digest = fingerprints.HashMemory(tmp_path / "memory.json").sha256(large)
        assert digest == hash_file(large)
    assert len(calls) == 1
    large.write_bytes(bytes(1 << 20) + b"x")
    fingerprints.HashMemory(tmp_path / "memory.json").sha256(large)
    assert len(calls) == 2


def test_a_damaged_hash_memory_costs_time_and_nothing_else(tmp_path: Path) -> None:
    from embedscope.models.fingerprints import HashMemory, hash_file

    large = tmp_path / "weights.bin"
    large.write_bytes(bytes(1 << 20))
    for damaged in ("", "[1, 2]", '{"' + str(large) + '": "x"}', "{"):
        (tmp_path / "memory.json").write_text(damaged)
        assert HashMemory(tmp_path / "memory.json").sha256(large) == hash_file(large)
    assert HashMemory(Path("/proc/none/memory.json")).sha256(large) == hash_file(large)


def test_the_store_offers_a_hash_memory_beside_the_embeddings(tmp_path: Path, tiny: Any) -> None:
    (tmp_path / "weights.bin").write_bytes(bytes(1 << 20))
    EmbeddingStore(tmp_path / "cache").hashes.sha256(tmp_path / "weights.bin")
    assert (tmp_path / "cache" / "file-hashes.json").is_file()


def test_settings_that_are_not_applied_are_noted(tmp_path: Path, tiny: Any) -> None:
    from sentence_transformers.sentence_transformer.modules import Pooling as PoolingModule

    folder = saved(tmp_path / "st", tiny, PoolingModule(32))
    (folder / "sentence_bert_config.json").write_text(json.dumps({"model_args": {"attn_implementation": "x/y"}}))
    notes = load_model(folder, device="cpu").facts.notes
    assert notes == ("sentence_bert_config.json asks for model_args: not applied.",)


def test_texts_are_put_into_lower_case_where_the_folder_says_so(tmp_path: Path, tiny: Any) -> None:
    from sentence_transformers.sentence_transformer.modules import Pooling as PoolingModule

    folder = saved(tmp_path / "st", tiny, PoolingModule(32))
    (folder / "sentence_bert_config.json").write_text(json.dumps({"do_lower_case": True}))
    vectors = project(load_model(folder, device="cpu"), ["PHÒNG TRỌ", "phòng trọ"])
    np.testing.assert_allclose(vectors[0], vectors[1], atol=1e-6)
