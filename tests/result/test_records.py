"""Names of runs: short, and never two alike."""

from __future__ import annotations

from pathlib import PurePath

from hypothesis import given
from hypothesis import strategies as st
from tests.support import tiny_run as tiny

from embedscope.result import run_label, run_labels

PARTS = st.lists(st.sampled_from(["a", "b", "epoch1.pt"]), min_size=1, max_size=5).map("/".join)


def test_a_label_is_the_last_two_parts_where_that_tells_runs_apart() -> None:
    assert run_labels(["/x/a/best.pt", "/x/b/best.pt", "c.pt"]) == {
        "/x/a/best.pt": "a/best.pt", "/x/b/best.pt": "b/best.pt", "c.pt": "c.pt",
    }  # fmt: skip


def test_labels_that_would_be_the_same_take_in_more_of_the_path() -> None:
    assert run_labels(["/x/a/best.pt", "/y/a/best.pt", "/y/b/best.pt"]) == {
        "/x/a/best.pt": "x/a/best.pt", "/y/a/best.pt": "y/a/best.pt", "/y/b/best.pt": "b/best.pt",
    }  # fmt: skip
    assert run_labels(["a/best.pt", "./a/best.pt"]) == {"a/best.pt": "a/best.pt", "./a/best.pt": "./a/best.pt"}


def test_no_runs_have_no_labels() -> None:
    assert run_labels([]) == {}


@given(st.lists(PARTS, unique=True, max_size=8))
def test_labels_are_distinct_ends_of_the_paths(names: list[str]) -> None:
    labels = run_labels(names)
    assert list(labels) == names
    assert len(set(labels.values())) == len(names)
    for name, label in labels.items():
        assert PurePath(name).parts[-len(PurePath(label).parts) :] == PurePath(label).parts
        assert len(label) >= len(run_label(name))


def test_a_result_and_its_tables_are_shown_in_one_line() -> None:
    result = tiny.result()
    assert repr(result) == "RETRAIN <Result of runs/epoch3.pt: MRR 0.7000 [0.5000, 0.8500] on 4 queries x 6 documents>"
    assert [repr(result.queries), repr(result.documents)] == [
        "<QueryTable of 4 queries>", "<DocumentTable of 6 documents>"
    ]  # fmt: skip
