"""A swap of models in Markdown, as a picture and on the terminal: what the record holds, and nothing else."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console
from tests.support.scene import write_rows, write_vectors

from embedscope.migration import migrate
from embedscope.output.markdown import migration_markdown
from embedscope.output.path_rows import NAMES, path_name
from embedscope.output.pictures import draw_migration
from embedscope.output.terminal.migration_tables import print_migration
from embedscope.result import HeadProduct, Migration, PathKind
from embedscope.settings import MigrateSettings, Settings


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> Migration:
    """OLD of 16 numbers, NEW of 12."""
    folder = tmp_path_factory.mktemp("migration")
    data = write_rows(folder / "data.json", 40)
    old, new = (str(write_vectors(folder / f"{q}.npz", data, q / 100, dim=dim)) for q, dim in ((40, 16), (90, 12)))
    return migrate(Settings.of(data=str(data), draws=100), MigrateSettings(old=old, new=new))


def printed(found: Migration, width: int) -> str:
    console = Console(width=width, force_terminal=False)
    with console.capture() as capture:
        print_migration(found, console)
    return capture.get()


def test_every_kind_of_path_has_a_name_of_its_own(found: Migration) -> None:
    assert set(NAMES) == set(PathKind)
    assert len({path_name(path) for path in found.paths}) == len(found.paths) == 18


def test_the_picture_has_a_point_and_an_interval_for_each_path_that_was_measured(found: Migration) -> None:
    (axes,) = draw_migration(found).axes
    measured = [path for path in found.paths if path.metrics]
    assert len(measured) == 14  # unequal widths: NEW queries cannot search OLD documents as they are
    assert [label.get_text() for label in axes.get_yticklabels()] == [path_name(path) for path in measured]
    points = [line for line in axes.lines if line.get_gid() in set(PathKind)]
    values = [path.metrics["MRR"].value for path in measured]
    np.testing.assert_allclose([line.get_xdata()[0] for line in points], np.array(values, dtype=float))
    ends = [line.get_xdata() for line in axes.lines if line.get_gid() == "interval"]
    np.testing.assert_allclose(ends, [(path.metrics["MRR"].low, path.metrics["MRR"].high) for path in measured])


def test_markdown_has_a_row_a_path_and_no_markup_of_the_data(found: Migration) -> None:
    hostile = replace(found, old=replace(found.old, checkpoint="a|b`c"), advice=("keep <b>@all</b> | #1",))
    text = migration_markdown(hostile)
    rows = [line for line in text.splitlines() if line.startswith("|")]
    assert len(rows) == 2 + len(found.paths)
    assert {line.count("|") for line in rows} == {10}
    assert "<b>" not in text
    assert "@all" not in text


@pytest.mark.parametrize("width", [60, 100, 200])
def test_the_terminal_shows_every_path_at_any_width(found: Migration, width: int) -> None:
    said = printed(found, width)
    lines = said.splitlines()
    assert max(map(len, lines)) <= max(width, 90)
    for path in found.paths:
        assert path_name(path)[:30] in said
    assert found.advice[0].split()[0] in said


def test_a_path_that_was_not_measured_has_a_reason_and_no_cost(found: Migration) -> None:
    said = printed(found, 200)
    paths, costs = said.split("Cost, for")
    assert paths.count("not measured: the vectors of OLD and NEW are of unequal width") == 1
    for path in found.paths:
        assert (path_name(path) in costs) == (path.reason is None and path.share in (0.0, 0.5, 1.0))
    assert migration_markdown(found).count("- not measured: the vectors of OLD and NEW are of unequal width") == 1


def test_a_head_on_one_encoder_is_said_to_need_no_text(found: Migration) -> None:
    head = HeadProduct(dim_in=384, dim_out=128, flops=9.83e11, seconds=22.0, base_bytes=1, is_old_index_enough=True)
    said = " ".join(printed(replace(found, cost=replace(found.cost, head=head)), 200).split())
    assert "base vectors of 384 numbers (which the OLD index holds) times the NEW head, to 128: 983 GFLOP, 22 s" in said
    assert "no rate is known" in said


def test_the_record_is_in_the_file_that_is_written(found: Migration, tmp_path: Path) -> None:
    (tmp_path / "m.md").write_text(migration_markdown(found), encoding="utf-8")
    assert found.paths[1].metrics["MRR"].value is not None
    assert f"{found.paths[1].metrics['MRR'].value:.4f}" in (tmp_path / "m.md").read_text(encoding="utf-8")
