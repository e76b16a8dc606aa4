"""Curves for the tools that people already have open, through the trackers of accelerate."""

from __future__ import annotations

import re
import sys
import warnings
from collections.abc import Callable, Mapping, Sequence
from contextlib import redirect_stdout
from enum import StrEnum
from importlib import import_module
from pathlib import Path
from typing import Any, Self

from embedscope.errors import OutputError, importing
from embedscope.protocols import Warn
from embedscope.result import EpochRecord
from embedscope.train.record import figures_of


class Tool(StrEnum):
    """A tool that curves can be sent to; its name is also that of its package and of the extra that installs it."""

    TENSORBOARD = "tensorboard"
    MLFLOW = "mlflow"
    WANDB = "wandb"
    TRACKIO = "trackio"


def require_installed(tool: Tool) -> None:
    """Refuse, before any work, a tool that is not installed, with ``MissingExtraError``."""
    # transformers prints that W&B is offline when it is imported, and stdout may be JSON.
    more = ["transformers.integrations.integration_utils"] if tool is Tool.WANDB else []
    for package in (tool.value, "accelerate", *more):
        with importing(package, needed_for=f"--{tool}", extra=tool.value), redirect_stdout(sys.stderr):
            import_module(package)


class Trackers:
    """All the tools of a run as one, started by the first epoch; the end of the ``with`` block ends the run in each.

    A run that an exception ends is failed there, and killed where that is no error but an interruption. A tool that
    fails in the middle is reported to ``warn`` once, and the run goes on without it. ``config`` holds the options of
    the run; TensorBoard's event files go into ``tensorboard`` in ``folder``. ``MissingExtraError`` if a tool is absent.
    """

    def __init__(
        self, tools: Sequence[Tool], folder: Path, config: Mapping[str, Any], warn: Warn = lambda text: None
    ) -> None:
        for tool in tools:
            require_installed(tool)
        self._waiting, self._folder, self._config, self._warn = list(tools), folder, config, warn
        self._started: dict[Tool, Any] = {}
        self._silent: set[Tool] = set()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: Any, error: BaseException | None, traceback: Any) -> None:
        status = "FINISHED" if error is None else "FAILED" if isinstance(error, Exception) else "KILLED"
        for tool in list(self._started):
            self._end(tool, status)

    def log(self, record: EpochRecord) -> None:
        """Send the figures of an epoch; ``OutputError`` if a tool cannot be started by the first call."""
        while self._waiting:
            self._start(self._waiting.pop(0))
        figures = figures_of(record)
        for tool in [tool for tool in self._started if tool not in self._silent]:
            try:
                self._started[tool].log(_admitted(figures) if tool is Tool.MLFLOW else figures, step=record.epoch)
            except Exception as error:  # of any kind: a lost server must not end a training of hours
                self._silent.add(tool)
                self._warn(f"{tool} takes no more figures from epoch {record.epoch} on ({_first_line(error)}).")

    def _start(self, tool: Tool) -> None:
        try:
            tracker = _tracker(tool, self._folder)
            # The imports of tensorboard warn about one another; trackio prints, and stdout may be JSON.
            with warnings.catch_warnings(), redirect_stdout(sys.stderr):
                warnings.simplefilter("ignore")
                tracker.start()
            self._started[tool] = tracker
            plain = {name: str(value)[:500] for name, value in self._config.items()}
            if tool is Tool.TRACKIO:
                tracker.tracker.config.update(plain)  # store_init_configuration() adds an option of wandb to them
            else:
                tracker.store_init_configuration(self._config if tool is Tool.WANDB else plain)
        except Exception as error:
            self._end(tool, "FAILED")
            raise OutputError(
                f"--{tool} cannot be started ({_first_line(error)}). Fix its settings, or leave --{tool} out."
            ) from error

    def _end(self, tool: Tool, status: str) -> None:
        tracker = self._started.pop(tool, None)
        if tracker is None:
            return
        try:
            with redirect_stdout(sys.stderr):  # MLflow and trackio print addresses, and stdout may be JSON
                if tool is Tool.MLFLOW:
                    import_module("mlflow").end_run(status=status)  # finish() of the tracker calls every run finished
                elif tool is Tool.WANDB:
                    tracker.tracker.finish(exit_code=status != "FINISHED")
                elif tool is Tool.TRACKIO:
                    import_module("trackio").finish()  # after finish() of the tracker it would be ended again at exit
                else:
                    tracker.finish()
        except Exception as error:
            if tool not in self._silent:
                self._warn(f"{tool} could not be closed ({_first_line(error)}).")


def _tracker(tool: Tool, folder: Path) -> Any:
    from accelerate import PartialState, tracking

    PartialState()  # without it the trackers refuse to write to their own log
    made: dict[Tool, Callable[[], Any]] = {
        Tool.TENSORBOARD: lambda: tracking.TensorBoardTracker("tensorboard", folder),
        Tool.MLFLOW: lambda: tracking.MLflowTracker("embedscope", run_name=folder.name),
        Tool.WANDB: lambda: tracking.WandBTracker("embedscope", name=folder.name, dir=str(folder)),
        Tool.TRACKIO: lambda: tracking.TrackioTracker("embedscope", name=folder.name),
    }
    return made[tool]()


def _admitted(figures: Mapping[str, float]) -> dict[str, float]:
    """By names of letters, digits and ``_ - . /`` and blanks, as MLflow has them: ``MRR@10`` is ``MRR_at_10``."""
    return {re.sub(r"[^\w\-./ ]", "_", name.replace("@", "_at_")): value for name, value in figures.items()}


def _first_line(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0].strip()[:200]}" if lines else type(error).__name__
