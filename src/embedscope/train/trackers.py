"""Curves for the tools that people already have open: TensorBoard, MLflow, Weights & Biases."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from enum import StrEnum
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol, Self

from embedscope.errors import MissingExtraError, OutputError
from embedscope.protocols import Warn
from embedscope.result import EpochRecord


class Tool(StrEnum):
    """A tool that curves can be sent to; its name is also that of the extra that installs it."""

    TENSORBOARD = "tensorboard"
    MLFLOW = "mlflow"
    WANDB = "wandb"


class Ending(StrEnum):
    """How a run ended, in the words of MLflow."""

    FINISHED = "FINISHED"
    FAILED = "FAILED"
    KILLED = "KILLED"

    @classmethod
    def of(cls, error: type[BaseException] | None) -> Ending:
        """The ending that an exception makes, or none does."""
        if error is None:
            return cls.FINISHED
        return cls.FAILED if issubclass(error, Exception) else cls.KILLED


class Tracker(Protocol):
    """Takes the figures of each epoch. Where it cannot be made, it leaves no run open."""

    def log(self, epoch: int, figures: Mapping[str, float]) -> None: ...

    def close(self, ending: Ending) -> None: ...


def figures_of(record: EpochRecord) -> dict[str, float]:
    """The numbers of an epoch by the name of their curve; what was not measured is left out."""
    named = {
        "train/loss": record.train_loss,
        "train/learning_rate": record.learning_rate,
        "train/gradient_norm": record.gradient_norm,
        "valid/loss": record.valid_loss,
        "valid/effective_rank": record.effective_rank,
        "valid/violation_rate": record.violation_rate,
        "epoch_seconds": record.elapsed_s,
    }
    for name, figure in record.metrics.items():
        named |= {f"valid/{name}": figure.value, f"valid/{name}_low": figure.low, f"valid/{name}_high": figure.high}
    named |= {f"violation_rate/{name}": rate for name, rate in record.violation_rates.items()}
    return {name: value for name, value in named.items() if value is not None}


def require_installed(tool: Tool) -> None:
    """Refuse, before any work, a tool that is not installed.

    Raises
    ------
    MissingExtraError
    """
    _MODULE[tool]()


class Trackers:
    """All the tools of a run as one, opened by the first epoch; the end of the ``with`` block ends the run in each.

    A run that an exception ends is failed there, and killed where that is no error but an interruption.

    Parameters
    ----------
    tools : sequence of Tool
    folder : Path
        Of the run; TensorBoard's event files go into ``tensorboard`` in it.
    config : mapping
        Options of the run; plain values.
    warn : callable, optional
        Is told of a tool that fails in the middle of a run; the run goes on without it.

    Raises
    ------
    MissingExtraError
        If a tool is not installed.
    """

    def __init__(
        self, tools: Sequence[Tool], folder: Path, config: Mapping[str, Any], warn: Warn = lambda text: None
    ) -> None:
        for tool in tools:
            require_installed(tool)
        self._tools, self._folder, self._config = tuple(tools), folder, config
        self._trackers: dict[Tool, Tracker] = {}
        self._silent: set[Tool] = set()
        self._has_begun = False
        self._warn = warn

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close(Ending.of(kind))

    def log(self, record: EpochRecord) -> None:
        """Send the figures of an epoch.

        Raises
        ------
        OutputError
            If a tool cannot be started; only the first call starts them.
        """
        if not self._has_begun:
            self._begin()
        figures = figures_of(record)
        for tool, tracker in self._trackers.items():
            if tool in self._silent:
                continue
            try:
                tracker.log(record.epoch, figures)
            except Exception as error:  # of any kind: a lost server must not end a training of hours
                self._silent.add(tool)
                self._warn(f"{tool} takes no more figures from epoch {record.epoch} on ({_first_line(error)}).")

    def _begin(self) -> None:
        self._has_begun = True
        for tool in self._tools:
            try:
                self._trackers[tool] = _OPEN[tool](self._folder, self._config)
            except Exception as error:
                raise OutputError(
                    f"--{tool} cannot be started ({_first_line(error)}). Put its settings right, or leave --{tool} out."
                ) from error

    def close(self, ending: Ending = Ending.FINISHED) -> None:
        """Say that the run is over, also to a tool that takes no more figures: its run would stay open."""
        for tool, tracker in self._trackers.items():
            try:
                tracker.close(ending)
            except Exception as error:
                if tool not in self._silent:
                    self._warn(f"{tool} could not be closed ({_first_line(error)}).")
        self._trackers.clear()


class _TensorBoard:
    def __init__(self, folder: Path, config: Mapping[str, Any]) -> None:
        self._writer: Any = _summary_writer()(str(folder / "tensorboard"))
        self._writer.add_text("config", "\n".join(f"    {name}: {value}" for name, value in config.items()))

    def log(self, epoch: int, figures: Mapping[str, float]) -> None:
        for name, value in figures.items():
            self._writer.add_scalar(name, value, epoch)
        self._writer.flush()

    def close(self, ending: Ending) -> None:
        self._writer.close()


class _MLflow:
    def __init__(self, folder: Path, config: Mapping[str, Any]) -> None:
        self._module: Any = _mlflow()
        self._module.start_run(run_name=folder.name)
        try:
            self._module.log_params({name: str(value)[:500] for name, value in config.items()})
        except BaseException as error:
            self.close(Ending.of(type(error)))
            raise

    def log(self, epoch: int, figures: Mapping[str, float]) -> None:
        self._module.log_metrics({_mlflow_name(name): value for name, value in figures.items()}, step=epoch)

    def close(self, ending: Ending) -> None:
        self._module.end_run(status=ending.value)


class _WeightsAndBiases:
    def __init__(self, folder: Path, config: Mapping[str, Any]) -> None:
        self._run: Any = _wandb().init(project="embedscope", name=folder.name, dir=str(folder), config=dict(config))

    def log(self, epoch: int, figures: Mapping[str, float]) -> None:
        self._run.log(dict(figures), step=epoch)

    def close(self, ending: Ending) -> None:
        self._run.finish(exit_code=0 if ending is Ending.FINISHED else 1)


def _summary_writer() -> Any:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # tensorboard's own imports warn about one another
            from torch.utils.tensorboard import SummaryWriter
    except ImportError as error:
        raise _missing(Tool.TENSORBOARD) from error
    return SummaryWriter


def _mlflow() -> Any:
    try:
        import mlflow
    except ImportError as error:
        raise _missing(Tool.MLFLOW) from error
    return mlflow


def _wandb() -> Any:
    try:
        import wandb
    except ImportError as error:
        raise _missing(Tool.WANDB) from error
    return wandb


_MODULE: dict[Tool, Callable[[], Any]] = {
    Tool.TENSORBOARD: _summary_writer,
    Tool.MLFLOW: _mlflow,
    Tool.WANDB: _wandb,
}

_OPEN: dict[Tool, Callable[[Path, Mapping[str, Any]], Tracker]] = {
    Tool.TENSORBOARD: _TensorBoard,
    Tool.MLFLOW: _MLflow,
    Tool.WANDB: _WeightsAndBiases,
}


def _first_line(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0].strip()[:200]}" if lines else type(error).__name__


def _missing(tool: Tool) -> MissingExtraError:
    return MissingExtraError(needed_for=f"--{tool}", package=tool.value, extra=tool.value)


def _mlflow_name(name: str) -> str:
    """MLflow admits letters, digits and ``_ - . /`` and blanks: ``MRR@10`` becomes ``MRR_at_10``."""
    spelled = name.replace("@", "_at_")
    return "".join(c if c.isalnum() or c in "_-./ " else "_" for c in spelled)
