"""Sparse and late-interaction models: recognised by their folders, scored as sentence-transformers scores them."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from sentence_transformers import MultiVectorEncoder, SparseEncoder
from tests.support.tiny_model import TEXTS, write_tiny
from tests.support.tiny_scorers import write_cross, write_late, write_splade

from embedscope.data.collection import Collection
from embedscope.data.readers import read_collection
from embedscope.errors import CheckpointError, InvalidOptionError, UnsafeCheckpointError
from embedscope.metrics.ranked_lists import RankedLists
from embedscope.models.model_folders import Layout
from embedscope.models.scorer_folders import cross_encoder_folder, scorer_folder
from embedscope.models.scorers import lists_of_folder, load_scorer, text_blocks
from embedscope.models.weights import read_safetensors
from embedscope.settings import ModelSettings


@pytest.fixture(scope="module")
def splade(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Any]:
    folder = tmp_path_factory.mktemp("splade") / "model"
    return folder, write_splade(folder)


@pytest.fixture(scope="module")
def late(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Any]:
    folder = tmp_path_factory.mktemp("late") / "model"
    return folder, write_late(folder)


@pytest.fixture(scope="module")
def collection() -> Collection:
    rows = [
        {"query": "giá rẻ gần trường a", "positive": TEXTS[0], "negatives": list(TEXTS[2:])},
        {"query": "đại học yên tĩnh", "positive": TEXTS[1], "negatives": []},
    ]
    return read_collection(rows)


def ranked(folder: Path, collection: Collection, **options: Any) -> RankedLists:
    found = scorer_folder(str(folder))
    assert found is not None
    return lists_of_folder(found, collection, ModelSettings(batch_size=2, **options))


def as_matrix(lists: RankedLists, collection: Collection) -> np.ndarray:
    matrix = np.zeros((len(collection.queries), len(collection.documents)))
    matrix[lists.query_of_entry, lists.documents] = lists.scores
    return matrix


def theirs(model: Any, collection: Collection, **prompts: str) -> np.ndarray:
    """The scores of sentence-transformers."""
    options = {"convert_to_sparse_tensor": False} if isinstance(model, SparseEncoder) else {}
    queries = model.encode_query(list(collection.queries), prompt=prompts.get("query"), **options)
    documents = model.encode_document(list(collection.documents), prompt=prompts.get("document"), **options)
    return np.asarray(model.similarity(queries, documents))


def test_a_sparse_encoder_scores_as_sentence_transformers_does(
    splade: tuple[Path, Any], collection: Collection
) -> None:
    folder, model = splade
    lists = ranked(folder, collection)
    np.testing.assert_allclose(as_matrix(lists, collection), theirs(model, collection), atol=1e-5)
    assert (lists.facts.layout, lists.facts.dim) == (Layout.SPARSE, 40)


def test_a_late_interaction_model_scores_as_sentence_transformers_does_with_its_prompts(
    late: tuple[Path, Any], collection: Collection
) -> None:
    folder, model = late
    lists = ranked(folder, collection)
    np.testing.assert_allclose(as_matrix(lists, collection), theirs(model, collection), atol=1e-5)
    assert (lists.facts.layout, lists.facts.dim) == (Layout.LATE_INTERACTION, 16)
    assert (lists.facts.query_prompt, lists.facts.document_prompt) == ("hai ", "ba ")


def test_a_folder_of_pylate_is_read_as_sentence_transformers_reads_it(
    late: tuple[Path, Any], tmp_path: Path, collection: Collection
) -> None:
    own = Path(shutil.copytree(late[0], tmp_path / "model"))
    kinds = (("", "sentence_transformers.models.Transformer"), ("1_Dense", "pylate.models.Dense.Dense"))
    entries = [{"idx": i, "name": str(i), "path": path, "type": kind} for i, (path, kind) in enumerate(kinds)]
    (own / "modules.json").write_text(json.dumps(entries))
    stated = {"query_prefix": "[Q] ", "document_prefix": "[D] ", "do_query_expansion": False, "document_length": 40}
    general = {"model_type": "ColBERT", "prompts": {}, "similarity_fn_name": "maxsim", **stated}
    (own / "config_sentence_transformers.json").write_text(json.dumps(general))
    lists = ranked(own, collection)
    assert lists.facts.layout == Layout.LATE_INTERACTION
    assert (lists.facts.query_prompt, lists.facts.document_prompt) == ("[Q] ", "[D] ")
    torch.manual_seed(0)  # of the vectors of the two markers, which the tiny vocabulary does not have
    model = MultiVectorEncoder(str(own), device="cpu")
    torch.manual_seed(0)
    again = ranked(own, collection)
    np.testing.assert_allclose(as_matrix(again, collection), theirs_with_task(model, collection), atol=1e-5)


def theirs_with_task(model: Any, collection: Collection) -> np.ndarray:
    queries, documents = model.encode_query(list(collection.queries)), model.encode_document(list(collection.documents))
    return np.asarray(model.similarity(queries, documents))


def test_a_prompt_that_is_asked_for_stands_before_the_texts(late: tuple[Path, Any], collection: Collection) -> None:
    folder, model = late
    lists = ranked(folder, collection, query_prompt="quận một ", document_prompt="")
    expected = theirs(model, collection, query="quận một ", document="")
    np.testing.assert_allclose(as_matrix(lists, collection), expected, atol=1e-5)


@pytest.mark.parametrize(("kind", "similarity"), [("splade", "cosine"), ("late", "meanmaxsim")])
def test_the_similarity_that_a_folder_states_is_used(
    request: pytest.FixtureRequest, tmp_path: Path, collection: Collection, kind: str, similarity: str
) -> None:
    folder, model = request.getfixturevalue(kind)
    own = Path(shutil.copytree(folder, tmp_path / "model"))
    edit(own / "config_sentence_transformers.json", similarity_fn_name=similarity)
    before = model.similarity_fn_name
    model.similarity_fn_name = similarity
    try:
        np.testing.assert_allclose(as_matrix(ranked(own, collection), collection), theirs(model, collection), atol=1e-5)
    finally:
        model.similarity_fn_name = before


def test_a_similarity_of_another_kind_is_refused(
    splade: tuple[Path, Any], tmp_path: Path, collection: Collection
) -> None:
    own = Path(shutil.copytree(splade[0], tmp_path / "model"))
    edit(own / "config_sentence_transformers.json", similarity_fn_name="euclidean")
    with pytest.raises(CheckpointError, match="compares its vectors by 'euclidean'"):
        ranked(own, collection)


def edit(file: Path, **entries: object) -> None:
    file.write_text(json.dumps(json.loads(file.read_text()) | entries))


def test_texts_are_cut_where_it_is_asked_for(late: tuple[Path, Any], collection: Collection) -> None:
    folder, model = late
    before = model.max_seq_length
    model.max_seq_length = 4
    try:
        expected = theirs(model, collection)
    finally:
        model.max_seq_length = before
    lists = ranked(folder, collection, max_length=4)
    np.testing.assert_allclose(as_matrix(lists, collection), expected, atol=1e-5)
    assert lists.facts.max_length == 4
    with pytest.raises(InvalidOptionError, match="takes 1 to 64 tokens"):
        ranked(folder, collection, max_length=65)


def test_an_option_of_one_vector_a_text_is_said_to_have_no_use(
    splade: tuple[Path, Any], collection: Collection
) -> None:
    notes = ranked(splade[0], collection, pooling="cls", head="sparse").facts.notes
    assert "--head, --pooling: for models of one vector a text, and not applied." in notes


def test_a_model_of_one_vector_a_text_a_file_and_a_cross_encoder_are_none(tmp_path: Path) -> None:
    write_tiny(tmp_path / "dense", 32)
    write_cross(tmp_path / "cross")
    (tmp_path / "head.pt").write_bytes(b"")
    assert [scorer_folder(str(tmp_path / name)) for name in ("dense", "cross", "head.pt", "no/such/name")] == [None] * 4
    assert cross_encoder_folder(str(tmp_path / "cross")).layout is Layout.CROSS_ENCODER
    with pytest.raises(CheckpointError, match="should be a cross-encoder"):
        cross_encoder_folder(str(tmp_path / "dense"))


def _foreign_module(folder: Path) -> None:
    entries = json.loads((folder / "modules.json").read_text())
    entries[1]["type"] = "os.system"
    (folder / "modules.json").write_text(json.dumps(entries))


def _foreign_kernel(folder: Path) -> None:
    edit(folder / "sentence_bert_config.json", model_kwargs={"attn_implementation": "somebody/kernel"})


def _own_code(folder: Path) -> None:
    edit(folder / "config.json", auto_map={"AutoModel": "modeling.Model"})


def _leaving_path(folder: Path) -> None:
    entries = json.loads((folder / "modules.json").read_text())
    entries[1]["path"] = "../elsewhere"
    (folder / "modules.json").write_text(json.dumps(entries))


@pytest.mark.parametrize("spoil", [_foreign_module, _foreign_kernel, _own_code, _leaving_path])
def test_a_folder_that_would_run_code_is_refused_before_it_is_loaded(
    splade: tuple[Path, Any], tmp_path: Path, spoil: Callable[[Path], None]
) -> None:
    own = Path(shutil.copytree(splade[0], tmp_path / "model"))
    spoil(own)
    with pytest.raises(UnsafeCheckpointError, match="refused"):
        scorer_folder(str(own))


def test_an_activation_that_is_not_of_torch_is_refused(tmp_path: Path) -> None:
    write_cross(tmp_path / "cross")
    edit(tmp_path / "cross" / "config_sentence_transformers.json", activation_fn="builtins.print")
    with pytest.raises(UnsafeCheckpointError, match=r"builtins\.print"):
        cross_encoder_folder(str(tmp_path / "cross"))


def test_weights_that_a_file_lacks_are_not_made_up(splade: tuple[Path, Any], tmp_path: Path) -> None:
    from safetensors.torch import save_file

    own = Path(shutil.copytree(splade[0], tmp_path / "model"))
    tensors = {name: t.clone() for name, t in read_safetensors(own / "model.safetensors")[0].items()}
    kept = {name: t for name, t in tensors.items() if not name.startswith("lm_head.dense")}
    save_file(kept, own / "model.safetensors", metadata={"format": "pt"})
    folder = scorer_folder(str(own))
    assert folder is not None
    with pytest.raises(CheckpointError, match=r"lacks 2 \('lm_head\.dense\.bias', 'lm_head\.dense\.weight'\)"):
        load_scorer(folder, ModelSettings())


def test_weights_that_are_not_finite_are_refused(late: tuple[Path, Any], tmp_path: Path) -> None:
    from safetensors.torch import save_file

    own = Path(shutil.copytree(late[0], tmp_path / "model"))
    file = own / "1_Dense" / "model.safetensors"
    save_file({"linear.weight": torch.full((16, 32), torch.nan)}, file)
    folder = scorer_folder(str(own))
    assert folder is not None
    with pytest.raises(CheckpointError, match="not finite"):
        load_scorer(folder, ModelSettings())


def test_blocks_hold_no_more_tokens_than_the_bound_or_one_text(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("embedscope.models.scorers.BLOCK_TOKENS", 40)
    texts = ["a" * 12, "b" * 12, "c", "d" * 200, "e"]
    blocks = list(text_blocks(texts, None))
    assert [(start, len(own)) for start, own in blocks] == [(0, 2), (2, 1), (3, 1), (4, 1)]
    assert [text for _, own in text_blocks(texts, 8) for text in own] == texts
    assert [start for start, _ in text_blocks(texts, 8)] == [0]
    assert list(text_blocks([], None)) == []
