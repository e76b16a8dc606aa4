"""Parity: equal encodings are called the same, and whatever is planted between two of them is found by trying."""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np
import pytest
from tests.support.loopback import Encode, Loopback, serving
from tests.support.tiny_model import write_tiny

from embedscope.cli import main as cli
from embedscope.data.readers import read_collection
from embedscope.parity import compare_served
from embedscope.parity.agreement import directions_apart, ranks_of
from embedscope.parity.encodings import Vectors
from embedscope.parity.text_sample import sample_texts
from embedscope.result import Evidence, Parity, ParityOutcome
from embedscope.settings import ParitySettings, Settings

torch = pytest.importorskip("torch")
pytest.importorskip("sentence_transformers")

WORDS = (
    *("phòng", "trọ", "quận", "một", "hai", "ba", "giá", "rẻ", "gần", "trường", "đại", "học", "có", "gác", "máy"),
    *("lạnh", "ban", "công", "yên", "tĩnh", "a", "b", "c", "d", "e"),
)
OWN = {"query": "gần ", "document": ""}


@dataclass(frozen=True)
class Scene:
    """A model, the data, and the means to encode it otherwise, with sentence-transformers alone."""

    folder: Path
    model: Path
    data: Path
    queries: tuple[str, ...]
    documents: tuple[str, ...]

    def library(self, *, pooling: str = "mean", dtype: str = "float32", tail: Sequence[Any] | None = None) -> Any:
        """The model in sentence-transformers, with other parts."""
        from sentence_transformers import SentenceTransformer
        from sentence_transformers.sentence_transformer.modules import Pooling, Transformer

        transformer = Transformer(str(self.folder / "base"), model_kwargs={"dtype": getattr(torch, dtype)})
        own = SentenceTransformer(str(self.model), device="cpu")
        modules = [*own][2:] if tail is None else tail
        return SentenceTransformer(modules=[transformer, Pooling(32, pooling_mode=pooling), *modules], device="cpu")

    def vectors(self, made: Any, query_prompt: str = "gần ", document_prompt: str = "") -> dict[str, np.ndarray]:
        """Vectors of every text, as a table."""
        rows = [
            made.encode([text], prompt=prompt, convert_to_tensor=True)[0].float().cpu().numpy()
            for texts, prompt in ((self.queries, query_prompt), (self.documents, document_prompt))
            for text in texts
        ]
        return {"texts": np.array([*self.queries, *self.documents]), "vectors": np.stack(rows)}


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Scene:
    """12 queries and 12 documents, some of more than 32 tokens; a model with a head and a prompt before queries."""
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer.modules import Dense, Pooling, Transformer

    folder = tmp_path_factory.mktemp("parity")
    generator = np.random.default_rng(0)
    queries = tuple(f"{' '.join(generator.choice(WORDS, 4))} {n}" for n in range(12))
    documents = tuple(f"{' '.join(generator.choice(WORDS, 45 if n % 3 == 0 else 8))} {n}" for n in range(12))
    rows = [{"query": q, "pos": d, "hard_neg": []} for q, d in zip(queries, documents, strict=True)]
    (folder / "data.json").write_text(json.dumps(rows), encoding="utf-8")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        base = write_tiny(folder / "base", 32)
    for weights in base.model.parameters():
        weights.data *= 6 if weights.dim() == 2 else 1  # tokens that as yet hardly see one another would hide a prompt
    base.model.save_pretrained(folder / "base")
    torch.manual_seed(1)
    modules = [Transformer(str(folder / "base")), Pooling(32), Dense(32, 16, activation_function=torch.nn.Identity())]
    SentenceTransformer(modules=modules, prompts=OWN, device="cpu").save(str(folder / "model"))
    return Scene(folder, folder / "model", folder / "data.json", queries, documents)


def compared(scene: Scene, served: Path | str, *, model: Path | None = None, **options: Any) -> Parity:
    own = {name: options.pop(name) for name in list(options) if name in ("texts", "tolerance") or "served" in name}
    settings = Settings.of(data=scene.data, device="cpu", **options)
    return compare_served(settings, ParitySettings(measured=str(model or scene.model), served=str(served), **own))


def written(tmp_path: Path, table: dict[str, np.ndarray]) -> Path:
    np.savez(tmp_path / "served.npz", **table)  # type: ignore[arg-type]
    return tmp_path / "served.npz"


# --- the same -----------------------------------------------------------------------------------------------------


def test_a_model_and_what_sentence_transformers_makes_of_it_are_the_same(scene: Scene, tmp_path: Path) -> None:
    found = compared(scene, written(tmp_path, scene.vectors(scene.library())))
    assert found.outcome is ParityOutcome.SAME
    assert {role: (row.n, row.n_same) for role, row in found.cosines.items()} == {
        "query": (12, 12),
        "document": (12, 12),
    }
    assert all(1 - row.min < 1e-10 for row in found.cosines.values())
    assert (found.ranks.top_1, found.ranks.top_k, found.ranks.n_with_relevant) == (1, 1, 12)
    assert found.ranks.kendall > 0.99
    assert found.ranks.mrr["model"] == pytest.approx(found.ranks.mrr["served"])
    assert (found.first, found.worst, found.cause, found.n_tried, found.notes) == (None, None, None, 0, ())


def test_an_endpoint_that_serves_the_model_is_the_same(scene: Scene) -> None:
    with serving(Loopback(encode=encoding(scene, scene.library()))) as server:
        found = compared(scene, server.address, served_query_prompt="gần ")
        assert found.outcome is ParityOutcome.SAME
        assert (found.served.layout, found.cause) == ("endpoint", None)
        assert compared(scene, f"{server.address}#tiny", model=server.address).outcome is ParityOutcome.SAME


def test_the_same_model_on_onnx_is_the_same(scene: Scene) -> None:
    pytest.importorskip("onnxruntime")
    pytest.importorskip("onnx")
    assert compared(scene, scene.model, served_backend="onnx").outcome is ParityOutcome.SAME


def encoding(scene: Scene, made: Any, *, is_unit: bool = False) -> Encode:
    """What an endpoint does that serves ``made``: no prompt, as the texts come."""
    lock = Lock()

    def encode(texts: Sequence[str]) -> np.ndarray:
        with lock:
            vectors: np.ndarray = made.encode(list(texts), prompt="", normalize_embeddings=is_unit)
        return vectors

    return encode


# --- what is planted is found -------------------------------------------------------------------------------------

Plant = Callable[[Scene], dict[str, np.ndarray]]


def _first(table: dict[str, np.ndarray], n: int) -> dict[str, np.ndarray]:
    return {**table, "vectors": table["vectors"][:, :n]}


def _truncated(scene: Scene, n: int) -> dict[str, np.ndarray]:
    made = scene.library()
    made.max_seq_length = n
    return scene.vectors(made)


PLANTED: dict[str, tuple[Plant, tuple[str, ...], tuple[str, ...]]] = {
    "no prompt": (
        lambda s: s.vectors(s.library(), query_prompt=""),
        ("no prompt before a query",),
        ("--query-prompt ''",),
    ),
    "the prompt of queries before documents": (
        lambda s: s.vectors(s.library(), document_prompt="gần "),
        ("the prompt 'gần ' before each document",),
        ("--document-prompt 'gần '",),
    ),
    "pooling": (lambda s: s.vectors(s.library(pooling="cls")), ("cls pooling",), ("--pooling cls",)),
    "pooling and prompt": (
        lambda s: s.vectors(s.library(pooling="cls"), query_prompt=""),
        ("cls pooling", "no prompt before a query"),
        ("--pooling cls", "--query-prompt ''"),
    ),
    "truncation": (lambda s: _truncated(s, 32), ("texts cut to 32 tokens",), ("--max-length 32",)),
    "no head": (lambda s: s.vectors(s.library(tail=[])), ("the pooled vectors, without the head",), ()),
    "the default activation": (
        lambda s: s.vectors(s.library(tail=_head_with(s, torch.nn.Tanh()))),
        ("Tanh as the activation of layer 1 of the head",),
        (),
    ),
    "fewer dimensions": (
        lambda s: _first(s.vectors(s.library()), 8),
        ("the first 8 numbers of each vector",),
        (),
    ),
}


def _head_with(scene: Scene, activation: Any) -> list[Any]:
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer.modules import Dense

    own = SentenceTransformer(str(scene.model), device="cpu")[2]
    made = Dense(32, 16, activation_function=activation)
    made.linear.load_state_dict(own.linear.state_dict())
    return [made]


@pytest.mark.parametrize("planted", PLANTED.values(), ids=list(PLANTED))
def test_what_is_planted_is_found_by_trying(
    planted: tuple[Plant, tuple[str, ...], tuple[str, ...]], scene: Scene, tmp_path: Path
) -> None:
    plant, changes, options = planted
    found = compared(scene, written(tmp_path, plant(scene)))
    assert found.outcome is ParityOutcome.DIFFERENT
    assert found.cause is not None
    assert sorted(found.cause.changes) == sorted(changes)
    assert sorted(found.cause.options) == sorted(options)
    assert found.cause.evidence is Evidence.REPRODUCED
    assert found.cause.side == "MODEL"


def test_an_endpoint_that_leaves_the_prompt_out_is_found_and_said(
    scene: Scene, capsys: pytest.CaptureFixture[str]
) -> None:
    with serving(Loopback(encode=encoding(scene, scene.library()))) as server:
        found = compared(scene, server.address)
        assert found.cause is not None
        assert (found.cause.side, found.cause.changes) == ("MODEL", ("no prompt before a query",))
        assert found.cause.evidence is Evidence.REPRODUCED
        assert len([note for note in found.notes if "the prompt 'gần ' before each query is missing" in note]) == 1
        words = ["parity", str(scene.model), server.address, "--model", "tiny", "--data", str(scene.data)]
        assert cli.main(words) == 3
        assert "What is served is not what was measured" in " ".join(capsys.readouterr().out.split())
        assert cli.main([*words, "--served-query-prompt", "gần "]) == 0
        assert cli.main([*words, "--served-pooling", "cls"]) == 2
        assert cli.main([words[0], words[1], words[1], *words[3:]]) == 2


@pytest.mark.parametrize("cut", ["texts", "vectors"])
def test_an_endpoint_that_cuts_texts_or_normalises_is_found(cut: str, scene: Scene) -> None:
    made = scene.library()
    if cut == "texts":
        made.max_seq_length = 32
    serve = Loopback(encode=encoding(scene, made, is_unit=cut == "vectors"))
    with serving(serve) as server:
        found = compared(scene, server.address, served_query_prompt="gần ", similarity="dot")
    assert found.cause is not None
    planted = {"texts": "texts cut to 32 tokens", "vectors": "its vectors normalised"}
    assert (found.cause.side, found.cause.changes) == ("MODEL", (planted[cut],))


def test_an_endpoint_in_the_place_of_model_leaves_the_trying_to_served(scene: Scene) -> None:
    with serving(Loopback(encode=encoding(scene, scene.library(pooling="cls")))) as server:
        found = compared(scene, scene.model, model=server.address, query_prompt="gần ")  # type: ignore[arg-type]
    assert found.cause is not None
    assert (found.cause.side, found.cause.changes) == ("SERVED", ("cls pooling",))


def test_the_prompts_that_served_states_are_tried_too(scene: Scene, tmp_path: Path) -> None:
    from sentence_transformers import SentenceTransformer

    served = SentenceTransformer(str(scene.model), device="cpu")
    served.prompts = {"query": "a b ", "document": "ban công "}
    served.save(str(tmp_path / "served"))
    found = compared(scene, tmp_path / "served")
    assert found.cause is not None
    assert found.cause.evidence is Evidence.REPRODUCED
    assert set(found.cause.options) == {"--query-prompt 'a b '", "--document-prompt 'ban công '"}


def test_the_number_format_of_the_encoder_is_a_cause(scene: Scene, tmp_path: Path) -> None:
    table = scene.vectors(scene.library(dtype="bfloat16", tail=[]), query_prompt="")
    found = compared(scene, written(tmp_path, table), model=scene.folder / "base", pooling="mean")
    assert found.cause is not None
    assert (found.cause.changes, found.cause.evidence) == (("the number format bfloat16",), Evidence.MAGNITUDE)


def test_differences_of_the_size_of_rounding_are_called_that(
    scene: Scene, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    table = scene.vectors(scene.library())
    step = np.abs(table["vectors"]).max() / 127
    table["vectors"] = step * np.round(table["vectors"] / step)
    words = ["parity", str(scene.model), str(written(tmp_path, table)), "--data", str(scene.data), "--device", "cpu"]
    assert cli.main(words) == 3
    assert "the likely cause is rounding" in " ".join(capsys.readouterr().out.split())


@pytest.mark.parametrize("tolerance", [1e-6, 1e-12])
def test_half_precision_is_within_the_tolerance_unless_a_smaller_one_is_asked_for(
    tolerance: float, scene: Scene
) -> None:
    found = compared(scene, scene.model, served_precision="float16", tolerance=tolerance)
    assert (found.outcome is ParityOutcome.SAME) == (tolerance == 1e-6)
    if tolerance < 1e-6:
        assert found.cause is not None
        assert found.cause.changes == ("the number format float16",)
        assert found.cause.evidence is Evidence.REPRODUCED


def test_a_model_of_other_weights_has_no_cause(scene: Scene, tmp_path: Path) -> None:
    table = scene.vectors(scene.library())
    table["vectors"] = np.random.default_rng(1).standard_normal(table["vectors"].shape).astype(np.float32)
    found = compared(scene, written(tmp_path, table))
    assert (found.outcome, found.cause) == (ParityOutcome.DIFFERENT, None)
    assert found.n_tried > 10


def test_the_side_that_is_a_model_is_varied(scene: Scene, tmp_path: Path) -> None:
    file = written(tmp_path, scene.vectors(scene.library(pooling="cls")))
    found = compared(scene, scene.model, model=file)
    assert found.cause is not None
    assert (found.cause.side, found.cause.changes) == ("SERVED", ("cls pooling",))
    both = compared(scene, file, model=file)
    assert (both.outcome, both.n_tried) == (ParityOutcome.SAME, 0)


def test_the_first_and_the_worst_text_that_differ_are_named_with_their_role(scene: Scene, tmp_path: Path) -> None:
    table = scene.vectors(scene.library())
    table["vectors"][5] += 0.1 * np.abs(table["vectors"][5]).max()  # a query
    table["vectors"][14] *= -1  # a document
    found = compared(scene, written(tmp_path, table))
    assert found.first is not None
    assert (found.first.role, found.first.text) == ("query", scene.queries[5])
    assert found.worst is not None
    assert (found.worst.role, found.worst.text) == ("document", scene.documents[2])
    assert found.worst.cosine == pytest.approx(-1)
    assert found.cosines["query"].n_same == found.cosines["document"].n_same == 11


# --- norms, widths, similarity ------------------------------------------------------------------------------------


def test_normalisation_changes_no_cosine_and_every_dot_product(scene: Scene, tmp_path: Path) -> None:
    table = scene.vectors(scene.library())
    table["vectors"] /= np.linalg.norm(table["vectors"], axis=1, keepdims=True)
    file = written(tmp_path, table)
    found = compared(scene, file)
    assert found.outcome is ParityOutcome.SAME
    assert "SERVED normalises its vectors and the other does not, which changes no cosine" in found.notes[0]
    assert found.norms.served == pytest.approx((1, 1), abs=1e-6)
    dot = compared(scene, file, similarity="dot")
    assert dot.outcome is ParityOutcome.DIFFERENT
    assert "which changes every dot product" in dot.notes[0]
    assert dot.cause is not None
    assert (dot.cause.side, dot.cause.changes) == ("MODEL", ("its vectors normalised",))


def test_vectors_of_unequal_width_are_compared_by_ranks_alone(scene: Scene, tmp_path: Path) -> None:
    table = _first(scene.vectors(scene.library()), 8)
    found = compared(scene, written(tmp_path, table))
    assert found.cosines == {}
    assert "only ranks are compared" in found.notes[0]
    assert 0 <= found.ranks.top_k <= 1


# --- the numbers --------------------------------------------------------------------------------------------------


def test_the_distance_of_directions_keeps_what_one_minus_the_cosine_loses() -> None:
    angle = 1e-6
    one = np.array([[3.0, 0.0]], dtype=np.float64)
    other = 5 * np.array([[np.cos(angle), np.sin(angle)]])
    np.testing.assert_allclose(directions_apart(one, other), angle**2 / 2, rtol=1e-6)  # type: ignore[arg-type]


def test_ranks_are_those_of_each_side_in_its_own_space(scene: Scene) -> None:
    sample = sample_texts(read_collection(scene.data), 24, np.random.default_rng(0))
    eye = np.eye(12, dtype=np.float32)
    relevant = np.array([sample.relevant[sample.indptr[q]] for q in range(12)])
    right = Vectors(eye, eye[np.argsort(relevant)])
    wide = Vectors(*(np.pad(rows, ((0, 0), (0, 3))) for rows in (right.queries, right.documents)))
    found = ranks_of(sample, right, wide, "cosine")
    assert (found.top_1, found.top_k, found.k) == (1, 1, 10)
    assert found.kendall == pytest.approx(1)
    assert found.mrr == pytest.approx({"model": 1, "served": 1})
    turned = Vectors(right.queries, np.roll(right.documents, 1, axis=0))
    assert ranks_of(sample, right, turned, "cosine").top_1 == 0


def test_a_sample_is_seeded_and_holds_what_is_relevant_first(scene: Scene) -> None:
    collection = read_collection(scene.data)
    one, again, other = (sample_texts(collection, 10, np.random.default_rng(seed)) for seed in (1, 1, 2))
    assert (one.queries, one.documents) == (again.queries, again.documents)
    assert one.queries != other.queries
    assert len(one.queries) == len(one.documents) == 5
    assert [one.documents[d] for d in one.relevant] == [scene.documents[scene.queries.index(q)] for q in one.queries]


# --- the command --------------------------------------------------------------------------------------------------


def test_the_command_prints_and_writes_the_outcome_and_ends_with_its_status(
    scene: Scene, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = written(tmp_path, scene.vectors(scene.library(), query_prompt=""))
    words = ["parity", str(scene.model), str(file), "--data", str(scene.data), "--device", "cpu"]
    output = tmp_path / "out"
    assert cli.main([*words, "--output", str(output)]) == 3
    said = " ".join(capsys.readouterr().out.split())
    assert "DIFFERENT: MODEL with no prompt before a query gives the vectors of SERVED (--query-prompt '')" in said
    report = json.loads((output / "parity.json").read_text(encoding="utf-8"))
    assert (report["schema_version"], report["outcome"]) == (1, "different")
    assert report["cause"]["options"] == ["--query-prompt ''"]
    assert {"model", "served"} <= json.loads((output / "manifest.json").read_text())["inputs"].keys()
    assert cli.main([*words, "--query-prompt", "", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["outcome"] == "same"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["{file}", "{model}", "--query-prompt", "x: "], "--query-prompt would change nothing: MODEL is a file"),
        (["{model}", "{file}", "--served-pooling", "cls"], "--served-pooling would change nothing: SERVED is a file"),
        (["{base}", "{model}"], "pass --pooling cls, mean or last"),
        (["{model}", "{base}"], "pass --served-pooling cls, mean or last"),
        (["{model}", "{model}", "--texts", "2"], "expected 4 or more"),
        (["{model}", "nowhere.npz"], "There is no checkpoint 'nowhere.npz'"),
        (["{model}", "{few}"], "lacks"),
    ],
)
def test_what_cannot_be_compared_is_refused(
    words: Sequence[str], said: str, scene: Scene, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    table = scene.vectors(scene.library())
    file = written(tmp_path, table)
    np.savez(tmp_path / "few.npz", texts=table["texts"][:3], vectors=table["vectors"][:3])
    places = {"file": file, "few": tmp_path / "few.npz", "model": scene.model, "base": scene.folder / "base"}
    try:
        status = cli.main(["parity", *(word.format(**places) for word in words), "--data", str(scene.data)])
    except SystemExit as error:  # of argparse
        status = error.code  # type: ignore[assignment]
    assert status == 2
    assert said in " ".join(capsys.readouterr().err.split())
