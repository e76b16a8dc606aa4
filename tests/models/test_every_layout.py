"""One row for each layout of a folder, an adapter or an encoder in a file: the library's own vectors, or a refusal.

References come from transformers, sentence-transformers and peft on the model as it was saved; a row then spoils or
renames what stands in the folder. A weight that is left random, or a tensor that is dropped, cannot pass a row.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from embedscope.errors import CheckpointError, EmbedscopeError, InvalidOptionError
from embedscope.models import encode_texts, load_checkpoint, load_model
from embedscope.models.encoder_state import differing_encoder
from embedscope.models.fingerprints import HashMemory
from embedscope.models.model_folders import read_model_folder
from embedscope.settings import Pooling

torch = pytest.importorskip("torch")
pytest.importorskip("sentence_transformers")

Options = dict[str, Any]
MEAN: Options = {"pooling": Pooling.MEAN}
LAST: Options = {"pooling": Pooling.LAST}
WIDTH = 32


@dataclass
class Bench:
    """Where a row makes its model: an empty folder, and the models that others are made from."""

    place: Path
    tiny: Any
    texts: Sequence[str]

    def copy(self, source: Path | None = None, name: str = "model") -> Path:
        return Path(shutil.copytree(source or self.tiny.folder, self.place / name))

    def model(self, model: Any, name: str = "model", **tokenizer: Any) -> Path:
        """A folder of ``model`` with the tokenizer of the tiny model."""
        folder = self.place / name
        model.eval().save_pretrained(folder)
        self.tiny.tokenizer.save_pretrained(folder)
        change(folder / "tokenizer_config.json", **tokenizer)
        return folder

    def library(self, folder: Path, pooling: str = "mean", **prompts: str) -> np.ndarray:
        """Vectors of a Hugging Face folder by sentence-transformers; ``prompts`` as ``encode`` takes them."""
        from sentence_transformers import SentenceTransformer
        from sentence_transformers.sentence_transformer.modules import Pooling as PoolingModule
        from sentence_transformers.sentence_transformer.modules import Transformer

        model = SentenceTransformer(modules=[Transformer(str(folder)), PoolingModule(WIDTH, pooling)], device="cpu")
        return encoded(model, self.texts, **prompts)

    def tensors(self, folder: Path) -> dict[str, Any]:
        from safetensors.torch import load_file

        return dict(load_file(folder / "model.safetensors"))


def encoded(model: Any, texts: Sequence[str], **options: Any) -> np.ndarray:
    vectors = model.eval().encode(list(texts), normalize_embeddings=True, show_progress_bar=False, **options)
    return np.asarray(vectors)


def write(folder: Path, tensors: dict[str, Any], file: str = "model.safetensors") -> Path:
    from safetensors.torch import save_file

    save_file({name: tensor.contiguous().clone() for name, tensor in tensors.items()}, folder / file, {"format": "pt"})
    return folder


def change(file: Path, **entries: Any) -> None:
    stated = json.loads(file.read_text()) if file.is_file() else {}
    file.write_text(json.dumps({**stated, **entries}))


def vectors(path: Path, texts: Sequence[str], **options: Any) -> np.ndarray:
    model = load_model(path, device="cpu", **options)
    return model.projector.project(encode_texts(texts, model.encoder, prompt=model.query_prompt).vectors)


# --- models that transformers makes -----------------------------------------------------------------------------------


def bert(kind: str = "BertModel", **settings: Any) -> Any:
    import transformers

    torch.manual_seed(1)
    sizes = {"vocab_size": 40, "hidden_size": WIDTH, "num_hidden_layers": 2, "num_attention_heads": 4}
    more = {"intermediate_size": 64, "max_position_embeddings": 66, "initializer_range": 0.5, "pad_token_id": 1}
    return getattr(transformers, kind)(transformers.BertConfig(**sizes, **more, **settings))


def qwen(kind: str = "Qwen3Model", *, tied: bool = True) -> Any:
    import transformers

    torch.manual_seed(2)
    sizes = {"vocab_size": 40, "hidden_size": WIDTH, "num_hidden_layers": 2, "num_attention_heads": 4, "head_dim": 8}
    more = {"num_key_value_heads": 2, "intermediate_size": 64, "initializer_range": 0.4, "pad_token_id": 1}
    return getattr(transformers, kind)(transformers.Qwen3Config(**sizes, **more, tie_word_embeddings=tied))


def other(kind: str, config: str, **settings: Any) -> Any:
    import transformers

    torch.manual_seed(3)
    return getattr(transformers, kind)(getattr(transformers, config)(vocab_size=40, pad_token_id=1, **settings))


def t5() -> Any:
    sizes = {"d_model": WIDTH, "d_kv": 8, "d_ff": 64, "num_layers": 2, "num_heads": 4, "decoder_start_token_id": 0}
    return other("T5ForConditionalGeneration", "T5Config", **sizes)


def distilbert() -> Any:
    sizes = {"dim": WIDTH, "n_layers": 2, "n_heads": 4, "hidden_dim": 64, "max_position_embeddings": 66}
    return other("DistilBertForMaskedLM", "DistilBertConfig", **sizes)


SIZES = {"hidden_size": WIDTH, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 64}


def electra() -> Any:
    return other("ElectraForPreTraining", "ElectraConfig", embedding_size=16, max_position_embeddings=66, **SIZES)


def mpnet() -> Any:
    return other("MPNetForMaskedLM", "MPNetConfig", max_position_embeddings=66, **SIZES)


def gpt_neox() -> Any:
    return other("GPTNeoXForCausalLM", "GPTNeoXConfig", max_position_embeddings=66, **SIZES)


def albert(kind: str = "AlbertForMaskedLM") -> Any:
    return other(kind, "AlbertConfig", embedding_size=16, max_position_embeddings=66, **SIZES)


def modernbert(kind: str = "ModernBertModel") -> Any:
    tokens = {"bos_token_id": 0, "eos_token_id": 2, "cls_token_id": 0, "sep_token_id": 2}
    return other(kind, "ModernBertConfig", max_position_embeddings=66, **SIZES, **tokens)


# --- folders that are read --------------------------------------------------------------------------------------------

Row = Callable[[Bench], tuple[Path, Options, np.ndarray]]


def renamed(rename: Callable[[str], str]) -> Row:
    """The tiny model, its tensors under other names."""

    def make(bench: Bench) -> tuple[Path, Options, np.ndarray]:
        folder = bench.copy()
        write(folder, {rename(name): tensor for name, tensor in bench.tensors(folder).items()})
        return folder, MEAN, bench.library(bench.tiny.folder)

    return make


def under(prefix: str) -> Row:
    return renamed(lambda name: prefix + name)


def saved(make_model: Callable[[], Any], base: Callable[[Any], Any], **tokenizer: Any) -> Row:
    """A model that was saved with its head; the reference is its encoder, saved alone."""

    def make(bench: Bench) -> tuple[Path, Options, np.ndarray]:
        model = make_model()
        alone = bench.model(base(model), "alone", **tokenizer)
        return bench.model(model, **tokenizer), MEAN, bench.library(alone)

    return make


def pickled(bench: Bench) -> tuple[Path, Options, np.ndarray]:
    folder = bench.copy()
    torch.save({f"module.{n}": t for n, t in bench.tensors(folder).items()}, folder / "pytorch_model.bin")
    (folder / "model.safetensors").unlink()
    return folder, MEAN, bench.library(bench.tiny.folder)


def sharded(bench: Bench) -> tuple[Path, Options, np.ndarray]:
    folder = bench.copy()
    tensors = {f"_orig_mod.{name}": tensor for name, tensor in bench.tensors(folder).items()}
    (folder / "model.safetensors").unlink()
    files = {name: f"model-{number % 2 + 1:05}-of-00002.safetensors" for number, name in enumerate(tensors)}
    for file in set(files.values()):
        write(folder, {name: tensors[name] for name in tensors if files[name] == file}, file)
    (folder / "model.safetensors.index.json").write_text(json.dumps({"metadata": {}, "weight_map": files}))
    return folder, MEAN, bench.library(bench.tiny.folder)


def with_more(**tensors: Any) -> Row:
    def make(bench: Bench) -> tuple[Path, Options, np.ndarray]:
        folder = bench.copy()
        more = {name.replace("__", "."): tensor for name, tensor in tensors.items()}
        write(folder, bench.tensors(folder) | more)
        return folder, MEAN, bench.library(bench.tiny.folder)

    return make


def without(*words: str) -> Row:
    def make(bench: Bench) -> tuple[Path, Options, np.ndarray]:
        folder = bench.copy()
        tensors = bench.tensors(folder)
        write(folder, {name: tensors[name] for name in tensors if not any(word in name for word in words)})
        return folder, MEAN, bench.library(bench.tiny.folder)

    return make


def in_half_precision(bench: Bench) -> tuple[Path, Options, np.ndarray]:
    folder = bench.copy()
    write(folder, {name: tensor.half() for name, tensor in bench.tensors(folder).items()})
    return folder, MEAN, bench.library(folder).astype(np.float32)


def last_token(bench: Bench) -> tuple[Path, Options, np.ndarray]:
    folder = bench.model(qwen(), "qwen3-embedding-tuned", padding_side="left")
    return folder, {}, bench.library(folder, "lasttoken")


def st_folder(bench: Bench, *modules: Any, name: str = "st", base: Path | None = None, **options: Any) -> Path:
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer.modules import Pooling as PoolingModule
    from sentence_transformers.sentence_transformer.modules import Transformer

    torch.manual_seed(4)
    pooling = PoolingModule(WIDTH, options.pop("pooling", "mean"))
    encoder = Transformer(str(base or bench.tiny.folder))
    folder = bench.place / name
    SentenceTransformer(modules=[encoder, pooling, *modules], device="cpu", **options).save(str(folder))
    return folder


def st_vectors(folder: Path, texts: Sequence[str], **options: Any) -> np.ndarray:
    from sentence_transformers import SentenceTransformer

    return encoded(SentenceTransformer(str(folder), device="cpu"), texts, **options)


def st_renamed(bench: Bench) -> tuple[Path, Options, np.ndarray]:
    from sentence_transformers.sentence_transformer.modules import Normalize

    folder = st_folder(bench, Normalize())
    expected = st_vectors(folder, bench.texts)
    write(folder, {f"_orig_mod.{name}": tensor for name, tensor in bench.tensors(folder).items()})
    return folder, {}, expected


def st_too_long(bench: Bench) -> tuple[Path, Options, np.ndarray]:
    folder = st_folder(bench)
    expected = st_vectors(folder, bench.texts)
    change(folder / "sentence_bert_config.json", max_seq_length=514)
    bench.texts = (*bench.texts, "a b c " * 60)
    long = bench.tiny.pooled(["a b c " * 20 + "a b"], "mean").numpy()  # 62 tokens and two around them
    return folder, {}, np.vstack([expected, long / np.linalg.norm(long)])


def nomic(bench: Bench) -> tuple[Path, Options, np.ndarray]:
    folder = bench.model(other("NomicBertModel", "NomicBertConfig", max_position_embeddings=66, **SIZES))
    expected = bench.library(folder)
    named = "nomic-ai/nomic-bert-2048--modeling_hf_nomic_bert.NomicBertModel"
    change(folder / "config.json", auto_map={"AutoModel": named, "AutoConfig": "x--y.NomicBertConfig"})
    return folder, MEAN, expected


def special_token_beyond_the_embedding(bench: Bench) -> tuple[Path, Options, np.ndarray]:
    """As Gemma's token for an image: no text brings it about, so it needs no vector."""
    from transformers import AutoTokenizer

    folder = bench.copy()
    tokenizer = AutoTokenizer.from_pretrained(folder)
    tokenizer.add_special_tokens({"additional_special_tokens": [f"<image {n}>" for n in range(20)]})
    tokenizer.save_pretrained(folder)
    return folder, MEAN, bench.library(bench.tiny.folder)


FOLDERS: dict[str, Row] = {
    "as saved": under(""),
    **{f"every name begins with {prefix}": under(prefix) for prefix in (
        "_orig_mod.", "module.", "model.", "encoder.", "auto_model.", "0.auto_model.", "roberta.", "backbone.",
        "transformer.", "base_model.", "module._orig_mod.", "_orig_mod.module.encoder.", "model.encoder.0.auto_model.",
    )},
    "FSDP at two depths": renamed(
        lambda n: "_fsdp_wrapped_module." + n.replace("layer.", "layer._fsdp_wrapped_module.")
    ),
    "activation checkpointing": renamed(lambda n: n.replace("attention.", "attention._checkpoint_wrapped_module.", 1)),
    "compiled layers under a wrapper": renamed(lambda n: "model." + n.replace("layer.1.", "layer.1._orig_mod.")),
    "LayerNorm with gamma and beta": renamed(
        lambda n: n.replace("Norm.weight", "Norm.gamma").replace("Norm.bias", "Norm.beta")
    ),
    "pickled, from DataParallel": pickled,
    "in shards, compiled": sharded,
    "in half precision": in_half_precision,
    "buffers of older versions": with_more(embeddings__position_ids=torch.arange(66)[None]),
    "a language-model head beside it": with_more(lm_head__bias=torch.ones(40), lm_head__dense__weight=torch.ones(2, 2)),
    "the temperature of a loss beside it": with_more(logit_scale=torch.tensor(2.0)),
    "without pooler": without("pooler"),
    "BERT saved for masked words": saved(lambda: bert("BertForMaskedLM"), lambda model: model.bert),
    "BERT saved for pre-training": saved(lambda: bert("BertForPreTraining"), lambda model: model.bert),
    "Qwen3 saved with its head": saved(lambda: qwen("Qwen3ForCausalLM", tied=False), lambda model: model.model),
    "Qwen3 with a tied head": saved(lambda: qwen("Qwen3ForCausalLM"), lambda model: model.model),
    "T5 with its decoder": saved(t5, lambda model: model),
    "DistilBERT": saved(distilbert, lambda model: model.distilbert),
    "ELECTRA": saved(electra, lambda model: model.electra),
    "MPNet": saved(mpnet, lambda model: model.mpnet),
    "ALBERT": saved(albert, lambda model: model.albert),
    "ModernBERT": saved(modernbert, lambda model: model),
    "ModernBERT saved for masked words": saved(lambda: modernbert("ModernBertForMaskedLM"), lambda model: model.model),
    "ALBERT saved for pre-training": saved(lambda: albert("AlbertForPreTraining"), lambda model: model.albert),
    "GPT-NeoX saved with its head": saved(gpt_neox, lambda model: model.gpt_neox),
    "Nomic, whose code transformers has taken over": nomic,
    "a decoder of a known name, padding on the left": last_token,
    "sentence-transformers folder, compiled": st_renamed,
    "a stated length over the positions": st_too_long,
    "a special token without a vector": special_token_beyond_the_embedding,
}  # fmt: skip


@pytest.fixture
def bench(tmp_path: Path, tiny: Any, texts: tuple[str, ...]) -> Bench:
    return Bench(tmp_path, tiny, texts)


@pytest.mark.parametrize("name", FOLDERS)
def test_a_folder_gives_the_vectors_of_the_library_that_made_it(name: str, bench: Bench) -> None:
    path, options, expected = FOLDERS[name](bench)
    np.testing.assert_allclose(vectors(path, bench.texts, **options), expected, atol=1e-6)


def test_the_account_counts_what_was_used_renamed_and_ignored(bench: Bench) -> None:
    path, options, _ = under("_orig_mod.")(bench)
    facts = load_model(path, device="cpu", **options).facts
    assert facts.tensors is not None
    assert facts.tensors.n_used == 37
    assert facts.tensors.ignored == {"pooler": 2}
    assert facts.tensors.renamed == {"without '_orig_mod.'": 37}
    assert "37 weights are read without '_orig_mod.'." in facts.notes


def test_the_account_stands_in_the_output_the_report_and_the_manifest(
    bench: Bench, capsys: pytest.CaptureFixture[str]
) -> None:
    from embedscope.cli.main import main

    path, _, _ = under("_orig_mod.")(bench)
    rows = [{"query": f"{text} a", "pos": text} for text in bench.texts]
    (bench.place / "data.json").write_text(json.dumps(rows))
    run = ["evaluate", "--data", str(bench.place / "data.json"), "--pooling", "mean", "--draws", "100", "--checkpoint"]
    output = bench.place / "out"
    assert main([*run, str(path), "--output", str(output)]) in (0, 1), capsys.readouterr()
    report, manifest = (json.loads((output / f"{name}.json").read_text()) for name in ("report", "manifest"))
    expected = {"n_used": 37, "renamed": {"without '_orig_mod.'": 37}, "ignored": {"pooler": 2}}
    assert report["model"]["tensors"] == manifest["tensors"] == expected
    said = capsys.readouterr()
    assert "tensors: 37 used, 2 ignored (pooler), 37 renamed" in " ".join((said.out + said.err).split())
    (path / "tokenizer.json").unlink()
    assert main([*run, str(path)]) == 2
    assert "has no tokenizer" in " ".join(capsys.readouterr().err.split())


def test_a_memory_of_accounts_that_is_damaged_costs_time_and_nothing_else(bench: Bench) -> None:
    memory = bench.place / "memory.json"
    options = {"device": "cpu", "hashes": HashMemory(memory), **MEAN}
    expected = load_model(bench.tiny.folder, **options).facts.tensors
    kept = json.loads(memory.read_text())
    assert len(kept) == 1
    for damaged in ({}, {"account": 3}, {"account": {"n_used": 1}, "renaming": 2}, [1], "x"):
        memory.write_text(json.dumps(dict.fromkeys(kept, damaged)))
        assert load_model(bench.tiny.folder, **options).facts.tensors == expected


def test_onnx_runs_what_was_accounted_for(bench: Bench) -> None:
    pytest.importorskip("onnxruntime")
    path, options, expected = under("module.encoder.")(bench)
    np.testing.assert_allclose(vectors(path, bench.texts, backend="onnx", **options), expected, atol=1e-5)
    tensors = load_model(path, device="cpu", backend="onnx", **options).facts.tensors
    assert tensors == load_model(path, device="cpu", **options).facts.tensors


def test_names_that_are_read_otherwise_are_another_model_in_the_cache(bench: Bench) -> None:
    plain = load_model(bench.tiny.folder, device="cpu", **MEAN)
    path, options, _ = under("module.")(bench)
    assert load_model(path, device="cpu", **options).encoder.fingerprint != plain.encoder.fingerprint


# --- folders that are refused -----------------------------------------------------------------------------------------

Spoiled = Callable[[Bench], tuple[Path, Options]]


def spoiled(spoil: Callable[[Bench, Path], None], options: Options = MEAN) -> Spoiled:
    """A copy of the tiny model with one thing wrong."""

    def make(bench: Bench) -> tuple[Path, Options]:
        folder = bench.copy()
        spoil(bench, folder)
        return folder, options

    return make


def tensors_changed(edit: Callable[[dict[str, Any]], Any]) -> Spoiled:
    def spoil(bench: Bench, folder: Path) -> None:
        tensors = bench.tensors(folder)
        edit(tensors)
        write(folder, tensors)

    return spoiled(spoil)


QUERY = "encoder.layer.1.attention.self.query.weight"


def half_renamed(tensors: dict[str, Any]) -> None:
    for name in [name for name in tensors if "layer.1" in name]:
        tensors[f"net.{name}"] = tensors.pop(name)


def a_tensor_twice(bench: Bench, folder: Path) -> None:
    sharded(Bench(bench.place / "shards", bench.tiny, bench.texts))
    (folder / "model.safetensors").unlink()
    for file in (bench.place / "shards" / "model").glob("model-*"):
        shutil.copy(file, folder)
    shutil.copy(bench.place / "shards" / "model" / "model.safetensors.index.json", folder)
    first, second = sorted(folder.glob("model-0*"))
    from safetensors.torch import load_file

    held = dict(load_file(second))
    write(folder, held | {next(iter(load_file(first))): torch.ones(2)}, second.name)


def one_file_short(bench: Bench, folder: Path) -> None:
    content = (folder / "model.safetensors").read_bytes()
    (folder / "model.safetensors").write_bytes(content[:-1000])


def no_tokenizer(bench: Bench, folder: Path) -> None:
    for file in folder.glob("*tok*"):
        file.unlink()


def half_a_tokenizer(bench: Bench, folder: Path) -> None:
    no_tokenizer(bench, folder)
    (folder / "vocab.json").write_text('{"a": 0}')


def added_tokens(bench: Bench, folder: Path) -> None:
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(folder)
    tokenizer.add_tokens([f"word{n}" for n in range(20)])
    tokenizer.save_pretrained(folder)


def classifier(labels: int) -> Spoiled:
    return lambda bench: (bench.model(bert("BertForSequenceClassification", num_labels=labels), "bge-reranker"), {})


def cross_encoder_of_sentence_transformers(bench: Bench) -> tuple[Path, Options]:
    folder = st_folder(bench)
    change(folder / "config_sentence_transformers.json", model_type="CrossEncoder")
    return folder, {}


def one_tensor_more(name: str, *shape: int) -> Spoiled:
    return tensors_changed(lambda tensors: tensors.update({name: torch.ones(*shape)}))


def head_of_another_shape(bench: Bench) -> tuple[Path, Options]:
    folder = bench.model(modernbert("ModernBertForMaskedLM"))
    write(folder, bench.tensors(folder) | {"head.dense.weight": torch.ones(8, WIDTH)})
    return folder, MEAN


def pooler_of_no_architecture(bench: Bench) -> tuple[Path, Options]:
    folder = bench.model(distilbert())
    write(folder, bench.tensors(folder) | {"pooler.dense.weight": torch.ones(8, WIDTH)})
    return folder, MEAN


def dense_of_another_kind(bench: Bench) -> tuple[Path, Options]:
    from sentence_transformers.sentence_transformer.modules import Dense

    folder = st_folder(bench, Dense(WIDTH, 8))
    tensors = bench.tensors(folder / "2_Dense")
    write(folder / "2_Dense", tensors | {"linear2.weight": torch.ones(8, 8)})
    return folder, {}


REFUSED: dict[str, tuple[Spoiled, str]] = {
    "a layer is not there": (
        tensors_changed(lambda t: [t.pop(n) for n in [*t] if "layer.1" in n]),
        r"16 \('encoder.layer.1.*missing",
    ),
    "one bias is not there": (
        tensors_changed(lambda t: t.pop(QUERY.replace("weight", "bias"))),
        "query.bias'.*missing",
    ),
    "no tensor has a known name": (
        tensors_changed(lambda t: [t.update({f"net.{n}": t.pop(n)}) for n in [*t]]),
        "37 .*missing, 3. .*without a place",
    ),
    "some names have a prefix": (tensors_changed(half_renamed), r"16 .*missing, 16 .*without a place"),
    "one parameter under two names": (
        tensors_changed(lambda t: t.update({f"roberta.{QUERY}": t[QUERY] + 1})),
        "are the same parameter",
    ),
    "one parameter under two names of wrappers": (
        tensors_changed(lambda t: t.update({QUERY.replace(".", "._orig_mod.", 1): t[QUERY] + 1})),
        "without a place|are the same parameter",
    ),
    "a tensor in two shards": (spoiled(a_tensor_twice), "another weight file of its folder holds too"),
    "a scale inside a layer": (
        tensors_changed(lambda t: t.update({"encoder.layer.0.attention.logit_scale": torch.ones(1)})),
        "logit_scale'.*without a place",
    ),
    "a tensor more": (
        tensors_changed(lambda t: t.update({"head.linear.weight": torch.ones(8, WIDTH)})),
        "'head.linear",
    ),
    "a classifier over the encoder": (
        tensors_changed(lambda t: t.update({"classifier.out_proj.weight": torch.ones(1, WIDTH)})),
        "classifier.out_proj.weight'.*without a place",
    ),
    "a projection in the pooler": (one_tensor_more("pooler.proj.weight", 16, WIDTH), "pooler.proj.*without a place"),
    "a projection of the first token": (
        one_tensor_more("cls.projection.weight", 16, WIDTH),
        "cls.projection.*without a place",
    ),
    "a projection called predictions": (
        one_tensor_more("predictions.weight", 8, WIDTH),
        "predictions.*without a place",
    ),
    "a pooler that the architecture does not have": (pooler_of_no_architecture, "pooler.dense.*without a place"),
    "a layer named as in the head of the language model": (head_of_another_shape, "1 .'head.dense.*without a place"),
    "another shape": (
        tensors_changed(lambda t: t.update({QUERY: torch.ones(8, 8)})),
        "query.weight'.*of another shape",
    ),
    "a smaller vocabulary in the configuration": (
        spoiled(lambda bench, folder: change(folder / "config.json", vocab_size=39)),
        "word_embeddings.weight'.*of another shape",
    ),
    "fewer layers in the configuration": (
        spoiled(lambda bench, folder: change(folder / "config.json", num_hidden_layers=1)),
        r"16 \('encoder.layer.1.*without a place",
    ),
    "more layers in the configuration": (
        spoiled(lambda bench, folder: change(folder / "config.json", num_hidden_layers=3)),
        r"16 \('encoder.layer.2.*missing",
    ),
    "another architecture in the configuration": (
        spoiled(lambda bench, folder: change(folder / "config.json", model_type="distilbert")),
        "missing",
    ),
    "eight-bit weights with scales": (
        tensors_changed(lambda t: t.update({QUERY: t[QUERY].to(torch.int8), f"{QUERY}_scale": torch.ones(1)})),
        "The weights are quantised",
    ),
    "eight-bit weights without scales": (
        tensors_changed(lambda t: t.update({QUERY: t[QUERY].to(torch.float8_e4m3fn)})),
        "codes of quantised weights",
    ),
    "integers for weights": (
        tensors_changed(lambda t: t.update({QUERY: t[QUERY].int()})),
        "codes of quantised weights",
    ),
    "NaN in a weight": (
        tensors_changed(lambda t: t.update({QUERY: t[QUERY] * float("nan")})),
        "not finite.*query.weight",
    ),
    "infinity in a weight": (tensors_changed(lambda t: t[QUERY].fill_(float("inf"))), "not finite.*query.weight"),
    "numbers too large for the format": (
        lambda bench: (
            tensors_changed(lambda t: t[QUERY].mul_(1e9))(bench)[0],
            MEAN | {"precision": "float16"},
        ),
        "too large for float16.*--precision float32",
    ),
    "weights cut short": (spoiled(one_file_short), "cut short or damaged"),
    "weights under a name of their own": (
        spoiled(lambda bench, folder: change(folder / "config.json", transformers_weights="other.safetensors")),
        "Call them model.safetensors",
    ),
    "no tokenizer": (spoiled(no_tokenizer), "has no tokenizer: expected tokenizer.json"),
    "half a tokenizer": (spoiled(half_a_tokenizer), "has no tokenizer: expected tokenizer.json"),
    "tokens were added": (spoiled(added_tokens), "tokens that the model has no vector for"),
    "a cross-encoder": (classifier(1), r"is a cross-encoder \(reranker\)"),
    "a classifier of three labels": (classifier(3), "is a classifier of 3 labels"),
    "a cross-encoder of sentence-transformers": (cross_encoder_of_sentence_transformers, "is a cross-encoder"),
    "a Dense module with a second matrix": (dense_of_another_kind, "not of its module: linear2.weight"),
    "a decoder that is called bge": (lambda bench: (bench.model(qwen(), "bge-qwen"), {}), "does not say how"),
    "a name that contains bge": (lambda bench: (bench.copy(name="my-bge-finetune-gpt"), {}), "does not say how"),
    "a tokenizer that cannot pad": (
        lambda bench: (bench.model(bert(), pad_token=None), MEAN),
        "cannot encode 5 texts, the first .*pad",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_folder_that_does_not_fit_is_refused_with_what_does_not(name: str, bench: Bench) -> None:
    make, message = REFUSED[name]
    path, options = make(bench)
    with pytest.raises(CheckpointError, match=message):
        vectors(path, bench.texts, **options)


def test_more_tokens_than_positions_are_an_error_where_they_are_asked_for(bench: Bench) -> None:
    with pytest.raises(InvalidOptionError, match="takes 1 to 64 tokens"):
        load_checkpoint(bench.tiny.folder, max_length=65, **MEAN)


def test_a_length_that_is_capped_is_said(bench: Bench) -> None:
    path, _, _ = st_too_long(bench)
    facts = load_model(path, device="cpu").facts
    assert facts.max_length == 64
    assert any("514, but the model has positions for 64 tokens" in note for note in facts.notes)


def test_a_recorded_length_that_is_capped_is_said(bench: Bench) -> None:
    head = {"head.linear.weight": torch.ones(8, WIDTH)}
    torch.save({"model_state_dict": head, "config": {"max_length": 512}}, bench.place / "head.pt")
    checkpoint = load_checkpoint(bench.place / "head.pt", base_model=bench.tiny.folder)
    assert checkpoint.max_length == 64
    assert any("records 512 tokens, but the model has positions for 64" in note for note in checkpoint.notes)
    assert not load_checkpoint(bench.place / "head.pt", base_model=bench.tiny.folder, max_length=9).notes


PLANS = st.lists(
    st.tuples(st.sampled_from(["rename", "remove", "reshape", "prefix all"]), st.integers(0, 38), st.integers(0, 3)),
    max_size=3,
)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(PLANS)
def test_a_folder_whose_tensors_are_renamed_removed_or_reshaped_is_refused_or_right(
    bench: Bench, tmp_path_factory: pytest.TempPathFactory, plan: list[tuple[str, int, int]]
) -> None:
    folder = Path(shutil.copytree(bench.tiny.folder, tmp_path_factory.mktemp("drawn") / "model"))
    tensors = bench.tensors(folder)
    prefixes = ("module.", "model.", "encoder.", "other.")
    for action, place, choice in plan:
        name = sorted(tensors)[place % len(tensors)]
        if action == "rename":
            tensors[prefixes[choice] + name] = tensors.pop(name)
        elif action == "remove":
            del tensors[name]
        elif action == "reshape":
            tensors[name] = torch.ones(3)
        else:
            tensors = {prefixes[choice] + stored: tensor for stored, tensor in tensors.items()}
    write(folder, tensors)
    try:
        found = vectors(folder, bench.texts[:2], **MEAN)
    except CheckpointError:
        return
    expected = torch.nn.functional.normalize(bench.tiny.pooled(bench.texts[:2]), dim=-1).numpy()
    np.testing.assert_allclose(found, expected, atol=1e-6)


# --- adapters ---------------------------------------------------------------------------------------------------------


def lora(**options: Any) -> Any:
    peft = pytest.importorskip("peft")
    targets = options.pop("target_modules", ["q_proj", "v_proj"])
    return peft.LoraConfig(r=2, target_modules=targets, **{"init_lora_weights": False, **options})


@dataclass
class Adapted:
    """A decoder, an adapter over it, and the vectors of both merged."""

    base: Path
    adapter: Path
    expected: np.ndarray


def adapted(bench: Bench, kind: str = "Qwen3Model", **options: Any) -> Adapted:
    import peft
    import transformers

    base = bench.model(qwen(), "base", padding_side="left")
    torch.manual_seed(5)
    model = getattr(transformers, kind).from_pretrained(base)
    wrapped = peft.get_peft_model(model, lora(**options))
    wrapped.save_pretrained(bench.place / "adapter")
    merged = wrapped.merge_and_unload()
    whole = bench.model(getattr(merged, "model", merged), "merged", padding_side="left")
    return Adapted(base, bench.place / "adapter", bench.library(whole, "lasttoken"))


ADAPTER = "adapter_model.safetensors"


def adapter_tensors(folder: Path) -> dict[str, Any]:
    from safetensors.torch import load_file

    return dict(load_file(folder / ADAPTER))


def adapter_renamed(rename: Callable[[str], str]) -> Row:
    def make(bench: Bench) -> tuple[Path, Options, np.ndarray]:
        made = adapted(bench, task_type="FEATURE_EXTRACTION")
        write(made.adapter, {rename(n): t for n, t in adapter_tensors(made.adapter).items()}, ADAPTER)
        return made.adapter, LAST | {"base_model": made.base}, made.expected

    return make


def adapter_saved(kind: str = "Qwen3Model", **options: Any) -> Row:
    def make(bench: Bench) -> tuple[Path, Options, np.ndarray]:
        made = adapted(bench, kind, **options)
        return made.adapter, LAST | {"base_model": made.base}, made.expected

    return make


def adapter_of_the_head_too(bench: Bench) -> tuple[Path, Options, np.ndarray]:
    made = adapted(bench, "Qwen3ForCausalLM", task_type="CAUSAL_LM")
    head = {f"base_model.model.lm_head.{name}.weight": torch.ones(2, 2) for name in ("lora_A", "lora_B", "base_layer")}
    write(made.adapter, adapter_tensors(made.adapter) | head, ADAPTER)
    return made.adapter, LAST | {"base_model": made.base}, made.expected


def adapter_pickled(bench: Bench) -> tuple[Path, Options, np.ndarray]:
    made = adapted(bench)
    torch.save(adapter_tensors(made.adapter), made.adapter / "adapter_model.bin")
    (made.adapter / ADAPTER).unlink()
    return made.adapter, LAST | {"base_model": made.base}, made.expected


def adapter_over_modules(bench: Bench) -> tuple[Path, Options, np.ndarray]:
    """The reference is ``load_adapter`` of sentence-transformers: prompts, Dense, length are the base model's."""
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer.modules import Dense, Normalize

    made = adapted(bench)
    prompts = {"query": "a b ", "document": ""}
    base = st_folder(
        bench, Dense(WIDTH, 8), Normalize(), base=made.base, pooling="lasttoken", prompts=prompts, name="under"
    )
    change(base / "sentence_bert_config.json", max_seq_length=6)
    model = SentenceTransformer(str(base), device="cpu")
    model.load_adapter(str(made.adapter))
    return made.adapter, {"base_model": base}, encoded(model, bench.texts, prompt="a b ")


def adapter_with_modules(bench: Bench) -> tuple[Path, Options, np.ndarray]:
    from sentence_transformers import SentenceTransformer

    made = adapted(bench)
    base = st_folder(bench, base=made.base, pooling="lasttoken", name="under")
    model = SentenceTransformer(str(base), device="cpu")
    model.add_adapter(lora(task_type="FEATURE_EXTRACTION"))
    model.save(str(bench.place / "whole"))
    return bench.place / "whole", {"base_model": base}, encoded(model, bench.texts)


def adapter_with_a_tokenizer(bench: Bench) -> tuple[Path, Options, np.ndarray]:
    """As ``SentenceTransformer(folder)`` reads a folder with an adapter: the tokenizer that lies in it."""
    from sentence_transformers import SentenceTransformer

    path, options, _ = adapter_with_modules(bench)
    file = path / "tokenizer.json"
    stated = json.loads(file.read_text())
    vocabulary = stated["model"]["vocab"]
    vocabulary["a"], vocabulary["b"] = vocabulary["b"], vocabulary["a"]
    file.write_text(json.dumps(stated))
    return path, options, encoded(SentenceTransformer(str(path), device="cpu"), bench.texts)


def over_bert(make: Callable[[Any], Any], **saving: Any) -> Row:
    """An adapter over BERT; the reference is PEFT's own loading of it."""

    def made(bench: Bench) -> tuple[Path, Options, np.ndarray]:
        import peft
        import transformers

        base = bench.model(bert(), "base")
        wrapped = peft.get_peft_model(transformers.BertModel.from_pretrained(base), make(peft))
        for name, weight in wrapped.named_parameters():
            if weight.requires_grad and "pooler" not in name:
                weight.data += 0.2 * torch.randn(weight.shape)
        folder = bench.place / "adapter"
        wrapped.save_pretrained(folder, **saving)
        loaded = peft.PeftModel.from_pretrained(transformers.BertModel.from_pretrained(base), folder)
        change(folder / "adapter_config.json", base_model_name_or_path=None)
        whole = bench.model(loaded.merge_and_unload(), "merged")
        return folder, MEAN | {"base_model": base}, bench.library(whole)

    return made


IN_BERT = ["query", "value"]
ADAPTERS: dict[str, Row] = {
    "of all linear layers": over_bert(lambda peft: lora(target_modules="all-linear")),
    "with the pooler trained whole": over_bert(lambda peft: lora(target_modules=IN_BERT, modules_to_save=["pooler"])),
    "with all biases": over_bert(lambda peft: lora(target_modules=IN_BERT, bias="all")),
    "with the embedding beside it": over_bert(lambda peft: lora(target_modules=IN_BERT), save_embedding_layers=True),
    "VeRA": over_bert(lambda peft: peft.VeraConfig(target_modules=IN_BERT, r=4)),
    "VB-LoRA": over_bert(lambda peft: peft.VBLoRAConfig(target_modules=IN_BERT, vector_length=8, num_vectors=16)),
    "RandLoRA": over_bert(lambda peft: peft.RandLoraConfig(target_modules=IN_BERT, r=4)),
    "as saved": adapter_saved(task_type="FEATURE_EXTRACTION"),
    "without a task": adapter_saved(),
    "for a causal language model, no task": adapter_saved("Qwen3ForCausalLM"),
    "for a causal language model": adapter_saved("Qwen3ForCausalLM", task_type="CAUSAL_LM"),
    "with magnitudes (DoRA)": adapter_saved(use_dora=True),
    "with a norm trained whole": adapter_saved(modules_to_save=["norm"]),
    "every name begins with module.": adapter_renamed(lambda name: f"module.{name}"),
    "every name has auto_model. in it": adapter_renamed(lambda n: n.replace(".model.", ".model.auto_model.", 1)),
    "compiled": adapter_renamed(lambda name: f"_orig_mod.{name}"),
    "without PEFT's own prefix": adapter_renamed(lambda name: name.removeprefix("base_model.model.")),
    "of the head of the language model too": adapter_of_the_head_too,
    "pickled": adapter_pickled,
    "over prompts, Dense and a length": adapter_over_modules,
    "saved by sentence-transformers": adapter_with_modules,
    "with another tokenizer": adapter_with_a_tokenizer,
}


@pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::UserWarning")  # of peft
@pytest.mark.parametrize("name", ADAPTERS)
def test_an_adapter_gives_the_vectors_of_the_merged_model(name: str, bench: Bench) -> None:
    path, options, expected = ADAPTERS[name](bench)
    np.testing.assert_allclose(vectors(path, bench.texts, **options), expected, atol=1e-6)


def adapter_spoiled(edit: Callable[[dict[str, Any]], Any]) -> Spoiled:
    def make(bench: Bench) -> tuple[Path, Options]:
        made = adapted(bench)
        tensors = adapter_tensors(made.adapter)
        edit(tensors)
        write(made.adapter, tensors, ADAPTER)
        return made.adapter, LAST | {"base_model": made.base}

    return make


def adapter_of_prompts(bench: Bench) -> tuple[Path, Options]:
    import peft

    made = adapted(bench)
    config = peft.PromptTuningConfig(task_type="FEATURE_EXTRACTION", num_virtual_tokens=2)
    import transformers

    peft.get_peft_model(transformers.Qwen3Model.from_pretrained(made.base), config).save_pretrained(made.adapter)
    return made.adapter, LAST | {"base_model": made.base}


def adapter_stating(**entries: Any) -> Spoiled:
    def make(bench: Bench) -> tuple[Path, Options]:
        made = adapted(bench)
        change(made.adapter / "adapter_config.json", **entries)
        return made.adapter, LAST | {"base_model": made.base}

    return make


def adapter_without_a_base(bench: Bench) -> tuple[Path, Options]:
    return adapter_stating(base_model_name_or_path=None)(bench)[0], LAST


def adapter_of_shared_weights(bench: Bench) -> tuple[Path, Options]:
    """T5 reads one table through two modules; PEFT adapts the one that the encoder does not read."""
    import peft
    import transformers

    base = bench.model(t5(), "base")
    wrapped = peft.get_peft_model(transformers.T5EncoderModel.from_pretrained(base), lora(target_modules=["shared"]))
    wrapped.save_pretrained(bench.place / "adapter")
    return bench.place / "adapter", MEAN | {"base_model": base}


BI_BERT = {"base_model_class": "BertBiModel", "parent_library": "llm2vec.models.bidirectional_bert"}


def adapter_of_another_width(bench: Bench) -> tuple[Path, Options]:
    made = adapted(bench)
    return made.adapter, MEAN | {"base_model": bench.tiny.folder}


REFUSED_ADAPTERS: dict[str, tuple[Spoiled, str]] = {
    "without its tensors": (adapter_spoiled(lambda t: [t.clear(), t.update(x=torch.zeros(1))]), "adapter.*missing 8"),
    "one tensor is not there": (adapter_spoiled(lambda t: t.pop(min(t))), "adapter.*missing 1"),
    "one tensor more": (
        adapter_spoiled(lambda t: t.update({"base_model.model.score.weight": torch.ones(1, WIDTH)})),
        "adapter.*without a place 1 .*score.weight",
    ),
    "another rank": (adapter_spoiled(lambda t: t.update({min(t): torch.ones(3, WIDTH)})), "adapter.*another shape 1"),
    "names of another program": (
        adapter_spoiled(lambda t: [t.update({f"net.{n}": t.pop(n)}) for n in [*t]]),
        "adapter.*missing 8 .*without a place 8",
    ),
    "vectors before the text": (adapter_of_prompts, "cannot be merged into the weights"),
    "of a class of another library": (adapter_stating(auto_mapping=BI_BERT), "auto_mapping to 'llm2vec"),
    "of repeated layers": (adapter_stating(layer_replication=[[0, 2], [1, 2]]), "states layer_replication"),
    "of a layer that shares its weights": (adapter_of_shared_weights, "share their weights with others"),
    "without a base model": (adapter_without_a_base, "names no base_model_name_or_path. Pass"),
    "of an unknown kind": (adapter_stating(peft_type="NEW"), "put the adapter in '.*adapter'"),
    "of a rank that is a word": (adapter_stating(r="two"), "put the adapter in '.*adapter'"),
    "over another model": (adapter_of_another_width, "PEFT cannot put the adapter in"),
}  # fmt: skip


@pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::UserWarning")  # of peft
@pytest.mark.parametrize("name", REFUSED_ADAPTERS)
def test_an_adapter_whose_tensors_do_not_land_is_refused(name: str, bench: Bench) -> None:
    make, message = REFUSED_ADAPTERS[name]
    path, options = make(bench)
    with pytest.raises(CheckpointError, match=message):
        vectors(path, bench.texts, **options)


@pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::UserWarning")  # of peft
def test_an_adapter_that_changes_nothing_is_said_to(bench: Bench) -> None:
    made = adapted(bench, init_lora_weights=True)
    notes = load_model(made.adapter, device="cpu", base_model=made.base, **LAST).facts.notes
    assert any("changes nothing" in note for note in notes)


# --- the encoder inside a file ----------------------------------------------------------------------------------------

INSIDE = [
    "", "encoder.", "model.", "bert.", "roberta.", "backbone.", "transformer.", "base_model.", "auto_model.",
    "encoder.model.", "encoder.0.auto_model.", "module.encoder.", "model.encoder.0.auto_model.",
    "_orig_mod.module.bert.",
]  # fmt: skip


def inside(bench: Bench, prefix: str, change_by: float = 0.5) -> dict[str, Any]:
    tensors = bench.tensors(bench.tiny.folder)
    return {prefix + name: tensor + change_by for name, tensor in tensors.items()}


@pytest.mark.parametrize("prefix", INSIDE)
def test_the_encoder_in_a_file_is_found_under_any_known_root(prefix: str, bench: Bench) -> None:
    base = read_model_folder(bench.tiny.folder, reference="base")
    carried = inside(bench, prefix)
    more = {"logit_scale": torch.tensor(1.0), f"{prefix}embeddings.position_ids": torch.arange(66)}
    state, account = differing_encoder("best.pt", carried | more, base)
    assert state is not None
    assert {name: tensor.shape for name, tensor in state.tensors.items()} == {
        name: tensor.shape for name, tensor in bench.tensors(bench.tiny.folder).items() if "pooler" not in name
    }
    assert torch.equal(state.tensors[QUERY], carried[prefix + QUERY])
    assert account.n_used == 37
    assert account.ignored == {"pooler": 2, "temperature of the loss": 1, "position ids": 1}
    assert sum(account.renamed.values()) == (37 if prefix else 0)


def test_an_encoder_equal_to_the_base_model_counts_as_that(bench: Bench) -> None:
    base = read_model_folder(bench.tiny.folder, reference="base")
    state, account = differing_encoder("best.pt", inside(bench, "bert.", 0), base)
    assert (state, account.n_used, account.ignored["equal to the base model"]) == (None, 0, 37)
    assert differing_encoder("best.pt", {}, base)[1].n_used == 0


@pytest.mark.parametrize(
    ("more", "gone", "message"),
    [
        ({"query_head.weight": torch.ones(2)}, "", "1 unexpected .first 'query_head.weight'"),
        *(
            ({name: torch.ones(shape)}, "", f"1 unexpected .first '{name.removeprefix('model.')}'")
            for name, shape in {
                "pooler.attention.weight": (1, WIDTH),
                "model.pooler.extra.weight": (2, WIDTH),
                "pooler.weight": (WIDTH, WIDTH),
                "pooler.dense.weight": (16, WIDTH),
                "cls.weight": (16, WIDTH),
                "predictions.weight": (16, WIDTH),
            }.items()
        ),
        ({}, "layer.1", "16 tensors missing .first 'encoder.layer.1"),
        ({f"model.{QUERY}": torch.ones(2, 2)}, "", r"shape \(2, 2\); the base model's has \(32, 32\)"),
    ],
)
def test_a_file_with_a_tensor_that_is_neither_head_nor_encoder_is_refused(
    more: dict[str, Any], gone: str, message: str, bench: Bench
) -> None:
    base = read_model_folder(bench.tiny.folder, reference="base")
    carried = {name: tensor for name, tensor in inside(bench, "model.").items() if not gone or gone not in name}
    with pytest.raises(CheckpointError, match=message):
        differing_encoder("best.pt", carried | more, base)


def test_a_fault_while_encoding_is_one_message(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    model = load_model(bench.tiny.folder, device="cpu", **MEAN)
    model.encoder.encode(["a"], batch_size=1)

    def broken(*_: Any, **__: Any) -> None:
        raise IndexError("index out of range in self")

    monkeypatch.setattr(model.encoder.transformer.model, "forward", broken)  # type: ignore[attr-defined]
    with pytest.raises(EmbedscopeError, match="cannot encode 2 texts, the first 'a b': IndexError: index out of range"):
        model.encoder.encode(["a b", "c"], batch_size=1)
