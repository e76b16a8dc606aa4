"""What is printed: hanging lines, tables that never break a number, progress in a log."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.console import Console
from tests.support import tiny_run as tiny

from embedscope.output.terminal import Terminal, progress
from embedscope.output.terminal import finding_lines as findings
from embedscope.output.terminal import measure_tables as measures
from embedscope.output.terminal import wording as words
from embedscope.output.terminal.hanging import WIDTH_OF_A_FILE, Hanging, console, fits, number_table, shorten, table
from embedscope.protocols import Work, WorkCallback
from embedscope.result import Comparison, Estimate, ModelFacts


def printed(what: object, width: int) -> list[str]:
    file = io.StringIO()
    Console(file=file, width=width, markup=False, highlight=False, emoji=False).print(what)
    return file.getvalue().splitlines()


@given(st.lists(st.text("abcđ一[/]:", min_size=1, max_size=12), min_size=1, max_size=30), st.integers(40, 120))
def test_further_lines_hang_below_the_start_of_the_text_and_fit(parts: list[str], width: int) -> None:
    lines = printed(Hanging("Data:  ", " ".join(parts)), width)
    assert lines[0].startswith("Data:  ")
    assert all(line.startswith(" " * 7) for line in lines[1:])
    assert all(cell_len(line) <= width for line in lines)
    assert " ".join(line[7:].strip() for line in lines).split() == " ".join(parts).split()


def test_markup_of_a_text_is_printed_as_it_is() -> None:
    assert printed(Hanging("", "[bold]q10[/] :smile: 5tr5"), 80) == ["[bold]q10[/] :smile: 5tr5"]


@pytest.mark.parametrize("width", [30, 40, 80])
def test_numbers_in_a_table_are_whole_at_any_width(width: int) -> None:
    made = table(["check", "value", "interval"], texts=["check"])
    made.add_row("Queries cluster with their positives", "0.4933", "[0.4007, 0.5865]")
    lines = printed(made, width)
    assert any("0.4933  [0.4007, 0.5865]" in line for line in lines)


def test_a_table_fits_when_the_terminal_has_its_columns() -> None:
    made = number_table(["MRR"], {"value": ["0.2411"], "chance": ["0.0131"]})
    width = max(map(len, printed(made, 200)))
    assert fits(made, Console(width=width))
    assert not fits(made, Console(width=width - 1))


@given(st.text(max_size=300), st.integers(24, 100))
def test_a_shortened_text_is_one_line_of_at_most_that_many_columns(text: str, width: int) -> None:
    line = shorten(text, width)
    assert "\n" not in line.plain
    assert cell_len(line.plain) <= width


def test_a_file_or_a_pipe_gets_a_fixed_width(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("COLUMNS", raising=False)
    assert console().width == WIDTH_OF_A_FILE
    monkeypatch.setenv("COLUMNS", "140")
    assert console().width == 140


def test_a_comparison_stands_under_its_header_and_within_eighty_columns() -> None:
    row = words.comparison_row(
        Comparison("a", "b", "Success@10", -0.2484, -0.3105, -0.1864, 0.0, 0.0, None, 9999, 9999, 9)
    )
    assert len(row) <= 80
    assert len(row) == len(words.COMPARISON_HEADER)
    assert "-0.2484  [-0.3105, -0.1864]  < 0.0001" in row


@pytest.mark.parametrize(
    ("tau", "word"), [(0.33, "follows"), (-0.4, "contradicts"), (0.05, "does not follow"), (None, None)]
)
def test_the_agreement_with_the_weights_is_said_in_words(tau: float | None, word: str | None) -> None:
    figure = Estimate.absent("no weights differ") if tau is None else Estimate(tau, tau - 0.1, tau + 0.1)
    sentences = words.weight_sentences({"kendall_tau": figure})
    assert (sentences == []) if word is None else (f"margins {word} the weights" in sentences[0])


def test_ranks_are_whole_unless_ties_make_them_fractions() -> None:
    assert words.ranks(1.0, 35.0) == "rank 1 -> 35"
    assert words.ranks(1.5, 62.25) == "rank 1.5 -> 62.2"


def test_progress_in_a_log_is_a_line_now_and_then(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter(np.arange(0.0, 100.0, 6.0))
    monkeypatch.setattr(progress.time, "monotonic", lambda: float(next(clock)))
    file = io.StringIO()
    with progress.progress_on(Console(file=file, width=100), "Encoding", unit="texts") as advance:
        for done in range(0, 500, 100):
            advance(done, 1000, "Out of memory: going on with 16 texts a batch." if done == 200 else None)
    lines = file.getvalue().splitlines()
    assert "Out of memory: going on with 16 texts a batch." in lines
    told = [line for line in lines if line.startswith("Encoding: ")]
    assert told == ["Encoding: 100 of 1,000 texts, 8 a second", "Encoding: 300 of 1,000 texts, 12 a second"]
    assert all(a != b for a, b in pairwise(told))


def encoded(times: list[float], costs: list[float], n_tokens: list[int]) -> Iterator[tuple[progress.Pace, list[float]]]:
    """The pace after each batch of an encoder that takes ``times``, and the seconds that are really left."""
    now = [100.0]
    pace = progress.Pace(lambda: now[0])
    for batch, seconds in enumerate(times):
        now[0] += seconds
        pace.work(Work(sum(costs[: batch + 1]), sum(costs), sum(n_tokens[: batch + 1])))
        yield pace, times[batch + 1 :]


@pytest.mark.parametrize("longest", [64, 512])
def test_the_time_left_is_right_within_a_fifth_after_a_tenth_of_the_work(longest: int) -> None:
    lengths = np.sort(np.random.default_rng(0).integers(8, longest, 2_000))[::-1]  # longest first, as texts are encoded
    starts = range(0, len(lengths), 32)
    tokens = [int(lengths[start : start + 32].sum()) for start in starts]
    costs = [float((n * (1 + n / 1152)).sum()) for n in (lengths[start : start + 32] for start in starts)]
    # The encoder's own time: a cost for each call, and attention that takes half as long as was thought.
    times = [0.01 + 1e-4 * float((n * (1 + n / 2304)).sum()) for n in (lengths[start : start + 32] for start in starts)]
    times[0] += 20.0  # the model is loaded
    done = 0.0
    for (pace, left), cost in zip(encoded(times, costs, tokens), costs, strict=True):
        done += cost
        if 0.1 <= done / sum(costs) <= 0.9:  # what is left at the end is less than the calls cost
            assert pace.seconds_left == pytest.approx(sum(left), rel=0.2)
            assert pace.tokens_per_s is not None


def test_a_second_part_of_a_step_starts_its_own_clock() -> None:
    now = [0.0]
    pace = progress.Pace(lambda: now[0])
    for seconds, done in ((0, 10), (1, 50), (60, 10), (61, 30)):
        now[0] = float(seconds)
        pace.work(Work(done, 100, done))
    assert pace.seconds_left == pytest.approx(70 / 20)


def test_progress_of_work_tells_tokens_and_the_time_left(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: now[0])
    file = io.StringIO()
    with progress.progress_on(Console(file=file, width=100), "Encoding", unit="texts") as advance:
        assert isinstance(advance, WorkCallback)
        for seconds, done in ((0, 0), (10, 200), (20, 400)):
            now[0] = float(seconds)
            advance.work(Work(done, 1000, 30 * done))
            advance(done, 1000)
    assert file.getvalue().splitlines()[-1] == (
        "Encoding: 400 of 1,000 texts, 20 a second, 600 tokens a second, 0:00:30 left"
    )


def test_progress_says_nothing_when_quiet(capsys: pytest.CaptureFixture[str]) -> None:
    with progress.progress_on(console(stderr=True, quiet=True), "Encoding", unit="texts") as advance:
        advance(1, 10, "a message")
    assert capsys.readouterr().err == ""


def said(print_to: Callable[[Console], None], width: int = 100) -> str:
    file = io.StringIO()
    print_to(Console(file=file, width=width, markup=False, highlight=False, emoji=False))
    return file.getvalue()


def test_measures_are_tables_and_equal_reasons_are_said_once() -> None:
    found = tiny.result()
    shown = said(lambda results: measures.print_measures(found, results))
    assert "this model  base model  PCA of it" in shown
    assert "50 %: 0.60, precision 0.75 [0.50, 0.90], recall 0.75 [0.50, 0.90]" in shown
    assert "95 %: too few" in shown
    assert "diacritics left out  -0.3000  [-0.4000, -0.2500]" in shown
    assert "binary x 384" in shown
    assert "Through an index, 3 documents a query: change of MRR against exact search" in shown
    assert "HNSW M=32, efSearch=16  1,796  0.6800  -0.0200" in shown
    assert "50,000" in shown
    assert "IVF-PQ: too few" in shown
    assert found.thresholds is not None
    last = found.thresholds.choices[-1]
    twice = replace(found.thresholds, choices=(last, replace(last, wanted=0.99)))
    assert "95 %, 99 %: too few" in said(
        lambda results: measures.print_measures(replace(found, thresholds=twice), results)
    )
    silent = replace(found, geometry=None, thresholds=None, robustness=None, deployment=None)
    assert said(lambda results: measures.print_measures(silent, results)) == ""


def test_a_long_list_of_findings_is_cut_and_says_how_to_see_the_rest() -> None:
    found = tiny.result()
    many = replace(found, findings=found.findings[:1] * 8)
    short = said(lambda results: findings.print_findings(many, results, has_evidence=False))
    assert short.count("type-ignored") == 5
    assert "... and 3 more; --findings prints all" in short
    whole = said(lambda results: findings.print_findings(many, results, has_evidence=True))
    assert whole.count("type-ignored") == 8
    assert "effect 0.500 [0.100, 0.900] on 2" in whole
    assert "✓ 0.600  nhà nguyên căn, 3 tầng" in whole
    assert "✗ 0.800 (location + price)  nhà nguyên căn, 2 tầng" in whole


def test_one_dimension_is_singular() -> None:
    assert words.model_line(ModelFacts("a.npz", "vectors", 1)) == "a.npz: vectors, 1 dimension"
    assert words.model_line(ModelFacts("a.npz", "vectors", 2)) == "a.npz: vectors, 2 dimensions"


def test_where_the_results_are_is_one_path_that_can_be_copied(capsys: pytest.CaptureFixture[str]) -> None:
    terminal = Terminal()
    terminal.files("demo/", ["report.html", "report.json", "run.trec"], first="report.html")
    terminal.files("demo/", ["report.json"], first="report.html")
    said = capsys.readouterr().out.split("\n")
    assert said == ["", "Written: demo/report.html and 2 files beside it", "", "Written to demo/", "  report.json", ""]
