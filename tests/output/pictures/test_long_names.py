"""Long names of models, data, types and columns: nothing cut off by the edge, nothing over another, names apart."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.figure import Figure
from tests.output.pictures.test_timeline_figure import timeline
from tests.support import tiny_run as tiny
from tests.support.drawn_runs import make_findings

from embedscope.output import pictures as plots
from embedscope.output.pictures.text_layout import ELLIPSIS, abridged, display_width, names_apart
from embedscope.result import Result, RunComparison

LATIN = "models/team-shared-multilingual-sentence-embedding/run_2026-11-30_lr1e-3_bs128_seed42_epoch{:03}.safetensors"
CJK = "模型/" + "团队共享的多语言句子嵌入模型" * 3 + "_{}.pt"


def compared(reference: str, candidate: str) -> tuple[dict[str, Result], RunComparison]:
    """The tiny runs under other names."""
    made, runs = tiny.comparison((tiny.CANDIDATE,)), tiny.runs()
    comparison = replace(
        made,
        reference=reference,
        candidates=(candidate,),
        comparisons=tuple(replace(row, a=candidate, b=reference) for row in made.comparisons),
        lost={candidate: made.lost[tiny.CANDIDATE]},
        gained={candidate: made.gained[tiny.CANDIDATE]},
    )
    return {reference: runs[tiny.REFERENCE], candidate: runs[tiny.CANDIDATE]}, comparison


def named() -> Result:
    """A run whose types and columns have long names, of which some begin alike."""
    run = make_findings(40)
    texts = [each.format(n) for n in range(10) for each in (LATIN, CJK)]
    types = {name: replace(each, name=name) for name, each in zip(texts, run.negative_types.values(), strict=False)}
    column = tuple(texts[row % 6] for row in range(40))
    return replace(run, negative_types=types, queries=replace(run.queries, metadata={CJK.format(1): column}))


PICTURES: dict[str, Callable[[], Figure]] = {
    "metrics, Latin": lambda: plots.draw_metric_comparison(*compared(LATIN.format(1), LATIN.format(2))),
    "metrics, Chinese": lambda: plots.draw_metric_comparison(*compared(CJK.format(1), CJK.format(2))),
    "slopes, Latin": lambda: plots.draw_rank_slopes(*compared(LATIN.format(1), LATIN.format(2)), LATIN.format(2)),
    "slopes, Chinese": lambda: plots.draw_rank_slopes(*compared(CJK.format(1), CJK.format(2)), CJK.format(2)),
    "types": lambda: plots.draw_negative_types(named()),
    "map by a column": lambda: plots.draw_map(named(), "tsne", color_by=CJK.format(1)),
    "timeline": lambda: plots.draw_timeline(timeline(types=tuple(CJK.format(n) for n in range(4)))),
}


@pytest.mark.parametrize("picture", PICTURES)
def test_no_text_is_cut_off_by_the_edge_or_stands_over_another(picture: str) -> None:
    figure = plots.sign(PICTURES[picture](), f"{LATIN.format(1)} on {CJK.format(2)}")
    figure.canvas.draw()
    texts = [*figure.texts, *(text for legend in figure.legends for text in legend.get_texts())]
    for axes in figure.axes:
        texts += axes.texts
        for axis, (low, high) in ((axes.xaxis, sorted(axes.get_xlim())), (axes.yaxis, sorted(axes.get_ylim()))):
            labels = zip(axis.get_ticklabels(), axis.get_ticklocs(), strict=False)  # or no labels at all
            texts += [label for label, place in labels if low <= place <= high]  # the others are not drawn
    boxes = {text: text.get_window_extent() for text in texts if text.get_text()}
    for text, box in boxes.items():
        assert box.x0 >= -1, text
        assert box.x1 <= figure.bbox.width + 1, text
    for (one, own), (other, box) in combinations(boxes.items(), 2):
        assert not own.padded(-1.5).overlaps(box.padded(-1.5)), (one, other)


@pytest.mark.parametrize("name", ["slopes, Latin", "slopes, Chinese"])
def test_both_runs_are_told_apart_wherever_they_are_named(name: str) -> None:
    figure = PICTURES[name]()
    left, right = (label.get_text() for label in figure.axes[0].get_xticklabels())
    assert left != right
    before, after = figure.texts[2].get_text().removesuffix(" (right)").split(" (left) against ")
    assert before != after


@given(st.text("ab/é一", max_size=40), st.integers(1, 40))
def test_an_abridged_name_keeps_beginning_and_end_and_fits(name: str, limit: int) -> None:
    shown = abridged(name, limit)
    assert shown == name or display_width(shown) <= limit
    head, _, tail = shown.partition(ELLIPSIS)
    assert name.startswith(head)
    assert name.endswith(tail)
    assert len(tail) <= len(head) + 1


def test_names_of_one_beginning_and_end_are_told_apart_by_what_is_between() -> None:
    names = [f"a long beginning {n} and an end that is long as well" for n in range(3)]
    assert len(set(names_apart(names, 20))) == 3
    assert names_apart(["short", "other"], 20) == ["short", "other"]
