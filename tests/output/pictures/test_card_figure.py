"""The card of a verdict, by its texts and artists."""

from __future__ import annotations

import logging
import struct
from dataclasses import replace

import pytest
from matplotlib.collections import PathCollection
from matplotlib.figure import Figure
from tests.support.drawn_runs import TOPICS, make_findings
from tests.support.tiny_run import result as tiny_result
from tests.support.tiny_run import sets

from embedscope.output import pictures
from embedscope.result import Comparison, Macro, Metric, Result, SeveralSets, Verdict, VerdictOutcome

LONG = "runs/" + "团队共享的多语言句子嵌入模型" * 4 + "/" + "a-model-with-a-very-long-name-" * 3 + "epoch-17.pt"
METRICS = {
    name: Metric(name, value, value - 0.05, value + 0.05, value, value, value, value, 0.01)
    for name, value in (("nDCG@10", 0.52), ("MRR", 0.471), ("Success@1", 0.43))
}


def card_of(result: Result, **options: object) -> Figure:
    return pictures.draw_card(replace(result, metrics=result.metrics or METRICS), **options)


def texts(figure: Figure, gid: str) -> list[str]:
    return [text.get_text() for text in figure.texts if text.get_gid() == gid]


def difference(to: str, value: float, p: float = 0.5) -> Comparison:
    return Comparison("synthetic.pt", to, "MRR", value, value - 0.03, value + 0.03, p, p, 0.1, 3, 2, 1)


def test_a_card_has_1200_by_630_pixels() -> None:
    content = pictures.drawn(card_of(make_findings(20)), dpi=pictures.CARD_DPI)()
    assert struct.unpack(">II", content[16:24]) == (1200, 630)


@pytest.mark.parametrize("outcome", VerdictOutcome)
def test_the_word_of_the_verdict_stands_beside_a_sign_and_differs_in_colour(outcome: VerdictOutcome) -> None:
    result = replace(make_findings(20), verdict=Verdict(outcome, "ranks", "because of this", ("because of this",)))
    figure = card_of(result)
    sign, word = figure.texts[0].get_text().split(" ")
    assert word == outcome.value.capitalize()
    others = {VerdictOutcome(each): card_of(replace(result, verdict=replace(result.verdict, outcome=each)))
              for each in VerdictOutcome}  # fmt: skip
    assert len({each.texts[0].get_color() for each in others.values()}) == 4
    assert len({each.texts[0].get_text()[0] for each in others.values()}) == 4
    assert texts(figure, "headline") == ["Because of this"]
    assert sign


def test_every_number_of_a_card_has_a_minus_and_every_name_keeps_its_hyphens() -> None:
    said = "lost to BM25-v2 at top-10: MRR difference -0.2476 [-0.3097, -0.1855]"
    result = replace(make_findings(20), verdict=Verdict(VerdictOutcome.RETRAIN, "ranks", said, (said,)))
    shown = card_of(result, difference=difference("model-2", -0.02))
    headline = " ".join(texts(shown, "headline"))
    assert headline == "Lost to BM25-v2 at top-10: MRR difference −0.2476 [−0.3097, −0.1855]"
    assert texts(shown, "figure")[3:6] == ["MRR − model-2", "−0.020", "[−0.050, +0.010]"]


def test_the_figures_are_mrr_the_difference_that_decides_and_the_share_right_at_rank_1() -> None:
    result = replace(make_findings(20), comparisons=(difference("lexical", 0.2), difference("base", 0.01)))
    mrr = ["MRR", "0.471", "[0.421, 0.521]"]
    share = ["right at rank 1", "43.0 %", "[38.0, 48.0]"]
    assert texts(card_of(result), "figure") == [*mrr, "MRR − n-grams", "+0.200", "[+0.170, +0.230]", *share]
    to_reference = card_of(result, difference=difference("old/epoch1.pt", -0.02))
    assert texts(to_reference, "figure")[3:5] == ["MRR − old/epoch1.pt", "−0.020"]


def test_alone_the_difference_is_the_one_to_what_the_model_surely_loses_to() -> None:
    result = replace(make_findings(20), comparisons=(difference("lexical", 0.2), difference("base", -0.1, 0.001)))
    assert texts(card_of(result), "figure")[3:5] == ["MRR − base model", "−0.100"]


def test_without_anything_to_compare_with_another_metric_stands_in_its_place() -> None:
    assert texts(card_of(make_findings(20)), "figure")[::3] == ["MRR", "right at rank 1", "nDCG@10"]


def test_queries_on_the_map_are_told_apart_by_colour_and_marker_and_counted() -> None:
    result = make_findings(60, with_extra_documents=True)
    figure = card_of(result)
    drawn = {each.get_gid(): each for each in figure.axes[0].collections if isinstance(each, PathCollection)}
    n_right = int(result.queries.is_correct.sum())
    assert {name: len(each.get_offsets()) for name, each in drawn.items()} == {
        "right": n_right, "wrong": 60 - n_right, "documents": len(result.points.roles) - 60,
    }  # fmt: skip
    assert len({each.get_paths()[0].vertices.tobytes() for each in drawn.values()}) == 3
    assert figure.legends[0].get_texts()[0].get_text() == f"{60 - n_right} wrong"


def test_umap_is_drawn_where_there_is_no_tsne() -> None:
    result = make_findings(20)
    assert texts(card_of(replace(result, maps={"umap": result.maps["umap"]})), "panel")[0].startswith("UMAP map")


def test_without_a_map_the_card_shows_the_share_of_queries_by_rank() -> None:
    result = replace(tiny_result(), maps={}, points=None)
    ranks = result.queries.rank.copy()
    ranks[:4] = (1.0, 2.0, 1.5, float("inf"))
    figure = card_of(replace(result, queries=replace(result.queries, rank=ranks)))
    axes = figure.axes[0]
    shares = {
        label.get_text(): bar.get_width() for label, bar in zip(axes.get_yticklabels(), axes.patches, strict=True)
    }
    assert shares == {"1": 0.25, "2 to 3": 0.5, "4 to 10": 0.0, "11 to 100": 0.0, "not listed": 0.25}


def test_several_sets_have_their_means_and_a_row_each_the_lowest_first() -> None:
    found = sets()
    figure = pictures.draw_card_of_sets(found)
    shown = texts(figure, "figure")
    assert shown[3] == "mean difference"
    assert shown[6:8] == ["sets: retrain", "2 of 2"]
    labels = [label.get_text() for label in figure.axes[0].get_yticklabels()]
    worst = min(found.sets, key=lambda each: found.deciding(each.comparisons).difference)
    assert labels[0] == worst.name
    assert len(labels) == len(found.sets)


def alone(found: SeveralSets) -> SeveralSets:
    own = tuple(replace(each, comparisons=(), name=f"{each.name} {LONG} {n}") for n in range(6) for each in found.sets)
    return replace(found, reference=None, checkpoint=LONG, sets=own, macro=Macro(found.macro.metrics, {}, ()))


def test_of_many_sets_the_lowest_are_shown_and_the_title_says_so() -> None:
    figure = pictures.draw_card_of_sets(alone(sets()))
    assert texts(figure, "panel") == ["MRR on each set, the 8 lowest of 12"]
    assert len(figure.axes[0].get_yticklabels()) == 8


def cases() -> dict[str, Figure]:
    verdict = Verdict(VerdictOutcome.UNFIT, "ranks", "词" * 300, ())
    result = make_findings(40)
    long = replace(result, verdict=verdict, model=replace(result.model, checkpoint=LONG),
                   data=replace(result.data, name=LONG, n_queries=1_234_567, n_documents=8_765_432))  # fmt: skip
    return {
        "long": card_of(long, difference=difference(LONG, -0.02)),
        "without a map": card_of(replace(long, maps={}, points=None)),
        "sets": pictures.draw_card_of_sets(alone(sets())),
        "sets compared": pictures.draw_card_of_sets(sets()),
        **{topic: card_of(replace(long, model=replace(result.model, checkpoint=topic))) for topic in TOPICS},
    }


def test_no_text_is_cut_off_or_over_another_however_long_the_names_are(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, logger="matplotlib"):
        for name, figure in cases().items():
            figure.canvas.draw()
            boxes = [text.get_window_extent() for text in figure.texts]
            boxes += [text.get_window_extent() for legend in figure.legends for text in legend.get_texts()]
            for place, box in enumerate(boxes):
                assert 0 <= box.x0 <= box.x1 <= 1200, name
                assert 0 <= box.y0 <= box.y1 <= 630, name
                assert not any(box.padded(-1).overlaps(other.padded(-1)) for other in boxes[:place]), name
    assert [record.getMessage() for record in caplog.records] == []
