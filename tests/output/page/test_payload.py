"""The payload of the page: complete, compact, without NaN, and the same as the golden one."""

from __future__ import annotations

import base64
import itertools
import json
import zlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from tests.support import tiny_run as tiny

from embedscope import __version__
from embedscope.output.page import packing
from embedscope.output.page import payload as page
from embedscope.protocols import Role
from embedscope.result import Deletion, Result, Theme

DTYPES = {"uint8": np.uint8, "int32": np.int32, "float32": np.float32}


def numbers(column: dict[str, Any]) -> np.ndarray:
    content = base64.b64decode(column["data"])
    plain = zlib.decompress(content) if column["encoding"] == "deflate" else content
    return np.frombuffer(plain, DTYPES[column["dtype"]]).reshape(column["shape"])


def texts(column: dict[str, Any]) -> list[str]:
    listed = json.loads(zlib.decompress(base64.b64decode(column["data"])))
    assert len(listed) == column["n"]
    return listed


def unpacked(value: Any) -> Any:
    """The payload with its columns as plain lists, so that two compressors of one text compare as equal."""
    if isinstance(value, dict) and {"dtype", "shape", "data"} <= value.keys():
        listed = [None if item != item else item for item in numbers(value).ravel().tolist()]
        return value["dtype"], value["shape"], listed
    if isinstance(value, dict) and value.keys() == {"n", "data"}:
        return texts(value)
    if isinstance(value, dict):
        return {key: unpacked(item) for key, item in value.items()}
    return [unpacked(item) for item in value] if isinstance(value, list) else value


@pytest.mark.parametrize("name", tiny.GOLDEN_PAYLOADS)
def test_the_payloads_of_the_tiny_runs_are_the_golden_ones(name: str) -> None:
    golden = json.loads((tiny.GOLDEN / f"{name}.json").read_text(encoding="utf-8"))
    golden["report"]["embedscope_version"] = __version__
    assert unpacked(json.loads(page.to_json(tiny.GOLDEN_PAYLOADS[name]()))) == unpacked(golden)


def test_only_documents_that_the_page_can_show_are_in_it() -> None:
    found = tiny.result()
    extra = 50
    documents = replace(
        found.documents,
        ids=tuple(f"x{i}" for i in range(extra)) + found.documents.ids,
        texts=("never shown",) * extra + found.documents.texts,
        n_relevant_to=np.concatenate([np.zeros(extra, int), found.documents.n_relevant_to]),
        n_negative_of=np.concatenate([np.zeros(extra, int), found.documents.n_negative_of]),
    )
    q = found.queries
    assert found.points is not None
    assert found.heatmap is not None
    is_query = np.array([role is Role.QUERY for role in found.points.roles])
    shifted = replace(
        found,
        documents=documents,
        queries=replace(
            q,
            wrong_document=np.where(q.wrong_document < 0, -1, q.wrong_document + extra),
            top_documents=q.top_documents + extra,
            relevant_documents=q.relevant_documents + extra,
            negative_documents=q.negative_documents + extra,
        ),
        points=replace(found.points, rows=np.where(is_query, found.points.rows, found.points.rows + extra)),
        heatmap=replace(found.heatmap, documents=found.heatmap.documents + extra),
    )
    hubs = found.geometry
    assert hubs is not None
    spaces = {
        name: replace(space, hubness=replace(space.hubness, hubs=space.hubness.hubs + extra))
        for name, space in hubs.spaces.items()
    }
    moved = tuple(replace(d, documents=tuple(i + extra for i in d.documents)) for d in found.findings)
    explanations = found.explanations
    assert explanations is not None
    failures = tuple(replace(e, right=e.right + extra, wrong=e.wrong + extra) for e in explanations.failures)
    shifted = replace(
        shifted,
        geometry=replace(hubs, spaces=spaces),
        findings=moved,
        explanations=replace(explanations, failures=failures),
    )
    assert unpacked(tiny.payload(shifted)) == unpacked(tiny.payload())


def test_a_negative_without_a_type_has_the_name_under_which_it_was_counted() -> None:
    made = tiny.payload()
    indptr, types = numbers(made["queries"]["negative_type_indptr"]), numbers(made["queries"]["negative_types"])
    named = [[made["types"][t] for t in types[a:b]] for a, b in itertools.pairwise(indptr)]
    assert named == [["price"], ["location", "price"], ["price"], ["untyped"]]


def test_a_missing_document_stays_missing() -> None:
    assert numbers(tiny.payload()["queries"]["wrong_document"]).tolist() == [2, 3, 4, -1]


def test_a_document_that_the_data_set_does_not_have_keeps_its_rank_on_the_page() -> None:
    found = tiny.result()
    top, scores = found.queries.top_documents.copy(), found.queries.top_scores.copy()
    top[0, 0] = top[1, 2] = -1
    scores[1, 2] = np.nan  # the end of a list
    made = tiny.payload(replace(found, queries=replace(found.queries, top_documents=top, top_scores=scores)))
    n = made["documents"]["n"]
    assert n == tiny.payload()["documents"]["n"] + 1
    assert texts(made["documents"]["texts"])[-1] == "(a document that the data set does not have)"
    assert numbers(made["documents"]["n_relevant_to"]).shape == (n,)
    shown = numbers(made["queries"]["top_documents"]).reshape(top.shape)
    assert shown[0].tolist() == [n - 1, 2, 1]
    assert shown[1].tolist() == [3, 2, -1]


def test_a_run_without_maps_and_heatmap_has_neither() -> None:
    bare = replace(tiny.result(), points=None, maps={}, heatmap=None)
    made = tiny.payload(bare)
    assert made["points"] is None
    assert made["heatmap"] is None
    assert made["documents"]["n"] == 6


def many_points(n: int, n_failing: int) -> Any:
    """Findings with ``n`` points: half queries, of which the last ``n_failing`` fail, half documents."""
    found = tiny.result()
    n_queries = n // 2
    assert found.points is not None
    q = {name: np.resize(getattr(found.queries, name), n_queries) for name in (
        "clusters", "n_relevant", "rank", "n_tied", "positive_similarity", "negative_similarity", "margin", "gap",
        "wrong_document", "wrong_similarity")}  # fmt: skip
    queries = replace(
        found.queries,
        **q,
        ids=tuple(f"q{i}" for i in range(n_queries)),
        texts=("text",) * n_queries,
        wrong_type=("",) * n_queries,
        is_correct=np.arange(n_queries) < n_queries - n_failing,
        top_documents=np.zeros((n_queries, 3), int),
        top_scores=np.zeros((n_queries, 3), np.float32),
        top_is_relevant=np.zeros((n_queries, 3), bool),
        relevant_indptr=np.arange(n_queries + 1),
        relevant_documents=np.arange(n_queries),
        relevant_scores=np.zeros(n_queries),
        negative_indptr=np.zeros(n_queries + 1, int),
        negative_documents=np.zeros(0, int),
        negative_scores=np.zeros(0),
        negative_weights=np.zeros(0),
        negative_types=(),
        metadata={},
    )
    documents = replace(
        found.documents,
        ids=tuple(f"d{i}" for i in range(n_queries)),
        texts=("text",) * n_queries,
        n_relevant_to=np.ones(n_queries, int),
        n_negative_of=np.zeros(n_queries, int),
    )
    rows = np.arange(n_queries)
    points = replace(
        found.points,
        roles=(Role.QUERY,) * n_queries + (Role.POSITIVE,) * n_queries,
        rows=np.concatenate([rows, rows]),
        link_queries=rows,
        link_documents=n_queries + rows,
        link_is_correct=queries.is_correct,
        n_left_out=0,
        themes=rows[:0],
    )
    layout = replace(found.maps["tsne"], xy=np.zeros((n, 2), np.float32), kept=np.ones(n, np.float32))
    stripped = replace(found, explanations=None, themes=())
    return replace(stripped, queries=queries, documents=documents, points=points, maps={"tsne": layout})


def test_above_the_budget_every_failing_query_is_kept_and_the_rest_is_counted() -> None:
    made = tiny.payload(many_points(1_000, 40), point_budget=300)["points"]
    roles, rows = numbers(made["roles"]), numbers(made["rows"])
    assert set(range(460, 500)) <= set(rows[roles == 0].tolist())
    assert 290 <= made["n"] <= 300
    assert made["n"] + made["n_left_out"] == 1_000


def test_above_the_budget_both_roles_keep_the_same_share() -> None:
    roles = numbers(tiny.payload(many_points(1_000, 40), point_budget=300)["points"]["roles"])
    assert abs(int((roles == 0).sum()) - int((roles == 1).sum())) <= 2


def test_above_the_budget_links_join_points_that_are_drawn() -> None:
    made = tiny.payload(many_points(1_000, 40), point_budget=300)["points"]
    rows, roles = numbers(made["rows"]), numbers(made["roles"])
    queries, documents = numbers(made["link_queries"]), numbers(made["link_documents"])
    assert len(queries) >= 40
    assert (roles[queries] == 0).all()
    assert (roles[documents] == 1).all()
    assert (rows[queries] == rows[documents]).all()


def test_failing_queries_are_kept_even_above_the_budget() -> None:
    made = tiny.payload(many_points(1_000, 400), point_budget=100)["points"]
    assert made["n"] == 400


def test_500_queries_with_10_documents_each_stay_under_2_megabytes() -> None:
    rng = np.random.default_rng(0)
    words = np.array(["phòng", "trọ", "quận", "gác", "chợ", "nhà", "tầng", "giá", *(f"w{i}" for i in range(500))])
    found = many_points(5_500, 100)
    n_queries, n_documents = 500, 5_000
    q = found.queries
    assert found.points is not None
    sizes = rng.integers(30, 60, n_documents)
    small = replace(
        found,
        queries=replace(
            q,
            **{name: getattr(q, name)[:n_queries] for name in (
                "ids", "texts", "clusters", "n_relevant", "rank", "n_tied", "positive_similarity", "gap", "is_correct",
                "negative_similarity", "margin", "wrong_document", "wrong_similarity", "wrong_type")},
            top_documents=rng.integers(0, n_documents, (n_queries, 10)),
            top_scores=rng.random((n_queries, 10), np.float32),
            top_is_relevant=rng.random((n_queries, 10)) < 0.1,
            relevant_indptr=np.arange(n_queries + 1),
            relevant_documents=np.arange(n_queries),
            relevant_scores=rng.random(n_queries),
            negative_indptr=np.arange(n_queries + 1) * 9,
            negative_documents=rng.integers(0, n_documents, n_queries * 9),
            negative_scores=rng.random(n_queries * 9),
            negative_weights=rng.random(n_queries * 9),
            negative_types=(("location",),) * (n_queries * 9),
        ),
        documents=replace(
            found.documents,
            ids=tuple(f"d{i}" for i in range(n_documents)),
            texts=tuple(" ".join(rng.choice(words, size)) for size in sizes),
            n_relevant_to=np.zeros(n_documents, int),
            n_negative_of=np.zeros(n_documents, int),
        ),
        points=replace(
            found.points,
            roles=(Role.QUERY,) * n_queries + (Role.DOCUMENT,) * n_documents,
            rows=np.concatenate([np.arange(n_queries), np.arange(n_documents)]),
            link_queries=np.arange(n_queries),
            link_documents=n_queries + np.arange(n_queries),
            link_is_correct=q.is_correct[:n_queries],
        ),
        maps={name: replace(found.maps["tsne"], name=name, xy=rng.random((5_500, 2), np.float32),
                            kept=rng.random(5_500, np.float32)) for name in ("tsne", "umap")},
    )  # fmt: skip
    assert len(page.to_json(tiny.payload(small))) < 1_900_000  # the program takes 0.12 MB


def explained(texts: tuple[str, str, str], deletions: tuple[Deletion, ...]) -> Result:
    """The tiny run with other texts and other deletions of its one failure."""
    found, made = tiny.result(), tiny.explanations()
    query, right, wrong = texts
    q, d = list(found.queries.texts), list(found.documents.texts)
    q[1], d[1], d[3] = query, right, wrong
    return replace(
        found,
        queries=replace(found.queries, texts=tuple(q)),
        documents=replace(found.documents, texts=tuple(d)),
        explanations=replace(made, failures=(replace(made.failures[0], deletions=deletions),)),
    )


@given(st.tuples(st.text(max_size=8), st.text(max_size=8), st.text(max_size=8)))
@example(("🏠 x\u0302 nhỏ", "👨\u200d👩\u200d👧 ở \ud800", "\U00020000字 a"))
def test_places_in_texts_count_utf16_code_units(shown: tuple[str, str, str]) -> None:
    spans = [
        (role, start, end)
        for role, text in zip(page.TEXT_ROLES, shown, strict=True)
        for start, end in itertools.combinations(range(len(text) + 1), 2)
    ]
    deletions = tuple(Deletion(role, start, end, 0.1, puts_right_first=False) for role, start, end in spans)
    made = tiny.payload(explained(shown, deletions))["explanations"]
    units = [text.encode("utf-16-le", "surrogatepass") for text in shown]
    rows = zip(numbers(made["role"]), numbers(made["start"]), numbers(made["end"]), strict=True)
    cut = [units[role][2 * start : 2 * end].decode("utf-16-le", "surrogatepass") for role, start, end in rows]
    assert cut == [shown[page.TEXT_ROLES.index(role)][start:end] for role, start, end in spans]


def test_100_explained_failures_of_300_words_each_add_less_than_300_kilobytes() -> None:
    rng = np.random.default_rng(0)
    text = " ".join("w" * n for n in rng.integers(1, 10, 150))
    ends = np.array([i for i, character in enumerate(f"{text} ") if character == " "])
    starts = np.concatenate([[0], ends[:-1] + 1])
    changes = rng.normal(0, 0.01, (100, 300))
    spans = [(role, int(a), int(b)) for role in page.TEXT_ROLES[1:] for a, b in zip(starts, ends, strict=True)]
    found, made = explained(("a query", text, text), ()), tiny.explanations()
    failures = tuple(
        replace(
            made.failures[0],
            deletions=tuple(
                Deletion(*span, float(change), puts_right_first=bool(change > 0.02))
                for span, change in zip(spans, own, strict=True)
            ),
        )
        for own in changes
    )
    many = replace(found, explanations=replace(made, failures=failures))
    bare = replace(found, explanations=None)
    added = len(page.to_json(tiny.payload(many))) - len(page.to_json(tiny.payload(bare)))
    assert added < 300_000


def test_an_explained_failure_without_deletions_has_none_on_the_page() -> None:
    made = tiny.payload(explained(("a", "b", "c"), ()))["explanations"]
    assert numbers(made["indptr"]).tolist() == [0, 0]
    assert numbers(made["start"]).tolist() == []


@given(hnp.arrays(np.float32, hnp.array_shapes(max_dims=2, max_side=20)))
def test_floats_survive_but_for_those_that_are_not_finite(values: np.ndarray) -> None:
    back = numbers(packing.number_column(values, "float32"))
    expected = np.where(np.isfinite(values), values, np.nan)
    np.testing.assert_array_equal(back, expected)


@given(st.lists(st.text()))
def test_every_text_survives(listed: list[str]) -> None:
    assert texts(packing.text_column(listed)) == listed


@given(st.lists(st.text(st.sampled_from('\\"u\udc80dc80'), max_size=12)))
def test_half_a_surrogate_pair_survives_whatever_backslash_stands_before_it(listed: list[str]) -> None:
    assert texts(packing.text_column(listed)) == listed


def test_a_column_is_deflated_only_where_that_pays() -> None:
    assert packing.number_column(np.zeros(1_000), "float32")["encoding"] == "deflate"
    assert packing.number_column(np.random.default_rng(0).random(1_000), "float32")["encoding"] == "plain"


def test_a_number_that_json_does_not_have_is_refused() -> None:
    with pytest.raises(ValueError, match="JSON"):
        page.to_json({"value": float("nan")})


def test_names_of_themes_stand_at_points_that_the_page_draws() -> None:
    found = many_points(1_000, 40)
    themes = (Theme("one", 0, 9, 9, {"tsne": 777}), Theme("two", 0, 9, 9, {}), Theme("three", 1, 9, 9, {"tsne": 123}))
    points = replace(found.points, themes=np.arange(1_000) % 2)
    result = replace(found, themes=themes, points=points)
    made = tiny.payload(result, point_budget=300)["points"]
    drawn = page.drawn_points(result, 300)
    (layout,) = made["maps"]
    assert numbers(layout["label_themes"]).tolist() == [0, 2]
    assert drawn[numbers(layout["label_points"])].tolist() == [777, 123]
    np.testing.assert_array_equal(numbers(made["themes"]), drawn % 2)


@pytest.mark.parametrize(
    ("values", "is_shown"),
    [
        ([f"{i / 7:.3f}" for i in range(60)], True),
        ([str(i // 2) for i in range(60)], True),
        ([str(i) for i in range(60)], False),  # an identifier
        ([f"v{i}" for i in range(60)], False),
        ([*(f"{i / 7:.3f}" for i in range(59)), "nan"], False),
        ([*(f"{i / 7:.3f}" for i in range(59)), "1e999"], False),
        ([*(f"{i / 7:.3f}" for i in range(59)), None], True),
    ],
)
def test_a_column_of_many_values_is_in_it_where_they_are_a_scale(values: list[str | None], is_shown: bool) -> None:
    found = many_points(120, 5)
    n = len(found.queries.ids)
    result = replace(found, queries=replace(found.queries, metadata={"size": tuple((values * 2)[:n])}))
    stated = tiny.payload(result)["queries"].get("stated", [])
    assert ["size"] * is_shown == [each["name"] for each in stated]


def test_columns_of_the_data_file_are_in_it_where_they_have_few_values() -> None:
    found = tiny.result()
    metadata = {"id": ("a", "b", "c", "d"), "channel": ("web", "app", None, "app"), "same": ("x",) * 4}
    result = replace(found, queries=replace(found.queries, metadata=metadata, groups=("g", "g", "h", None)))
    columns = page.page_payload(result)["queries"]["stated"]
    stated = {each["name"]: (texts(each["values"]), numbers(each["of"]).tolist()) for each in columns}
    assert stated == {
        "group": (["g", "h"], [0, 0, 1, -1]),
        "id": (["a", "b", "c", "d"], [0, 1, 2, 3]),
        "channel": (["app", "web"], [1, 0, -1, 0]),
    }


def test_the_page_knows_the_text_that_stands_for_documents_of_a_run_without_one() -> None:
    contract = Path(__file__).parents[3] / "web" / "src" / "contract.ts"
    assert f"'{page.FOREIGN_TEXT}'" in contract.read_text(encoding="utf-8")
