"""Nothing that stands in a checkpoint runs: every way to run code is refused with its reason, and leaves no trace."""

from __future__ import annotations

import json
import pickle
import shutil
import tracemalloc
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from embedscope.errors import CheckpointError, UnsafeCheckpointError
from embedscope.models import encode_texts, load_checkpoint, load_model
from embedscope.models.head_files import read_head_file
from embedscope.models.weights import read_torch_file
from embedscope.settings import Pooling

torch = pytest.importorskip("torch")
pytest.importorskip("sentence_transformers")


class Hostile:
    """Unpickled without care, it creates the file ``trace``."""

    def __init__(self, trace: Path) -> None:
        self.trace = trace

    def __reduce__(self) -> Any:
        return (open, (str(self.trace), "w"))


def save_zip(path: Path, hostile: Hostile) -> None:
    torch.save({"head.linear.weight": torch.ones(8, 32), "extra": hostile}, path)


def save_old(path: Path, hostile: Hostile) -> None:
    torch.save({"head.linear.weight": torch.ones(8, 32), "extra": hostile}, path, _use_new_zipfile_serialization=False)


def save_pickle(protocol: int) -> Any:
    return lambda path, hostile: path.write_bytes(pickle.dumps({"extra": hostile}, protocol=protocol))


WRITERS = {"zip": save_zip, "old": save_old} | {f"pickle {p}": save_pickle(p) for p in (2, 3, 4, 5)}


@pytest.mark.parametrize("writer", WRITERS)
def test_a_hostile_pickle_is_refused_by_the_name_of_what_it_would_call_and_does_not_run(
    writer: str, tmp_path: Path, tiny: Any
) -> None:
    trace, path = tmp_path / "trace", tmp_path / "best.pt"
    WRITERS[writer](path, Hostile(trace))
    with pytest.raises(UnsafeCheckpointError, match=r"would call '(io|_io|builtins|__builtin__)\.open'") as caught:
        load_checkpoint(path, base_model=tiny.folder)
    assert str(path) in str(caught.value)
    assert not trace.exists()


def test_the_hostile_pickle_of_these_tests_does_create_its_file_when_unpickled(tmp_path: Path) -> None:
    pickle.loads(pickle.dumps(Hostile(tmp_path / "trace"))).close()
    assert (tmp_path / "trace").exists()


@pytest.mark.parametrize("writer", WRITERS)
@pytest.mark.parametrize("role", ["checkpoint", "base model", "sentence-transformers", "Dense"])
def test_hostile_weights_inside_a_folder_are_refused_and_do_not_run(
    role: str, writer: str, tmp_path: Path, tiny: Any, head_tensors: Any
) -> None:
    trace = tmp_path / "trace"
    folder = shutil.copytree(tiny.folder, tmp_path / "model")
    target = folder
    if role in ("sentence-transformers", "Dense"):
        write_modules(folder, ["Transformer", "Pooling"] + (["Dense"] if role == "Dense" else []))
    if role == "Dense":
        target = folder / "2_Dense"
    else:
        (folder / "model.safetensors").unlink()
    WRITERS[writer](target / "pytorch_model.bin", Hostile(trace))
    torch.save(head_tensors, tmp_path / "head.pt")
    path, base = (tmp_path / "head.pt", folder) if role == "base model" else (folder, None)
    with pytest.raises(UnsafeCheckpointError, match="refused"):
        load_checkpoint(path, base_model=base, pooling=Pooling.MEAN)
    assert not trace.exists()


def test_hostile_weights_beside_safetensors_are_never_opened(tmp_path: Path, tiny: Any, texts: tuple[str, ...]) -> None:
    trace = tmp_path / "trace"
    folder = shutil.copytree(tiny.folder, tmp_path / "model")
    for name in ("pytorch_model.bin", "training_args.bin", "optimizer.pt", "colbert_linear.pt"):
        save_zip(folder / name, Hostile(trace))
    encode_texts(texts, load_model(folder, pooling=Pooling.MEAN, device="cpu").encoder)
    assert not trace.exists()


def write_modules(folder: Path, names: list[str], **replaced: str) -> None:
    """A ``modules.json`` over the transformer in ``folder``."""
    entries = []
    for number, name in enumerate(names):
        path = "" if number == 0 else f"{number}_{name}"
        (folder / path).mkdir(exist_ok=True)
        kind = replaced.get(name, f"sentence_transformers.models.{name}")
        entries.append({"idx": number, "name": str(number), "path": path, "type": kind})
    (folder / "modules.json").write_text(json.dumps(entries))
    if "Pooling" in names:
        pooling = {"word_embedding_dimension": 32, "pooling_mode_mean_tokens": True}
        (folder / f"{names.index('Pooling')}_Pooling" / "config.json").write_text(json.dumps(pooling))


@pytest.fixture
def folder(tmp_path: Path, tiny: Any) -> Path:
    """A copy of the base model that a test may spoil."""
    return shutil.copytree(tiny.folder, tmp_path / "model")


@pytest.mark.parametrize("kind", ["os.system", "evil.Module", "custom_st.Transformer", "builtins.exec", ""])
def test_a_module_that_is_not_in_our_table_is_refused_before_anything_is_imported(
    kind: str, folder: Path, tmp_path: Path
) -> None:
    (folder / "evil.py").write_text(f"open({str(tmp_path / 'trace')!r}, 'w')\n")
    write_modules(folder, ["Transformer", "Pooling"], Pooling=kind)
    with pytest.raises(UnsafeCheckpointError, match="would import and run"):
        load_checkpoint(folder)
    assert not (tmp_path / "trace").exists()


@pytest.mark.parametrize("kind", ["sentence_transformers.models.Router", "sentence_transformers.models.WordEmbeddings"])
def test_a_module_of_sentence_transformers_that_reads_class_names_from_files_is_not_supported(
    kind: str, folder: Path
) -> None:
    write_modules(folder, ["Transformer", "Pooling"], Pooling=kind)
    with pytest.raises(CheckpointError, match="not supported"):
        load_checkpoint(folder)


def torch_zip(path: Path, content: bytes, method: int = zipfile.ZIP_STORED) -> Path:
    """A torch file of one pickle and no tensors."""
    with zipfile.ZipFile(path, "w", method) as archive:
        archive.writestr("archive/data.pkl", content)
        archive.writestr("archive/version", "3\n")
    return path


@pytest.mark.parametrize(
    ("content", "method", "said"),
    [
        (b"\x80\x02cbuiltins\nbytearray\n\x8a\x08" + (10**12).to_bytes(8, "little") + b"\x85R.", 0, "bytearray"),
        (b"\x80\x02(" + b"}" * 3_000_000 + b"l.", zipfile.ZIP_STORED, "more than 2,000,000 values"),
        (b"\x80\x02(" + b"}" * 3_000_000 + b"l.", zipfile.ZIP_DEFLATED, "compressed zip archive"),
    ],
)
def test_a_pickle_that_takes_more_memory_than_it_shows_is_refused_before_it_is_built(
    content: bytes, method: int, said: str, tmp_path: Path
) -> None:
    tracemalloc.start()
    with pytest.raises(CheckpointError, match=said):
        read_torch_file(torch_zip(tmp_path / "bomb.pt", content, method))
    assert tracemalloc.get_traced_memory()[1] < 64 << 20
    tracemalloc.stop()


DOUBLED = b")q\x00" + b"".join(b"h%ch%c\x86q%c" % (level, level, level + 1) for level in range(40))


@pytest.mark.parametrize("key", [b")" + b"\x85" * 500_000, DOUBLED])
def test_a_key_that_is_a_tuple_too_deep_or_too_large_to_hash_is_refused(key: bytes, tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="a tuple of more than 2,000,000 values, or nested deeper than 100"):
        read_torch_file(torch_zip(tmp_path / "key.pt", b"\x80\x02}" + key + b"K\x01s."))


def test_tuples_that_stand_side_by_side_in_a_checkpoint_are_no_nested_ones(tmp_path: Path) -> None:
    stored = {f"layer{i}": torch.ones(2, 3) for i in range(300)} | {"sizes": [((i, i), i) for i in range(5000)]}
    torch.save(stored, tmp_path / "plain.pt")
    assert read_torch_file(tmp_path / "plain.pt")["sizes"] == stored["sizes"]


def test_an_old_torch_file_is_looked_through_to_its_object(tmp_path: Path) -> None:
    for content in ({"a": torch.ones(2)}, bytearray(3)):
        torch.save(content, tmp_path / "old.pt", _use_new_zipfile_serialization=False)
        if isinstance(content, dict):
            assert read_torch_file(tmp_path / "old.pt")["a"].tolist() == [1.0, 1.0]
        else:
            with pytest.raises(CheckpointError):
                read_torch_file(tmp_path / "old.pt")


def test_a_configuration_of_more_layers_than_tensors_is_refused_before_they_are_made(folder: Path) -> None:
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, "num_hidden_layers": 200_000}))
    write_modules(folder, ["Transformer", "Pooling"])
    with pytest.raises(CheckpointError, match=r"asks for 200,000 layers \('num_hidden_layers'\)"):
        load_model(str(folder), device="cpu")


@pytest.mark.parametrize("path", ["../other", "/etc", "1_Pooling/../../other"])
def test_a_module_path_that_leaves_the_folder_is_refused(path: str, folder: Path) -> None:
    write_modules(folder, ["Transformer", "Pooling"])
    entries = json.loads((folder / "modules.json").read_text())
    entries[1]["path"] = path
    (folder / "modules.json").write_text(json.dumps(entries))
    with pytest.raises(UnsafeCheckpointError, match="leaves the folder"):
        load_checkpoint(folder)


@pytest.mark.parametrize("activation", ["os.system", "torch.hub.load", "evil.torch.nn.SiLU", "evil.Tanh"])
def test_an_activation_that_is_not_in_our_table_is_refused_and_not_imported(activation: str, folder: Path) -> None:
    write_modules(folder, ["Transformer", "Pooling", "Dense"])
    (folder / "2_Dense" / "config.json").write_text(json.dumps({"activation_function": activation}))
    torch.save({"linear.weight": torch.ones(4, 32)}, folder / "2_Dense" / "pytorch_model.bin")
    with pytest.raises(UnsafeCheckpointError, match="activation function"):
        load_checkpoint(folder)


@pytest.mark.parametrize("name", ["a" * 5000, "\0"])
def test_a_module_path_that_no_folder_can_have_is_refused(name: str, folder: Path) -> None:
    write_modules(folder, ["Transformer", "Pooling"])
    entries = json.loads((folder / "modules.json").read_text())
    entries[1]["path"] = name
    (folder / "modules.json").write_text(json.dumps(entries))
    with pytest.raises(CheckpointError):
        load_checkpoint(folder)


def before_pooling(folder: Path, activation: Any, weight: Any) -> None:
    """A Dense module between the transformer and the pooling in ``folder``."""
    write_modules(folder, ["Transformer", "Dense", "Pooling"])
    plain = {"in_features": 32, "out_features": 32, "bias": False}
    plain |= {"module_input_name": "token_embeddings", "module_output_name": "token_embeddings"}
    (folder / "1_Dense" / "config.json").write_text(json.dumps({**plain, "activation_function": activation}))
    torch.save({"linear.weight": weight}, folder / "1_Dense" / "pytorch_model.bin")


@pytest.mark.parametrize("activation", ["evil.Tanh", "torch.utils.collect_env.main", "torch.nn.Mish", "Tanh", None, 3])
def test_an_activation_before_pooling_that_another_program_would_read_otherwise_is_refused(
    activation: Any, folder: Path
) -> None:
    """sentence-transformers takes Tanh where it does not know the name, and imports what begins with ``torch.``."""
    before_pooling(folder, activation, torch.ones(32, 32))
    with pytest.raises(CheckpointError, match="activation function"):
        load_checkpoint(folder)


def test_a_dense_module_before_pooling_is_applied(folder: Path, tiny: Any, texts: tuple[str, ...]) -> None:
    weight = torch.randn(32, 32, generator=torch.Generator().manual_seed(0))
    before_pooling(folder, "torch.nn.modules.linear.Identity", weight)
    found = load_model(folder, device="cpu").encoder.encode(texts, batch_size=2)
    np.testing.assert_allclose(found, (tiny.pooled(texts) @ weight.T).numpy(), atol=1e-5)


ODD_WEIGHTS: dict[str, Any] = {
    "complex": lambda: torch.ones(32, 32, dtype=torch.complex64),
    "int8": lambda: torch.ones(32, 32, dtype=torch.int8),
    "float8": lambda: torch.ones(32, 32).to(torch.float8_e4m3fn),
    "sparse": lambda: torch.ones(32, 32).to_sparse(),
    "without values": lambda: torch.ones(32, 32, device="meta"),
    "repeated": lambda: torch.ones(1).expand(32, 32),
    "nested": lambda: torch.nested.nested_tensor([torch.ones(2), torch.ones(3)]),
}


@pytest.mark.filterwarnings("ignore:The PyTorch API of nested tensors")
@pytest.mark.parametrize("place", ["before pooling", "after pooling"])
@pytest.mark.parametrize("kind", ODD_WEIGHTS)
def test_weights_of_a_module_that_are_no_plain_table_of_numbers_are_refused(
    kind: str, place: str, folder: Path
) -> None:
    before_pooling(folder, "torch.nn.modules.linear.Identity", ODD_WEIGHTS[kind]())
    if place == "after pooling":
        write_modules(folder, ["Transformer", "Pooling", "Dense"])
        torch.save({"linear.weight": ODD_WEIGHTS[kind]()}, folder / "2_Dense" / "pytorch_model.bin")
    with pytest.raises(CheckpointError, match=r"the tensor 'linear.weight'|a nested tensor"):
        load_checkpoint(folder)


def test_a_checkpoint_that_holds_itself_is_read(tmp_path: Path) -> None:
    config: dict[str, Any] = {"pooling": "mean"}
    config["config"] = config
    often: list[Any] = []
    for _ in range(60):
        often = [often, often]  # 2^60 lists, if each were looked at as often as it is named
    stored = {"model_state_dict": {"head.linear.weight": torch.ones(4, 32)}, "config": config, "x": [often, config]}
    torch.save(stored, tmp_path / "best.pt")
    assert read_head_file(tmp_path / "best.pt").recorded["pooling"] == "mean"


def change_config(folder: Path, **entries: Any) -> None:
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | entries))


def test_an_architecture_that_comes_with_the_checkpoint_is_refused(folder: Path, tmp_path: Path) -> None:
    (folder / "modeling_evil.py").write_text(f"open({str(tmp_path / 'trace')!r}, 'w')\n")
    change_config(folder, model_type="evil", auto_map={"AutoModel": "modeling_evil.Evil"})
    with pytest.raises(UnsafeCheckpointError, match="names code of its own for the model"):
        load_checkpoint(folder, pooling=Pooling.MEAN)
    assert not (tmp_path / "trace").exists()


@pytest.mark.parametrize("named", ["modeling_evil.Evil", "modeling_evil.XLMRobertaModel", "someone/new--modeling.New"])
def test_code_beside_a_known_architecture_is_not_run_and_its_weights_are_not_those_of_transformers(
    named: str, folder: Path, tmp_path: Path
) -> None:
    (folder / "modeling_evil.py").write_text(f"open({str(tmp_path / 'trace')!r}, 'w')\n")
    change_config(folder, auto_map={"AutoModel": named, "AutoConfig": "modeling_evil.Config"})
    with pytest.raises(UnsafeCheckpointError, match="may be another model of the same weights"):
        load_checkpoint(folder, pooling=Pooling.MEAN)
    assert not (tmp_path / "trace").exists()


def test_code_for_the_tokenizer_is_not_run_and_said(
    folder: Path, tmp_path: Path, tiny: Any, texts: tuple[str, ...]
) -> None:
    (folder / "modeling_evil.py").write_text(f"open({str(tmp_path / 'trace')!r}, 'w')\n")
    tokenizer = json.loads((folder / "tokenizer_config.json").read_text())
    tokenizer["auto_map"] = {"AutoTokenizer": ["modeling_evil.Tokenizer", None]}
    (folder / "tokenizer_config.json").write_text(json.dumps(tokenizer))
    model = load_model(folder, pooling=Pooling.MEAN, device="cpu")
    vectors = encode_texts(texts, model.encoder).vectors
    np.testing.assert_allclose(vectors, tiny.pooled(texts).numpy(), atol=1e-5)
    assert any("the tokenizer is that of tokenizer.json" in note for note in model.facts.notes)
    assert not (tmp_path / "trace").exists()
    (folder / "tokenizer.json").rename(folder / "vocab.txt")
    with pytest.raises(UnsafeCheckpointError, match="code of its own for the tokenizer"):
        load_checkpoint(folder, pooling=Pooling.MEAN)


@pytest.mark.parametrize("value", ["someone/kernels", {"": "someone/kernels"}, {"text": {"": ["someone/kernels"]}}])
@pytest.mark.parametrize("key", ["attn_implementation", "_attn_implementation", "experts_implementation"])
def test_kernels_from_a_repository_are_refused(key: str, value: Any, folder: Path) -> None:
    change_config(folder, text_config={key: value})
    with pytest.raises(UnsafeCheckpointError, match="asks for code from 'someone/kernels'"):
        load_checkpoint(folder, pooling=Pooling.MEAN)


def test_quantised_weights_are_refused(folder: Path) -> None:
    change_config(folder, quantization_config={"quant_method": "gptq"})
    with pytest.raises(CheckpointError, match="quantised"):
        load_checkpoint(folder, pooling=Pooling.MEAN)


def test_settings_of_the_transformer_module_cannot_choose_what_is_called(folder: Path) -> None:
    write_modules(folder, ["Transformer", "Pooling"])
    settings = {"modality_config": {"text": {"method": "save_pretrained", "method_output_name": None}}}
    (folder / "sentence_bert_config.json").write_text(json.dumps(settings))
    with pytest.raises(CheckpointError, match="only the last hidden state"):
        load_checkpoint(folder)


def test_shards_outside_their_folder_are_refused(folder: Path) -> None:
    (folder / "model.safetensors").unlink()
    (folder / "model.safetensors.index.json").write_text(json.dumps({"weight_map": {"a": "../secret.safetensors"}}))
    with pytest.raises(UnsafeCheckpointError, match="outside its folder"):
        load_checkpoint(folder, pooling=Pooling.MEAN)


def test_a_torchscript_archive_is_refused_as_a_program(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "model.pt", "w") as archive:
        for name in ("data.pkl", "constants.pkl", "code/__torch__.py", "version"):
            archive.writestr(f"model/{name}", b"3\n" if name == "version" else pickle.dumps(None, protocol=2))
    with pytest.raises(CheckpointError, match="TorchScript archive"):
        load_checkpoint(tmp_path / "model.pt")


def test_plain_values_that_training_scripts_store_are_read(tmp_path: Path) -> None:
    import argparse

    stored = {
        "loss": np.float64(0.5),
        "val": np.float32(0.25),
        "n": np.int64(3),
        "args": argparse.Namespace(lr=0.1, data=Path("train.json")),
    }
    torch.save(stored, tmp_path / "values.pt")
    read = read_torch_file(tmp_path / "values.pt")
    assert (read["loss"], read["val"], read["n"]) == (0.5, 0.25, 3)
    assert (read["args"].lr, str(read["args"].data)) == (0.1, "train.json")


def test_reading_a_checkpoint_leaves_no_class_admitted_for_other_readers(tmp_path: Path) -> None:
    torch.save({"head.linear.weight": torch.ones(2, 2)}, tmp_path / "head.pt")
    before = set(torch.serialization.get_safe_globals())
    read_torch_file(tmp_path / "head.pt")
    assert set(torch.serialization.get_safe_globals()) == before
