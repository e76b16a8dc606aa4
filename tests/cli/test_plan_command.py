"""`embedscope plan`: quantities are read as people write them, and the estimates grow as their model says."""

from __future__ import annotations

import heapq
import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.scene import run

from embedscope.errors import InvalidOptionError
from embedscope.metrics.kernels import MIN_CELLS
from embedscope.scale import plan_lines
from embedscope.scale.plan_totals import Prices, encoding_seconds, machines_within, total
from embedscope.scale.planning import Corpus, Rates, one_gpu, one_machine, several_nodes
from embedscope.scale.ray_encoder import PARTS_A_CALL
from embedscope.units import format_bytes, format_count, parse_bytes, parse_count

RATES = Rates(
    product_flops=1e11,
    cells=2e8,
    read_bytes=5e8,
    write_bytes=2e8,
    moment_rows=1e6,
    merged_places=1e6,
    interval_queries=1e4,
    start_s=3.0,
    n_cores=2,
)
CORPUS = Corpus(n_documents=10_000_000, n_queries=10_000, dim=128)


@pytest.mark.parametrize(
    ("text", "value"),
    [("100M", 10**8), ("100k", 10**5), ("1b", 10**9), ("2.5k", 2500), ("7", 7), ("1_000", 1000), (" 3 M ", 3 * 10**6)],
)
def test_counts_as_people_write_them(text: str, value: int) -> None:
    assert parse_count(text) == value


@pytest.mark.parametrize(
    ("text", "value"), [("4GB", 4 * 10**9), ("4gib", 4 << 30), ("512 MiB", 512 << 20), ("1.5kB", 1500), ("9", 9)]
)
def test_amounts_of_memory_as_people_write_them(text: str, value: int) -> None:
    assert parse_bytes(text) == value


@pytest.mark.parametrize("text", ["", "many", "-3", "0", "1.5", "3x", "k", "1e9", "0.0001k", "4 4", "inf"])
def test_what_is_no_count_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(ValueError, match="such as 5000, 100k"):
        parse_count(text)


@pytest.mark.parametrize("text", ["", "4XB", "GB", "-4GB", "0GB", "0.3B"])
def test_what_is_no_amount_of_memory_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(ValueError, match="such as 4GB"):
        parse_bytes(text)


@given(st.integers(1, 10**12))
def test_what_is_printed_reads_back_to_three_digits(value: int) -> None:
    assert float(format_bytes(value).split()[0]) <= 1000
    if value < 999 * 10**9:
        assert parse_bytes(format_bytes(value)) == pytest.approx(value, rel=0.006)
        assert parse_count(format_count(value)) == pytest.approx(value, rel=0.006)


def test_one_machine_by_hand() -> None:
    estimate, plan = one_machine(CORPUS, RATES, 4_000_000_000)
    assert estimate.seconds == {
        "start": 3.0,
        "scoring": 10_000_000 * 10_000 / 2e8,
        "reading": 10_000_000 * 128 * 2 / 5e8,
        "sums": 10.0,
        "merging": pytest.approx(38 * 10_000 * 11 / 1e6),
        "intervals": 1.0,
    }
    assert estimate.total_s == pytest.approx(3 + 500 + 5.12 + 10 + 4.18 + 1)
    assert estimate.bytes_moved == {"read from disk": 2.56e9}
    assert estimate.memory == plan.total < 4_000_000_000


def test_a_worker_is_a_core_and_takes_whole_shards() -> None:
    """39 shards on 2 n workers: 20 rounds on one node, 7 on three, and from 20 nodes on one for every shard."""
    assert CORPUS.n_shards == 39
    a_round = CORPUS.shard_rows * 10_000 / 1e8
    rounds = {n: several_nodes(CORPUS, RATES, n).seconds["scoring"] / a_round for n in (1, 3, 8, 19, 20, 100)}
    assert rounds == pytest.approx({1: 20, 3: 7, 8: 3, 19: 2, 20: 1, 100: 1})
    assert "smaller shards" in several_nodes(CORPUS, RATES, 100).note
    assert "smaller shards" not in several_nodes(CORPUS, RATES, 8).note


@given(n_nodes=st.integers(1, 200), n_cores=st.integers(1, 64), n_shards=st.integers(1, 5000))
def test_the_time_of_the_nodes_is_that_of_shards_dealt_one_by_one_to_whoever_is_free(
    n_nodes: int, n_cores: int, n_shards: int
) -> None:
    corpus = Corpus(n_documents=n_shards * 262_144, n_queries=1000, dim=128)
    assert corpus.n_shards == n_shards
    free_at = [0] * (n_nodes * n_cores)
    for _ in range(n_shards):
        heapq.heapreplace(free_at, free_at[0] + 1)
    rates = replace(RATES, n_cores=n_cores)
    a_shard = 262_144 * 1000 / (rates.cells / n_cores)
    assert several_nodes(corpus, rates, n_nodes).seconds["scoring"] == pytest.approx(max(free_at) * a_shard)


def test_every_worker_reads_and_sums_on_its_own() -> None:
    seconds = several_nodes(CORPUS, RATES, 20).seconds
    assert seconds["reading"] == pytest.approx(CORPUS.shard_rows * 256 / 5e8)
    assert seconds["sums"] == pytest.approx(CORPUS.shard_rows / 1e6)
    assert seconds["merging"] == pytest.approx((6 + 7 - 2) * 10_000 * 11 / 1e6)


def test_what_stays_with_the_machine_is_counted_beside_the_slowest_of_what_overlaps_on_a_gpu() -> None:
    assert one_gpu(CORPUS, RATES, 60.0).seconds == {"start": 3.0, "reading": 5.12, "sums": 10.0, "intervals": 1.0}
    slow = one_gpu(CORPUS, RATES, 0.256).seconds
    assert slow["product on the GPU"] == pytest.approx(100)


@pytest.mark.parametrize(
    ("judgments", "most", "k"),
    [(None, None, 11), (10_000, None, 11), (10_005, None, 16), (50_000, None, 100), (50_000, 7, 17)],
)
def test_the_lists_hold_as_many_as_the_query_with_most_relevant_documents_may_need(
    judgments: int | None, most: int | None, k: int
) -> None:
    """The mean says nothing of the longest: 5 judgments a query may be 1 for most and thousands for one."""
    assert replace(CORPUS, n_judgments=judgments, most_judgments=most).size().k == k


@given(st.integers(1, 50), st.integers(1, 50))
def test_time_and_bytes_rise_with_the_documents(a: int, b: int) -> None:
    fewer, more = (Corpus(n * 10**6, 10_000, 128) for n in sorted((a, b)))
    assert one_machine(fewer, RATES)[0].total_s <= one_machine(more, RATES)[0].total_s
    assert one_machine(fewer, RATES)[1].total == one_machine(more, RATES)[1].total
    assert several_nodes(fewer, RATES, 4).seconds["scoring"] <= several_nodes(more, RATES, 4).seconds["scoring"]


def test_too_little_memory_is_refused() -> None:
    with pytest.raises(InvalidOptionError, match="too little"):
        one_machine(CORPUS, RATES, 100_000_000)


def test_the_command_measures_and_prints_every_machine(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("embedscope.scale.plan_lines.measure_rates", lambda *_: RATES)
    words = ("plan", "--documents", "10M", "--queries", "10k", "--dim", "128", "--nodes", "3", "--encode-rate", "500")
    done = run(capsys, *words)
    assert done.status == 0
    for said in ("this machine", "one GPU", "3 nodes like it", "2.56 GB on disk", "39 shards", "5.6 h"):
        assert said in done.out, done.out
    payload = json.loads(run(capsys, *words, "--json").out)
    assert [estimate["name"] for estimate in payload["estimates"]] == ["this machine", "one GPU", "3 nodes like it"]
    assert payload["corpus"]["n_bytes"] == 2_560_000_000
    assert payload["encoding_s"]["this machine"] == pytest.approx(10_010_000 / 500)


@pytest.mark.parametrize("words", [("--documents", "lots"), ("--documents", "1.5"), ("--memory", "4XB")])
def test_a_quantity_that_cannot_be_read_is_refused_in_one_message(
    words: tuple[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    good = ("plan", "--documents", "10M", "--queries", "10k", "--dim", "128")
    done = run(capsys, *good, *words)
    assert done.status == 2
    assert f"not '{words[1]}'" in done.err or f"'{words[1]}' is" in done.err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--memory", "5MB"), "the smallest plan needs"),
        (("--most-judgments", "11"), "10 documents (--documents) and 20 relevant pairs (--judgments)"),
        (("--judgments", "201"), "make 200 pairs at most"),
        (("--dim", "1000000"), "at most 16,384 dimensions"),
        (("--weights", "ema"), "no model is measured without --checkpoint"),
        (("--checkpoint", "nowhere.pt"), "There is no checkpoint 'nowhere.pt'"),
        (("--checkpoint", "owner/name", "--encode-rate", "5"), "Leave one of them out"),
        (("--checkpoint", "owner/name", "--model", "m"), "only an endpoint"),
    ],
)
def test_what_cannot_be_planned_is_refused_before_anything_is_measured(
    words: tuple[str, ...], said: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(plan_lines, "measure_rates", lambda *_: pytest.fail("measured"))
    done = run(capsys, "plan", "--documents", "10", "--queries", "20", "--dim", "8", *words)
    assert (done.status, done.out) == (2, "")
    assert said in done.err


def test_an_option_that_has_to_be_there_shows_no_default(capsys: pytest.CaptureFixture[str]) -> None:
    said = run(capsys, "plan", "--help").out
    assert "(default: 1)" not in said
    assert "(default: float16)" in said


def test_rates_are_measured_and_positive() -> None:
    from embedscope.scale.planning import measure_rates
    from embedscope.settings import Settings

    rates = measure_rates(8, "float16", settings=Settings.of(draws=100))
    assert min(rates.product_flops, rates.cells, rates.read_bytes, rates.moment_rows, rates.write_bytes) > 0
    assert min(rates.merged_places, rates.interval_queries, rates.start_s) > 0
    assert rates.n_cores >= 1


@pytest.mark.parametrize(("n_queries", "is_compiled"), [(100, False), (1_000_000, True)])
def test_the_rate_of_scoring_is_measured_on_the_path_that_a_run_of_as_many_queries_takes(
    n_queries: int, is_compiled: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Compiled loops read large matrices, NumPy small ones, at half the rate."""
    from embedscope.scale import planning

    shapes: list[tuple[int, int]] = []

    def record(queries: np.ndarray, documents: np.ndarray, *_: object, **__: object) -> None:
        shapes.append((len(queries), len(documents)))

    monkeypatch.setattr(planning, "_rates_of_the_rest", lambda *_: (1.0, 1.0))
    monkeypatch.setattr(planning, "_disk_rates", lambda *_: (1.0, 1.0))
    monkeypatch.setattr(planning, "_product_rate", lambda *_: 1.0)
    monkeypatch.setattr(planning, "_PROBE_SECONDS", 0.0)
    monkeypatch.setattr(planning, "for_each_block", record)
    planning.measure_rates(8, n_queries=n_queries)
    assert {rows * columns >= MIN_CELLS for rows, columns in shapes} == {is_compiled}


def test_the_whole_by_hand() -> None:
    """10M documents at 500 texts a second on four machines, 2.56 GB written at 200 MB/s, and the evaluation."""
    evaluation = several_nodes(CORPUS, RATES, 4)
    encoding_s = encoding_seconds(CORPUS, 500.0, 4)
    assert encoding_s == pytest.approx(10_010_000 / 500 / 4)
    found = total(CORPUS, evaluation, encoding_s, RATES, Prices(2.0, 0.02, 0.1), 4)
    assert found.hours == pytest.approx((evaluation.total_s + encoding_s + 2.56e9 / 2e8) / 3600)
    assert found.machine_hours == pytest.approx(4 * found.hours)
    assert found.bytes_stored == 10_010_000 * 128 * 2
    assert found.bytes_moved == sum(evaluation.bytes_moved.values()) + 10_010_000 * 128 * (4 + 2)
    assert found.cost == {
        "machines": pytest.approx(2 * 4 * found.hours),
        "storage, a month": pytest.approx(0.02 * found.bytes_stored / 1e9),
        "moved": pytest.approx(0.1 * found.bytes_moved / 1e9),
    }
    a_billion = found.figures(CORPUS.n_documents)["per_billion_documents"]
    assert a_billion["machine_hours"] == pytest.approx(100 * 4 * found.hours)
    assert a_billion["cost"]["moved"] == pytest.approx(100 * found.cost["moved"])


def test_evaluation_alone_writes_and_encodes_nothing() -> None:
    evaluation, _ = one_machine(CORPUS, RATES)
    found = total(CORPUS, evaluation, None, RATES, Prices(), 1)
    assert (found.hours, found.bytes_moved, found.cost) == (evaluation.total_s / 3600, 2.56e9, {})


def test_a_gpu_has_no_price_of_a_machine() -> None:
    found = total(CORPUS, one_gpu(CORPUS, RATES, 60.0), 10.0, RATES, Prices(machine_hour=1.0, gb_moved=1.0), 0)
    assert (found.machine_hours, set(found.cost)) == (None, {"moved"})


@given(hours=st.floats(0.05, 20), encode_rate=st.sampled_from([None, 100.0, 5000.0]))
def test_the_machines_for_a_deadline_meet_it_and_one_less_does_not(hours: float, encode_rate: float | None) -> None:
    def takes_h(n_machines: int) -> float:
        encoding_s = None if encode_rate is None else encoding_seconds(CORPUS, encode_rate, n_machines)
        return total(CORPUS, several_nodes(CORPUS, RATES, n_machines), encoding_s, RATES, Prices(), n_machines).hours

    found = machines_within(CORPUS, RATES, hours, encode_rate)
    if found is None:
        assert min(takes_h(n) for n in range(1, 300)) > hours
    else:
        assert takes_h(found) <= hours
        assert found == 1 or takes_h(found - 1) > hours


def test_more_machines_than_have_texts_encode_no_faster() -> None:
    most = encoding_seconds(CORPUS, 500.0, PARTS_A_CALL)
    assert encoding_seconds(CORPUS, 500.0, 10 * PARTS_A_CALL) == most < encoding_seconds(CORPUS, 500.0, 100)


def test_the_command_says_machines_hours_bytes_and_cost_for_a_deadline(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("embedscope.scale.plan_lines.measure_rates", lambda *_: RATES)
    words = ["plan", "--documents", "1B", "--queries", "10k", "--dim", "128", "--encode-rate", "1000"]
    plain = run(capsys, *words)
    assert "No cost without a price" in plain.out
    assert "cost " not in plain.out.replace("No cost without", "")
    words += ["--hours", "24", "--price-machine-hour", "0.5", "--price-gb-month", "0.02"]
    done = run(capsys, *words)
    assert done.status == 0, done.err
    payload = json.loads(run(capsys, *words, "--json").out)
    n = payload["deadline"]["n_machines"]
    assert f"Within 24 h: {n} machines like this one" in done.out
    assert "per 10^9 documents:" in done.out
    assert "storage, a month 5.12" in done.out
    last = payload["totals"][-1]
    assert (last["name"], last["n_machines"], last["hours"] <= 24) == (f"{n} nodes like it", n, True)
    assert last["per_billion_documents"]["machine_hours"] == pytest.approx(last["machine_hours"])
    assert set(last["cost"]) == {"machines", "storage, a month"}
    never = json.loads(run(capsys, *words, "--hours", "0.01", "--json").out)
    assert never["deadline"] == {"hours": 0.01, "n_machines": None}
