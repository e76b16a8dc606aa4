"""What training writes and reads again: the original project's files, with what a resumed run needs beside them.

``bgem3_projection_epoch{N}.pt`` and ``_final.pt`` can be resumed: head, optimiser (twice the head) and the best head so
far. ``_best.pt`` is what is served: the head alone. All hold the original's keys ``epoch``, ``model_state_dict``,
``loss`` and ``config``, and ``val_loss``; all are read by the safe loader, which admits tensors and plain values only.

``config`` holds under ``run_id`` a name that one training keeps however often it is resumed: files of two trainings in
one folder are told apart by it.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import KW_ONLY, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from embedscope.errors import CheckpointError, InputError, OutputError
from embedscope.machine import require_torch
from embedscope.models.model_folders import ModelFolder, weight_files
from embedscope.models.weights import read_tensors, read_torch_file
from embedscope.output.run_folder import write_json
from embedscope.plain_files import read_json
from embedscope.publishing import write_whole
from embedscope.result import EpochRecord
from embedscope.result.codec import decode, encode
from embedscope.train.defaults import Mark
from embedscope.train.trainer import Progress, State

if TYPE_CHECKING:
    import torch

STEM = "bgem3_projection"
BEST, FINAL = f"{STEM}_best.pt", f"{STEM}_final.pt"
SERVED = f"{STEM}_best"
"""Folder of the best head as a sentence-transformers model, and the stem of the file that holds it alone."""

CONFIG = "config.json"
RUN_ID = "run_id"
CHOSEN = "chosen"
"""Key of what was chosen by the data (see :mod:`.sweep`); what was chosen stands under the names of its options too."""

RESUMABLE = "embedscope"
"""Key of what only a resumed run reads."""


def epoch_file(epoch: int) -> str:
    """Name of the checkpoint of an epoch."""
    return f"{STEM}_epoch{epoch}.pt"


@dataclass(eq=False)
class Checkpointer:
    """Writes the checkpoints of a run into a folder.

    Parameters
    ----------
    folder : Path
    config : mapping
        Options of the run and what it was trained on (``base_model``, ``pooling``, ``max_length``); plain values.
    save_every : int
        Epochs between two checkpoints that can be resumed.
    inputs : mapping of str to str
        What the run was made from by its digests (see :func:`.resuming.digests_of`): a resumed run
        says what is another.
    begins_after : int
        The epoch that a resumed run goes on from.
    overwrite : bool
        Remove checkpoints of other runs from the folder; without it they are an error.
    encoder : ModelFolder, optional
        Write this encoder's weights into every checkpoint too.
    written : list of str
        Names of the files of this run, in the order in which each first appeared.
    """

    folder: Path
    config: Mapping[str, Any]
    _: KW_ONLY
    save_every: int
    inputs: Mapping[str, str] = field(default_factory=dict)
    begins_after: int = 0
    overwrite: bool = False
    encoder: ModelFolder | None = None
    written: list[str] = field(default_factory=list, init=False)

    def __post_init__(self) -> None:
        self._encoder_tensors = {} if self.encoder is None else encoder_tensors(self.encoder)

    def after_epoch(self, progress: Progress) -> None:
        """Save what is due after this epoch: of epoch 0, which is not trained, only the configuration.

        The folder is made here, and the checkpoints of another run that stand in it are removed (see
        :func:`other_checkpoints`), when the first epoch has been measured: what is refused before changes nothing.
        """
        if not self.written:
            self._begin()
        if progress.epoch == 0:
            return
        if progress.is_best:
            self._save(self.folder / BEST, self._payload(progress.best_head, progress.last))
        if progress.epoch % self.save_every == 0:
            self._save(self.folder / epoch_file(progress.epoch), self._resumable(progress))

    def _begin(self) -> None:
        run_id = str(self.config.get(RUN_ID, ""))
        if not self.overwrite:
            require_unmixed(self.folder, run_id, after=self.begins_after)
        self.folder.mkdir(parents=True, exist_ok=True)
        for path in other_checkpoints(self.folder, run_id, after=self.begins_after):
            _remove(path)
        write_json(self.folder / CONFIG, dict(self.config), option="--output-dir")
        self.written.append(CONFIG)

    def final(self, progress: Progress) -> None:
        """Save the state at the end of the run."""
        self._save(self.folder / FINAL, self._resumable(progress))

    def interrupted(self, progress: Progress) -> Path | None:
        """Save the last epoch of a run that is stopped from outside; where to, None where no epoch is done."""
        if progress.epoch == 0:
            return None
        path = self.folder / epoch_file(progress.epoch)
        if path.name not in self.written:
            self._save(path, self._resumable(progress))
        return path

    def best(self, progress: Progress) -> None:
        """Save the best head so far: a run that resumed elsewhere may never have written it here."""
        if not self.written:
            self._begin()
        record = next(record for record in progress.records if record.epoch == progress.best_epoch)
        self._save(self.folder / BEST, self._payload(progress.best_head, record))

    def _payload(self, head: State, record: EpochRecord) -> dict[str, Any]:
        return {
            "epoch": record.epoch,
            "model_state_dict": {**self._encoder_tensors, **head},
            "loss": record.train_loss,
            "val_loss": record.valid_loss,
            "config": dict(self.config),
        }

    def _resumable(self, progress: Progress) -> dict[str, Any]:
        return self._payload(progress.head, progress.last) | {
            "optimizer_state_dict": progress.optimizer,
            RESUMABLE: {
                "step": progress.step,
                "best_epoch": progress.best_epoch,
                "best_head": None if progress.is_best else dict(progress.best_head),
                "records": encode(progress.records),
                "chosen_from": progress.chosen_from,
                "mark": _stored_mark(progress.mark),
                "inputs": self.inputs,
            },
        }

    def _save(self, path: Path, payload: Mapping[str, Any]) -> None:
        require_torch()
        import torch

        def save(temporary: Path) -> None:
            with temporary.open("wb") as file:  # torch writes the name of a path into what it saves
                torch.save(dict(payload), file)

        write_whole(path, save, option="--output-dir", is_durable=True)
        if path.name not in self.written:
            self.written.append(path.name)


def encoder_tensors(folder: ModelFolder) -> dict[str, torch.Tensor]:
    """The base model's own weights under the names that a whole checkpoint gives them, ``encoder.*``."""
    found: dict[str, torch.Tensor] = {}
    for file in weight_files(folder.transformer or folder.path):
        tensors = read_tensors(file)
        found.update({f"encoder.{name}": tensors[name] for name in tensors})
    return found


def other_checkpoints(folder: Path, run_id: str, *, after: int = 0) -> list[Path]:
    """What stands in ``folder`` and is not of the run ``run_id`` up to epoch ``after``, where the run goes on.

    Checkpoints and exported heads of another run, or of none that is recorded, and epochs of the same run that come
    later: the run leaves them behind. Left standing, each would pass for a part of the run to come.
    """
    files = [*_epoch_files(folder), *(path for name in (BEST, FINAL) if (path := folder / name).is_file())]
    own = [path for path in files if _run_of(path) == run_id]
    later = [path for path in own if path.name != BEST and _epoch_of(path) > after]
    others = [path for path in files if path not in own or path in later]
    # A head in another form is taken to be of the run whose checkpoints stand beside it.
    return others if own else [*others, *_exported(folder)]


def _epoch_files(folder: Path) -> list[Path]:
    return [file for file in sorted(folder.glob(f"{STEM}_epoch*.pt")) if _digits(file).isdigit()]


def _exported(folder: Path) -> list[Path]:
    """Heads in another form; a folder of that name that is not a model is not ours."""
    served = folder / SERVED
    alone = folder / f"{SERVED}.safetensors"
    return [*([alone] if alone.is_file() else []), *([served] if (served / "modules.json").is_file() else [])]


def require_unmixed(folder: Path, run_id: str, *, after: int = 0) -> None:
    """Refuse a folder in which the checkpoints of a run would stand among others (see :func:`other_checkpoints`).

    Raises
    ------
    OutputError
    """
    others = other_checkpoints(folder, run_id, after=after)
    if not others:
        return
    more = f" and {len(others) - 1} more" if len(others) > 1 else ""
    anew = f", or of epochs after epoch {after} that are to be trained again" if after else ""
    raise OutputError(
        f"{folder} holds {others[0].name}{more} of another training{anew}: among the new checkpoints they would pass "
        f"for a part of the new run. Choose another --output-dir, go on with --resume {folder}, or pass --overwrite to "
        f"have them removed when the first epoch is measured."
    )


def _run_of(path: Path) -> str:
    """The run that a checkpoint says it is of; "" where it says none or cannot be read."""
    try:
        return str(read_config(path).get(RUN_ID, ""))
    except InputError:
        return ""


def _remove(path: Path) -> None:
    try:
        shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
    except OSError as error:
        raise OutputError(
            f"{path} is of another run and cannot be removed ({error.strerror or error}). Choose another --output-dir."
        ) from error


def resumable_file(path: Path) -> Path:
    """The checkpoint to resume: ``path`` itself, or the one of the latest epoch in the folder ``path``.

    Where a folder holds checkpoints of several runs, those of the run that ``config.json`` names are looked at, else
    those of the run that wrote last.

    Raises
    ------
    CheckpointError
        If there is none.
    """
    if not path.is_dir():
        if path.exists():
            return path
        raise CheckpointError(f"There is no checkpoint '{path}' to resume.")
    files = _epoch_files(path)
    files += [path / FINAL] if (path / FINAL).exists() else []
    if not files:
        raise CheckpointError(
            f"'{path}' holds no checkpoint to resume: expected {epoch_file(1)} (or of another epoch) or {FINAL}."
        )
    runs = {file: _run_of(file) for file in files}
    named = _named_run(path / CONFIG)
    latest = named if named in runs.values() else runs[max(files, key=lambda file: file.stat().st_mtime_ns)]
    return max((file for file in files if runs[file] == latest), key=_epoch_of)


def _named_run(path: Path) -> str | None:
    try:
        config = read_json(path)
    except (OSError, ValueError):
        return None
    return str(config[RUN_ID]) if isinstance(config, dict) and RUN_ID in config else None


def _epoch_of(file: Path) -> int:
    return int(_stored(file).get("epoch", 0)) if file.name == FINAL else int(_digits(file))


def _digits(file: Path) -> str:
    return file.stem.removeprefix(f"{STEM}_epoch")


def read_config(path: Path) -> dict[str, Any]:
    """The options that the checkpoint at ``path`` was trained with.

    Raises
    ------
    CheckpointError, UnsafeCheckpointError
        If it is not a checkpoint of plain values.
    """
    config = _stored(path).get("config")
    return {str(name): value for name, value in config.items()} if isinstance(config, Mapping) else {}


def read_progress(path: Path) -> tuple[Progress, dict[str, str]]:
    """The state that the checkpoint at ``path`` was saved in, and the digests of what the run was made from.

    Raises
    ------
    CheckpointError, UnsafeCheckpointError
        If it is not a checkpoint of plain values, or holds nothing to resume from.
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
            records=[decode(EpochRecord, entry) for entry in more["records"]],
            chosen_from=int(more.get("chosen_from", 1)),
            mark=_mark_of(more.get("mark")),
        )
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise CheckpointError(
            f"'{path}' does not hold the state of a run as embedscope train writes it ({type(error).__name__}: "
            f"{error}). Resume from another checkpoint."
        ) from error
    return progress, {str(name): str(value) for name, value in dict(more.get("inputs", {})).items()}


def _stored_mark(mark: Mark | None) -> dict[str, Any] | None:
    import torch

    if mark is None:
        return None
    return {"epoch": mark.epoch, "select": mark.select, "values": torch.from_numpy(mark.values)}


def _mark_of(stored: Mapping[str, Any] | None) -> Mark | None:
    return None if stored is None else Mark(int(stored["epoch"]), str(stored["select"]), stored["values"].numpy())


def _stored(path: Path) -> Mapping[str, Any]:
    stored = read_torch_file(path)
    if not isinstance(stored, Mapping):
        raise CheckpointError(f"'{path}' holds a {type(stored).__name__}; expected a checkpoint of embedscope train.")
    return stored


def _head_of(state: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """The head's parameters, independent of the file, which may be replaced while the run goes on."""
    return {name: tensor.clone() for name, tensor in state.items() if name.startswith("head.")}
