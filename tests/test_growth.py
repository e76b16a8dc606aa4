"""The benchmark of growth: its exponents on costs that are known, and its page."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

FOLDER = Path(__file__).resolve().parents[1] / "benchmarks"
sys.path.insert(0, str(FOLDER))
import growth  # noqa: E402
import growth_page  # noqa: E402

SIZES = [1000, 3162, 10_000, 31_623, 100_000]


@pytest.mark.parametrize("power", [0.5, 1.0, 1.5, 2.0])
def test_the_exponent_is_that_of_the_part_that_grows(power: float) -> None:
    costs = [2.0 + 10 * (n / 10_000) ** power for n in SIZES]
    assert growth.exponent(SIZES, costs) == pytest.approx(power, abs=0.051)


def test_n_log_n_is_within_the_slack_and_a_square_is_not() -> None:
    found = [growth.exponent(SIZES, costs) for costs in (SIZES * np.log(SIZES), [n**2 for n in SIZES])]
    assert None not in found
    assert 1 < found[0] <= 1 + growth.SLACK < found[1]


def test_cost_that_is_fixed_has_no_exponent_above_0_and_few_sizes_have_none() -> None:
    assert growth.exponent(SIZES, [5.0, 5.1, 5.0, 5.2, 5.3]) == 0
    assert growth.exponent(SIZES[:3], [1.0, 10.0, 100.0]) is None
    assert growth.exponent(SIZES, [5.0, 5.0, 5.1, 5.0, 9.0]) is None, "one point above the rest is on every curve"


def test_the_next_size_is_predicted_by_the_last_two() -> None:
    runs = [growth.Measured(n, seconds, seconds, 1, 0, 0) for n, seconds in ((1000, 1.0), (10_000, 100.0))]
    assert growth.predicted_s(runs, 100_000) == pytest.approx(10_000)


def test_the_page_says_which_promise_is_not_kept(tmp_path: Path) -> None:
    def series(command: str, power: float, n_sizes: int = 5) -> growth.Grown:
        costs = [1e-6 * n**power for n in SIZES[:n_sizes]]
        runs = tuple(growth.Measured(n, s, s, 10**8, 10**6, 0) for n, s in zip(SIZES, costs, strict=False))
        return growth.Grown(command, "queries", 200, 1, runs, growth.exponent(SIZES[:n_sizes], costs), 0.0)

    page = tmp_path / "growth.md"
    growth_page.write_page(page, [series("one", 1.0), series("two", 2.0), series("three", 1.0, 3)], ["- A machine"])
    said = page.read_text(encoding="utf-8")
    assert [line.rsplit("|", 2)[1].strip() for line in said.splitlines() if line.startswith("| `")] == [
        "yes", "**no**", ""
    ]  # fmt: skip
    assert "- A machine" in said
    assert (tmp_path / "images" / "growth.svg").read_text(encoding="utf-8").count("<svg") == 1
