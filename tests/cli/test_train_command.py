"""`embedscope train` as a user meets it: what is written, said, resumed, exported and refused."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from embedscope.cli import main as cli
from embedscope.result import EpochRecord
from embedscope.train import fitting
from embedscope.train.checkpoints import SERVED

torch = pytest.importorskip("torch")

BEST, FINAL = "bgem3_projection_best.pt", "bgem3_projection_final.pt"
DISTRICTS = ("north", "south", "harbour", "hill", "market", "station", "river", "forest")


def rows(n: int = 48, *, n_negatives: int = 1, start: int = 0, weight: float = 1.0) -> list[dict[str, Any]]:
    """Rows about rooms; two queries share each positive, and a hard negative differs from it in price."""
    made = []
    for i in range(start, start + n):
        room, district = i // 2, DISTRICTS[i // 2 % len(DISTRICTS)]
        advertisement = f"room {room} in the {district} quarter for {100 + room} a month"
        negatives = [f"room {room} in the {district} quarter for {300 + room + k} a month" for k in range(n_negatives)]
        made.append(
            {
                "query": f"{('looking for', 'any')[i % 2]} room {room} {district} below {110 + room}",
                "pos": advertisement,
                "hard_neg": [{"text": text, "type": ["price"], "weight": weight} for text in negatives],
            }
        )
    return made


def write(path: Path, content: object) -> Path:
    path.write_text(json.dumps(content), encoding="utf-8")
    return path


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return write(tmp_path / "train.json", rows())


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "checkpoints"


@pytest.fixture
def run(minilm: str, folder: Path, capsys: pytest.CaptureFixture[str]) -> Any:
    """Runs ``embedscope train`` over MiniLM into the folder; options that are given again win."""

    def started(*words: object, base: Sequence[str] = ("--base-model", minilm), into: Path | None = folder) -> Any:
        capsys.readouterr()
        where = [] if into is None else ["--output-dir", str(into)]
        status = cli.main(["train", *base, *where, "--device", "cpu", "--d-out", "16", *map(str, words)])
        said = capsys.readouterr()
        return status, said.out, " ".join(said.err.split())

    return started


def report_of(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / "training.json").read_text(encoding="utf-8"))
    return found


def head_of(path: Path) -> np.ndarray:
    weight: np.ndarray = torch.load(path, weights_only=True)["model_state_dict"]["head.linear.weight"].numpy()
    return weight


# --- what is written ----------------------------------------------------------------------------------------------


def test_a_run_leaves_checkpoints_config_record_and_curves(run: Any, data: Path, folder: Path) -> None:
    status, out, err = run("--data", data, "--epochs", 4, "--split", 0.3)
    assert status == 0
    assert {path.name for path in folder.iterdir()} == {
        "bgem3_projection_epoch2.pt", "bgem3_projection_epoch4.pt", BEST, FINAL,
        "config.json", "training.json", "training_curves.png", "manifest.json",
    }  # fmt: skip
    stored = torch.load(folder / FINAL, weights_only=True)
    assert {"epoch", "model_state_dict", "loss", "val_loss", "config"} <= stored.keys()
    assert stored["epoch"] == 4
    assert stored["model_state_dict"]["head.linear.weight"].shape == (16, 384)
    recorded = {"base_model", "pooling", "max_length", "activation", "normalizes_input", "temperature", "d_out"}
    assert recorded <= json.loads((folder / "config.json").read_text()).keys() & stored["config"].keys()
    assert (folder / "training_curves.png").read_bytes().startswith(b"\x89PNG")
    assert (folder / BEST).stat().st_size < 100_000
    report = report_of(folder)
    assert [epoch["epoch"] for epoch in report["epochs"]] == [0, 1, 2, 3, 4]
    last = report["epochs"][-1]
    assert {"train_loss", "valid_loss", "metrics", "violation_rates", "effective_rank", "elapsed_s"} <= last.keys()
    assert last["metrics"]["MRR"]["low"] <= last["metrics"]["MRR"]["value"] <= last["metrics"]["MRR"]["high"]
    assert "Epoch 4/4" in err
    assert "pairs into validation whose group is trained on too" in err
    assert f"Written to {folder}/" in out


def test_queries_that_share_a_positive_stay_on_one_side_of_the_split(run: Any, data: Path, folder: Path) -> None:
    run("--data", data, "--epochs", 1, "--split", 0.25)
    report = report_of(folder)
    assert report["n_valid_queries"] == 2 * report["n_valid_clusters"] == 12
    assert report["n_pairs"] == 36


def test_the_checkpoint_needs_no_further_flag_to_be_evaluated_and_gives_the_curves_last_point(
    run: Any, data: Path, tmp_path: Path, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    valid = write(tmp_path / "valid.json", rows(24, start=60))
    run("--data", data, "--valid", valid, "--epochs", 3)
    words = ["evaluate", "--checkpoint", str(folder / BEST), "--data", str(valid), "--draws", "200", "--json"]
    assert cli.main(words) == 0
    evaluated = json.loads(capsys.readouterr().out)
    report = report_of(folder)
    curve = report["epochs"][report["best_epoch"]]["metrics"]["MRR"]["value"]
    assert evaluated["metrics"]["MRR"]["value"] == pytest.approx(curve, abs=1e-12)
    assert report["base"]["MRR"] == pytest.approx(evaluated["metrics"]["MRR"]["base"], abs=1e-12)


def test_a_served_folder_is_evaluated_to_the_same_metrics_as_the_checkpoint(
    run: Any, data: Path, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    status, out, _ = run("--data", data, "--epochs", 2, "--save-format", "sentence-transformers")
    assert status == 0
    assert "bgem3_projection_best/" in out
    found = []
    for checkpoint in (folder / BEST, folder / "bgem3_projection_best"):
        words = ["evaluate", "--checkpoint", str(checkpoint), "--data", str(data), "--draws", "200", "--json"]
        assert cli.main(words) == 0
        report = json.loads(capsys.readouterr().out)
        found.append({name: metric["value"] for name, metric in report["metrics"].items()})
    assert found[0] == pytest.approx(found[1], abs=1e-9)


def test_a_safetensors_head_says_what_it_was_trained_on(run: Any, data: Path, folder: Path) -> None:
    from embedscope.models.model import load_model

    assert run("--data", data, "--epochs", 1, "--save-format", "safetensors")[0] == 0
    ours = load_model(folder / "bgem3_projection_best.safetensors", device="cpu")
    theirs = load_model(folder / BEST, device="cpu")
    assert ours.facts.training["epoch"] == "1"
    assert ours.encoder.fingerprint == theirs.encoder.fingerprint
    assert ours.facts.fingerprint == theirs.facts.fingerprint


def test_the_record_is_printed_as_json_and_nothing_else(run: Any, data: Path, folder: Path) -> None:
    _, out, _ = run("--data", data, "--epochs", 1, "--json")
    assert json.loads(out) == report_of(folder)
    assert run("--data", data, "--epochs", 1, "--quiet", "--overwrite")[1:] == ("", "")


def test_event_files_for_tensorboard(run: Any, data: Path, folder: Path) -> None:
    pytest.importorskip("tensorboard")
    assert run("--data", data, "--epochs", 1, "--tensorboard")[0] == 0
    assert list((folder / "tensorboard").glob("events.out.*"))


# --- options ------------------------------------------------------------------------------------------------------


def test_the_same_seed_gives_the_same_bits_and_another_seed_others(run: Any, data: Path, tmp_path: Path) -> None:
    heads = []
    for place, seed in (("a", 1), ("b", 1), ("c", 2)):
        run("--data", data, "--epochs", 2, "--seed", seed, into=tmp_path / place)
        heads.append(head_of(tmp_path / place / FINAL))
    np.testing.assert_array_equal(heads[0], heads[1])
    assert not np.array_equal(heads[0], heads[2])


def test_a_configuration_of_the_original_is_understood_and_the_command_line_wins(
    run: Any, data: Path, tmp_path: Path
) -> None:
    original = {
        "// Comment": "of the original project", "data_path": str(data), "train_split": 0.75, "d_out": 8,
        "freeze_encoder": True, "use_layernorm": True, "epochs": 7, "max_length": 32, "output_dir": str(tmp_path / "o"),
        "save_every": 2, "save_best": True, "log_every": 10, "validate_every": 1, "device": "auto",
    }  # fmt: skip
    config = write(tmp_path / "config.json", original)
    status, _, err = run("--config", config, "--epochs", 1, into=None)
    assert status == 0, err
    assert "without effect" not in err
    stored = json.loads((tmp_path / "o" / "config.json").read_text())
    assert (stored["epochs"], stored["use_layernorm"], stored["max_length"], stored["split"]) == (1, True, 32, 0.25)
    assert stored["d_out"] == 16  # given on the command line


def test_the_configuration_that_a_run_writes_is_one_that_it_reads_without_remarks(
    run: Any, data: Path, tmp_path: Path, folder: Path
) -> None:
    run("--data", data, "--split", 0.3, "--epochs", 1)
    config = folder / "config.json"
    status, _, err = run("--config", config, base=(), into=tmp_path / "again")
    assert status == 0, err
    assert "without effect" not in err
    np.testing.assert_array_equal(head_of(folder / FINAL), head_of(tmp_path / "again" / FINAL))


def test_what_the_command_line_says_of_validation_wins_over_the_configuration(
    run: Any, data: Path, tmp_path: Path, folder: Path
) -> None:
    valid = write(tmp_path / "valid.json", rows(24, start=60))
    config = write(tmp_path / "config.json", {"valid": str(valid), "use_layernorm": True, "patience": 3})
    words = ("--config", config, "--data", data, "--epochs", 1)
    run(*words, "--split", 0.5, "--no-use-layernorm", "--patience", 0)
    report = report_of(folder)
    assert report["n_valid_queries"] == 24
    assert report["n_pairs"] == 24
    told = report["config"]
    assert (told["valid"], told["split"], told["use_layernorm"], told["patience"]) == (None, 0.5, False, 0)
    run(*words, "--split", 0, "--select", "loss", "--overwrite")
    assert report_of(folder)["n_valid_queries"] == 0
    split = write(tmp_path / "split.json", {"split": 0.5})
    run("--config", split, "--data", data, "--epochs", 1, "--valid", valid, "--overwrite")
    assert report_of(folder)["n_pairs"] == 48


@pytest.mark.parametrize(
    "entry",
    [
        {"pooling": "average"}, {"split": "0.1"}, {"split": True}, {"max_length": "64"}, {"output_dir": 5},
        {"base_model": None}, {"base_model": ""}, {"valid": 3}, {"data": ["a"]}, {"data_path": 7}, {"train_split": 2},
    ],
)  # fmt: skip
def test_a_value_of_the_wrong_kind_in_a_configuration_is_one_message(
    entry: dict[str, Any], data: Path, tmp_path: Path, minilm: str, capsys: pytest.CaptureFixture[str]
) -> None:
    config = write(tmp_path / "config.json", {"base_model": minilm, "data": str(data), "output_dir": "o"} | entry)
    if "data_path" in entry:
        write(config, {"base_model": minilm} | entry)
    assert cli.main(["train", "--config", str(config), "--quiet"]) == 2
    err = capsys.readouterr().err
    assert err.count("embedscope: ") == 1
    (name,) = ({"data_path": "data", "train_split": "split"}.get(key, key) for key in entry)
    assert f"The configuration gives '{name}' the value" in err


def test_an_unknown_entry_of_a_configuration_is_named(run: Any, data: Path, tmp_path: Path) -> None:
    config = write(tmp_path / "config.json", {"learning_rat": 1.0, "epochs": 1})
    status, _, err = run("--data", data, "--config", config)
    assert status == 0
    assert "no such option, without effect: learning_rat" in err


def test_selecting_by_loss_needs_no_validation(run: Any, data: Path, folder: Path) -> None:
    status, _, err = run("--data", data, "--epochs", 2, "--split", 0, "--select", "loss")
    report = report_of(folder)
    best = report["epochs"][report["best_epoch"]]
    assert f"Best by loss: epoch {best['epoch']} ({best['train_loss']:.3f})" in err
    assert status == 0
    assert report["epochs"][-1]["metrics"] == {}
    assert report["best_epoch"] == 2


def test_patience_ends_a_run_that_does_not_improve(run: Any, data: Path, folder: Path) -> None:
    run("--data", data, "--epochs", 30, "--patience", 1, "--learning-rate", 1e-9)
    report = report_of(folder)
    assert len(report["epochs"]) < 30
    assert "has not improved for 1 epochs" in report["stopped"]


def test_data_without_hard_negatives_is_trained_on_and_that_is_said(run: Any, tmp_path: Path, folder: Path) -> None:
    bare = write(tmp_path / "bare.json", rows(n_negatives=0))
    status, _, err = run("--data", bare, "--epochs", 1, "--use-hard-neg")
    assert status == 0
    assert "The data has no hard negatives" in err
    assert report_of(folder)["n_negatives"] == 0
    assert "no hard negatives" not in run("--data", bare, "--epochs", 1, "--no-hard-neg", "--overwrite")[2]


def test_weights_that_were_never_filled_in_count_as_one_unless_kept(run: Any, tmp_path: Path, folder: Path) -> None:
    zero = write(tmp_path / "zero.json", rows(weight=0.0))
    one = write(tmp_path / "one.json", rows(weight=1.0))
    _, _, err = run("--data", zero, "--epochs", 1, into=tmp_path / "zero")
    assert "trained with the weight 1.0" in err
    run("--data", one, "--epochs", 1, into=tmp_path / "one")
    np.testing.assert_array_equal(head_of(tmp_path / "zero" / FINAL), head_of(tmp_path / "one" / FINAL))
    random = ("--init", "random", "--epochs", 1)  # PCA would see the texts of the negatives
    _, _, err = run("--data", zero, *random, "--keep-zero-weights", into=tmp_path / "kept")
    assert "are kept so" in err
    run("--data", one, *random, "--no-hard-neg", into=tmp_path / "none")
    kept, none = (report_of(tmp_path / place)["epochs"][1]["train_loss"] for place in ("kept", "none"))
    assert kept == pytest.approx(none, rel=1e-6)


def test_weights_that_are_judged_otherwise_in_the_validation_rows_are_said(
    run: Any, tmp_path: Path, folder: Path
) -> None:
    zero = write(tmp_path / "zero.json", rows(weight=0.0))
    mixed = write(tmp_path / "mixed.json", rows(12, start=60, weight=0.0) + rows(12, start=80))
    _, _, err = run("--data", zero, "--valid", mixed, "--epochs", 1)
    assert "the two losses are not of one kind" in err
    _, _, err = run("--data", zero, "--valid", mixed, "--epochs", 1, "--keep-zero-weights", "--overwrite")
    assert "not of one kind" not in err


def test_the_best_head_against_its_base_and_each_prefix_are_said_at_the_end(
    run: Any, data: Path, tmp_path: Path, folder: Path
) -> None:
    valid = write(tmp_path / "valid.json", rows(24, start=60))
    _, _, err = run("--data", data, "--valid", valid, "--epochs", 2, "--matryoshka", "8")
    report = report_of(folder)
    found = report["against_base"]
    is_above = found["low"] is not None and found["low"] > 0
    assert ("Next: embedscope visualize" in err) == is_above
    assert f"Against the base model: MRR {found['difference']:+.3f}" in err
    assert report["n_valid_clusters"] == 12 <= report["n_valid_effective"] <= 24
    effective = f"{report['n_valid_effective']:.0f} effectively independent"
    assert f"paired on 24 queries ({effective}) of the validation set" in err
    assert "effectively independent queries, fewer than 30" in err
    assert list(report["prefixes"]) == ["16", "8"]
    assert f"MRR of the first 8 numbers: {report['prefixes']['8']['value']:.3f}" in err


def test_validation_rows_that_are_trained_on_are_said(run: Any, data: Path, tmp_path: Path) -> None:
    valid = write(tmp_path / "valid.json", rows(24, start=36))
    _, _, err = run("--data", data, "--valid", valid, "--epochs", 1)
    assert "12 of 24 validation queries and 6 of 12 of their positives stand in the training file too" in err


# --- resuming -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("whence", ["folder", "file"])
def test_a_resumed_run_ends_with_the_bits_of_one_that_never_stopped(
    run: Any, data: Path, tmp_path: Path, whence: str
) -> None:
    valid = write(tmp_path / "valid.json", rows(24, start=60))
    common = ("--data", data, "--valid", valid, "--batch-size", 16, "--save-every", 1, "--warmup-steps", 5)
    run(*common, "--epochs", 5, into=tmp_path / "whole")
    run(*common, "--epochs", 2, into=tmp_path / "parts")
    start = tmp_path / "parts" if whence == "folder" else tmp_path / "parts" / "bgem3_projection_epoch2.pt"
    status, _, err = run("--resume", start, "--epochs", 5, base=(), into=None)
    assert status == 0, err
    assert "after epoch 2" in err
    assert "not as it was" not in err
    for name in (BEST, FINAL):
        np.testing.assert_array_equal(head_of(tmp_path / "parts" / name), head_of(tmp_path / "whole" / name))
    records = [report_of(tmp_path / place)["epochs"] for place in ("whole", "parts")]
    for one, other in zip(*records, strict=True):
        assert {**one, "elapsed_s": 0} == {**other, "elapsed_s": 0}


def test_a_split_is_the_same_when_resumed_without_naming_it(run: Any, data: Path, folder: Path) -> None:
    run("--data", data, "--split", 0.4, "--seed", 7, "--epochs", 2)
    _, _, err = run("--resume", folder, "--epochs", 3, base=(), into=None)
    assert "not as it was" not in err
    assert report_of(folder)["config"]["split"] == 0.4


def test_other_options_than_the_run_began_with_are_said(run: Any, data: Path, folder: Path) -> None:
    run("--data", data, "--epochs", 1)
    _, _, err = run("--resume", folder, "--epochs", 2, "--temperature", 0.5)
    assert "temperature 0.07 -> 0.5" in err


def test_other_data_than_the_run_began_with_is_said_and_the_same_data_elsewhere_is_not(
    run: Any, data: Path, tmp_path: Path, folder: Path
) -> None:
    valid = write(tmp_path / "valid.json", rows(24, start=60))
    run("--data", data, "--valid", valid, "--epochs", 2)
    moved = write(tmp_path / "moved.json", rows(24, start=60))
    _, _, err = run("--resume", folder, "--epochs", 3, "--valid", moved, base=(), into=None)
    assert "not as it was" not in err
    write(valid, rows(8, start=80))
    write(data, rows()[::-1])
    _, _, err = run("--resume", folder, "--epochs", 4, "--valid", valid, base=(), into=None)
    assert "the order of the training rows" in err
    assert "the validation data" in err
    assert "the training data (another file" not in err
    assert "the best one is chosen from epoch 4 on" in err
    assert report_of(folder)["best_epoch"] == 4


def test_a_base_model_whose_weights_are_others_is_said(
    run: Any, data: Path, minilm: str, tmp_path: Path, folder: Path
) -> None:
    from safetensors.torch import load_file, save_file

    base = tmp_path / "base"
    shutil.copytree(minilm, base)
    run("--data", data, "--epochs", 2, base=("--base-model", str(base)))
    tensors = load_file(base / "model.safetensors")
    save_file({name: tensor * 1.01 for name, tensor in tensors.items()}, base / "model.safetensors", {"format": "pt"})
    _, _, err = run("--resume", folder, "--epochs", 3, base=(), into=None)
    assert "the base model (its weights, pooling, length or number format)" in err


def test_a_run_is_resumed_from_another_working_directory(
    run: Any, data: Path, tmp_path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(data.parent)
    assert run("--data", data.name, "--epochs", 1)[0] == 0
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    status, _, err = run("--resume", folder, "--epochs", 2, base=(), into=None)
    assert status == 0, err
    assert json.loads((folder / "config.json").read_text())["data"] == str(data)


def test_another_metric_or_validation_that_is_added_needs_no_new_run(run: Any, data: Path, folder: Path) -> None:
    run("--data", data, "--split", 0, "--select", "loss", "--epochs", 2)
    status, _, err = run("--resume", folder, "--epochs", 3, "--split", 0.3, "--select", "MRR", base=(), into=None)
    assert status == 0, err
    assert report_of(folder)["best_epoch"] == 3
    status, _, err = run("--resume", folder, "--epochs", 4, "--select", "nDCG@10", base=(), into=None)
    assert status == 0, err
    assert report_of(folder)["best_epoch"] == 4


def test_a_second_training_does_not_mix_with_the_first(run: Any, data: Path, folder: Path) -> None:
    run("--data", data, "--epochs", 4)
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    status, _, err = run("--data", data, "--epochs", 2, "--temperature", 0.5)
    assert status == 2
    assert "of another training" in err
    assert "--overwrite" in err
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before
    assert run("--data", data, "--epochs", 2, "--temperature", 0.5, "--overwrite")[0] == 0
    assert {path.name for path in folder.glob("*.pt")} == {"bgem3_projection_epoch2.pt", BEST, FINAL}
    _, _, err = run("--resume", folder, "--epochs", 3, base=(), into=None)
    assert "after epoch 2" in err


def test_a_run_keeps_its_name_when_it_is_resumed_and_another_has_another(run: Any, data: Path, tmp_path: Path) -> None:
    names = []
    for place in ("a", "b"):
        run("--data", data, "--epochs", 1, into=tmp_path / place)
        names.append(json.loads((tmp_path / place / "config.json").read_text())["run_id"])
    run("--resume", tmp_path / "a", "--epochs", 2, base=(), into=tmp_path / "c")
    assert json.loads((tmp_path / "c" / "config.json").read_text())["run_id"] == names[0] != names[1]


def test_a_run_that_stopped_early_has_nothing_to_resume_until_patience_is_off(
    run: Any, data: Path, folder: Path, tmp_path: Path
) -> None:
    run("--data", data, "--epochs", 30, "--patience", 1, "--learning-rate", 1e-9)
    status, _, err = run("--resume", folder, "--epochs", 40, base=(), into=tmp_path / "other")
    assert status == 2
    assert "--patience 0" in err
    assert not (tmp_path / "other").exists()
    status, _, err = run("--resume", folder, "--epochs", 6, "--patience", 0, base=(), into=None)
    assert status == 0, err
    assert len(report_of(folder)["epochs"]) == 7


def test_ctrl_c_leaves_record_curves_and_a_checkpoint_and_says_how_to_go_on(
    run: Any, data: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(record: EpochRecord, *_: object, **__: object) -> str:
        if record.epoch == 3:
            raise KeyboardInterrupt
        return ""

    with monkeypatch.context() as patched:
        patched.setattr(fitting, "epoch_line", interrupt)
        status, _, err = run("--data", data, "--epochs", 9, "--save-every", 100)
    assert status == 130
    (saved,) = folder.glob("*epoch*.pt")
    assert saved.name == "bgem3_projection_epoch3.pt"
    assert f"Stopped after epoch 3. Go on with: embedscope train --resume {saved}" in err
    report = report_of(folder)
    assert [epoch["epoch"] for epoch in report["epochs"]] == [0, 1, 2, 3]
    assert report["stopped"] == "not over: 3 of 9 epochs are done"
    assert (folder / "training_curves.png").exists()
    status, _, err = run("--resume", folder, "--epochs", 4, base=(), into=None)
    assert status == 0, err


def test_a_process_that_is_killed_leaves_checkpoints_that_load_and_resume(
    data: Path, minilm: str, folder: Path, run: Any, tmp_path: Path
) -> None:
    run("--data", data, "--epochs", 1, "--save-every", 1, into=tmp_path / "warm")  # vectors are in the cache now
    words = ["train", "--data", str(data), "--base-model", minilm, "--output-dir", str(folder), "--d-out", "16"]
    words += ["--epochs", "100000", "--save-every", "1", "--device", "cpu"]
    process = subprocess.Popen(
        [sys.executable, "-m", "embedscope", *words], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, env=os.environ
    )
    assert process.stderr is not None
    for line in process.stderr:
        if b"Epoch" in line and b" 3/" in line:
            process.send_signal(signal.SIGKILL)
            break
    process.wait()
    process.stderr.close()
    saved = sorted(folder.glob("*.pt"))
    assert len(saved) >= 3
    for path in saved:
        assert np.isfinite(head_of(path)).all()
    status, _, err = run("--resume", folder, "--epochs", len(saved) + 2, base=(), into=None)
    assert status == 0, err


# --- what is refused ----------------------------------------------------------------------------------------------


def test_bad_input_ends_with_status_2_one_message_and_no_folder(
    run: Any, data: Path, tmp_path: Path, folder: Path
) -> None:
    text = tmp_path / "text.json"
    text.write_text("{not json", encoding="utf-8")
    one_group = write(tmp_path / "one_group.json", [{**row, "pos": "the same text"} for row in rows(8)])
    single = write(tmp_path / "single.json", rows(1))
    two = write(tmp_path / "two.json", {"epochs": "ten"})
    array = write(tmp_path / "array.json", [1])
    tuned = write(tmp_path / "tuned.json", {"freeze_encoder": False})
    weights = tmp_path / "weights.pt"
    torch.save({"head.linear.weight": torch.zeros(16, 384)}, weights)
    cases: list[tuple[list[object], str]] = [
        (["--config", text], "is not JSON"),
        (["--config", array], "expected an object"),
        (["--config", two], "'epochs'"),
        (["--config", tuned], "freeze_encoder"),
        (["--config", tmp_path / "absent.json"], "cannot be read"),
        (["--select", "accuracy"], "accuracy"),
        (["--split", 0.2, "--valid", data], "Pass one of them"),
        (["--split", 0, "--select", "MRR"], "--select MRR is measured on validation queries"),
        (["--split", 0.95], "--split is 0.95"),
        (["--matryoshka", "8,99"], "--matryoshka"),
        (["--d-out", 999], "--init random"),
        (["--batch-size", 1], "--batch-size"),
        (["--data", one_group], "are needed"),
        (["--data", single], "needed"),
        (["--data", tmp_path / "absent.json"], "absent.json"),
        (["--valid", tmp_path / "absent.json"], "absent.json"),
        (["--base-model", tmp_path / "absent.pt"], "--base-model"),
        (["--resume", tmp_path / "absent.pt"], "There is no checkpoint"),
        (["--resume", data], "expected a torch .pt file"),
        (["--resume", tmp_path], "holds no checkpoint to resume"),
        (["--resume", weights], "not the state of its optimiser"),
    ]
    for words, expected in cases:
        status, out, err = run("--data", data, *words)
        assert (status, out) == (2, ""), words
        assert err.count("embedscope: ") == 1, words
        assert expected in err, words
        assert not folder.exists(), words


@pytest.mark.parametrize("words", [("--split", "1.0"), ("--epochs", "0"), ("--temperature", "0"), ("--init", "zeros")])
def test_values_out_of_range_are_refused_by_the_parser(words: tuple[str, str], run: Any, data: Path) -> None:
    with pytest.raises(SystemExit) as stopped:
        run("--data", data, *words)
    assert stopped.value.code == 2


def test_no_data_at_all_is_refused(run: Any) -> None:
    status, _, err = run()
    assert status == 2
    assert "There is nothing to train on" in err


def test_a_run_that_is_complete_has_nothing_to_resume(run: Any, data: Path, folder: Path) -> None:
    run("--data", data, "--epochs", 2)
    before = [path.read_bytes() for path in sorted(folder.iterdir())]
    status, _, err = run("--resume", folder, "--epochs", 2, "--temperature", 0.5)
    assert status == 2
    assert "Pass a larger --epochs" in err
    assert [path.read_bytes() for path in sorted(folder.iterdir())] == before


def test_an_output_folder_that_is_a_file_is_refused_before_any_work(run: Any, data: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    status, _, err = run("--data", data, into=tmp_path / "file")
    assert status == 2
    assert "--output-dir" in err
    assert (tmp_path / "file").read_text() == "mine"


def test_another_thing_in_the_place_of_the_served_folder_is_refused_before_any_work(
    run: Any, data: Path, folder: Path
) -> None:
    (folder / SERVED).mkdir(parents=True)
    status, _, err = run("--data", data, "--save-format", "sentence-transformers")
    assert status == 2
    assert "something else stands there" in err
    assert [path.name for path in folder.iterdir()] == [SERVED]


def test_a_tool_that_is_not_installed_is_refused_before_any_work(
    run: Any, data: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "mlflow", None)
    status, _, err = run("--data", data, "--mlflow")
    assert status == 2
    assert "[mlflow]" in err
    assert not folder.exists()
