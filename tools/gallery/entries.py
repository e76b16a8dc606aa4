"""The reports of the gallery: how each is made, and what it must say."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from tools.gallery.sets import blind_to, questions, write_help_topics, write_rows

from embedscope.cli.demo_command import PACK, packaged_model
from embedscope.cli.main import main as embedscope
from embedscope.data.sample import sample_path
from embedscope.train.checkpoints import BEST, FINAL, epoch_file

EPOCHS = (2, 4, 6, 8, 12, 16, 20, 28, 34, 40)
"""Checkpoints of the training whose timeline is drawn."""

TRAINING = ("--epochs", 40, "--learning-rate", 1e-3, "--hard-neg-against", "query")
N_EXPLAINED = 4
"""Failures whose words are looked at, where a report is about failures: a second or two each."""

N_FEW = 40
"""Questions that are too few to tell."""


class Workshop:
    """A folder in which the commands run; what several entries need is made once. Paths are relative to it."""

    def __init__(self) -> None:
        copy = Path("models") / "all-MiniLM-L6-v2"  # no report shows where packages are installed
        shutil.copytree(packaged_model(), copy)
        self.base = str(copy)
        for name in ("train", "valid", "test"):
            write_rows(self.data(name), json.loads(sample_path(name).read_text(encoding="utf-8")))

    @staticmethod
    def data(name: str) -> Path:
        return Path("data") / f"{name}.json"

    def rows(self, name: str) -> list[dict[str, Any]]:
        return list(json.loads(self.data(name).read_text(encoding="utf-8")))

    def write(self, name: str, rows: Iterable[dict[str, Any]]) -> Path:
        """The file of a set made of others."""
        write_rows(self.data(name), rows)
        return self.data(name)

    def trained(self, name: str, data: Path) -> Path:
        """The folder of the checkpoints of a head over all-MiniLM-L6-v2, trained as the demo trains its own."""
        folder = Path("checkpoints") / name
        options = ("--valid", self.data("valid"), "--base-model", self.base, "--output-dir", folder)
        run("train", "--data", data, *options, *TRAINING)
        return folder

    @cached_property
    def head(self) -> Path:
        """A head trained on the sample."""
        return self.trained("all_types", self.data("train"))


def run(command: str, *words: object) -> None:
    """One command of embedscope, quietly; its failure ends this program."""
    status = embedscope([command, *map(str, words), "--quiet"])
    if status:
        sys.exit(f"embedscope {command} ended with status {status}")


def healthy(work: Workshop, output: Path) -> None:
    data = work.write("questions", questions())
    options = ("--data", data, "--baseline", "bm25", "--explain", 0)
    run("visualize", "--checkpoint", work.base, *options, "--output", output)


def collapsed(work: Workshop, output: Path) -> None:
    """A head of which the bias alone is left, as after far too much weight decay: every text has one direction."""
    import torch

    generator = torch.Generator().manual_seed(0)
    head = {
        "head.linear.weight": 1e-9 * torch.randn(128, 384, generator=generator),
        "head.linear.bias": torch.randn(128, generator=generator),
    }
    torch.save(head, "collapsed.pt")
    data = work.write("questions", questions())
    options = ("--base-model", work.base, "--data", data, "--explain", 0)
    run("visualize", "--checkpoint", "collapsed.pt", *options, "--output", output)


def leaking_test_set(work: Workshop, output: Path) -> None:
    """Half of the test rows are trained on."""
    train = work.write("leaking_train", [*work.rows("train"), *work.rows("test")[::2]])
    options = ("--data", work.data("test"), "--train", train, "--attributes", PACK, "--explain", 0)
    run("visualize", "--checkpoint", work.trained("leaking", train) / FINAL, *options, "--output", output)


def ignores_prices(work: Workshop, output: Path) -> None:
    """Whoever labelled the training rows did not look at prices."""
    head = work.trained("blind_to_prices", work.write("blind_to_prices", blind_to(work.rows("train"), "price")))
    options = ("--data", work.data("test"), "--attributes", PACK, "--explain", N_EXPLAINED)
    run("visualize", "--checkpoint", head / FINAL, *options, "--output", output)


def undecided(work: Workshop, output: Path) -> None:
    """Without maps: those of so few points are not trustworthy."""
    data = work.write("few_questions", questions(N_FEW))
    run("evaluate", "--checkpoint", work.base, "--data", data, "--output", output, "--explain", 0)


def training(work: Workshop, output: Path) -> None:
    checkpoints = [work.head / epoch_file(epoch) for epoch in EPOCHS]
    run("compare", *checkpoints, "--data", work.data("valid"), "--output", output)


def migration(work: Workshop, output: Path) -> None:
    run("migrate", work.base, work.head / BEST, "--data", work.data("test"), "--output", output)


def beir_folder(work: Workshop, output: Path) -> None:
    folder = Path("data") / "python_help"
    write_help_topics(folder)
    options = ("--data", folder, "--baseline", "bm25", "--explain", N_EXPLAINED)
    run("visualize", "--checkpoint", work.base, *options, "--output", output)


@dataclass(frozen=True)
class Entry:
    """A report: ``draw`` writes it into a folder, and it must say all of ``says`` (`tools.gallery.__main__.said`)."""

    draw: Callable[[Workshop, Path], None]
    says: tuple[str, ...]


ENTRIES = {
    "healthy": Entry(healthy, ("verdict: deploy", "better than bm25")),
    "collapsed": Entry(collapsed, ("verdict: retrain", "the space has collapsed")),
    "leaking-test-set": Entry(leaking_test_set, ("verdict: unfit", "stand in the training file")),
    "ignores-prices": Entry(ignores_prices, ("verdict: retrain", "type-ignored: price")),
    "undecided": Entry(undecided, ("verdict: undecided", "more independent queries would decide it")),
    "training": Entry(training, ("verdict: deploy", f"timeline: {len(EPOCHS)} checkpoints", "is better than")),
    "migration": Entry(migration, ("from the vectors of the OLD index",)),
    "beir-folder": Entry(beir_folder, ("verdict: deploy", "better than bm25", "judged: several a query")),
}
