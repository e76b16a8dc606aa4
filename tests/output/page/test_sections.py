"""Sections of a page with several runs: ranks and outcomes by run, a training epoch by epoch."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from tests.output.page.test_payload import numbers
from tests.support import tiny_run as tiny

from embedscope.output.page import payload as page
from embedscope.output.page import sections
from embedscope.output.page.html import render
from embedscope.output.run_folder import write_parquet
from embedscope.output.table_columns import query_columns
from embedscope.result import Estimate, Result
from embedscope.result.report import report
from embedscope.result.saved_run import read_run

ONE = (Estimate(0.5, 0.4, 0.6),)


def test_the_reference_comes_first_and_the_judged_candidate_is_named() -> None:
    section = tiny.comparison_payload()["compare"]
    assert [run["name"] for run in section["runs"]] == [tiny.REFERENCE, tiny.CANDIDATE, tiny.THIRD]
    assert section["judged"] == 1
    assert sections.comparison_section(tiny.runs(), tiny.comparison(), shown=tiny.THIRD)["judged"] == 2


def test_every_run_has_its_rank_and_outcome_of_every_query() -> None:
    reference, candidate, third = tiny.comparison_payload()["compare"]["runs"]
    assert numbers(reference["rank"]).tolist() == [1.0, 1.0, 40.0, 1.0]
    assert numbers(candidate["rank"]).tolist() == [1.0, 3.0, 1.5, 1.0]
    assert numbers(reference["is_correct"]).tolist() == [1, 1, 0, 1]
    assert np.isnan(numbers(third["rank"])[3])


def test_a_reference_read_from_its_folder_gives_what_the_page_needs(tmp_path: Path) -> None:
    values = {name: np.ones(4) for name in tiny.result().metrics}
    before = replace(tiny.result(), queries=replace(tiny.runs()[tiny.REFERENCE].queries, values=values))
    made = report(before)
    (tmp_path / "report.json").write_text(json.dumps(made), encoding="utf-8")
    write_parquet(tmp_path / "queries.parquet", query_columns(before))
    runs = {tiny.REFERENCE: read_run(tmp_path), tiny.CANDIDATE: tiny.result()}
    section = sections.comparison_section(runs, tiny.comparison((tiny.CANDIDATE,)), shown=tiny.CANDIDATE)
    reference = section["runs"][0]
    assert reference["metrics"]["MRR"]["low"] == 0.5
    assert numbers(reference["rank"]).tolist() == [1.0, 1.0, 40.0, 1.0]
    page.to_json(tiny.payload(compare=section))


def test_what_moved_stands_in_the_order_of_the_candidates() -> None:
    moved = tiny.comparison_payload()["compare"]["moved"]
    assert [numbers(entry["lost"]).tolist() for entry in moved] == [[1], [1, 0]]
    assert [numbers(entry["gained"]).tolist() for entry in moved] == [[2], [2]]


def test_a_label_is_short_where_that_tells_the_runs_apart() -> None:
    labels = [run["label"] for run in tiny.comparison_payload()["compare"]["runs"]]
    assert labels == ["a/epoch3.pt", "b/epoch3.pt", "c/epoch9.pt"]
    names = ("x/a/best.pt", "y/a/best.pt")
    runs = dict(zip(names, tiny.runs().values(), strict=False))
    same = replace(
        tiny.comparison((tiny.CANDIDATE,)), reference=names[0], candidates=(names[1],),
        lost={names[1]: np.array([1])}, gained={names[1]: np.array([2])},
    )  # fmt: skip
    section = sections.comparison_section(runs, same, shown=names[1])
    assert [run["label"] for run in section["runs"]] == list(names)


def test_texts_of_queries_stand_in_the_page_of_a_comparison_once() -> None:
    section = json.dumps(tiny.comparison_payload()["compare"], ensure_ascii=False)
    assert not any(text in section for text in tiny.result().queries.texts)


def test_a_page_refuses_a_comparison_of_other_queries() -> None:
    section = sections.comparison_section(tiny.runs(), tiny.comparison(), shown=tiny.CANDIDATE)
    section["runs"][0]["rank"]["shape"] = [3]
    with pytest.raises(ValueError, match="page of 4 queries"):
        tiny.payload(compare=section)


def test_outcomes_at_every_checkpoint_follow_from_one_and_from_what_each_stretch_changed() -> None:
    expected = [[1, 1, 0, 1], [1, 1, 1, 1], [1, 0, 1, 1]]
    record, animation = tiny.timeline()
    for shown in range(3):
        at = np.array(expected[shown], dtype=bool)
        found = tiny.result()
        found = replace(found, queries=replace(found.queries, is_correct=at))
        section = sections.timeline_section_of(record, [animation], found, shown=shown)
        assert numbers(section["is_correct"]).tolist() == expected


def test_every_frame_of_the_animation_has_the_points_that_the_page_draws() -> None:
    record, animation = tiny.timeline()
    found = tiny.result()
    section = sections.timeline_section_of(record, [animation], found, shown=2, point_budget=6)
    made = tiny.payload(found, timeline=section, point_budget=6)
    kept = page.drawn_points(found, 6)
    assert kept is not None
    assert len(kept) < 10
    assert [frame["shape"] for frame in made["timeline"]["maps"]["tsne"]] == [[len(kept), 2]] * 3
    np.testing.assert_array_equal(numbers(section["maps"]["tsne"][1]), animation.maps[1].xy[kept])


def test_a_page_refuses_a_animation_of_other_points() -> None:
    record, animation = tiny.timeline()
    section = sections.timeline_section_of(record, [animation], tiny.result(), shown=2)
    with pytest.raises(ValueError, match="draws 5 points"):
        tiny.payload(timeline=section, point_budget=6)
    without: Result = replace(tiny.result(), points=None, maps={})
    with pytest.raises(ValueError, match="other points"):
        sections.timeline_section_of(record, [animation], without, shown=2)


def test_a_timeline_with_a_missing_entry_is_refused() -> None:
    with pytest.raises(ValueError, match=r"2 checkpoints needs 2 entries of 'MRR', and 1 came"):
        sections.timeline_section(labels=["a", "b"], epochs=[1, 2], metrics={"MRR": ONE}, violation={}, shown=0)


def test_a_timeline_needs_neither_maps_nor_outcomes() -> None:
    section = sections.timeline_section(labels=["a"], epochs=[1], metrics={"MRR": ONE}, violation={}, shown=0)
    assert section["maps"] == {}
    assert section["is_correct"] is None
    made = tiny.payload(replace(tiny.result(), points=None, maps={}), timeline=section)
    assert json.loads(page.to_json(made))["timeline"]["metrics"]["MRR"] == [{"value": 0.5, "low": 0.4, "high": 0.6}]


def test_a_page_of_several_runs_is_kept_and_drawn_again(tmp_path: Path) -> None:
    from embedscope.output.page.html import render_run_folder

    for made in (tiny.comparison_payload(), tiny.training_payload()):
        (tmp_path / page.PAGE_FILE).write_text(page.to_json(made), encoding="utf-8")
        word = made["report"]["verdict"]["outcome"].capitalize()
        assert render_run_folder(tmp_path) == render(made, title=f"{word}: epoch3.pt · embedscope")
