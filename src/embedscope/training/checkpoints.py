"""What training writes and reads again: the original project's files, with what a resumed run needs beside them.

``bgem3_projection_epoch{N}.pt`` and ``_final.pt`` can be resumed: head, optimiser (twice the head) and the best head so
far. ``_best.pt`` is what is served: the head alone. All hold the original's keys ``epoch``, ``model_state_dict``,
``loss`` and ``config``, and ``val_loss``; all are read by the safe loader, which admits tensors and plain values only.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from embedscope.data.run_folder import write_json
from embedscope.encoding.folders import ModelFolder, weight_files
from embedscope.encoding.weights import read_tensors, read_torch_file, require_torch
from embedscope.errors import CheckpointError
from embedscope.findings import EpochRecord, Figure
from embedscope.training.durable import write_durably
from embedscope.training.trainer import Progress, State

if TYPE_CHECKING:
    import torch

STEM = "bgem3_projection"
BEST, FINAL = f"{STEM}_best.pt", f"{STEM}_final.pt"
CONFIG = "config.json"
RESUMABLE = "embedscope"
"""Key of what only a resumed run reads."""


def epoch_file(epoch: int) -> str:
    """Name of the checkpoint of an epoch."""
    return f"{STEM}_epoch{epoch}.pt"


class Checkpointer:
    """Writes the checkpoints of a run into a folder.

    Parameters
    ----------
    folder : Path
    config : mapping
        Options of the run and what it was trained on (``base_model``, ``pooling``, ``max_length``); plain values.
    save_every : int
        Epochs between two checkpoints that can be resumed.
    data_digest : str
        Of the training collection: a resumed run says so where the data is another.
    encoder : ModelFolder, optional
        Write this encoder's weights into every checkpoint too.
    """

    def __init__(
        self,
        folder: Path,
        config: Mapping[str, Any],
        *,
        save_every: int,
        data_digest: str = "",
        encoder: ModelFolder | None = None,
    ) -> None:
        self._folder = folder
        self._config = dict(config)
        self._save_every = save_every
        self._data_digest = data_digest
        self._encoder = {} if encoder is None else encoder_tensors(encoder)
        self._has_begun = False
        self.written: list[str] = []  # names of the files of this run, in the order in which each first appeared

    def after_epoch(self, progress: Progress) -> None:
        """Save what is due after this epoch: of epoch 0, which is not trained, only the configuration.

        The folder is made here, when the first epoch has been measured: what is refused before leaves nothing behind.
        """
        if not self._has_begun:
            self._folder.mkdir(parents=True, exist_ok=True)
            write_json(self._folder / CONFIG, self._config)
            self._has_begun = True
        if progress.epoch == 0:
            return
        if progress.is_best:
            self._save(self._folder / BEST, self._payload(progress.best_head, progress.last))
        if progress.epoch % self._save_every == 0:
            self._save(self._folder / epoch_file(progress.epoch), self._resumable(progress))

    def final(self, progress: Progress) -> None:
        """Save the state at the end of the run."""
        self._save(self._folder / FINAL, self._resumable(progress))

    def best(self, progress: Progress) -> None:
        """Save the best head so far: a run that resumed elsewhere may never have written it here."""
        record = next(record for record in progress.records if record.epoch == progress.best_epoch)
        self._save(self._folder / BEST, self._payload(progress.best_head, record))

    def _payload(self, head: State, record: EpochRecord) -> dict[str, Any]:
        return {
            "epoch": record.epoch,
            "model_state_dict": {**self._encoder, **head},
            "loss": record.train_loss,
            "val_loss": record.valid_loss,
            "config": self._config,
        }

    def _resumable(self, progress: Progress) -> dict[str, Any]:
        return self._payload(progress.head, progress.last) | {
            "optimizer_state_dict": progress.optimizer,
            RESUMABLE: {
                "step": progress.step,
                "best_epoch": progress.best_epoch,
                "best_head": None if progress.is_best else dict(progress.best_head),
                "records": [asdict(record) for record in progress.records],
                "data_digest": self._data_digest,
            },
        }

    def _save(self, path: Path, payload: Mapping[str, Any]) -> None:
        require_torch()
        import torch

        write_durably(path, lambda temporary: torch.save(dict(payload), temporary))
        if path.name not in self.written:
            self.written.append(path.name)


def encoder_tensors(folder: ModelFolder) -> dict[str, torch.Tensor]:
    """The base model's own weights under the names that a whole checkpoint gives them, ``encoder.*``."""
    found: dict[str, torch.Tensor] = {}
    for file in weight_files(folder.transformer or folder.path):
        tensors = read_tensors(file)
        found.update({f"encoder.{name}": tensors[name] for name in tensors})
    return found


def resumable_file(path: Path) -> Path:
    """The checkpoint to resume: ``path`` itself, or the one of the latest epoch in the folder ``path``.

    Raises
    ------
    CheckpointError
        If there is none.
    """
    if not path.is_dir():
        if path.exists():
            return path
        raise CheckpointError(f"There is no checkpoint '{path}' to resume.")
    epochs = {file: int(digits) for file in path.glob(f"{STEM}_epoch*.pt") if (digits := _digits(file)).isdigit()}
    final = path / FINAL
    if final.exists():
        epochs[final] = int(_stored(final).get("epoch", 0))
    if not epochs:
        raise CheckpointError(
            f"'{path}' holds no checkpoint to resume: expected {epoch_file(1)} (or of another epoch) or {FINAL}."
        )
    return max(epochs, key=lambda file: epochs[file])


def _digits(file: Path) -> str:
    return file.stem.removeprefix(f"{STEM}_epoch")


def read_config(path: Path) -> dict[str, Any]:
    """The options that the checkpoint at ``path`` was trained with.

    Raises
    ------
    CheckpointError, UnsafeCheckpointError
        If it is no checkpoint of plain values.
    """
    config = _stored(path).get("config")
    return {str(name): value for name, value in config.items()} if isinstance(config, Mapping) else {}


def read_progress(path: Path) -> tuple[Progress, str]:
    """The state that the checkpoint at ``path`` was saved in, and the digest of its training data.

    Raises
    ------
    CheckpointError, UnsafeCheckpointError
        If it is no checkpoint of plain values, or holds nothing to resume from.
    """
    stored = _stored(path)
    more, optimizer = stored.get(RESUMABLE), stored.get("optimizer_state_dict")
    if not isinstance(more, Mapping) or not isinstance(optimizer, Mapping):
        raise CheckpointError(
            f"'{path}' holds a head but not the state of its optimiser, so a run that went on from it would not be the "
            f"same run. Resume from {epoch_file(2)} (or of another epoch) or {FINAL}, which embedscope train writes."
        )
    try:
        epoch = int(stored["epoch"])
        head = _head_of(stored["model_state_dict"])
        best = more["best_head"]
        progress = Progress(
            epoch=epoch,
            step=int(more["step"]),
            head=head,
            optimizer=dict(optimizer),
            best_epoch=int(more["best_epoch"]),
            best_head=head if best is None else _head_of(best),
            records=[_record(entry) for entry in more["records"]],
        )
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise CheckpointError(
            f"'{path}' does not hold the state of a run as embedscope train writes it ({type(error).__name__}: "
            f"{error}). Resume from another checkpoint."
        ) from error
    return progress, str(more.get("data_digest", ""))


def _stored(path: Path) -> Mapping[str, Any]:
    stored = read_torch_file(path)
    if not isinstance(stored, Mapping):
        raise CheckpointError(f"'{path}' holds a {type(stored).__name__}; expected a checkpoint of embedscope train.")
    return stored


def _head_of(state: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """The head's parameters, independent of the file, which may be replaced while the run goes on."""
    return {name: tensor.clone() for name, tensor in state.items() if name.startswith("head.")}


def _record(entry: Mapping[str, Any]) -> EpochRecord:
    metrics = {name: Figure(**figure) for name, figure in entry["metrics"].items()}
    return EpochRecord(**{**entry, "metrics": metrics})
