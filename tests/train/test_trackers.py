"""Curves for other tools: what is sent, and what is said where a tool is absent."""

from __future__ import annotations

import sys
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from embedscope.errors import MissingExtraError, OutputError
from embedscope.result import EpochRecord, Estimate
from embedscope.train import trackers
from embedscope.train.record import figures_of
from embedscope.train.trackers import Tool, Trackers

RECORD = EpochRecord(3, 0.5, None, 1e-4, 2.0, {"MRR@10": Estimate(0.4, 0.3, 0.5)}, 0.25, {"price": 0.2}, 7.0, 0.1)


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
    mlflow.search_experiments = lambda **named: []
    mlflow.create_experiment = lambda **named: "1"
    validation = SimpleNamespace(MAX_PARAM_VAL_LENGTH=500, MAX_PARAMS_TAGS_PER_BATCH=100)
    mlflow.utils = SimpleNamespace(validation=validation)
    wandb: Any = ModuleType("wandb")

    def init(**named: Any) -> Any:
        told.append(("wandb.init", ((), named)))
        return SimpleNamespace(log=teller("wandb.log"), finish=teller("wandb.finish"))

    wandb.init = init
    wandb.config = SimpleNamespace(update=teller("wandb.config.update"))
    for module in (mlflow, wandb):
        module.__spec__ = ModuleSpec(module.__name__, None)
        monkeypatch.setitem(sys.modules, module.__name__, module)
    return told


def test_mlflow_and_wandb_get_the_options_and_each_epoch(sent: list[tuple[str, Any]], tmp_path: Path) -> None:
    with Trackers([Tool.MLFLOW, Tool.WANDB], tmp_path / "run", {"epochs": 3}) as trackers:
        trackers.log(RECORD)
    names = [name for name, _ in sent]
    assert names == [
        "mlflow.start_run", "mlflow.log_params", "wandb.init", "wandb.config.update", "mlflow.log_metrics", "wandb.log",
        "mlflow.end_run", "wandb.finish",
    ]  # fmt: skip
    told = dict(sent)
    assert told["mlflow.log_params"][0] == ({"epochs": "3"},)
    assert told["wandb.config.update"][0] == ({"epochs": 3},)
    assert told["mlflow.start_run"][1]["run_name"] == told["wandb.init"][1]["name"] == "run"
    assert told["mlflow.log_metrics"][0][0]["valid/MRR_at_10"] == 0.4
    assert told["mlflow.log_metrics"][1] == {"step": 3}
    assert told["wandb.log"][0][0]["valid/MRR@10"] == 0.4


def test_tensorboard_writes_event_files_that_it_reads_again(tmp_path: Path) -> None:
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    with Trackers([Tool.TENSORBOARD], tmp_path, {"epochs": 3}) as trackers:
        trackers.log(RECORD)
    events = EventAccumulator(str(tmp_path / "tensorboard"))
    events.Reload()
    (event,) = events.Scalars("valid/MRR@10")
    assert (event.step, event.value) == (3, pytest.approx(0.4))


@pytest.mark.parametrize("tool", list(Tool))
def test_an_absent_tool_is_named_with_the_command_that_installs_it(
    tool: Tool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, tool.value, None)
    with pytest.raises(MissingExtraError, match=rf"--{tool} needs.*\[{tool}\]"):
        Trackers([tool], tmp_path, {})


class _Failing:
    """A tracker that fails at an epoch above 1, and when it is finished."""

    def __init__(self, *_: Any) -> None:
        self.tracker = self

    def start(self) -> None: ...

    def store_init_configuration(self, values: Any) -> None: ...

    def log(self, values: Any, step: int) -> None:
        if step > 1:
            raise ConnectionError("the server is gone\nmore lines")

    def finish(self, exit_code: int) -> None:
        raise ConnectionError("still gone")


def record_of(epoch: int) -> EpochRecord:
    return EpochRecord(epoch, 0.5, None, 1e-4, 1.0, {}, None, {}, None, 0.1)


def test_a_tool_that_fails_in_the_middle_is_said_once_and_the_run_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trackers, "require_installed", lambda tool: None)
    monkeypatch.setattr(trackers, "_tracker", _Failing)
    said: list[str] = []
    with Trackers([Tool.WANDB], tmp_path, {}, said.append) as tools:
        for epoch in range(4):
            tools.log(record_of(epoch))
    assert said == ["wandb takes no more figures from epoch 2 on (ConnectionError: the server is gone)."]


def test_a_tool_that_cannot_be_closed_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trackers, "require_installed", lambda tool: None)
    monkeypatch.setattr(trackers, "_tracker", _Failing)
    said: list[str] = []
    with Trackers([Tool.WANDB], tmp_path, {}, said.append) as tools:
        tools.log(record_of(1))
    assert said == ["wandb could not be closed (ConnectionError: still gone)."]


def test_a_tool_that_cannot_be_started_ends_the_run_with_its_option_and_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*_: Any) -> Any:
        raise RuntimeError("no login")

    monkeypatch.setattr(trackers, "require_installed", lambda tool: None)
    monkeypatch.setattr(trackers, "_tracker", refused)
    with pytest.raises(OutputError, match=r"--wandb cannot be started.*no login"):
        Trackers([Tool.WANDB], tmp_path, {}).log(record_of(0))


@pytest.mark.parametrize(
    ("error", "status", "exit_code"),
    [(None, "FINISHED", 0), (RuntimeError("broken"), "FAILED", 1), (KeyboardInterrupt(), "KILLED", 1)],
)
def test_a_run_ends_in_each_tool_as_the_training_ended(
    sent: list[tuple[str, Any]], tmp_path: Path, error: BaseException | None, status: str, exit_code: int
) -> None:
    def train() -> None:
        with Trackers([Tool.MLFLOW, Tool.WANDB], tmp_path, {}) as tools:
            tools.log(record_of(0))
            if error is not None:
                raise error

    if error is None:
        train()
    else:
        with pytest.raises(type(error)):
            train()
    told = dict(sent)
    assert told["mlflow.end_run"] == ((), {"status": status})
    assert told["wandb.finish"] == ((), {"exit_code": exit_code})


def test_a_tool_that_fails_in_the_middle_has_its_run_ended_all_the_same(
    sent: list[tuple[str, Any]], tmp_path: Path
) -> None:
    def hiccup(*words: Any, **named: Any) -> None:
        raise ConnectionError("hiccup")

    sys.modules["mlflow"].log_metrics = hiccup  # type: ignore[attr-defined]
    with Trackers([Tool.MLFLOW], tmp_path, {}) as tools:
        for epoch in range(2):
            tools.log(record_of(epoch))
    assert [name for name, _ in sent].count("mlflow.end_run") == 1


def test_a_run_whose_options_are_refused_is_ended_as_failed_and_so_are_those_begun_before(
    sent: list[tuple[str, Any]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(parameters: Any) -> None:
        raise RuntimeError("param too long")

    sys.modules["mlflow"].log_params = refused  # type: ignore[attr-defined]
    with (
        pytest.raises(OutputError, match=r"--mlflow cannot be started.*param too long"),
        Trackers([Tool.WANDB, Tool.MLFLOW], tmp_path, {"epochs": 3}) as tools,
    ):
        tools.log(record_of(0))
    ended = [(name, named) for name, (_, named) in sent if name in ("mlflow.end_run", "wandb.finish")]
    assert ended == [("mlflow.end_run", {"status": "FAILED"}), ("wandb.finish", {"exit_code": 1})]
