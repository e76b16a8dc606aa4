"""The nearest documents of the examples, by their artists."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from tests.support.drawn_runs import HOSTILE, TOPICS, make_findings

from embedscope.errors import InvalidOptionError
from embedscope.output.pictures import draw_top_k, style
from embedscope.result import Example, ExampleKind, Result


def bars(figure: Figure, panel: int = 0) -> list[Rectangle]:
    return [patch for patch in figure.axes[panel].patches if (patch.get_gid() or "").startswith("bar")]


def texts(figure: Figure, gid: str, panel: int = 0) -> list[str]:
    return [text.get_text() for text in figure.axes[panel].texts if text.get_gid() == gid]


def heads(figure: Figure, gid: str) -> list[str]:
    return [text.get_text() for text in figure.texts if text.get_gid() == gid]


def of_query(result: Result, query: int, kind: ExampleKind = ExampleKind.ASKED) -> Result:
    return replace(result, examples=(Example(query, kind),))


def right_query(result: Result) -> int:
    return int(np.flatnonzero(result.queries.rank == 1)[0])


def failed_query(result: Result) -> int:
    return int(np.argmax(result.queries.rank))


def test_a_bar_for_each_of_the_ten_nearest_as_long_as_its_similarity() -> None:
    result = make_findings(60)
    query = right_query(result)
    figure = draw_top_k(of_query(result, query))
    np.testing.assert_allclose([bar.get_width() for bar in bars(figure)], result.queries.top_scores[query])
    assert texts(figure, "score") == [f"{score:.3f}" for score in result.queries.top_scores[query]]
    assert texts(figure, "rank") == [str(rank) for rank in range(1, 11)]


def test_relevant_is_plain_green_with_a_tick_and_wrong_is_hatched_red_with_a_cross() -> None:
    result = make_findings(60)
    query = right_query(result)
    figure = draw_top_k(of_query(result, query))
    for bar, sign, is_relevant in zip(
        bars(figure), texts(figure, "sign"), result.queries.top_is_relevant[query], strict=True
    ):
        assert to_hex(bar.get_edgecolor()) == (style.RIGHT if is_relevant else style.WRONG)
        assert bool(bar.get_hatch()) is not bool(is_relevant)
        assert sign == (style.TICK if is_relevant else style.CROSS)


def test_own_hard_negatives_carry_their_types_in_brackets_and_others_do_not() -> None:
    result = make_findings(60)
    query = right_query(result)
    table = result.queries
    entries = range(table.negative_indptr[query], table.negative_indptr[query + 1])
    types = {table.negative_documents[entry]: f"[{table.negative_types[entry][0]}]" for entry in entries}
    expected = [types.get(document, "") for document in table.top_documents[query]]
    assert texts(draw_top_k(of_query(result, query)), "types") == expected
    assert any(expected)
    assert not all(expected)


def test_a_relevant_document_below_the_ten_follows_at_its_rank() -> None:
    result = make_findings(200, difficulty=1.0)
    query = failed_query(result)
    figure = draw_top_k(of_query(result, query, ExampleKind.WORST_FAILURE))
    rank = f"{result.queries.rank[query]:,.0f}"
    assert result.queries.rank[query] > 10
    assert texts(figure, "rank")[-1] == f"rank {rank}"
    assert bars(figure)[-1].get_gid() == "bar below"
    assert bars(figure)[-1].get_width() == pytest.approx(result.queries.positive_similarity[query])
    assert texts(figure, "sign")[-1] == style.TICK
    assert heads(figure, "example rank") == [f"first relevant document at rank {rank}"]


def test_a_rank_between_two_places_is_shown_with_its_half() -> None:
    result = make_findings(200, difficulty=1.0)
    query = failed_query(result)
    rank = result.queries.rank.copy()
    rank[query] = 57.5
    result = replace(result, queries=replace(result.queries, rank=rank))
    assert texts(draw_top_k(of_query(result, query)), "rank")[-1] == "rank 57.5"


def test_a_query_without_relevant_documents_says_so_and_has_ten_bars() -> None:
    result = make_findings(60)
    table = result.queries
    rank, n_relevant = table.rank.copy(), table.n_relevant.copy()
    rank[0], n_relevant[0] = np.nan, 0
    indptr = np.maximum(np.arange(61) - 1, 0)
    table = replace(
        table,
        rank=rank,
        n_relevant=n_relevant,
        relevant_indptr=indptr,
        relevant_documents=table.relevant_documents[1:],
        relevant_scores=table.relevant_scores[1:],
        top_is_relevant=np.zeros_like(table.top_is_relevant),
    )
    figure = draw_top_k(of_query(replace(result, queries=table), 0))
    assert len(bars(figure)) == 10
    assert heads(figure, "example rank") == ["no relevant document in the data"]


def test_each_example_has_a_panel_headed_by_its_kind_and_its_query() -> None:
    result = make_findings(60, n_examples=4)
    figure = draw_top_k(result)
    assert len(figure.axes) == 4
    assert heads(figure, "example kind") == [example.kind.upper() for example in result.examples]
    assert heads(figure, "example query") == [
        style.shown(result.queries.texts[example.query]) for example in result.examples
    ]


def test_six_examples_are_drawn_and_the_others_counted() -> None:
    result = make_findings(60)
    many = tuple(Example(query, ExampleKind.NEAR_MISS) for query in range(9))
    figure = draw_top_k(replace(result, examples=many))
    assert len(figure.axes) == 6
    assert "3 more examples not drawn" in figure.texts[1].get_text()


def test_all_panels_share_one_scale_that_starts_at_zero() -> None:
    figure = draw_top_k(make_findings(60))
    assert len({axes.get_xlim() for axes in figure.axes}) == 1
    assert figure.axes[0].get_xlim()[0] == 0


def test_negative_similarities_are_drawn_to_the_left_of_zero() -> None:
    result = make_findings(20)
    table = replace(result.queries, top_scores=result.queries.top_scores - 0.9)
    figure = draw_top_k(of_query(replace(result, queries=table), 0))
    assert figure.axes[0].get_xlim()[0] < 0
    assert min(bar.get_width() for bar in bars(figure)) < 0


def test_texts_and_types_end_before_the_bars_begin_and_do_not_meet() -> None:
    figure = draw_top_k(make_findings(60, texts=tuple(text * 9 for text in (*HOSTILE, *TOPICS))))
    figure.dpi = style.DPI
    with style.look():
        for axes in figure.axes:
            document, types = (
                [text.get_window_extent() for text in axes.texts if text.get_gid() == gid]
                for gid in ("document", "types")
            )
            left = axes.get_window_extent().x0
            assert all(box.x1 <= left for box in document + types)
            assert all(one.x1 < other.x0 for one, other in zip(document, types, strict=True) if other.width > 1)


def test_a_long_query_takes_two_lines_inside_the_picture() -> None:
    result = make_findings(5, texts=("a rather long question about rooms " * 12,))
    figure = draw_top_k(of_query(result, 0))
    lines = [text for text in figure.texts if text.get_gid() == "example query"]
    assert len(lines) == 2
    assert lines[1].get_text().endswith("…")
    assert all(line.get_window_extent().x1 <= figure.bbox.width for line in lines)


def test_fewer_documents_than_ten_are_all_drawn() -> None:
    result = make_findings(1, n_hard_negatives=2)
    figure = draw_top_k(result)
    assert len(bars(figure)) == 4
    assert figure.texts[0].get_text().startswith("The 4 nearest documents")


def test_without_examples_the_reason_is_given() -> None:
    with pytest.raises(InvalidOptionError, match="no examples"):
        draw_top_k(replace(make_findings(5), examples=()))
