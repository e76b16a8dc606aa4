"""Prompts: those that sentence-transformers serves, those that are asked for, those that a checkpoint records."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from embedscope.errors import CheckpointError, InvalidOptionError
from embedscope.models import EmbeddingStore, Model, encode_texts, load_model
from embedscope.models.prompts import OwnPrompts, choose_prompts, known_prompts
from embedscope.settings import Pooling, quoted

pytest.importorskip("torch")
pytest.importorskip("sentence_transformers")

QUERY, PASSAGE = "a b ", "ban công "


@pytest.fixture(scope="module")
def make_folder(tiny: Any, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Saves a sentence-transformers folder whose configuration states exactly these prompts."""
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer.modules import Pooling as PoolingModule
    from sentence_transformers.sentence_transformer.modules import Transformer

    def make(stated: Mapping[str, Any], *, include_prompt: bool = True) -> Path:
        folder = tmp_path_factory.mktemp("model") / "st"
        modules = [Transformer(str(tiny.folder)), PoolingModule(32, include_prompt=include_prompt)]
        SentenceTransformer(modules=modules, device="cpu").save(str(folder))
        file = folder / "config_sentence_transformers.json"
        config = {key: value for key, value in json.loads(file.read_text()).items() if "prompt" not in key}
        file.write_text(json.dumps(config | stated))
        return folder

    return make


def served(folder: Path, texts: Sequence[str]) -> list[np.ndarray]:
    """The oracle: what ``encode_query`` and ``encode_document`` of the installed version give."""
    from sentence_transformers import SentenceTransformer

    model = SentenceTransformer(str(folder), device="cpu")
    return [
        np.asarray(encode(list(texts), normalize_embeddings=True, show_progress_bar=False))
        for encode in (model.encode_query, model.encode_document)
    ]


def measured(model: Model, texts: Sequence[str]) -> list[np.ndarray]:
    """Vectors of ``texts`` as queries and as documents."""
    return [
        model.projector.project(encode_texts(texts, model.encoder, prompt=prompt).vectors)
        for prompt in (model.query_prompt, model.document_prompt)
    ]


STATED: dict[str, dict[str, Any]] = {
    "none": {},
    "an empty table": {"prompts": {}},
    "query": {"prompts": {"query": QUERY}},
    "document": {"prompts": {"document": PASSAGE}},
    "query and document": {"prompts": {"query": QUERY, "document": PASSAGE}},
    "query and passage": {"prompts": {"query": QUERY, "passage": PASSAGE}},
    "query and corpus": {"prompts": {"query": QUERY, "corpus": PASSAGE}},
    "query, empty document and passage": {"prompts": {"query": QUERY, "document": "", "passage": PASSAGE}},
    "document that is null, and passage": {"prompts": {"query": QUERY, "document": None, "passage": PASSAGE}},
    "document and passage": {"prompts": {"document": "yên ", "passage": PASSAGE}},
    "passage alone": {"prompts": {"passage": PASSAGE}},
    "other names": {"prompts": {"retrieval": QUERY, "clustering": PASSAGE}},
    "a default of another name": {"prompts": {"retrieval": QUERY}, "default_prompt_name": "retrieval"},
    "a default beside query": {"prompts": {"query": QUERY, "all": PASSAGE}, "default_prompt_name": "all"},
    "query as the default": {"prompts": {"query": QUERY}, "default_prompt_name": "query"},
    "a default that is in no table": {"prompts": {}, "default_prompt_name": "document"},
}


@pytest.mark.parametrize("include_prompt", [True, False], ids=["pooled with the prompt", "pooled without"])
@pytest.mark.parametrize("stated", STATED.values(), ids=list(STATED))
def test_a_folder_is_measured_with_the_prompts_that_sentence_transformers_serves(
    stated: dict[str, Any], include_prompt: bool, make_folder: Any, texts: tuple[str, ...]
) -> None:
    folder = make_folder(stated, include_prompt=include_prompt)
    for came, expected in zip(measured(load_model(folder, device="cpu"), texts), served(folder, texts), strict=True):
        np.testing.assert_allclose(came, expected, atol=1e-6)


ASKED: dict[str, tuple[str | None, str | None, str, str]] = {
    "texts": ("gần ", "giá: ", "gần ", "giá: "),
    "names": ("passage", "passage", PASSAGE, PASSAGE),
    "a name for one role": (None, "passage", QUERY, PASSAGE),
    "none at all": ("", "", "", ""),
    "none before queries": ("", None, "", ""),
}


@pytest.mark.parametrize("include_prompt", [True, False], ids=["pooled with the prompt", "pooled without"])
@pytest.mark.parametrize("asked", ASKED.values(), ids=list(ASKED))
def test_a_prompt_that_is_asked_for_stands_before_each_text(
    asked: tuple[str | None, str | None, str, str], include_prompt: bool, make_folder: Any, texts: tuple[str, ...]
) -> None:
    from sentence_transformers import SentenceTransformer

    query_prompt, document_prompt, *expected = asked
    folder = make_folder({"prompts": {"query": QUERY, "passage": PASSAGE}}, include_prompt=include_prompt)
    model = load_model(folder, query_prompt=query_prompt, document_prompt=document_prompt, device="cpu")
    assert [model.query_prompt, model.document_prompt] == expected
    assert [model.facts.query_prompt, model.facts.document_prompt] == expected
    library = SentenceTransformer(str(folder), device="cpu")
    for came, prompt in zip(measured(model, texts), expected, strict=True):
        oracle = library.encode(list(texts), prompt=prompt, normalize_embeddings=True, show_progress_bar=False)
        np.testing.assert_allclose(came, oracle, atol=1e-6)


@pytest.mark.parametrize(
    ("stated", "said"),
    [
        ({"prompts": {"query": QUERY, "passage": PASSAGE}}, "--document-prompt passage"),
        ({"prompts": {"query": QUERY, "corpus": PASSAGE}}, "--document-prompt corpus"),
        ({"prompts": {"retrieval": QUERY}, "default_prompt_name": "retrieval"}, "--query-prompt retrieval"),
        ({"prompts": {"retrieval": QUERY}}, "--query-prompt NAME"),
    ],
)
def test_a_prompt_that_is_stated_and_never_served_is_said(stated: dict[str, Any], said: str, make_folder: Any) -> None:
    folder = make_folder(stated)
    (note,) = load_model(folder, device="cpu").facts.notes
    assert said in note
    assert "encode_document" in note
    assert load_model(folder, query_prompt="", document_prompt="", device="cpu").facts.notes == ()


def test_prompts_that_are_served_need_no_note(make_folder: Any) -> None:
    folder = make_folder({"prompts": {"query": QUERY, "document": PASSAGE, "passage": PASSAGE, "other": "x"}})
    assert load_model(folder, device="cpu").facts.notes == ()


def test_the_name_of_a_prompt_that_there_is_not_is_refused(make_folder: Any, tiny: Any) -> None:
    with pytest.raises(InvalidOptionError, match=r"'search' names a prompt.*'query', 'passage'"):
        load_model(make_folder({"prompts": {"query": QUERY, "passage": PASSAGE}}), query_prompt="search")
    with pytest.raises(InvalidOptionError, match=r"states no prompts of its own.*'query: '"):
        load_model(tiny.folder, pooling=Pooling.MEAN, query_prompt="query")


def test_a_folder_that_sentence_transformers_would_not_load_is_refused(make_folder: Any) -> None:
    with pytest.raises(CheckpointError, match="default prompt 'search'"):
        load_model(make_folder({"prompts": {"query": QUERY}, "default_prompt_name": "search"}))
    with pytest.raises(CheckpointError, match="texts by name"):
        load_model(make_folder({"prompts": ["query"]}))


@pytest.mark.parametrize(
    ("name", "query"),
    [
        ("intfloat/e5-small-v2", "query: "),
        ("models/e5-base-tuned/", "query: "),
        ("intfloat/multilingual-e5-large", "query: "),
        ("intfloat/multilingual-e5-large-instruct", "Instruct: "),
        ("intfloat/e5-mistral-7b-instruct", "Instruct: "),
        ("BAAI/bge-small-en-v1.5", "Represent this sentence"),
        ("BAAI/bge-large-zh-v1.5", "为这个句子"),
        ("BAAI/bge-en-icl", "<instruct>"),
        ("Qwen/Qwen3-Embedding-0.6B", "Instruct: "),
        ("Snowflake/snowflake-arctic-embed-m-v1.5", "Represent this sentence"),
        ("Snowflake/snowflake-arctic-embed-l-v2.0", "query: "),
        ("nomic-ai/nomic-embed-text-v1.5", "search_query: "),
        ("Alibaba-NLP/gte-Qwen2-7B-instruct", "Instruct: "),
        ("mixedbread-ai/mxbai-embed-large-v1", "Represent this sentence"),
        ("google/embeddinggemma-300m", "task: search result"),
    ],
)
def test_the_prompt_of_a_known_family_is_known_by_the_segments_of_its_name(name: str, query: str) -> None:
    found = known_prompts([name])
    assert found is not None
    assert found[0].startswith(query)


@pytest.mark.parametrize(
    "name",
    [
        "BAAI/bge-m3", "thenlper/gte-large", "Alibaba-NLP/gte-multilingual-base", "sentence-transformers/all-MiniLM-L6",
        "made5-large", "e5-small-v2/checkpoint-100", "bge-reranker-base", "bge-encoder", "qwen3-0.6b",
    ],
)  # fmt: skip
def test_no_prompt_is_guessed_from_a_part_of_a_word_or_from_a_folder_above(name: str) -> None:
    assert known_prompts([name]) is None


def test_a_plain_folder_of_a_known_family_is_encoded_as_it_is_and_the_options_are_said(
    tiny: Any, tmp_path: Path, texts: tuple[str, ...]
) -> None:
    folder = tmp_path / "multilingual-e5-tiny"
    folder.symlink_to(tiny.folder)
    model = load_model(folder, device="cpu")
    np.testing.assert_allclose(measured(model, texts)[0], measured(model, texts)[1])
    (note,) = model.facts.notes
    assert "Pass --query-prompt 'query: ' --document-prompt 'passage: ' if it was trained so" in note
    options: dict[str, Any] = {"query_prompt": "query: "}
    (note,) = load_model(folder, device="cpu", **options).facts.notes
    assert "Pass --document-prompt 'passage: ' if" in note
    assert load_model(folder, device="cpu", **options, document_prompt="").facts.notes == ()


def test_the_prompts_of_each_run_are_in_its_fingerprint_and_in_the_cache_key(tiny: Any, tmp_path: Path) -> None:
    def load(**options: Any) -> Model:
        return load_model(tiny.folder, pooling=Pooling.MEAN, device="cpu", **options)

    choices: list[dict[str, str]] = [
        {}, {"query_prompt": "a "}, {"document_prompt": "a "}, {"query_prompt": "b "},
        {"query_prompt": "a ", "document_prompt": "a "},
    ]  # fmt: skip
    assert len({load(**choice).facts.fingerprint for choice in choices}) == len(choices)
    store = EmbeddingStore(tmp_path)
    encoder = load().encoder
    assert encode_texts(["gần"], encoder, store, prompt="a ").n_encoded == 1
    assert encode_texts(["gần"], encoder, store, prompt="b ").n_encoded == 1
    assert encode_texts(["gần"], encoder, store, prompt="a ").n_cached == 1


# --- heads --------------------------------------------------------------------------------------------------------


@pytest.fixture
def make_head(head_tensors: dict[str, Any], tmp_path: Path) -> Any:
    import torch

    def make(**config: Any) -> Path:
        torch.save({"model_state_dict": head_tensors, "config": {"pooling": "mean", **config}}, tmp_path / "head.pt")
        return tmp_path / "head.pt"

    return make


def test_a_head_has_the_prompts_that_its_checkpoint_records(
    make_head: Any, tiny: Any, texts: tuple[str, ...], head_tensors: dict[str, Any], torch_head: Any
) -> None:
    model = load_model(make_head(query_prompt=QUERY, document_prompt=""), base_model=tiny.folder, device="cpu")
    expected = [torch_head(tiny.pooled([prompt + text for text in texts]), head_tensors) for prompt in (QUERY, "")]
    for came, vectors in zip(measured(model, texts), expected, strict=True):
        np.testing.assert_allclose(came, vectors, atol=1e-5)
    base = model.without_head()
    assert (base.query_prompt, base.facts.query_prompt) == (QUERY, QUERY)


@pytest.mark.parametrize(
    ("recorded", "asked"), [(QUERY, "gần "), (QUERY, ""), ("", QUERY)], ids=["another", "none", "one for none"]
)
def test_another_prompt_than_in_training_is_refused(recorded: str, asked: str, make_head: Any, tiny: Any) -> None:
    head = make_head(query_prompt=recorded, document_prompt="")
    with pytest.raises(CheckpointError, match="Leave --query-prompt out"):
        load_model(head, base_model=tiny.folder, query_prompt=asked)
    assert load_model(head, base_model=tiny.folder, query_prompt=recorded).query_prompt == recorded


def test_a_head_that_records_no_prompt_has_none_of_its_base_unless_asked_by_name(
    make_head: Any, make_folder: Any
) -> None:
    base = make_folder({"prompts": {"query": QUERY, "document": PASSAGE}})
    plain = load_model(make_head(), base_model=base, device="cpu")
    assert (plain.query_prompt, plain.document_prompt) == ("", "")
    assert any("--query-prompt query --document-prompt document" in note for note in plain.facts.notes)
    asked = load_model(make_head(), base_model=base, query_prompt="query", document_prompt="document", device="cpu")
    assert (asked.query_prompt, asked.document_prompt) == (QUERY, PASSAGE)
    assert asked.facts.notes == ()


# --- the rule alone -----------------------------------------------------------------------------------------------


def test_every_message_names_the_options_as_a_shell_takes_them() -> None:
    (note,) = choose_prompts("qwen", OwnPrompts(), {}, names=["qwen3-embedding-tiny"]).notes
    assert r"--query-prompt $'Instruct: Given a web search query, retrieve" in note
    assert "\n" not in note
    assert shlex.split(quoted("it's")) == ["it's"]


def test_an_empty_prompt_and_no_prompt_differ() -> None:
    own = OwnPrompts({"query": QUERY})
    assert choose_prompts("model", own, {"query": None}).query == QUERY
    assert choose_prompts("model", own, {"query": ""}).query == ""
