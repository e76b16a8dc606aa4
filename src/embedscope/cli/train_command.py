"""``embedscope train``: a projection head on cached base embeddings, its checkpoints and its curves."""

from __future__ import annotations

import json
import time
from pathlib import Path

from embedscope.output.terminal import Terminal
from embedscope.result import TrainingRecord
from embedscope.result.formatting import difference, estimate, number, queries_in_words, sentence
from embedscope.settings import TrainSettings
from embedscope.train.checkpoints import BEST
from embedscope.train.fitting import fit
from embedscope.train.merged_settings import merged
from embedscope.train.selection import is_surely_above, selected_value


def run(settings: TrainSettings, stated: frozenset[str]) -> int:
    """Train, and print how it ended; the exit status. ``stated`` are the settings that the command line names."""
    started = time.perf_counter()
    terminal = Terminal(quiet=settings.quiet, json=settings.json, breaks_silence=True)
    fitted = fit(merged(settings, stated, terminal), terminal)
    _say_outcome(fitted.record, fitted.folder / BEST, terminal)
    terminal.files(fitted.folder, fitted.files)
    terminal.step(f"Done in {time.perf_counter() - started:.1f} s")
    terminal.json(json.dumps(fitted.report, ensure_ascii=False, indent=2, allow_nan=False))
    return 0


def _say_outcome(record: TrainingRecord, best: Path, terminal: Terminal) -> None:
    """Which epoch is the best, what it improved on, and what to do next."""
    chosen = next(epoch for epoch in record.epochs if epoch.epoch == record.best_epoch)
    selected = selected_value(chosen, record.selected_by, has_validation=record.n_valid_queries > 0)
    base = record.base.get(record.selected_by)
    value = number(selected, 3) + ("" if base is None else f"; base model without head {number(base, 3)}")
    terminal.step(f"Stopped: {record.stopped}. Best by {record.selected_by}: epoch {record.best_epoch} ({value})")
    found = record.against_base
    if found is not None:
        terminal.step(
            f"Against the base model: {found.metric} {difference(found, 3)}, "
            f"paired on {queries_in_words(record.n_valid_queries, record.n_valid_effective)} of the validation set, "
            f"which also chose the epoch"
        )
        for size, figure in record.prefixes.items():
            terminal.step(f"  {found.metric} of the first {size} numbers: {estimate(figure, 3)}")
    for note in record.notes:
        terminal.warn(sentence(note) + ".")
    if found is None or is_surely_above(found):  # else the advice is to deploy the base model
        terminal.step(f"Next: embedscope visualize --checkpoint {best} --data YOUR_TEST.json")
