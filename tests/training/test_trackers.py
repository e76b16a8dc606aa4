"""Curves for other tools: what is sent, and what is said where a tool is absent."""

from __future__ import annotations

import builtins
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from embedscope.errors import MissingExtraError
from embedscope.findings import EpochRecord, Figure
from embedscope.training import Tool, Trackers
from embedscope.training.trackers import figures_of

RECORD = EpochRecord(3, 0.5, None, 1e-4, 2.0, {"MRR@10": Figure(0.4, 0.3, 0.5)}, 0.25, {"price": 0.2}, 7.0, 0.1)


def test_every_measured_number_is_sent_and_nothing_else() -> None:
    assert figures_of(RECORD) == {
        "train/loss": 0.5, "train/learning_rate": 1e-4, "train/gradient_norm": 2.0, "valid/effective_rank": 7.0,
        "valid/violation_rate": 0.25, "epoch_seconds": 0.1, "valid/MRR@10": 0.4, "valid/MRR@10_low": 0.3,
        "valid/MRR@10_high": 0.5, "violation_rate/price": 0.2,
    }  # fmt: skip


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, Any]]:
    """What MLflow and Weights & Biases are told; both are stood in for."""
    told: list[tuple[str, Any]] = []

    def teller(name: str) -> Any:
        return lambda *words, **named: told.append((name, (words, named)))

    mlflow: Any = ModuleType("mlflow")
    for name in ("start_run", "log_params", "log_metrics", "end_run"):
        setattr(mlflow, name, teller(f"mlflow.{name}"))
    wandb: Any = ModuleType("wandb")

    def init(**named: Any) -> Any:
        told.append(("wandb.init", ((), named)))
        return SimpleNamespace(log=teller("wandb.log"), finish=teller("wandb.finish"))

    wandb.init = init
    monkeypatch.setitem(sys.modules, "mlflow", mlflow)
    monkeypatch.setitem(sys.modules, "wandb", wandb)
    return told


def test_mlflow_and_wandb_get_the_options_and_each_epoch(sent: list[tuple[str, Any]], tmp_path: Path) -> None:
    trackers = Trackers([Tool.MLFLOW, Tool.WANDB], tmp_path / "run", {"epochs": 3})
    trackers.log(RECORD)
    trackers.close()
    names = [name for name, _ in sent]
    assert names == [
        "mlflow.start_run", "mlflow.log_params", "wandb.init", "mlflow.log_metrics", "wandb.log", "mlflow.end_run",
        "wandb.finish",
    ]  # fmt: skip
    told = dict(sent)
    assert told["mlflow.log_params"][0] == ({"epochs": "3"},)
    assert told["mlflow.log_metrics"][0][0]["valid/MRR_at_10"] == 0.4
    assert told["mlflow.log_metrics"][1] == {"step": 3}
    assert told["wandb.log"][0][0]["valid/MRR@10"] == 0.4


def test_tensorboard_writes_event_files_that_it_reads_again(tmp_path: Path) -> None:
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    trackers = Trackers([Tool.TENSORBOARD], tmp_path, {"epochs": 3})
    trackers.log(RECORD)
    trackers.close()
    events = EventAccumulator(str(tmp_path / "tensorboard"))
    events.Reload()
    (event,) = events.Scalars("valid/MRR@10")
    assert (event.step, event.value) == (3, pytest.approx(0.4))


@pytest.mark.parametrize("tool", list(Tool))
def test_an_absent_tool_is_named_with_the_command_that_installs_it(
    tool: Tool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = builtins.__import__

    def absent(name: str, *rest: Any) -> Any:
        if name in ("mlflow", "wandb", "torch.utils.tensorboard"):
            raise ImportError(name)
        return real(name, *rest)

    monkeypatch.setattr(builtins, "__import__", absent)
    with pytest.raises(MissingExtraError, match=rf"--{tool} needs.*embedscope\[{tool}\]"):
        Trackers([tool], tmp_path, {})
