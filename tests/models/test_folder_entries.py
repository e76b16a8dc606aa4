"""Entries of a folder's JSON files and files beside them that change vectors: applied, part of the key, or refused."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from embedscope.errors import CheckpointError, UnsafeCheckpointError
from embedscope.models import load_checkpoint, load_model
from embedscope.models.fingerprints import HashMemory, hash_file
from embedscope.models.model_folders import ModelFolder, read_model_folder
from embedscope.models.modules import activation_name
from embedscope.models.tensor_placement import place_model
from embedscope.settings import Pooling

pytest.importorskip("torch")

Entries = dict[str, Any]
NOMIC: Entries = {
    "model_type": "nomic_bert", "architectures": ["NomicBertModel"], "rotary_emb_base": 1000, "causal": False,
    "layer_norm_epsilon": 1e-12, "prenorm": False, "rotary_emb_fraction": 1.0, "n_embd": 768, "n_layer": 12,
    "n_head": 12, "n_inner": 3072, "n_positions": 8192, "activation_function": "swiglu", "vocab_size": 30528,
    "type_vocab_size": 2, "qkv_proj_bias": False, "mlp_fc1_bias": False, "rotary_scaling_factor": None,
    "auto_map": {"AutoModel": "nomic-ai/nomic-bert-2048--modeling_hf_nomic_bert.NomicBertModel"},
}  # fmt: skip
"""As nomic-embed-text-v1.5 publishes it."""


def change(file: Path, entries: Entries) -> None:
    file.parent.mkdir(exist_ok=True)
    held = json.loads(file.read_text()) if file.is_file() else {}
    file.write_text(json.dumps({**held, **entries}))


def read(folder: Path) -> ModelFolder:
    return read_model_folder(folder, reference=str(folder))


@pytest.fixture
def plain(tmp_path: Path, tiny: Any) -> Path:
    """A Hugging Face folder."""
    return Path(shutil.copytree(tiny.folder, tmp_path / "plain"))


@pytest.fixture
def modular(plain: Path) -> Path:
    """A sentence-transformers folder."""
    kinds = {"": "Transformer", "1_Pooling": "Pooling"}
    rows = [
        {"idx": n, "path": p, "type": f"sentence_transformers.models.{k}"} for n, (p, k) in enumerate(kinds.items())
    ]
    (plain / "modules.json").write_text(json.dumps(rows))
    change(plain / "1_Pooling" / "config.json", {"pooling_mode": "mean"})
    return plain


SETTINGS, GENERAL, POOLED = "sentence_bert_config.json", "config_sentence_transformers.json", "1_Pooling/config.json"


@pytest.mark.parametrize(
    ("file", "entries", "message"),
    [
        (SETTINGS, {"config_args": {"is_decoder": True}}, r'config_args \{"is_decoder": true\}'),
        (SETTINGS, {"config_kwargs": {"hidden_act": "relu", "dtype": "float32"}}, "config_kwargs .*hidden_act"),
        (SETTINGS, {"tokenizer_args": {"padding_side": "left"}}, "tokenizer_args .*padding_side"),
        (SETTINGS, {"processor_kwargs": {"do_lower_case": False}}, "processor_kwargs .*do_lower_case"),
        (SETTINGS, {"processing_kwargs": {"text": {"add_special_tokens": False}}}, "processing_kwargs .*add_special"),
        (SETTINGS, {"model_args": {"num_hidden_layers": 1}}, "model_args .*num_hidden_layers"),
        (SETTINGS, {"model_kwargs": [1]}, r"model_kwargs \[1\]"),
        *((SETTINGS, {"max_seq_length": value}, "'max_seq_length' as a whole number") for value in (
            "64", True, 6.5, 0, -1, 10**30, [64],
        )),
        (SETTINGS, {"do_lower_case": "false"}, "'do_lower_case' as true or false"),
        (GENERAL, {"similarity_fn_name": 3}, "'similarity_fn_name' as a string"),
        *((GENERAL, {"truncate_dim": value}, "'truncate_dim' as a whole number") for value in (-8, 0, True, "8")),
        (GENERAL, {"default_prompt_name": ["a"]}, "'default_prompt_name' as a string"),
        (POOLED, {"pooling_mode": 3}, r"asks for pooling \[3\]"),
        (POOLED, {"pooling_mode": [["mean"]]}, r"asks for pooling \[\['mean'\]\]"),
        (POOLED, {"pooling_mode": "mean", "include_prompt": "no"}, "'include_prompt' as true or false"),
        (POOLED, {"pooling_mode": None, "pooling_mode_cls_token": "false"}, "'pooling_mode_cls_token' as true or"),
        ("config.json", {"architectures": 3}, "'architectures' as a list"),
    ],
)  # fmt: skip
def test_an_entry_that_is_not_applied_or_of_another_kind_is_refused_with_its_name_and_value(
    file: str, entries: Entries, message: str, modular: Path
) -> None:
    change(modular / file, entries)
    with pytest.raises(CheckpointError, match=message):
        read(modular)


@pytest.mark.parametrize("entry", [{"idx": None}, {"idx": "a"}, {"idx": True}, {"path": 3}, {"type": []}])
def test_modules_that_are_not_numbered_or_named_are_refused(entry: Entries, modular: Path) -> None:
    rows = json.loads((modular / "modules.json").read_text())
    (modular / "modules.json").write_text(json.dumps([rows[0], rows[1] | entry]))
    with pytest.raises(CheckpointError, match=r"modules\.json"):
        read(modular)


def test_settings_of_loading_that_change_no_vector_are_noted(modular: Path) -> None:
    change(modular / SETTINGS, {"model_args": {"attn_implementation": "sdpa"}, "config_args": {}})
    assert read(modular).notes == ("sentence_bert_config.json asks for model_args: not applied.",)


@pytest.mark.parametrize("name", ["bpe.codes", "dict.txt", "entity_vocab.json", "tekken.json", "tokenizer.json"])
def test_every_file_of_a_tokenizer_is_part_of_the_fingerprint(name: str, plain: Path) -> None:
    def fingerprint() -> str:
        return load_model(plain, device="cpu", pooling=Pooling.MEAN).encoder.fingerprint

    before = fingerprint()
    for other in ("README.md", "training_args.bin", "trainer_state.json", ".gitattributes"):
        (plain / other).write_text("x")
    assert fingerprint() == before
    with (plain / name).open("a") as file:
        file.write(" ")
    assert fingerprint() != before


def test_a_large_file_that_is_rewritten_with_its_old_time_is_hashed_again(tmp_path: Path) -> None:
    large = tmp_path / "weights.bin"
    large.write_bytes(bytes(1 << 20))
    memory, facts = HashMemory(tmp_path / "memory.json"), large.stat()
    before = memory.sha256(large)
    with large.open("r+b") as file:
        file.write(b"x")
    os.utime(large, ns=(facts.st_atime_ns, facts.st_mtime_ns))
    assert memory.sha256(large) == hash_file(large) != before


@pytest.mark.parametrize("names", [["LlamaBiModel"], ["HF_ColBERT"]])
def test_an_architecture_that_transformers_does_not_have_is_refused(names: list[str], plain: Path) -> None:
    change(plain / "config.json", {"architectures": names})
    with pytest.raises(CheckpointError, match=f"names the architecture {names[0]}, which transformers"):
        place_model(read(plain))


def test_no_architecture_is_none_that_is_unknown(plain: Path) -> None:
    for names in (None, [], ["BertModel"]):
        change(plain / "config.json", {"architectures": names})
        place_model(read(plain))


def test_a_folder_is_read_without_torch_and_transformers(plain: Path) -> None:
    program = (
        "import sys; from pathlib import Path; from embedscope.models.model_folders import read_model_folder;"
        f"read_model_folder(Path({str(plain)!r}), reference='x'); print({{'torch', 'transformers'}} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


@pytest.mark.parametrize(
    "entries",
    [
        {"rotary_emb_base": 10000}, {"layer_norm_epsilon": 1e-5}, {"causal": True}, {"prenorm": True}, {"n_head": 8},
        {"rotary_emb_fraction": 0.5}, {"n_layer": 6}, {"activation_function": "gelu"}, {"rotary_scaling_factor": 2},
    ],
)  # fmt: skip
def test_nomic_with_entries_that_transformers_does_not_read_is_refused(entries: Entries, plain: Path) -> None:
    (plain / "config.json").write_text(json.dumps(NOMIC))
    assert read(plain).config["n_embd"] == 768
    change(plain / "config.json", entries)
    with pytest.raises(
        CheckpointError, match=f'states {{"{next(iter(entries))}": .* the class of transformers computes'
    ):
        read(plain)


def test_modules_without_their_list_are_refused(plain: Path) -> None:
    (plain / "2_Normalize").mkdir()
    read(plain)
    (plain / "2_Dense").mkdir()
    with pytest.raises(CheckpointError, match=r"holds 2_Dense of .* no modules\.json"):
        read(plain)


def test_a_folder_without_modules_is_read_with_its_prompts_similarity_and_width(plain: Path) -> None:
    entries = {"prompts": {"query": "q: "}, "similarity_fn_name": "dot", "truncate_dim": 8}
    change(plain / GENERAL, entries)
    checkpoint = load_checkpoint(plain, pooling=Pooling.MEAN)
    assert (checkpoint.query_prompt, checkpoint.similarity, len(checkpoint.steps)) == ("q: ", "dot", 1)


def test_an_activation_of_torch_that_is_not_applied_is_no_matter_of_safety() -> None:
    with pytest.raises(CheckpointError, match="applied are Identity, Tanh, ReLU") as caught:
        activation_name("torch.nn.modules.activation.SiLU", where=Path("config.json"))
    assert not isinstance(caught.value, UnsafeCheckpointError)
