"""Everything that embedscope publishes is the old or the new, whole, wherever its writer is killed.

``python -m tools.kill [KIND ...]`` kills a writer of each kind before every system call that changes a file, and then
reads what is there as embedscope reads it, writes again, and compares. One line a kind; the exit status is 1 where a
kill left anything else. What dies is a fork, so this runs in a process of its own.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import load_file
from tests.support import tiny_run, tiny_training
from tools.forks import in_child, load_all
from tools.system_calls import traced

from embedscope.audit.audit_file import run_audit
from embedscope.data.readers import read_collection
from embedscope.errors import CheckpointError
from embedscope.log import SILENT
from embedscope.models.cache import EmbeddingStore, text_keys
from embedscope.output.page.html import render_run_folder
from embedscope.output.run_files import write_run
from embedscope.output.run_folder import write_text
from embedscope.result.saved_run import read_run
from embedscope.scale.shard_folder import ShardFolder, is_shard_folder
from embedscope.scale.shard_writer import write_shards
from embedscope.settings import Settings
from embedscope.train import train_head
from embedscope.train.checkpoints import RUN_ID, Checkpointer, read_progress, resumable_file
from embedscope.train.export import save_safetensors


@dataclass(frozen=True, slots=True)
class Kind:
    """What is published, and how it is read; ``before`` puts there what stands before."""

    write: Callable[[Path], object]
    read: Callable[[Path], object]
    before: Callable[[Path], object] = lambda folder: None
    is_partial: bool = False  # not one publication but several in turn, each of which may be the last


@dataclass(frozen=True, slots=True)
class Found:
    """Calls that changed files, each with a kill before it, and what was wrong."""

    n_kills: int
    faults: list[str]


def proven(kind: Kind, scene: Path) -> Found:
    """Kill the writer before each of its calls, and hold what is left against what an undisturbed one leaves."""
    with _fresh(scene, kind) as folder:
        before = in_child(lambda: kind.read(folder))
        after = in_child(lambda: _written(kind, folder))
        names = _names(folder)
    faults: list[str] = []
    n, is_killed = 0, True
    while is_killed:
        with _fresh(scene, kind) as folder:
            ended = traced(lambda: kind.write(folder), folder, killed_before=n)
            is_killed = ended.status == -9
            place = f"killed before call {n} ({ended.calls[-1]})" if is_killed else "not killed"
            if ended.status not in (0, -9):
                faults.append(f"{place}: ended with {ended.status}")
            try:
                found, again = in_child(lambda: (kind.read(folder), _written(kind, folder)))
                if found not in (before, after) and not kind.is_partial:
                    faults.append(f"{place}: neither old nor new: {found}")
                if again != after:
                    faults.append(f"{place}: written again, it differs: {again}")
            except RuntimeError as error:
                faults.append(f"{place}: {error}")
            if _names(folder) != names:
                faults.append(f"{place}: left {sorted(_names(folder) ^ names)}")
        n += is_killed
    return Found(n, faults)


def _written(kind: Kind, folder: Path) -> object:
    kind.write(folder)
    return kind.read(folder)


@contextmanager
def _fresh(scene: Path, kind: Kind) -> Iterator[Path]:
    folder = scene / "place"
    folder.mkdir()
    kind.before(folder)
    try:
        yield folder
    finally:
        shutil.rmtree(folder)


def _names(folder: Path) -> set[str]:
    """Every name below a folder; the moment in the name of a cache segment does not count."""
    paths = (str(path.relative_to(folder)) for path in folder.rglob("*"))
    return {"segment" if path.endswith(".vectors") else path for path in paths}


# --- run folders --------------------------------------------------------------------------------------------------

TINY = tiny_run.result()
VALUES = {name: np.ones(4) for name in TINY.metrics}
NEW = replace(TINY, queries=replace(TINY.queries, values=VALUES))
OLD = replace(NEW, seed=NEW.seed + 1)
PICTURE = b"picture" * 100_000  # several writes


def _run_folder(name: str, **more: Any) -> Callable[[Path], object]:
    result = NEW if name == "new" else OLD

    def write(folder: Path) -> object:
        pictures = {"tsne_projection.png": name.encode() + PICTURE}
        return write_run(result, folder / "out", options={}, elapsed_s=0.0, pictures=lambda: pictures, **more)

    return write


def _read_run_folder(folder: Path) -> object:
    out = folder / "out"
    if not out.exists():
        return None
    picture = (out / "tsne_projection.png").read_bytes()[:3].decode()
    notes = out / "notes.txt"
    return read_run(out).seed, picture, len(render_run_folder(out)), notes.exists() and notes.read_text()


def _old_run(folder: Path) -> None:
    _run_folder("old")(folder)
    (folder / "out/notes.txt").write_text("mine", encoding="utf-8")


# --- shards, checkpoints, files, the cache -----------------------------------------------------------------------


def _write_shards(folder: Path) -> None:
    if is_shard_folder(folder / "shards"):
        return  # a second writer is refused
    draw = np.random.default_rng(0)
    rows = draw.standard_normal((40, 8)).astype(np.float32)
    write_shards(folder / "shards", rows[:10], rows, [[i] for i in range(10)], rows_per_shard=15)


def _read_shards(folder: Path) -> object:
    if not (folder / "shards").exists():
        return None
    shards = ShardFolder(folder / "shards")
    sides = [
        b"".join(block.tobytes() for i in range(len(side.shards)) for _, block in side.blocks(i, 64))
        for side in (shards.queries, shards.documents)
    ]
    return [hashlib.sha256(side).hexdigest() for side in sides], shards.judgments().documents.tolist()


OPTIONS = tiny_training.options(epochs=2)
COLLECTION = tiny_training.collection()
DATA, VALIDATOR = tiny_training.data(COLLECTION), tiny_training.validator(COLLECTION, OPTIONS)


def _train(folder: Path) -> None:
    """Train, going on from what an earlier training has left."""
    try:
        resume, _ = read_progress(resumable_file(folder / "heads"))
    except CheckpointError:
        resume = None
    begins = 0 if resume is None else resume.epoch
    checkpointer = Checkpointer(folder / "heads", {RUN_ID: "r"}, save_every=1, begins_after=begins, overwrite=True)
    state, _ = train_head(
        DATA, OPTIONS, validator=VALIDATOR, resume=resume, may_be_over=True, on_epoch=checkpointer.after_epoch
    )
    checkpointer.best(state)
    checkpointer.final(state)


def _read_heads(folder: Path) -> object:
    """Digests of all tensors of every checkpoint."""
    found = {}
    for path in sorted((folder / "heads").glob("*.pt")):
        stored = torch.load(path, weights_only=True)["model_state_dict"]
        found[path.name] = hashlib.sha256(b"".join(t.numpy().tobytes() for t in stored.values())).hexdigest()
    return found


def _exported(folder: Path) -> None:
    save_safetensors(folder / "head.safetensors", {"head.linear.weight": torch.ones(64, 64)}, {"epoch": 1})


ROWS = [{"query": f"query {i}", "pos": f"document {i}", "hard_neg": []} for i in range(6)]


def _repair(folder: Path) -> None:
    settings = Settings.of(data=str(folder / "data.json"))
    run_audit(settings, str(folder / "fixed.json"), SILENT)


def _before_repair(folder: Path) -> None:
    (folder / "data.json").write_text(json.dumps([*ROWS, ROWS[0]]), encoding="utf-8")
    (folder / "fixed.json").write_text(json.dumps(ROWS[:2]), encoding="utf-8")
    (folder / "fixed.changes.json").write_text("[]", encoding="utf-8")


def _read_repaired(folder: Path) -> object:
    """The data are never touched, and a list of changes that is there is that of the repaired file."""
    if len(json.loads((folder / "data.json").read_text())) != len(ROWS) + 1:
        raise ValueError("the data have changed")
    n_rows, changes = len(read_collection(folder / "fixed.json").queries), folder / "fixed.changes.json"
    n_changes = len(json.loads(changes.read_text())) if changes.exists() else None
    if (n_rows, n_changes) not in ((2, 0), (2, None), (6, None), (6, 1)):
        raise ValueError(f"{n_rows} rows, {n_changes} changes")
    return n_rows, n_changes


TEXTS = [f"text {i}" for i in range(40)]
VECTORS = np.random.default_rng(0).standard_normal((40, 64)).astype(np.float32)


def _store(folder: Path) -> None:
    """What `embed` does: add what is not found."""
    store, keys = EmbeddingStore(folder / "cache"), text_keys(TEXTS)
    to_do = np.setdiff1d(np.arange(len(TEXTS)), store.find("encoder", keys, dim=64).rows)
    store.add("encoder", keys[to_do], VECTORS[to_do])


def _many_segments(folder: Path) -> None:
    """As many small segments as are merged by the next."""
    store = EmbeddingStore(folder / "cache")
    for i in range(32):
        store.add("encoder", text_keys(TEXTS[i : i + 1]), VECTORS[i : i + 1])


def _read_store(folder: Path) -> object:
    """How many vectors are found; each is the right one."""
    if not (folder / "cache").exists():
        return 0
    warnings: list[str] = []
    found = EmbeddingStore(folder / "cache", warn=warnings.append).find("encoder", text_keys(TEXTS), dim=64)
    if warnings or not np.array_equal(found.vectors, VECTORS[found.rows]):
        raise ValueError(f"wrong vectors, or {warnings}")
    return len(found.rows)


def _read_safetensors(folder: Path) -> object:
    path = folder / "head.safetensors"
    return {name: tensor.sum().item() for name, tensor in load_file(path).items()} if path.exists() else None


def _content(name: str) -> Callable[[Path], object]:
    return lambda folder: (folder / name).read_bytes() if (folder / name).exists() else None


KINDS = {
    "run folder, new": Kind(_run_folder("new"), _read_run_folder),
    "run folder, overwritten": Kind(_run_folder("new"), _read_run_folder, _old_run),
    "file, new": Kind(lambda folder: write_text(folder / "summary.md", "new" * 9999), _content("summary.md")),
    "file, overwritten": Kind(
        lambda folder: write_text(folder / "summary.md", "new" * 9999),
        _content("summary.md"),
        lambda folder: (folder / "summary.md").write_text("old", encoding="utf-8"),
    ),
    "shard folder": Kind(_write_shards, _read_shards),
    "checkpoints, resumed": Kind(_train, _read_heads, is_partial=True),
    "safetensors": Kind(_exported, _read_safetensors),
    "audit --fix": Kind(_repair, _read_repaired, _before_repair, is_partial=True),
    "cache segment": Kind(_store, _read_store),
    "cache segments, merged": Kind(_store, _read_store, _many_segments, is_partial=True),
}


def main() -> int:
    """Prove each kind; the exit status is 1 where a kill left anything but the old or the new."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("kinds", nargs="*", help=f"kinds (all): {', '.join(KINDS)}")
    chosen = parser.parse_args().kinds or [*KINDS]
    load_all()
    n_faults = 0
    for name in chosen:
        with tempfile.TemporaryDirectory() as scene:
            found = proven(KINDS[name], Path(scene))
        print(f"{name}: {found.n_kills} kills, {len(found.faults)} faults", flush=True)
        for fault in found.faults[:20]:
            print(f"  {fault[:500]}")
        n_faults += len(found.faults)
    return int(n_faults > 0)


if __name__ == "__main__":
    sys.exit(main())
