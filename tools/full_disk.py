"""Every command on a disk that refuses: one message, exit status 2, nothing half-written; a full cache stops nothing.

``python -m tools.full_disk [COMMAND ...]`` lets the output folder of each command be full (ENOSPC), over its quota
(EDQUOT), broken (EIO) and read-only (EROFS) from several system calls on. One line a command; the exit status is 1
where one ended otherwise.
"""

from __future__ import annotations

import argparse
import errno
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.support.scene import write_rows, write_vectors
from tests.support.tiny_model import write_tiny
from tools.forks import in_child, load_all
from tools.system_calls import Ended, Failure, traced

import embedscope.audit.audit_file
import embedscope.comparison.comparing
import embedscope.output.pictures
import embedscope.scale.sharding
import embedscope.train.fitting
from embedscope.cli.main import main as embedscope

ERRORS = (errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EROFS)


@dataclass(frozen=True, slots=True)
class Command:
    """Words of a command, with ``{scene}`` for what it reads and ``{place}`` for the disk that it writes to."""

    words: str
    before: str = ""  # run on the whole disk
    is_cache: bool = False  # the disk holds the cache alone, so that the command ends as ever
    is_partial: bool = False  # what it writes are several files in turn, each of them whole

    def said(self, scene: Path, place: Path) -> list[str]:
        """The words with the places in them."""
        return [word.format(scene=scene, place=place) for word in self.words.split()]


GIVEN = "--data {scene}/test.json --embeddings {scene}/good.npz --draws 100 --quiet"
READ = "--data {scene}/test.json --pooling mean --device cpu --quiet"
TO = "--output {place}/out"
COMMANDS = {
    "evaluate": Command(f"evaluate {GIVEN} {TO}"),
    "evaluate, overwriting": Command(f"evaluate {GIVEN} {TO}", before="evaluate"),
    "side files": Command(
        f"evaluate {GIVEN} --junit {{place}}/a.xml --summary {{place}}/b.md --export-failures {{place}}/c.json",
        is_partial=True,
    ),
    "visualize": Command(f"visualize {GIVEN} --skip-tsne --skip-umap {TO}"),
    "compare": Command(f"compare {{scene}}/good.npz {{scene}}/bad.npz --draws 100 --skip-maps {READ} {TO}"),
    "report": Command("report {place}/out --quiet", before="evaluate"),
    "shard": Command(f"shard --data {{scene}}/test.json --embeddings {{scene}}/good.npz --quiet {TO}"),
    "audit": Command(f"audit --data {{scene}}/test.json --quiet {TO}"),
    "audit --fix": Command("audit --data {scene}/test.json --fix {place}/fixed.json --quiet", is_partial=True),
    "parity": Command(f"parity {{scene}}/tiny {{scene}}/tiny {READ} --served-pooling mean --no-cache {TO}"),
    "migrate": Command(f"migrate {{scene}}/good.npz {{scene}}/bad.npz --draws 100 {READ} {TO}"),
    "train": Command(
        f"train --base-model {{scene}}/tiny {READ} --no-cache --epochs 1 --d-out 4 --overwrite --output-dir {{place}}",
        is_partial=True,
    ),
    "cache": Command(
        f"evaluate --checkpoint {{scene}}/tiny {READ} --draws 100 --cache-dir {{place}}/cache", is_cache=True
    ),
}


@dataclass(frozen=True, slots=True)
class Found:
    """How often the disk refused, and what went wrong then."""

    n_refused: int
    faults: list[str]


def looked_at(command: Command, scene: Path, n_points: int) -> Found:
    """Run the command on a disk that fails from ``n_points`` of its calls on, in each way."""
    with _disk(scene, command) as place:
        whole = _run(command, scene, place)
        names = _snapshot(place).keys()
    if whole.status != 0 or not whole.calls:
        return Found(0, [f"on a whole disk it ends with {whole.status}: {_said(scene)}"])
    n_calls = len(whole.calls)
    points = sorted({round(i * (n_calls - 1) / max(1, n_points - 1)) for i in range(n_points)})
    faults: list[str] = []
    for error in ERRORS:
        for first in points:
            with _disk(scene, command) as place:
                before = _snapshot(place)
                ended = _run(command, scene, place, Failure(error, first, lasts=error != errno.EIO))
                where = f"{errno.errorcode[error]} from call {first} of {n_calls} ({whole.calls[first]})"
                faults += [f"{where}: {fault}" for fault in _faults(command, ended, scene, place, before, names)]
                again = ended if ended.status == 0 else _run(command, scene, place)
                left = [name for name in _snapshot(place) if ".embedscope-" in name]
                if again.status != 0 or left:
                    faults.append(f"{where}: run again, it ends with {again.status} and leaves {left}: {_said(scene)}")
    return Found(len(points) * len(ERRORS), faults)


def _faults(
    command: Command, ended: Ended, scene: Path, place: Path, before: dict[str, bytes], names: Sequence[str]
) -> Iterator[str]:
    said, after = _said(scene), _snapshot(place)
    if "Traceback" in said or ".embedscope-" in said:
        yield f"it says: {said}"
    if command.is_cache:
        if ended.status != 0 or said.count("embedding cache") > 1:
            yield f"it ends with {ended.status}: {said}"
        return
    if ended.status == 0 and after.keys() >= set(names):
        return  # what failed was the removal of something, or a sync
    lines = [line for line in said.splitlines() if line.startswith("embedscope: ")]
    if ended.status != 2 or len(lines) != 1 or str(place) not in said or "choose another --" not in said:
        yield f"it ends with {ended.status} and says: {said}"
    kept = {name: content for name, content in after.items() if ".embedscope-" not in name}
    if kept != before and not command.is_partial:
        yield f"it changed {sorted(name for name in kept.keys() | before.keys() if kept.get(name) != before.get(name))}"


def _run(command: Command, scene: Path, place: Path, failure: Failure | None = None) -> Ended:
    """Run it in a fork with its messages in ``said``."""

    def action() -> int:
        said = os.open(scene / "said", os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(said, 2)
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        return embedscope(command.said(scene, place))

    return traced(action, place, failure=failure)


@contextmanager
def _disk(scene: Path, command: Command) -> Iterator[Path]:
    place = scene / "disk"
    place.mkdir()
    if command.before:
        _run(COMMANDS[command.before], scene, place)
    try:
        yield place
    finally:
        shutil.rmtree(place)


def _said(scene: Path) -> str:
    return (scene / "said").read_text(encoding="utf-8")


def _snapshot(place: Path) -> dict[str, bytes]:
    files = (path for path in place.rglob("*") if path.is_file())
    return {str(path.relative_to(place)): path.read_bytes() for path in files}


def make_scene(scene: Path) -> None:
    """Rows, vectors of two qualities, and a tiny model."""
    data = write_rows(scene / "test.json")
    write_vectors(scene / "good.npz", data, 0.9)
    write_vectors(scene / "bad.npz", data, 0.2)
    write_tiny(scene / "tiny", 16)


def main() -> int:
    """Look at each command; the exit status is 1 where one ended otherwise than documented."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("commands", nargs="*", help=f"commands (all): {', '.join(COMMANDS)}")
    parser.add_argument("--points", type=int, default=6, help="calls of each command from which the disk fails (6)")
    chosen = parser.parse_args()
    load_all()
    n_faults = 0
    with tempfile.TemporaryDirectory() as scene:
        in_child(lambda: make_scene(Path(scene)))
        for name in chosen.commands or COMMANDS:
            found = looked_at(COMMANDS[name], Path(scene), chosen.points)
            print(f"{name}: {found.n_refused} refusals, {len(found.faults)} faults", flush=True)
            for fault in found.faults[:20]:
                print(f"  {fault[:1000]}")
            n_faults += len(found.faults)
    return int(n_faults > 0)


if __name__ == "__main__":
    sys.exit(main())
